//! Every order in which a few threads can meet over what the flows of a client share: the sources of the adapters themselves,
//! compiled against loom's locks, which fail on a deadlock, on a wait that nobody ends and on anything that is never dropped.
//!
//! Two forced switches between threads are tried at most, wherever they fall; `LOOM_MAX_PREEMPTIONS` sets another number.

#![forbid(unsafe_code)]

mod channel;
mod connections;
mod flows;
mod queue;

/// In place of `src/sync.rs`.
mod sync {
    pub(crate) use std::sync::PoisonError;

    pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};

    /// Two, so that keys meet in one or do not.
    pub(crate) const PARTS: usize = 2;
}

#[path = "../../src/turns.rs"]
#[allow(
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "here it is nobody's interface"
)]
mod turns;

#[path = "../../src/parts.rs"]
#[allow(
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "here it is nobody's interface, and the adapters use the rest"
)]
mod parts;

#[path = "../../src/renewals.rs"]
#[allow(
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "here it is nobody's interface, and the adapters use the rest"
)]
mod renewals;

#[path = "../../src/state.rs"]
#[allow(
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "here it is nobody's interface, and the adapters use the rest"
)]
mod state;

#[path = "../../src/identities.rs"]
#[allow(
    dead_code,
    unfulfilled_lint_expectations,
    unreachable_pub,
    reason = "here it is nobody's interface, and the adapters use the rest"
)]
mod identities;

// What these need besides; threads share nothing of it that changes.
mod build {
    pub(crate) use entra_adapter::BuildError;

    pub(crate) fn check_needs(
        _: &entra_proto::Client,
        _: &[entra_adapter::ClientIdentity],
        _: bool,
        _: bool,
    ) -> Result<(), BuildError> {
        Ok(())
    }
}
mod metrics {
    pub(crate) use entra_adapter::Metrics;
}
mod spans {
    pub(crate) use entra_adapter::spans::Exchanging;
}
mod slot {
    pub(crate) use entra_adapter::Slots;
}
mod clock {
    pub(crate) use entra_adapter::Clock;
}
mod failure {
    pub(crate) use entra_adapter::missing;
}
mod identity {
    pub(crate) use entra_adapter::ClientIdentity;
}
mod network {
    pub(crate) use entra_adapter::Network;
}
mod observe {
    pub(crate) use entra_adapter::{Event, Observer};
}

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::thread::JoinHandle;

/// Tries every interleaving, and says how many there were. Threads that do not meet have one, which would show nothing.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = builder.preemption_bound.or(Some(2));
    let tried = std::sync::Arc::new(AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&tried);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let tried = tried.load(Ordering::Relaxed);
    println!("{tried} interleavings");
    assert!(tried > 10);
}

/// A thread with room for a flow of the core; loom's own have 32 KiB.
fn spawn<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    const WORDS: usize = 64 * 1_024;
    let thread = loom::thread::Builder::new().stack_size(WORDS);
    thread.spawn(body).expect("fewer threads than loom allows")
}
