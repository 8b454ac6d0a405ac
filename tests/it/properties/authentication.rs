//! Rules 1, 2, 8 and 9: how the client proves itself in the body and in the handshake.

use std::collections::BTreeSet;
use std::time::Duration;

use entra_proto::*;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{CONTOSO, bearer, cases, document};
use crate::certificates::{P256, RSA, numbered, thumbprint};
use crate::script::{Script, alone, answer, pair, seconds};

/// Every credential against token kind and what its provider returns.
#[test]
fn i09_the_assertion_type_follows_from_the_credential_and_the_pair() {
    let fixed = || numbered(RSA, 1);
    let own = || Credential::certificate_with_claims(fixed(), "{}");
    let jwt = || Credential::static_assertion(Secret::new("CANARY.jwt"));
    let secret = || Credential::secret(Secret::new("CANARY"));
    // Credential, whether the pair has a certificate, PoP; type, mutual TLS.
    let none = None;
    type Seen = Result<(Option<&'static str>, bool), &'static str>;
    let rows: &[(Credential, bool, bool, Seen)] = &[
        (secret(), false, false, Ok((none, false))),
        (secret(), false, true, Err("mtls_certificate_not_provided")),
        (jwt(), false, false, Ok((Some("jwt-bearer"), false))),
        (jwt(), false, true, Err("mtls_certificate_not_provided")),
        (own(), false, false, Ok((Some("jwt-bearer"), false))),
        (own(), false, true, Err("mtls_certificate_not_provided")),
        (
            Credential::assertion_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::assertion_provider(),
            true,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::assertion_provider(),
            true,
            true,
            Err("mtls_certificate_not_provided"),
        ),
        (
            Credential::signed_assertion_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::signed_assertion_provider(),
            true,
            false,
            Ok((Some("jwt-pop"), true)),
        ),
        (
            Credential::signed_assertion_provider(),
            false,
            true,
            Err("mtls_certificate_not_provided"),
        ),
        (
            Credential::signed_assertion_provider(),
            true,
            true,
            Ok((Some("jwt-pop"), true)),
        ),
        (
            Credential::certificate(fixed()),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::certificate(fixed()),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate(fixed()).send_over_mtls(),
            false,
            false,
            Ok((Some("jwt-bearer"), true)),
        ),
        (
            Credential::certificate(fixed()).send_over_mtls(),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate_provider(),
            false,
            false,
            Ok((Some("jwt-bearer"), false)),
        ),
        (
            Credential::certificate_provider(),
            false,
            true,
            Ok((none, true)),
        ),
        (
            Credential::certificate_provider().send_over_mtls(),
            false,
            false,
            Ok((Some("jwt-bearer"), true)),
        ),
        (
            Credential::certificate_provider().send_over_mtls(),
            false,
            true,
            Ok((none, true)),
        ),
    ];
    for isolation in [BearerIsolation::Shared, BearerIsolation::PerCertificate] {
        for (credential, bound, pop, expected) in rows {
            let client = Client::builder("app", CONTOSO, credential.clone())
                .region(RegionSource::Named("westus3".to_owned()))
                .bearer_isolation(isolation)
                .build()
                .expect("a client");
            let request = if *pop {
                bearer().proof_of_possession()
            } else {
                bearer()
            };
            let pair = if *bound { pair(1) } else { alone(1) };
            let seen = request
                .plan(&client)
                .map(|plan| Script::new().pairs([pair]).run(&plan));
            let seen = match &seen {
                Err(error) => Err(error.code()),
                Ok(run) => match run.done.result() {
                    Err(error) => Err(error.code()),
                    Ok(token) => {
                        let sent = run.request();
                        // Rule 1: the kind follows from the request alone.
                        assert_eq!(token.token_type() == TokenKind::MtlsPop, *pop);
                        assert_eq!(sent.field("token_type"), pop.then_some("mtls_pop"));
                        assert_eq!(sent.field("req_cnf"), None);
                        Ok((sent.assertion_type(), sent.certificate.is_some()))
                    }
                },
            };
            assert_eq!(&seen, expected, "{credential:?} {bound} {pop}");
        }
    }
}

proptest! {
    #![proptest_config(cases(256))]

    /// Rule 9: what our own assertions say, and to whom. I07: `aud` is the URL of the POST, which no answer chooses.
    #[test]
    fn r09_i26_our_assertions_are_for_the_very_url_and_never_the_same(
        wall in 0..4_000_000_000_u64,
        p256 in any::<bool>(),
        location in document(),
        failed in any::<bool>(),
    ) {
        let (template, algorithm) = if p256 { (P256, "ES256") } else { (RSA, "PS256") };
        let builder = Client::builder("the client", CONTOSO, Credential::certificate(numbered(template, 1)).send_x5c());
        let client = builder.region(RegionSource::Discover).build().expect("a client");
        let mut script = Script::new().regions([answer(200, json!({ "location": location }).to_string())]);
        if failed {
            script = script.answers([answer(500, "")]);
        }
        script.now = Now::new(seconds(wall), Duration::ZERO);
        let run = script.run(&bearer().plan(&client).expect("a plan"));
        let mut ids = BTreeSet::new();
        for (input, sent) in run.signed.iter().zip(&run.sent) {
            let parts: Vec<Value> = std::str::from_utf8(input.message())?
                .split('.')
                .map(|part| {
                    use base64::Engine;
                    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part);
                    serde_json::from_slice(&bytes.expect("base64url")).expect("JSON")
                })
                .collect();
            let [header, claims] = parts.as_slice() else { panic!("header and claims") };
            prop_assert_eq!(&header["alg"], algorithm);
            prop_assert_eq!(&header["x5t#S256"], &json!(thumbprint(template, 1).to_string()));
            prop_assert_eq!(header["x5c"].as_array().map(Vec::len), Some(1));
            prop_assert_eq!(claims["aud"].as_str(), Some(sent.url.as_str()));
            prop_assert_eq!(&claims["iss"], "the client");
            prop_assert_eq!(&claims["sub"], "the client");
            let nbf = claims["nbf"].as_u64().expect("a number");
            prop_assert!(nbf >= wall);
            prop_assert_eq!(claims["exp"].as_u64(), Some(nbf + 600));
            // I26.
            prop_assert!(ids.insert(claims["jti"].as_str().expect("text").to_owned()));
            prop_assert!(sent.field("client_assertion").expect("it").starts_with(std::str::from_utf8(input.message())?));
        }
        prop_assert_eq!(ids.len(), if failed { 2 } else { 1 });
    }
}
