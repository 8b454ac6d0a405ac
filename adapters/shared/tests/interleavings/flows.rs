//! Flows of the core over a whole state, as an adapter drives them: who waited finds the token, and the portable cache may come
//! and go meanwhile.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use entra_adapter::Network;
use entra_proto::{
    AccessToken, Body, Client, Credential, Error, Limits, Now, Plan, Secret, Seed, Step,
    TokenRequest, Turn,
};
use loom::sync::{Arc, Mutex};

use crate::channel::{Waker, channel};
use crate::state::{Settings, State};
use crate::turns::{Held, Taken};
use crate::{explore, spawn};

/// The start of 2027.
pub(crate) const START: Now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);

static CLIENT: LazyLock<Client> = LazyLock::new(client);

pub(crate) fn client() -> Client {
    let secret = Credential::secret(Secret::new("s"));
    let authority = "https://login.microsoftonline.com/contoso.com";
    Client::builder("c", authority, secret).build().unwrap()
}

pub(crate) fn plan(client: &Client, scope: &str) -> Plan {
    TokenRequest::for_app([scope]).plan(client).unwrap()
}

pub(crate) fn seed(number: u8) -> Seed {
    Seed::from_bytes([number; 32])
}

/// What the service does with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Service {
    Grants,
    Refuses,
}

/// What all callers share: the state, and the wire to the service.
struct Shared {
    state: State<Waker>,
    service: Service,
    /// A place to meet while a request is on its way.
    wire: Mutex<()>,
    /// For the checks alone.
    sent: AtomicUsize,
    on_wire: AtomicUsize,
}

type Ended = Option<Result<AccessToken, Error>>;

impl Shared {
    fn new(service: Service) -> Arc<Self> {
        let settings = Settings {
            client: CLIENT.clone(),
            identities: Vec::new(),
            network: Network::default(),
            limits: Limits::default(),
            observer: None,
            metrics: None,
            background_renewal: true,
        };
        Arc::new(Self {
            state: State::new(settings, false, false).unwrap(),
            service,
            wire: Mutex::new(()),
            sent: AtomicUsize::new(0),
            on_wire: AtomicUsize::new(0),
        })
    }

    /// The loop of a driver. Whoever is torn away goes instead of sending.
    fn run(&self, number: u8, torn_away: bool) -> Ended {
        let mut turns: Vec<Held<Waker>> = Vec::new();
        let mut step = plan(&CLIENT, "scope").start(seed(number), START);
        loop {
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.state.memory().load(&load);
                    load.resume(Ok(found), START)
                }
                Step::TakeTurn(take) => {
                    let (turn, held) = match self.state.turns().take(take.key(), channel) {
                        Taken::Mine(held) => (Turn::Mine, Some(held)),
                        Taken::Wait(waiter) => waiter.wait().into_turn(),
                    };
                    turns.extend(held);
                    take.resume(turn, START)
                }
                Step::SendRequest(_) if torn_away => return None,
                Step::SendRequest(send) => send.resume(Ok(self.send()), START),
                Step::SaveCache(save) => {
                    self.state.memory().save(save.key(), save.update(), START);
                    if save.ends_turn() {
                        turns.pop();
                    }
                    save.resume(Ok(()), START)
                }
                Step::Done(done) => {
                    if let Err(error) = done.result() {
                        turns.drain(..).rev().for_each(|held| held.fail(error));
                    }
                    return Some(done.into_result());
                }
                Step::DiscoverRegion(_)
                | Step::DiscoverInstance(_)
                | Step::ObtainAssertion(_)
                | Step::ObtainCertificate(_)
                | Step::SignAssertion(_)
                | Step::Pause(_) => panic!("nobody asked for this: {step:?}"),
            };
        }
    }

    fn send(&self) -> http::Response<Body> {
        let number = self.sent.fetch_add(1, Ordering::SeqCst);
        assert_eq!(
            self.on_wire.fetch_add(1, Ordering::SeqCst),
            0,
            "two requests"
        );
        drop(self.wire.lock().unwrap());
        self.on_wire.fetch_sub(1, Ordering::SeqCst);
        let (status, body) = match self.service {
            Service::Grants => (
                200,
                format!(
                    "{{\"token_type\":\"Bearer\",\"access_token\":\"t{number}\",\"expires_in\":3600}}"
                ),
            ),
            Service::Refuses => (400, "{\"error\":\"invalid_client\"}".to_owned()),
        };
        let response = http::Response::builder().status(status);
        response.body(Body::from(body.into_bytes())).unwrap()
    }

    fn requests(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }
}

