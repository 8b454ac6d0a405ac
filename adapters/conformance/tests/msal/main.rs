//! A client that nobody here wrote gets its tokens from the emulator, over TLS and under the true host names: `msal` of PyPI.
//!
//! Needs `python3` with pip, and the index of its packages once. Without `python3` the tests say so and show nothing.

mod portable;
mod python;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use entra_conformance::World;
use entra_conformance::world::{CLIENT_ID, ISSUER, SCOPE, SECRET, SUBJECT};
use entra_emulator::{
    AssertionSpec, EmulatorBuilder, Handshake, KeyKind, RequestRecord, TENANT_ID, TestIdentity,
    TlsVersion, TlsVersions, from_base64url,
};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

use self::python::{MSAL, Python};

const LOGIN: &str = "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222";

/// The world of the conformance table, and the peer.
struct Peer {
    python: &'static Python,
    world: World,
}

impl Peer {
    fn new() -> Option<Self> {
        Self::with(|builder| builder)
    }

    /// `None` without Python.
    fn with(configure: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Option<Self> {
        let python = Python::with_msal()?;
        let world = World::with(configure);
        Some(Self { python, world })
    }

    /// Has msal make a client and ask it for a token that many times.
    fn run(&self, application: &Value, calls: usize) -> Value {
        self.run_trusting(Some(self.world.emulator.ca_pem()), application, calls)
    }

    fn run_trusting(&self, trusted: Option<&str>, application: &Value, calls: usize) -> Value {
        let call = json!(["acquire_token_for_client", { "scopes": [SCOPE] }]);
        self.call(trusted, application, None, &vec![call; calls])
    }

    /// Has msal make a client with this cache and call these methods of it.
    fn call(
        &self,
        trusted: Option<&str>,
        application: &Value,
        cache: Option<&str>,
        calls: &[Value],
    ) -> Value {
        let emulator = &self.world.emulator;
        let port = |at: std::net::SocketAddr| json!([at.ip().to_string(), at.port()]);
        let said = self.python.run(
            "client.py",
            &json!({
                "ports": { "443": port(emulator.address()), "80": port(emulator.imds_address()) },
                "trusted": trusted,
                "application": application,
                "cache": cache,
                "calls": calls,
            }),
        );
        assert_eq!(said["msal"], MSAL);
        said
    }

    /// Method and URL of every request, in order. Each came over TLS to the very name that it is for, or to the metadata service.
    fn seen(&self, version: TlsVersion) -> Vec<String> {
        let connections = self.world.emulator.connections();
        let requests = self.world.emulator.requests();
        let seen = requests.iter().map(|request| {
            let mut over = connections.iter();
            let over = over.find(|known| known.id == request.connection).unwrap();
            let (name, handshake, version) = match request.url().starts_with("https://") {
                true => (Some(request.host.as_str()), Handshake::Done, Some(version)),
                false => (None, Handshake::Plain, None),
            };
            assert_eq!(
                (
                    over.server_name.as_deref(),
                    &over.handshake,
                    over.tls_version,
                    &over.client_certificate
                ),
                (name, &handshake, version, &None),
                "{request:?}"
            );
            format!("{} {}", request.method, request.url())
        });
        seen.collect()
    }

    /// The one token request, which is the peer's by its own account.
    fn token_request(&self) -> RequestRecord {
        let mut requests = self.world.emulator.token_requests();
        let request = requests.pop().unwrap();
        assert!(requests.is_empty(), "{requests:?}");
        assert_eq!(
            (
                request.header("x-client-sku"),
                request.header("x-client-ver")
            ),
            (Some("MSAL.Python"), Some(MSAL))
        );
        request
    }

    /// Gets a token with this credential from the public cloud. Returns the request for it.
    fn token_with(&self, credential: &Value) -> RequestRecord {
        let said = self.run(&application(credential), 1);
        assert_token(&said["answers"][0]);
        assert_eq!(
            self.seen(newest(&said)),
            [configuration(LOGIN), token(LOGIN)]
        );
        self.token_request()
    }
}

/// What msal makes a client of: the public cloud, and instance discovery on.
fn application(credential: &Value) -> Value {
    json!({
        "client_id": CLIENT_ID,
        "client_credential": credential,
        "authority": LOGIN,
        "instance_discovery": true,
    })
}

/// The newest version of TLS that the peer's Python speaks.
fn newest(said: &Value) -> TlsVersion {
    match said["tls13"].as_bool().unwrap() {
        true => TlsVersion::Tls13,
        false => TlsVersion::Tls12,
    }
}

fn configuration(authority: &str) -> String {
    format!("GET {authority}/v2.0/.well-known/openid-configuration")
}

fn token(authority: &str) -> String {
    format!("POST {authority}/oauth2/v2.0/token")
}

/// The answer is a token for the application, as msal hands it out.
fn assert_token(answer: &Value) {
    assert_eq!(
        (&answer["token_type"], &answer["expires_in"]),
        (&json!("Bearer"), &json!(3_599)),
        "{answer}"
    );
    let access_token = answer["access_token"].as_str().unwrap();
    let claims = part(access_token, 1);
    for (name, value) in [
        ("appid", CLIENT_ID),
        ("tid", TENANT_ID),
        ("aud", "https://vault.azure.net"),
    ] {
        assert_eq!(claims[name], value, "{claims}");
    }
}

/// A part of a JSON Web Token: header 0, claims 1.
fn part(jwt: &str, number: usize) -> Value {
    let part = jwt.split('.').nth(number).unwrap();
    serde_json::from_slice(&from_base64url(part).unwrap()).unwrap()
}

/// The thumbprint as portals show it and as msal wants it.
fn sha1_in_hex(identity: &TestIdentity) -> String {
    let digest = Sha1::digest(identity.certificate_der());
    digest.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[test]
fn a_secret_gets_the_peer_a_token_that_it_keeps() {
    let Some(peer) = Peer::new() else { return };
    let said = peer.run(&application(&json!(SECRET)), 2);
    let answers = said["answers"].as_array().unwrap();
    assert_token(&answers[0]);
    assert_eq!(answers[0]["token_source"], "identity_provider");
    assert_eq!(answers[1]["token_source"], "cache");
    assert_eq!(answers[1]["access_token"], answers[0]["access_token"]);
    assert_eq!(
        peer.seen(newest(&said)),
        [configuration(LOGIN), token(LOGIN)]
    );
    assert_eq!(
        peer.token_request().form_value("client_secret"),
        Some(SECRET)
    );
}

#[test]
fn the_peer_gets_a_token_over_tls_1_2_too() {
    let Some(peer) = Peer::with(|builder| builder.tls_versions(TlsVersions::Only12)) else {
        return;
    };
    let said = peer.run(&application(&json!(SECRET)), 1);
    assert_token(&said["answers"][0]);
    assert_eq!(
        peer.seen(TlsVersion::Tls12),
        [configuration(LOGIN), token(LOGIN)]
    );
}

#[test]
fn a_certificate_that_the_peer_sends_along_gets_it_a_token() {
    let Some(peer) = Peer::new() else { return };
    let rsa = &peer.world.rsa;
    let request = peer.token_with(&json!({
        "private_key": rsa.key_pem(),
        "public_certificate": rsa.certificate_pem(),
    }));
    let header = part(request.form_value("client_assertion").unwrap(), 0);
    assert_eq!(header["alg"], "PS256", "{header}");
    let named = header["x5t#S256"].as_str().unwrap();
    assert_eq!(named.trim_end_matches('='), rsa.thumbprint());
    // In lines, as they are in PEM.
    let sent: String = header["x5c"][0].as_str().unwrap().lines().collect();
    assert_eq!(STANDARD.decode(sent).unwrap(), rsa.certificate_der());
}

#[test]
fn a_certificate_that_the_peer_names_by_its_sha1_gets_it_a_token() {
    let Some(peer) = Peer::new() else { return };
    let rsa = &peer.world.rsa;
    let request = peer.token_with(&json!({
        "private_key": rsa.key_pem(),
        "thumbprint": sha1_in_hex(rsa),
    }));
    let header = part(request.form_value("client_assertion").unwrap(), 0);
    assert_eq!(header["alg"], "RS256", "{header}");
    assert!(header["x5t"].is_string(), "{header}");
    assert!(
        header["x5t#S256"].is_null() && header["x5c"].is_null(),
        "{header}"
    );
}

#[test]
fn an_assertion_from_elsewhere_gets_the_peer_a_token() {
    let Some(peer) = Peer::new() else { return };
    let spec = AssertionSpec::new(ISSUER, SUBJECT);
    let assertion = peer.world.emulator.issue_assertion(&spec);
    let request = peer.token_with(&json!({ "client_assertion": assertion }));
    assert_eq!(
        request.form_value("client_assertion"),
        Some(assertion.as_str())
    );
}

#[test]
fn the_peer_goes_where_instance_discovery_sends_it() {
    let Some(peer) = Peer::with(|builder| builder.login_host("login.fabrikam.example")) else {
        return;
    };
    let authority = format!("https://login.fabrikam.example/{TENANT_ID}");
    let mut application = application(&json!(SECRET));
    application["authority"] = json!(authority);
    let said = peer.run(&application, 1);
    assert_token(&said["answers"][0]);
    let discovery = format!(
        "GET https://login.microsoftonline.com/common/discovery/instance?authorization_endpoint=\
         https%3A%2F%2Flogin.fabrikam.example%2F{TENANT_ID}%2Foauth2%2Fv2.0%2Fauthorize&api-version=1.0"
    );
    assert_eq!(
        peer.seen(newest(&said)),
        [discovery, configuration(&authority), token(&authority)]
    );
}

#[test]
fn the_peer_stays_away_from_a_host_that_instance_discovery_does_not_know() {
    let Some(peer) = Peer::new() else { return };
    let mut application = application(&json!(SECRET));
    application["authority"] = json!(format!("https://login.evil.example/{TENANT_ID}"));
    let said = peer.run(&application, 1);
    assert_eq!(said["raised"], "ValueError", "{said}");
    assert!(
        said["reason"]
            .as_str()
            .unwrap()
            .starts_with("invalid_instance"),
        "{said}"
    );
    assert_eq!(peer.seen(newest(&said)).len(), 1);
}

#[test]
fn the_peer_finds_its_region_and_goes_there() {
    let Some(peer) = Peer::new() else { return };
    let mut application = application(&json!(SECRET));
    application["azure_region"] = json!(true);
    let said = peer.run(&application, 1);
    assert_token(&said["answers"][0]);
    let regional = format!("https://westus3.login.microsoft.com/{TENANT_ID}");
    assert_eq!(
        peer.seen(newest(&said)),
        [
            configuration(LOGIN),
            "GET http://169.254.169.254/metadata/instance/compute?api-version=2021-02-01"
                .to_owned(),
            configuration(&regional),
            token(&regional),
        ]
    );
}

#[test]
fn the_peer_understands_refusals() {
    let Some(peer) = Peer::new() else { return };
    let stranger = TestIdentity::generate(KeyKind::Rsa2048, "stranger").unwrap();
    let spec = AssertionSpec::new("https://elsewhere.example/", SUBJECT);
    let mut unknown = application(&json!(SECRET));
    unknown["client_id"] = json!("99999999-9999-9999-9999-999999999999");
    for (application, error, code) in [
        (application(&json!("wrong")), "invalid_client", 7_000_215),
        (unknown, "unauthorized_client", 700_016),
        (
            application(&json!({
                "private_key": stranger.key_pem(),
                "public_certificate": stranger.certificate_pem(),
            })),
            "invalid_client",
            700_027,
        ),
        (
            application(&json!({ "client_assertion": peer.world.emulator.issue_assertion(&spec) })),
            "invalid_client",
            70_021,
        ),
    ] {
        peer.world.emulator.clear_records();
        let said = peer.run(&application, 1);
        let answer = &said["answers"][0];
        assert_eq!(answer["error"], error, "{answer}");
        assert_eq!(answer["error_codes"], json!([code]), "{answer}");
        let description = answer["error_description"].as_str().unwrap();
        assert!(
            description.starts_with(&format!("AADSTS{code}: ")),
            "{answer}"
        );
        assert!(answer["access_token"].is_null(), "{answer}");
        let request = peer.token_request();
        assert_eq!(
            answer["correlation_id"].as_str(),
            request.header("client-request-id")
        );
        // Before it gives up, msal looks for tokens under the other names of the host.
        let discovery = "GET https://login.microsoftonline.com/common/discovery/instance?api-version=1.1\
             &authorization_endpoint=https%3A%2F%2Flogin.microsoftonline.com%2Fcommon%2Foauth2%2Fauthorize";
        assert_eq!(
            peer.seen(newest(&said)),
            [configuration(LOGIN), token(LOGIN), discovery.to_owned()]
        );
    }
}

#[test]
fn a_peer_that_does_not_trust_the_emulator_sends_nothing() {
    let Some(peer) = Peer::new() else { return };
    let said = peer.run_trusting(None, &application(&json!(SECRET)), 1);
    assert_eq!(said["raised"], "SSLError", "{said}");
    assert!(peer.world.emulator.requests().is_empty());
    let connections = peer.world.emulator.connections();
    assert!(!connections.is_empty());
    assert!(connections.iter().all(|over| over.requests == 0));
}
