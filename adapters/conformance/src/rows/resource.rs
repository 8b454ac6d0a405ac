//! Calling the resource: the token goes to its audience, as what it is, and a challenge is answered once.

use entra_adapter::{Audience, ResourceError};
use entra_emulator::{Endpoint, Fault, Reply, RequestRecord, Target};
use entra_proto::{Body, FailureKind};
use http::Request;

use super::bound::to_the_resource;
use crate::Driver;
use crate::world::{World, bearer, pop};

const VAULT: &str = "contoso.vault.azure.net";
const CLAIMS: &str = "{\"access_token\":{\"acrs\":{\"essential\":true,\"value\":\"c1\"}}}";
/// The claims in base64.
const ENCODED: &str =
    "eyJhY2Nlc3NfdG9rZW4iOnsiYWNycyI6eyJlc3NlbnRpYWwiOnRydWUsInZhbHVlIjoiYzEifX19";

fn own(world: &World) -> Audience {
    Audience::host(world.emulator.resource_host())
}

fn at_resource(world: &World) -> Vec<RequestRecord> {
    world.emulator.requests_to(world.emulator.resource_host())
}

/// RES-01, BIND-03.
pub fn res01_bind03_a_token_goes_out_in_its_own_scheme_and_over_its_own_certificate<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    for (asking, scheme, certificate) in [
        (bearer(), "Bearer ", None),
        (pop(), "mtls_pop ", Some(world.alpha.certificate_der())),
    ] {
        let mut request = to_the_resource(&world);
        let stale = http::HeaderValue::from_static("Basic c3RhbGU=");
        request.headers_mut().insert("authorization", stale);
        let answer = D::call(&client, asking, own(&world), request).unwrap();
        assert_eq!(answer.status(), 200);
        let seen = at_resource(&world).pop().unwrap();
        assert!(seen.header("authorization").unwrap().starts_with(scheme));
        assert_eq!(seen.client_certificate.as_deref(), certificate);
        assert_eq!(seen.header("x-ms-tokenboundauth"), None);
    }
    // A resource that never asks for the certificate gets nothing of a bound token.
    world.emulator.set_fault(
        Target::host(world.emulator.resource_host()),
        Fault::NeverAskForCertificate,
    );
    let before = at_resource(&world).len();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let error = D::call(&client, pop(), own(&world), to_the_resource(&world)).unwrap_err();
    let ResourceError::Send(failure) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(failure.kind(), FailureKind::CertificateNotRequested);
    assert_eq!(at_resource(&world).len(), before);
}

/// RES-01: and about a Bearer token nothing is said.
pub fn res01_a_vault_is_told_that_the_token_is_bound<D: Driver>() {
    let world = World::with(|builder| builder.resource_host(VAULT));
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    for (asking, told) in [(pop(), Some("true")), (bearer(), None)] {
        let audience = Audience::below("vault.azure.net");
        let answer = D::call(&client, asking, audience, to_the_resource(&world)).unwrap();
        assert_eq!(answer.status(), 200);
        let seen = at_resource(&world).pop().unwrap();
        assert_eq!(seen.header("x-ms-tokenboundauth"), told);
    }
}

/// RES-02: every name leads to the emulator, so whoever connects is seen.
pub fn res02_no_other_host_gets_the_token<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let host = world.emulator.resource_host().to_owned();
    for url in [
        "https://evil.example/secrets/answer".to_owned(),
        format!("http://{host}/secrets/answer"),
        format!("https://{host}:8443/secrets/answer"),
        format!("https://{host}.evil.example/"),
        format!("https://evil.{host}/"),
        format!("https://{host}@evil.example/"),
        format!("https://user@{host}/"),
        "/secrets/answer".to_owned(),
    ] {
        for asking in [bearer(), pop()] {
            let request = Request::get(&url).body(Body::empty()).unwrap();
            let error = D::call(&client, asking, own(&world), request).unwrap_err();
            assert!(
                matches!(error, ResourceError::OutsideAudience),
                "{url}: {error:?}"
            );
        }
    }
    assert_eq!(world.emulator.accepted(), 0);

    let elsewhere = Reply::new(307).header("location", "https://evil.example/");
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Resource),
        Fault::Reply(elsewhere),
    );
    let answer = D::call(&client, bearer(), own(&world), to_the_resource(&world)).unwrap();
    assert_eq!(answer.status(), 307);
    assert!(world.emulator.connections_to("evil.example").is_empty());
}

fn challenge() -> Fault {
    let field = format!("Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{ENCODED}\"");
    let reply = Reply::json(401, "{}").header("www-authenticate", "Negotiate");
    Fault::Reply(reply.header("www-authenticate", field))
}

/// RES-03: past the memory, with the claims; bound tokens as well.
pub fn res03_a_claims_challenge_is_answered_once<D: Driver>() {
    let resource = || Target::Endpoint(Endpoint::Resource);
    for asking in [bearer(), pop()] {
        let world = World::new();
        let client =
            D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
        let call = || {
            D::call(
                &client,
                asking.clone(),
                own(&world),
                to_the_resource(&world),
            )
        };
        call().unwrap();
        world.emulator.fail_next(resource(), challenge());
        assert_eq!(call().unwrap().status(), 200);
        let requests = world.emulator.token_requests();
        let claims: Vec<_> = requests
            .iter()
            .map(|request| request.form_value("claims"))
            .collect();
        assert_eq!(claims, [None, Some(CLAIMS)]);
        let seen = at_resource(&world);
        assert_eq!(seen.len(), 3);
        assert_ne!(
            seen[1].header("authorization"),
            seen[2].header("authorization")
        );
        assert_eq!(seen[1].client_certificate, seen[2].client_certificate);

        // A second challenge is the answer; what was fetched last serves the next call.
        world.emulator.fail_times(2, resource(), challenge());
        assert_eq!(call().unwrap().status(), 401);
        assert_eq!((world.token_requests(), at_resource(&world).len()), (3, 5));
        assert_eq!(call().unwrap().status(), 200);
        assert_eq!((world.token_requests(), at_resource(&world).len()), (3, 6));
    }
}

/// RES-03: a refusal without claims, claims that can't be read, and an Entra that refuses them.
pub fn res03_what_can_not_be_answered_is_the_callers<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let resource = || Target::Endpoint(Endpoint::Resource);
    let call = || D::call(&client, bearer(), own(&world), to_the_resource(&world));
    for field in [
        "Bearer realm=\"x\"",
        "Bearer claims=\"!\"",
        "Basic claims=\"e30=\"",
    ] {
        let reply = Reply::json(401, "{}").header("www-authenticate", field);
        world.emulator.fail_next(resource(), Fault::Reply(reply));
        assert_eq!(call().unwrap().status(), 401, "{field}");
    }
    assert_eq!((world.token_requests(), at_resource(&world).len()), (1, 3));
    world.emulator.fail_next(resource(), challenge());
    let refusal = "{\"error\":\"interaction_required\",\"error_codes\":[53003]}";
    world.emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::Reply(Reply::json(400, refusal)),
    );
    let error = call().unwrap_err();
    let ResourceError::Token(inner) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(inner.code(), "interaction_required");
    assert_eq!(error.to_string(), inner.to_string());
    assert_eq!(
        call().unwrap().status(),
        200,
        "the token of before still serves"
    );
}
