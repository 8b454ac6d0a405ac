//! What a token is bound to: the resource's refusals, renewed certificates, and many certificates at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_adapter::ProvidedAssertion;
use entra_emulator::{Endpoint, Fault, KeyKind, Reply, Target, TestIdentity};
use entra_proto::{AccessToken, Body, Secret, TokenKind, TokenRequest};

use super::binding::claims;
use crate::world::{World, bearer, identity, issue, pop};
use crate::{Assertions, Driver, at_once};

/// A request to the emulator's resource.
pub(super) fn to_the_resource(world: &World) -> http::Request<Body> {
    let url = format!("https://{}/secrets/answer", world.emulator.resource_host());
    http::Request::get(url).body(Body::empty()).unwrap()
}

/// The service hands out this very token, once, as if it were of that kind.
fn hand_out(world: &World, token: &AccessToken, kind: &str) {
    let text = token.secret().expose();
    let answer =
        format!("{{\"token_type\":\"{kind}\",\"access_token\":\"{text}\",\"expires_in\":3599}}");
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(Reply::json(200, answer)),
    );
}

/// BIND-04 to BIND-06: the resource refuses the token as Bearer and without a certificate, and over another certificate, also
/// one with the same key.
pub fn bind04_to_bind06_the_resource_refuses_the_token_in_any_other_way<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let token = D::token(&client, &pop()).unwrap();

    hand_out(&world, &token, "Bearer");
    let as_bearer = D::token(&client, &bearer()).unwrap();
    assert_eq!(as_bearer.secret(), token.secret());
    let answer = D::send(&client, &as_bearer, to_the_resource(&world)).unwrap();
    assert_eq!(answer.status(), 401);
    let seen = world.emulator.requests().pop().unwrap();
    assert!(seen.header("authorization").unwrap().starts_with("Bearer "));
    assert_eq!(seen.client_certificate, None);

    for other in [
        TestIdentity::generate(KeyKind::P256, "other").unwrap(),
        world.alpha.renew().unwrap(),
    ] {
        let stranger = D::build(world.with_certificate(&other, |credential| credential)).unwrap();
        hand_out(&world, &token, "mtls_pop");
        let stolen = D::token(&stranger, &pop()).unwrap();
        assert_eq!(stolen.secret(), token.secret());
        let answer = D::send(&stranger, &stolen, to_the_resource(&world)).unwrap();
        assert_eq!(answer.status(), 401);
        let seen = world.emulator.requests().pop().unwrap();
        assert!(
            seen.header("authorization")
                .unwrap()
                .starts_with("mtls_pop ")
        );
        assert_eq!(
            seen.client_certificate.as_deref(),
            Some(other.certificate_der())
        );
    }
    let answer = D::send(&client, &token, to_the_resource(&world)).unwrap();
    assert_eq!(answer.status(), 200, "the token itself is good");
}

/// CACHE-02: the same key in a new certificate is a new request over the new certificate, and its token names it.
pub fn cache02_a_certificate_renewed_with_its_old_key_gets_a_token_of_its_own<D: Driver>() {
    let world = World::new();
    let renewed = world.alpha.renew().unwrap();
    assert_ne!(renewed.thumbprint(), world.alpha.thumbprint());
    let halves: Vec<_> = [&world.alpha, &renewed, &renewed, &world.alpha]
        .iter()
        .map(|of| (identity(of), of.certificate_der().to_vec()))
        .collect();
    let (calls, emulator) = (AtomicUsize::new(0), Arc::clone(&world.emulator));
    let provider: Assertions = Arc::new(move |_| {
        let (identity, der) = &halves[calls.fetch_add(1, Ordering::SeqCst)];
        let assertion = issue(&emulator, Some(der));
        Ok(ProvidedAssertion::bound(assertion, identity.clone()))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    for (of, requests) in [
        (&world.alpha, 1),
        (&renewed, 2),
        (&renewed, 2),
        (&world.alpha, 2),
    ] {
        let token = D::token(&client, &pop()).unwrap();
        assert_eq!(world.token_requests(), requests);
        let named = token
            .binding_certificate()
            .unwrap()
            .thumbprint()
            .to_string();
        assert_eq!(named, of.thumbprint());
        assert!(claims(token.secret()).contains(&of.thumbprint()));
    }
    let shown: Vec<_> = world
        .emulator
        .token_requests()
        .iter()
        .map(|request| request.client_thumbprint().unwrap())
        .collect();
    assert_eq!(shown, [world.alpha.thumbprint(), renewed.thumbprint()]);
}

/// HTTP-04: many at once with one certificate, for one token and for as many.
pub fn http04_many_at_once_with_one_certificate_get_equal_results<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let same = at_once::<D>(&client, vec![pop(); 100]);
    let first = same[0].as_ref().unwrap();
    assert!(same.iter().all(|token| {
        let token = token.as_ref().unwrap();
        (token.secret(), token.binding_certificate())
            == (first.secret(), first.binding_certificate())
    }));
    assert_eq!(world.token_requests(), 1);
    let each = (0..100)
        .map(|number| TokenRequest::for_app([format!("https://n{number}.example/.default")]))
        .map(TokenRequest::proof_of_possession)
        .collect();
    for token in at_once::<D>(&client, each) {
        assert_eq!(token.unwrap().token_type(), TokenKind::MtlsPop);
    }
    assert_eq!(world.token_requests(), 101);
    assert!(world.emulator.token_requests().iter().all(|request| {
        request.client_certificate.as_deref() == Some(world.alpha.certificate_der())
    }));
}

/// HTTP-05: ten certificates, each with ten callers at a time: what came over a connection is of the certificate that its
/// handshake showed, and so is the token that came back.
pub fn http05_many_at_once_with_different_certificates_mix_nothing<D: Driver>() {
    const CERTIFICATES: usize = 10;
    let world = World::new();
    let halves: Vec<_> = (0..CERTIFICATES)
        .map(|number| TestIdentity::generate(KeyKind::P256, &format!("many {number}")).unwrap())
        .map(|of| (identity(&of), of.certificate_der().to_vec()))
        .collect();
    let (calls, emulator) = (AtomicUsize::new(0), Arc::clone(&world.emulator));
    let provider: Assertions = Arc::new(move |_| {
        let (identity, der) = &halves[calls.fetch_add(1, Ordering::SeqCst) % CERTIFICATES];
        let assertion = issue(&emulator, Some(der));
        Ok(ProvidedAssertion::bound(assertion, identity.clone()))
    });
    let client = D::build(world.with_provider(provider)).unwrap();
    for round in 0..5 {
        let requests = (0..10 * CERTIFICATES)
            .map(|number| {
                TokenRequest::for_app([format!("https://r{round}n{number}.example/.default")])
            })
            .map(TokenRequest::proof_of_possession)
            .collect();
        for token in at_once::<D>(&client, requests) {
            let token = token.unwrap();
            let named = token.binding_certificate().unwrap().thumbprint();
            assert!(claims(token.secret()).contains(&named.to_string()));
        }
    }
    let (requests, connections) = (
        world.emulator.token_requests(),
        world.emulator.connections(),
    );
    assert_eq!(requests.len(), 5 * 10 * CERTIFICATES);
    for request in requests {
        let shown = request.client_thumbprint().unwrap();
        let assertion = Secret::new(request.form_value("client_assertion").unwrap());
        assert!(claims(&assertion).contains(&shown));
        let connection = connections
            .iter()
            .find(|connection| connection.id == request.connection)
            .unwrap();
        assert_eq!(connection.client_thumbprint(), Some(shown));
    }
}
