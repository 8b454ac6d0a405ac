//! What an observer is told, kept to be counted; and a way to make two callers meet.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entra_adapter::Event;

/// Nobody on a machine that works needs so long to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The events of a client's flows.
#[derive(Default)]
pub(super) struct Trace {
    seen: Mutex<Seen>,
    changed: Condvar,
}

#[derive(Default)]
struct Seen {
    events: Vec<Event>,
    meeting: Meeting,
}

/// The first caller who has the turn and goes to work waits until a second one waits for it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Meeting {
    #[default]
    None,
    Arranged,
    FirstWaits,
    Over,
}

impl Trace {
    /// Hears an event.
    pub(super) fn hear(&self, event: &Event) {
        let mut seen = self.lock();
        seen.events.push(event.clone());
        match (event.step, seen.meeting) {
            ("ObtainAssertion" | "SignAssertion" | "SendRequest", Meeting::Arranged) => {
                seen.meeting = Meeting::FirstWaits;
                self.changed.notify_all();
                let (seen, waited) = self
                    .changed
                    .wait_timeout_while(seen, PATIENCE, |seen| seen.meeting != Meeting::Over)
                    .unwrap_or_else(PoisonError::into_inner);
                drop(seen);
                assert!(!waited.timed_out(), "hang: nobody came to wait");
            }
            ("TakeTurn", Meeting::FirstWaits) if *event == Event::waiting() => {
                seen.meeting = Meeting::Over;
            }
            _ => {}
        }
        self.changed.notify_all();
    }

    /// Lets the next two callers meet.
    pub(super) fn arrange_meeting(&self) {
        self.lock().meeting = Meeting::Arranged;
    }

    /// Waits for the first of them.
    pub(super) fn wait_for_first(&self) {
        self.wait(PATIENCE, "nobody goes to work", |seen| {
            seen.meeting != Meeting::Arranged
        });
    }

    /// Waits until so many flows are over.
    pub(super) fn wait_for_ends(&self, flows: usize, limit: Duration) {
        self.wait(limit, "a flow does not end", |seen| {
            count(&seen.events, "Done") >= flows
        });
    }

    fn wait(&self, limit: Duration, otherwise: &str, until: impl Fn(&Seen) -> bool) {
        let (seen, waited) = self
            .changed
            .wait_timeout_while(self.lock(), limit, |seen| !until(seen))
            .unwrap_or_else(PoisonError::into_inner);
        let events = seen.events.clone();
        drop(seen);
        assert!(!waited.timed_out(), "hang: {otherwise}: {events:?}");
    }

    /// How often that step was taken.
    pub(super) fn count(&self, step: &str) -> usize {
        count(&self.lock().events, step)
    }

    /// How the flows ended, in that order.
    pub(super) fn ends(&self) -> Vec<String> {
        let seen = self.lock();
        let ends = seen.events.iter().filter(|event| event.step == "Done");
        ends.map(|event| event.detail.clone()).collect()
    }

    /// Everything, as text, to be forgotten here.
    pub(super) fn take(&self) -> String {
        let events = std::mem::take(&mut self.lock().events);
        let lines = events.iter().map(|event| format!("{event}\n{event:?}\n"));
        lines.collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        // Whole between any two statements.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(events: &[Event], step: &str) -> usize {
    let waiting = Event::waiting();
    events
        .iter()
        .filter(|event| event.step == step && **event != waiting)
        .count()
}
