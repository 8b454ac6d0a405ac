//! What the certificate is for: handshake, signature, binding of the token, and the resource.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use entra_adapter::{BuildError, ClientIdentity, ProvidedAssertion};
use entra_emulator::{Application, KeyKind, RequestRecord, TENANT_ID, TestIdentity};
use entra_proto::{Credential, Secret, TokenKind, TokenRequest};
use rustls::sign::{Signer, SigningKey};
use rustls::{SignatureAlgorithm, SignatureScheme};

use super::bound::to_the_resource;
use crate::world::{CLIENT_ID, SCOPE, SECRET, World, bearer, identity, pop};
use crate::{Assertions, Driver, Setup};

const MTLS_HOST: &str = "westus3.mtlsauth.microsoft.com";
const PLAIN_HOST: &str = "westus3.login.microsoft.com";
const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// The claims of a JWT, as text: enough to look for a member.
pub(super) fn claims(token: &Secret) -> String {
    let payload = token.expose().split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// The server demands a certificate. The leaf in its record is the one configured, and the token names it.
pub fn cfg01_req02_req04_bind01_bind02_a_pop_token_names_the_certificate_shown<D: Driver>() {
    let world = World::new();
    world.emulator.set_fault(
        entra_emulator::Target::host(MTLS_HOST),
        entra_emulator::Fault::RequireClientCertificate,
    );
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let token = D::token(&client, &pop()).unwrap();
    assert_eq!(token.token_type(), TokenKind::MtlsPop);
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, MTLS_HOST);
    assert_eq!(
        request.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
    assert_eq!(
        request.url(),
        format!("https://{MTLS_HOST}/{TENANT_ID}/oauth2/v2.0/token")
    );
    assert_bound_form(&request);
    let named = token
        .binding_certificate()
        .unwrap()
        .thumbprint()
        .to_string();
    assert_eq!(named, world.alpha.thumbprint());
    assert!(claims(token.secret()).contains(&format!("\"cnf\":{{\"x5t#S256\":\"{named}\"}}")));
}

/// The form of a PoP request whose certificate is in the handshake alone: these fields and no others.
pub(super) fn assert_bound_form(request: &RequestRecord) {
    let mut form: Vec<(&str, &str)> = request
        .form
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    form.sort_unstable();
    let expected = [
        ("client_id", CLIENT_ID),
        ("grant_type", "client_credentials"),
        ("scope", SCOPE),
        ("token_type", "mtls_pop"),
    ];
    assert_eq!(form, expected);
}

/// IMP-01: implicit mTLS.
pub fn imp01_a_pair_moves_the_request_to_mtls_and_the_token_stays_bearer<D: Driver>() {
    let world = World::new();
    let (provider, _) = world.pairs(&world.alpha);
    let client = D::build(world.with_provider(provider)).unwrap();
    let token = D::token(&client, &bearer()).unwrap();
    assert_eq!(
        (token.token_type(), token.binding_certificate()),
        (TokenKind::Bearer, None)
    );
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, MTLS_HOST);
    assert_eq!(
        request.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
    assert_eq!(request.form_value("client_assertion_type"), Some(JWT_POP));
    for absent in ["token_type", "req_cnf", "client_secret"] {
        assert_eq!(request.form_value(absent), None);
    }
}

/// IMP-02: no certificate, no mutual TLS, not even for a server that asks.
pub fn imp02_an_assertion_alone_stays_on_plain_tls_and_shows_no_certificate<D: Driver>() {
    let world = World::new();
    world.emulator.set_fault(
        entra_emulator::Target::Any,
        entra_emulator::Fault::AskForCertificate,
    );
    let emulator = Arc::clone(&world.emulator);
    let provider: Assertions =
        Arc::new(move |_| Ok(ProvidedAssertion::new(crate::world::issue(&emulator, None))));
    let client = D::build(world.with_provider(provider)).unwrap();
    let token = D::token(&client, &bearer()).unwrap();
    assert_eq!(token.token_type(), TokenKind::Bearer);
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(
        (request.host.as_str(), &request.client_certificate),
        (PLAIN_HOST, &None)
    );
    assert_eq!(
        request.form_value("client_assertion_type"),
        Some(JWT_BEARER)
    );
}

/// The pair's assertion word for word, its leaf in the handshake, and a token that names it.
pub fn imp03_cfg02_req03_bind01_bind02_a_pair_and_pop<D: Driver>() {
    let world = World::new();
    let assertion = world.assertion(Some(&world.alpha));
    let (given, identity) = (assertion.clone(), identity(&world.alpha));
    let provider: Assertions =
        Arc::new(move |_| Ok(ProvidedAssertion::bound(given.clone(), identity.clone())));
    let client = D::build(world.with_provider(provider)).unwrap();
    let token = D::token(&client, &pop()).unwrap();
    assert_eq!(token.token_type(), TokenKind::MtlsPop);
    let named = token
        .binding_certificate()
        .unwrap()
        .thumbprint()
        .to_string();
    assert_eq!(named, world.alpha.thumbprint());
    assert!(claims(token.secret()).contains(&format!("\"cnf\":{{\"x5t#S256\":\"{named}\"}}")));
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(request.host, MTLS_HOST);
    assert_eq!(
        request.client_certificate.as_deref(),
        Some(world.alpha.certificate_der())
    );
    assert_eq!(request.form_value("client_assertion_type"), Some(JWT_POP));
    assert_eq!(
        request.form_value("client_assertion"),
        Some(assertion.expose())
    );
    assert_eq!(request.form_value("token_type"), Some("mtls_pop"));
    assert_eq!(request.form_value("req_cnf"), None);
    assert_eq!(world.token_requests(), 1);
}

/// IMP-30: the certificate in the handshake and the assertion that it signed, with `x5c`; a provider is asked once for both.
pub fn imp30_send_over_mtls_presents_and_signs<D: Driver>() {
    let world = World::new();
    let mut setups = vec![
        world.with_certificate(&world.alpha, Credential::send_over_mtls),
        world.with_certificate(&world.rsa, Credential::send_over_mtls),
    ];
    let calls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (counted, named) = (Arc::clone(&calls), identity(&world.alpha));
    let client = world
        .client(Credential::certificate_provider().send_over_mtls())
        .build()
        .unwrap();
    setups.push(Setup {
        certificates: Some(Arc::new(move |_| {
            counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            Ok(Some(named.clone()))
        })),
        ..world.setup(client)
    });
    let shown = [&world.alpha, &world.rsa, &world.alpha];
    for (setup, shown) in setups.into_iter().zip(shown) {
        let client = D::build(setup).unwrap();
        let token = D::token(&client, &bearer()).unwrap();
        assert_eq!(
            (token.token_type(), token.binding_certificate()),
            (TokenKind::Bearer, None)
        );
        let request = world.emulator.token_requests().pop().unwrap();
        assert_eq!(request.host, MTLS_HOST);
        assert_eq!(
            request.client_certificate.as_deref(),
            Some(shown.certificate_der())
        );
        assert_eq!(
            request.form_value("client_assertion_type"),
            Some(JWT_BEARER)
        );
        let header = request
            .form_value("client_assertion")
            .unwrap()
            .split('.')
            .next()
            .unwrap()
            .to_owned();
        let header = String::from_utf8(URL_SAFE_NO_PAD.decode(&header).unwrap()).unwrap();
        assert!(header.contains("\"x5c\":["), "{header}");
    }
    assert_eq!(calls.load(std::sync::atomic::Ordering::SeqCst), 1);
}

/// SNI-01: jwt-bearer over the plain host, and a server that asks for a certificate gets none.
pub fn sni01_a_plain_certificate_signs_and_is_not_presented<D: Driver>() {
    plain_certificate::<D>(KeyKind::P256, "ES256");
}

/// SNI-01 with RSA: PS256.
pub fn sni01_an_rsa_certificate_signs_too<D: Driver>() {
    plain_certificate::<D>(KeyKind::Rsa2048, "PS256");
}

fn plain_certificate<D: Driver>(kind: KeyKind, algorithm: &str) {
    let world = World::new();
    world.emulator.set_fault(
        entra_emulator::Target::Any,
        entra_emulator::Fault::AskForCertificate,
    );
    let of = if kind == KeyKind::P256 {
        &world.alpha
    } else {
        &world.rsa
    };
    let client = D::build(world.with_certificate(of, Credential::send_x5c)).unwrap();
    let token = D::token(&client, &bearer()).unwrap();
    assert_eq!(token.token_type(), TokenKind::Bearer);
    let request = world.emulator.token_requests().pop().unwrap();
    assert_eq!(
        (request.host.as_str(), &request.client_certificate),
        (PLAIN_HOST, &None)
    );
    let header = request
        .form_value("client_assertion")
        .unwrap()
        .split('.')
        .next()
        .unwrap()
        .to_owned();
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(&header).unwrap()).unwrap();
    assert!(
        header.contains(&format!("\"alg\":\"{algorithm}\"")),
        "{header}"
    );
    assert!(header.contains("\"x5c\":["), "{header}");
    assert_eq!(token.binding_certificate(), None);
}

