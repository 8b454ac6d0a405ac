//! Look into the cache: for the token first, before anybody is asked for anything (rule 4); later for notes about the region,
//! the host and throttling. A cache that can't be read is an empty cache.

use std::sync::Arc;

use crate::cache::{Note, Partition, PartitionKey, ScopeSet, Wanted};
use crate::error::{Code, Error, Failure};
use crate::metadata::CacheOutcome;
use crate::plan::Reading;
use crate::time::Now;

use super::material::{Held, Prepared};
use super::{Flow, Step, discover_instance, discover_region, done, material, take_turn, throttle};

/// Fetch what is remembered under [`key`](Self::key).
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct LoadCache {
    flow: Box<Flow>,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    /// Under the certificate that the driver offered, before the provider is asked.
    Offered(PartitionKey),
    /// Before the turn.
    First(Option<Held>),
    /// With the turn: whoever had it before may have fetched the token.
    WithTurn(Option<Held>),
    /// With the turn, after the provider named another certificate than before.
    Renamed(Held),
    /// No access token of the account serves: is there a refresh token?
    RefreshToken(PartitionKey, Option<Held>),
    Region(PartitionKey, Held, Look),
    Instance(PartitionKey, Prepared, Look),
    Throttle(Prepared),
}

impl Purpose {
    fn is_for_token(&self) -> bool {
        match self {
            Self::Offered(_) | Self::First(_) | Self::WithTurn(_) | Self::Renamed(_) => true,
            Self::RefreshToken(..) | Self::Region(..) | Self::Instance(..) | Self::Throttle(_) => {
                false
            }
        }
    }
}

/// Which look for a fact it is: with the turn there is no other to wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    First,
    WithTurn,
}

fn step(flow: Box<Flow>, purpose: Purpose) -> Step {
    Step::LoadCache(LoadCache { flow, purpose })
}

/// Under a certificate that was offered; it is forgotten again whatever comes of it.
pub(super) fn offered(flow: Box<Flow>, key: PartitionKey) -> Step {
    step(flow, Purpose::Offered(key))
}

/// Requests that bypass reading go on to queue, and those that nobody can share go on alone.
pub(super) fn enter(mut flow: Box<Flow>, held: Option<Held>, now: Now) -> Step {
    match flow.decided().reading {
        Reading::Cache => step(flow, Purpose::First(held)),
        Reading::Bypass => {
            flow.looked = CacheOutcome::Bypassed;
            take_turn::enter(flow, held)
        }
        Reading::Never => {
            flow.looked = CacheOutcome::Bypassed;
            material::enter(flow, held, now)
        }
    }
}

pub(super) fn with_turn(flow: Box<Flow>, held: Option<Held>) -> Step {
    step(flow, Purpose::WithTurn(held))
}

/// Before the credential is made: a request for an account goes on only if there is something to redeem.
pub(super) fn missed(flow: Box<Flow>, held: Option<Held>, now: Now) -> Step {
    let refresh_token = flow
        .key
        .refresh_token()
        .filter(|_| flow.refresh_token.is_none());
    match refresh_token {
        Some(key) => step(flow, Purpose::RefreshToken(key, held)),
        None => material::enter(flow, held, now),
    }
}

pub(super) fn renamed(flow: Box<Flow>, held: Held) -> Step {
    step(flow, Purpose::Renamed(held))
}

pub(super) fn region(flow: Box<Flow>, key: PartitionKey, held: Held, look: Look) -> Step {
    step(flow, Purpose::Region(key, held, look))
}

pub(super) fn instance(flow: Box<Flow>, key: PartitionKey, prepared: Prepared, look: Look) -> Step {
    step(flow, Purpose::Instance(key, prepared, look))
}

pub(super) fn throttle(flow: Box<Flow>, prepared: Prepared) -> Step {
    step(flow, Purpose::Throttle(prepared))
}

impl LoadCache {
    /// Where to look.
    #[must_use]
    pub fn key(&self) -> &PartitionKey {
        match &self.purpose {
            Purpose::First(_) | Purpose::WithTurn(_) | Purpose::Renamed(_) => &self.flow.key,
            Purpose::Offered(key)
            | Purpose::RefreshToken(key, _)
            | Purpose::Region(key, ..)
            | Purpose::Instance(key, ..) => key,
            Purpose::Throttle(prepared) => &prepared.way.throttle,
        }
    }

    pub(crate) fn scopes(&self) -> &ScopeSet {
        &self.flow.decided().about.scopes
    }

    /// Goes on with what was found.
    pub fn resume(self, found: Result<Partition, Failure>, now: Now) -> Step {
        let found = found.unwrap_or_default();
        let mut flow = self.flow;
        let wanted = match flow.decided().reading {
            Reading::Bypass | Reading::Never => Wanted::Since(flow.began),
            Reading::Cache => flow.plan.wanted(),
        };
        if self.purpose.is_for_token() {
            flow.looked = found.why_not(&flow.decided().about.scopes, wanted);
        }
        let hit = || found.find(&flow.decided().about.scopes, wanted, now);
        match self.purpose {
            Purpose::Offered(key) => match hit() {
                Some(entry) => done::remembered(&flow, entry, now),
                None => material::name_key(flow, Some(key), now),
            },
            Purpose::First(held) => match hit() {
                Some(entry) => done::remembered(&flow, entry, now),
                None => take_turn::enter(flow, held),
            },
            Purpose::WithTurn(held) => match hit() {
                Some(entry) => done::remembered(&flow, entry, now),
                None => missed(flow, held, now),
            },
            Purpose::RefreshToken(_, held) => match found.note().map(Arc::as_ref) {
                Some(Note::RefreshToken(token, span)) if !span.left(now).is_zero() => {
                    flow.refresh_token = Some(token.clone());
                    material::enter(flow, held, now)
                }
                Some(_) | None => {
                    let error = Error::new(
                        Code::NoTokensFound,
                        "neither a token nor a refresh token of this account is remembered",
                    );
                    done::failed(&flow, error, now)
                }
            },
            Purpose::Renamed(held) => match hit() {
                Some(entry) => done::remembered(&flow, entry, now),
                None => material::go_on(flow, held, now),
            },
            Purpose::Region(key, held, look) => {
                discover_region::looked(flow, key, held, found.note(), look, now)
            }
            Purpose::Instance(key, prepared, look) => {
                discover_instance::looked(flow, key, prepared, found.note(), look, now)
            }
            Purpose::Throttle(prepared) => throttle::looked(flow, prepared, found.note(), now),
        }
    }
}
