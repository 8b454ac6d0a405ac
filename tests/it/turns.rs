//! Many flows at once over one memory: those that need nothing from outside go on at once, the others wait until the test lets
//! them. One flight for each key, as a driver has it.

use std::collections::{BTreeSet, HashMap, VecDeque};

use entra_proto::*;

use crate::canary::assert_silent;
use crate::certificates::{RSA, numbered};
use crate::script::{Answer, START, Sent, granting, pair, seed, signature};

/// Which flow, by the order in which they began.
pub(crate) type Number = usize;

/// Flows, their memory and their turns.
pub(crate) struct Crowd {
    memory: Memory,
    pub(crate) now: Now,
    /// Of the flows that begin from now on.
    pub(crate) seed: u8,
    pub(crate) flows: Vec<Flow>,
    /// A key is there as long as somebody has its turn; the queue holds whoever waits.
    pub(crate) queues: HashMap<FlightKey, VecDeque<Number>>,
    /// Flows that wait for an answer from the network.
    pub(crate) outside: BTreeSet<Number>,
    /// Every token request, with its flow.
    pub(crate) sent: Vec<(Number, Sent)>,
    /// How many questions about regions were asked.
    pub(crate) discoveries: usize,
    /// The most of them at one time.
    pub(crate) at_once: usize,
    /// How often the provider was asked; each pair has the number of its call.
    pub(crate) calls: u32,
}

#[derive(Default)]
pub(crate) struct Flow {
    /// What it waits with; none while it goes on, and once it is over.
    pub(crate) step: Option<Step>,
    held: Vec<FlightKey>,
    pub(crate) over: Option<Done>,
}

