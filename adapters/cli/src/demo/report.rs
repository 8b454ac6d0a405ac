//! What the demo says: each outcome with its steps as it comes, and a table at the end.

use std::io;
use std::net::SocketAddr;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde_json::{Map, Value, json};

use crate::console::{self, wrapped};

/// How far a step's name is padded.
const NAME: usize = 18;

/// One thing that was tried.
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) expected: String,
    pub(super) got: String,
    pub(super) steps: Vec<String>,
}

impl Outcome {
    fn is_expected(&self) -> bool {
        self.expected == self.got
    }
}

/// All outcomes.
pub(super) struct Report {
    outcomes: Vec<Outcome>,
    certificates: [(&'static str, String); 2],
    print: bool,
    width: usize,
}

impl Report {
    /// With `print`, outcomes are shown as they come.
    pub(super) fn new(print: bool, certificates: [(&'static str, String); 2]) -> Self {
        Self {
            outcomes: Vec::new(),
            certificates,
            print,
            width: console::width(),
        }
    }

    fn say(&self, text: &str) -> io::Result<()> {
        if self.print {
            console::say(text)?;
        }
        Ok(())
    }

    /// What the names stand for.
    pub(super) fn begin(&self, address: SocketAddr) -> io::Result<()> {
        self.say(&format!(
            "An emulated Entra listens on {address} with a CA of its own; all host names lead there."
        ))?;
        for (name, thumbprint) in &self.certificates {
            self.say(&format!("The certificate {name} is {thumbprint}."))?;
        }
        Ok(())
    }

    pub(super) fn add(&mut self, outcome: Outcome) -> io::Result<()> {
        let number = self.outcomes.len().saturating_add(1);
        self.say(&format!("\n{number}. {}", outcome.name))?;
        for step in &outcome.steps {
            self.say(&wrapped(&format!("  {step}"), NAME, self.width))?;
        }
        let verdict = if outcome.is_expected() {
            format!("  => {}", outcome.got)
        } else {
            format!(
                "  => NOT AS EXPECTED: {}; expected: {}",
                outcome.got, outcome.expected
            )
        };
        self.say(&wrapped(&verdict, 3, self.width))?;
        self.outcomes.push(outcome);
        Ok(())
    }

    pub(super) fn passed(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_expected)
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        table.set_header(["", "tried", "outcome"]);
        for outcome in &self.outcomes {
            let (mark, told) = if outcome.is_expected() {
                ("ok", outcome.got.clone())
            } else {
                let told = format!("{}\nexpected: {}", outcome.got, outcome.expected);
                ("FAILED", told)
            };
            table.add_row([mark.to_owned(), outcome.name.clone(), told]);
        }
        let expected = self
            .outcomes
            .iter()
            .filter(|outcome| outcome.is_expected())
            .count();
        format!(
            "\n{table}\n{expected} of {} outcomes as expected",
            self.outcomes.len()
        )
    }

    pub(super) fn json(&self) -> Value {
        let outcomes: Vec<_> = self
            .outcomes
            .iter()
            .map(|outcome| {
                json!({
                    "name": outcome.name,
                    "expected": outcome.expected,
                    "got": outcome.got,
                    "ok": outcome.is_expected(),
                    "steps": outcome.steps,
                })
            })
            .collect();
        let certificates: Map<String, Value> = self
            .certificates
            .iter()
            .map(|(name, thumbprint)| ((*name).to_owned(), json!(thumbprint)))
            .collect();
        json!({ "passed": self.passed(), "certificates": certificates, "outcomes": outcomes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(got: &str) -> Report {
        let certificates = [("alpha", "AAAA".to_owned()), ("beta", "BBBB".to_owned())];
        let mut report = Report::new(false, certificates);
        for (name, got) in [("first", "a token"), ("second", got)] {
            let outcome = Outcome {
                name: name.to_owned(),
                expected: "a token".to_owned(),
                got: got.to_owned(),
                steps: vec!["answer            HTTP 200".to_owned()],
            };
            report.add(outcome).unwrap();
        }
        report
    }

    #[test]
    fn one_unexpected_outcome_fails_the_whole() {
        assert!(report("a token").passed());
        let failed = report("no token");
        assert!(!failed.passed());
        assert_eq!(failed.json()["passed"], false);
        assert_eq!(failed.json()["outcomes"][0]["ok"], true);
        assert_eq!(failed.json()["outcomes"][1]["ok"], false);
        let table = failed.table();
        for part in ["FAILED", "no token", "expected: a token", "1 of 2 outcomes"] {
            assert!(table.contains(part), "{part} is not in {table}");
        }
    }
}
