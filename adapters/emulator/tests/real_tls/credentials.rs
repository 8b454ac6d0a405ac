//! Credentials at the token endpoint, and the refusals of bad ones.

use entra_emulator::{Application, AssertionSpec, KeyKind, TestIdentity};
use jsonwebtoken::Algorithm;
use serde_json::json;

use crate::client::Client;
use crate::*;

#[test]
fn a_secret_gets_a_bearer_token_with_the_claims_of_entra() {
    let emulator = emulator(&identity("a"));
    let answer = Client::new(&emulator, None).post(LOGIN, &app_form(&[("client_secret", SECRET)]));
    assert_eq!(
        (answer.status, answer.json()["token_type"].as_str()),
        (200, Some("Bearer"))
    );
    let claims = answer.claims();
    for name in [
        "aud", "iss", "tid", "appid", "azp", "sub", "oid", "exp", "iat", "nbf", "ver", "uti",
    ] {
        assert!(!claims[name].is_null(), "{name}");
    }
    assert_eq!(claims["aud"], "https://vault.azure.net");
    assert!(claims["cnf"].is_null());
    assert!(
        answer
            .head
            .contains("client-request-id: 00000000-0000-0000-0000-00000000c0de"),
        "{}",
        answer.head
    );
}

#[test]
fn a_refusal_has_the_shape_of_entra() {
    let emulator = emulator(&identity("a"));
    let answer = Client::new(&emulator, None).post(LOGIN, &app_form(&[("client_secret", "wrong")]));
    let body = answer.json();
    assert_eq!(
        (answer.status, body["error"].as_str(), answer.code()),
        (401, Some("invalid_client"), 7_000_215)
    );
    assert!(
        body["error_description"]
            .as_str()
            .unwrap()
            .starts_with("AADSTS7000215: ")
    );
    assert_eq!(
        body["correlation_id"],
        "00000000-0000-0000-0000-00000000c0de"
    );
    for name in ["timestamp", "trace_id", "error_uri"] {
        assert!(body[name].is_string(), "{name}");
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said_by_its_number() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let secret = ("client_secret", SECRET);
    let unknown_tenant = "https://login.microsoftonline.com/nobody.example/oauth2/v2.0/token";
    for (url, form, status, error, code) in [
        (
            LOGIN,
            vec![("client_id", CLIENT), secret],
            400,
            "invalid_request",
            900_144,
        ),
        (
            LOGIN,
            vec![
                ("grant_type", "client_credentials"),
                ("client_id", "other"),
                secret,
            ],
            400,
            "unauthorized_client",
            700_016,
        ),
        (
            LOGIN,
            vec![
                ("grant_type", "client_credentials"),
                ("client_id", CLIENT),
                ("scope", "x"),
                secret,
            ],
            400,
            "invalid_scope",
            70_011,
        ),
        (
            LOGIN,
            vec![("grant_type", "magic"), ("client_id", CLIENT), secret],
            400,
            "unsupported_grant_type",
            70_003,
        ),
        (LOGIN, app_form(&[]), 401, "invalid_client", 7_000_216),
        (
            LOGIN,
            app_form(&[secret, secret]),
            400,
            "invalid_request",
            9_000_411,
        ),
        (
            unknown_tenant,
            app_form(&[secret]),
            400,
            "invalid_request",
            90_002,
        ),
    ] {
        let answer = client.post(url, &form);
        assert_eq!(
            (
                answer.status,
                answer.json()["error"].as_str(),
                answer.code()
            ),
            (status, Some(error), code),
            "{form:?}"
        );
    }
}

#[test]
fn a_certificate_signs_with_ps256_rs256_and_es256() {
    let (rsa, ec) = (
        TestIdentity::generate(KeyKind::Rsa2048, "rsa").unwrap(),
        identity("ec"),
    );
    let emulator = configured(&rsa, |builder| builder);
    emulator.register_certificate(CLIENT, ec.certificate_der());
    let client = Client::new(&emulator, None);
    for (identity, algorithm) in [
        (&rsa, Algorithm::PS256),
        (&rsa, Algorithm::RS256),
        (&ec, Algorithm::ES256),
    ] {
        let assertion = sign_own(
            identity,
            algorithm,
            &own_claims(LOGIN, &format!("{algorithm:?}")),
        );
        let answer = client.post(
            LOGIN,
            &app_form(&[
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &assertion),
            ]),
        );
        assert_eq!(answer.status, 200, "{algorithm:?} {}", answer.json());
    }
}

