//! Let some time pass before the second attempt, which begins where the credential is made (rule 12).

use std::time::Duration;

use crate::time::Now;

use super::{Attempt, Flow, Step, material};

/// Wait until [`until`](Self::until).
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct Pause {
    flow: Box<Flow>,
    until: Duration,
    wait: Duration,
}

pub(super) fn enter(flow: Box<Flow>, until: Duration, now: Now) -> Step {
    Step::Pause(Pause {
        flow,
        until,
        wait: until.saturating_sub(now.monotonic()),
    })
}

impl Pause {
    /// When to come back, on the monotonic clock.
    #[must_use]
    pub fn until(&self) -> Duration {
        self.until
    }

    /// How long that was from the moment of asking.
    #[must_use]
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// Goes on: asks and signs anew. Coming back early is harmless and gives the same pause again.
    pub fn resume(self, now: Now) -> Step {
        if now.monotonic() < self.until {
            return enter(self.flow, self.until, now);
        }
        let mut flow = self.flow;
        flow.attempt = Attempt::Last;
        material::enter(flow, None, now)
    }
}
