//! The driver: flows, the memory that they share, their turns, and clocks that the script moves.
//!
//! What a script sees, a step that asks the outside for something, becomes an [`Output`] and rests until its answer comes. All
//! else, the cache and turns that are free, is done at once.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::time::Duration;

use entra_proto::{
    Client, Done, Error, FlightKey, Limits, Memory, Now, Plan, Seed, Step, TakeTurn, TokenRequest,
    Turn,
};

use super::output::Output;
use super::question::{Answer, Question};
use super::scenario::Certificates;
use super::turns::{Taken, Turns};

/// The flows of one scenario.
pub(crate) struct Engine<'a> {
    client: Client,
    certificates: &'a Certificates,
    memory: Memory,
    turns: Turns,
    flows: BTreeMap<String, Flow>,
    now: Now,
    begun: u64,
    /// What was put out since it was last asked for, in the order in which it came.
    outputs: VecDeque<(String, Output)>,
}

#[derive(Default)]
struct Flow {
    state: State,
    /// The turns that it has, the latest last.
    holds: Vec<FlightKey>,
    renewal: Option<Plan>,
}

#[derive(Default)]
enum State {
    /// A question is out.
    Asked(Box<Question>),
    Queued(Box<TakeTurn>),
    #[default]
    Over,
}

/// Steps that can go on, first come first served.
type Ready = VecDeque<(String, Step)>;

impl<'a> Engine<'a> {
    pub(crate) fn new(client: Client, certificates: &'a Certificates, start: Duration) -> Self {
        Self {
            client,
            certificates,
            memory: Memory::new(Limits::default()),
            turns: Turns::default(),
            flows: BTreeMap::new(),
            now: Now::new(start, Duration::ZERO),
            begun: 0,
            outputs: VecDeque::new(),
        }
    }

    /// Begins a flow; `name` must be free.
    pub(crate) fn acquire(&mut self, name: &str, request: TokenRequest) {
        match request.plan(&self.client) {
            Ok(plan) => self.start(name, plan),
            Err(error) => {
                self.flows.insert(name.to_owned(), Flow::default());
                self.emit(name, Output::Error(error));
            }
        }
    }

    /// Begins the flow of a plan.
    pub(crate) fn start(&mut self, name: &str, plan: Plan) {
        self.begun = self.begun.saturating_add(1);
        let step = plan.start(seed(self.begun), self.now);
        self.flows.insert(name.to_owned(), Flow::default());
        self.run(name, step);
    }

    /// The renewal that the flow's token offered, once.
    pub(crate) fn take_renewal(&mut self, name: &str) -> Option<Plan> {
        self.flows.get_mut(name)?.renewal.take()
    }

    pub(crate) fn has_renewal(&self, name: &str) -> bool {
        self.flows
            .get(name)
            .is_some_and(|flow| flow.renewal.is_some())
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.flows.contains_key(name)
    }

    pub(crate) fn is_over(&self, name: &str) -> bool {
        self.flows
            .get(name)
            .is_none_or(|flow| matches!(flow.state, State::Over))
    }

    /// Takes what was put out since the last time.
    pub(crate) fn take_outputs(&mut self) -> VecDeque<(String, Output)> {
        mem::take(&mut self.outputs)
    }

