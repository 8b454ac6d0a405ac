//! Many callers at once, and calls that need no network: the cache, one flight for each key, connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entra_emulator::{Endpoint, Fault, Reply, Target};
use entra_proto::{Credential, Secret, TokenRequest, TokenSource};

use crate::world::{SECRET, World, bearer, pop};
use crate::{Driver, Setup, at_once};

fn with_secret<D: Driver>(world: &World) -> D::Client {
    D::build(secret_setup(world)).unwrap()
}

fn secret_setup(world: &World) -> Setup {
    let client = world
        .client(Credential::secret(Secret::new(SECRET)))
        .build()
        .unwrap();
    world.setup(client)
}

/// The same, and how many flows have come to this step so far.
fn counting<D: Driver>(world: &World, step: &'static str) -> (D::Client, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let listener: crate::Listener = Arc::new(move |event| {
        if event.step == step {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let setup = Setup {
        listener: Some(listener),
        ..secret_setup(world)
    };
    (D::build(setup).unwrap(), count)
}

/// IMP-11: a Bearer hit calls the provider 0 times and sends nothing.
pub fn imp11_a_hit_asks_nobody<D: Driver>() {
    let world = World::new();
    let (provider, calls) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let first = D::token(&client, &bearer()).unwrap();
    let accepted = world.emulator.accepted();
    for _ in 0..100 {
        let again = D::token(&client, &bearer()).unwrap();
        assert_eq!(
            (again.source(), again.secret()),
            (TokenSource::Cache, first.secret())
        );
        assert_eq!(again.binding_certificate(), None);
    }
    assert_eq!(
        (
            calls.load(Ordering::SeqCst),
            world.token_requests(),
            world.emulator.accepted()
        ),
        (1, 1, accepted)
    );
}

/// RUN-01: ten thousand callers, each on a thread of its own, and everybody gets the one token.
pub fn run01_i22_ten_thousand_cold_callers_make_one_request<D: Driver>() {
    const CALLERS: usize = 10_000;
    let world = World::new();
    // Longer than it takes to start them all.
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Delay(Duration::from_secs(5)),
    );
    let (provider, calls) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let tokens = at_once::<D>(&client, vec![bearer(); CALLERS]);
    let first = tokens[0].as_ref().unwrap().secret().clone();
    assert!(
        tokens
            .iter()
            .all(|token| token.as_ref().unwrap().secret() == &first)
    );
    assert_eq!(
        (world.token_requests(), calls.load(Ordering::SeqCst)),
        (1, 1)
    );
}

/// RUN-03: nobody hangs, and whoever waited gets the leader's error without a request of its own.
pub fn run03_i25_whoever_waited_for_a_failure_gets_it<D: Driver>() {
    let world = World::new();
    let refusal = Reply::json(400, r#"{"error":"invalid_scope","error_codes":[70011]}"#)
        .after(Duration::from_millis(500));
    world
        .emulator
        .set_fault(Target::Endpoint(Endpoint::Token), Fault::Reply(refusal));
    let client = with_secret::<D>(&world);
    let results = at_once::<D>(&client, vec![bearer(); 50]);
    assert!(
        results
            .iter()
            .all(|result| result.as_ref().unwrap_err().aadsts() == [70_011])
    );
    // One flight for all who came while it was on; a machine that starts threads slowly may need a second one.
    assert!(
        world.token_requests() <= 2,
        "{} requests",
        world.token_requests()
    );
    world.emulator.clear_faults();
    assert!(
        D::token(&client, &bearer()).is_ok(),
        "the key is free again"
    );
}

/// RUN-05: other keys go on, and hits never wait.
pub fn run05_i24_a_stalled_key_delays_no_other<D: Driver>() {
    let world = World::new();
    let client = with_secret::<D>(&world);
    D::token(&client, &bearer()).unwrap();
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Delay(Duration::from_secs(5)),
    );
    let (stalled, request) = (
        client.clone(),
        TokenRequest::for_app(["https://stalled.example/.default"]),
    );
    let before = world.token_requests();
    let waiting = std::thread::spawn(move || D::token(&stalled, &request));
    let patience = Instant::now();
    while world.token_requests() == before && patience.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    let began = Instant::now();
    let others = (0..99)
        .map(|number| TokenRequest::for_app([format!("https://other{number}.example/.default")]))
        .collect();
    assert!(at_once::<D>(&client, others).iter().all(Result::is_ok));
    assert_eq!(
        D::token(&client, &bearer()).unwrap().source(),
        TokenSource::Cache
    );
    assert!(
        began.elapsed() < Duration::from_secs(4),
        "{:?}",
        began.elapsed()
    );
    assert!(waiting.join().unwrap().is_ok());
}