/// The simplest credential.
pub fn a_secret_gets_a_token<D: Driver>() {
    let world = World::new();
    let client = world
        .client(Credential::secret(Secret::new(SECRET)))
        .build()
        .unwrap();
    let client = D::build(world.setup(client)).unwrap();
    assert_eq!(
        D::token(&client, &bearer()).unwrap().token_type(),
        TokenKind::Bearer
    );
    assert_eq!(
        world.emulator.token_requests().pop().unwrap().host,
        PLAIN_HOST
    );
}

/// The PoP token of the first leg is the bound assertion of the second, and one certificate serves both.
pub fn two_legs_hand_the_first_token_on_as_a_bound_assertion<D: Driver>() {
    const SECOND: &str = "33333333-3333-3333-3333-333333333333";
    let world = World::new();
    let first_object = Application::new(CLIENT_ID).object_id().to_owned();
    let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
    world.emulator.register(
        Application::new(SECOND)
            .federated(issuer, first_object)
            .mtls(true),
    );
    let first = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let identity = identity(&world.alpha);
    let provider: Assertions = Arc::new(move |_| {
        let exchange =
            TokenRequest::for_app(["api://AzureADTokenExchange/.default"]).proof_of_possession();
        let token = D::token(&first, &exchange)?;
        Ok(ProvidedAssertion::bound(
            token.secret().clone(),
            identity.clone(),
        ))
    });
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let client =
        entra_proto::Client::builder(SECOND, authority, Credential::signed_assertion_provider())
            .region(entra_proto::RegionSource::Named("westus3".to_owned()))
            .build()
            .unwrap();
    let second = D::build(Setup {
        assertions: Some(provider),
        ..world.setup(client)
    })
    .unwrap();
    for (request, kind) in [(bearer(), TokenKind::Bearer), (pop(), TokenKind::MtlsPop)] {
        let token = D::token(&second, &request).unwrap();
        assert_eq!(token.token_type(), kind);
        let last = world.emulator.token_requests().pop().unwrap();
        assert_eq!(last.form_value("client_assertion_type"), Some(JWT_POP));
        assert_eq!(
            last.client_certificate.as_deref(),
            Some(world.alpha.certificate_der())
        );
    }
}

