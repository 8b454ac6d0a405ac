//! The flow: one stage a file, in the order of the picture.
//!
//! ```text
//!    Plan::start
//!    │
//!    ├─ (ObtainAssertion │ ObtainCertificate)     only if the answer names the cache key (PoP behind a provider)
//!    ▼
//!    LoadCache ──hit──────────────────────────────────────────────────────────────▶ Done
//!    ▼ miss                                                                          ▲
//!    TakeTurn ──failed──────────────────────────────────────────────────────────────▶│
//!    ▼ mine, or waited                                                               │
//!    LoadCache ──hit────────────────────────────────────────────────────────────────▶│
//!    ▼ miss                                                                          │
//!    LoadCache ──none───────────────────────────  the account's refresh token ──────▶│
//!    ▼                                            if the request is for one          │
//!    ObtainAssertion │ ObtainCertificate          unless the credential is at hand   │
//!    ▼                                                                               │
//!    LoadCache ─▶ TakeTurn ─▶ LoadCache ─▶ DiscoverRegion ─▶ SaveCache      if asked │
//!    ▼                                                                               │
//!    LoadCache ─▶ TakeTurn ─▶ LoadCache ─▶ DiscoverInstance ─▶ SaveCache    if new   │
//!    ▼                                                                               │
//!    LoadCache                                    is the service to be left alone?   │
//!    ▼                                                                               │
//!    SignAssertion                                if the assertion is ours           │
//!    ▼                                                                               │
//!    SendRequest ─▶ (SaveCache) ─▶ SaveCache      a user's refresh token first ─────▶│
//!    ▼ may be tried once more
//!    (SaveCache) ─▶ Pause ─▶ back to where the credential is made
//! ```
//!
//! Whoever finds the region or the host in the cache once it has the turn saves it as it was, and goes on: a save gives the turn
//! back.
//!
//! Every stage has two functions: `enter` says whether the stage is needed, `resume` what an answer means. A stage that is not
//! needed enters the next one. Every stage may end the flow with an error, which is a `Done` too.
//!
//! # What does not compile
//!
//! Answering twice:
//!
//! ```compile_fail,E0382
//! # fn f(sign: entra_proto::SignAssertion, now: entra_proto::Now) {
//! let first = sign.resume(Ok(entra_proto::Signature::new(vec![])), now);
//! let again = sign.resume(Ok(entra_proto::Signature::new(vec![])), now);
//! # }
//! ```
//!
//! Answering another question:
//!
//! ```compile_fail,E0308
//! # fn f(sign: entra_proto::SignAssertion, partition: entra_proto::Partition, now: entra_proto::Now) {
//! let step = sign.resume(Ok(partition), now);
//! # }
//! ```
//!
//! Forgetting the time:
//!
//! ```compile_fail,E0061
//! # fn f(sign: entra_proto::SignAssertion) {
//! let step = sign.resume(Ok(entra_proto::Signature::new(vec![])));
//! # }
//! ```
//!
//! Forgetting a kind of step:
//!
//! ```compile_fail,E0004
//! # fn f(step: entra_proto::Step) -> u8 {
//! match step {
//!     entra_proto::Step::Done(_) => 0,
//!     entra_proto::Step::SendRequest(_) => 1,
//! }
//! # }
//! ```
//!
//! Beginning with dice that nobody threw:
//!
//! ```compile_fail,E0599
//! # fn f(plan: entra_proto::Plan, now: entra_proto::Now) {
//! let step = plan.start(entra_proto::Seed::default(), now);
//! # }
//! ```
//!
//! Making up an ending:
//!
//! ```compile_fail,E0451
//! # fn f(token: entra_proto::AccessToken) {
//! let done = entra_proto::Done { result: Ok(token), renewal: None };
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use crate::authority::Endpoints;
use crate::cache::PartitionKey;
use crate::metadata::{CacheOutcome, Facts, Metadata};
use crate::plan::{Decided, Plan, Way};
use crate::region::{Region, RegionOrigin};
use crate::secret::{Secret, Seed};
use crate::time::Now;
use crate::uuid::Uuid;

mod discover_instance;
mod discover_region;
mod done;
mod load_cache;
mod material;
mod obtain_assertion;
mod obtain_certificate;
mod pause;
mod save_cache;
mod send_request;
mod sign_assertion;
mod take_turn;
mod throttle;

pub use discover_instance::DiscoverInstance;
pub use discover_region::DiscoverRegion;
pub use done::Done;
pub use load_cache::LoadCache;
pub use material::{ClientAssertion, ProviderContext};
pub use obtain_assertion::ObtainAssertion;
pub use obtain_certificate::ObtainCertificate;
pub use pause::Pause;
pub use save_cache::SaveCache;
pub use send_request::{SendRequest, Transport};
pub use sign_assertion::SignAssertion;
pub use take_turn::{TakeTurn, Turn};