/// RUN-05, T29: while a provider takes its time, hits and other keys are served; nothing is locked meanwhile.
pub fn run05_a_provider_that_takes_its_time_delays_nobody_else<D: Driver>() {
    let world = World::new();
    let (pairs, _) = world.pairs(&world.alpha);
    let (open, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let provider: crate::Assertions = Arc::new(move |context| {
        if counted.fetch_add(1, Ordering::SeqCst) == 1 {
            // Until the row drops the other end.
            let _ = gate.lock().unwrap().recv();
        }
        pairs(context)
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    D::token(&client, &bearer()).unwrap();
    let (slow, request) = (
        client.clone(),
        TokenRequest::for_app(["https://slow.example/.default"]),
    );
    let slow = std::thread::spawn(move || D::token(&slow, &request));
    let patience = Instant::now();
    while asked.load(Ordering::SeqCst) < 2 && patience.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    let hit = D::token(&client, &bearer()).unwrap();
    assert_eq!(hit.source(), TokenSource::Cache);
    let other = TokenRequest::for_app(["https://other.example/.default"]);
    D::token(&client, &other).unwrap();
    drop(open);
    // Had they waited for the provider, its own time would have run out by now.
    slow.join().unwrap().unwrap();
}

/// RUN-06: every caller gets the old token at once; one renewal goes out, and what it brings serves from then on. Meanwhile no other
/// begins, which would be a thread or a task for each call.
pub fn run06_a_token_that_gets_old_is_renewed_once<D: Driver>() {
    let world = World::with(|builder| builder.refresh_in(Duration::ZERO));
    // Hits take no turn.
    let (client, turns) = counting::<D>(&world, "TakeTurn");
    let first = D::token(&client, &bearer()).unwrap();
    let refreshed = Reply::json(
        200,
        r#"{"token_type":"Bearer","access_token":"renewed","expires_in":3599,"refresh_in":3000}"#,
    );
    world.emulator.set_fault(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(refreshed.after(Duration::from_millis(200))),
    );
    // Fifty callers with two hundred hits each: ten thousand, each of which says that renewal is due until it is done.
    let callers: Vec<_> = (0..50)
        .map(|_| {
            let (client, first) = (client.clone(), first.secret().clone());
            std::thread::spawn(move || {
                for _ in 0..200 {
                    let hit = D::token(&client, &bearer()).unwrap();
                    assert_eq!(hit.source(), TokenSource::Cache);
                    assert_eq!(hit.renewal_is_due(), *hit.secret() == first);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.join().unwrap();
    }
    let patience = Instant::now();
    while D::token(&client, &bearer()).unwrap().secret() == first.secret() {
        assert!(
            patience.elapsed() < Duration::from_secs(10),
            "no renewal came"
        );
        std::thread::yield_now();
    }
    assert_eq!(
        D::token(&client, &bearer()).unwrap().secret().expose(),
        "renewed"
    );
    assert_eq!(world.token_requests(), 2);
    assert_eq!(turns.load(Ordering::SeqCst), 2);
}

/// RUN-07: the token serves on, and the service that refused its renewal is not asked again at once, however often it is asked for.
pub fn run07_a_renewal_that_was_refused_is_not_repeated_at_once<D: Driver>() {
    let world = World::with(|builder| builder.refresh_in(Duration::ZERO));
    let (client, ended) = counting::<D>(&world, "Done");
    let first = D::token(&client, &bearer()).unwrap();
    world.emulator.set_fault(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(Reply::json(401, r#"{"error":"invalid_client"}"#)),
    );
    let hit = || {
        let hit = D::token(&client, &bearer()).unwrap();
        assert!(hit.secret() == first.secret() && hit.renewal_is_due());
    };
    let began = Instant::now();
    hit();
    // The first, the hit, and the renewal.
    while ended.load(Ordering::SeqCst) < 3 {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::yield_now();
    }
    (0..1_000).for_each(|_| hit());
    let (requests, flows) = (world.token_requests(), ended.load(Ordering::SeqCst));
    // However slow this machine is: there is a second at least between two of them, by a clock that may be ahead by so much.
    let elapsed = began.elapsed() + Duration::from_millis(20);
    let most = 2 + usize::try_from(elapsed.as_secs()).unwrap();
    assert!(
        (2..=most).contains(&requests) && flows <= 1_001 + most,
        "{requests} requests, {flows} flows in {elapsed:?}"
    );
}

/// HTTP-02: one pool for one certificate, whatever is asked over it, a thousand times.
pub fn http02_a_thousand_requests_with_one_certificate_share_one_pool<D: Driver>() {
    let world = World::with(|builder| builder.record_limit(2_000));
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let mut sockets = Vec::new();
    for _ in 0..1_000 {
        D::token(&client, &pop().bypassing_cache()).unwrap();
        sockets.extend(sockets_to(world.emulator.address().port()));
    }
    let connections = world.emulator.connections();
    // A client may open a second one while the first is on its way back into the pool.
    assert_eq!(world.token_requests(), 1_000);
    assert!(connections.len() <= 5, "{} connections", connections.len());
    assert!(
        connections
            .iter()
            .all(|connection| connection.client_certificate.as_deref()
                == Some(world.alpha.certificate_der()))
    );
    assert!(
        sockets.iter().all(|open| (1..=5).contains(open)),
        "{sockets:?}"
    );
    assert_eq!(
        sockets.len(),
        if cfg!(target_os = "linux") { 1_000 } else { 0 }
    );
}

/// How many sockets are open that lead to this port of the loopback address, where the system tells.
fn sockets_to(port: u16) -> Option<usize> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/self/net/tcp").ok()?;
    let remote = format!("0100007F:{port:04X}");
    let leads_there = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&*remote) && fields.next() == Some(ESTABLISHED)
    };
    Some(table.lines().filter(leads_there).count())
}

/// CACHE-03: exactly two requests, and nothing is ever mixed.
pub fn cache03_two_certificates_in_turn_make_two_requests<D: Driver>() {
    let world = World::new();
    let identities = [
        crate::world::identity(&world.alpha),
        crate::world::identity(&world.rsa),
    ];
    let ders = [
        world.alpha.certificate_der().to_vec(),
        world.rsa.certificate_der().to_vec(),
    ];
    let turn = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (emulator, next) = (Arc::clone(&world.emulator), Arc::clone(&turn));
    let provider: crate::Assertions = Arc::new(move |_| {
        let which = next.load(Ordering::SeqCst) % 2;
        let assertion = crate::world::issue(&emulator, Some(&ders[which]));
        Ok(entra_adapter::ProvidedAssertion::bound(
            assertion,
            identities[which].clone(),
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    let names = [world.alpha.thumbprint(), world.rsa.thumbprint()];
    for round in 0..1_000 {
        turn.store(round, Ordering::SeqCst);
        let token = D::token(&client, &pop()).unwrap();
        assert_eq!(
            token
                .binding_certificate()
                .unwrap()
                .thumbprint()
                .to_string(),
            names[round % 2]
        );
    }
    assert_eq!(world.token_requests(), 2);
}