/// So many flows for one and the same token, in every order. The first may be torn away.
fn together(
    service: Service,
    flows: u8,
    torn_away: bool,
    check: impl Fn(&Shared, &[Ended]) + Send + Sync + 'static,
) {
    LazyLock::force(&CLIENT);
    explore(move || {
        let shared = Shared::new(service);
        let threads: Vec<_> = (0..flows)
            .map(|number| {
                let shared = Arc::clone(&shared);
                spawn(move || shared.run(number, torn_away && number == 0))
            })
            .collect();
        let ended: Vec<_> = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect();
        assert_eq!(shared.state.turns().in_flight(), 0);
        check(&shared, &ended);
    });
}

#[test]
fn i22_whoever_waited_finds_the_token_and_sends_nothing() {
    together(Service::Grants, 3, false, |shared, ended| {
        assert_eq!(shared.requests(), 1);
        for ended in ended {
            let token = ended.as_ref().unwrap().as_ref().unwrap();
            assert_eq!(token.secret().expose(), "t0");
        }
    });
}

#[test]
fn i23_a_caller_torn_away_before_it_sends_leaves_the_others_one_request() {
    together(Service::Grants, 3, true, |shared, ended| {
        assert_eq!(shared.requests(), 1);
        assert!(ended[1..].iter().flatten().all(Result::is_ok));
    });
}

/// I25: a flow is refused itself, or has the error of the flight that it waited for; and nothing is remembered (I20).
#[test]
fn i25_a_refusal_is_everybodys_who_waited_for_it() {
    together(Service::Refuses, 3, false, |shared, ended| {
        assert!((1..=3).contains(&shared.requests()));
        for ended in ended {
            let error = ended.as_ref().unwrap().as_ref().unwrap_err();
            assert_eq!(error.code(), "invalid_client");
        }
        assert!(shared.state.memory().is_empty());
    });
}

/// The locks of memory and document are taken in one order, whoever exports and imports while a flow goes on; and the flow's
/// token is in the memory afterwards.
#[test]
fn t28_export_and_import_meet_flows_and_each_other() {
    LazyLock::force(&CLIENT);
    explore(|| {
        let shared = Shared::new(Service::Grants);
        let (exports, imports) = (Arc::clone(&shared), Arc::clone(&shared));
        let exported = spawn(move || exports.state.export_cache().expose().len());
        let imported = spawn(move || imports.state.import_cache(b"{\"Foreign\":{}}"));
        let flows = Arc::clone(&shared);
        let ended = spawn(move || flows.run(0, false));
        assert!(exported.join().unwrap() > 0);
        assert_eq!(imported.join().unwrap(), Ok(0));
        assert!(ended.join().unwrap().unwrap().is_ok());
        assert_eq!(shared.state.memory().len(), 1);
    });
}

/// RUN-06: one of those who are offered a renewal at once begins it.
#[test]
fn run06_one_of_many_who_are_offered_a_renewal_begins_it() {
    LazyLock::force(&CLIENT);
    explore(|| {
        let shared = Shared::new(Service::Grants);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let shared = Arc::clone(&shared);
                spawn(move || shared.state.renewal(Some(plan(&CLIENT, "scope"))).is_some())
            })
            .collect();
        let threads = threads.into_iter();
        let begun = threads.filter_map(|thread| thread.join().unwrap().then_some(()));
        assert_eq!(begun.count(), 1);
    });
}
