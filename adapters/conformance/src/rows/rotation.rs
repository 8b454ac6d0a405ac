//! Certificates that change: what the server sees is what the provider returned, every time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use entra_adapter::{ClientIdentity, ProvidedAssertion};
use entra_emulator::{
    Cut, Endpoint, Fault, KeyKind, Target, TestIdentity, TlsVersion, TlsVersions,
};
use entra_proto::{Error, TokenRequest};

use crate::world::{World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, at_once};

const ROTATIONS: usize = 1_000;

/// HTTP-03, F4: with TLS 1.2, resumption on offer and connections kept alive.
pub fn http03_a_thousand_rotations_over_tls12_show_the_new_certificate_each_time<D: Driver>() {
    rotations::<D>(TlsVersions::Only12, TlsVersion::Tls12);
}

/// HTTP-03, F4: with TLS 1.3.
pub fn http03_a_thousand_rotations_over_tls13_show_the_new_certificate_each_time<D: Driver>() {
    rotations::<D>(TlsVersions::Only13, TlsVersion::Tls13);
}

/// HTTP-03, F5: a resumed session shows no certificate and asks for none, so the next connection of the same certificate, where
/// the server offers to resume, is a full handshake again.
pub fn http03_a_second_connection_of_one_certificate_is_not_resumed<D: Driver>() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let world = World::with(|builder| builder.tls_versions(versions).resumption(true));
        let setup = world.with_certificate(&world.alpha, |credential| credential);
        let client = D::build(setup).unwrap();
        D::token(&client, &pop()).unwrap();
        world.emulator.fail_next(
            Target::Endpoint(Endpoint::Token),
            Fault::Close(Cut::AfterRequest),
        );
        let again = D::token(&client, &pop().bypassing_cache()).unwrap();
        assert_eq!(again.attempts(), 2);
        let connections = world.emulator.connections();
        assert_eq!(connections.len(), 2);
        assert!(
            connections
                .iter()
                .all(|connection| connection.asked_for_certificate && !connection.resumed)
        );
    }
}

/// Each certificate is used twice in a row, so that there are live connections to be confused with.
fn rotations<D: Driver>(versions: TlsVersions, version: TlsVersion) {
    let world = World::with(|builder| {
        builder
            .tls_versions(versions)
            .resumption(true)
            .record_limit(10 * ROTATIONS)
    });
    let current: Arc<Mutex<(ClientIdentity, Vec<u8>)>> = {
        let first = TestIdentity::generate(KeyKind::P256, "rotating").unwrap();
        Arc::new(Mutex::new((
            identity(&first),
            first.certificate_der().to_vec(),
        )))
    };
    let (emulator, named) = (Arc::clone(&world.emulator), Arc::clone(&current));
    let provider: Assertions = Arc::new(move |_| {
        let (identity, der) = named.lock().unwrap().clone();
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(&der)),
            identity,
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    // Renewals with one and the same key: only the DER tells them apart.
    let key = TestIdentity::generate(KeyKind::P256, "rotating").unwrap();
    let mut shown = Vec::with_capacity(2 * ROTATIONS);
    for _ in 0..ROTATIONS {
        let renewed = key.renew().unwrap();
        *current.lock().unwrap() = (identity(&renewed), renewed.certificate_der().to_vec());
        for _ in 0..2 {
            D::token(&client, &bearer().bypassing_cache()).unwrap();
            shown.push(renewed.certificate_der().to_vec());
        }
    }
    let requests = world.emulator.token_requests();
    assert_eq!(requests.len(), 2 * ROTATIONS);
    let mismatches = requests
        .iter()
        .zip(&shown)
        .filter(|(request, der)| request.client_certificate.as_ref() != Some(der))
        .count();
    assert_eq!(mismatches, 0);
    let connections = world.emulator.connections();
    assert!(
        connections
            .iter()
            .all(|connection| !connection.resumed && connection.tls_version == Some(version))
    );
    // A connection for each certificate, used twice but for the few times that it was not back in the pool yet.
    assert!(
        (ROTATIONS..ROTATIONS + ROTATIONS / 4).contains(&connections.len()),
        "{} connections",
        connections.len()
    );
}

/// IMP-20: ten thousand acquisitions, 50 at a time, another pair at each call; the assertion is always that of the certificate in the handshake,
/// or the service would answer AADSTS500181.
pub fn imp20_a_provider_that_rotates_on_every_call_never_produces_a_mixed_pair<D: Driver>() {
    let world = World::with(|builder| builder.record_limit(20_000));
    let identities: Vec<_> = (0..20)
        .map(|number| TestIdentity::generate(KeyKind::P256, &format!("pair {number}")).unwrap())
        .collect();
    let pairs: Vec<_> = identities
        .iter()
        .map(|of| (identity(of), of.certificate_der().to_vec()))
        .collect();
    let calls = Arc::new(AtomicUsize::new(0));
    let (emulator, counted) = (Arc::clone(&world.emulator), Arc::clone(&calls));
    let provider: Assertions = Arc::new(move |_| {
        let (identity, der) = &pairs[counted.fetch_add(1, Ordering::SeqCst) % pairs.len()];
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(der)),
            identity.clone(),
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    let mut asked = 0;
    for _ in 0..200 {
        let requests: Vec<_> = (0..50)
            .map(|number| {
                TokenRequest::for_app([format!("https://n{number}.example/.default")])
                    .bypassing_cache()
            })
            .collect();
        asked += requests.len();
        let results = at_once::<D>(&client, requests);
        let mixed = results
            .iter()
            .filter(|result| {
                result
                    .as_ref()
                    .is_err_and(|error: &Error| error.aadsts().contains(&500_181))
            })
            .count();
        assert_eq!(mixed, 0);
        assert!(
            results.iter().all(Result::is_ok),
            "{:?}",
            results.iter().find(|result| result.is_err())
        );
    }
    assert_eq!(
        (world.token_requests(), calls.load(Ordering::SeqCst)),
        (asked, asked)
    );
    assert_eq!(asked, 10_000);
}
