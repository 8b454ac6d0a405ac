//! Hits: a token that is held, one that is looked up through a prepared key, and one whose key is worked out anew.

use std::hint::black_box;

use entra_proto::{Plan, TokenRequest};
use entra_tokio::{EntraClient, HeldSource, Network};
use rcgen::{CertificateParams, KeyPair};

use crate::at_once;
use crate::driver::{Driver, ROOMY};
use crate::sampler::Subject;
use crate::world::{self, Scattered, TEXT};

/// How many tokens go into one document: a client takes no larger ones than 64 MiB.
const AT_ONCE: usize = 10_000;

/// A client that remembers so many tokens, each in a tenant of its own. It never sends: what it is asked for is there.
///
/// # Panics
/// Never: what was exported can be imported.
#[must_use]
pub fn entra(entries: usize) -> EntraClient {
    let client = EntraClient::builder(world::client())
        .assertion_provider(|_| async { Err("nobody asks".into()) })
        .network(trusting_nobody())
        .memory(ROOMY)
        .build()
        .expect("a client");
    for first in (0..entries).step_by(AT_ONCE) {
        let tenants = first..entries.min(first + AT_ONCE);
        let document = Driver::remembering(tenants.clone(), TEXT).export();
        let found = client.import_cache(document.expose());
        assert_eq!(found, Ok(tenants.len()));
    }
    client
}

/// A root that nobody has the key of: the system's are not read, of which there may be none, or hundreds.
fn trusting_nobody() -> Network {
    let key = KeyPair::generate().expect("a key");
    let root = CertificateParams::default().self_signed(&key);
    let pem = root.expect("a root").pem();
    Network::new().trust_only(pem).expect("a root").no_proxy()
}

/// [`HeldSource::token`].
#[derive(Debug)]
pub struct Held(HeldSource);

impl Default for Held {
    fn default() -> Self {
        Self::new()
    }
}

impl Held {
    /// With a token in the source.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&entra(1), 0)
    }

    /// The token in the tenant of this number.
    ///
    /// # Panics
    /// If it is not remembered.
    #[must_use]
    pub fn of(client: &EntraClient, tenant: usize) -> Self {
        let mut source = client.source(&world::in_tenant(tenant)).expect("a source");
        at_once!(source.token()).expect("a token");
        Self(source)
    }
}

impl Subject for Held {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            black_box(at_once!(self.0.token()).expect("a token"));
        }
    }
}

/// [`HeldSource::token`] of many sources.
#[derive(Debug)]
pub(super) struct HeldEach {
    sources: Vec<HeldSource>,
    order: Scattered,
}

impl HeldEach {
    /// Of so many, each for another tenant.
    pub(super) fn new(entries: usize) -> Self {
        let client = entra(entries);
        let held = |tenant| Held::of(&client, tenant).0;
        Self {
            sources: (0..entries).map(held).collect(),
            order: Scattered::over(entries),
        }
    }
}

impl Subject for HeldEach {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let source = &mut self.sources[self.order.number()];
            black_box(at_once!(source.token()).expect("a token"));
        }
    }
}

/// [`HeldSource::remembered`].
#[derive(Debug)]
pub struct Cached {
    sources: Vec<HeldSource>,
    order: Scattered,
}

impl Cached {
    /// Over so many entries, one in each tenant; all are asked for.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        Self::of(&entra(entries), 0..entries)
    }

    /// Over these tenants of a client.
    ///
    /// # Panics
    /// Never: the requests make sense.
    #[must_use]
    pub fn of(client: &EntraClient, tenants: std::ops::Range<usize>) -> Self {
        let order = Scattered::over(tenants.len());
        let source = |tenant| client.source(&world::in_tenant(tenant)).expect("a source");
        Self {
            sources: tenants.map(source).collect(),
            order,
        }
    }
}

impl Subject for Cached {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let source = &self.sources[self.order.number()];
            black_box(at_once!(source.remembered()).expect("a token"));
        }
    }
}

/// What [`HeldSource::remembered`] does first, where the entries are of one tenant: imported caches may not hold as many, so they were
/// fetched.
#[derive(Debug)]
pub(super) struct CachedScopes {
    driver: Driver,
    plans: Vec<Plan>,
    order: Scattered,
}

impl CachedScopes {
    pub(super) fn new(entries: usize) -> Self {
        let mut driver = Driver::new(ROOMY);
        let plan = |number| TokenRequest::for_app([world::scope(number)]);
        let plans: Vec<Plan> = (0..entries)
            .map(|number| world::plan(plan(number), driver.client()))
            .collect();
        for plan in &plans {
            driver.remember(plan, TEXT);
        }
        Self {
            driver,
            plans,
            order: Scattered::over(entries),
        }
    }
}

impl Subject for CachedScopes {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let plan = &self.plans[self.order.number()];
            black_box(self.driver.hit(plan).expect("a token"));
        }
    }
}

/// [`EntraClient::token`].
#[derive(Debug)]
pub struct Asked {
    client: EntraClient,
    requests: Vec<TokenRequest>,
    order: Scattered,
}

impl Asked {
    /// Over so many entries, one in each tenant; all are asked for.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        Self {
            client: entra(entries),
            requests: (0..entries).map(world::in_tenant).collect(),
            order: Scattered::over(entries),
        }
    }
}

impl Subject for Asked {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let request = &self.requests[self.order.number()];
            black_box(at_once!(self.client.token(request)).expect("a token"));
        }
    }
}
