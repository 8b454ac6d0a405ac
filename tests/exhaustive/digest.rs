//! The digest of the table that is checked in, so that a change of any cell shows in review.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use crate::table::Slice;

const HEAD: &str = "\
# A digest of every slice of the table of decisions: credential, authority, cases played, SHA-256. Below: how many cells end how.
# Written by `cargo test --test exhaustive -- --ignored write_digests`. Which cells a change of it stands for is printed by
# `.ci/changed-cells COMMIT`.
";

pub(crate) fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/exhaustive/digests.txt")
}

/// The file as it should be.
pub(crate) fn text(slices: &[Slice]) -> String {
    let mut text = HEAD.to_owned();
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for slice in slices {
        let _ = writeln!(text, "{} {} {}", slice.name, slice.cases, slice.digest);
        for (end, cells) in &slice.ends {
            *ends.entry(end).or_default() += cells;
        }
    }
    text.push('\n');
    for (end, cells) in ends {
        let _ = writeln!(text, "{cells:>11} {end}");
    }
    text
}

/// The lines of either text that the other has not.
pub(crate) fn changed(before: &str, after: &str) -> String {
    let unlike = |a: &str, b: &str, sign: &str| {
        let lines = a
            .lines()
            .filter(|line| !b.lines().any(|other| other == *line));
        lines
            .map(|line| format!("{sign} {line}\n"))
            .collect::<String>()
    };
    unlike(before, after, "-") + &unlike(after, before, "+")
}
