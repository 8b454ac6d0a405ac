//! Sources: one request, asked for a token again and again.

use std::fmt;
use std::sync::Arc;

use entra_adapter::{HeldToken, Slot};
use entra_proto::{AccessToken, Error, Plan};

use crate::client::EntraClient;

/// Tokens for one request of one [`EntraClient`], made by [`EntraClient::source`]. Cheap to clone; all clones hold the same token.
#[derive(Clone)]
pub struct Source(Arc<Held>);

struct Held {
    client: EntraClient,
    plan: Plan,
    slot: Slot,
}

impl Source {
    pub(crate) fn new(client: EntraClient, plan: Plan) -> Self {
        Self(Arc::new(Held {
            client,
            plan,
            slot: Slot::default(),
        }))
    }

    /// The token that is held, as long as it serves and needs no renewal: no lock, no allocation, no look-up. Else as
    /// [`remembered`](Self::remembered).
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    pub fn token(&self) -> Result<HeldToken, Error> {
        match self.0.slot.current(self.0.client.about_now()) {
            Some(token) => Ok(token),
            None => Ok(self.0.slot.hold(self.remembered()?)),
        }
    }

    /// A token from the client's memory, from whoever is fetching the same right now, or from Entra: what
    /// [`EntraClient::token`] does, without working out anew what the request needs.
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    pub fn remembered(&self) -> Result<AccessToken, Error> {
        self.0.client.token_for(&self.0.plan)
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.0.plan).finish()
    }
}
