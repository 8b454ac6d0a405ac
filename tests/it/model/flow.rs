//! One flow of the model: what it has been through, and what its next step has to be.

use std::time::Duration;

use entra_proto::*;

use super::parties::Party;
use super::program::{Bypass, Wish};
use super::reference::{Flight, Key, Look, Reference, Span, Wanted};
use crate::certificates::{P256, thumbprint};
use crate::script::name;

/// A flow that is not over.
pub(super) struct Flow {
    pub(super) wish: Wish,
    pub(super) renewal: bool,
    /// The question that it waits with.
    pub(super) step: Option<Step>,
    /// Whether it waits for somebody else's flight.
    pub(super) queues: bool,
    /// Its turns, the latest last.
    pub(super) held: Vec<FlightKey>,
    /// What it took the turn of the token for.
    pub(super) flight: Option<Flight>,
    /// The look that follows the wait for a turn.
    pub(super) after_wait: &'static str,
    pub(super) began: u64,
    pub(super) offered: Option<Thumbprint>,
    /// What the provider answered last.
    pub(super) answered: Option<Answered>,
    pub(super) sent: u8,
    /// The certificate of the last handshake.
    pub(super) shown: Option<Thumbprint>,
    /// A token that was granted, until it is saved.
    pub(super) granted: Option<Granted>,
    /// Where the last request went.
    pub(super) host: String,
    /// For that time, with that status; and what comes after writing it down.
    pub(super) asked_to_wait: Option<(Span, u16)>,
    pub(super) after_note: Option<Expects>,
    pub(super) saved: bool,
    pub(super) expects: Expects,
    pub(super) steps: usize,
}

pub(super) struct Answered {
    pub(super) at: u64,
    pub(super) certificate: Option<Thumbprint>,
    pub(super) assertion: Option<String>,
    /// Whether a request has gone out with it.
    pub(super) sent: bool,
}

pub(super) struct Granted {
    pub(super) token: String,
    pub(super) refresh: Option<u64>,
}

/// What the reference says about the step that comes next.
#[derive(Clone, Debug)]
pub(super) enum Expects {
    /// Nothing, but that no token appears from nowhere.
    NoToken,
    /// A look into the memory, by that name.
    Looks(&'static str),
    /// One of these tokens, from the cache.
    Hit(Vec<String>),
    /// A token as the look-up would have it: chance has a say.
    Either,
    /// This token, from the network; it is to be remembered first, or never.
    Token(String),
    Saving,
    /// The end, with an error.
    Error,
    /// The end, with this error.
    Told(Error),
    /// The end, because the service wants to be left alone, for so long at most.
    LeftAlone(u64, u16),
    /// The request goes out.
    Sends,
    /// That the service wants to be left alone is written down.
    Noting,
    /// A pause that ends between these moments if it ends before the deadline, else an error.
    Pauses(Duration, Duration, Duration),
    /// The same pause again.
    StillPauses(Duration),
}

impl Flow {
    pub(super) fn new(wish: Wish, offered: Option<Thumbprint>, renewal: bool, began: u64) -> Self {
        Self {
            wish,
            renewal,
            step: None,
            queues: false,
            held: Vec::new(),
            flight: None,
            after_wait: "",
            began,
            offered,
            answered: None,
            sent: 0,
            shown: None,
            granted: None,
            host: String::new(),
            asked_to_wait: None,
            after_note: None,
            saved: false,
            expects: Expects::NoToken,
            steps: 0,
        }
    }

    /// What its token is remembered under, as far as it knows by now.
    pub(super) fn key(&self, party: &Party) -> Key {
        let certificate = match (&self.answered, self.wish.answer_names_key(party)) {
            (Some(answered), true) => answered.certificate,
            (None, true) => self.offered,
            // PoP with a fixed certificate.
            (_, false) => self
                .wish
                .pop
                .then(|| thumbprint(P256, super::parties::FIRST)),
        };
        Key {
            party: self.wish.party,
            tenant: self.wish.tenant,
            pop: self.wish.pop,
            certificate,
        }
    }

    pub(super) fn wanted(&self) -> Wanted {
        match (self.wish.bypass, self.renewal) {
            (Bypass::Forced | Bypass::Challenged(_), _) => Wanted::Since(self.began),
            (Bypass::No, true) => Wanted::Fresh,
            (Bypass::No, false) => Wanted::Any,
        }
    }

    /// What a look into the memory has to come to.
    pub(super) fn looks(&self, party: &Party, reference: &Reference) -> Expects {
        let scopes = self.wish.scope_set();
        match reference.look(&self.key(party), &scopes, self.wanted()) {
            Look::Hit(tokens) => Expects::Hit(tokens),
            Look::Miss => Expects::NoToken,
            Look::Either => Expects::Either,
        }
    }

    pub(super) fn deadline(&self) -> u64 {
        self.began + self.wish.deadline
    }

    /// Holds the next step against what was expected of it.
    pub(super) fn check(&self, next: &Step) {
        let expects = &self.expects;
        let ok = match (expects, next) {
            (Expects::NoToken, Step::Done(done)) => done.result().is_err(),
            (Expects::NoToken, _) => true,
            (Expects::Looks(what), step) => name(step) == *what,
            (Expects::Hit(tokens), Step::Done(done)) => done.result().as_ref().is_ok_and(|token| {
                let text = token.secret().expose();
                token.source() == TokenSource::Cache && tokens.iter().any(|each| each == text)
            }),
            (Expects::Either, _) => true,
            (Expects::Token(text), Step::Done(done)) => done.result().as_ref().is_ok_and(|token| {
                token.source() == TokenSource::Network && token.secret().expose() == text
            }),
            (Expects::Saving, step) => name(step) == "SaveCache token",
            (Expects::Error, Step::Done(done)) => done.result().is_err(),
            (Expects::Told(told), Step::Done(done)) => {
                let is_it = |error: &Error| error.code() == told.code();
                done.result().as_ref().is_err_and(is_it)
            }
            (Expects::LeftAlone(left, status), Step::Done(done)) => {
                done.result().as_ref().is_err_and(|error| {
                    let wait = error.retry_in().map(|wait| wait.as_secs());
                    error.http_status() == Some(*status) && wait == Some(*left)
                })
            }
            (Expects::Sends, Step::SendRequest(_) | Step::SignAssertion(_)) => true,
            (Expects::Noting, step) => name(step) == "SaveCache throttle",
            (Expects::Pauses(earliest, latest, deadline), step) => match step {
                Step::Pause(pause) => {
                    let until = pause.until();
                    *earliest <= until && until <= *latest && until < *deadline
                }
                Step::Done(done) => done.result().is_err() && latest >= deadline,
                _ => false,
            },
            (Expects::StillPauses(until), Step::Pause(pause)) => pause.until() == *until,
            _ => false,
        };
        assert!(ok, "expected {expects:?}, and not {next:?}");
    }
}
