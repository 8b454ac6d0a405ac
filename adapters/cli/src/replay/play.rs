//! Goes through a script: feeds the inputs, takes the outputs, stops at the first thing that is not as written.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::time::Duration;

use serde_json::{Map, Value};

use super::compare::Judge;
use super::engine::Engine;
use super::entry::{Entry, What};
use super::expected::Expected;
use super::input::{Advance, Input};
use super::output::Output;
use super::question::{Answer, Network};
use super::report::{Failure, Outcome, Report};
use super::scenario::{Certificates, Course, Scenario};
use super::setup;

/// What was expected, and what was instead.
type Wrong = (String, String);

/// Plays the whole scenario.
pub(crate) fn play(scenario: &Scenario, report: &mut Report<impl Write>) -> io::Result<Outcome> {
    let client = setup::client(scenario);
    let failed = |expected: String, got: String| {
        Ok(Outcome::Failed(Failure {
            place: "client".to_owned(),
            expected,
            got,
        }))
    };
    match (client, &scenario.course) {
        (Err(error), Course::BuildError(code))
            if code.as_deref().is_none_or(|code| code == error.code()) =>
        {
            Ok(Outcome::Passed)
        }
        (Err(error), Course::BuildError(code)) => failed(
            format!("the build error {}", code.as_deref().unwrap_or("*")),
            error.to_string(),
        ),
        (Ok(_), Course::BuildError(code)) => failed(
            format!("the build error {}", code.as_deref().unwrap_or("*")),
            "a client".to_owned(),
        ),
        (Err(error), Course::Script(_)) => failed("a client".to_owned(), error.to_string()),
        (Ok(client), Course::Script(script)) => {
            let engine = Engine::new(client, &scenario.certificates, scenario.start);
            Player {
                engine,
                certificates: &scenario.certificates,
                pending: BTreeMap::new(),
                signed: Vec::new(),
                latest: None,
                asked: Vec::new(),
                renewals: Vec::new(),
                unnamed: 0,
            }
            .play(script, report)
        }
    }
}

struct Player<'a> {
    engine: Engine<'a>,
    certificates: &'a Certificates,
    /// What came out and was not expected yet.
    pending: BTreeMap<String, VecDeque<Output>>,
    /// The claims of every signature so far.
    signed: Vec<Map<String, Value>>,
    /// The flow begun last.
    latest: Option<String>,
    /// Who waits how long: the last `waits` last.
    asked: Vec<(String, Duration)>,
    /// The flows whose tokens were due for renewal, the last one last.
    renewals: Vec<String>,
    unnamed: u64,
}

