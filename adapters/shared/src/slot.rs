//! Slots for tokens that are asked for before every call: handing one out is a load and a comparison of times, without a lock, an
//! allocation or a look-up.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use entra_proto::{AccessToken, Now, PartitionKey};

/// Knows the latest token of one request, and tells those who hold one whether it still is. [`Slots`] has an example with one.
#[derive(Default)]
pub struct Slot {
    /// Whether a token may be held at all.
    holds: bool,
    /// How often something was saved that may take the token's place.
    saved: AtomicU64,
    /// For whoever holds none that serves. Locked by whoever changes the slot.
    latest: Mutex<Option<HeldToken>>,
}

/// A token of a [`Slot`], as one of those who ask for it holds it. It stays what it is, whatever is saved later:
/// [`is_current`](Slot::is_current) says whether it may be used for another call. Clones share it.
///
/// [`AccessToken::expires_in`] counts from when the token came into the slot; [`AccessToken::expires_at`] always holds.
#[derive(Clone)]
pub struct HeldToken {
    token: Arc<AccessToken>,
    until: Now,
    /// How often something had been saved when it was asked for.
    saved: u64,
}

impl Slot {
    /// Whether a token is the latest, and the core says that it serves as it is.
    #[must_use]
    #[inline]
    pub fn is_current(&self, held: &HeldToken, now: Now) -> bool {
        held.saved == self.saved() && now.precedes(held.until)
    }

    /// The token that another holder asked for, if it is current.
    #[must_use]
    pub fn latest(&self, now: Now) -> Option<HeldToken> {
        let latest = self.lock();
        latest
            .as_ref()
            .filter(|held| self.is_current(held, now))
            .cloned()
    }

    /// How often something was saved that may take the token's place: to be read before the token for
    /// [`hold`](Self::hold) is asked for.
    #[must_use]
    #[inline]
    pub fn saved(&self) -> u64 {
        self.saved.load(Ordering::Acquire)
    }

    /// Takes in a token, for all who ask. It is not current if something was saved since it was asked for, since then the memory may
    /// know a later one; nor where none may be held.
    pub fn hold(&self, token: AccessToken, saved: u64) -> HeldToken {
        let until = if self.holds {
            token.serves_until()
        } else {
            Now::from_nanos(0, 0)
        };
        let token = Arc::new(token);
        let held = HeldToken {
            token,
            until,
            saved,
        };
        let mut latest = self.lock();
        if self.holds && self.saved() == saved {
            *latest = Some(held.clone());
        }
        held
    }

    fn let_go(&self) {
        let mut latest = self.lock();
        self.saved.fetch_add(1, Ordering::Release);
        *latest = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<HeldToken>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The slots of a client, by where their tokens are remembered. What is saved there empties them.
///
/// ```
/// use entra_adapter::{Clock, Slots};
/// use entra_proto::*;
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let slots = Slots::default();
/// let slot = slots.add(plan.held_under());
/// assert!(slot.latest(Clock::start().about_now()).is_none());
/// // Between these two the token is asked for: had anything been saved meanwhile, it would not be current.
/// let saved = slot.saved();
/// # let fetched = |_: &Plan| -> Option<AccessToken> { None };
/// if let Some(token) = fetched(&plan) {
///     slot.hold(token, saved);
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Default)]
pub struct Slots(Mutex<Places>);

#[derive(Default)]
struct Places {
    slots: HashMap<PartitionKey, Vec<Weak<Slot>>>,
    /// With so many keys, those that nobody holds a slot of any more are let go of.
    room: usize,
}

impl Slots {
    /// A slot for tokens that are remembered under this key; without one, a slot whose tokens are never current.
    #[must_use]
    pub fn add(&self, key: Option<&PartitionKey>) -> Arc<Slot> {
        let slot = Arc::new(Slot {
            holds: key.is_some(),
            ..Slot::default()
        });
        if let Some(key) = key {
            self.lock().add(key, &slot);
        }
        slot
    }

    /// Something was saved under this key.
    pub fn let_go(&self, key: &PartitionKey) {
        if let Some(slots) = self.lock().slots.get(key) {
            slots
                .iter()
                .filter_map(Weak::upgrade)
                .for_each(|slot| slot.let_go());
        }
    }

    /// Something was saved, nobody knows where.
    pub fn let_all_go(&self) {
        for slot in self.lock().slots.values().flatten() {
            slot.upgrade().iter().for_each(|slot| slot.let_go());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn add(&mut self, key: &PartitionKey, slot: &Arc<Slot>) {
        if self.slots.len() >= self.room {
            self.slots.retain(|_, slots| any_held(slots));
            self.room = self.slots.len().saturating_mul(2).max(16);
        }
        let slots = self.slots.entry(key.clone()).or_default();
        any_held(slots);
        slots.push(Arc::downgrade(slot));
    }
}

/// Forgets those that nobody holds any more.
fn any_held(slots: &mut Vec<Weak<Slot>>) -> bool {
    slots.retain(|slot| slot.strong_count() > 0);
    !slots.is_empty()
}

impl Deref for HeldToken {
    type Target = AccessToken;

    #[inline]
    fn deref(&self) -> &AccessToken {
        &self.token
    }
}

impl fmt::Debug for HeldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot").field(&*self.lock()).finish()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("keys", &self.lock().slots.len())
            .finish()
    }
}
