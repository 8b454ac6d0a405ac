//! Held sources: one request, asked for a token again and again.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use entra_adapter::{HeldToken, Slot};
use entra_proto::{AccessToken, Error, Plan};

use crate::client::EntraClient;

/// Tokens for one request of one [`EntraClient`], made by [`EntraClient::source`]. Cheap to clone; all clones hold the same token.
#[derive(Clone)]
pub struct HeldSource(Arc<Inner>);

struct Inner {
    client: EntraClient,
    plan: Plan,
    /// None where the core says that every token has to be asked for.
    slot: Option<Arc<Slot>>,
}

impl HeldSource {
    pub(crate) fn new(client: EntraClient, plan: Plan) -> Self {
        let slot = plan.held_under().map(|key| client.slots().add(key));
        Self(Arc::new(Inner { client, plan, slot }))
    }

    /// The token that is held, as long as it serves, needs no renewal and is the latest: no lock, no allocation, no look-up, and no
    /// step that an observer would be told of. Else as [`remembered`](Self::remembered).
    ///
    /// Nothing is held for a request that bypasses the cache, as with a claims challenge, nor for a bound token whose certificate a
    /// provider names: it is asked every time, so that a new certificate gets a new token.
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    #[inline]
    pub fn token(&self) -> impl Future<Output = Result<HeldToken, Error>> + Send + Unpin + '_ {
        Token {
            source: self,
            fetched: None,
        }
    }

    #[inline]
    fn held(&self) -> Option<HeldToken> {
        let slot = self.0.slot.as_ref()?;
        slot.current(self.0.client.about_now())
    }

    async fn fetch(&self) -> Result<HeldToken, Error> {
        let Some(slot) = &self.0.slot else {
            return Ok(Arc::new(self.remembered().await?).into());
        };
        let saved = slot.saved();
        Ok(slot.hold(self.remembered().await?, saved))
    }

    /// A token from the client's memory, from whoever is fetching the same right now, or from Entra: what
    /// [`EntraClient::token`] does, without working out anew what the request needs.
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    #[inline]
    pub async fn remembered(&self) -> Result<AccessToken, Error> {
        self.0.client.token_for(&self.0.plan).await
    }
}

/// What [`HeldSource::token`] is awaited as: written out, so that a token which is held is handed out where it is awaited.
struct Token<'a> {
    source: &'a HeldSource,
    /// Once none was held.
    fetched: Option<Fetched<'a>>,
}

type Fetched<'a> = Pin<Box<dyn Future<Output = Result<HeldToken, Error>> + Send + 'a>>;

impl Future for Token<'_> {
    type Output = Result<HeldToken, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.fetched.is_none()
            && let Some(token) = self.source.held()
        {
            return Poll::Ready(Ok(token));
        }
        self.fetch(context)
    }
}

impl Token<'_> {
    #[cold]
    fn fetch(&mut self, context: &mut Context<'_>) -> Poll<Result<HeldToken, Error>> {
        let source = self.source;
        let fetched = self.fetched.get_or_insert_with(|| Box::pin(source.fetch()));
        fetched.as_mut().poll(context)
    }
}

impl fmt::Debug for HeldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldSource").field(&self.0.plan).finish()
    }
}
