//! What the demo says: each outcome with its steps as it comes, and a table at the end.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};

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
    print: bool,
}

impl Report {
    /// With `print`, outcomes are shown as they come.
    pub(super) fn new(print: bool) -> Self {
        Self {
            outcomes: Vec::new(),
            print,
        }
    }

    pub(super) fn say(&self, text: &str) {
        if self.print {
            println!("{text}");
        }
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        self.say(&format!("\n{}", outcome.name));
        for step in &outcome.steps {
            self.say(&format!("  {step}"));
        }
        let verdict = if outcome.is_expected() {
            "=> as expected: "
        } else {
            "=> NOT AS EXPECTED: "
        };
        self.say(&format!("  {verdict}{}", outcome.got));
        self.outcomes.push(outcome);
    }

    pub(super) fn passed(&self) -> bool {
        self.outcomes.iter().all(Outcome::is_expected)
    }

    pub(super) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_BORDERS_ONLY)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if table.width().is_none() {
            // Not a terminal: narrow enough to read.
            table.set_width(150);
        }
        table.set_header(["", "tried", "outcome"]);
        for outcome in &self.outcomes {
            let mark = if outcome.is_expected() {
                "ok"
            } else {
                "FAILED"
            };
            let told = if outcome.is_expected() {
                outcome.got.clone()
            } else {
                format!("{}\nexpected: {}", outcome.got, outcome.expected)
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

    pub(super) fn json(&self) -> String {
        let outcomes: Vec<_> = self
            .outcomes
            .iter()
            .map(|outcome| {
                serde_json::json!({
                    "name": outcome.name,
                    "expected": outcome.expected,
                    "got": outcome.got,
                    "ok": outcome.is_expected(),
                    "steps": outcome.steps,
                })
            })
            .collect();
        serde_json::json!({ "passed": self.passed(), "outcomes": outcomes }).to_string()
    }
}
