//! A row of the fault matrix: what is expected of a fault. It runs by every way that a request can travel and with every state of
//! the memory, all at once.

use std::collections::BTreeSet;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use entra_adapter::Network;

use super::bench::Bench;
use super::case::Case;
use crate::Driver;
use crate::looking::{Looking, forms};

/// A limit that is waited for: three times what the slowest call has taken of late, so that a machine that does other things too is
/// not taken for a fault.
pub(super) fn short() -> Duration {
    let slowest = Duration::from_millis(SLOWEST.load(Ordering::Relaxed));
    (3 * slowest).clamp(Duration::from_millis(1_500), Duration::from_secs(6))
}

/// How long a call took that had nothing to wait for. Each makes those before it count a little less.
pub(super) fn took(time: Duration) {
    let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let forget = |slowest: u64| Some(time.max(slowest - slowest / 64));
    let _ = SLOWEST.fetch_update(Ordering::Relaxed, Ordering::Relaxed, forget);
}

static SLOWEST: AtomicU64 = AtomicU64::new(0);

/// How much longer than what it waits for a call may take on such a machine. What hangs takes ten seconds more, the shortest limit
/// that no row sets.
const SLACK: Duration = Duration::from_secs(5);

/// How a request travels.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// A secret, over TLS 1.2.
    Secret,
    /// An assertion of our own, over TLS 1.3.
    Signed,
    /// A provider's pair, over mutual TLS 1.2.
    Pair,
    /// A certificate that asks for proof of possession, over mutual TLS 1.3.
    Pop,
}

/// All of them.
pub(super) const EVERY_WAY: &[Way] = &[Way::Secret, Way::Signed, Way::Pair, Way::Pop];
/// With a client certificate.
pub(super) const MUTUAL: &[Way] = &[Way::Pair, Way::Pop];

/// What is remembered when the fault comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Memory {
    /// Nothing that serves.
    Cold,
    /// A token, which the call does not want.
    Warm,
    /// A token that is due for renewal.
    Due,
}

/// How a flight ends that meets the fault.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ends {
    With(&'static str),
    WithToken,
}

/// What is expected of a fault.
#[must_use]
pub(super) struct Row {
    pub(super) ends: Ends,
    pub(super) attempts: usize,
    pub(super) requests: usize,
    pub(super) connections: usize,
    pub(super) ways: &'static [Way],
    pub(super) deadline: Duration,
    pub(super) waits: Duration,
    pub(super) network: Box<dyn Fn(Network) -> Network + Send + Sync>,
    pub(super) limited: bool,
    pub(super) trusting: String,
    pub(super) reusable: bool,
    pub(super) kept_alive: bool,
    pub(super) saves: usize,
    pub(super) throttled: bool,
    pub(super) hidden: &'static str,
    pub(super) unsaid: &'static str,
}

impl Row {
    /// The call ends with that code after so many attempts, each with a whole request over a connection of its own.
    pub(super) fn fails(code: &'static str, attempts: usize) -> Self {
        Self {
            ends: Ends::With(code),
            attempts,
            requests: attempts,
            connections: attempts,
            ways: EVERY_WAY,
            deadline: Duration::from_secs(24),
            waits: Duration::ZERO,
            network: Box::new(|network| network),
            limited: false,
            trusting: String::new(),
            reusable: false,
            kept_alive: false,
            saves: 0,
            throttled: false,
            hidden: "",
            unsaid: "",
        }
    }

    /// The second attempt brings a token.
    pub(super) fn recovers() -> Self {
        Self {
            ends: Ends::WithToken,
            saves: 1,
            ..Self::fails("", 2)
        }
    }

    /// The first attempt brings a token, as if nothing had been.
    pub(super) fn unnoticed() -> Self {
        Self {
            ends: Ends::WithToken,
            saves: 1,
            ..Self::fails("", 1)
        }
    }

    /// By these ways only.
    pub(super) fn over(self, ways: &'static [Way]) -> Self {
        Self { ways, ..self }
    }

    /// So many requests come in whole.
    pub(super) fn requests(self, requests: usize) -> Self {
        Self { requests, ..self }
    }

    /// So many connections are made.
    pub(super) fn connections(self, connections: usize) -> Self {
        Self {
            connections,
            ..self
        }
    }

