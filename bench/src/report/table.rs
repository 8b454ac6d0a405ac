//! Figures with their bounds, and how they are written.

use std::fmt::Write as _;

/// One figure of a table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    what: String,
    measured: String,
    bound: String,
    met: Option<bool>,
    peer: String,
}

impl Row {
    /// A figure that nothing was promised of.
    pub(super) fn of(what: impl Into<String>, measured: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            measured: measured.into(),
            bound: String::new(),
            met: None,
            peer: String::new(),
        }
    }

    /// What it is compared with.
    pub(super) fn beside(mut self, peer: impl Into<String>) -> Self {
        self.peer = peer.into();
        self
    }

    /// What was promised, and whether it holds.
    pub(super) fn promised(mut self, bound: impl Into<String>, met: bool) -> Self {
        self.bound = bound.into();
        self.met = Some(met);
        self
    }

    /// No more than that.
    pub(super) fn at_most(self, value: f64, most: f64, unit: &str) -> Self {
        self.promised(format!("at most {}{unit}", plain(most)), value <= most)
    }

    /// So many times faster at least than what takes as long.
    pub(super) fn faster(self, ours: f64, peer: f64, least: f64) -> Self {
        let ratio = peer / ours;
        let mut row = self.promised(
            format!("at least {} times faster", plain(least)),
            ratio >= least,
        );
        row.measured = format!("{}, {} times faster", row.measured, short(ratio));
        row
    }

    pub(super) fn is_missed(&self) -> bool {
        self.met == Some(false)
    }

    pub(super) fn name(&self) -> &str {
        &self.what
    }
}

/// A table with what is to be said of it.
#[derive(Clone, Debug)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) text: String,
    pub(super) rows: Vec<Row>,
    /// The plots that belong to it, by their files.
    pub(super) plots: Vec<&'static str>,
}

impl Section {
    pub(super) fn markdown(&self) -> String {
        let mut text = format!("## {}\n\n{}\n", self.title, self.text);
        if !self.rows.is_empty() {
            text.push_str(
                "\n| figure | measured | bound | met | beside |\n|---|---|---|---|---|\n",
            );
        }
        for row in &self.rows {
            let met = match row.met {
                None => "",
                Some(true) => "yes",
                Some(false) => "**no**",
            };
            let Row {
                what,
                measured,
                bound,
                peer,
                ..
            } = row;
            let _ = writeln!(text, "| {what} | {measured} | {bound} | {met} | {peer} |");
        }
        for plot in &self.plots {
            let _ = write!(text, "\n![{}](performance/{plot})\n", self.title);
        }
        text
    }
}

/// A time that is given in nanoseconds.
pub(super) fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        less if less < 1e3 => format!("{} ns", short(less)),
        less if less < 1e6 => format!("{} µs", short(less / 1e3)),
        less if less < 1e9 => format!("{} ms", short(less / 1e6)),
        more => format!("{} s", short(more / 1e9)),
    }
}

/// Three digits, or as many as are before the point.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        less if less < 10.0 => format!("{value:.2}"),
        less if less < 100.0 => format!("{value:.1}"),
        _ => plain(value.round()),
    }
}

/// As it is, with commas between the thousands.
pub(super) fn plain(value: f64) -> String {
    let (whole, fraction) = (value.trunc(), value.fract());
    let digits = format!("{:.0}", whole.abs());
    let mut text = String::new();
    if value < 0.0 {
        text.push('-');
    }
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if fraction != 0.0 {
        let fraction = format!("{:.2}", fraction.abs());
        text.push_str(fraction.trim_start_matches('0').trim_end_matches('0'));
    }
    text
}

/// So many of these.
pub(super) fn many(count: usize, one: &str, more: &str) -> String {
    format!(
        "{} {}",
        plain(count as f64),
        if count == 1 { one } else { more }
    )
}

/// So many entries.
pub(super) fn entries(count: usize) -> String {
    many(count, "entry", "entries")
}

/// So many requests.
pub(super) fn requests(count: usize) -> String {
    many(count, "request", "requests")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_have_their_unit() {
        assert_eq!(time(6.123), "6.12 ns");
        assert_eq!(time(1_250.0), "1.25 µs");
        assert_eq!(time(178e6), "178 ms");
        assert_eq!(time(21.4e9), "21.4 s");
        assert_eq!(short(112_537.4), "112,537");
        assert_eq!(plain(1_000_000.0), "1,000,000");
        assert_eq!(plain(1.05), "1.05");
        assert_eq!(plain(-12_345.5), "-12,345.5");
        assert_eq!(entries(1), "1 entry");
        assert_eq!(requests(2_000), "2,000 requests");
    }

    #[test]
    fn a_bound_that_is_missed_is_shown_as_missed() {
        let row = Row::of("a", "130").at_most(130.0, 120.0, " instructions");
        assert!(row.is_missed() && row.name() == "a");
        let section = Section {
            title: "T",
            text: "Text.".to_owned(),
            rows: vec![row, Row::of("b", "8 ns").faster(8.0, 250.0, 18.0)],
            plots: vec!["x.svg"],
        };
        let text = section.markdown();
        assert!(text.contains("| a | 130 | at most 120 instructions | **no** |  |"));
        assert!(
            text.contains("| b | 8 ns, 31.2 times faster | at least 18 times faster | yes |  |")
        );
        assert!(text.contains("![T](performance/x.svg)"));
    }
}
