//! Claims challenges: found in `WWW-Authenticate` and in errors, answered, and the new token serves from then on.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_proto::*;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;

use crate::canary::assert_silent;
use crate::claims::{NBF, sent_claims};
use crate::clients::{bearer, client, plan, secret};
use crate::script::{Script, answer};
use crate::users::{VAULT, for_alice, redeeming, refresh_token};

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
    // A whole field, 16 KiB.
    let wide = |length: usize| format!("Basic a=\"{}\"", "x".repeat(length - 10));
    assert_eq!(ClaimsChallenge::find([wide(16_384).as_str()]), Ok(None));
    assert!(ClaimsChallenge::find([wide(16_385).as_str()]).is_err());
    let secret = ClaimsChallenge::from_json("{\"CANARY\":1}").expect("JSON");
    assert_silent(&secret);
    assert_eq!(
        format!("{secret:?}"),
        "ClaimsChallenge { kind: Bearer, .. }"
    );
}

/// A scheme may stand alone, with spaces behind it, and only a space parts it from what follows (RFC 9110 §11.3).
#[test]
fn d11_a_scheme_alone_is_a_challenge_and_one_that_runs_on_is_none() {
    let claims = STANDARD.encode(NBF);
    for before in [
        "Negotiate,",
        "Negotiate , ",
        "Negotiate \t,,",
        "Basic a68=,",
    ] {
        let field = format!("{before}Bearer claims=\"{claims}\" ");
        let found = ClaimsChallenge::find([field.as_str()]).expect("well formed");
        assert_eq!(found.expect("with claims").claims(), NBF, "{before}");
    }
    for before in ["Negotiate/a68=,", "Negotiate\"a\","] {
        let field = format!("{before}Bearer claims=\"{claims}\"");
        let found = ClaimsChallenge::find([field.as_str()]);
        assert!(found.is_err(), "{before}");
    }
}

/// A challenge as RFC 9110 §11.6.1 lets it be written: its scheme, what follows, and the claims that it has.
fn challenge() -> impl Strategy<Value = (String, Option<String>)> {
    let scheme = select(vec![
        "Bearer", "bEARER", "mtls_pop", "Basic", "NTLM", "DPoP", "claims",
    ]);
    let other = "[ -~\u{e9}]{0,12}".prop_map(|text| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("realm=\"{escaped}\"")
    });
    let claims = "[a-z,=\" ]{0,8}".prop_map(|text| json!({ text: [1] }).to_string());
    let space = || select(vec!["", " ", "\t "]);
    let with_claims = (
        claims,
        0..4_usize,
        space(),
        select(vec!["claims", "Claims"]),
    );
    let parameters = (
        proptest::option::of(other),
        proptest::option::of(with_claims),
        select(vec!["", "error=\"x\"", "error = x", "token68+/~=="]),
        space(),
    );
    (scheme, parameters).prop_map(|(scheme, (realm, claims, rest, space))| {
        // A token68 stands alone.
        if rest.ends_with("==") {
            return (format!("{scheme} {rest}"), None);
        }
        let named = claims.map(|(claims, form, space, name)| {
            let value = match form {
                0 => STANDARD.encode(&claims).trim_end_matches('=').to_owned(),
                1 => format!("\"{}\"", URL_SAFE_NO_PAD.encode(&claims)),
                2 => format!("\"{}\"", claims.replace('\\', "\\\\").replace('"', "\\\"")),
                _ => format!("\"{}\"", STANDARD.encode(&claims)),
            };
            // Base64's `/` is no character of a token.
            let value = if value.contains('/') && !value.starts_with('"') {
                format!("\"{value}\"")
            } else {
                value
            };
            (format!("{name}{space}={space}{value}"), claims)
        });
        let (named, claims) = named.unzip();
        let parts = [realm, named, Some(rest.to_owned())];
        let parts: Vec<String> = parts
            .into_iter()
            .flatten()
            .filter(|part| !part.is_empty())
            .collect();
        let is_ours = scheme.eq_ignore_ascii_case("bearer") || scheme == "mtls_pop";
        (
            format!("{scheme} {}", parts.join(&format!("{space},{space}"))),
            claims.filter(|_| is_ours),
        )
    })
}

proptest! {
    #![proptest_config(crate::properties::cases(512))]

    /// Whatever stands before it and behind it, and however it is written, the first challenge with claims is the one.
    #[test]
    fn d11_the_first_challenge_with_claims_is_found(
        challenges in proptest::collection::vec(challenge(), 0..5),
        comma in select(vec![",", ", ", " ,\t,"]),
    ) {
        let expected = challenges.iter().find_map(|(_, claims)| claims.clone());
        let texts: Vec<&str> = challenges.iter().map(|(text, _)| text.as_str()).collect();
        // As one field, and as one field each: that is the same (RFC 9110 §5.3).
        let joined = texts.join(comma);
        for fields in [vec![joined.as_str()], texts] {
            let found = ClaimsChallenge::find(fields.iter().copied());
            let found = found.map(|found| found.map(|found| found.claims().to_owned()));
            prop_assert_eq!(&found, &Ok(expected.clone()), "{:?}", fields);
        }
    }
}