    /// The call has so long, and takes it.
    pub(super) fn deadline(self, deadline: Duration) -> Self {
        Self {
            deadline,
            waits: deadline,
            ..self
        }
    }

    /// Limits that are waited for, or what the service asks for, take so long together; anything longer is a hang.
    pub(super) fn waits(self, waits: Duration) -> Self {
        Self { waits, ..self }
    }

    /// The network has a short limit.
    pub(super) fn limiting(
        self,
        network: impl Fn(Network) -> Network + Send + Sync + 'static,
    ) -> Self {
        Self {
            network: Box::new(network),
            limited: true,
            ..self
        }
    }

    /// How many attempts the next call may need: one, but for a short limit, which a machine that is very busy may not keep.
    pub(super) fn next_attempts(&self) -> usize {
        if self.limited { 2 } else { 1 }
    }

    /// The client trusts that authority too (PEM).
    pub(super) fn trusting(self, trusting: String) -> Self {
        Self { trusting, ..self }
    }

    /// The answers are whole, so all requests go over one connection.
    pub(super) fn reusable(self) -> Self {
        Self {
            reusable: true,
            connections: 1,
            ..self
        }
    }

    /// The connections of before are still open when the fault comes.
    pub(super) fn kept_alive(self) -> Self {
        Self {
            kept_alive: true,
            ..self
        }
    }

    /// The service asks to be left alone for a second or two, which is remembered each time that it is said.
    pub(super) fn throttled(self, times: usize) -> Self {
        Self {
            throttled: true,
            saves: self.saves + times,
            ..self
        }
    }

    /// That text is in the answer, and must not be anywhere else.
    pub(super) fn hiding(self, hidden: &'static str) -> Self {
        Self { hidden, ..self }
    }

    /// That text is in the answer, and must not be in any event or error, whatever other crates log.
    pub(super) fn not_saying(self, unsaid: &'static str) -> Self {
        Self { unsaid, ..self }
    }

    /// How long the fault may take; anything longer is a hang.
    pub(super) fn patience(&self) -> Duration {
        // The pause before the second attempt takes two seconds at most.
        let pause = Duration::from_secs(if self.attempts == 2 { 2 } else { 0 });
        self.deadline.min(pause + self.waits) + SLACK
    }

    /// Runs the row in every case; `inject` puts the fault in place.
    pub(super) fn run<D: Driver>(self, inject: impl Fn(&Bench) + Sync) {
        let looking = Looking::begin();
        let cases = self
            .ways
            .iter()
            .flat_map(|&way| [Memory::Cold, Memory::Warm, Memory::Due].map(|memory| (way, memory)));
        let found = Mutex::new((String::new(), vec![self.hidden.to_owned()]));
        thread::scope(|scope| {
            let threads: Vec<_> = cases
                .map(|case| {
                    let (row, inject, found) = (&self, &inject, &found);
                    let run = move || Case::new(row, case).run::<D>(inject, found);
                    (case, scope.spawn(run))
                })
                .collect();
            for (case, thread) in threads {
                if let Err(panic) = thread.join() {
                    eprintln!("in the case {case:?}");
                    resume_unwind(panic);
                }
            }
        });
        let (printed, secrets) = found.into_inner().unwrap();
        assert!(self.unsaid.is_empty() || !printed.contains(self.unsaid));
        let everything = looking.text() + &printed;
        assert!(
            everything.contains("SendRequest"),
            "N5: there is something to search"
        );
        let forms: BTreeSet<_> = secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .flat_map(|secret| forms(secret))
            .collect();
        if let Some(found) = AhoCorasick::new(&forms).unwrap().find(&everything) {
            // Test secrets are nobody's, so the line may be shown.
            let from = everything[..found.start()].rfind('\n').unwrap_or(0);
            let to = everything[found.end()..].find('\n').unwrap_or(0);
            panic!("N5: printed: {}", &everything[from..found.end() + to]);
        }
    }
}

/// Runs several rows at once: most of their time is waiting.
pub(super) fn side_by_side(rows: &[&(dyn Fn() + Sync)]) {
    thread::scope(|scope| {
        let threads: Vec<_> = rows.iter().map(|row| scope.spawn(row)).collect();
        for thread in threads {
            if let Err(panic) = thread.join() {
                resume_unwind(panic);
            }
        }
    });
}
