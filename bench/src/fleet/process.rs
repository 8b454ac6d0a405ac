//! One process of the fleet: its memory and its turns, its callers, and a queue of what happens when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entra_adapter::{Handed, Held, Taken, Turns, Wake};
use entra_proto::{
    AccessToken, Body, Error, Memory, Now, Plan, Renewals, Seed, Step, Thumbprint, Turn,
};
use http::{Response, StatusCode};

use super::{Fleet, Load, Measures, Plans};

/// What happens at some time; of two at the same time the one that was foreseen first.
type Event = Reverse<(Duration, u64, What)>;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum What {
    /// The callers of this tenant ask.
    Ask(usize),
    /// The process goes over to its next certificate.
    Rotate,
    /// The service's answer to this flow arrives.
    Answer(usize, Said),
    /// This flow's pause is over.
    GoOn(usize),
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Said {
    Granted,
    Refused,
}

/// Where flows that were waiting for a turn are put when they have it, or an error.
type Woken = Arc<Mutex<Vec<(usize, Handed<Waiting>)>>>;

struct Waiting {
    flow: usize,
    woken: Woken,
}

impl Wake for Waiting {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        woken.push((self.flow, handed));
        Ok(())
    }
}

#[derive(Default)]
struct Flow {
    /// Whose token it is about.
    tenant: usize,
    /// What it waits with.
    step: Option<Step>,
    turns: Vec<Held<Waiting>>,
    /// The renewal that it is: nobody waits for it.
    renewal: Option<Plan>,
    /// The service has refused, so that what it saves next is the note of it.
    refused: bool,
}

struct Process<'a> {
    fleet: &'a Fleet,
    measures: Measures,
    plans: &'a [Vec<Plan>; 2],
    thumbprints: [Thumbprint; 2],
    /// Which certificate it has.
    certificate: usize,
    memory: Memory,
    /// The latest token of each tenant, held beside the memory as the adapters' sources do.
    held: Vec<Option<AccessToken>>,
    turns: Turns<Waiting>,
    renewals: Renewals,
    woken: Woken,
    flows: Vec<Flow>,
    /// Places in `flows` that are free.
    free: Vec<usize>,
    events: BinaryHeap<Event>,
    foreseen: u64,
    time: Duration,
    dice: Dice,
    load: Load,
}

/// SplitMix64: the simulation's own chance, which is the same for the same seed.
struct Dice(u64);

impl Dice {
    fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Less than that, or nought.
    fn time(&mut self, less_than: Duration) -> Duration {
        let nanoseconds = u64::try_from(less_than.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.number() % nanoseconds.max(1))
    }
}

/// Plays one process to the end of the watch.
pub(super) fn play(
    fleet: &Fleet,
    measures: Measures,
    plans: &Plans,
    seed: u64,
    number: u64,
) -> Load {
    let mut dice = Dice(seed ^ number.wrapping_mul(0xd1b5_4a32_d192_ed03));
    let begins = dice.time(fleet.begins_within);
    let mut process = Process {
        fleet,
        measures,
        plans: &plans.of_each,
        thumbprints: plans.thumbprints,
        certificate: 0,
        memory: Memory::default(),
        held: vec![None; fleet.tenants],
        turns: Turns::default(),
        renewals: Renewals::default(),
        woken: Woken::default(),
        flows: Vec::new(),
        free: Vec::new(),
        events: BinaryHeap::new(),
        foreseen: 0,
        time: Duration::ZERO,
        dice,
        load: super::empty(fleet),
    };
    for tenant in 0..fleet.tenants {
        let first = begins + process.dice.time(fleet.period);
        process.foresee(first, What::Ask(tenant));
    }
    if let Some((from, within)) = fleet.rotation {
        let at = from + process.dice.time(within);
        process.foresee(at, What::Rotate);
    }
    process.run();
    process.load
}

