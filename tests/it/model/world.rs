//! The core under the model: flows over one memory and one set of turns, which go on a few steps at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use entra_proto::*;
use proptest::sample::Index;

use super::flow::{Expects, Flow};
use super::parties::{COUNT, FIRST, Party, parties};
use super::program::{Bypass, Operation, Outside, Wish};
use super::reference::{Flight, Reference};
use super::seen::Seen;
use crate::canary::assert_silent;
use crate::journey::MOST_STEPS;
use crate::script::name;

/// A flow, by the order in which they began.
pub(super) type Number = u32;

pub(super) struct World {
    pub(super) parties: [Party; COUNT],
    /// Which certificate each party's provider names now.
    pub(super) current: [u32; COUNT],
    pub(super) reference: Reference,
    pub(super) memory: Memory,
    pub(super) flows: BTreeMap<Number, Flow>,
    /// A key is there as long as somebody has its turn; the queue holds whoever waits.
    queues: HashMap<FlightKey, VecDeque<Number>>,
    wishes: Vec<Wish>,
    begun: Number,
    /// The flow that began or went on last.
    latest: Number,
    /// Of pairs and tokens.
    pub(super) made: u32,
    pub(super) assertions: BTreeSet<String>,
    pub(super) seen: Seen,
}

impl World {
    /// Plays a program to the end of its last flow, and says what was seen.
    pub(super) fn play(program: &[Operation]) -> Seen {
        let mut world = Self {
            parties: parties(),
            current: [FIRST; COUNT],
            reference: Reference::new(),
            memory: Memory::default(),
            flows: BTreeMap::new(),
            queues: HashMap::new(),
            wishes: Vec::new(),
            begun: 0,
            latest: 0,
            made: 0,
            assertions: BTreeSet::new(),
            seen: Seen::default(),
        };
        for operation in program {
            world.seen.count("operations");
            world.operate(operation);
        }
        world.settle();
        world.seen
    }

    fn operate(&mut self, operation: &Operation) {
        match operation {
            Operation::Acquire(wish) => {
                self.wishes.push(*wish);
                self.acquire(*wish);
            }
            Operation::AcquireAgain(which) if !self.wishes.is_empty() => {
                self.acquire(*which.get(&self.wishes));
            }
            Operation::Go {
                flow,
                steps,
                outside,
            } => {
                if let Some(number) = self.pick(*flow) {
                    self.latest = number;
                    self.go(number, *steps, *outside);
                }
            }
            Operation::Cancel(flow) => {
                if let Some(number) = self.pick(*flow) {
                    self.seen.count("cancellations");
                    self.cancel(number);
                }
            }
            Operation::Wait(flow) => {
                if let Some(number) = self.pick(*flow) {
                    self.wait(number);
                }
            }
            Operation::Settle => self.settle(),
            Operation::Rotate(party) => self.current[*party] += 1,
            Operation::Pass(seconds) => self.pass(*seconds),
            Operation::SetWall(seconds) => self.reference.set_wall(*seconds),
            Operation::Forget => {
                self.memory = Memory::default();
                self.reference.forget();
            }
            Operation::Restart { portable } => self.restart(*portable),
            Operation::AcquireAgain(_) => {}
        }
    }

    fn pick(&self, flow: Option<Index>) -> Option<Number> {
        let mut numbers = self.flows.keys().copied();
        match flow {
            Some(flow) if !self.flows.is_empty() => numbers.nth(flow.index(self.flows.len())),
            Some(_) => None,
            None => numbers.find(|number| *number == self.latest),
        }
    }

    fn wait(&mut self, number: Number) {
        if let Some(Step::Pause(pause)) = &self.flows[&number].step {
            let until = self.reference.moment(pause.until());
            self.pass(until.saturating_sub(self.reference.time()));
        }
    }

    fn acquire(&mut self, wish: Wish) {
        let (party, current) = (&self.parties[wish.party], self.current[wish.party]);
        let offered = wish.offered(party, current);
        match wish.plan(party, current) {
            Ok(plan) => self.begin(wish, plan, offered, false),
            Err(error) => assert_eq!(error.code(), "mtls_certificate_not_provided"),
        }
    }

