//! Slots for tokens that are asked for before every call: handing one out is a load and a comparison of times, without a lock, an
//! allocation or a look-up.

use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use arc_swap::{ArcSwap, Guard};
use entra_proto::{AccessToken, Now, PartitionKey};

/// Holds the latest token of one request. [`Slots`] has an example with one.
#[derive(Default)]
pub struct Slot {
    token: OnceLock<ArcSwap<AccessToken>>,
    /// Whether nothing was saved since that may take its place.
    is_latest: AtomicBool,
    /// How often something was. Locked by whoever changes the slot.
    saved: Mutex<u64>,
}

/// A token as a [`Slot`] holds it. It stays what it is, whatever the slot holds later: use it for one call, and ask again for the
/// next.
///
/// [`AccessToken::expires_in`] counts from when the token came into the slot; [`AccessToken::expires_at`] always holds.
pub struct HeldToken(Guard<Arc<AccessToken>>);

impl Slot {
    /// The token, as long as the core says that it serves as it is.
    #[must_use]
    #[inline]
    pub fn current(&self, now: Now) -> Option<HeldToken> {
        if !self.is_latest.load(Ordering::Acquire) {
            return None;
        }
        let held = self.token.get()?.load();
        held.serves(now).then_some(HeldToken(held))
    }

    /// How often something was saved that may take the token's place: to be read before the token for
    /// [`hold`](Self::hold) is asked for.
    #[must_use]
    pub fn saved(&self) -> u64 {
        *self.lock()
    }

    /// Puts a token in the place of the one before, unless something was saved since it was asked for: then the memory may know a
    /// later one.
    pub fn hold(&self, token: AccessToken, saved: u64) -> HeldToken {
        let token = Arc::new(token);
        let now = self.lock();
        if *now == saved {
            self.token
                .get_or_init(|| ArcSwap::new(Arc::clone(&token)))
                .store(Arc::clone(&token));
            self.is_latest.store(true, Ordering::Release);
        }
        HeldToken::from(token)
    }

    fn let_go(&self) {
        let mut saved = self.lock();
        *saved = saved.wrapping_add(1);
        self.is_latest.store(false, Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, u64> {
        self.saved.lock().unwrap_or_else(PoisonError::into_inner)
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
/// let slot = slots.add(plan.held_under().expect("it may be held"));
/// assert!(slot.current(Clock::start().about_now()).is_none());
/// // Between these two the token is asked for: had anything been saved meanwhile, it would not be held.
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
    /// A slot for tokens that are remembered under this key.
    #[must_use]
    pub fn add(&self, key: &PartitionKey) -> Arc<Slot> {
        let slot = Arc::default();
        let mut places = self.lock();
        if places.slots.len() >= places.room {
            places.slots.retain(|_, slots| any_held(slots));
            places.room = places.slots.len().saturating_mul(2).max(16);
        }
        let slots = places.slots.entry(key.clone()).or_default();
        any_held(slots);
        slots.push(Arc::downgrade(&slot));
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

/// Forgets those that nobody holds any more.
fn any_held(slots: &mut Vec<Weak<Slot>>) -> bool {
    slots.retain(|slot| slot.strong_count() > 0);
    !slots.is_empty()
}

impl From<Arc<AccessToken>> for HeldToken {
    fn from(token: Arc<AccessToken>) -> Self {
        Self(Guard::from_inner(token))
    }
}

impl Deref for HeldToken {
    type Target = AccessToken;

    fn deref(&self) -> &AccessToken {
        &self.0
    }
}

impl fmt::Debug for HeldToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Slot")
            .field(&self.token.get().map(ArcSwap::load))
            .finish()
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("keys", &self.lock().slots.len())
            .finish()
    }
}
