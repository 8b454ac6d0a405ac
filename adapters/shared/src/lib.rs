//! What the adapters of `entra-proto` share, written once: identities and their signatures, TLS for each certificate, turns,
//! the clock and the seed. Nothing here decides anything about Entra, and nothing here opens a connection.
//!
//! Whoever gets tokens wants `entra-tokio` or `entra-blocking`. Whoever writes another adapter begins here: a [`State`] for each client,
//! and a loop that answers each step with what is in it. Here for one that has no network yet, and clients with a secret alone:
//!
//! ```
//! use std::sync::mpsc::{SyncSender, sync_channel};
//!
//! use entra_adapter::spans::{self, Exchanging};
//! use entra_adapter::{Allowance, Handed, Settings, State, Taken, Wake, describe, seed};
//! use entra_proto::*;
//!
//! /// How a thread is woken that waits for its turn.
//! struct Waker(SyncSender<Handed<Self>>);
//!
//! impl Wake for Waker {
//!     fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
//!         self.0.send(handed).map_err(|gone| gone.0)
//!     }
//! }
//!
//! fn token(state: &State<Waker>, request: &TokenRequest) -> Result<AccessToken, Error> {
//!     let client = &state.settings().client;
//!     if let Some(token) = state.hit(request.look(client)) {
//!         return Ok(token);
//!     }
//!     let plan = request.clone().plan(client)?;
//!     if let Some(token) = state.hit(plan.look()) {
//!         return Ok(token);
//!     }
//!     let span = spans::of_flow(client, &plan);
//!     let result = span.in_scope(|| run(state, plan));
//!     spans::ended(&span, &result);
//!     state.measured(result)
//! }
//!
//! fn run(state: &State<Waker>, plan: Plan) -> Result<AccessToken, Error> {
//!     let now = || state.clock().now();
//!     // Dropped with the flow, so that a turn never stays behind.
//!     let mut turns = Vec::new();
//!     let began = now();
//!     let mut step = plan.start(seed(began).map_err(|_| Error::no_randomness())?, began);
//!     loop {
//!         state.observe(|| describe(&step));
//!         let span = spans::of_step(&step);
//!         step = match step {
//!             Step::LoadCache(load) => {
//!                 let found = state.memory().load(&load);
//!                 load.resume(Ok(found), now())
//!             }
//!             Step::TakeTurn(take) => {
//!                 let channel = || {
//!                     let (sender, receiver) = sync_channel(1);
//!                     (Waker(sender), receiver)
//!                 };
//!                 let (turn, held) = match state.turns().take(take.key(), channel) {
//!                     Taken::Mine(held) => (Turn::Mine, Some(held)),
//!                     Taken::Wait(receiver) => match spans::of_waiting().in_scope(|| receiver.recv()) {
//!                         Ok(handed) => handed.into_turn(),
//!                         Err(_) => (Turn::Failed(Error::cancelled()), None),
//!                     },
//!                 };
//!                 turns.extend(held);
//!                 take.resume(turn, now())
//!             }
//!             Step::SendRequest(send) => {
//!                 let allowed = state.allowance(send.deadline(), send.max_response());
//!                 let exchange = Exchanging::begin(send.request(), send.transport());
//!                 let answer = exchange.span().in_scope(|| exchanged(send.request(), allowed));
//!                 state.answered(exchange, &answer);
//!                 send.resume(answer, now())
//!             }
//!             Step::Pause(pause) => {
//!                 span.in_scope(|| std::thread::sleep(state.clock().until(pause.until())));
//!                 pause.resume(now())
//!             }
//!             Step::SaveCache(save) => {
//!                 state.save(&save, now());
//!                 if save.ends_turn() {
//!                     turns.pop();
//!                 }
//!                 save.resume(Ok(()), now())
//!             }
//!             Step::Done(done) => {
//!                 if let Err(error) = done.result() {
//!                     turns.drain(..).rev().for_each(|held| held.fail(error));
//!                 }
//!                 return done.into_result();
//!             }
//!             other => panic!("no client with a secret needs this: {}", describe(&other)),
//!         };
//!     }
//! }
//!
//! /// Where the requests would go out.
//! fn exchanged(_: &http::Request<Body>, allowed: Allowance) -> Result<http::Response<Body>, Failure> {
//!     let body = br#"{"token_type":"Bearer","access_token":"T1","expires_in":3599}"#;
//!     if body.len() > allowed.bytes {
//!         return Err(Failure::new(FailureKind::TooLarge));
//!     }
//!     Ok(http::Response::new(Body::from(body.to_vec())))
//! }
//!
//! let credential = Credential::secret(Secret::new("from a vault"));
//! let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
//! let state = State::new(Settings::new(client), false, false)?;
//! let request = TokenRequest::for_app(["https://vault.azure.net/.default"]);
//! assert_eq!(token(&state, &request)?.source(), TokenSource::Network);
//! assert_eq!(token(&state, &request)?.source(), TokenSource::Cache);
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod build;
mod clock;
mod failure;
mod identities;
mod identity;
mod metrics;
mod network;
mod observe;
mod parts;
mod provided;
mod renewals;
mod resource;
mod seed;
mod slot;
pub mod spans;
mod state;
mod sync;
#[cfg(test)]
mod tests;
mod tls;
mod turns;

pub use build::BuildError;
pub use clock::{Clock, read_environment};
pub use failure::{Unconnected, contradicts_itself, failure, find, missing};
pub use identities::Identities;
pub use identity::{ClientIdentity, IdentityError};
pub use metrics::{Exchange, Metrics};
pub use network::{Network, NetworkError, Resolve};
pub use observe::{Event, Observer, describe};
pub use parts::Parts;
pub use provided::{
    AssertionSource, CertificateSource, ProvidedAssertion, ProviderError, first_leg,
    provider_failure,
};
pub use renewals::Renewal;
pub use resource::{Audience, ResourceError, authorize, challenged, question};
pub use seed::seed;
pub use slot::{HeldToken, Slot, Slots};
pub use state::{Allowance, Settings, State};
pub use tls::{CertificateWatch, NotPresented, Tls};
pub use turns::{Handed, Held, Taken, Turns, Wake};
