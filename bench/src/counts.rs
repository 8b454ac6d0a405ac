//! Counts that do not depend on what else the machine does: allocations, by a binary whose allocator counts them, and instructions, by
//! valgrind.

use std::alloc::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::{Deserialize, Serialize};
use stats_alloc::{Region, StatsAlloc};

use crate::driver::Driver;
use crate::sampler::Subject;
use crate::subjects;
use crate::world::TEXT;

/// The allocations of one call.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub struct Allocations {
    /// How many; one that grows counts again.
    pub count: f64,
    /// How many bytes.
    pub bytes: f64,
}

/// Everything that the counting binary finds.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Counted {
    /// Of each subject, with one entry.
    pub allocations: BTreeMap<String, Allocations>,
    /// Bytes that a client holds which remembers nothing.
    pub empty: f64,
    /// Bytes held besides for each entry of a memory, without the token's text, by the number of entries.
    pub per_entry: Vec<(usize, f64)>,
}

/// The allocations of one call of a subject, counted by this allocator.
#[must_use]
pub fn allocations(of: &StatsAlloc<System>, name: &str, entries: usize) -> Allocations {
    const TIMES: u64 = 100;
    let mut subject = subjects::make(name, entries);
    subject.prepare(2 * TIMES);
    // What happens once is not counted.
    subject.run(TIMES);
    let region = Region::new(of);
    subject.run(TIMES);
    let change = region.change();
    Allocations {
        count: (change.allocations + change.reallocations) as f64 / TIMES as f64,
        bytes: change.bytes_allocated as f64 / TIMES as f64,
    }
}

/// How many bytes a memory holds for each of so many entries besides the token's text, each in a tenant of its own. Without what it holds
/// with no entry in it.
#[must_use]
pub fn per_entry(of: &StatsAlloc<System>, entries: usize) -> f64 {
    (held(of, entries) - held(of, 0)) / entries as f64 - TEXT as f64
}

/// How many bytes a client holds that remembers so many tokens.
#[must_use]
pub fn held(of: &StatsAlloc<System>, entries: usize) -> f64 {
    let region = Region::new(of);
    let mut driver = Driver::remembering(0..entries, TEXT);
    // What was made for the last flow goes before it is looked at.
    driver.prepare(0, "");
    let change = region.change();
    let held = change.bytes_allocated as f64 - change.bytes_deallocated as f64;
    drop(driver);
    held
}

/// Runs the counting binary.
///
/// # Errors
/// Why it can't be had.
pub fn by_binary(quick: bool) -> Result<Counted, String> {
    let binary = counting_binary()?;
    let mut command = Command::new(binary);
    if quick {
        command.arg("--quick");
    }
    let output = command.output().map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// The binary beside this one, which `cargo run` has not built.
fn counting_binary() -> Result<PathBuf, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let folder = this.parent().ok_or("this program is nowhere")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args([
        "build",
        "--quiet",
        "--package",
        "entra-bench",
        "--bin",
        "entra-bench-counts",
    ]);
    cargo.current_dir(root());
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    if let Some(target) = folder.parent() {
        cargo.arg("--target-dir").arg(target);
    }
    let built = cargo
        .status()
        .map_err(|error| format!("cargo can't be run: {error}"))?;
    if !built.success() {
        return Err("entra-bench-counts can't be built".to_owned());
    }
    Ok(folder.join("entra-bench-counts"))
}

/// The root of the repository.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Runs a subject where [`collected`] counts.
#[inline(never)]
pub fn run_counted(subject: &mut dyn Subject, times: u64) {
    subject.run(times);
}

/// How many instructions one call of a subject takes: the difference of a thousand calls more, so that the first one does not count
/// more than others.
///
/// Valgrind hides the part of the kernel that tells the time without a system call; what that takes, some fifty instructions a reading,
/// is in no count, neither in ours nor in the peers'.
///
/// # Errors
/// Why they were not counted.
pub fn instructions(name: &str, entries: usize) -> Result<f64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let once = collected(&this, name, entries, 1_000)?;
    let twice = collected(&this, name, entries, 2_000)?;
    Ok((twice as f64 - once as f64) / 1_000.0)
}

/// How many instructions the program `entra-bench` takes for so many calls of a subject.
///
/// # Errors
/// Valgrind can't be run, or the program does not end well under it.
pub fn collected(program: &Path, name: &str, entries: usize, times: u64) -> Result<u64, String> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        // Nothing of what is made before.
        .arg("--toggle-collect=*run_counted*")
        .arg(program)
        .args(["once", name, &entries.to_string(), &times.to_string()])
        .output()
        .map_err(|error| format!("valgrind can't be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} under valgrind: {}", output.status));
    }
    collected_of(&said).ok_or_else(|| format!("valgrind said no count of {name}"))
}

/// What valgrind says it has collected.
fn collected_of(said: &str) -> Option<u64> {
    let line = said.lines().find(|line| line.contains("Collected : "))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_what_valgrind_collected() {
        let said = "==7== \n==7== Events    : Ir\n==7== Collected : 7247606\n==7== \n";
        assert_eq!(collected_of(said), Some(7_247_606));
        assert_eq!(collected_of("==7== Events    : Ir"), None);
    }
}
