//! Goes through the whole table, slice by slice, on every core.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use crate::axes::*;
use crate::cell::Cell;
use crate::oracle;
use crate::outcome::{End, Outcome, Source};
use crate::play::Player;

/// How many wrong cells of a slice are shown.
const SHOWN: usize = 2;

/// All cells of one credential with one authority.
pub(crate) struct Slice {
    pub(crate) name: String,
    pub(crate) cases: u64,
    pub(crate) cells: u64,
    /// Of every case, in order: what was asked, and what came of it.
    pub(crate) digest: String,
    /// How many cells end how.
    pub(crate) ends: BTreeMap<String, u64>,
    /// Where the engine does not do what the rules say: the first few, and how many there are.
    pub(crate) wrong: Vec<String>,
    pub(crate) wrong_cases: u64,
}

/// Says which cell it was if the engine panics.
struct Playing<'a>(&'a Cell);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("while playing {}", self.0);
        }
    }
}

/// Every slice of the table, in order.
pub(crate) fn slices() -> Vec<Slice> {
    let names: Vec<_> = Credential::ALL
        .iter()
        .flat_map(|credential| Authority::ALL.iter().map(move |of| (*credential, *of)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((credential, authority)) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((*credential, *authority, slice(*credential, *authority)));
        }
        done
    };
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let mut done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("every cell can be played"))
            .collect()
    });
    done.sort_by_key(|(credential, authority, _)| (*credential, *authority));
    done.into_iter().map(|(_, _, slice)| slice).collect()
}

pub(crate) fn name(credential: Credential, authority: Authority) -> String {
    format!("{credential:?}/{authority:?}")
}

fn slice(credential: Credential, authority: Authority) -> Slice {
    let mut slice = Slice {
        name: name(credential, authority),
        cases: 0,
        cells: 0,
        digest: String::new(),
        ends: BTreeMap::new(),
        wrong: Vec::new(),
        wrong_cases: 0,
    };
    let mut digest = Sha256::new();
    // Few outcomes are different, and to print one takes longer than to play a cell.
    let mut outcomes: HashMap<Outcome, ([u8; 32], u64)> = HashMap::new();
    each_case(credential, authority, |cell, seen| {
        let (expected, rules) = oracle::expected(cell);
        if seen != expected {
            slice.wrong_cases += 1;
            if slice.wrong.len() < SHOWN {
                slice.wrong.push(format!(
                    "{cell}\n  engine: {seen}\n  rules {}: {expected}",
                    rules.join(", ")
                ));
            }
        }
        slice.cases += 1;
        slice.cells += cell.size();
        let (of_outcome, cells) = outcomes
            .entry(seen)
            .or_insert_with_key(|outcome| (Sha256::digest(outcome.to_string()).into(), 0));
        *cells += cell.size();
        digest.update(cell.path());
        digest.update(of_outcome);
    });
    slice.digest = digest
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    for (outcome, (_, cells)) in outcomes {
        *slice.ends.entry(end(&outcome)).or_default() += cells;
    }
    slice
}

/// Plays every case of a slice. The cell that `see` gets has been asked all that the engine depends on.
pub(crate) fn each_case(
    credential: Credential,
    authority: Authority,
    mut see: impl FnMut(&Cell, Outcome),
) {
    let mut player = Player::new(authority);
    let mut cell = Cell::first_of(credential, authority);
    loop {
        let playing = Playing(&cell);
        let seen = player.play(&cell);
        see(&cell, seen);
        drop(playing);
        if !cell.advance() {
            return;
        }
    }
}

fn end(outcome: &Outcome) -> String {
    match &outcome.end {
        End::Refused(code) => code.clone(),
        End::Token { kind, from, .. } => match from {
            Source::Network => format!("{kind:?}, from the network"),
            Source::Cache { .. } => format!("{kind:?}, from the cache"),
        },
    }
}
