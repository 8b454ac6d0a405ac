//! Microsoft Entra access tokens for confidential clients whose credential is bound to a certificate: a **sans-IO** core.
//!
//! The core decides; drivers do. It opens no socket, reads no clock, file or environment variable, rolls no dice and waits for
//! nobody. It says what has to happen next ("send this request over mutual TLS with this certificate"), takes the answer, and
//! says what has to happen after that.
//!
//! ```text
//! Client ───────┐
//!               ├─ plan() ─▶ Plan ─ start(seed, now) ─▶ Step ─▶ effect ─▶ resume(answer, now) ─▶ Step … Done
//! TokenRequest ─┘            decision                   action  (driver)        answer          cache, result
//! ```
//!
//! A [`Step`] is an owned question. Answering it consumes it and returns the next one, so that answering twice, answering
//! another question or forgetting the time does not compile. A driver is one loop over one `match`, here with every step:
//!
//! ```
//! use entra_proto::*;
//! # struct Driver { memory: Memory }
//! # impl Driver {
//! #     fn now(&self) -> Now { Now::new(std::time::Duration::from_secs(1_798_761_600), std::time::Duration::ZERO) }
//! #     fn wait_for(&self, _: &FlightKey) -> Turn { Turn::Mine }
//! #     fn ask(&self, _: &ProviderContext) -> Result<ClientAssertion, Failure> { Err(Failure::new(FailureKind::Provider)) }
//! #     fn certificate(&self, _: &ProviderContext) -> Result<Option<CertificateChain>, Failure> { Ok(None) }
//! #     fn sign(&self, _: &SigningInput) -> Result<Signature, Failure> { Err(Failure::new(FailureKind::Provider)) }
//! #     fn send(&self, _: &http::Request<Body>, _: &Transport) -> Result<http::Response<Body>, Failure> {
//! #         let token = r#"{"token_type":"Bearer","access_token":"T1","expires_in":3599}"#;
//! #         Ok(http::Response::new(Body::from(token.as_bytes().to_vec())))
//! #     }
//! #     fn sleep_until(&self, _: std::time::Duration) {}
//! fn run(&mut self, plan: Plan, seed: Seed) -> Result<AccessToken, Error> {
//!     let mut step = plan.start(seed, self.now());
//!     loop {
//!         step = match step {
//!             Step::LoadCache(load) => { let found = self.memory.load(&load); load.resume(Ok(found), self.now()) }
//!             Step::TakeTurn(take) => { let turn = self.wait_for(take.key()); take.resume(turn, self.now()) }
//!             Step::DiscoverRegion(ask) => { let a = self.send(ask.request(), &Transport::Plain); ask.resume(a, self.now()) }
//!             Step::DiscoverInstance(ask) => { let a = self.send(ask.request(), ask.transport()); ask.resume(a, self.now()) }
//!             Step::ObtainAssertion(ask) => { let a = self.ask(ask.asked_for()); ask.resume(a, self.now()) }
//!             Step::ObtainCertificate(ask) => { let a = self.certificate(ask.asked_for()); ask.resume(a, self.now()) }
//!             Step::SignAssertion(sign) => { let a = self.sign(sign.input()); sign.resume(a, self.now()) }
//!             Step::SendRequest(send) => { let a = self.send(send.request(), send.transport()); send.resume(a, self.now()) }
//!             Step::Pause(pause) => { self.sleep_until(pause.until()); pause.resume(self.now()) }
//!             Step::SaveCache(save) => {
//!                 self.memory.save(save.key(), save.update(), self.now());
//!                 save.resume(Ok(()), self.now())
//!             }
//!             Step::Done(done) => return done.into_result(),
//!         };
//!     }
//! }
//! # }
//!
//! let credential = Credential::secret(Secret::new("from a vault"));
//! let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
//! let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
//! # let mut driver = Driver { memory: Memory::default() };
//! let token = driver.run(plan, Seed::from_bytes([7; 32]))?;
//! assert_eq!(token.source(), TokenSource::Network);
//! # Ok::<(), Error>(())
//! ```
//!
//! The adapters `entra-tokio` and `entra-blocking` are such loops with real sockets. Requests and responses are
//! [`http::Request`] and [`http::Response`] with a [`Body`] that prints nothing of itself.
//!
//! # What it decides
//!
//! Three things that are easily mixed up are independent axes. The *transport* is mutual TLS if there is a binding certificate
//! for the request: one that an assertion's provider returned with its assertion (implicit mTLS), the client's own for proof of
//! possession, or its own under `send_over_mtls`. How the client *authenticates in the body* follows from its credential. The
//! *kind of token* is `mtls_pop` only if the request asked for it. An assertion and its certificate come from one call of the
//! provider and travel as one value to the body, the handshake, the cache key and the result.
//!
//! # Where to read on
//!
//! In the order of the story: `client` and what it is built from (`authority`, `region`, `certificate`, `credential`),
//! `request`, `cache`, `plan` (what is legal, in one table), `wire` (what is sent and read), and `flow`, one file a stage, with
//! the picture of it all. [`Error`] lists every code. [`PortableCache`] is how tokens leave a process and come back.
//!
//! # Features
//!
//! `testing`, which is not on by itself, adds the module `testing` for your own tests: `proptest` strategies for clients, requests, clocks and answers of every kind,
//! and an answerer that plays the outside, so that your loop can be driven with more than you would think of.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::unreachable,
    clippy::disallowed_methods,
    clippy::disallowed_types
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects
    )
)]

mod account;
mod authority;
mod cache;
mod certificate;
mod client;
mod credential;
mod error;
mod flow;
mod metadata;
mod plan;
mod region;
mod request;
mod secret;
mod time;
mod token;
mod uuid;
mod wire;

#[cfg(feature = "testing")]
#[cfg_attr(docsrs, doc(cfg(feature = "testing")))]
pub mod testing;

pub use account::{Account, User};
pub use authority::{Authority, AuthorityKind, Tenant};
pub use cache::{
    CacheUpdate, FlightKey, Limits, Look, Memory, Partition, PartitionKey, PortableCache,
    Remembered, Renewals, TokenKind,
};
pub use certificate::{Certificate, CertificateChain, Thumbprint};
pub use client::{AuthorityUrl, BearerIsolation, Client, ClientBuilder};
pub use credential::{Credential, Needs};
pub use error::{Error, Failure, FailureKind, Fault};
pub use flow::{
    ClientAssertion, DiscoverInstance, DiscoverRegion, Done, LoadCache, ObtainAssertion,
    ObtainCertificate, Pause, ProviderContext, SaveCache, SendRequest, SignAssertion, Step,
    TakeTurn, Transport, Turn,
};
pub use metadata::{CacheOutcome, Metadata};
pub use plan::Plan;
pub use region::{Environment, Region, RegionOrigin, RegionPolicy, RegionSource};
pub use request::TokenRequest;
pub use secret::{Body, Secret, Seed};
pub use time::Now;
pub use token::{AccessToken, TokenSource};
pub use wire::{Algorithm, ClaimsChallenge, Signature, SigningInput};