    pub(super) fn begin(
        &mut self,
        wish: Wish,
        plan: Plan,
        offered: Option<Thumbprint>,
        renewal: bool,
    ) {
        self.seen.count("flows");
        self.begun += 1;
        self.latest = self.begun;
        let mut seed = *b"CANARY seed: thirty-two bytes...";
        seed[28..].copy_from_slice(&self.begun.to_be_bytes());
        assert_silent(&plan);
        let flow = Flow::new(wish, offered, renewal, self.reference.time());
        self.flows.insert(self.begun, flow);
        let first = plan.start(Seed::from_bytes(seed), self.reference.now());
        self.arrive(self.begun, first);
    }

    /// Every flow to its end, and nobody waits for ever (I23).
    fn settle(&mut self) {
        while !self.flows.is_empty() {
            let going = self.flows.iter().find(|(_, flow)| !flow.queues);
            let number = *going.expect("everybody waits, and nobody goes on").0;
            self.wait(number);
            self.go(number, 1, Outside::OBLIGING);
        }
        assert!(self.queues.is_empty(), "a turn that nobody has");
    }

    /// Lets a flow go on for so many steps, or until it has asked somebody outside, or waits.
    fn go(&mut self, number: Number, steps: u8, outside: Outside) {
        for _ in 0..steps {
            let Some(flow) = self.flows.get_mut(&number) else {
                return;
            };
            if flow.queues {
                return;
            }
            let step = flow.step.take().expect("a question");
            let asks = matches!(
                step,
                Step::ObtainAssertion(_)
                    | Step::ObtainCertificate(_)
                    | Step::DiscoverRegion(_)
                    | Step::SendRequest(_)
                    | Step::Pause(_)
            );
            self.step(number, step, outside);
            if asks {
                return;
            }
        }
    }

    fn step(&mut self, number: Number, step: Step, outside: Outside) {
        let what = name(&step);
        self.seen.count("steps");
        let flow = self.flow(number);
        // Coming back early from a pause is a step of ours.
        flow.steps += usize::from(what != "Pause");
        assert!(flow.steps <= MOST_STEPS, "no end in sight");
        assert_silent(&step);
        match step {
            Step::TakeTurn(take) => self.take_turn(number, what, take),
            step => {
                let next = self.answer(number, what, step, outside);
                self.arrive(number, next);
            }
        }
    }

    pub(super) fn flow(&mut self, number: Number) -> &mut Flow {
        self.flows.get_mut(&number).expect("a flow")
    }

    /// The next step of a flow, after a look at it.
    fn arrive(&mut self, number: Number, next: Step) {
        let time = self.reference.time();
        let flow = self.flow(number);
        flow.check(&next);
        if let (Some(answered), "LoadCache throttle") = (&flow.answered, name(&next)) {
            assert!(time - answered.at <= 60, "what a provider said long ago");
        }
        match next {
            // A driver does nothing in between.
            Step::Done(done) => self.done(number, done),
            next => flow.step = Some(next),
        }
    }

    // ── turns ──

    fn take_turn(&mut self, number: Number, what: &str, take: TakeTurn) {
        let flow = &self.flows[&number];
        let party = &self.parties[flow.wish.party];
        let flight = match what {
            "TakeTurn region" => Flight::Region(flow.wish.party),
            _ => Flight::Token(flow.key(party), flow.wish.scope_set(), flow.wish.bypass),
        };
        self.reference.name(flight.clone(), take.key());
        let flow = self.flow(number);
        flow.after_wait = match &flight {
            Flight::Token(..) => "LoadCache token",
            Flight::Region(_) => "LoadCache region",
        };
        // A flight may have ended between the first look and now.
        flow.expects = match (&flight, flow.wish.bypass) {
            (Flight::Token(..), Bypass::Forced | Bypass::Challenged(_)) => Expects::NoToken,
            (Flight::Token(..), Bypass::No) | (Flight::Region(_), _) => {
                Expects::Looks(flow.after_wait)
            }
        };
        if what == "TakeTurn token" {
            flow.flight = Some(flight);
        }
        let key = take.key().clone();
        if let Some(queue) = self.queues.get_mut(&key) {
            queue.push_back(number);
            let flow = self.flow(number);
            flow.queues = true;
            flow.step = Some(Step::TakeTurn(take));
            self.seen.count("waits for a turn");
            return;
        }
        self.queues.insert(key.clone(), VecDeque::new());
        self.flow(number).held.push(key);
        let now = self.reference.now();
        self.arrive(number, take.resume(Turn::Mine, now));
    }

