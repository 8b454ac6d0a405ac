//! The emulator over real TLS: what it asks for, what it gives, what it refuses, how it fails when told to.
//!
//! One binary; each module is one subject.

mod binding;
mod client;
mod credentials;
mod faults;
mod grants;
mod metadata;

use entra_emulator::{Application, Emulator, EmulatorBuilder, KeyKind, TestIdentity};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

pub(crate) const CLIENT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const SECRET: &str = "canary-secret";
pub(crate) const LOGIN: &str =
    "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token";
pub(crate) const MTLS: &str =
    "https://eastus.mtlsauth.microsoft.com/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token";
pub(crate) const VAULT: &str = "https://vault.azure.net/.default";
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
pub(crate) const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
pub(crate) const ISSUER: &str = "https://issuer.example";

pub(crate) fn identity(name: &str) -> TestIdentity {
    TestIdentity::generate(KeyKind::P256, name).unwrap()
}

/// An application with a secret, a trusted issuer and the identity's certificate.
pub(crate) fn application(identity: &TestIdentity) -> Application {
    Application::new(CLIENT)
        .secret(SECRET)
        .federated(ISSUER, "subject")
        .certificate(identity.certificate_der())
}

pub(crate) fn emulator(identity: &TestIdentity) -> Emulator {
    configured(identity, |builder| builder)
}

pub(crate) fn configured(
    identity: &TestIdentity,
    with: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder,
) -> Emulator {
    with(Emulator::builder().application(application(identity)))
        .start()
        .unwrap()
}

/// A form of client credentials with further parameters.
pub(crate) fn app_form<'a>(further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT),
        ("scope", VAULT),
    ];
    form.extend_from_slice(further);
    form
}

pub(crate) fn unix_now() -> i64 {
    i64::try_from(
        std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    )
    .unwrap()
}

/// Claims of a good assertion of the application's own.
pub(crate) fn own_claims(audience: &str, jti: &str) -> Value {
    let now = unix_now();
    json!({ "aud": audience, "iss": CLIENT, "sub": CLIENT, "jti": jti, "nbf": now, "exp": now + 600 })
}

/// Signs as the application does, naming the certificate by `x5t#S256`.
pub(crate) fn sign_own(identity: &TestIdentity, algorithm: Algorithm, claims: &Value) -> String {
    let pem = identity.key_pem();
    let key = match identity.kind() {
        KeyKind::Rsa2048 => EncodingKey::from_rsa_pem(pem.as_bytes()),
        KeyKind::P256 | _ => EncodingKey::from_ec_pem(pem.as_bytes()),
    };
    let mut header = Header::new(algorithm);
    header.x5t_s256 = Some(identity.thumbprint());
    jsonwebtoken::encode(&header, claims, &key.unwrap()).unwrap()
}
