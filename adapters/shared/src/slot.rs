//! A slot for one token that is asked for before every call: handing it out is a load and a comparison of times, without a lock, an
//! allocation or a look-up.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use arc_swap::{ArcSwap, Guard};
use entra_proto::{AccessToken, Now};

/// Holds the latest token of one request.
#[derive(Default)]
pub struct Slot(OnceLock<ArcSwap<AccessToken>>);

/// A token as a [`Slot`] holds it. It stays what it is, whatever the slot holds later: use it for one call, and ask again for the
/// next.
///
/// [`AccessToken::expires_in`] counts from when the token came into the slot; [`AccessToken::expires_at`] always holds.
pub struct HeldToken(Guard<Arc<AccessToken>>);

impl Slot {
    /// The token, as long as the core says that it serves as it is.
    #[must_use]
    pub fn current(&self, now: Now) -> Option<HeldToken> {
        let held = self.0.get()?.load();
        held.serves(now).then_some(HeldToken(held))
    }

    /// Puts a token in the place of the one before.
    pub fn hold(&self, token: AccessToken) -> HeldToken {
        let token = Arc::new(token);
        self.0
            .get_or_init(|| ArcSwap::new(Arc::clone(&token)))
            .store(Arc::clone(&token));
        HeldToken(Guard::from_inner(token))
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
            .field(&self.0.get().map(ArcSwap::load))
            .finish()
    }
}
