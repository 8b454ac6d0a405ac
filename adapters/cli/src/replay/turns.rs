//! Turns: who fetches under a key, and who waits for it, first come first served.

use std::collections::{BTreeMap, VecDeque};

use entra_proto::FlightKey;

/// Flows are known by their names.
#[derive(Debug, Default)]
pub(crate) struct Turns(BTreeMap<FlightKey, Queue>);

#[derive(Debug)]
struct Queue {
    holder: String,
    waiting: VecDeque<String>,
}

/// How asking for a turn ended.
#[derive(Debug)]
pub(crate) enum Taken {
    Mine,
    /// This flow has it, and the one that asked waits.
    Behind(String),
}

impl Turns {
    /// Takes the turn, or the last place in its queue.
    pub(crate) fn take(&mut self, key: &FlightKey, flow: &str) -> Taken {
        match self.0.get_mut(key) {
            Some(queue) => {
                queue.waiting.push_back(flow.to_owned());
                Taken::Behind(queue.holder.clone())
            }
            None => {
                let queue = Queue {
                    holder: flow.to_owned(),
                    waiting: VecDeque::new(),
                };
                self.0.insert(key.clone(), queue);
                Taken::Mine
            }
        }
    }

    /// Gives the turn to the first that waits, if any does, and names it.
    pub(crate) fn pass_on(&mut self, key: &FlightKey) -> Option<String> {
        let queue = self.0.get_mut(key)?;
        match queue.waiting.pop_front() {
            Some(next) => {
                queue.holder.clone_from(&next);
                Some(next)
            }
            None => {
                self.0.remove(key);
                None
            }
        }
    }

    /// The turn is nobody's any more, and nobody waits: names those who did.
    pub(crate) fn close(&mut self, key: &FlightKey) -> VecDeque<String> {
        self.0
            .remove(key)
            .map_or_else(VecDeque::new, |queue| queue.waiting)
    }

    /// A flow that waited goes away.
    pub(crate) fn leave(&mut self, key: &FlightKey, flow: &str) {
        if let Some(queue) = self.0.get_mut(key) {
            queue.waiting.retain(|other| other != flow);
        }
    }
}
