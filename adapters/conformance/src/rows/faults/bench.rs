//! What a case works with: a client's set-up, a door that is the case's own, a host that no other case has, and the emulator that
//! all cases share.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex};

use entra_adapter::{Network, ProvidedAssertion, Resolve};
use entra_emulator::{Fault, RequestRecord, Target};
use entra_proto::{Credential, RegionSource, Secret, TokenKind, TokenRequest};

use super::row::{Row, Way};
use super::trace::Trace;
use crate::raw::Door;
use crate::world::{SECRET, World, identity, issue};
use crate::{Assertions, Setup};

/// What a row's fault has to work with.
pub(super) struct Bench {
    /// The world of all rows.
    pub(super) world: &'static World,
    /// The case's own door.
    pub(super) door: Door,
    /// The host of the case's token endpoint, which no other case has.
    pub(super) host: String,
    /// How the requests travel.
    pub(super) way: Way,
    /// What the client said first, before the fault.
    pub(super) first_words: Mutex<Option<Vec<u8>>>,
    /// Every assertion that the provider made.
    pub(super) issued: Arc<Mutex<Vec<String>>>,
    number: usize,
    script: Arc<ProviderScript>,
}

/// What the provider does wrong, until it is told to stop.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Misbehaviour {
    #[default]
    None,
    /// It fails.
    Fails,
    /// It does not answer.
    Hangs,
    /// It answers with an assertion that is bound to another certificate than the one beside it.
    Swaps,
}

#[derive(Default)]
struct ProviderScript {
    now: Mutex<Misbehaviour>,
    changed: Condvar,
}

impl ProviderScript {
    fn set(&self, misbehaviour: Misbehaviour) {
        *self.now.lock().unwrap() = misbehaviour;
        self.changed.notify_all();
    }

    /// What to do wrong now; does not come back while the provider hangs.
    fn ask(&self) -> Misbehaviour {
        let now = self.now.lock().unwrap();
        let hangs = |now: &mut Misbehaviour| *now == Misbehaviour::Hangs;
        *self.changed.wait_while(now, hangs).unwrap()
    }
}

/// How many cases there have been in this process; each has its number.
static NUMBER: AtomicUsize = AtomicUsize::new(0);

/// How many cases there have been in this process.
pub(super) fn cases() -> usize {
    NUMBER.load(Ordering::Relaxed)
}

impl Bench {
    /// A bench with a region of its own, which makes a host of its own, and so a script and a record.
    pub(super) fn new(way: Way) -> Self {
        static WORLD: LazyLock<World> = LazyLock::new(World::new);
        let world = &*WORLD;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let host = match way {
            Way::Secret | Way::Signed => format!("case{number}.login.microsoft.com"),
            Way::Pair | Way::Pop => format!("case{number}.mtlsauth.microsoft.com"),
        };
        Self {
            world,
            door: Door::to(world.emulator.address()),
            host,
            way,
            first_words: Mutex::default(),
            issued: Arc::default(),
            number,
            script: Arc::default(),
        }
    }

    /// Scripts a fault of the case's host that happens so many times.
    pub(super) fn fault(&self, times: usize, fault: Fault) {
        self.world
            .emulator
            .fail_times(times, Target::host(&self.host), fault);
    }

    /// Lets the provider misbehave until the fault is lifted.
    pub(super) fn spoil_provider(&self, misbehaviour: Misbehaviour) {
        self.script.set(misbehaviour);
    }

    /// Takes away whatever does not end by itself.
    pub(super) fn lift(&self) {
        self.door.open();
        self.door.clear();
        self.script.set(Misbehaviour::None);
    }

    /// What the client said when it connected before the fault came.
    pub(super) fn first_words(&self) -> Vec<u8> {
        self.first_words.lock().unwrap().clone().unwrap_or_default()
    }

    /// A client's set-up, with the way's credential, that leads everything through the door.
    pub(super) fn setup(&self, row: &Row, trace: &Arc<Trace>) -> Setup {
        let world = self.world;
        let certificate = |credential: fn(_) -> Credential| {
            let identity = identity(&world.alpha);
            (credential(identity.chain()), vec![identity])
        };
        let (credential, identities) = match self.way {
            Way::Secret => (Credential::secret(Secret::new(SECRET)), Vec::new()),
            Way::Signed | Way::Pop => certificate(Credential::certificate),
            Way::Pair => (Credential::signed_assertion_provider(), Vec::new()),
        };
        let client = world
            .client(credential)
            .region(RegionSource::Named(format!("case{}", self.number)))
            .build()
            .unwrap();
        let network = Network::new()
            .trust_only(world.emulator.ca_pem().to_owned() + &row.trusting)
            .unwrap()
            .resolve(Resolve {
                host: "*".to_owned(),
                port: Some(443),
                address: self.door.address(),
            })
            .no_proxy();
        let network = match self.way {
            Way::Secret | Way::Pair => network.only_tls12(),
            Way::Signed | Way::Pop => network,
        };
        let trace = Arc::clone(trace);
        Setup {
            identities,
            assertions: Some(self.provider()).filter(|_| self.way == Way::Pair),
            network: (row.network)(network),
            listener: Some(Arc::new(move |event| trace.hear(event))),
            ..world.setup(client)
        }
    }

    /// Pairs bound to the one certificate; what it hands out is noted.
    fn provider(&self) -> Assertions {
        let world = self.world;
        let (emulator, issued) = (Arc::clone(&world.emulator), Arc::clone(&self.issued));
        let (identity, der) = (
            identity(&world.alpha),
            world.alpha.certificate_der().to_vec(),
        );
        let (script, another) = (
            Arc::clone(&self.script),
            world.rsa.certificate_der().to_vec(),
        );
        Arc::new(move |_| {
            let bound_to = match script.ask() {
                Misbehaviour::None => &der,
                Misbehaviour::Swaps => &another,
                Misbehaviour::Fails | Misbehaviour::Hangs => {
                    return Err("vault sealed: canary-in-the-provider".into());
                }
            };
            let assertion = issue(&emulator, Some(bound_to));
            issued.lock().unwrap().push(assertion.expose().to_owned());
            Ok(ProvidedAssertion::bound(assertion, identity.clone()))
        })
    }

    /// A request for that scope, as the way wants it.
    pub(super) fn request(&self, scope: &str) -> TokenRequest {
        let request = TokenRequest::for_app([scope]);
        match self.way {
            Way::Secret | Way::Signed | Way::Pair => request,
            Way::Pop => request.proof_of_possession(),
        }
    }

    /// What kind of token that brings.
    pub(super) fn kind(&self) -> TokenKind {
        match self.way {
            Way::Secret | Way::Signed | Way::Pair => TokenKind::Bearer,
            Way::Pop => TokenKind::MtlsPop,
        }
    }

    /// The requests that came to this case's host.
    pub(super) fn requests(&self) -> Vec<RequestRecord> {
        self.world.emulator.requests_to(&self.host)
    }
}
