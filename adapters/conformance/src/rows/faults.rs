//! What can go wrong on the way, over real sockets: the right error, tried again or not, and the next call succeeds.

mod answers;
mod around;
mod authority;
mod bench;
mod body;
mod case;
mod checks;
mod connecting;
mod handshake;
mod head;
mod matrix;
mod reuse;
mod row;
mod trace;

pub use answers::*;
pub use around::*;
pub use body::*;
pub use connecting::*;
pub use handshake::*;
pub use head::*;
pub use matrix::{check_matrix, long_run};
pub use reuse::*;

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entra_adapter::ProvidedAssertion;
use entra_emulator::{
    Endpoint, Fault, KeyKind, Reply, Target, TestIdentity, TlsVersion, TlsVersions,
};
use entra_proto::{Credential, Fault as Whose, Secret, TokenRequest};

use crate::world::{SECRET, World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, Setup};

const MTLS: &str = "*.mtlsauth.microsoft.com";

fn token_endpoint() -> Target {
    Target::Endpoint(Endpoint::Token)
}

fn with_secret<D: Driver>(world: &World) -> D::Client {
    let client = world
        .client(Credential::secret(Secret::new(SECRET)))
        .build()
        .unwrap();
    D::build(world.setup(client)).unwrap()
}

fn with_pop<D: Driver>(world: &World) -> D::Client {
    D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap()
}

/// RUN-11: another `jti`, two requests, a token; or after two failures the service's error, worth retrying.
pub fn run11_a_server_error_is_tried_once_more<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    world
        .emulator
        .fail_next(token_endpoint(), Fault::Reply(Reply::new(500)));
    assert_eq!(D::token(&client, &bearer()).unwrap().attempts(), 2);
    let sent = world.emulator.token_requests();
    assert_eq!(sent.len(), 2);
    assert_ne!(
        sent[0].form_value("client_assertion"),
        sent[1].form_value("client_assertion")
    );
    world
        .emulator
        .fail_times(2, token_endpoint(), Fault::Reply(Reply::new(503)));
    let error = D::token(&client, &bearer().bypassing_cache()).unwrap_err();
    assert_eq!(
        (error.code(), error.http_status(), error.attempts()),
        ("service_not_available", Some(503), 2)
    );
    assert!(error.is_retryable());
    assert_eq!(world.token_requests(), 4);
    D::token(&client, &bearer().bypassing_cache()).unwrap();
}

