//! Wait for whoever fetches the same: one request in flight for each key. Waiting is I/O, so it is a step.

use crate::cache::{FlightKey, PartitionKey};
use crate::error::Error;
use crate::plan::Reading;
use crate::time::Now;

use super::load_cache::Look;
use super::material::{Held, Prepared};
use super::{Flow, Step, done, load_cache};

/// Wait until nobody else is fetching under [`key`](Self::key), and keep the turn from then on.
///
/// The driver gives the turn back when the flow is [`Done`](super::Done), telling whoever waited if it failed; when the flow is
/// dropped, as if nobody had had it; and before that when [`SaveCache::ends_turn`](super::SaveCache::ends_turn) says so. A flow
/// that has one turn may take a second one, always in the same order, so that no two flows wait for each other.
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct TakeTurn {
    flow: Box<Flow>,
    key: FlightKey,
    purpose: Purpose,
}

#[derive(Debug)]
enum Purpose {
    Token(Option<Held>),
    Region(PartitionKey, Held),
    Instance(PartitionKey, Prepared),
}

/// How the wait went.
///
/// What the loop of the [crate's documentation](crate) answers [`TakeTurn`] with.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a new answer would be a new question"
)]
pub enum Turn {
    /// Nobody was ahead: the turn is this flow's.
    Mine,
    /// Somebody was, and is over: the turn is this flow's now, and the cache may hold the answer.
    Waited,
    /// Somebody was, and ended with this error, which is this flow's too. The turn is nobody's.
    Failed(Error),
}

pub(super) fn enter(flow: Box<Flow>, held: Option<Held>) -> Step {
    let key = flow.plan.flight(&flow.key);
    Step::TakeTurn(TakeTurn {
        flow,
        key,
        purpose: Purpose::Token(held),
    })
}

pub(super) fn region(flow: Box<Flow>, key: PartitionKey, held: Held) -> Step {
    Step::TakeTurn(TakeTurn {
        flow,
        key: FlightKey::fact(key.clone()),
        purpose: Purpose::Region(key, held),
    })
}

pub(super) fn instance(flow: Box<Flow>, key: PartitionKey, prepared: Prepared) -> Step {
    Step::TakeTurn(TakeTurn {
        flow,
        key: FlightKey::fact(key.clone()),
        purpose: Purpose::Instance(key, prepared),
    })
}

impl TakeTurn {
    /// What to queue for. Equal keys, equal answer.
    #[must_use]
    pub fn key(&self) -> &FlightKey {
        &self.key
    }

    /// Goes on. With the turn the cache is looked at again even if nobody was ahead: a flight may have ended between the first
    /// look and now. Requests that bypass reading take only what was fetched while they waited.
    pub fn resume(self, turn: Turn, now: Now) -> Step {
        let flow = self.flow;
        let waited = match turn {
            Turn::Failed(error) => return done::failed(&flow, error, now),
            Turn::Mine => false,
            Turn::Waited => true,
        };
        match self.purpose {
            Purpose::Token(held) if waited || flow.decided().reading == Reading::Cache => {
                load_cache::with_turn(flow, held)
            }
            Purpose::Token(held) => load_cache::missed(flow, held, now),
            Purpose::Region(key, held) => load_cache::region(flow, key, held, Look::WithTurn),
            Purpose::Instance(key, prepared) => {
                load_cache::instance(flow, key, prepared, Look::WithTurn)
            }
        }
    }
}
