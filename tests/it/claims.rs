//! Claims: what a challenge asks for, what the client adds of its own, and what its assertions say (rules 9, 10 and 11).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_proto::*;
use serde_json::{Value, json};

use crate::canary::assert_silent;
use crate::certificates::{RSA, numbered};
use crate::clients::{bearer, builder, client, in_region, plan, run, secret};
use crate::script::{Script, alone, answer, pair};
use crate::users::{VAULT, for_alice, redeeming, refresh_token};

const NBF: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;

fn sent_claims(run: &crate::script::Run) -> Option<Value> {
    let claims = run.request().field("claims")?;
    Some(serde_json::from_str(claims).expect("JSON"))
}

/// RFC 9470's loop: a resource says 401, the challenge is answered, the new token serves ordinary requests.
#[test]
fn d11_a_challenge_is_answered_and_the_new_token_serves() {
    let client = client(secret());
    let mut script = Script::new();
    let refused = script.run(&plan(bearer(), &client));
    assert_eq!(refused.token().secret().expose(), "CANARY-token-1");
    let fields = [
        "Negotiate YII=".to_owned(),
        format!(
            "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"{}\"",
            STANDARD.encode(NBF)
        ),
    ];
    let found = ClaimsChallenge::find(fields.iter().map(String::as_str));
    let challenge = found.expect("well formed").expect("with claims");
    assert_eq!(
        (challenge.claims(), challenge.token_type()),
        (NBF, TokenKind::Bearer)
    );
    let answering = plan(bearer().answering(&challenge), &client);
    let answered = script.run(&answering);
    assert_eq!(answered.request().field("claims"), Some(NBF));
    assert_eq!(answered.token().metadata().cache(), CacheOutcome::Bypassed);
    let ordinary = script.run(&plan(bearer(), &client));
    assert_eq!(ordinary.seen, ["LoadCache token", "Done"]);
    assert_eq!(ordinary.token().secret(), answered.token().secret());
    // Challenged once more, it is fetched once more.
    assert_eq!(script.run(&answering).sent.len(), 1);
}

/// The other source of challenges: a refusal of the token endpoint itself.
#[test]
fn d14_the_challenge_of_an_error_can_be_answered() {
    let client = client(secret());
    let body = json!({ "error": "interaction_required", "claims": NBF });
    let mut script = Script::new();
    script.run(&plan(redeeming(), &client));
    let mut script = script.answers([answer(400, body.to_string())]);
    let run = script.run(&plan(for_alice(VAULT), &client));
    assert_eq!(run.error().code(), "interaction_required");
    let challenge = ClaimsChallenge::from_json(run.error().claims().expect("claims"));
    let challenge = challenge.expect("what the error hands on, a request accepts");
    let answered = script.run(&plan(for_alice(VAULT).answering(&challenge), &client));
    assert_eq!(refresh_token(&answered), Some("CANARY-refresh-1"));
    assert_eq!(sent_claims(&answered), serde_json::from_str(NBF).ok());
}

/// What a challenge may be, through what callers have: scheme, encoding, kind of token.
#[test]
fn d11_challenges_are_found_by_scheme_and_read_in_both_encodings() {
    let encoded = [
        STANDARD.encode(NBF),
        URL_SAFE_NO_PAD.encode(NBF),
        NBF.replace('"', "\\\""),
    ];
    for claims in &encoded {
        for (scheme, kind) in [
            ("Bearer", TokenKind::Bearer),
            ("BEARER", TokenKind::Bearer),
            ("mtls_pop", TokenKind::MtlsPop),
            ("MTLS_PoP", TokenKind::MtlsPop),
        ] {
            let field = format!("{scheme} claims=\"{claims}\"");
            let challenge = ClaimsChallenge::find([field.as_str()]).expect("well formed");
            let challenge = challenge.expect("with claims");
            assert_eq!((challenge.claims(), challenge.token_type()), (NBF, kind));
        }
        let field = format!("Basic claims=\"{claims}\"");
        assert_eq!(ClaimsChallenge::find([field.as_str()]), Ok(None));
    }
    assert_eq!(ClaimsChallenge::find([]), Ok(None));
    for odd in [
        "[]",
        "",
        "null",
        "{\"CANARY\":",
        "{\"CANARY\":1,\"CANARY\":2}",
    ] {
        let error = ClaimsChallenge::from_json(odd).unwrap_err();
        assert_eq!(error.code(), "invalid_json_claims_format");
        assert_silent(&error);
        let field = format!("Bearer claims=\"{}\"", STANDARD.encode(odd));
        let found = ClaimsChallenge::find([field.as_str()]);
        assert_eq!(found.unwrap_err().code(), "invalid_json_claims_format");
    }
    // 8 KiB and not a byte more.
    let long = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    assert!(ClaimsChallenge::from_json(&long(8_192)).is_ok());
    assert!(ClaimsChallenge::from_json(&long(8_193)).is_err());
    let secret = ClaimsChallenge::from_json("{\"CANARY\":1}").expect("JSON");
    assert_silent(&secret);
}

