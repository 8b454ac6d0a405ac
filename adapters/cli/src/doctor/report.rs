//! What was found, check by check: well, doubtful, failed, or not looked at.

use serde_json::{Value, json};

use crate::console::wrapped;

/// What was found of one thing.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Check {
    /// What was looked at.
    pub(super) check: &'static str,
    pub(super) state: State,
    /// What is there, or what is wrong.
    pub(super) says: String,
    /// What to do; nothing where all is well.
    pub(super) advice: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl State {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

impl Check {
    pub(super) fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            check,
            state: State::Ok,
            says: says.into(),
            advice: None,
        }
    }

    pub(super) fn warning(
        check: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Warning,
            advice: Some(advice.into()),
            ..Self::ok(check, says)
        }
    }

    pub(super) fn failed(
        check: &'static str,
        says: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            state: State::Failed,
            ..Self::warning(check, says, advice)
        }
    }

    pub(super) fn skipped(check: &'static str, says: impl Into<String>) -> Self {
        Self {
            state: State::Skipped,
            ..Self::ok(check, says)
        }
    }
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Report(Vec<Check>);

impl Report {
    pub(super) fn add(&mut self, check: Check) {
        self.0.push(check);
    }

    pub(super) fn extend(&mut self, checks: impl IntoIterator<Item = Check>) {
        self.0.extend(checks);
    }

    fn count(&self, state: State) -> usize {
        self.0.iter().filter(|check| check.state == state).count()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.count(State::Failed) > 0
    }

    pub(super) fn text(&self, width: usize) -> String {
        let longest = self.0.iter().map(|check| check.check.len()).max();
        let longest = longest.unwrap_or_default();
        let mut text = String::new();
        let mut line = |begin: &str, says: &str, further: usize| {
            text.push_str(wrapped(&format!("{begin}{says}"), further, width).trim_end());
            text.push('\n');
        };
        for check in &self.0 {
            let begin = format!("{:<8} {:<longest$}  ", check.state.as_str(), check.check);
            line(&begin, &check.says, begin.len());
            if let Some(advice) = &check.advice {
                // Carried over below the advice, which begins where what is said does.
                line(&" ".repeat(begin.len()), &format!("→ {advice}"), 2);
            }
        }
        let counts: Vec<_> = [State::Ok, State::Warning, State::Failed, State::Skipped]
            .into_iter()
            .map(|state| (self.count(state), state))
            .filter(|(count, state)| *count > 0 || *state == State::Failed)
            .map(|(count, state)| format!("{count} {}", state.as_str()))
            .collect();
        format!("{text}\n{}\n", counts.join(", "))
    }

    pub(super) fn json(&self) -> Value {
        let checks: Vec<_> = self
            .0
            .iter()
            .map(|check| {
                json!({
                    "check": check.check,
                    "state": check.state.as_str(),
                    "says": check.says,
                    "advice": check.advice,
                })
            })
            .collect();
        json!({ "ok": !self.has_failed(), "checks": checks })
    }
}
