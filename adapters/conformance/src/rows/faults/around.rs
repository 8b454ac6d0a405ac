//! What goes wrong around the request: callers who give up, providers, clocks, a machine without descriptors, names that nobody knows.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use entra_adapter::{Event, Network, ProvidedAssertion, Resolve};
use entra_emulator::{Endpoint, Fault, TENANT_ID, Target};
use entra_proto::{Client, Credential, RegionSource, Secret, TokenRequest, TokenSource};

use crate::world::{CLIENT_ID, SECRET, World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, Setup};

use super::super::child;
use super::bench::Misbehaviour;
use super::row::{Row, Way, short, side_by_side};

/// X02: a name that nobody knows (RFC 6761 §6.4). It can't be made known later, so N7 is shown by the client's other host.
pub fn x02_an_unknown_name_is_tried_once_more<D: Driver>() {
    let world = World::with(|builder| builder.login_host("login.nowhere.invalid"));
    let identity = identity(&world.alpha);
    let authority = format!("https://login.nowhere.invalid/{TENANT_ID}");
    let client = Client::builder(
        CLIENT_ID,
        authority,
        Credential::certificate(identity.chain()),
    )
    .known_authorities(["login.nowhere.invalid"])
    .region(RegionSource::Named("westus3".to_owned()))
    .build()
    .unwrap();
    let network = Network::new()
        .trust_only(world.emulator.ca_pem())
        .unwrap()
        .resolve(Resolve {
            host: "westus3.mtlsauth.nowhere.invalid".to_owned(),
            port: None,
            address: world.emulator.address(),
        })
        .no_proxy();
    let sent = Arc::new(AtomicUsize::new(0));
    let saved = Arc::new(AtomicUsize::new(0));
    let (sends, saves) = (Arc::clone(&sent), Arc::clone(&saved));
    let client = D::build(Setup {
        identities: vec![identity],
        network,
        listener: Some(Arc::new(move |event: &Event| {
            match event.step {
                "SendRequest" => sends.fetch_add(1, Ordering::SeqCst),
                "SaveCache" => saves.fetch_add(1, Ordering::SeqCst),
                _ => 0,
            };
        })),
        ..world.setup(client)
    })
    .unwrap();
    let bound = D::token(&client, &pop()).unwrap();
    for _ in 0..2 {
        sent.store(0, Ordering::SeqCst);
        saved.store(0, Ordering::SeqCst);
        let began = Instant::now();
        let error = D::token(&client, &bearer()).unwrap_err();
        assert_eq!((error.code(), error.attempts()), ("connection_failed", 2));
        assert_eq!(
            (sent.load(Ordering::SeqCst), saved.load(Ordering::SeqCst)),
            (2, 0)
        );
        assert!(began.elapsed() < Duration::from_secs(9), "hang");
        let served = D::token(&client, &pop()).unwrap();
        assert_eq!(
            (served.source(), served.secret()),
            (TokenSource::Cache, bound.secret())
        );
    }
    assert_eq!(
        D::token(&client, &pop().bypassing_cache())
            .unwrap()
            .attempts(),
        1
    );
    assert_eq!(world.token_requests(), 2);
}

/// X45: a caller who waits for another's flight gives up at its own deadline, and the flight goes on; a caller whose flight ends at
/// its deadline leaves the turn free. (Dropping a call at any await is the tokio adapter's own test: blocking calls can't be.)
pub fn x45_whoever_gives_up_takes_nobody_along<D: Driver>() {
    let world = World::new();
    let setup = world.setup(
        world
            .client(Credential::secret(Secret::new(SECRET)))
            .build()
            .unwrap(),
    );
    let client = D::build(setup).unwrap();
    let short = short();
    let late = |times| {
        world.emulator.fail_times(
            times,
            Target::Endpoint(Endpoint::Token),
            Fault::Delay(short * 3 / 2),
        );
    };
    late(1);
    thread::scope(|scope| {
        let patient = scope.spawn(|| D::token(&client, &bearer()));
        while world.token_requests() == 0 {
            thread::yield_now();
        }
        let began = Instant::now();
        let error = D::token(&client, &bearer().deadline(short / 3)).unwrap_err();
        assert_eq!((error.code(), error.attempts()), ("request_timeout", 0));
        assert!(began.elapsed() < short, "{:?}", began.elapsed());
        assert_eq!(patient.join().unwrap().unwrap().attempts(), 1);
    });
    assert_eq!(
        D::token(&client, &bearer()).unwrap().source(),
        TokenSource::Cache
    );
    late(1);
    let request = bearer().bypassing_cache();
    let error = D::token(&client, &request.clone().deadline(short)).unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("request_timeout", 1));
    assert_eq!(D::token(&client, &request).unwrap().attempts(), 1);
    assert_eq!(world.token_requests(), 3);
}

/// X46: a provider that fails, never answers, or mixes two pairs.
pub fn x46_a_provider_that_misbehaves_ends_its_own_flight<D: Driver>() {
    let misbehaves = |row: Row, misbehaviour: Misbehaviour| {
        row.over(&[Way::Pair])
            .hiding("canary-in-the-provider")
            .run::<D>(move |bench| bench.spoil_provider(misbehaviour));
    };
    let nothing_sent = || {
        Row::fails("assertion_provider_failed", 0)
            .requests(0)
            .connections(0)
    };
    side_by_side(&[
        &|| misbehaves(nothing_sent(), Misbehaviour::Fails),
        &|| {
            let short = short();
            let row = nothing_sent()
                .waits(short)
                .limiting(move |network| network.provider_timeout(short));
            misbehaves(row, Misbehaviour::Hangs);
        },
        &|| {
            misbehaves(
                Row::fails("invalid_request", 1).reusable(),
                Misbehaviour::Swaps,
            );
        },
    ]);
}

