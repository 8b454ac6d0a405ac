//! The core behind a transport that answers at once: the loop of `entra-tokio` over the same memory, turns, clock and seed, without a
//! runtime and without a socket. What it costs is what a miss costs besides the network.

use std::ops::Range;

use entra_adapter::{Handed, Held, Settings, State, Taken, Wake, seed};
use entra_proto::{
    AccessToken, Body, ClientAssertion, Error, Failure, FailureKind, Limits, Plan, Secret, Step,
    TokenRequest, Turn,
};
use http::Response;

use crate::world;

/// Flows one after another; nobody ever waits.
#[derive(Debug)]
pub struct Driver {
    state: State<Nobody>,
    /// Made before a measurement, used up in it.
    answers: Vec<Response<Body>>,
    assertions: Vec<Secret>,
}

/// Whoever waits for a turn: nobody.
#[derive(Debug)]
struct Nobody;

impl Wake for Nobody {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        Err(handed)
    }
}

impl Driver {
    /// With an empty memory that may hold so much.
    ///
    /// # Panics
    /// Never: the credential needs nothing but a provider.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let mut settings = Settings::new(world::client());
        settings.limits = limits;
        Self {
            state: State::new(settings, true, false).expect("a state"),
            answers: Vec::new(),
            assertions: Vec::new(),
        }
    }

    /// With a memory of a token of that length for each of these tenants.
    #[must_use]
    pub fn remembering(tenants: Range<usize>, length: usize) -> Self {
        let mut driver = Self::new(ROOMY);
        for number in tenants {
            driver.remember(
                &world::plan(world::in_tenant(number), &world::client()),
                length,
            );
        }
        driver
    }

    /// Fetches and remembers a token of that length.
    ///
    /// # Panics
    /// If it is refused, which it is not.
    pub fn remember(&mut self, plan: &Plan, length: usize) {
        self.prepare(1, &world::granting("Bearer", 86_400, length));
        self.run(plan.clone()).expect("a token");
    }

    /// What is held of the client.
    #[must_use]
    pub fn client(&self) -> &entra_proto::Client {
        &self.state.settings().client
    }

    /// What is remembered, as a document that a client imports.
    #[must_use]
    pub fn export(&self) -> Body {
        self.state.export_cache()
    }

    /// How many tokens are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.state.memory().len()
    }

    /// Whether nothing is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes what so many flows will get from outside.
    pub fn prepare(&mut self, times: usize, body: &str) {
        self.answers
            .resize_with(times, || world::answer(http::StatusCode::OK, body));
        self.assertions
            .resize_with(times, || Secret::new(world::jwt(world::TEXT)));
    }

    /// The token that is remembered, if there is one.
    #[must_use]
    pub fn hit(&self, plan: &Plan) -> Option<AccessToken> {
        self.state.hit(plan.look())
    }

    /// What is asked for with a request: remembered, or by a whole flow.
    ///
    /// # Errors
    /// The core's.
    pub fn token(&mut self, request: &TokenRequest) -> Result<AccessToken, Error> {
        match self.state.hit(request.look(self.client())) {
            Some(token) => Ok(token),
            None => self.run(request.clone().plan(self.client())?),
        }
    }

    /// A whole flow.
    ///
    /// # Errors
    /// The core's.
    pub fn run(&mut self, plan: Plan) -> Result<AccessToken, Error> {
        if let Some(token) = self.state.hit(plan.look()) {
            return Ok(token);
        }
        let mut turns: Vec<Held<Nobody>> = Vec::new();
        let mut now = self.state.clock().now();
        let Ok(seed) = seed(now) else {
            return Err(Error::no_randomness());
        };
        let mut step = plan.start(seed, now);
        loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.state.memory().load(&load);
                    load.resume(Ok(found), now)
                }
                Step::TakeTurn(take) => {
                    let turn = match self.state.turns().take(take.key(), || (Nobody, ())) {
                        Taken::Mine(held) => {
                            turns.push(held);
                            Turn::Mine
                        }
                        Taken::Wait(()) => Turn::Failed(Error::cancelled()),
                    };
                    take.resume(turn, now)
                }
                Step::ObtainAssertion(ask) => {
                    let assertion = self.assertions.pop().map(ClientAssertion::new);
                    now = self.state.clock().now();
                    ask.resume(assertion.ok_or_else(unprepared), now)
                }
                Step::SendRequest(send) => {
                    let answer = self.answers.pop().ok_or_else(unprepared);
                    now = self.state.clock().now();
                    send.resume(answer, now)
                }
                Step::SaveCache(save) => {
                    self.state.save(&save, now);
                    if save.ends_turn() {
                        turns.pop();
                    }
                    save.resume(Ok(()), now)
                }
                Step::ObtainCertificate(ask) => ask.resume(Err(unprepared()), now),
                Step::SignAssertion(sign) => sign.resume(Err(unprepared()), now),
                Step::DiscoverRegion(ask) => ask.resume(Err(unprepared()), now),
                Step::DiscoverInstance(ask) => ask.resume(Err(unprepared()), now),
                Step::Pause(pause) => pause.resume(self.state.clock().now()),
                Step::Done(done) => return done.into_result(),
            };
        }
    }
}

/// Room for everything that is put in.
pub const ROOMY: Limits = Limits {
    entries: usize::MAX,
    bytes: usize::MAX,
};

fn unprepared() -> Failure {
    Failure::new(FailureKind::Provider).reporting("nothing was prepared for this step")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_is_remembered_and_what_has_all_but_ended_is_fetched_again() {
        let mut driver = Driver::remembering(0..3, 100);
        assert_eq!(driver.len(), 3);
        let plan = world::plan(world::in_tenant(2), driver.client());
        assert!(driver.hit(&plan).is_some());

        let brief = world::plan(world::in_tenant(9), driver.client());
        driver.prepare(2, &world::granting("Bearer", 60, 100));
        for _ in 0..2 {
            assert!(driver.run(brief.clone()).is_ok());
            assert!(driver.hit(&brief).is_none());
        }
        assert!(
            driver.run(brief).is_err(),
            "two answers, and no third request"
        );
        assert_eq!(driver.len(), 4);
    }
}
