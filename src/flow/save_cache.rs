//! Remember something: the token before it is handed out, or a note. A cache that can't be written does not spoil the flow.

use std::time::Duration;

use crate::cache::{CacheUpdate, PartitionKey};
use crate::error::{Error, Failure};
use crate::time::Now;
use crate::token::AccessToken;

use super::material::{Held, Prepared};
use super::{Flow, Settled, Step, Vetted, discover_instance, discover_region, done};

/// Apply [`update`](Self::update) to what is remembered under [`key`](Self::key).
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct SaveCache {
    key: PartitionKey,
    update: CacheUpdate,
    then: Then,
}

enum Then {
    /// The user's refresh token is saved; the access token is next, if it is to be. Boxed, since few flows have one, and all steps
    /// are as large as the largest.
    RefreshToken(Box<Option<(PartitionKey, CacheUpdate)>>, AccessToken, Now),
    Granted(AccessToken, Now),
    Region(Box<Flow>, Held, Settled),
    Instance(Box<Flow>, Prepared, Vetted),
    Refused(Box<Flow>, After),
}

/// What follows a refusal.
pub(super) enum After {
    Fail(Error),
    TryAgain { until: Duration },
}

/// The refresh token first, so that the save which gives the turn back is the last.
pub(super) fn granted(
    flow: &Flow,
    refresh_token: Option<(PartitionKey, CacheUpdate)>,
    entry: Option<(PartitionKey, CacheUpdate)>,
    token: AccessToken,
) -> Step {
    match refresh_token {
        Some((key, update)) => Step::SaveCache(SaveCache {
            key,
            update,
            then: Then::RefreshToken(Box::new(entry), token, flow.began),
        }),
        None => access_token(entry, token, flow.began),
    }
}

fn access_token(
    entry: Option<(PartitionKey, CacheUpdate)>,
    token: AccessToken,
    began: Now,
) -> Step {
    match entry {
        Some((key, update)) => Step::SaveCache(SaveCache {
            key,
            update,
            then: Then::Granted(token, began),
        }),
        None => done::granted(token),
    }
}

pub(super) fn region(
    flow: Box<Flow>,
    key: PartitionKey,
    update: CacheUpdate,
    held: Held,
    settled: Settled,
) -> Step {
    Step::SaveCache(SaveCache {
        key,
        update,
        then: Then::Region(flow, held, settled),
    })
}

pub(super) fn instance(
    flow: Box<Flow>,
    key: PartitionKey,
    update: CacheUpdate,
    prepared: Prepared,
    vetted: Vetted,
) -> Step {
    Step::SaveCache(SaveCache {
        key,
        update,
        then: Then::Instance(flow, prepared, vetted),
    })
}

pub(super) fn throttle(
    flow: Box<Flow>,
    key: PartitionKey,
    update: CacheUpdate,
    after: After,
) -> Step {
    Step::SaveCache(SaveCache {
        key,
        update,
        then: Then::Refused(flow, after),
    })
}

impl SaveCache {
    /// Where it is remembered.
    #[must_use]
    pub fn key(&self) -> &PartitionKey {
        &self.key
    }

    /// What changes there.
    #[must_use]
    pub fn update(&self) -> &CacheUpdate {
        &self.update
    }

    /// Whether what the flow took its latest turn for is done with this: the driver then gives that turn back, and whoever
    /// waited for it finds the answer in the cache while this flow goes on.
    #[must_use]
    pub fn ends_turn(&self) -> bool {
        match self.then {
            Then::Granted(..) | Then::Region(..) | Then::Instance(..) => true,
            Then::Refused(..) | Then::RefreshToken(..) => false,
        }
    }

    /// Goes on, whether it could be written or not.
    pub fn resume(self, _saved: Result<(), Failure>, now: Now) -> Step {
        match self.then {
            Then::RefreshToken(entry, mut token, began) => {
                token.metadata = token.metadata.taking(now.since(began));
                access_token(*entry, token, began)
            }
            Then::Granted(mut token, began) => {
                token.metadata = token.metadata.taking(now.since(began));
                done::granted(token)
            }
            Then::Region(flow, held, settled) => discover_region::settle(flow, held, settled, now),
            Then::Instance(flow, prepared, vetted) => {
                discover_instance::settle(flow, prepared, vetted, now)
            }
            Then::Refused(flow, after) => after.go_on(flow, now),
        }
    }
}

impl std::fmt::Debug for Then {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::RefreshToken(..) => "save the token",
            Self::Granted(..) => "hand the token out",
            Self::Region(..) => "go on with the region",
            Self::Instance(..) => "go on with the endpoint",
            Self::Refused(..) => "go on after the refusal",
        })
    }
}
