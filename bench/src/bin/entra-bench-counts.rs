//! Counts allocations: of each subject's call, and of a memory's entries. Prints JSON.
//!
//! A binary of its own, since an allocator that counts takes time, which would be charged to whoever allocates.

#![forbid(unsafe_code)]

use std::alloc::System;

use entra_bench::counts::{Counted, allocations, held, per_entry};
use entra_bench::subjects::KINDS;
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    // The second and the last are where tables have just grown: of sizes like theirs, those with the most room that is not used.
    let sizes: &[usize] = if quick {
        &[1_000]
    } else {
        &[1_000, 1_024, 100_000, 109_000]
    };
    let counted = Counted {
        allocations: KINDS
            .iter()
            .map(|kind| (kind.name.to_owned(), allocations(ALLOCATOR, kind.name, 1)))
            .collect(),
        empty: held(ALLOCATOR, 0),
        per_entry: sizes
            .iter()
            .map(|entries| (*entries, per_entry(ALLOCATOR, *entries)))
            .collect(),
    };
    match serde_json::to_string(&counted) {
        Ok(text) => println!("{text}"),
        Err(error) => eprintln!("{error}"),
    }
}