/// Rule 11: capabilities, then the challenge, then the client's own, of which the later count.
#[test]
fn d11_claims_are_merged_in_their_order() {
    let capable = builder(secret()).capabilities(["cp1", "cp2"]);
    let client = in_region(capable, "westus3");
    let challenge = r#"{"access_token":{"xms_cc":{"values":["cp2","cp3"]},"a":{"value":"challenge"},"b":1},"id_token":{"x":null}}"#;
    let own = r#"{"access_token":{"a":{"value":"own"},"c":[1]},"userinfo":{"y":true}}"#;
    let cp = |values: &[&str]| json!({ "values": values });
    for (request, expected) in [
        (
            bearer(),
            json!({ "access_token": { "xms_cc": cp(&["cp1", "cp2"]) } }),
        ),
        (
            bearer().claims(challenge),
            json!({
                "access_token": { "xms_cc": cp(&["cp1", "cp2", "cp3"]), "a": { "value": "challenge" }, "b": 1 },
                "id_token": { "x": null }
            }),
        ),
        (
            bearer().client_claims(own),
            json!({
                "access_token": { "xms_cc": cp(&["cp1", "cp2"]), "a": { "value": "own" }, "c": [1] },
                "userinfo": { "y": true }
            }),
        ),
        (
            bearer().client_claims(own).claims(challenge),
            json!({
                "access_token": { "xms_cc": cp(&["cp1", "cp2", "cp3"]), "a": { "value": "own" }, "b": 1, "c": [1] },
                "id_token": { "x": null },
                "userinfo": { "y": true }
            }),
        ),
        // An explicit nothing counts too.
        (
            bearer().client_claims(r#"{"access_token":null}"#),
            json!({ "access_token": null }),
        ),
    ] {
        let run = run(Script::new(), request, &client);
        assert_eq!(sent_claims(&run), Some(expected));
    }
}

/// Rules 10 and 11: the client's own claims key, a challenge bypasses, capabilities do neither.
#[test]
fn r10_the_clients_own_claims_are_a_partition_of_their_own() {
    let client = client(secret());
    let own = |claims: &str| plan(bearer().client_claims(claims), &client);
    let mut script = Script::new();
    let ordinary = script.run(&plan(bearer(), &client));
    let first = script.run(&own(r#"{"a":{"value":"1"},"b":[1,2]}"#));
    assert_eq!(first.sent.len(), 1);
    // The same in other blanks and escapes (RFC 8259 §2).
    for same in [
        "{ \"a\" : { \"value\" : \"1\" },\n\t\"b\" : [ 1 , 2 ] }",
        "{\"\\u0061\":{\"value\":\"\\u0031\"},\"b\":[1,2]}",
    ] {
        let hit = script.run(&own(same));
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        assert_eq!(hit.token().secret(), first.token().secret());
    }
    for other in [
        r#"{"a":{"value":"2"},"b":[1,2]}"#,
        r#"{"a":{"value":"1"},"b":[2,1]}"#,
        r#"{"a":{"value":"1"}}"#,
        r#"{"A":{"value":"1"},"b":[1,2]}"#,
    ] {
        assert_eq!(script.run(&own(other)).sent.len(), 1, "{other}");
    }
    // A challenge on top: not read, but written where it belongs.
    let challenged = plan(
        bearer()
            .client_claims(r#"{"a":{"value":"1"},"b":[1,2]}"#)
            .claims(NBF),
        &client,
    );
    let fresh = script.run(&challenged);
    assert_eq!(fresh.sent.len(), 1);
    let hit = script.run(&own(r#"{"a":{"value":"1"},"b":[1,2]}"#));
    assert_eq!(hit.token().secret(), fresh.token().secret());
    let hit = script.run(&plan(bearer(), &client));
    assert_eq!(hit.token().secret(), ordinary.token().secret());
}

/// Also in the queue: nobody waits for a token that is not the one asked for.
#[test]
fn run02_other_claims_are_another_flight() {
    let client = client(secret());
    let flight = |request: TokenRequest| run(Script::new(), request, &client).flights[0].clone();
    let requests = [
        bearer(),
        bearer().client_claims("{}"),
        bearer().client_claims(NBF),
        bearer().claims(NBF),
        bearer().claims("{}"),
        bearer().bypassing_cache(),
        bearer().body_parameter("a", "1"),
        bearer().query_parameter("a", "1"),
        bearer().query_parameter("a", "2"),
    ];
    for (place, one) in requests.iter().enumerate() {
        for (other_place, other) in requests.iter().enumerate() {
            let same = flight(one.clone()) == flight(other.clone());
            assert_eq!(same, place == other_place, "{place} and {other_place}");
        }
    }
}

/// Rule 9: what the caller says of the assertion counts before what the credential says, and that before what every one says.
#[test]
fn d09_further_claims_are_in_the_assertion_and_nowhere_else() {
    let own = || {
        let claims = r#"{"role":"credential","xms_az":"credential"}"#;
        client(Credential::certificate_with_claims(
            numbered(RSA, 1),
            claims,
        ))
    };
    let plain = || client(Credential::certificate(numbered(RSA, 1)));
    let provided = || client(Credential::certificate_provider());
    let mtls = || client(Credential::certificate_provider().send_over_mtls());
    let further = r#"{ "xms_az" : "request", "list" : [1, {"deep": null}] }"#;
    for (client, role) in [
        (own(), Some("credential")),
        (plain(), None),
        (provided(), None),
        (mtls(), None),
    ] {
        for first in [None, Some(answer(503, ""))] {
            let request = bearer().assertion_claims(further);
            let run = run(Script::new().answers(first), request, &client);
            assert!(!run.signed.is_empty());
            for input in &run.signed {
                let claims = input
                    .message()
                    .split(|byte| *byte == b'.')
                    .nth(1)
                    .expect("claims");
                let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
                let claims: Value = serde_json::from_slice(&claims).expect("JSON");
                assert_eq!(claims["xms_az"], "request");
                assert_eq!(claims["list"], json!([1, { "deep": null }]));
                assert_eq!(claims["role"].as_str(), role);
                assert_eq!(claims["iss"].as_str(), Some(client.id()));
            }
            assert!(run.sent.iter().all(|sent| sent.field("claims").is_none()));
        }
    }
}

/// They go with a certificate that signs, and key what they bring.
#[test]
fn r10_further_claims_of_the_assertion_are_refused_or_keyed() {
    let further = || bearer().assertion_claims(r#"{"a":1}"#);
    for credential in [
        secret(),
        Credential::static_assertion(Secret::new("CANARY.jwt")),
        Credential::assertion_provider(),
        Credential::signed_assertion_provider(),
    ] {
        let error = further().plan(&client(credential)).unwrap_err();
        assert_eq!(error.code(), "invalid_request_parameter");
    }
    for credential in [
        Credential::certificate(numbered(RSA, 1)),
        Credential::certificate_provider(),
    ] {
        let client = client(credential);
        // PoP sends no assertion (rule 8).
        let error = further().proof_of_possession().plan(&client).unwrap_err();
        assert_eq!(error.code(), "mtls_certificate_not_provided");
        let mut script = Script::new();
        for request in [bearer(), further(), bearer().assertion_claims(r#"{"a":2}"#)] {
            assert_eq!(script.run(&plan(request, &client)).sent.len(), 1);
        }
        let blanks = bearer().assertion_claims("{ \"a\" : 1 }");
        assert!(script.run(&plan(blanks, &client)).sent.is_empty());
    }
}

/// Rule 3: a provider is told what the caller answers, unmerged; what the client adds of its own is for the service.
#[test]
fn d03_a_provider_is_told_the_challenge_alone() {
    let client = client(Credential::signed_assertion_provider());
    let request = bearer().claims(NBF).client_claims(r#"{"CANARY":1}"#);
    let script = Script::new()
        .pairs([alone(1), pair(2)])
        .answers([answer(500, "")]);
    let run = run(script, request, &client);
    for told in &run.asked {
        assert_eq!(told.claims(), Some(NBF));
        assert_silent(told);
    }
    assert_eq!(run.asked.len(), 2);
}

/// Rule 16, SEC-08: each is one JSON object, whatever the credential; the error repeats nothing.
#[test]
fn sec08_claims_of_every_sort_are_one_object_or_refused() {
    let client = client(secret());
    for odd in [
        "",
        "[]",
        "null",
        "{CANARY",
        "{\"CANARY\":1,\"CANARY\":2}",
        "{}x",
    ] {
        for request in [
            bearer().claims(odd),
            bearer().client_claims(odd),
            bearer().assertion_claims(odd),
            bearer().claims("{}").client_claims(odd),
        ] {
            assert_silent(&request);
            let error = request.plan(&client).unwrap_err();
            assert_eq!(error.code(), "invalid_json_claims_format", "{odd}");
            assert_silent(&error);
        }
    }
}
