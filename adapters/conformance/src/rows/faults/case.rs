//! One case of a row: the fault comes, the call ends as the row says, and nothing is lost.
//!
//! | | nothing lost | seen by |
//! |---|---|---|
//! | N1 | the cache is as it was, unless a token came | the steps that save, counted; what was there is found as it was |
//! | N2 | the token of before still serves | a call for it while the fault is there; the callers of a renewal that fails |
//! | N3 | the turn is free, and whoever waited goes on | a second caller who joins the flight and shares its end |
//! | N4 | no connection that broke is used again | the emulator's record of the connection of each request |
//! | N5 | no secret in any log, event or error | every log of every crate at every level, searched in five forms |
//! | N6 | as many attempts as were said, and no others | steps, connections at the door and requests at the emulator, counted |
//! | N7 | the next call succeeds once the fault is gone | the call, with one request and a token of its own |

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use entra_emulator::{Fault, Reply, RequestRecord};
use entra_proto::{AccessToken, Error, TokenRequest, TokenSource};

use super::bench::Bench;
use super::row::{Ends, Memory, Row, Way, took};
use super::trace::Trace;
use crate::Driver;
use crate::world::SCOPE;

/// Another scope than the one that things go wrong with.
pub(super) const OTHER: &str = "https://storage.azure.com/.default";

/// One case of a row.
pub(super) struct Case<'a> {
    pub(super) row: &'a Row,
    pub(super) memory: Memory,
    pub(super) bench: Bench,
    pub(super) trace: Arc<Trace>,
}

/// What was there before the fault.
pub(super) struct Before {
    /// A token for the other scope.
    pub(super) other: AccessToken,
    /// The token for the scope of the row.
    pub(super) token: Option<AccessToken>,
    /// How many requests had come.
    pub(super) requests: usize,
}

impl<'a> Case<'a> {
    /// A case that has not begun.
    pub(super) fn new(row: &'a Row, (way, memory): (Way, Memory)) -> Self {
        Self {
            row,
            memory,
            bench: Bench::new(way),
            trace: Arc::default(),
        }
    }

    /// Runs it; what was printed and what must not have been is added to `found`.
    pub(super) fn run<D: Driver>(
        &self,
        inject: &(impl Fn(&Bench) + Sync),
        found: &Mutex<(String, Vec<String>)>,
    ) {
        let client = D::build(self.bench.setup(self.row, &self.trace)).unwrap();
        let before = self.before::<D>(&client);
        inject(&self.bench);
        let began = Instant::now();
        let errors = match self.memory {
            Memory::Cold | Memory::Warm => self.fly::<D>(&client),
            Memory::Due => self.renew::<D>(&client, &before),
        };
        let elapsed = began.elapsed();
        assert!(elapsed <= self.row.patience(), "hang: it took {elapsed:?}");
        let during = self.check_counts(&before);
        self.check_memory::<D>(&client, &before);
        let mut printed = self.trace.take();
        self.bench.lift();
        let (next, fresh) = self.next::<D>(&client, &before);
        self.check_connections(&during, &next);
        for error in &errors {
            printed.push_str(&format!("{error} {error:?}\n"));
        }
        printed.push_str(&self.trace.take());
        let mut found = found.lock().unwrap();
        found.0.push_str(&printed);
        found.1.extend(self.secrets(&before, &fresh));
    }

    /// Fills the memory, and forgets how.
    fn before<D: Driver>(&self, client: &D::Client) -> Before {
        let other = self.warm::<D>(client, OTHER, "");
        let token = match self.memory {
            Memory::Cold => None,
            Memory::Warm => Some(self.warm::<D>(client, SCOPE, "")),
            Memory::Due => Some(self.warm::<D>(client, SCOPE, ",\"refresh_in\":0")),
        };
        self.trace.take();
        let visits = self.bench.door.visits();
        *self.bench.first_words.lock().unwrap() =
            visits.into_iter().map(|visit| visit.first).next();
        Before {
            other,
            token,
            requests: self.bench.requests().len(),
        }
    }

    /// A token from the script, over a connection that is not kept unless the row wants it.
    fn warm<D: Driver>(&self, client: &D::Client, scope: &str, further: &str) -> AccessToken {
        let secret = format!(
            "{}-{:?}-{scope}-canary-of-the-token-before",
            self.bench.host, self.memory
        );
        let body = format!(
            "{{\"token_type\":\"{}\",\"access_token\":\"{secret}\",\"expires_in\":3599{further}}}",
            self.bench.kind()
        );
        let mut reply = Reply::json(200, body);
        if !self.row.kept_alive {
            reply = reply.header("connection", "close");
        }
        self.bench.fault(1, Fault::Reply(reply));
        let began = Instant::now();
        let token = D::token(client, &self.bench.request(scope)).unwrap();
        took(began.elapsed());
        assert_eq!(token.secret().expose(), secret);
        token
    }

