//! The lines that are printed.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::scenario::Scenario;

/// How a scenario ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Passed,
    Failed(Failure),
    /// It is no scenario; the text names the field.
    Invalid(String),
}

/// The first thing that was not as the script says.
#[derive(Debug)]
pub(crate) struct Failure {
    /// `script[3]` or `client`.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

/// Prints and counts.
pub(crate) struct Report<W> {
    out: W,
    trace: bool,
    passed: usize,
    failed: usize,
}

impl<W: Write> Report<W> {
    pub(crate) fn new(out: W, trace: bool) -> Self {
        Self {
            out,
            trace,
            passed: 0,
            failed: 0,
        }
    }

    /// A scenario begins.
    pub(crate) fn begin(&mut self, file: &str, scenario: &Scenario) -> io::Result<()> {
        let line = || json!({ "scenario": scenario.name, "why": scenario.why, "file": file });
        self.traced(line)
    }

    /// Something went in, as it stands in the file.
    pub(crate) fn went_in(&mut self, at: usize, entry: &Value) -> io::Result<()> {
        self.traced(|| json!({ "at": at, "in": entry }))
    }

    /// Something came out.
    pub(crate) fn came_out(&mut self, at: usize, flow: &str, output: &Value) -> io::Result<()> {
        self.traced(|| json!({ "at": at, "of": flow, "out": output }))
    }

    fn traced(&mut self, line: impl FnOnce() -> Value) -> io::Result<()> {
        if self.trace {
            writeln!(self.out, "{}", line())?;
        }
        Ok(())
    }

    /// A scenario ended.
    pub(crate) fn end(&mut self, name: &str, outcome: Outcome) -> io::Result<()> {
        match outcome {
            Outcome::Passed => {
                self.passed = self.passed.saturating_add(1);
                writeln!(self.out, "ok {name}")
            }
            Outcome::Failed(Failure {
                place,
                expected,
                got,
            }) => {
                self.failed = self.failed.saturating_add(1);
                writeln!(
                    self.out,
                    "FAILED {name}: {place}: expected {expected}, got {got}"
                )
            }
            Outcome::Invalid(why) => {
                self.failed = self.failed.saturating_add(1);
                writeln!(self.out, "FAILED {name}: {why}")
            }
        }
    }

    /// The closing line; whether all is well.
    pub(crate) fn close(&mut self) -> io::Result<bool> {
        writeln!(self.out, "{} passed, {} failed", self.passed, self.failed)?;
        self.out.flush()?;
        Ok(self.failed == 0)
    }
}