#[test]
fn an_assertion_is_refused_for_each_thing_that_may_be_wrong_with_it() {
    let (known, other) = (identity("known"), identity("other"));
    let emulator = emulator(&known);
    let client = Client::new(&emulator, None);
    let send = |assertion: &str| {
        client
            .post(
                LOGIN,
                &app_form(&[
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", assertion),
                ]),
            )
            .code()
    };
    let sign = |identity, claims: &serde_json::Value| sign_own(identity, Algorithm::ES256, claims);
    let with = |name: &str, value: serde_json::Value| {
        let mut claims = own_claims(LOGIN, name);
        claims[name] = value;
        sign(&known, &claims)
    };
    let good = sign(&known, &own_claims(LOGIN, "once"));
    assert_eq!(send(&good), 0);
    assert_eq!(send(&good), 700_027, "used twice");
    assert_eq!(send(&with("exp", json!(unix_now() - 1))), 700_024);
    assert_eq!(
        send(&with("exp", json!((unix_now() + 600).to_string()))),
        0,
        "dates may be strings, as MSAL.NET writes them"
    );
    assert_eq!(send(&with("nbf", json!(unix_now() + 3_600))), 700_024);
    assert_eq!(
        send(&with("aud", json!("https://elsewhere.example/token"))),
        700_027
    );
    assert_eq!(send(&with("jti", json!(null))), 700_027);
    assert_eq!(send(&with("sub", json!("someone"))), 70_021);
    assert_eq!(
        send(&sign(&other, &own_claims(LOGIN, "other"))),
        700_027,
        "not registered"
    );
    let (head, _) = good.rsplit_once('.').unwrap();
    assert_eq!(send(&format!("{head}.AAAA")), 700_027, "bad signature");
    assert_eq!(send("nonsense"), 700_027);
}

/// MSAL for Python dates its assertions by `time.time()` (RFC 7519 §2: a `NumericDate` may have a fraction).
#[test]
fn an_assertion_whose_dates_have_fractions_is_judged_like_any_other() {
    let known = identity("known");
    let emulator = emulator(&known);
    let client = Client::new(&emulator, None);
    let now = f64::from(u32::try_from(unix_now()).unwrap());
    for (expiry, start, code) in [
        (now + 600.25, now - 0.25, 0),
        (now - 1.25, now - 600.25, 700_024),
        (now + 7_200.25, now + 3_600.25, 700_024),
    ] {
        let mut claims = own_claims(LOGIN, &expiry.to_string());
        claims["exp"] = json!(expiry);
        claims["nbf"] = json!(start);
        let assertion = sign_own(&known, Algorithm::ES256, &claims);
        let answer = client.post(
            LOGIN,
            &app_form(&[
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &assertion),
            ]),
        );
        assert_eq!(answer.code(), code, "{expiry} {start}");
    }
}

/// MSAL for Python writes `x5t` and `x5t#S256` in base64url with its padding, which RFC 7515 §2 leaves out.
#[test]
fn an_assertion_may_name_its_certificate_with_padding() {
    let (known, other) = (identity("known"), identity("other"));
    let emulator = emulator(&known);
    let client = Client::new(&emulator, None);
    let key = EncodingKey::from_ec_pem(known.key_pem().as_bytes()).unwrap();
    for (name, code) in [
        (format!("{}=", known.thumbprint()), 0),
        (format!("{}==", known.thumbprint()), 700_027),
        (format!("{}=", other.thumbprint()), 700_027),
    ] {
        let mut header = Header::new(Algorithm::ES256);
        header.x5t_s256 = Some(name.clone());
        let claims = own_claims(LOGIN, &name);
        let assertion = jsonwebtoken::encode(&header, &claims, &key).unwrap();
        let answer = client.post(
            LOGIN,
            &app_form(&[
                ("client_assertion_type", JWT_BEARER),
                ("client_assertion", &assertion),
            ]),
        );
        assert_eq!(answer.code(), code, "{name}");
    }
}

#[test]
fn a_federated_assertion_is_taken_from_a_trusted_issuer_alone() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let send = |spec: AssertionSpec| {
        let assertion = emulator.issue_assertion(&spec);
        client
            .post(
                LOGIN,
                &app_form(&[
                    ("client_assertion_type", JWT_BEARER),
                    ("client_assertion", &assertion),
                ]),
            )
            .code()
    };
    let good = AssertionSpec::new(ISSUER, "subject");
    assert_eq!(send(good.clone().jti("same")), 0);
    assert_eq!(
        send(good.clone().jti("same")),
        0,
        "a projected token is read again and again"
    );
    assert_eq!(send(AssertionSpec::new(ISSUER, "someone")), 70_021);
    assert_eq!(
        send(AssertionSpec::new("https://other.example", "subject")),
        70_021
    );
    assert_eq!(send(good.clone().audience("api://other")), 700_212);
    assert_eq!(send(good.expired()), 700_024);
}

#[test]
fn an_application_that_may_not_use_mutual_tls_is_told_so() {
    let known = identity("known");
    let emulator = emulator(&known);
    emulator.register(
        Application::new(CLIENT)
            .certificate(known.certificate_der())
            .mtls(false),
    );
    let answer =
        Client::new(&emulator, Some(&known)).post(MTLS, &app_form(&[("token_type", "mtls_pop")]));
    assert_eq!((answer.status, answer.code()), (412, 51_000));
}

#[test]
fn no_secret_shows_in_debug() {
    let known = identity("known");
    let emulator = emulator(&known);
    Client::new(&emulator, None).post(LOGIN, &app_form(&[("client_secret", SECRET)]));
    let shown = format!(
        "{emulator:?} {:?} {:?} {:?}",
        emulator.requests(),
        emulator.connections(),
        application(&known)
    );
    assert!(!shown.contains(SECRET), "{shown}");
    assert_eq!(
        emulator.requests()[0].form_value("client_secret"),
        Some(SECRET),
        "but a test may read it"
    );
}
