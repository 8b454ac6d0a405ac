//! Printing that can fail: a closed pipe or a full disk is an exit code, not a panic.

use std::fmt::Display;
use std::io::{self, Write};

/// One line on standard output, at once.
///
/// # Errors
/// If nobody can read it.
pub(crate) fn say(line: impl Display) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

/// One line on standard error. If nobody can read it there is nobody left to tell.
pub(crate) fn complain(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