impl Player<'_> {
    fn play(
        mut self,
        script: &[(Entry, Value)],
        report: &mut Report<impl Write>,
    ) -> io::Result<Outcome> {
        for (at, (entry, text)) in script.iter().enumerate() {
            let result = match &entry.what {
                What::In(input) => {
                    report.went_in(at, text)?;
                    let result = self.feed(entry, input);
                    for (flow, output) in self.engine.take_outputs() {
                        report.came_out(at, &flow, &output.to_json(self.certificates))?;
                        self.pending.entry(flow).or_default().push_back(output);
                    }
                    result
                }
                What::Out(expected) => self.expect(entry, expected),
            };
            if let Err((expected, got)) = result {
                return Ok(failed(at, expected, got));
            }
        }
        Ok(match self.left_over() {
            Some(got) => failed(script.len(), "the end of the script".to_owned(), got),
            None => Outcome::Passed,
        })
    }

    /// An output that nobody expected yet.
    fn left_over(&self) -> Option<String> {
        let mut left = self
            .pending
            .iter()
            .filter_map(|(flow, outputs)| outputs.front().map(|output| (flow, output)));
        left.next().map(|(flow, output)| {
            let text = self.judge().text(output);
            if flow.starts_with('#') {
                text
            } else {
                format!("{text} of {flow:?}")
            }
        })
    }

    fn judge(&self) -> Judge<'_> {
        Judge {
            certificates: self.certificates,
            signed: &self.signed,
        }
    }

    /// The flow that an entry is about.
    fn flow(&self, entry: &Entry) -> Result<String, Wrong> {
        let name = entry.of.as_ref().or(self.latest.as_ref());
        match name {
            Some(name) if self.engine.knows(name) => Ok(name.clone()),
            Some(name) => Err((
                "`of` to name a flow that was begun".to_owned(),
                format!("{name:?}"),
            )),
            None => Err(("a flow to be begun first".to_owned(), "none".to_owned())),
        }
    }

    fn feed(&mut self, entry: &Entry, input: &Input) -> Result<(), Wrong> {
        if let Some(got) = self.left_over() {
            return Err((format!("no output before `{}`", input.name()), got));
        }
        let answer = match input {
            Input::Acquire(acquire) => {
                let name = self.begin(entry.named.clone())?;
                let request = setup::request(acquire, self.certificates);
                self.engine.acquire(&name, request);
                return Ok(());
            }
            Input::Renew => return self.renew(entry),
            Input::Advance(advance) => {
                let by = match advance {
                    Advance::By(seconds) => seconds.0,
                    Advance::AsAsked => self.asked(entry)?,
                };
                self.engine.advance(by);
                return Ok(());
            }
            Input::SetClock(clock) => {
                self.engine.set_clock(clock.to.0);
                return Ok(());
            }
            Input::Cancel => {
                let flow = self.flow(entry)?;
                if self.engine.is_over(&flow) {
                    let expected = "a flow that is not over, to be cancelled".to_owned();
                    return Err((expected, "a flow that is over".to_owned()));
                }
                self.engine.cancel(&flow);
                return Ok(());
            }
            Input::Assertion(answer) => Answer::Assertion(answer),
            Input::Certificate(answer) => Answer::Certificate(answer),
            Input::Signature(answer) => Answer::Signature(answer),
            Input::Response(response) => Answer::Network(Network::Response(response)),
            Input::TransportFailed(failure) => {
                Answer::Network(Network::Failed(failure.kind.into()))
            }
        };
        let flow = self.flow(entry)?;
        let expected = || format!("a flow that awaits `{}`", input.name());
        self.engine
            .answer(&flow, answer)
            .map_err(|waits| (expected(), waits.to_owned()))
    }

    /// The name of a flow that begins. One of a flow that is over may be used again.
    fn begin(&mut self, named: Option<String>) -> Result<String, Wrong> {
        let name = named.unwrap_or_else(|| {
            self.unnamed = self.unnamed.saturating_add(1);
            format!("#{}", self.unnamed)
        });
        if !self.engine.is_over(&name) {
            let expected = "`as` to name no flow that goes on".to_owned();
            return Err((expected, format!("{name:?}")));
        }
        self.latest = Some(name.clone());
        Ok(name)
    }

    fn renew(&mut self, entry: &Entry) -> Result<(), Wrong> {
        let wrong = || {
            let expected = "a token with `refresh_due` before `renew`".to_owned();
            (expected, "none".to_owned())
        };
        let engine = &self.engine;
        self.renewals.retain(|flow| engine.has_renewal(flow));
        let of = match &entry.of {
            Some(_) => self.flow(entry)?,
            None => self.renewals.last().cloned().ok_or_else(wrong)?,
        };
        let named = entry.named.clone();
        let name = self.begin(Some(named.unwrap_or_else(|| format!("{of}.renewal"))))?;
        let plan = self.engine.take_renewal(&of).ok_or_else(wrong)?;
        self.engine.start(&name, plan);
        Ok(())
    }

    /// How far `as_asked` goes.
    fn asked(&self, entry: &Entry) -> Result<Duration, Wrong> {
        let mut last = self.asked.iter().rev();
        let asked = last.find(|(flow, _)| entry.of.as_ref().is_none_or(|of| of == flow));
        asked.map(|(_, wait)| *wait).ok_or_else(|| {
            let expected = "`waits` before `as_asked`".to_owned();
            (expected, "none".to_owned())
        })
    }

    fn expect(&mut self, entry: &Entry, expected: &Expected) -> Result<(), Wrong> {
        let flow = self.flow(entry)?;
        let got = self.pending.get_mut(&flow).and_then(VecDeque::pop_front);
        let got = match (expected, got) {
            (Expected::Nothing, None) => return Ok(()),
            (expected, None) => return Err((expected.name().to_owned(), "nothing".to_owned())),
            (_, Some(got)) => got,
        };
        self.judge()
            .compare(expected, &got)
            .map_err(|wrong| (qualified(expected, &got, wrong.expected), wrong.got))?;
        match got {
            Output::WantsSignature(signing) => self.signed.push(signing.claims),
            Output::Waits(wait) => self.asked.push((flow, wait)),
            Output::Token(_) if self.engine.has_renewal(&flow) => self.renewals.push(flow),
            Output::Token(_)
            | Output::WantsAssertion(_)
            | Output::WantsCertificate(_)
            | Output::Sends(_)
            | Output::Joins(_)
            | Output::Error(_) => {}
        }
        Ok(())
    }
}

/// Says of which output a field is, if it is not the output itself that is wrong.
fn qualified(expected: &Expected, got: &Output, text: String) -> String {
    if expected.name() == got.name() {
        format!("{} with {text}", got.name())
    } else {
        text
    }
}

fn failed(at: usize, expected: String, got: String) -> Outcome {
    Outcome::Failed(Failure {
        place: format!("script[{at}]"),
        expected,
        got,
    })
}