    /// Answers what the flow asked; the error says what it waits for instead.
    pub(crate) fn answer(&mut self, name: &str, answer: Answer<'_>) -> Result<(), &'static str> {
        let state = match self.set_state(name, State::Over) {
            State::Asked(question) => match question.answer(answer, self.certificates, self.now) {
                Ok(step) => {
                    self.run(name, step);
                    return Ok(());
                }
                Err(question) => State::Asked(question),
            },
            state @ (State::Queued(_) | State::Over) => state,
        };
        let awaits = state.awaits();
        self.set_state(name, state);
        Err(awaits)
    }

    /// Both clocks move on; pauses whose time has come are over.
    pub(crate) fn advance(&mut self, by: Duration) {
        self.now = self.now.after(by);
        let now = self.now;
        let due = |flow: &Flow| match &flow.state {
            State::Asked(question) => question.is_due(now),
            State::Queued(_) | State::Over => false,
        };
        let mut names: Vec<String> = Vec::new();
        for (name, flow) in &self.flows {
            if due(flow) {
                names.push(name.clone());
            }
        }
        for name in names {
            // What is due is a pause, which time alone answers.
            let _ = self.answer(&name, Answer::Time);
        }
    }

    /// The wall clock jumps.
    pub(crate) fn set_clock(&mut self, to: Duration) {
        self.now = Now::new(to, self.now.monotonic());
    }

    /// Drops the flow. Of those who waited for it one goes on in its place.
    pub(crate) fn cancel(&mut self, name: &str) {
        if let State::Queued(take) = self.set_state(name, State::Over) {
            self.turns.leave(take.key(), name);
        }
        let mut ready = Ready::new();
        self.give_back(name, None, &mut ready);
        self.run_all(ready);
    }

    fn set_state(&mut self, name: &str, state: State) -> State {
        match self.flows.get_mut(name) {
            Some(flow) => mem::replace(&mut flow.state, state),
            None => State::Over,
        }
    }

    fn emit(&mut self, name: &str, output: Output) {
        self.outputs.push_back((name.to_owned(), output));
    }

    fn run(&mut self, name: &str, step: Step) {
        self.run_all(Ready::from([(name.to_owned(), step)]));
    }

    fn run_all(&mut self, mut ready: Ready) {
        while let Some((name, step)) = ready.pop_front() {
            self.walk(&name, step, &mut ready);
        }
    }

    /// Goes on with a flow until it asks the outside, waits or is over.
    fn walk(&mut self, name: &str, mut step: Step, ready: &mut Ready) {
        let now = self.now;
        let (output, state) = loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.memory.load(&load);
                    load.resume(Ok(found), now)
                }
                Step::SaveCache(save) => {
                    self.memory.save(save.key(), save.update(), now);
                    if save.ends_turn() {
                        self.give_latest_back(name, ready);
                    }
                    save.resume(Ok(()), now)
                }
                Step::TakeTurn(take) => match self.turns.take(take.key(), name) {
                    Taken::Mine => {
                        self.hold(name, take.key());
                        take.resume(Turn::Mine, now)
                    }
                    Taken::Behind(leader) => {
                        break (Output::Joins(leader), State::Queued(Box::new(take)));
                    }
                },
                Step::Done(done) => {
                    let output = self.end(name, done, ready);
                    break (output, State::Over);
                }
                Step::ObtainAssertion(step) => break ask(Question::Assertion(step)),
                Step::ObtainCertificate(step) => break ask(Question::Certificate(step)),
                Step::SignAssertion(step) => break ask(Question::Signature(step)),
                Step::SendRequest(step) => break ask(Question::Token(step)),
                Step::DiscoverRegion(step) => break ask(Question::Region(step)),
                Step::DiscoverInstance(step) => break ask(Question::Instance(step)),
                Step::Pause(step) => break ask(Question::Pause(step)),
            };
        };
        self.emit(name, output);
        self.set_state(name, state);
    }

    fn end(&mut self, name: &str, mut done: Done, ready: &mut Ready) -> Output {
        if let Some(flow) = self.flows.get_mut(name) {
            flow.renewal = done.take_renewal();
        }
        let result = done.into_result();
        self.give_back(name, result.as_ref().err(), ready);
        match result {
            Ok(token) => Output::Token(Box::new(token)),
            Err(error) => Output::Error(error),
        }
    }

    fn hold(&mut self, name: &str, key: &FlightKey) {
        if let Some(flow) = self.flows.get_mut(name) {
            flow.holds.push(key.clone());
        }
    }

    fn give_latest_back(&mut self, name: &str, ready: &mut Ready) {
        let latest = self.flows.get_mut(name).and_then(|flow| flow.holds.pop());
        if let Some(key) = latest {
            self.pass_on(&key, ready);
        }
    }

    /// Gives all turns of a flow back. All who waited for one that failed share its error.
    fn give_back(&mut self, name: &str, error: Option<&Error>, ready: &mut Ready) {
        let held = self
            .flows
            .get_mut(name)
            .map(|flow| mem::take(&mut flow.holds));
        for key in held.unwrap_or_default().into_iter().rev() {
            match error {
                None => self.pass_on(&key, ready),
                Some(error) => {
                    for waiting in self.turns.close(&key) {
                        self.wake(waiting, Turn::Failed(error.clone()), ready);
                    }
                }
            }
        }
    }

    fn pass_on(&mut self, key: &FlightKey, ready: &mut Ready) {
        if let Some(next) = self.turns.pass_on(key) {
            self.hold(&next, key);
            self.wake(next, Turn::Waited, ready);
        }
    }

    fn wake(&mut self, name: String, turn: Turn, ready: &mut Ready) {
        match self.set_state(&name, State::Over) {
            State::Queued(take) => ready.push_back((name, take.resume(turn, self.now))),
            state @ (State::Asked(_) | State::Over) => drop(self.set_state(&name, state)),
        }
    }
}

fn ask(question: Question) -> (Output, State) {
    (question.output(), State::Asked(Box::new(question)))
}

impl State {
    fn awaits(&self) -> &'static str {
        match self {
            Self::Asked(question) => question.awaits(),
            Self::Queued(_) => "a flow that waits for another one",
            Self::Over => "a flow that is over",
        }
    }
}

/// The same for every run, another for each flow.
fn seed(number: u64) -> Seed {
    let mut bytes = [0x5e; 32];
    for (to, from) in bytes.iter_mut().zip(number.to_be_bytes()) {
        *to = from;
    }
    Seed::from_bytes(bytes)
}
