//! The size of a process: what it holds while a million tenants pass through a memory that has a budget.

use std::fs;

use entra_proto::Limits;
use serde::{Deserialize, Serialize};

use crate::driver::Driver;
use crate::world::{self, TEXT};

/// What the system says of a process that has fetched tokens for many tenants.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Resident {
    /// The most that was ever resident, in KiB; nought where the system does not say.
    pub peak: u64,
    /// What was resident before, in KiB.
    pub before: u64,
    /// How many tokens are held in the end.
    pub entries: usize,
}

/// Fetches a token for each of so many tenants, with a budget of so many MiB.
///
/// # Panics
/// If a token is refused, which it is not.
#[must_use]
pub fn fill(tenants: usize, mebibytes: usize) -> Resident {
    let before = status("VmRSS:");
    let mut driver = Driver::new(Limits {
        entries: usize::MAX,
        bytes: mebibytes * 1_024 * 1_024,
    });
    for number in 0..tenants {
        let plan = world::plan(world::in_tenant(number), driver.client());
        driver.remember(&plan, TEXT);
    }
    Resident {
        peak: status("VmHWM:"),
        before,
        entries: driver.len(),
    }
}

/// What is resident now, in KiB; nought where the system does not say.
#[must_use]
pub fn now() -> u64 {
    status("VmRSS:")
}

/// How many file descriptors are open; nought where the system does not say.
#[must_use]
pub fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1))
}

fn status(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_much_for_the_budget_is_let_go() {
        let resident = fill(1_000, 1);
        assert!((1..600).contains(&resident.entries), "{resident:?}");
        if cfg!(target_os = "linux") {
            assert!(resident.peak >= resident.before && resident.before > 0 && descriptors() > 0);
        }
    }
}
