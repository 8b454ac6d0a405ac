//! A fleet in virtual time: thousands of processes that ask for tokens of their tenants with the real core, and what of it arrives at
//! the service in each second.
//!
//! ```text
//!  process ─┬─ tenant: every period, some callers at once ─▶ memory, turns, flows of the core ─▶ requests ─▶ seconds
//!           └─ certificate: the next one, at its time
//! ```
//!
//! Processes share nothing but the service, and what the service says depends on the time alone. So they are played one after
//! another, and their tenants may have the same names. What comes out follows from the arguments.

mod process;

use std::time::Duration;

use entra_proto::{
    CertificateChain, Client, Credential, Plan, RegionSource, Thumbprint, TokenRequest,
};
use rcgen::{CertificateParams, KeyPair};

use crate::server::REGION;
use crate::world::{self, CLIENT_ID, SCOPE, TENANT};

/// How large the fleet is, what it does, and what happens to it.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    /// Processes.
    pub processes: usize,
    /// Tenants of each.
    pub tenants: usize,
    /// How many callers ask for a tenant's token at the same moment.
    pub callers: usize,
    /// How often they do.
    pub period: Duration,
    /// Processes begin within this time.
    pub begins_within: Duration,
    /// How long it is watched.
    pub lasts: Duration,
    /// How long a request takes.
    pub latency: Duration,
    /// How long a token lives.
    pub lives: Duration,
    /// After what time the service wants it renewed.
    pub refresh_in: Duration,
    /// Processes change over to another certificate from here on, within that time.
    pub rotation: Option<(Duration, Duration)>,
    /// The region refuses with 429 from here on until there.
    pub outage: Option<(Duration, Duration)>,
    /// What it says meanwhile in `Retry-After`, in seconds.
    pub retry_after: u32,
}

impl Fleet {
    /// Ten thousand processes with a million tenants: a start of all of them within a minute, the renewals that follow from it, a
    /// rotation, and an outage in the midst of that.
    pub const LARGE: Self = Self {
        processes: 10_000,
        tenants: 100,
        callers: 3,
        period: Duration::from_secs(30),
        begins_within: Duration::from_secs(60),
        lasts: Duration::from_secs(50 * 60),
        latency: Duration::from_millis(100),
        lives: Duration::from_secs(60 * 60),
        refresh_in: Duration::from_secs(30 * 60),
        rotation: Some((Duration::from_secs(40 * 60), Duration::from_secs(5 * 60))),
        outage: Some((Duration::from_secs(42 * 60), Duration::from_secs(45 * 60))),
        retry_after: 120,
    };
}

/// What of the library is at work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Measures {
    /// One request for each key; whoever comes later waits for it.
    pub single_flight: bool,
    /// Chance in when a token is renewed.
    pub jitter: bool,
    /// What `Retry-After` says is remembered.
    pub throttling: bool,
}

impl Measures {
    /// All of them.
    pub const ALL: Self = Self {
        single_flight: true,
        jitter: true,
        throttling: true,
    };
    /// None of them.
    pub const NONE: Self = Self {
        single_flight: false,
        jitter: false,
        throttling: false,
    };
}

/// What arrived at the service, and what callers got.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Load {
    /// Requests in each second.
    pub seconds: Vec<u32>,
    /// How many of them were refused.
    pub refused: u64,
    /// Callers that got a token.
    pub served: u64,
    /// Callers that got an error.
    pub failed: u64,
}

impl Load {
    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.seconds.iter().copied().map(u64::from).sum()
    }

    /// The most requests in one second of this span.
    #[must_use]
    pub fn peak(&self, from: Duration, until: Duration) -> u32 {
        let span = from.as_secs() as usize..(until.as_secs() as usize).min(self.seconds.len());
        self.seconds.get(span).map_or(0, |seconds| {
            seconds.iter().copied().max().unwrap_or_default()
        })
    }

    fn add(&mut self, other: &Self) {
        for (sum, more) in self.seconds.iter_mut().zip(&other.seconds) {
            *sum += more;
        }
        self.refused += other.refused;
        self.served += other.served;
        self.failed += other.failed;
    }
}

/// What every process is given: plans for its tenants, with the certificate of before and with that of after.
pub(crate) struct Plans {
    of_each: [Vec<Plan>; 2],
    thumbprints: [Thumbprint; 2],
}

impl Plans {
    fn of(tenants: usize) -> Self {
        let certificates = [0, 1].map(|_| {
            let key = KeyPair::generate().expect("a key");
            let certificate = CertificateParams::default().self_signed(&key);
            certificate.expect("a certificate").der().to_vec()
        });
        let thumbprints = certificates.each_ref().map(|der| Thumbprint::of(der));
        let of_each = certificates.map(|der| {
            let credential = Credential::certificate(CertificateChain::new(der));
            let authority = format!("https://login.microsoftonline.com/{TENANT}");
            let client = Client::builder(CLIENT_ID, authority, credential)
                .region(RegionSource::Named(REGION.to_owned()))
                .build()
                .expect("a client");
            let request = |tenant| {
                TokenRequest::for_app([SCOPE])
                    .tenant(world::tenant(tenant))
                    .proof_of_possession()
            };
            (0..tenants)
                .map(|tenant| world::plan(request(tenant), &client))
                .collect()
        });
        Self {
            of_each,
            thumbprints,
        }
    }
}

/// Plays the fleet. The same arguments bring the same load, on however many threads.
#[must_use]
pub fn simulate(fleet: &Fleet, measures: Measures, seed: u64) -> Load {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let plans = Plans::of(fleet.tenants);
    let part = |thread: usize| {
        let mut load = empty(fleet);
        for number in (thread..fleet.processes).step_by(threads) {
            load.add(&process::play(fleet, measures, &plans, seed, number as u64));
        }
        load
    };
    let mut load = empty(fleet);
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || part(thread)))
            .collect();
        for part in parts {
            load.add(&part.join().expect("a thread that ends"));
        }
    });
    load
}

fn empty(fleet: &Fleet) -> Load {
    Load {
        seconds: vec![0; fleet.lasts.as_secs() as usize],
        ..Load::default()
    }
}

#[cfg(test)]
mod tests;
