//! Settle the region: by configuration, from memory, or by asking the instance metadata service (rule 6). What mutual TLS
//! makes of a region that was not found is decided here too (rule 5).

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http::Response;

use crate::cache::{CacheUpdate, Fact, Note, PartitionKey};
use crate::error::{Code, Error, Failure};
use crate::region::{Region, RegionChoice, RegionOrigin, RegionPolicy};
use crate::secret::Body;
use crate::time::{Now, Span};
use crate::wire::metadata;

use super::load_cache::{self, Look};
use super::material::Held;
use super::{Flow, Settled, Step, discover_instance, done, save_cache, take_turn};

/// How long the metadata service may take for one answer.
const TIME_LIMIT: Duration = Duration::from_secs(2);
/// How long a failure is remembered.
const FAILURE_LASTS: Duration = Duration::from_secs(300);

/// Send [`request`](Self::request) to the instance metadata service, directly: never through a proxy.
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct DiscoverRegion {
    flow: Box<Flow>,
    key: PartitionKey,
    held: Held,
    probe: Probe,
    request: Request<Body>,
    asked: Now,
    deadline: Duration,
}

/// Which of the three requests it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Probe {
    Region,
    Versions,
    NewestRegion,
}

pub(super) fn enter(flow: Box<Flow>, held: Held, now: Now) -> Step {
    let configuration = flow.plan.configuration();
    let settled = match &configuration.region {
        _ if !configuration.authority.is_entra() => Some(Settled::NoRegion),
        RegionChoice::None => Some(Settled::NoRegion),
        RegionChoice::Known(region, origin) => Some(Settled::Region(*region, *origin)),
        RegionChoice::AskMetadata => flow.region,
    };
    match settled {
        Some(settled) => settle(flow, held, settled, now),
        None => {
            let key = PartitionKey::fact(Fact::Region {
                client: Arc::clone(&configuration.id),
            });
            load_cache::region(flow, key, held, Look::First)
        }
    }
}

/// Goes on with what is remembered of an earlier discovery.
pub(super) fn looked(
    flow: Box<Flow>,
    key: PartitionKey,
    held: Held,
    note: Option<&Arc<Note>>,
    look: Look,
    now: Now,
) -> Step {
    let settled = match note.map(Arc::as_ref) {
        Some(Note::Region(region)) => Some(Settled::Region(*region, RegionOrigin::Remembered)),
        Some(Note::NoRegion(span)) if !span.left(now).is_zero() => Some(Settled::NotFound),
        Some(_) | None => None,
    };
    match (settled.zip(note), look) {
        (Some((settled, _)), Look::First) => settle(flow, held, settled, now),
        // Written again as it is, for that gives the turn back: who waits for the region need not wait for this flow's token.
        (Some((settled, note)), Look::WithTurn) => save_cache::region(
            flow,
            key,
            CacheUpdate::note(Arc::clone(note)),
            held,
            settled,
        ),
        (None, Look::First) => take_turn::region(flow, key, held),
        (None, Look::WithTurn) => probe(
            flow,
            key,
            held,
            Probe::Region,
            Some(metadata::METADATA_VERSION),
            now,
        ),
    }
}

fn probe(
    flow: Box<Flow>,
    key: PartitionKey,
    held: Held,
    probe: Probe,
    version: Option<&str>,
    now: Now,
) -> Step {
    let request = Request::get(metadata::region_url(version))
        .header("metadata", "true")
        .body(Body::empty());
    match request {
        Ok(request) => Step::DiscoverRegion(DiscoverRegion {
            deadline: now.after(TIME_LIMIT).monotonic().min(flow.deadline()),
            flow,
            key,
            held,
            probe,
            request,
            asked: now,
        }),
        // The URL has no part that could be wrong; were it so, the region is not found.
        Err(_) => found(flow, key, held, None, now),
    }
}

impl DiscoverRegion {
    /// The largest answer worth reading, in bytes.
    pub const MAX_RESPONSE: usize = 64 * 1_024;

    /// What to send, over plain HTTP.
    #[must_use]
    pub fn request(&self) -> &Request<Body> {
        &self.request
    }

    /// When to give up, on the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Goes on. A 400 means that the service does not know the version, and is asked once for those that it knows; any other
    /// answer without a valid region, or none, is a failed discovery.
    pub fn resume(self, answer: Result<Response<Body>, Failure>, now: Now) -> Step {
        let (status, body) = match &answer {
            Ok(response) => (response.status().as_u16(), response.body().expose()),
            Err(_) => (0, &[][..]),
        };
        let (mut flow, key, held) = (self.flow, self.key, self.held);
        flow.spent.on_http(self.asked, now);
        match (self.probe, status) {
            (_, _) if body.len() > Self::MAX_RESPONSE => found(flow, key, held, None, now),
            (Probe::Region, 400) => probe(flow, key, held, Probe::Versions, None, now),
            (Probe::Versions, 200 | 400) => match metadata::newest_version(body) {
                Some(version) => probe(flow, key, held, Probe::NewestRegion, Some(&version), now),
                None => found(flow, key, held, None, now),
            },
            (Probe::Region | Probe::NewestRegion, 200) => {
                found(flow, key, held, metadata::region(body), now)
            }
            (Probe::Region | Probe::Versions | Probe::NewestRegion, _) => {
                found(flow, key, held, None, now)
            }
        }
    }
}

/// Remembers what was found: a region for the life of the client, a failure for five minutes.
fn found(flow: Box<Flow>, key: PartitionKey, held: Held, region: Option<Region>, now: Now) -> Step {
    let (note, settled) = match region {
        Some(region) => (
            Note::Region(region),
            Settled::Region(region, RegionOrigin::MetadataService),
        ),
        None => (
            Note::NoRegion(Span::new(now, FAILURE_LASTS)),
            Settled::NotFound,
        ),
    };
    save_cache::region(flow, key, CacheUpdate::note(note), held, settled)
}

/// Applies rule 5: mutual TLS with Entra needs the region that was asked for, unless the policy allows the global host.
pub(super) fn settle(mut flow: Box<Flow>, held: Held, settled: Settled, now: Now) -> Step {
    let configuration = flow.plan.configuration();
    let required = held.material.binding().is_some()
        && configuration.authority.is_entra()
        && configuration.region_policy == RegionPolicy::Required;
    let missing = match &settled {
        Settled::Region(..) => false,
        Settled::NoRegion | Settled::NotFound => required,
    };
    flow.region = Some(settled);
    if missing {
        let error = Error::new(
            Code::RegionRequired,
            "mutual TLS needs a region, and its discovery failed",
        );
        return done::failed(&flow, error, now);
    }
    discover_instance::enter(flow, held, now)
}