/// The next thing that somebody outside has to do: a question that only its own kind of answer moves forward, once.
///
/// Closed on purpose: a new kind of step has to break every driver at compile time. Dropping a step gives the flow up; the core
/// has nothing to undo.
///
/// The [crate's documentation](crate) has the loop over all of them.
#[derive(Debug)]
#[must_use = "a step does nothing until its question is answered"]
#[expect(clippy::exhaustive_enums, reason = "see above")]
pub enum Step {
    /// Fetch what is remembered under a key.
    LoadCache(LoadCache),
    /// Wait for whoever fetches the same.
    TakeTurn(TakeTurn),
    /// Ask the instance metadata service where this machine is.
    DiscoverRegion(DiscoverRegion),
    /// Ask Entra whether it knows a host, or an OpenID provider for its configuration.
    DiscoverInstance(DiscoverInstance),
    /// Ask the application's provider for an assertion and, maybe, its certificate.
    ObtainAssertion(ObtainAssertion),
    /// Ask the application's provider for a certificate.
    ObtainCertificate(ObtainCertificate),
    /// Sign an assertion of ours.
    SignAssertion(SignAssertion),
    /// Send the token request.
    SendRequest(SendRequest),
    /// Let some time pass.
    Pause(Pause),
    /// Remember something.
    SaveCache(SaveCache),
    /// Nothing: it is over.
    Done(Done),
}

/// What every stage may know of its flow.
pub(crate) struct Flow {
    plan: Plan,
    seed: Seed,
    began: Now,
    /// Once somebody outside may be told: a hit needs none.
    correlation_id: Option<Uuid>,
    attempt: Attempt,
    /// How many token requests were sent.
    sent: u8,
    /// Where the latest one went.
    went: Option<Arc<Way>>,
    /// What came of looking into the cache.
    looked: CacheOutcome,
    spent: Spent,
    key: PartitionKey,
    /// The refresh token of the account that the request is for, once it has been looked up.
    refresh_token: Option<Secret>,
    /// Settled once per flow, for all attempts.
    region: Option<Settled>,
    /// Likewise.
    instance: Option<Vetted>,
}

/// How long the outside took to answer, by what it was asked for.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    http: Duration,
    credential: Duration,
}

impl Spent {
    fn on_http(&mut self, since: Now, now: Now) {
        self.http = self.http.saturating_add(now.since(since));
    }

    fn on_credential(&mut self, since: Now, now: Now) {
        self.credential = self.credential.saturating_add(now.since(since));
    }
}

/// Which attempt it is: there are two at most (rule 12).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Attempt {
    First,
    Last,
}

/// How the question of the region was settled.
#[derive(Clone, Copy)]
pub(crate) enum Settled {
    Region(Region, RegionOrigin),
    /// None was asked for.
    NoRegion,
    /// Its discovery was asked for and failed.
    NotFound,
}

/// How the question of the host was settled.
#[derive(Clone)]
pub(crate) enum Vetted {
    /// It is one of Entra's.
    Host,
    /// The provider's token endpoints are these.
    Provider(Endpoints),
}

impl Plan {
    /// Begins a flow. `seed` is the only randomness that it will use.
    pub fn start(self, seed: Seed, now: Now) -> Step {
        let decided = self.decided();
        // What is looked for before a provider was asked, if it may be.
        let offered = self.first_look().filter(|_| decided.answer_names_key);
        let offered = offered.cloned();
        let flow = Box::new(Flow {
            key: decided.key.clone(),
            seed,
            began: now,
            correlation_id: None,
            attempt: Attempt::First,
            sent: 0,
            went: None,
            looked: CacheOutcome::default(),
            spent: Spent::default(),
            refresh_token: None,
            region: None,
            instance: None,
            plan: self,
        });
        match (offered, flow.decided().answer_names_key) {
            (Some(offered), _) => load_cache::offered(flow, offered),
            (None, true) => material::name_key(flow, None, now),
            (None, false) => load_cache::enter(flow, None, now),
        }
    }
}

impl Flow {
    fn decided(&self) -> &Decided {
        self.plan.decided()
    }

    /// When the whole flow has to be over, on the monotonic clock.
    fn deadline(&self) -> Duration {
        self.began.after(self.plan.allowed_time()).monotonic()
    }

    fn region(&self) -> Option<Region> {
        match self.region {
            Some(Settled::Region(region, _)) => Some(region),
            Some(Settled::NoRegion | Settled::NotFound) | None => None,
        }
    }

    fn correlation_id(&self) -> Uuid {
        self.correlation_id
            .or_else(|| self.decided().correlation_id)
            .unwrap_or_else(|| self.seed.correlation_id())
    }

    /// How it went so far.
    fn metadata(&self, now: Now) -> Metadata {
        Metadata::new(self.region(), self.facts(now))
    }

    /// The same but the region.
    fn facts(&self, now: Now) -> Facts {
        Facts {
            correlation_id: Some(self.correlation_id()),
            attempts: self.sent,
            token_endpoint: self.went.as_ref().map(|way| Arc::clone(&way.url)),
            region_origin: match &self.region {
                Some(Settled::Region(_, origin)) => *origin,
                Some(Settled::NotFound) => RegionOrigin::Failed,
                Some(Settled::NoRegion) | None => RegionOrigin::None,
            },
            cache: self.looked,
            total: now.since(self.began),
            http: self.spent.http,
            credential: self.spent.credential,
        }
    }

    fn attempt_number(&self) -> u32 {
        match self.attempt {
            Attempt::First => 0,
            Attempt::Last => 1,
        }
    }
}

impl std::fmt::Debug for Flow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("plan", &self.plan)
            .field("correlation_id", &self.correlation_id())
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
