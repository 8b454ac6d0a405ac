//! For tests of whoever embeds the core: [`proptest`] strategies for everything that comes in from outside, and an
//! [`Answerer`] that answers every step from a script that a strategy made. Feature `testing`, off by default.
//!
//! What comes in is the configuration ([`clients()`]), the wish ([`token_requests`]), the two clocks ([`moments`]), the dice
//! ([`seeds`]) and the answers to steps: of providers ([`client_assertions`], [`certificate_chains`]), of the token endpoint
//! ([`token_responses`], [`refusals`], [`odd_responses`]), of the metadata service and of instance discovery
//! ([`region_documents`], [`instance_documents`]), and of whatever stood in the way ([`failures`]). Resources challenge with
//! [`challenge_fields`].
//!
//! What is drawn is what a *flow* may meet. Signatures are not made, hosts are not resolved, certificates come with nobody's key.
//!
//! Every secret in them holds the word [`CANARY`], so that a test can search whatever its program prints. Everything is drawn
//! from `proptest`'s generator alone: a failure comes again with its seed, and shrinks.
//!
//! To drive a loop of your own, let it ask an [`Answerer`] where it would go out:
//!
//! ```
//! use entra_proto::testing::{Answerer, CANARY, clients, scripts, seeds, token_requests};
//! use entra_proto::{AccessToken, Error, Plan, Seed, Step, Transport};
//! use proptest::prelude::*;
//!
//! /// Your loop: its `send` would be your HTTP client, its `answer` the rest of your driver.
//! fn run(world: &mut Answerer, plan: Plan, seed: Seed) -> Result<AccessToken, Error> {
//!     let mut step = plan.start(seed, world.now());
//!     loop {
//!         step = match step {
//!             Step::SendRequest(send) => {
//!                 let answer = world.send(send.request(), send.transport());
//!                 send.resume(answer, world.now())
//!             }
//!             Step::Done(done) => return done.into_result(),
//!             other => world.answer(other),
//!         };
//!     }
//! }
//!
//! proptest!(
//!     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) },
//!     |(client in clients(), request in token_requests(), script in scripts(), seed in seeds())| {
//!         // Not every client can do what every request wants.
//!         let Ok(plan) = request.plan(&client) else { return Ok(()) };
//!         let mut world = Answerer::new(script);
//!         let result = run(&mut world, plan, seed);
//!         let printed = format!("{result:?}");
//!         prop_assert!(!printed.contains(CANARY));
//!     }
//! );
//! ```

mod answerer;
mod answers;
mod clients;
mod material;
mod requests;
mod script;
mod time;

pub use answerer::Answerer;
pub use answers::{
    Answer, failures, instance_documents, odd_responses, refusals, region_documents,
    token_responses,
};
pub use clients::{authorities, clients, clients_with, credentials, environments, region_sources};
pub use material::{
    certificate_chains, client_assertions, odd_certificate_chains, odd_client_assertions, secrets,
};
pub use requests::{accounts, app_requests, challenge_fields, claims, scopes, token_requests};
pub use script::{Script, scripts};
pub use time::{delays, moments, seeds};

/// In every secret that comes from here.
///
/// Letters alone, so that it looks the same in a form, in JSON and in a URL.
///
/// ```
/// use entra_proto::testing::{CANARY, secrets};
/// use proptest::prelude::*;
///
/// proptest!(
///     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) },
///     |(secret in secrets())| prop_assert!(secret.expose().contains(CANARY))
/// );
/// ```
pub const CANARY: &str = "CANARY";
