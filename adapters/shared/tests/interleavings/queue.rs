//! Turns alone: whoever queues gets the turn, the leader's error, or nothing because it left; and the key becomes free again.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_proto::{Error, FlightKey, Step};
use loom::sync::{Arc, Mutex};

use crate::channel::{Waker, channel};
use crate::flows::{START, client, plan, seed};
use crate::turns::{Handed, Held, Taken, Turns};
use crate::{explore, spawn};

/// What a caller does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Caller {
    /// Waits as long as it takes, and fetches unless somebody else did.
    Fetches,
    /// Waits as long as it takes, and ends the flight with an error.
    Fails,
    /// Goes at once: as a leader with its turn, else while it waits.
    Leaves,
}
use Caller::{Fails, Fetches, Leaves};

/// What came of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    Fetched,
    /// Somebody else had fetched.
    Found,
    Failed,
    /// Got the error of the flight that it waited for.
    Told,
    Left,
}

/// What all callers share.
struct Shared {
    turns: Turns<Waker>,
    /// Whether somebody has fetched, as a memory would know it.
    fetched: Mutex<bool>,
    /// How many have the turn at this moment. Nobody meets here: it is for the checks alone.
    flying: AtomicUsize,
}

static KEYS: LazyLock<[FlightKey; 2]> = LazyLock::new(|| {
    ["one", "two"].map(|scope| {
        let client = client();
        let Step::LoadCache(load) = plan(&client, scope).start(seed(0), START) else {
            panic!("it looks into the cache first");
        };
        let Step::TakeTurn(take) = load.resume(Ok(Default::default()), START) else {
            panic!("and queues");
        };
        take.key().clone()
    })
});

impl Shared {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            turns: Turns::default(),
            fetched: Mutex::new(false),
            flying: AtomicUsize::new(0),
        })
    }

    fn call(&self, caller: Caller) -> Came {
        let held = match self.turns.take(&KEYS[0], channel) {
            Taken::Mine(held) => held,
            Taken::Wait(_) if caller == Leaves => return Came::Left,
            Taken::Wait(waiter) => match waiter.wait() {
                Handed::Turn(held) => held,
                Handed::Failed(error) => {
                    assert_eq!(error, Error::cancelled());
                    return Came::Told;
                }
            },
        };
        assert_eq!(self.flying.fetch_add(1, Ordering::SeqCst), 0, "two flights");
        match caller {
            Fetches => self.fetch(held),
            Fails => {
                self.land();
                held.fail(&Error::cancelled());
                Came::Failed
            }
            Leaves => {
                self.land();
                drop(held);
                Came::Left
            }
        }
    }

    /// Looks, fetches, remembers, and only then gives the turn back.
    fn fetch(&self, held: Held<Waker>) -> Came {
        let found = *self.fetched.lock().unwrap();
        if !found {
            *self.fetched.lock().unwrap() = true;
        }
        self.land();
        drop(held);
        if found { Came::Found } else { Came::Fetched }
    }

    fn land(&self) {
        self.flying.fetch_sub(1, Ordering::SeqCst);
    }
}

/// All callers at once, in every order; then what came of each, and a last caller who finds the key free.
fn together(callers: &'static [Caller], check: impl Fn(&[Came]) + Send + Sync + 'static) {
    LazyLock::force(&KEYS);
    explore(move || {
        let shared = Shared::new();
        let threads: Vec<_> = callers
            .iter()
            .map(|caller| {
                let shared = Arc::clone(&shared);
                spawn(move || shared.call(*caller))
            })
            .collect();
        let came: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        check(&came);
        assert_eq!(shared.turns.in_flight(), 0);
        assert!(matches!(
            shared.turns.take(&KEYS[0], channel),
            Taken::Mine(_)
        ));
    });
}

fn count(came: &[Came], what: Came) -> usize {
    came.iter().filter(|each| **each == what).count()
}

#[test]
fn i22_of_three_callers_one_fetches_and_all_have_it() {
    together(&[Fetches, Fetches, Fetches], |came| {
        assert_eq!(count(came, Came::Fetched), 1);
        assert_eq!(count(came, Came::Found), 2);
    });
}

#[test]
fn i23_whoever_leaves_takes_nothing_from_the_others() {
    together(&[Leaves, Fetches, Fetches], |came| {
        assert_eq!(count(came, Came::Fetched), 1);
        assert_eq!(count(came, Came::Found), 1);
    });
    together(&[Leaves, Leaves, Fetches], |came| {
        assert_eq!(came, [Came::Left, Came::Left, Came::Fetched]);
    });
}

#[test]
fn i23_when_all_have_left_the_key_is_free() {
    together(&[Leaves, Leaves, Leaves], |came| {
        assert_eq!(count(came, Came::Left), 3);
    });
}

/// I25: who queued behind the failure is told; who came too late for that begins a flight of its own.
#[test]
fn i25_a_failure_reaches_whoever_waits_and_nobody_else() {
    together(&[Fails, Fetches, Fetches], |came| {
        assert_eq!(came[0], Came::Failed);
        assert!(!came.contains(&Came::Found) || count(came, Came::Fetched) == 1);
        assert!(count(came, Came::Fetched) <= 1);
    });
    together(&[Fails, Leaves, Fetches], |came| {
        assert_eq!(came[..2], [Came::Failed, Came::Left]);
        assert!(matches!(came[2], Came::Fetched | Came::Told));
    });
    together(&[Fails, Fails, Leaves], |came| {
        assert!(count(came, Came::Failed) >= 1);
        assert_eq!(count(came, Came::Left), 1);
    });
}

/// I24: with the turn of one key in hand, a caller waits for a whole flight of another key.
#[test]
fn i24_a_flight_that_stands_still_delays_no_other_key() {
    LazyLock::force(&KEYS);
    explore(|| {
        let shared = Shared::new();
        let stalled = Arc::clone(&shared);
        let first = spawn(move || {
            let Taken::Mine(held) = stalled.turns.take(&KEYS[1], channel) else {
                panic!("nobody else wants this key");
            };
            let others: Vec<_> = (0..2)
                .map(|_| {
                    let shared = Arc::clone(&stalled);
                    spawn(move || shared.call(Fetches))
                })
                .collect();
            let came: Vec<_> = others
                .into_iter()
                .map(|other| other.join().unwrap())
                .collect();
            drop(held);
            came
        });
        let came = first.join().unwrap();
        assert_eq!(count(&came, Came::Fetched), 1);
        assert_eq!(shared.turns.in_flight(), 0);
    });
}
