//! One random flow: a random client, a random request, random answers, and everything that must hold on the way whatever they
//! are. The dice decide: a generator of the test's own, or a fuzzer's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entra_proto::*;

#[path = "journey/answers.rs"]
mod answers;
#[path = "journey/checks.rs"]
mod checks;
#[path = "journey/follow.rs"]
mod follow;
#[path = "journey/party.rs"]
mod party;
#[path = "journey/tokens.rs"]
mod tokens;
#[path = "journey/trail.rs"]
mod trail;
#[path = "journey/wish.rs"]
mod wish;

use checks::check_error;
use party::{Party, party};
use wish::{Principal, Wish};

use crate::canary::{CANARY, assert_silent};
use crate::script::START;

/// No flow has more steps (I04). The longest is for a user's account, with a certificate's provider and a host that nobody knows:
/// it looks, queues, looks, looks for the refresh token (4); asks (1); settles the region: looks, queues, looks, asks three times,
/// saves (7); and the host: looks, queues, looks, asks, saves (5); its certificate grew old: asks (1); looks at the throttling,
/// signs twice, sends, saves, pauses (6); asks, looks, signs twice, sends, saves twice, ends (8). One whose pair names the cache's
/// key looks and asks more often before it sends, but signs nothing, and comes to 31.
pub(crate) const MOST_STEPS: usize = 32;

/// Where chance comes from.
pub(crate) trait Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u32) -> u32;

    fn one_in(&mut self, sides: u32) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        let most = u32::try_from(values.len()).expect("a short list");
        values[self.roll(most) as usize]
    }
}

/// What flows share: a memory, clocks, and what was issued to whom.
pub(crate) struct World {
    memory: Memory,
    now: Now,
    pairs: u32,
    tokens: u32,
    issued: BTreeMap<String, Issued>,
    refresh_tokens: BTreeMap<String, Principal>,
}

/// What the service knows of a token.
struct Issued {
    to: Principal,
    kind: &'static str,
    scopes: BTreeSet<String>,
    /// The certificate of the handshake.
    certificate: Option<Thumbprint>,
    at: Now,
    life: Duration,
}

/// So small that it overflows (I33: losing an entry changes only latency).
const SMALL: Limits = Limits {
    entries: 12,
    bytes: 64 * 1_024,
};

impl World {
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::new(SMALL),
            now: START,
            pairs: 0,
            tokens: 0,
            issued: BTreeMap::new(),
            refresh_tokens: BTreeMap::new(),
        }
    }

    /// A few flows from the building of their client to their ends, and what they step on.
    pub(crate) fn walk(
        &mut self,
        dice: &mut impl Dice,
        mut step_on: impl FnMut(&'static str, &'static str),
    ) {
        let party = match party(dice) {
            Ok(party) => party,
            Err(error) => return check_error(&error),
        };
        let wish = Wish::roll(dice, &party);
        self.follow_often(dice, &party, &wish, &mut step_on);
        // Who signed a user in comes again for the account.
        if dice.roll(4) > 0
            && let Some(later) = wish.later(dice, &party)
        {
            self.follow_often(dice, &party, &later, &mut step_on);
        }
    }

    fn follow_often(
        &mut self,
        dice: &mut impl Dice,
        party: &Party,
        wish: &Wish,
        step_on: &mut impl FnMut(&'static str, &'static str),
    ) {
        let plan = match wish.request.clone().plan(&party.client) {
            Ok(plan) => plan,
            Err(error) => return check_error(&error),
        };
        assert_silent(&(&plan, &wish.request, &party.client));
        // The same again, so that the cache has something to do.
        for _ in 0..=dice.roll(4) {
            if dice.one_in(16) {
                self.restart();
            }
            self.follow(dice, party, wish, plan.clone(), false, step_on);
        }
    }

    /// What is remembered goes through its portable form, as from one process to the next: notes are lost, and whatever holds of
    /// tokens holds as before.
    fn restart(&mut self) {
        let mut cache = PortableCache::empty();
        cache.add_from(&self.memory, self.now);
        assert_silent(&cache);
        let stored = cache.write();
        let cache = PortableCache::read(stored.expose()).expect("what was written");
        assert_eq!(cache.write(), stored);
        self.memory = Memory::new(SMALL);
        cache.load_into(&mut self.memory, self.now);
    }
}

fn secret(what: &str) -> Secret {
    Secret::new(format!("{CANARY}-{what}"))
}
