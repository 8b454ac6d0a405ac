//! How a flow went: the same facts beside a token and beside an error, for logs and metrics. No secret is among them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::region::{Region, RegionOrigin};
use crate::uuid::Uuid;

/// How a flow went, up to the moment that it ended.
///
/// ```
/// use entra_proto::{CacheOutcome, Error};
///
/// fn note(error: &Error) {
///     if let Some(metadata) = error.metadata() {
///         println!("{} requests in {:?}, cache: {:?}", metadata.attempts(), metadata.total(), metadata.cache());
///     }
/// }
/// # note(&Error::cancelled());
/// # assert_ne!(CacheOutcome::Hit, CacheOutcome::Expired);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Metadata {
    region: Option<Region>,
    /// None of a hit of which nothing else is to be said, as nearly all are: a token that is handed out is small, and costs no
    /// allocation.
    facts: Option<Arc<Facts>>,
}

/// All but the region.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Facts {
    pub(crate) correlation_id: Option<Uuid>,
    pub(crate) attempts: u8,
    pub(crate) token_endpoint: Option<Arc<str>>,
    pub(crate) region_origin: RegionOrigin,
    pub(crate) cache: CacheOutcome,
    pub(crate) total: Duration,
    pub(crate) http: Duration,
    pub(crate) credential: Duration,
}

/// How a flow went that found a token at its first look and took no time.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Hit(Option<Arc<Facts>>);

/// What came of looking into the cache, which is why the service was asked or was not.
///
/// MSAL calls it the cache refresh reason.
///
/// [`Metadata`] has an example that prints it.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum CacheOutcome {
    /// The flow ended before anybody looked.
    #[default]
    NotRead,
    /// A token served.
    Hit,
    /// Nothing that fits was remembered.
    Missing,
    /// What fits had expired, or was within five minutes of it.
    Expired,
    /// What fits still serves; it was renewed early.
    Renewed,
    /// Reading was not wanted: `bypassing_cache`, a claims challenge, or a grant that works once.
    Bypassed,
}

/// Of a flow that found a token at its first look and took no time.
const OF_HIT: Facts = Facts {
    correlation_id: None,
    attempts: 0,
    token_endpoint: None,
    region_origin: RegionOrigin::None,
    cache: CacheOutcome::Hit,
    total: Duration::ZERO,
    http: Duration::ZERO,
    credential: Duration::ZERO,
};

impl Hit {
    /// Under no id of the caller's own.
    pub(crate) const PLAIN: &Self = &Self(None);

    /// Under the caller's own id.
    pub(crate) fn under(correlation_id: Option<Uuid>) -> Self {
        Self(correlation_id.map(|correlation_id| {
            Arc::new(Facts {
                correlation_id: Some(correlation_id),
                ..OF_HIT
            })
        }))
    }

    /// Of a token that came from this region.
    #[inline]
    pub(crate) fn in_region(&self, region: Option<Region>) -> Metadata {
        let facts = self.0.clone();
        Metadata { region, facts }
    }
}

impl Metadata {
    pub(crate) fn new(region: Option<Region>, facts: Facts) -> Self {
        Self {
            region,
            facts: (facts != OF_HIT).then(|| Arc::new(facts)),
        }
    }

    /// The same under the id of another flow.
    pub(crate) fn under_id_of(self, other: &Self) -> Self {
        let correlation_id = other.facts().correlation_id;
        self.with(|facts| facts.correlation_id = correlation_id)
    }

    /// The same of a flow that took so long.
    pub(crate) fn taking(self, total: Duration) -> Self {
        self.with(|facts| facts.total = total)
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(
            self.facts.get_or_insert_with(|| Arc::new(OF_HIT)),
        ));
        self
    }

    fn facts(&self) -> &Facts {
        const HIT: &Facts = &OF_HIT;
        self.facts.as_deref().unwrap_or(HIT)
    }

    /// The id under which the service logs the request; none for a token that was remembered, of which the service knows nothing,
    /// unless the caller gave one.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.facts().correlation_id.as_ref().map(Uuid::as_str)
    }

    /// How many token requests were sent: 0 for a hit, 2 at most.
    #[must_use]
    pub fn attempts(&self) -> u8 {
        self.facts().attempts
    }

    /// The URL of the latest token request, without parameters of the caller's own; none if none was sent.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<&str> {
        self.facts().token_endpoint.as_deref()
    }

    /// The region of that request, or the one that the remembered token came from.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// How the question of the region was settled, if it came to that.
    #[must_use]
    pub fn region_origin(&self) -> RegionOrigin {
        self.facts().region_origin
    }

    /// What came of looking into the cache.
    #[must_use]
    pub fn cache(&self) -> CacheOutcome {
        self.facts().cache
    }

    /// From the start of the flow to its end, by the driver's monotonic clock; waits for others included.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.facts().total
    }

    /// The part of it that requests over HTTP took: all attempts, discovery included.
    #[must_use]
    pub fn http(&self) -> Duration {
        self.facts().http
    }

    /// The part of it that providers and signers took.
    #[must_use]
    pub fn credential(&self) -> Duration {
        self.facts().credential
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metadata")
            .field("correlation_id", &self.correlation_id())
            .field("attempts", &self.attempts())
            .field("token_endpoint", &self.token_endpoint())
            .field("region", &self.region())
            .field("region_origin", &self.region_origin())
            .field("cache", &self.cache())
            .field("total", &self.total())
            .field("http", &self.http())
            .field("credential", &self.credential())
            .finish()
    }
}
