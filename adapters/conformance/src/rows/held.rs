//! Held sources: one request whose token is asked for before every call.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use entra_adapter::ProvidedAssertion;
use entra_emulator::{Endpoint, Fault, Reply, Target};
use entra_proto::{Credential, Secret, TokenSource};

use crate::world::{SECRET, World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, Setup};

const CHALLENGE: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;

fn with_secret(world: &World) -> Setup {
    let credential = Credential::secret(Secret::new(SECRET));
    world.setup(world.client(credential).build().unwrap())
}

fn lasting(token: &str, seconds: u64) -> Fault {
    let answer = format!(
        "{{\"token_type\":\"Bearer\",\"access_token\":\"{token}\",\"expires_in\":{seconds}}}"
    );
    Fault::Reply(Reply::json(200, answer))
}

fn token_endpoint() -> Target {
    Target::Endpoint(Endpoint::Token)
}

/// RUN-17: once the token is held, asking for it takes no step, asks no provider and sends nothing; all clones have it, one
/// that nobody has asked yet too.
pub fn run17_a_held_source_answers_without_a_step<D: Driver>() {
    let world = World::new();
    let (pairs, calls) = world.pairs(&world.alpha);
    let steps = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&steps);
    let client = D::build(Setup {
        listener: Some(Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        })),
        ..world.with_provider(pairs)
    })
    .unwrap();
    let mut source = D::source(&client, &bearer()).unwrap();
    let mut before = source.clone();
    let first = D::held(&mut source).unwrap();
    assert_eq!(first.source(), TokenSource::Network);
    // What was saved since it was asked for could have been later than it: now it is read, and held.
    let second = D::held(&mut source).unwrap();
    assert_eq!(second.source(), TokenSource::Cache);
    let taken = steps.load(Ordering::SeqCst);
    let mut clone = source.clone();
    for source in [&mut source, &mut clone, &mut before] {
        for _ in 0..1_000 {
            assert_eq!(D::held(source).unwrap().secret(), first.secret());
        }
    }
    assert_eq!(steps.load(Ordering::SeqCst), taken);
    assert_eq!(
        (calls.load(Ordering::SeqCst), world.token_requests()),
        (1, 1)
    );
}

/// RUN-17, RUN-08: at the moment that it is asked for, what is handed out lasts for more than 300 s; then another is fetched.
pub fn run17_a_held_token_is_never_served_too_close_to_its_end<D: Driver>() {
    let world = World::new();
    world
        .emulator
        .set_fault(token_endpoint(), lasting("short", 302));
    let client = D::build(with_secret(&world)).unwrap();
    let mut source = D::source(&client, &bearer()).unwrap();
    let began = Instant::now();
    let mut served = 0;
    while world.token_requests() < 3 {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let token = D::held(&mut source).unwrap();
        let left = token.expires_at().saturating_sub(wall);
        assert!(left > Duration::from_secs(300), "{left:?}");
        served += 1;
        assert!(began.elapsed() < Duration::from_secs(20), "it never ended");
    }
    assert!(served > 100, "{served}");
}

/// RUN-18: the resource refused the token, so the source must not go on with it, whoever answered the challenge.
pub fn run18_what_answers_a_challenge_takes_the_place_of_what_is_held<D: Driver>() {
    let world = World::new();
    let client = D::build(with_secret(&world)).unwrap();
    let mut source = D::source(&client, &bearer()).unwrap();
    let mut hold = || {
        let tokens = [0; 3].map(|_| D::held(&mut source).unwrap());
        let [first, _, last] = &tokens;
        assert_eq!(first.secret(), last.secret());
        last.secret().clone()
    };
    let mut before = hold();
    for (request, sent) in [
        (bearer().claims(CHALLENGE), 2),
        (bearer().bypassing_cache(), 3),
    ] {
        let fetched = D::token(&client, &request).unwrap();
        assert_ne!(fetched.secret(), &before);
        before = hold();
        assert_eq!(fetched.secret(), &before);
        assert_eq!(world.token_requests(), sent);
    }
}

/// RUN-18: another client's token, which lasts longer, comes out of a document.
pub fn run18_what_is_imported_takes_the_place_of_what_is_held<D: Driver>() {
    let world = World::new();
    let client = || D::build(with_secret(&world)).unwrap();
    let (one, other) = (client(), client());
    let mut source = D::source(&one, &bearer()).unwrap();
    world
        .emulator
        .fail_next(token_endpoint(), lasting("before", 1_000));
    for _ in 0..3 {
        assert_eq!(D::held(&mut source).unwrap().secret().expose(), "before");
    }
    let later = D::token(&other, &bearer()).unwrap();
    let document = D::export_cache(&other);
    assert_eq!(D::import_cache(&one, document.expose()), Ok(1));
    assert_eq!(D::held(&mut source).unwrap().secret(), later.secret());
    assert_eq!(world.token_requests(), 2);
}

/// RUN-18, rule 4: only the provider can name the certificate, so a bound token is not held: with a new one comes a new token.
pub fn run18_a_bound_token_follows_the_certificate_of_its_provider<D: Driver>() {
    let world = World::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, emulator) = (Arc::clone(&calls), Arc::clone(&world.emulator));
    let [old, new] =
        [&world.alpha, &world.rsa].map(|of| (identity(of), of.certificate_der().to_vec()));
    let provider: Assertions = Arc::new(move |_| {
        let call = counted.fetch_add(1, Ordering::SeqCst);
        let (identity, der) = if call < 3 { &old } else { &new };
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(der)),
            identity.clone(),
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    let mut source = D::source(&client, &pop()).unwrap();
    for (call, of) in [
        &world.alpha,
        &world.alpha,
        &world.alpha,
        &world.rsa,
        &world.rsa,
    ]
    .into_iter()
    .enumerate()
    {
        let token = D::held(&mut source).unwrap();
        let bound = token.binding_certificate().unwrap();
        assert_eq!(bound.thumbprint().to_string(), of.thumbprint());
        assert_eq!(calls.load(Ordering::SeqCst), call + 1);
    }
    assert_eq!(world.token_requests(), 2);
}

/// RUN-18, rule 11.
pub fn run18_nothing_is_held_for_a_request_that_bypasses_the_cache<D: Driver>() {
    let world = World::new();
    let client = D::build(with_secret(&world)).unwrap();
    for request in [bearer().claims(CHALLENGE), bearer().bypassing_cache()] {
        let mut source = D::source(&client, &request).unwrap();
        let before = world.token_requests();
        for sent in 1..=3 {
            assert_eq!(D::held(&mut source).unwrap().source(), TokenSource::Network);
            assert_eq!(world.token_requests(), before + sent);
        }
    }
}