impl Crowd {
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::default(),
            now: START,
            seed: 7,
            flows: Vec::new(),
            queues: HashMap::new(),
            outside: BTreeSet::new(),
            sent: Vec::new(),
            discoveries: 0,
            at_once: 0,
            calls: 0,
        }
    }

    /// One flow more, which goes as far as it can.
    pub(crate) fn join(&mut self, plan: &Plan) -> Number {
        let number = self.flows.len();
        self.flows.push(Flow::default());
        self.go_on(number, plan.clone().start(seed(self.seed), self.now));
        number
    }

    pub(crate) fn join_all<'a>(&mut self, plans: impl IntoIterator<Item = &'a Plan>) {
        for plan in plans {
            self.join(plan);
        }
    }

    /// Answers a flow that waits for the network.
    #[track_caller]
    pub(crate) fn answer(&mut self, number: Number, answer: Answer) {
        assert!(self.outside.remove(&number), "flow {number} does not wait");
        let step = self.flows[number].step.take();
        let next = match step.expect("the step it waits with") {
            Step::SendRequest(send) => send.resume(answer, self.now),
            Step::DiscoverRegion(ask) => ask.resume(answer, self.now),
            other => panic!("{other:?} does not wait for the network"),
        };
        self.go_on(number, next);
    }

    /// Grants what is waited for, one after another and those that come of it too, until nobody waits.
    pub(crate) fn grant_all(&mut self, region: &Answer) {
        while let Some(number) = self.outside.first().copied() {
            let token = format!("CANARY-token-{number}");
            let answer = match &self.flows[number].step {
                Some(Step::DiscoverRegion(_)) => region.clone(),
                _ => {
                    let last = self.sent.iter().rev().find(|(by, _)| *by == number);
                    let kind = last.and_then(|(_, sent)| sent.field("token_type"));
                    granting(kind.unwrap_or("Bearer"), &token, ",\"expires_in\":3600")
                }
            };
            self.answer(number, answer);
        }
    }

    /// Drops a flow where it is, as a caller does that gives up.
    pub(crate) fn give_up(&mut self, number: Number) {
        self.outside.remove(&number);
        self.flows[number].step = None;
        for queue in self.queues.values_mut() {
            queue.retain(|waiting| *waiting != number);
        }
        let woken = self.release(number, None);
        self.run(woken.into());
    }

    fn go_on(&mut self, number: Number, step: Step) {
        self.run([(number, step)].into());
    }

    fn run(&mut self, mut ready: VecDeque<(Number, Step)>) {
        while let Some((number, step)) = ready.pop_front() {
            if let Some(woken) = self.one(number, step) {
                ready.extend(woken);
            }
        }
    }

    /// One step of one flow: what may go on after it, be it the flow itself or whoever it wakes.
    fn one(&mut self, number: Number, step: Step) -> Option<Vec<(Number, Step)>> {
        let next = match step {
            Step::LoadCache(load) => {
                let found = self.memory.load(&load);
                load.resume(Ok(found), self.now)
            }
            Step::TakeTurn(take) => {
                if let Some(queue) = self.queues.get_mut(take.key()) {
                    queue.push_back(number);
                    self.flows[number].step = Some(Step::TakeTurn(take));
                    return None;
                }
                self.queues.insert(take.key().clone(), VecDeque::new());
                self.flows[number].held.push(take.key().clone());
                take.resume(Turn::Mine, self.now)
            }
            Step::ObtainAssertion(ask) => {
                self.calls += 1;
                ask.resume(Ok(pair(self.calls)), self.now)
            }
            Step::ObtainCertificate(ask) => ask.resume(Ok(Some(numbered(RSA, 1))), self.now),
            Step::SignAssertion(sign) => {
                let signature = signature(sign.input().algorithm());
                sign.resume(Ok(signature), self.now)
            }
            Step::Pause(pause) => {
                let left = pause.until().saturating_sub(self.now.monotonic());
                self.now = self.now.after(left);
                pause.resume(self.now)
            }
            Step::SaveCache(save) => {
                self.memory.save(save.key(), save.update(), self.now);
                let woken = if save.ends_turn() {
                    self.give_back(number)
                } else {
                    None
                };
                let next = save.resume(Ok(()), self.now);
                return Some(std::iter::once((number, next)).chain(woken).collect());
            }
            Step::SendRequest(send) => {
                self.sent.push((number, Sent::of(&send)));
                self.outside.insert(number);
                self.flows[number].step = Some(Step::SendRequest(send));
                return None;
            }
            Step::DiscoverRegion(ask) => {
                self.flows[number].step = Some(Step::DiscoverRegion(ask));
                self.outside.insert(number);
                self.discoveries += 1;
                let asking = |flow: &&Flow| matches!(flow.step, Some(Step::DiscoverRegion(_)));
                self.at_once = self.at_once.max(self.flows.iter().filter(asking).count());
                return None;
            }
            Step::DiscoverInstance(ask) => panic!("nobody asked about a host: {ask:?}"),
            Step::Done(done) => {
                assert_silent(&done);
                let error = done.result().as_ref().err().cloned();
                self.flows[number].over = Some(done);
                return Some(self.release(number, error.as_ref()));
            }
        };
        Some(vec![(number, next)])
    }

    /// Gives the latest turn back: the next in the queue has it.
    fn give_back(&mut self, number: Number) -> Option<(Number, Step)> {
        let key = self.flows[number].held.pop().expect("a turn");
        let next = self.queues.get_mut(&key).and_then(VecDeque::pop_front);
        let Some(next) = next else {
            self.queues.remove(&key);
            return None;
        };
        let step = self.wake(next, Turn::Waited);
        self.flows[next].held.push(key);
        Some((next, step))
    }

    /// Gives all turns back; with an error, to everybody who waits.
    fn release(&mut self, number: Number, error: Option<&Error>) -> Vec<(Number, Step)> {
        let mut woken = Vec::new();
        while let Some(key) = self.flows[number].held.last().cloned() {
            match error {
                None => woken.extend(self.give_back(number)),
                Some(error) => {
                    self.flows[number].held.pop();
                    for waiting in self.queues.remove(&key).unwrap_or_default() {
                        woken.push((waiting, self.wake(waiting, Turn::Failed(error.clone()))));
                    }
                }
            }
        }
        woken
    }

    fn wake(&mut self, number: Number, turn: Turn) -> Step {
        match self.flows[number].step.take() {
            Some(Step::TakeTurn(take)) => take.resume(turn, self.now),
            other => panic!("flow {number} waits with {other:?}"),
        }
    }

    /// What came of a flow, which is over.
    #[track_caller]
    pub(crate) fn result(&self, number: Number) -> &Result<AccessToken, Error> {
        let over = self.flows[number].over.as_ref();
        over.expect("a flow that is over").result()
    }

    #[track_caller]
    pub(crate) fn token(&self, number: Number) -> &AccessToken {
        self.result(number).as_ref().expect("a token")
    }

    pub(crate) fn is_over(&self, number: Number) -> bool {
        self.flows[number].over.is_some()
    }
}