impl Process<'_> {
    fn now(&self) -> Now {
        /// The first day of 2027.
        const BEGIN: Now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
        BEGIN.after(self.time)
    }

    fn foresee(&mut self, time: Duration, what: What) {
        self.foreseen += 1;
        self.events.push(Reverse((time, self.foreseen, what)));
    }

    fn run(&mut self) {
        while let Some(Reverse((time, _, what))) = self.events.pop() {
            if time >= self.fleet.lasts {
                return;
            }
            self.time = time;
            match what {
                What::Ask(tenant) => {
                    self.ask(tenant);
                    self.foresee(time + self.fleet.period, What::Ask(tenant));
                }
                What::Rotate => {
                    self.certificate = 1;
                    self.held.fill(None);
                }
                What::Answer(flow, said) => self.answered(flow, said),
                What::GoOn(flow) => {
                    if let Some(Step::Pause(pause)) = self.flows[flow].step.take() {
                        self.go_on(flow, pause.resume(self.now()));
                    }
                }
            }
            self.wake();
        }
    }

    fn ask(&mut self, tenant: usize) {
        let now = self.now();
        if matches!(&self.held[tenant], Some(token) if now.precedes(token.serves_until())) {
            self.load.served += self.fleet.callers as u64;
            return;
        }
        let plan = &self.plans[self.certificate][tenant];
        for _ in 0..self.fleet.callers {
            self.start(tenant, plan.clone(), None);
        }
    }

    fn start(&mut self, tenant: usize, plan: Plan, renewal: Option<Plan>) {
        let flow = self.free.pop().unwrap_or(self.flows.len());
        if flow == self.flows.len() {
            self.flows.push(Flow::default());
        }
        self.flows[flow].tenant = tenant;
        self.flows[flow].renewal = renewal;
        let mut seed = [7; 32];
        if self.measures.jitter {
            for part in seed.chunks_mut(8) {
                part.copy_from_slice(&self.dice.number().to_le_bytes());
            }
        }
        let step = plan.start(Seed::from_bytes(seed), self.now());
        self.go_on(flow, step);
    }

    fn answered(&mut self, flow: usize, said: Said) {
        let Some(Step::SendRequest(send)) = self.flows[flow].step.take() else {
            return;
        };
        let mut answer = Response::new(Body::empty());
        match said {
            Said::Granted => {
                let (lives, refresh_in) =
                    (self.fleet.lives.as_secs(), self.fleet.refresh_in.as_secs());
                let text = format!(
                    "{{\"token_type\":\"mtls_pop\",\"expires_in\":{lives},\"refresh_in\":{refresh_in},\"access_token\":\"T\"}}"
                );
                *answer.body_mut() = Body::from(text.into_bytes());
            }
            Said::Refused => {
                *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
                let seconds = http::HeaderValue::from(self.fleet.retry_after);
                answer
                    .headers_mut()
                    .insert(http::header::RETRY_AFTER, seconds);
                self.flows[flow].refused = true;
            }
        }
        self.go_on(flow, send.resume(Ok(answer), self.now()));
    }

    /// Takes a flow as far as it comes without waiting.
    fn go_on(&mut self, flow: usize, mut step: Step) {
        let now = self.now();
        loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.memory.load(&load);
                    load.resume(Ok(found), now)
                }
                Step::TakeTurn(take) if self.measures.single_flight => {
                    let woken = &self.woken;
                    let channel = || {
                        let woken = Arc::clone(woken);
                        (Waiting { flow, woken }, ())
                    };
                    match self.turns.take(take.key(), channel) {
                        Taken::Mine(held) => {
                            self.flows[flow].turns.push(held);
                            take.resume(Turn::Mine, now)
                        }
                        Taken::Wait(()) => {
                            self.flows[flow].step = Some(Step::TakeTurn(take));
                            return;
                        }
                    }
                }
                Step::TakeTurn(take) => take.resume(Turn::Mine, now),
                Step::SendRequest(send) => {
                    self.send(flow);
                    self.flows[flow].step = Some(Step::SendRequest(send));
                    return;
                }
                Step::Pause(pause) => {
                    self.foresee(self.time + pause.wait(), What::GoOn(flow));
                    self.flows[flow].step = Some(Step::Pause(pause));
                    return;
                }
                Step::SaveCache(save) => {
                    let is_note = std::mem::take(&mut self.flows[flow].refused);
                    if self.measures.throttling || !is_note {
                        self.memory.save(save.key(), save.update(), now);
                    }
                    if save.ends_turn() {
                        self.flows[flow].turns.pop();
                    }
                    save.resume(Ok(()), now)
                }
                Step::Done(mut done) => {
                    let offered = done.take_renewal();
                    let tenant = self.flows[flow].tenant;
                    self.ended(flow, done.into_result());
                    if let Some(renewal) = offered
                        && (!self.measures.single_flight || self.renewals.begin(&renewal, now))
                    {
                        self.start(tenant, renewal.clone(), Some(renewal));
                    }
                    return;
                }
                Step::DiscoverRegion(_)
                | Step::DiscoverInstance(_)
                | Step::ObtainAssertion(_)
                | Step::ObtainCertificate(_)
                | Step::SignAssertion(_) => {
                    panic!("a fixed certificate and a named region need nothing else")
                }
            };
        }
    }

    /// A request arrives at the service, which knows at once what it will say.
    fn send(&mut self, flow: usize) {
        if let Some(second) = self.load.seconds.get_mut(self.time.as_secs() as usize) {
            *second += 1;
        }
        let is_out = |(from, until)| (from..until).contains(&self.time);
        let said = if self.fleet.outage.is_some_and(is_out) {
            self.load.refused += 1;
            Said::Refused
        } else {
            Said::Granted
        };
        self.foresee(self.time + self.fleet.latency, What::Answer(flow, said));
    }

    fn ended(&mut self, flow: usize, result: Result<AccessToken, Error>) {
        let over = std::mem::take(&mut self.flows[flow]);
        self.free.push(flow);
        for held in over.turns.into_iter().rev() {
            match &result {
                Err(error) => held.fail(error),
                Ok(_) => drop(held),
            }
        }
        match (over.renewal, &result) {
            (Some(renewal), result) => self.renewals.end(&renewal, result),
            (None, Ok(_)) => self.load.served += 1,
            (None, Err(_)) => self.load.failed += 1,
        }
        // One that was asked for with the certificate of before is no longer held.
        if let Ok(token) = result
            && self.is_current(&token)
        {
            self.held[over.tenant] = Some(token);
        }
    }

    fn is_current(&self, token: &AccessToken) -> bool {
        let shown = token.binding_certificate();
        shown.is_some_and(|shown| shown.thumbprint() == self.thumbprints[self.certificate])
    }

    /// Goes on with whoever was waiting for what has ended.
    fn wake(&mut self) {
        loop {
            let woken =
                std::mem::take(&mut *self.woken.lock().unwrap_or_else(PoisonError::into_inner));
            if woken.is_empty() {
                return;
            }
            for (flow, handed) in woken {
                let (turn, held) = handed.into_turn();
                self.flows[flow].turns.extend(held);
                if let Some(Step::TakeTurn(take)) = self.flows[flow].step.take() {
                    self.go_on(flow, take.resume(turn, self.now()));
                }
            }
        }
    }
}
