//! Held sources: one request, asked for a token again and again.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use entra_adapter::{HeldToken, Slot};
use entra_proto::{AccessToken, Error, Plan};

use crate::client::EntraClient;

/// Tokens for one request of one [`EntraClient`], made by [`EntraClient::source`]. Cheap to clone: each task asks its own, and a token
/// that one of them got is there for all.
#[derive(Clone)]
pub struct HeldSource {
    client: EntraClient,
    plan: Plan,
    slot: Arc<Slot>,
    held: Option<HeldToken>,
}

impl HeldSource {
    pub(crate) fn new(client: EntraClient, plan: Plan) -> Self {
        let slot = client.slots().add(plan.held_under());
        Self {
            client,
            plan,
            slot,
            held: None,
        }
    }

    /// The token that is held, as long as it serves, needs no renewal and is the latest: no lock, no allocation, no look-up, and no
    /// step that an observer would be told of. Else one that a clone of this source has, and else as [`remembered`](Self::remembered).
    ///
    /// Use it for one call, and ask again for the next. Nothing is held for a request that bypasses the cache, as with a claims
    /// challenge, nor for a bound token whose certificate a provider names: it is asked every time, so that a new certificate gets a
    /// new token.
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    #[inline]
    pub fn token(
        &mut self,
    ) -> impl Future<Output = Result<&AccessToken, Error>> + Send + Unpin + '_ {
        Token::Asked(self)
    }

    /// Of a token that is no longer current.
    #[inline]
    fn let_go(&mut self) {
        let now = self.client.about_now();
        drop(self.held.take_if(|held| !self.slot.is_current(held, now)));
    }

    async fn fetch(&mut self) -> Result<&AccessToken, Error> {
        let held = match self.slot.latest(self.client.about_now()) {
            Some(latest) => latest,
            None => {
                let saved = self.slot.saved();
                self.slot.hold(self.remembered().await?, saved)
            }
        };
        Ok(self.held.insert(held))
    }

    /// A token from the client's memory, from whoever is fetching the same right now, or from Entra: what
    /// [`EntraClient::token`] does, without working out anew what the request needs.
    ///
    /// # Errors
    /// As for [`EntraClient::token`].
    #[inline]
    pub fn remembered(&self) -> impl Future<Output = Result<AccessToken, Error>> + Send + '_ {
        self.client.token_for(&self.plan)
    }
}

/// What [`HeldSource::token`] is awaited as: written out, so that a token which is held is handed out where it is awaited.
enum Token<'a> {
    Asked(&'a mut HeldSource),
    /// None was held.
    Fetched(Fetched<'a>),
    /// Whoever polls on waits for ever, as nothing here may panic.
    Over,
}

type Fetched<'a> = Pin<Box<dyn Future<Output = Result<&'a AccessToken, Error>> + Send + 'a>>;

impl<'a> Future for Token<'a> {
    type Output = Result<&'a AccessToken, Error>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match mem::replace(&mut *self, Token::Over) {
            Token::Asked(source) => {
                source.let_go();
                match source.held {
                    Some(ref held) => Poll::Ready(Ok(held)),
                    None => self.fetch(Box::pin(source.fetch()), context),
                }
            }
            Token::Fetched(fetched) => self.fetch(fetched, context),
            Token::Over => Poll::Pending,
        }
    }
}

impl<'a> Token<'a> {
    #[cold]
    fn fetch(
        &mut self,
        mut fetched: Fetched<'a>,
        context: &mut Context<'_>,
    ) -> Poll<Result<&'a AccessToken, Error>> {
        let polled = fetched.as_mut().poll(context);
        if polled.is_pending() {
            *self = Token::Fetched(fetched);
        }
        polled
    }
}

impl fmt::Debug for HeldSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HeldSource").field(&self.plan).finish()
    }
}
