//! Plays a program with one driver, and writes down everything that happens: each event, each request that comes in, each result.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use entra_adapter::{ClientIdentity, Event, ProvidedAssertion, ProviderError};
use entra_conformance::world::{CLIENT_ID, SECRET, World, identity, issue};
use entra_conformance::{Driver, Setup};
use entra_emulator::{Cut, Endpoint, Fault, KeyKind, Reply, Target, TestIdentity};
use entra_proto::{
    AccessToken, BearerIsolation, Credential, Error, RegionSource, Secret, Thumbprint, TokenRequest,
};

use crate::program::{Operation, Party, Trouble, Wish};

/// The same for every stage, so that thumbprints can be compared. The first is the fixed one.
static IDENTITIES: LazyLock<Vec<(TestIdentity, ClientIdentity)>> = LazyLock::new(|| {
    let make = |number| {
        let made = TestIdentity::generate(KeyKind::P256, &format!("number {number}")).unwrap();
        let usable = identity(&made);
        (made, usable)
    };
    (0..3).map(make).collect()
});

/// What providers and listeners look at.
#[derive(Default)]
struct Script {
    trace: Vec<String>,
    trouble: Option<Trouble>,
    /// Which identity the providers name.
    current: usize,
    /// After how many events more the caller is torn away.
    tears: Option<u8>,
}

struct Stage<D: Driver> {
    world: World,
    script: Arc<Mutex<Script>>,
    clients: BTreeMap<Party, D::Client>,
}

/// What happened, a line each.
pub(crate) fn play<D: Driver>(program: &[Operation]) -> Vec<String> {
    let world = World::new();
    for (made, _) in IDENTITIES.iter() {
        let known = world
            .emulator
            .register_certificate(CLIENT_ID, made.certificate_der());
        assert!(known);
    }
    let mut stage = Stage::<D> {
        world,
        script: Arc::default(),
        clients: BTreeMap::new(),
    };
    for operation in program {
        stage.operate(operation);
    }
    std::mem::take(&mut stage.script().trace)
}

impl<D: Driver> Stage<D> {
    fn operate(&mut self, operation: &Operation) {
        self.write(format!("── {operation:?}"));
        match operation {
            Operation::Acquire(wish, trouble) => self.acquire(*wish, *trouble),
            Operation::Rotate => self.script().current += 1,
            Operation::Restart { portable: true } => {
                let parties: Vec<_> = self.clients.keys().copied().collect();
                for party in parties {
                    self.restart(party);
                }
            }
            Operation::Restart { portable: false } => self.clients.clear(),
        }
    }

    fn acquire(&mut self, wish: Wish, trouble: Trouble) {
        self.clients
            .entry(wish.party)
            .or_insert_with(|| build::<D>(&self.world, &self.script, wish.party));
        self.make_trouble(wish.party, trouble);
        let mut request = TokenRequest::for_app(wish.scopes.iter().copied());
        if wish.pop {
            request = request.proof_of_possession();
        }
        if wish.bypass {
            request = request.bypassing_cache();
        }
        if wish.offers {
            request = request.offering(self.current());
        }
        if matches!(trouble, Trouble::Stall) {
            request = request.deadline(Duration::from_secs(1));
        }
        let client = &self.clients[&wish.party];
        let came = catch_unwind(AssertUnwindSafe(|| D::token(client, &request)));
        self.write(match came {
            Ok(result) => outcome(&result),
            Err(_) => "torn away".to_owned(),
        });
        let mut script = self.script();
        (script.trouble, script.tears) = (None, None);
        drop(script);
        self.write_requests();
    }

    /// The process begins again for this party, with the tokens of the one before.
    fn restart(&mut self, party: Party) {
        let document = D::export_cache(&self.clients[&party]);
        let next = build::<D>(&self.world, &self.script, party);
        let found = D::import_cache(&next, document.expose()).unwrap();
        self.write(format!("{found} tokens for {party:?}"));
        self.clients.insert(party, next);
    }

    fn make_trouble(&mut self, party: Party, trouble: Trouble) {
        let handshake = match trouble {
            Trouble::WrongName => Some(Fault::WrongServerName),
            Trouble::NeverAsks => Some(Fault::NeverAskForCertificate),
            Trouble::RefusesCertificate => Some(Fault::RefuseClientCertificate),
            _ => None,
        };
        let answer = match trouble {
            Trouble::Status(status) => Some(Fault::Reply(refusal(status))),
            Trouble::Wait(status, wait) => {
                Some(Fault::Reply(refusal(status).header("retry-after", wait)))
            }
            Trouble::Redirect => Some(Fault::Redirect(307, "https://evil.example/".to_owned())),
            Trouble::OtherKind => Some(Fault::TokenType("pop".to_owned())),
            Trouble::Compressed => Some(Fault::ContentEncoding("gzip".to_owned())),
            Trouble::Garbage => Some(Fault::Raw(b"SSH-2.0-OpenSSH_9.9\r\n".to_vec())),
            Trouble::Endless => Some(Fault::EndlessBody),
            Trouble::Hangup => Some(Fault::Close(Cut::AfterRequest)),
            Trouble::Stall => Some(Fault::Delay(Duration::from_secs(5))),
            _ => None,
        };
        let emulator = &self.world.emulator;
        emulator.clear_faults();
        emulator.clear_records();
        if let Some(fault) = answer {
            emulator.fail_next(Target::Endpoint(Endpoint::Token), fault);
        }
        if matches!(trouble, Trouble::NoRegion) {
            let target = Target::Endpoint(Endpoint::ImdsCompute);
            emulator.fail_next(target, Fault::Reply(Reply::new(404)));
        }
        if let Some(fault) = handshake {
            emulator.fail_next(Target::host("*.microsoft.com"), fault);
            // Whether an old connection would be used is left to chance.
            self.restart(party);
        }
        let mut script = self.script();
        script.trouble = Some(trouble);
        script.tears = match trouble {
            Trouble::Torn(after) => Some(after),
            _ => None,
        };
    }

