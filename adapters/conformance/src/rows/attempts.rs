//! Second attempts, and what becomes of those who wait for a first one.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use entra_adapter::{ProvidedAssertion, Resolve};
use entra_emulator::{Endpoint, Fault, Reply, Target, TestIdentity};
use entra_proto::{Credential, Secret, TokenKind, TokenRequest, TokenSource};

use crate::world::{SECRET, World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, Setup, at_once};

fn token_endpoint() -> Target {
    Target::Endpoint(Endpoint::Token)
}

fn secret_setup(world: &World) -> Setup {
    let credential = Credential::secret(Secret::new(SECRET));
    world.setup(world.client(credential).build().unwrap())
}

/// A provider of these pairs, one after another, and of the last one from then on.
fn in_turn(world: &World, pairs: &[&TestIdentity]) -> (Assertions, Arc<AtomicUsize>) {
    let halves: Vec<_> = pairs
        .iter()
        .map(|of| (identity(of), of.certificate_der().to_vec()))
        .collect();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, emulator) = (Arc::clone(&calls), Arc::clone(&world.emulator));
    let provider: Assertions = Arc::new(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        let (identity, der) = &halves[call.min(halves.len() - 1)];
        let assertion = issue(&emulator, Some(der));
        Ok(ProvidedAssertion::bound(assertion, identity.clone()))
    });
    (provider, calls)
}

/// IMP-21: the second attempt has the second pair whole. The service compares assertion and handshake, so a mixture would be
/// refused; the entry and the result are the second certificate's.
pub fn imp21_the_second_attempt_takes_the_second_pair_whole<D: Driver>() {
    for request in [bearer(), pop()] {
        let world = World::new();
        let (provider, calls) = in_turn(&world, &[&world.alpha, &world.rsa]);
        let client = D::build(world.with_provider(provider)).unwrap();
        world
            .emulator
            .fail_next(token_endpoint(), Fault::Reply(Reply::new(500)));
        let token = D::token(&client, &request).unwrap();
        assert_eq!((token.attempts(), calls.load(Ordering::SeqCst)), (2, 2));
        let shown: Vec<_> = world
            .emulator
            .token_requests()
            .iter()
            .map(|request| request.client_thumbprint().unwrap())
            .collect();
        assert_eq!(shown, [world.alpha.thumbprint(), world.rsa.thumbprint()]);
        let named = token.binding_certificate();
        let named = named.map(|certificate| certificate.thumbprint().to_string());
        let bound = token.token_type() == TokenKind::MtlsPop;
        assert_eq!(named, bound.then(|| world.rsa.thumbprint()));
        // Whoever comes next has the second certificate, and finds what was stored for it.
        let again = D::token(&client, &request).unwrap();
        assert_eq!(again.source(), TokenSource::Cache);
        assert_eq!(world.token_requests(), 2);
    }
}

/// RUN-03: the leader is told to wait longer than it has. Whoever waited gets that error, and whoever comes later too: one
/// request in all.
pub fn run03_whoever_waited_for_a_throttled_leader_sends_nothing<D: Driver>() {
    let world = World::new();
    let throttled = Reply::json(429, r#"{"error":"temporarily_unavailable"}"#)
        .header("retry-after", "120")
        .after(Duration::from_millis(300));
    world
        .emulator
        .set_fault(token_endpoint(), Fault::Reply(throttled));
    let client = D::build(secret_setup(&world)).unwrap();
    for result in at_once::<D>(&client, vec![bearer(); 50]) {
        let error = result.unwrap_err();
        assert_eq!(error.code(), "request_throttled");
        assert!(
            error
                .retry_in()
                .is_some_and(|wait| wait > Duration::from_secs(100))
        );
    }
    assert_eq!(world.token_requests(), 1);
}

/// RUN-11: a 408 is followed by a second attempt with an assertion of its own.
pub fn run11_a_request_timeout_is_tried_once_more<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    world
        .emulator
        .fail_next(token_endpoint(), Fault::Reply(Reply::new(408)));
    assert_eq!(D::token(&client, &bearer()).unwrap().attempts(), 2);
    let sent = world.emulator.token_requests();
    assert_eq!(sent.len(), 2);
    assert_ne!(
        sent[0].form_value("client_assertion"),
        sent[1].form_value("client_assertion")
    );
}

/// RUN-11: nobody listens at first. The second attempt finds the server; and where nobody listens at all, the error says so
/// after two attempts.
pub fn run11_a_refused_connection_is_tried_once_more<D: Driver>() {
    let world = World::new();
    // A port that nobody listens on now.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let leads_there = || Resolve {
        host: "*".to_owned(),
        port: Some(443),
        address: port,
    };
    let setup = || {
        let network = entra_adapter::Network::new()
            .trust_only(world.emulator.ca_pem())
            .unwrap()
            .resolve(leads_there())
            .no_proxy();
        Setup {
            network,
            ..secret_setup(&world)
        }
    };
    let error = D::token(&D::build(setup()).unwrap(), &bearer()).unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("connection_failed", 2));
    assert!(error.is_retryable());

    let begun = Arc::new(AtomicBool::new(false));
    let (to, first) = (world.emulator.address(), Arc::clone(&begun));
    let client = D::build(Setup {
        listener: Some(Arc::new(move |event| {
            let refused = event.step == "answer" && event.detail.contains("Connect");
            if refused && !first.swap(true, Ordering::SeqCst) {
                forward(port, to);
            }
        })),
        ..setup()
    })
    .unwrap();
    assert_eq!(D::token(&client, &bearer()).unwrap().attempts(), 2);
    assert!(begun.load(Ordering::SeqCst));
    assert_eq!(world.token_requests(), 1);
}

