//! Printing that can fail: a closed pipe or a full disk is an exit code, not a panic; and how wide it may be.

use std::fmt::Display;
use std::io::{self, Write};

/// As wide as lines may be where there is no terminal.
const WIDTH: usize = 120;

/// How wide lines may be.
pub(crate) fn width() -> usize {
    let terminal = terminal_size::terminal_size();
    terminal.map_or(WIDTH, |(width, _)| width.0.into())
}

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

/// Breaks a line at blanks; what is carried over is indented so much further than the line. What has no blank is not broken.
pub(crate) fn wrapped(line: &str, further: usize, width: usize) -> String {
    let indented = line.len() - line.trim_start().len();
    let begin = indented + further;
    let (mut shown, mut column) = (String::new(), 0);
    for (index, word) in line.split(' ').enumerate() {
        let length = word.chars().count();
        if column > begin && length > 0 && column + 1 + length > width {
            shown.push('\n');
            shown.push_str(&" ".repeat(begin));
            column = begin;
        } else if index > 0 {
            shown.push(' ');
            column += 1;
        }
        shown.push_str(word);
        column += length;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_carried_over_below_the_details() {
        let line = format!("  SendRequest       POST {} over plain TLS", "x".repeat(30));
        assert_eq!(
            wrapped(&line, 18, 59),
            format!(
                "  SendRequest       POST {}\n{}over plain TLS",
                "x".repeat(30),
                " ".repeat(20)
            )
        );
        assert_eq!(wrapped(&line, 18, 100), line);
        let word = format!("  SendRequest       {}", "x".repeat(80));
        assert_eq!(wrapped(&word, 18, 60), word);
    }
}