    /// Gives the latest turn back: the next in the queue has it.
    pub(super) fn give_back(&mut self, number: Number) {
        let key = self.flow(number).held.pop().expect("a turn");
        self.hand_on(key);
    }

    pub(super) fn hand_on(&mut self, key: FlightKey) {
        match self.queues.get_mut(&key).and_then(VecDeque::pop_front) {
            None => {
                self.queues.remove(&key);
            }
            Some(next) => {
                self.flow(next).held.push(key);
                self.wake(next, Turn::Waited);
            }
        }
    }

    fn wake(&mut self, number: Number, turn: Turn) {
        self.seen.count("wakings");
        let now = self.reference.now();
        let flow = self.flow(number);
        flow.queues = false;
        flow.expects = match &turn {
            Turn::Failed(error) => Expects::Told(error.clone()),
            // Whoever was ahead may have fetched it.
            Turn::Mine | Turn::Waited => Expects::Looks(flow.after_wait),
        };
        let Some(Step::TakeTurn(take)) = flow.step.take() else {
            panic!("it does not wait for a turn");
        };
        self.arrive(number, take.resume(turn, now));
    }

    /// I25: the error is everybody's who waits for this flow.
    pub(super) fn fail(&mut self, held: Vec<FlightKey>, error: &Error) {
        for key in held.into_iter().rev() {
            for waiting in self.queues.remove(&key).unwrap_or_default() {
                self.seen.count("errors of the flight ahead");
                self.wake(waiting, Turn::Failed(error.clone()));
            }
        }
    }

    /// Whoever began the flow gives it up, wherever it is.
    fn cancel(&mut self, number: Number) {
        let flow = self.flows.remove(&number).expect("a flow");
        for queue in self.queues.values_mut() {
            queue.retain(|waiting| *waiting != number);
        }
        for key in flow.held.into_iter().rev() {
            self.hand_on(key);
        }
    }

    // ── time ──

    /// A driver's own limit ends the wait for somebody else's flight: the flow is dropped, or told.
    fn pass(&mut self, seconds: u64) {
        self.reference.pass(seconds);
        let time = self.reference.time();
        let late = |flow: &Flow| flow.queues && flow.deadline() <= time;
        let late: Vec<_> = self.flows.iter().filter(|(_, flow)| late(flow)).collect();
        let late: Vec<_> = late.into_iter().map(|(number, _)| *number).collect();
        for number in late {
            // One that was before it may have handed it the turn.
            if !self.flows.get(&number).is_some_and(|flow| flow.queues) {
                continue;
            }
            match number % 2 {
                0 => self.cancel(number),
                _ => {
                    for queue in self.queues.values_mut() {
                        queue.retain(|waiting| *waiting != number);
                    }
                    self.wake(number, Turn::Failed(Error::deadline_passed()));
                }
            }
        }
    }

    /// The next process has other clocks and an empty memory, into which goes what the one before left behind.
    fn restart(&mut self, portable: bool) {
        self.flows.clear();
        self.queues.clear();
        let mut cache = PortableCache::empty();
        cache.add_from(&self.memory, self.reference.now());
        assert_silent(&cache);
        let stored = cache.write();
        let cache = PortableCache::read(stored.expose()).expect("what was written");
        self.memory = Memory::default();
        let lives = self.reference.restart(portable);
        if portable {
            let found = cache.load_into(&mut self.memory, self.reference.now());
            assert_eq!(found, lives, "tokens that live");
            self.seen.add("tokens kept through a restart", found);
        }
    }
}