/// Listens on a port, and leads whoever comes to another.
fn forward(from: SocketAddr, to: SocketAddr) {
    let listener = TcpListener::bind(from).unwrap();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(to) else {
                return;
            };
            join(client, server);
        }
    });
}

/// Copies both ways, each on a thread of its own, until either side ends.
pub(super) fn join(client: TcpStream, server: TcpStream) {
    let (Ok(client2), Ok(server2)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    for (mut from, mut to) in [(client, server), (server2, client2)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

/// RUN-04, HTTP-06: a caller that is torn away at any step of its flow, by a panic of its own code, leaves nothing behind. One
/// of those who wait leads; nothing half is remembered; the next acquisition works.
pub fn run04_http06_a_caller_that_is_torn_away_gives_its_turn_to_the_next<D: Driver>() {
    const WAITING: usize = 20;
    // The steps at which a flow of a secret can be torn away while it has the turn, and what was sent until then.
    for (step, sent) in [
        ("LoadCache", 0),
        ("SendRequest", 0),
        ("answer", 1),
        ("SaveCache", 1),
    ] {
        let world = World::new();
        let victim: Arc<OnceLock<ThreadId>> = Arc::default();
        let held: Arc<AtomicBool> = Arc::default();
        let (who, holds) = (Arc::clone(&victim), Arc::clone(&held));
        let (looks, waiting) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let listener = move |event: &entra_adapter::Event| {
            if who.get() != Some(&thread::current().id()) {
                waiting.fetch_add(usize::from(event.step == "TakeTurn"), Ordering::SeqCst);
                return;
            }
            // The first look into the cache comes before the turn.
            let early = event.step == "LoadCache" && looks.fetch_add(1, Ordering::SeqCst) == 0;
            if event.step == step && !early {
                holds.store(true, Ordering::SeqCst);
                wait_until(|| waiting.load(Ordering::SeqCst) >= WAITING);
                panic!("torn away");
            }
        };
        let client = D::build(Setup {
            listener: Some(Arc::new(listener)),
            ..secret_setup(&world)
        })
        .unwrap();
        let first = client.clone();
        let torn = thread::spawn(move || {
            victim.set(thread::current().id()).unwrap();
            D::token(&first, &bearer())
        });
        wait_until(|| held.load(Ordering::SeqCst));
        let rest = at_once::<D>(&client, vec![bearer(); WAITING]);
        assert!(torn.join().is_err(), "{step}");
        let tokens: Vec<_> = rest.iter().map(|token| token.as_ref().unwrap()).collect();
        assert!(
            tokens
                .iter()
                .all(|token| token.secret() == tokens[0].secret())
        );
        assert_eq!(world.token_requests(), sent + 1, "{step}");
        let again = D::token(&client, &bearer()).unwrap();
        assert_eq!(again.source(), TokenSource::Cache);
    }
}

fn wait_until(so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never was so");
        thread::yield_now();
    }
}

/// IMP-24: a provider that asks its own client for the very token that it is to help with waits for itself. That ends with
/// the time that a provider has; other keys go on meanwhile, and the next acquisition works.
pub fn imp24_a_provider_that_asks_its_own_client_ends_in_time<D: Driver>() {
    let world = World::new();
    let itself: Arc<OnceLock<D::Client>> = Arc::default();
    let calls: Arc<AtomicUsize> = Arc::default();
    let (client, counted) = (Arc::clone(&itself), Arc::clone(&calls));
    let (pairs, _) = world.pairs(&world.alpha);
    let provider: Assertions = Arc::new(move |context| {
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            D::token(client.get().unwrap(), &bearer())?;
        }
        pairs(context)
    });
    let setup = world.with_provider(provider);
    let network = setup
        .network
        .clone()
        .provider_timeout(Duration::from_secs(1));
    let client = D::build(Setup { network, ..setup }).unwrap();
    assert!(itself.set(client.clone()).is_ok());
    let (waiting, began) = (client.clone(), Instant::now());
    let caught = thread::spawn(move || D::token(&waiting, &bearer()));
    wait_until(|| calls.load(Ordering::SeqCst) > 0);
    let other = TokenRequest::for_app(["https://other.example/.default"]);
    assert!(D::token(&client, &other).is_ok());
    let error = caught.join().unwrap().unwrap_err();
    assert_eq!(error.code(), "assertion_provider_failed");
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    assert!(D::token(&client, &bearer()).is_ok());
}
