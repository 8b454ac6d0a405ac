//! What a look-up among very many can't do without, alone.

use std::fmt;
use std::hint::black_box;

use crate::sampler::Subject;
use crate::world::{Scattered, TEXT};

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
