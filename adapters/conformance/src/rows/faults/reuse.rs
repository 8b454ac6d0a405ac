//! Connections that are used again: ones that have ended meanwhile, and ones of a certificate that has changed meanwhile.

use std::sync::{Arc, Mutex};

use entra_adapter::ProvidedAssertion;
use entra_emulator::{Cut, Fault, KeyKind, TestIdentity, TlsVersion, TlsVersions};

use crate::world::{World, bearer, identity, issue};
use crate::{Assertions, Driver};

use super::row::{Row, side_by_side};

/// X39: an idle connection that has ended is noticed before anything is sent over it.
pub fn x39_an_idle_connection_that_has_ended_costs_no_attempt<D: Driver>() {
    Row::unnoticed()
        .kept_alive()
        .run::<D>(|bench| bench.door.cut());
}

/// X40: one that ends when the request is there is a failure like any other: tried once more, over a new connection.
pub fn x40_a_reused_connection_that_ends_is_tried_once_more<D: Driver>() {
    let ends = |fault: Fault| {
        // The first attempt needs no connection, the second one does.
        Row::recovers()
            .kept_alive()
            .connections(1)
            .run::<D>(move |bench| bench.fault(1, fault.clone()));
    };
    side_by_side(&[&|| ends(Fault::Close(Cut::AfterRequest)), &|| {
        ends(Fault::Reset(Cut::AfterRequest))
    }]);
}

/// X41: a live connection of the certificate before is not used for the one after.
pub fn x41_a_rotated_certificate_gets_a_connection_of_its_own<D: Driver>() {
    for (versions, version) in VERSIONS {
        rotated::<D>(versions, version, false);
    }
}

/// X43: nor is a session of it resumed where no connection is left.
pub fn x43_a_rotated_certificate_gets_a_handshake_of_its_own<D: Driver>() {
    for (versions, version) in VERSIONS {
        rotated::<D>(versions, version, true);
    }
}

const VERSIONS: [(TlsVersions, TlsVersion); 2] = [
    (TlsVersions::Only12, TlsVersion::Tls12),
    (TlsVersions::Only13, TlsVersion::Tls13),
];

/// Ten renewals with one and the same key, two requests each, against a server that resumes whatever it can. Each answer may
/// announce the end of its connection, so that only tickets are left.
fn rotated<D: Driver>(versions: TlsVersions, version: TlsVersion, closing: bool) {
    let world = World::with(|builder| builder.tls_versions(versions).resumption(true));
    let key = TestIdentity::generate(KeyKind::P256, "rotated").unwrap();
    let first = key.renew().unwrap();
    let current = Arc::new(Mutex::new((
        identity(&first),
        first.certificate_der().to_vec(),
    )));
    let (emulator, named) = (Arc::clone(&world.emulator), Arc::clone(&current));
    let provider: Assertions = Arc::new(move |_| {
        let (identity, der) = named.lock().unwrap().clone();
        Ok(ProvidedAssertion::bound(
            issue(&emulator, Some(&der)),
            identity,
        ))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    let mut shown = Vec::new();
    for _ in 0..10 {
        let renewed = key.renew().unwrap();
        let der = renewed.certificate_der().to_vec();
        *current.lock().unwrap() = (identity(&renewed), der.clone());
        for _ in 0..2 {
            if closing {
                world.emulator.fail_next(
                    entra_emulator::Target::Any,
                    Fault::Header("connection".to_owned(), "close".to_owned()),
                );
            }
            D::token(&client, &bearer().bypassing_cache()).unwrap();
            shown.push(Some(der.clone()));
        }
    }
    let seen: Vec<_> = world
        .emulator
        .token_requests()
        .into_iter()
        .map(|request| request.client_certificate)
        .collect();
    assert_eq!(seen, shown);
    let connections = world.emulator.connections();
    assert_eq!(connections.len(), if closing { 20 } else { 10 });
    assert!(
        connections
            .iter()
            .all(|connection| !connection.resumed && connection.tls_version == Some(version))
    );
}

/// X42: HTTP/2, by which several hosts could share a connection, is not offered: no `ClientHello` names it (RFC 7301 §3.1).
pub fn x42_http2_is_not_offered<D: Driver>() {
    Row::unnoticed().run::<D>(|bench| {
        let first = bench.first_words();
        assert!(first.len() > 100 && first[0] == 22, "a ClientHello");
        let names_http2 = first.windows(3).any(|bytes| bytes == b"\x02h2");
        assert!(!names_http2);
    });
}