/// X46: a provider that panics: the panic may pass through to the caller or become the provider's failure; it poisons nothing, and
/// whoever waited goes on.
pub fn x46_a_provider_that_panics_poisons_nothing<D: Driver>() {
    let world = World::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, emulator) = (Arc::clone(&calls), Arc::clone(&world.emulator));
    let (named, der) = (
        identity(&world.alpha),
        world.alpha.certificate_der().to_vec(),
    );
    let provider: Assertions = Arc::new(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        assert!(call % 2 == 1, "the provider's own panic");
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(&der)),
            named.clone(),
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    for round in 0..5 {
        let request = TokenRequest::for_app([format!("https://round{round}.example/.default")]);
        let (panicking, asked) = (client.clone(), request.clone());
        let outcome = thread::spawn(move || D::token(&panicking, &asked)).join();
        assert!(outcome.is_err() || outcome.is_ok_and(|token| token.is_err()));
        assert_eq!(D::token(&client, &request).unwrap().attempts(), 1);
    }
    assert_eq!(
        (world.token_requests(), calls.load(Ordering::SeqCst)),
        (5, 10)
    );
}

/// X47: the service's clock jumps by ten years, forth and back, between two requests: what we sign is refused by its date, what
/// needs no date is not, and what was there still serves. (Jumps of our own clock are the core's tests: T11, I17, I18.)
pub fn x47_a_service_whose_clock_jumps_refuses_and_that_is_all<D: Driver>() {
    let ahead = Arc::new(AtomicI64::new(0));
    let years = Arc::clone(&ahead);
    let clock = move || {
        let offset = Duration::from_secs(3_600 * 24 * 365) * 10;
        match years.load(Ordering::SeqCst) {
            0 => SystemTime::now(),
            1.. => SystemTime::now() + offset,
            _ => SystemTime::now() - offset,
        }
    };
    let world = World::with(|builder| builder.clock(Arc::new(clock)));
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let before = D::token(&client, &bearer()).unwrap();
    let signed = bearer().bypassing_cache();
    for direction in [1, -1] {
        ahead.store(direction, Ordering::SeqCst);
        let error = D::token(&client, &signed).unwrap_err();
        assert_eq!((error.code(), error.attempts()), ("invalid_client", 1));
        assert!(D::token(&client, &pop().bypassing_cache()).is_ok());
        let served = D::token(&client, &bearer()).unwrap();
        assert_eq!(
            (served.source(), served.secret()),
            (TokenSource::Cache, before.secret())
        );
    }
    ahead.store(0, Ordering::SeqCst);
    assert_eq!(D::token(&client, &signed).unwrap().attempts(), 1);
}

/// X50: a process that may open no further file: two attempts, in the time of two attempts, and none the worse afterwards. In a
/// process of its own, for it takes all descriptors that there are.
#[cfg(unix)]
pub fn x50_a_process_without_descriptors_fails_to_connect<D: Driver>() {
    if !child::is_inside() {
        let row = "x50_a_process_without_descriptors_fails_to_connect";
        child::run(row, Some(100), &[]);
        return;
    }
    let world = World::new();
    let sent = Arc::new(AtomicUsize::new(0));
    let sends = Arc::clone(&sent);
    let mut setup = world.with_certificate(&world.alpha, |credential| credential);
    setup.listener = Some(Arc::new(move |event: &Event| {
        if event.step == "SendRequest" {
            sends.fetch_add(1, Ordering::SeqCst);
        }
    }));
    let client = D::build(setup).unwrap();
    // Whatever is opened once and kept is opened now. The connection itself is not kept.
    world.emulator.fail_next(
        Target::Any,
        Fault::Header("connection".to_owned(), "close".to_owned()),
    );
    let before = D::token(&client, &pop()).unwrap();
    sent.store(0, Ordering::SeqCst);
    let closed = || {
        let connections = world.emulator.connections();
        connections.iter().all(|connection| connection.closed)
    };
    while !closed() {
        thread::yield_now();
    }
    let taken: Mutex<Vec<_>> = Mutex::default();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        taken.lock().unwrap().push(file);
    }
    let began = Instant::now();
    let error = D::token(&client, &bearer()).unwrap_err();
    assert_eq!((error.code(), error.attempts()), ("connection_failed", 2));
    assert!(began.elapsed() < Duration::from_secs(5), "hang");
    assert_eq!(sent.load(Ordering::SeqCst), 2);
    assert_eq!(D::token(&client, &pop()).unwrap().secret(), before.secret());
    taken.lock().unwrap().clear();
    assert_eq!(D::token(&client, &bearer()).unwrap().attempts(), 1);
}

/// X50: see the one for Unix; there is no such limit elsewhere.
#[cfg(not(unix))]
pub fn x50_a_process_without_descriptors_fails_to_connect<D: Driver>() {}