/// SEC-03: a canary server sees no connection, and `Location` appears nowhere.
pub fn sec03_redirects_are_not_followed<D: Driver>() {
    let world = World::new();
    let canary = World::new();
    let location = format!(
        "https://127.0.0.1:{}/canary",
        canary.emulator.address().port()
    );
    for status in [301, 302, 303, 307, 308] {
        for client in [with_secret::<D>(&world), with_pop::<D>(&world)] {
            world
                .emulator
                .fail_next(token_endpoint(), Fault::Redirect(status, location.clone()));
            let request = if status % 2 == 0 {
                bearer()
            } else {
                bearer().bypassing_cache()
            };
            let error = D::token(&client, &request).unwrap_err();
            assert_eq!(error.code(), "unexpected_redirect", "{status}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
    }
    assert_eq!(canary.emulator.accepted(), 0);
}

/// SEC-04: too large, endless, said to be compressed, a page; each once, and nothing of it in the error.
pub fn sec04_answers_that_are_no_token_are_refused<D: Driver>() {
    let world = World::new();
    let client = with_secret::<D>(&world);
    let rows = [
        (Fault::EndlessBody, "response_too_large"),
        (
            Fault::Reply(Reply::new(200).body(vec![b' '; 300 * 1_024])),
            "response_too_large",
        ),
        (
            Fault::ContentEncoding("gzip".to_owned()),
            "invalid_token_response",
        ),
        (
            Fault::Reply(Reply::new(200).body("<html>guest network</html>")),
            "invalid_token_response",
        ),
    ];
    for (fault, code) in rows {
        world.emulator.clear_records();
        world.emulator.fail_next(token_endpoint(), fault.clone());
        let error = D::token(&client, &bearer()).unwrap_err();
        assert_eq!(error.code(), code, "{fault:?}");
        assert!(!format!("{error} {error:?}").contains("guest network"));
        assert_eq!(world.token_requests(), 1, "{fault:?}");
    }
    D::token(&client, &bearer()).unwrap();
}

/// SEC-10: wrong name, expired, unknown authority, plain HTTP: no byte of the form is sent, and nothing is tried again.
pub fn sec10_i12_a_server_that_can_not_prove_its_name_gets_nothing<D: Driver>() {
    let world = World::new();
    for client in [with_secret::<D>(&world), with_pop::<D>(&world)] {
        for fault in [
            Fault::WrongServerName,
            Fault::ExpiredServerCertificate,
            Fault::UnknownServerAuthority,
            Fault::PlainHttp,
        ] {
            world.emulator.clear_records();
            world.emulator.fail_next(Target::Any, fault.clone());
            let request = if world.emulator.accepted() == 0 {
                bearer().bypassing_cache()
            } else {
                bearer()
            };
            let began = Instant::now();
            let error = D::token(&client, &request).unwrap_err();
            // Nobody waits for a server that was just refused: far below the time that a connection may take.
            assert!(began.elapsed() < Duration::from_secs(3), "{fault:?}");
            assert_eq!(
                (error.code(), error.fault()),
                ("tls_failed", Whose::Environment),
                "{fault:?}"
            );
            assert!(world.emulator.requests().is_empty(), "{fault:?}");
            assert_eq!(world.emulator.accepted(), 1, "{fault:?}");
        }
    }
}

/// SEC-11, T16, F5: not a byte of the request, no second attempt.
pub fn sec11_i12_a_server_that_never_asks_for_the_certificate_gets_nothing<D: Driver>() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let world = World::with(|builder| builder.tls_versions(versions));
        let client = with_pop::<D>(&world);
        world
            .emulator
            .fail_next(Target::host(MTLS), Fault::NeverAskForCertificate);
        let error = D::token(&client, &pop()).unwrap_err();
        assert_eq!(error.code(), "certificate_not_requested");
        assert!(!error.is_retryable());
        assert_eq!(
            (world.emulator.requests().len(), world.emulator.accepted()),
            (0, 1)
        );
        assert!(
            world
                .emulator
                .connections()
                .iter()
                .all(|connection| connection.bytes_read == 0)
        );
        D::token(&client, &pop()).unwrap();
    }
}

/// SEC-12, F6: a thousand times under each version of TLS, the error says which certificate was refused, under TLS 1.3 too, where
/// the alert comes while the request is sent.
pub fn sec12_a_refused_certificate_is_named<D: Driver>() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let world = World::with(|builder| builder.tls_versions(versions));
        let thumbprint = world.alpha.thumbprint();
        world
            .emulator
            .set_fault(Target::host(MTLS), Fault::RefuseClientCertificate);
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let error = D::token(&with_pop::<D>(&world), &pop()).unwrap_err();
                        assert_eq!(error.code(), "client_certificate_rejected");
                        assert!(error.to_string().contains(&thumbprint), "{error}");
                    }
                });
            }
        });
    }
}

/// HTTP-07: in the handshake, before the head, in the body; a clear error within the time that was allowed, and a tenth more.
pub fn http07_an_endpoint_that_stalls_is_given_up_in_time<D: Driver>() {
    const LIMIT: Duration = Duration::from_secs(8);
    let faults = [
        (Target::Any, Fault::StallHandshake),
        (token_endpoint(), Fault::Delay(Duration::from_secs(60))),
        (
            token_endpoint(),
            Fault::DripBody(Duration::from_millis(300)),
        ),
        (token_endpoint(), Fault::DripAll(Duration::from_millis(300))),
    ];
    std::thread::scope(|scope| {
        for (target, fault) in faults {
            scope.spawn(move || {
                let world = World::new();
                let client = with_pop::<D>(&world);
                world.emulator.set_fault(target, fault.clone());
                let began = Instant::now();
                let error = D::token(&client, &pop().deadline(LIMIT)).unwrap_err();
                let took = began.elapsed();
                assert_eq!(error.code(), "request_timeout", "{fault:?}");
                assert!(took <= LIMIT + LIMIT / 10, "{fault:?} took {took:?}");
            });
        }
    });
}