    /// Two callers of one flight that meets the fault (N3).
    fn fly<D: Driver>(&self, client: &D::Client) -> Vec<Error> {
        let request = self.bench.request(SCOPE).deadline(self.row.deadline);
        let request = match self.memory {
            Memory::Warm => request.bypassing_cache(),
            Memory::Cold | Memory::Due => request,
        };
        self.trace.arrange_meeting();
        let results = thread::scope(|scope| {
            let first = scope.spawn(|| D::token(client, &request));
            self.trace.wait_for_first();
            let second = scope.spawn(|| D::token(client, &request));
            [first, second].map(|thread| thread.join().unwrap())
        });
        let attempts = match &results[0] {
            Ok(token) => token.attempts(),
            Err(error) => error.attempts(),
        };
        match self.row.ends {
            Ends::With(code) => assert!(
                results
                    .iter()
                    .all(|result| result.as_ref().is_err_and(|error| error.code() == code)),
                "wrong kind, not {code}: {results:?}"
            ),
            Ends::WithToken => {
                assert!(results.iter().all(Result::is_ok), "wrong kind: {results:?}");
                assert_eq!(
                    results[0].as_ref().map(AccessToken::secret),
                    results[1].as_ref().map(AccessToken::secret),
                    "lost or mixed token"
                );
            }
        }
        assert_eq!(usize::from(attempts), self.row.attempts, "N6: {results:?}");
        results.into_iter().filter_map(Result::err).collect()
    }

    /// A caller who gets the token of before, and a renewal behind its back that meets the fault (N2).
    fn renew<D: Driver>(&self, client: &D::Client, before: &Before) -> Vec<Error> {
        let request = self.bench.request(SCOPE).deadline(self.row.deadline);
        let served = D::token(client, &request).unwrap();
        self.is_remembered(&served, before.token.as_ref());
        self.trace.wait_for_ends(2, self.row.patience());
        let end = self.trace.ends().pop().unwrap_or_default();
        let expected = match self.row.ends {
            Ends::With(code) => format!("{code}:"),
            Ends::WithToken => format!("{} token from the service", self.bench.kind()),
        };
        assert!(
            end.starts_with(&expected),
            "wrong kind, not {expected} {end}"
        );
        Vec::new()
    }

    /// N7: the request of the next call, and its token.
    fn next<D: Driver>(
        &self,
        client: &D::Client,
        before: &Before,
    ) -> (RequestRecord, Vec<AccessToken>) {
        let so_far = self.bench.requests().len();
        let came = matches!(self.row.ends, Ends::WithToken);
        let mut tokens = Vec::new();
        if came {
            let served = D::token(client, &self.bench.request(SCOPE)).unwrap();
            assert_eq!(
                served.source(),
                TokenSource::Cache,
                "N1: what came is remembered"
            );
            assert_ne!(
                Some(served.secret()),
                before.token.as_ref().map(AccessToken::secret)
            );
            self.belongs(&served, SCOPE);
            tokens.push(served);
        }
        let request = match (self.memory, came) {
            (Memory::Cold | Memory::Due, false) => self.bench.request(SCOPE),
            (Memory::Warm, _) | (_, true) => self.bench.request(SCOPE).bypassing_cache(),
        };
        let fresh = if self.memory == Memory::Due && !came {
            self.renewed::<D>(client, &request, before)
        } else {
            self.once_allowed::<D>(client, &request)
        };
        self.belongs(&fresh, SCOPE);
        tokens.push(fresh);
        let mut requests = self.bench.requests().split_off(so_far);
        assert!(
            (1..=self.row.next_attempts()).contains(&requests.len()),
            "N7: one request"
        );
        (requests.remove(requests.len() - 1), tokens)
    }

    /// The next call's token; a row that is throttled has to wait for it.
    fn once_allowed<D: Driver>(&self, client: &D::Client, request: &TokenRequest) -> AccessToken {
        let patience = Instant::now();
        loop {
            match D::token(client, request) {
                Ok(token) => {
                    let attempts = usize::from(token.attempts());
                    assert!(
                        attempts <= self.row.next_attempts(),
                        "N7: not at the first attempt: {}",
                        self.trace.take()
                    );
                    return token;
                }
                Err(error)
                    if self.row.throttled && patience.elapsed() < Duration::from_secs(20) =>
                {
                    assert_eq!(
                        error.attempts(),
                        0,
                        "while throttled nothing is sent: {error}"
                    );
                    thread::sleep(error.retry_in().unwrap().min(Duration::from_millis(200)));
                }
                Err(error) => panic!("N7: the next call fails: {error}"),
            }
        }
    }

    /// The next renewal's token: callers get the one of before until it is there.
    fn renewed<D: Driver>(
        &self,
        client: &D::Client,
        request: &TokenRequest,
        before: &Before,
    ) -> AccessToken {
        let patience = Instant::now();
        loop {
            let served = D::token(client, request).unwrap();
            assert_eq!(served.source(), TokenSource::Cache, "N2");
            if Some(served.secret()) != before.token.as_ref().map(AccessToken::secret) {
                return served;
            }
            assert!(
                patience.elapsed() < Duration::from_secs(20),
                "N7: no renewal comes"
            );
            thread::sleep(Duration::from_millis(20));
        }
    }
}