    fn current(&self) -> Thumbprint {
        usable(self.script().current).1.thumbprint()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        locked(&self.script)
    }

    fn write(&self, line: String) {
        self.script().trace.push(line);
    }

    /// What came in at the service, but for what is new in every run.
    fn write_requests(&self) {
        for request in self.world.emulator.requests() {
            let mut form = request.form.clone();
            form.retain(|(name, _)| name != "client_assertion");
            let mut headers: Vec<_> = request.headers.iter().map(|(name, _)| name).collect();
            headers.sort();
            self.write(format!(
                "came in: {} {} with {:?}, {form:?}, {headers:?}",
                request.method,
                request.url(),
                request.client_thumbprint(),
            ));
        }
    }
}

fn build<D: Driver>(world: &World, script: &Arc<Mutex<Script>>, party: Party) -> D::Client {
    let (_, fixed) = usable(0);
    let credential = match party {
        Party::Pairs | Party::Isolated => Credential::signed_assertion_provider(),
        Party::Certificates => Credential::certificate_provider().send_over_mtls(),
        Party::Certificate => Credential::certificate(fixed.chain()),
        Party::Secret => Credential::secret(Secret::new(SECRET)),
    };
    let client = match party {
        Party::Isolated => world
            .client(credential)
            .region(RegionSource::Discover)
            .bearer_isolation(BearerIsolation::PerCertificate),
        _ => world.client(credential),
    };
    let mut setup = world.setup(client.build().unwrap());
    setup.identities = vec![fixed.clone()];
    with_providers(&mut setup, world, script);
    let script = Arc::clone(script);
    setup.listener = Some(Arc::new(move |event| hear(&script, event)));
    D::build(setup).unwrap()
}

fn with_providers(setup: &mut Setup, world: &World, script: &Arc<Mutex<Script>>) {
    let (emulator, looks) = (Arc::clone(&world.emulator), Arc::clone(script));
    setup.assertions = Some(Arc::new(move |_| {
        let (trouble, current) = asked(&looks);
        let (made, usable) = usable(current);
        match trouble {
            Some(Trouble::ProviderFails) => Err(ProviderError::from("in its own words")),
            Some(Trouble::BlankAssertion) => {
                Ok(ProvidedAssertion::bound(Secret::new(" "), usable.clone()))
            }
            Some(Trouble::NoCertificate) => Ok(ProvidedAssertion::new(issue(&emulator, None))),
            _ => {
                let assertion = issue(&emulator, Some(made.certificate_der()));
                Ok(ProvidedAssertion::bound(assertion, usable.clone()))
            }
        }
    }));
    let looks = Arc::clone(script);
    setup.certificates = Some(Arc::new(move |_| match asked(&looks) {
        (Some(Trouble::ProviderFails), _) => Err(ProviderError::from("in its own words")),
        (Some(Trouble::NoCertificate), _) => Ok(None),
        (_, current) => Ok(Some(usable(current).1.clone())),
    }));
}

/// A provider is asked: how it behaves, and whose identity it names.
fn asked(script: &Mutex<Script>) -> (Option<Trouble>, usize) {
    let mut script = locked(script);
    let answer = (script.trouble, script.current);
    if matches!(script.trouble, Some(Trouble::RotatesInBetween)) {
        script.current += 1;
    }
    answer
}

/// An event as it is compared, and maybe the end of the caller.
fn hear(script: &Mutex<Script>, event: &Event) {
    let mut script = locked(script);
    let line = format!("{} {}", event.step, comparable(event));
    script.trace.push(line);
    if let Some(left) = &mut script.tears {
        *left -= 1;
        if *left == 0 {
            drop(script);
            resume_unwind(Box::new("torn away"));
        }
    }
}

fn comparable(event: &Event) -> String {
    if event.step == "Pause" {
        return String::new();
    }
    let detail = event.detail.split(" [correlation id ").next();
    let detail = detail.unwrap_or_default();
    match detail.split_once(", to be retried in ") {
        None => detail.to_owned(),
        Some((what, rest)) => {
            let advice = rest.split_once(';').map_or("", |(_, advice)| advice);
            format!("{what}, to be retried later;{advice}")
        }
    }
}

fn outcome(result: &Result<AccessToken, Error>) -> String {
    match result {
        Ok(token) => format!(
            "{} from {:?} after {} attempts, for {:?}",
            token.token_type(),
            token.source(),
            token.attempts(),
            token
                .binding_certificate()
                .map(|certificate| certificate.thumbprint().to_string()),
        ),
        Err(error) => format!(
            "{} after {} attempts: {:?} {:?} {:?}, retryable {}, {}",
            error.code(),
            error.attempts(),
            error.fault(),
            error.http_status(),
            error.aadsts(),
            error.is_retryable(),
            error.retry_in().is_some(),
        ),
    }
}

fn refusal(status: u16) -> Reply {
    Reply::json(
        status,
        r#"{"error":"invalid_client","error_codes":[7000215]}"#,
    )
}

fn usable(number: usize) -> &'static (TestIdentity, ClientIdentity) {
    &IDENTITIES[number % IDENTITIES.len()]
}

/// Whole between any two statements, also for whoever was torn away.
fn locked(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(|held| held.into_inner())
}

pub(crate) fn random_byte() -> u8 {
    RandomState::new().build_hasher().finish().to_le_bytes()[0]
}
