//! Renewals: which of those that flows offer are worth running. Whoever asks while a token gets old is offered one, every time.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use crate::error::Error;
use crate::plan::Plan;
use crate::time::Now;
use crate::token::AccessToken;

use super::flight::FlightKey;

/// How long after one began the next may begin, in seconds; doubled by each in a row that failed but the first.
const APART: u64 = 1;
/// At most so many times: 32 seconds. Azure Identity for Python waits half a minute (`DEFAULT_TOKEN_REFRESH_RETRY_DELAY`).
const MOST_DOUBLED: u32 = 5;

/// Which renewals go on and which began a short while ago, for drivers that run in the background what
/// [`Done::take_renewal`](crate::Done::take_renewal) offers: of each token one at a time and a second apart at least, or up to 32 after
/// several that failed. Else a busy process would start a flow for each call while one goes on, and ask a service that refuses it without
/// a pause. A plain value, to be held behind whatever lock suits.
///
/// ```
/// use std::time::Duration;
/// use entra_proto::{Client, Credential, Error, Now, Renewals, Secret, TokenRequest};
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let at = |seconds| Now::new(Duration::from_secs(1_798_761_600 + seconds), Duration::from_secs(seconds));
/// let offered = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let mut renewals = Renewals::default();
/// assert!(renewals.begin(&offered, at(0)));
/// // It goes on, however long it takes; and those that fail are repeated less and less often.
/// assert!(!renewals.begin(&offered, at(40)));
/// renewals.end(&offered, &Err(Error::deadline_passed()));
/// assert!(renewals.begin(&offered, at(40)));
/// renewals.end(&offered, &Err(Error::deadline_passed()));
/// assert!(!renewals.begin(&offered, at(41)) && renewals.begin(&offered, at(42)));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Renewals {
    stages: HashMap<FlightKey, Stage>,
    /// With so many, those that say nothing any more are let go of.
    room: usize,
}

#[derive(Clone, Copy)]
struct Stage {
    goes_on: bool,
    /// On the monotonic clock.
    began: Duration,
    /// How many have failed in a row.
    failed: u32,
}

impl Renewals {
    /// Whether to run a renewal that a flow offered. Then it goes on until it is said to [`end`](Self::end).
    #[must_use]
    pub fn begin(&mut self, offered: &Plan, now: Now) -> bool {
        let (key, now) = (offered.flight_key(), now.monotonic());
        let before = self.stages.get(&key);
        if before.is_some_and(|stage| stage.counts(now)) {
            return false;
        }
        let stage = Stage {
            goes_on: true,
            began: now,
            failed: before.map_or(0, |stage| stage.failed),
        };
        if self.stages.len() >= self.room {
            self.stages.retain(|_, stage| stage.counts(now));
            self.room = self.stages.len().saturating_mul(2).max(16);
        }
        self.stages.insert(key, stage);
        true
    }

    /// It is over, and this came of it.
    pub fn end(&mut self, offered: &Plan, result: &Result<AccessToken, Error>) {
        if let Some(stage) = self.stages.get_mut(&offered.flight_key()) {
            stage.goes_on = false;
            stage.failed = match result {
                Ok(_) => 0,
                Err(_) => stage.failed.saturating_add(1),
            };
        }
    }
}

impl Stage {
    /// Whether no other begins.
    fn counts(&self, now: Duration) -> bool {
        let doubled = self.failed.saturating_sub(1).min(MOST_DOUBLED);
        let apart = Duration::from_secs(APART << doubled);
        self.goes_on || now < self.began.saturating_add(apart)
    }
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewals")
            .field("known", &self.stages.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Beside, samples};
    use super::*;
    use crate::metadata::Hit;
    use crate::{Client, Credential, Secret, TokenRequest};

    fn plan(scope: &str) -> Plan {
        let secret = Credential::secret(Secret::new("s"));
        let client = Client::builder("c", "https://login.microsoftonline.com/contoso.com", secret);
        let client = client.build().expect("a client");
        let request = TokenRequest::for_app([scope]);
        request.plan(&client).expect("a plan")
    }

    fn at(seconds: u64) -> Now {
        let began = Duration::from_secs(1_798_761_600);
        Now::new(began, Duration::from_secs(seconds))
    }

    fn token() -> AccessToken {
        let entry = samples::entry("a", at(0), None, Beside::default());
        AccessToken::remembered(entry.held(), Hit::under(None).in_region(None), at(0))
    }

    fn failed() -> Result<AccessToken, Error> {
        Err(Error::deadline_passed())
    }

    #[test]
    fn run06_of_each_token_one_renewal_goes_on_however_long_it_takes() {
        let (mut renewals, one, other) = (Renewals::default(), plan("a"), plan("b"));
        assert!(renewals.begin(&one, at(0)));
        for seconds in [0, 1, 32, 3_000] {
            assert!(!renewals.begin(&one, at(seconds)));
        }
        assert!(renewals.begin(&other, at(0)));
        renewals.end(&one, &failed());
        assert!(renewals.begin(&one, at(3_000)) && !renewals.begin(&other, at(3_000)));
    }

    #[test]
    fn run07_those_that_fail_are_tried_again_less_and_less_often() {
        let (mut renewals, plan) = (Renewals::default(), plan("a"));
        let mut began = 0;
        for apart in [1, 2, 4, 8, 16, 32, 32, 32] {
            assert!(renewals.begin(&plan, at(began)));
            renewals.end(&plan, &failed());
            assert!(
                !renewals.begin(&plan, at(began)) && !renewals.begin(&plan, at(began + apart - 1))
            );
            began += apart;
        }
        // One that does not fail is followed by another as soon as a service says that it wants that.
        for _ in 0..2 {
            assert!(renewals.begin(&plan, at(began)));
            renewals.end(&plan, &Ok(token()));
            assert!(!renewals.begin(&plan, at(began)));
            began += 1;
        }
    }

    #[test]
    fn what_says_nothing_any_more_takes_no_room() {
        let (mut renewals, goes_on) = (Renewals::default(), plan("goes on"));
        assert!(renewals.begin(&goes_on, at(0)));
        assert_eq!(format!("{renewals:?}"), "Renewals { known: 1 }");
        for number in 0..1_000 {
            let plan = plan(&format!("s{number}"));
            assert!(renewals.begin(&plan, at(number)));
            renewals.end(&plan, &failed());
            assert!(renewals.stages.len() <= 17, "{renewals:?}");
        }
        assert!(!renewals.begin(&goes_on, at(40_000)));
        // One that nobody began ends without a trace.
        renewals.end(&plan("never begun"), &failed());
        assert!(renewals.begin(&plan("never begun"), at(0)));
    }
}