/// IMP-23, IMP-24: named as the provider's; nothing is sent; the turn is free; other keys go on.
pub fn imp23_imp24_a_provider_that_fails_hangs_or_panics_ends_its_own_request_only<D: Driver>() {
    let world = World::new();
    let calls = Arc::new(AtomicUsize::new(0));
    let (counted, emulator) = (Arc::clone(&calls), Arc::clone(&world.emulator));
    let (named, der) = (
        identity(&world.alpha),
        world.alpha.certificate_der().to_vec(),
    );
    let provider: Assertions = Arc::new(move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        0 => Err("vault sealed: canary-in-the-provider".into()),
        1 => {
            std::thread::sleep(Duration::from_secs(3));
            Err("too late".into())
        }
        2 => panic!("the provider's own panic"),
        _ => Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(&der)),
            named.clone(),
        )),
    });
    let setup = world.with_provider(provider);
    let network = setup
        .network
        .clone()
        .provider_timeout(Duration::from_secs(1));
    let client = D::build(Setup { network, ..setup }).unwrap();
    let error = D::token(&client, &bearer()).unwrap_err();
    assert_eq!(error.code(), "assertion_provider_failed");
    assert!(!format!("{error} {error:?}").contains("canary-in-the-provider"));
    assert_eq!(
        error.reported(),
        Some("vault sealed: canary-in-the-provider")
    );
    assert_eq!(
        D::token(&client, &bearer()).unwrap_err().code(),
        "assertion_provider_failed"
    );
    // A panic may pass through to the caller or become the provider's failure; it poisons nothing.
    let panicking = client.clone();
    let outcome = std::thread::spawn(move || D::token(&panicking, &bearer())).join();
    assert!(outcome.is_err() || outcome.is_ok_and(|token| token.is_err()));
    assert_eq!(world.emulator.accepted(), 0);
    assert!(D::token(&client, &bearer()).is_ok());
    assert!(
        D::token(
            &client,
            &TokenRequest::for_app(["https://other.example/.default"])
        )
        .is_ok()
    );
}

/// IMP-28: AADSTS500181 is reported with its number, sent once, and the next acquisition asks the provider anew.
pub fn imp28_a_mismatch_is_reported_and_not_repeated<D: Driver>() {
    let world = World::new();
    let other = TestIdentity::generate(KeyKind::P256, "other").unwrap();
    let (emulator, named) = (Arc::clone(&world.emulator), identity(&world.alpha));
    let ders = Arc::new(Mutex::new(vec![
        world.alpha.certificate_der().to_vec(),
        other.certificate_der().to_vec(),
    ]));
    let provider: Assertions = Arc::new(move |_| {
        let der = ders.lock().unwrap().pop().unwrap();
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(&der)),
            named.clone(),
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    let error = D::token(&client, &bearer()).unwrap_err();
    assert_eq!(
        (error.aadsts().first(), error.fault()),
        (Some(&500_181), Whose::Refused)
    );
    assert_eq!(world.token_requests(), 1);
    assert!(D::token(&client, &bearer()).is_ok());
}

/// PLAT-03: TLS 1.2 and 1.3, and 1.2 alone where the application wants it.
pub fn plat03_both_versions_of_tls_are_spoken<D: Driver>() {
    let seen = |world: &World| world.emulator.connections().pop().unwrap().tls_version;
    for (versions, version) in [
        (TlsVersions::Only12, TlsVersion::Tls12),
        (TlsVersions::Both, TlsVersion::Tls13),
    ] {
        let world = World::with(|builder| builder.tls_versions(versions));
        D::token(&with_pop::<D>(&world), &pop()).unwrap();
        assert_eq!(seen(&world), Some(version));
    }
    let world = World::new();
    let setup = world.with_certificate(&world.alpha, |credential| credential);
    let network = setup.network.clone().only_tls12();
    D::token(&D::build(Setup { network, ..setup }).unwrap(), &pop()).unwrap();
    assert_eq!(seen(&world), Some(TlsVersion::Tls12));
}
