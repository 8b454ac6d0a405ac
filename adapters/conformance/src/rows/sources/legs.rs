//! Another client as the source of assertions.

use std::sync::Arc;

use entra_emulator::{Application, TENANT_ID};
use entra_proto::{Client, Credential, RegionSource, TokenKind, TokenRequest};

use crate::world::{CLIENT_ID, World, bearer, pop};
use crate::{Assertions, Driver};

const SECOND: &str = "33333333-3333-3333-3333-333333333333";
const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";

/// A client of the second application, which trusts the first.
fn second(world: &World) -> Client {
    let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
    let first = Application::new(CLIENT_ID).object_id().to_owned();
    let of_path = format!("/eid1/c/pub/t/{TENANT_ID}/a/{CLIENT_ID}/a/b");
    let application = Application::new(SECOND)
        .federated(&issuer, first)
        .federated(&issuer, of_path);
    world.emulator.register(application);
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    Client::builder(SECOND, authority, Credential::signed_assertion_provider())
        .region(RegionSource::Named("westus3".to_owned()))
        .build()
        .unwrap()
}

/// SRC-07: bound and not bound, under one correlation id, for one FMI path; the first leg's token is remembered by the first client.
pub fn src07_two_legs_are_one_pair_under_one_correlation_id<D: Driver>() {
    for (exchange, kind, thumbprint) in [
        (
            TokenRequest::for_app([EXCHANGE]).proof_of_possession(),
            JWT_POP,
            true,
        ),
        (TokenRequest::for_app([EXCHANGE]), JWT_BEARER, false),
    ] {
        let world = World::new();
        let thumbprint = thumbprint.then(|| world.alpha.thumbprint());
        let setup = world.with_certificate(&world.alpha, |credential| credential);
        let first = D::build(setup).unwrap();
        let setup = world.setup(second(&world));
        let client = D::build_second(&first, exchange, setup).unwrap();
        let token = D::token(&client, &bearer().assertion_fmi_path("a/b")).unwrap();
        assert_eq!(token.token_type(), TokenKind::Bearer);
        let requests = world.emulator.token_requests();
        let [one, two] = &requests[..] else {
            panic!("{requests:?}");
        };
        assert_eq!(one.form_value("fmi_path"), Some("a/b"));
        assert_eq!(two.form_value("fmi_path"), None);
        for request in [one, two] {
            assert_eq!(request.client_thumbprint(), thumbprint);
            let id = request.header("client-request-id");
            assert!(id.is_some() && id == token.correlation_id());
        }
        assert_eq!(two.form_value("client_assertion_type"), Some(kind));
        D::token(
            &client,
            &bearer().assertion_fmi_path("a/b").bypassing_cache(),
        )
        .unwrap();
        assert_eq!(
            world.token_requests(),
            3,
            "the first leg's token is remembered"
        );
        if thumbprint.is_some() {
            let token = D::token(&client, &pop()).unwrap();
            assert_eq!(token.token_type(), TokenKind::MtlsPop);
        }
    }
}

/// SRC-07: the second leg's error is a provider's, and says why the first failed.
pub fn src07_a_first_leg_that_fails_is_a_provider_that_fails<D: Driver>() {
    let world = World::new();
    let refuses: Assertions = Arc::new(|_| Err("no pair today".into()));
    let first = D::build(world.with_provider(refuses)).unwrap();
    let exchange = TokenRequest::for_app([EXCHANGE]).proof_of_possession();
    let client = D::build_second(&first, exchange, world.setup(second(&world))).unwrap();
    let error = D::token(&client, &bearer()).unwrap_err();
    assert_eq!(error.code(), "assertion_provider_failed");
    assert!(
        error
            .reported()
            .unwrap()
            .contains("assertion_provider_failed")
    );
    assert_eq!(world.emulator.accepted(), 0);
}
