//! How a flow went: the same facts beside a token and beside an error, for logs and metrics. No secret is among them.

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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    pub(crate) correlation_id: Option<Uuid>,
    pub(crate) attempts: u8,
    pub(crate) token_endpoint: Option<Arc<str>>,
    pub(crate) region: Option<Region>,
    pub(crate) region_origin: RegionOrigin,
    pub(crate) cache: CacheOutcome,
    pub(crate) total: Duration,
    pub(crate) http: Duration,
    pub(crate) credential: Duration,
}

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

impl Metadata {
    /// Of a flow that found a token at its first look and took no time.
    pub(crate) fn of_hit(correlation_id: Option<Uuid>, region: Option<Region>) -> Self {
        Self {
            correlation_id,
            attempts: 0,
            token_endpoint: None,
            region,
            region_origin: RegionOrigin::None,
            cache: CacheOutcome::Hit,
            total: Duration::ZERO,
            http: Duration::ZERO,
            credential: Duration::ZERO,
        }
    }

    /// The id under which the service logs the request; none for a token that was remembered, of which the service knows nothing,
    /// unless the caller gave one.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        self.correlation_id.as_ref().map(Uuid::as_str)
    }

    /// How many token requests were sent: 0 for a hit, 2 at most.
    #[must_use]
    pub fn attempts(&self) -> u8 {
        self.attempts
    }

    /// The URL of the latest token request, without parameters of the caller's own; none if none was sent.
    #[must_use]
    pub fn token_endpoint(&self) -> Option<&str> {
        self.token_endpoint.as_deref()
    }

    /// The region of that request, or the one that the remembered token came from.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// How the question of the region was settled, if it came to that.
    #[must_use]
    pub fn region_origin(&self) -> RegionOrigin {
        self.region_origin
    }

    /// What came of looking into the cache.
    #[must_use]
    pub fn cache(&self) -> CacheOutcome {
        self.cache
    }

    /// From the start of the flow to its end, by the driver's monotonic clock; waits for others included.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.total
    }

    /// The part of it that requests over HTTP took: all attempts, discovery included.
    #[must_use]
    pub fn http(&self) -> Duration {
        self.http
    }

    /// The part of it that providers and signers took.
    #[must_use]
    pub fn credential(&self) -> Duration {
        self.credential
    }
}
