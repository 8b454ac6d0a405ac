//! What a hit can't do without, alone: no bound below it can be met with these parts.

use std::fmt;
use std::hint::black_box;

#[cfg(target_os = "linux")]
use arc_swap::ArcSwap;
#[cfg(target_os = "linux")]
use rustix::time::{ClockId, clock_gettime};

use crate::sampler::Subject;
use crate::world::{Scattered, TEXT};

/// The parts of a held source: a slot whose value may be exchanged at any time is loaded and let go of, the two cheapest clocks of the
/// kernel are read, since a token ends by both (I17), and each is compared with what is known beforehand.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct HeldParts(ArcSwap<Ends>);

/// In whole seconds of the kernel's clocks.
#[cfg(target_os = "linux")]
#[derive(Debug)]
struct Ends {
    wall: i64,
    monotonic: i64,
}

#[cfg(target_os = "linux")]
impl Default for HeldParts {
    fn default() -> Self {
        Self(ArcSwap::from_pointee(Ends {
            wall: i64::MAX,
            monotonic: i64::MAX,
        }))
    }
}

#[cfg(target_os = "linux")]
impl Subject for HeldParts {
    fn run(&mut self, times: u64) {
        let slot = black_box(&self.0);
        for _ in 0..times {
            let held = slot.load();
            let monotonic = clock_gettime(ClockId::MonotonicCoarse).tv_sec;
            let wall = clock_gettime(ClockId::RealtimeCoarse).tv_sec;
            assert!(wall < held.wall && monotonic < held.monotonic);
            black_box(held);
        }
    }
}

/// A load from memory that has to wait for the one before, among so many entries of a token's size.
pub(super) struct Load {
    /// Each begins with the number of the next.
    entries: Vec<[u64; ENTRY]>,
    place: u64,
}

/// A token's text, and what is beside it.
const ENTRY: usize = TEXT / 8 + 16;

impl Load {
    pub(super) fn new(entries: usize) -> Self {
        let mut order = Scattered::over(entries);
        let mut chain = vec![[0; ENTRY]; entries];
        let mut place = order.number();
        for _ in 0..entries {
            let next = order.number();
            chain[place].fill(next as u64);
            place = next;
        }
        Self {
            entries: chain,
            place: 0,
        }
    }
}

impl Subject for Load {
    fn run(&mut self, times: u64) {
        for _ in 0..times {
            self.place = black_box(self.entries[self.place as usize][0]);
        }
    }
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Load").field(&self.entries.len()).finish()
    }
}