/// With nothing but what the result names, for a certificate and for a pair; who does not hold that certificate can't even try.
pub fn bind03_bind07_plat02_the_resource_takes_the_token_over_its_own_certificate<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let (pairs, _) = world.pairs(&world.alpha);
    let with_pairs = D::build(world.with_provider(pairs)).unwrap();
    let request = || to_the_resource(&world);
    for client in [&client, &with_pairs] {
        let token = D::token(client, &pop()).unwrap();
        assert_eq!(D::send(client, &token, request()).unwrap().status(), 200);
        let last = world.emulator.requests().pop().unwrap();
        assert_eq!(
            last.client_certificate.as_deref(),
            Some(world.alpha.certificate_der())
        );
        assert!(
            last.header("authorization")
                .unwrap()
                .starts_with("mtls_pop ")
        );
    }
    let token = D::token(&client, &pop()).unwrap();
    for other in [
        TestIdentity::generate(KeyKind::P256, "other").unwrap(),
        world.alpha.renew().unwrap(),
    ] {
        let stranger = D::build(world.with_certificate(&other, |credential| credential)).unwrap();
        assert!(
            D::send(&stranger, &token, request()).is_err(),
            "a client without the certificate can't send the token"
        );
    }
    // A Bearer token goes with its own scheme and without a certificate.
    let plain = D::token(&with_pairs, &bearer()).unwrap();
    assert_eq!(
        D::send(&with_pairs, &plain, request()).unwrap().status(),
        200
    );
    assert_eq!(
        world.emulator.requests().pop().unwrap().client_certificate,
        None
    );
}

/// A key that signs and has no bytes to give.
#[derive(Debug)]
struct OnlySigns(Arc<dyn SigningKey>);

impl SigningKey for OnlySigns {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        self.0.choose_scheme(offered)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// CFG-08: no code path asks for the key's bytes.
pub fn cfg08_a_key_that_only_signs_serves_for_everything<D: Driver>() {
    let world = World::new();
    let key = rustls::pki_types::PrivateKeyDer::try_from(world.alpha.key_der().to_vec()).unwrap();
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&key).unwrap();
    let chain = vec![world.alpha.certificate_der().to_vec()];
    let identity = ClientIdentity::from_signing_key(chain, Arc::new(OnlySigns(key))).unwrap();
    let client = world
        .client(Credential::certificate(identity.chain()).send_over_mtls())
        .build()
        .unwrap();
    let client = D::build(Setup {
        identities: vec![identity],
        ..world.setup(client)
    })
    .unwrap();
    assert_eq!(
        D::token(&client, &bearer()).unwrap().token_type(),
        TokenKind::Bearer
    );
    assert_eq!(
        D::token(&client, &pop()).unwrap().token_type(),
        TokenKind::MtlsPop
    );
    let token = D::token(&client, &pop()).unwrap();
    let answer = D::send(&client, &token, to_the_resource(&world)).unwrap();
    assert_eq!(answer.status(), 200);
}

/// CFG-06 for adapters: the certificate is configured, its key is not.
pub fn cfg06_a_certificate_without_its_key_does_not_build<D: Driver>() {
    let world = World::new();
    let setup = world.with_certificate(&world.alpha, |credential| credential);
    let error = D::build(Setup {
        identities: vec![identity(&world.rsa)],
        ..setup
    })
    .err();
    assert_eq!(error, Some(BuildError::MissingIdentity));
    assert_eq!(world.emulator.accepted(), 0);
}
