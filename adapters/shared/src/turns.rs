//! Turns: one flight for each key, whoever comes later waits in order. How a waiting caller is woken is the adapter's.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::fmt;

use entra_proto::{Error, FlightKey, Turn};

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How an adapter wakes one that waits: the sending half of a channel for one message.
///
/// The loop of the [crate's documentation](crate) has it in use.
pub trait Wake: Sized + Send {
    /// Hands over what became of the wait; gives it back if nobody waits any more.
    ///
    /// # Errors
    /// Whoever waited is gone.
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>>;
}

/// What whoever waited gets.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "the two ends of a wait")]
pub enum Handed<W: Wake> {
    /// The turn.
    Turn(Held<W>),
    /// The error of the flight that it waited for.
    Failed(Error),
}

/// The turns of one client.
///
/// The loop of the [crate's documentation](crate) takes them from its [`State`](crate::State).
pub struct Turns<W: Wake>(Arc<Queues<W>>);

struct Queues<W: Wake> {
    /// A key is in the map as long as somebody has its turn; the queue holds whoever waits.
    flights: Mutex<HashMap<FlightKey, VecDeque<W>>>,
}

/// What came of asking for a turn.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "the two answers to the question")]
pub enum Taken<W: Wake, R> {
    /// The turn was free.
    Mine(Held<W>),
    /// Somebody has it: wait on this.
    Wait(R),
}

/// A turn. Dropping it gives it to the next in the queue.
///
/// The loop of the [crate's documentation](crate) has it in use.
pub struct Held<W: Wake> {
    queues: Arc<Queues<W>>,
    key: Option<FlightKey>,
}

impl<W: Wake> Default for Turns<W> {
    fn default() -> Self {
        Self(Arc::new(Queues {
            flights: Mutex::new(HashMap::new()),
        }))
    }
}

impl<W: Wake> Turns<W> {
    /// Takes the turn, or queues with what `channel` makes: the half that wakes and the half that waits.
    pub fn take<R>(&self, key: &FlightKey, channel: impl FnOnce() -> (W, R)) -> Taken<W, R> {
        let mut flights = self
            .0
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match flights.entry(key.clone()) {
            Entry::Occupied(mut flight) => {
                let (wake, wait) = channel();
                flight.get_mut().push_back(wake);
                Taken::Wait(wait)
            }
            Entry::Vacant(place) => {
                place.insert(VecDeque::new());
                Taken::Mine(Held {
                    queues: Arc::clone(&self.0),
                    key: Some(key.clone()),
                })
            }
        }
    }

    /// How many keys somebody has the turn of.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.0
            .flights
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len()
    }
}

impl<W: Wake> Held<W> {
    /// Ends the flight with an error, which everybody who waits now gets.
    pub fn fail(mut self, error: &Error) {
        let Some(key) = self.key.take() else { return };
        let waiting = self.queues.lock().remove(&key).unwrap_or_default();
        for wake in waiting {
            // Who is gone needs no error.
            let _ = wake.wake(Handed::Failed(error.clone()));
        }
    }
}

impl<W: Wake> Queues<W> {
    fn lock(&self) -> MutexGuard<'_, HashMap<FlightKey, VecDeque<W>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next in the queue, and the key again; the key is free if there is none.
    fn next(&self, key: FlightKey) -> Option<(W, FlightKey)> {
        let mut flights = self.lock();
        let Entry::Occupied(mut flight) = flights.entry(key) else {
            return None;
        };
        match flight.get_mut().pop_front() {
            Some(next) => Some((next, flight.key().clone())),
            None => {
                flight.remove();
                None
            }
        }
    }
}

impl<W: Wake> Drop for Held<W> {
    fn drop(&mut self) {
        let mut held = self.key.take();
        // The lock is not held while somebody is woken: giving the turn back to us would take it again.
        while let Some((wake, key)) = held.and_then(|key| self.queues.next(key)) {
            held = Some(key.clone());
            let turn = Self {
                queues: Arc::clone(&self.queues),
                key: Some(key),
            };
            match wake.wake(Handed::Turn(turn)) {
                Ok(()) => return,
                // Gone while waiting: the turn comes back and goes to the next, not through its own drop.
                Err(Handed::Turn(mut back)) => back.key = None,
                Err(Handed::Failed(_)) => {}
            }
        }
    }
}

impl<W: Wake> Handed<W> {
    /// The core's answer, and the turn to hold.
    #[must_use]
    pub fn into_turn(self) -> (Turn, Option<Held<W>>) {
        match self {
            Self::Turn(held) => (Turn::Waited, Some(held)),
            Self::Failed(error) => (Turn::Failed(error), None),
        }
    }
}

impl<W: Wake> fmt::Debug for Held<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.key).finish()
    }
}

impl<W: Wake> fmt::Debug for Turns<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns")
            .field("in_flight", &self.in_flight())
            .finish()
    }
}
