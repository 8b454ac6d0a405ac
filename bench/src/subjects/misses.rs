//! Misses whose transport answers at once: everything that an acquisition costs besides the network.

use std::hint::black_box;

use entra_proto::{Plan, TokenRequest};

use crate::driver::Driver;
use crate::sampler::{PORTION, Subject};
use crate::world::{self, TEXT};

/// One request again and again, whose token never lives for long enough to be handed out twice.
pub(super) struct Miss {
    driver: Driver,
    request: TokenRequest,
    /// None where each call makes its own.
    plan: Option<Plan>,
    answer: String,
}

impl Miss {
    /// From the request on, with so many entries in the memory at last.
    pub(super) fn new(entries: usize) -> Self {
        Self {
            driver: Driver::remembering(0..entries.saturating_sub(1), TEXT),
            request: world::in_tenant(entries),
            plan: None,
            answer: world::granting("Bearer", 60, TEXT),
        }
    }

    /// From a plan on that was made ready, as a held source has one.
    pub(super) fn prepared(entries: usize) -> Self {
        let miss = Self::new(entries);
        let plan = world::plan(miss.request.clone(), miss.driver.client()).ready();
        Self {
            plan: Some(plan),
            ..miss
        }
    }
}

impl Subject for Miss {
    fn portion(&self) -> u64 {
        PORTION
    }

    fn prepare(&mut self, times: u64) {
        self.driver.prepare(times as usize, &self.answer);
    }

    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let token = match &self.plan {
                Some(plan) => self.driver.run(plan.clone()),
                None => self.driver.token(&self.request),
            };
            black_box(token.expect("a token"));
        }
    }
}
