//! Rules 13 and 14: which answers are tokens, and what errors say.

use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::{answered, bearer, cases, client, code, document, object, run, secret_client, text};
use crate::canary::{assert_silent, is_silent};
use crate::certificates::{RSA, numbered};
use crate::script::{Script, answer, seconds, with_header};

/// SEC-06, T10: the table of lifetimes.
#[test]
fn sec06_t10_lifetimes_are_taken_by_one_table() {
    let rows: &[(&str, Option<u64>)] = &[
        ("0", Some(0)),
        ("1", Some(1)),
        ("3600", Some(3_600)),
        ("\"3600\"", Some(3_600)),
        ("172800", Some(172_800)),
        ("172801", Some(172_800)),
        ("9999999999", Some(172_800)),
        ("10000000000", Some(172_800)),
        ("18446744073709551615", Some(172_800)),
        ("18446744073709551616", Some(172_800)),
        ("\"9999999999\"", Some(172_800)),
        ("\"10000000000\"", None),
        ("3600.0", None),
        ("36e2", None),
        ("1e400", None),
        ("-1", None),
        ("+1", None),
        ("NaN", None),
        ("null", None),
        ("true", None),
        ("\"\"", None),
        ("\" 1\"", None),
        ("\"1s\"", None),
        ("[1]", None),
        ("{}", None),
    ];
    for (text, life) in rows {
        let (run, memory) = answered(format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"CANARY\",\"expires_in\":{text}}}"
        ));
        match life {
            Some(life) => {
                assert_eq!(run.token().expires_in(), seconds(*life), "{text}");
                // 0 is handed out and not remembered.
                assert_eq!(memory.len(), usize::from(*life > 0), "{text}");
            }
            None => {
                assert_eq!(code(&run), Some("invalid_token_response"), "{text}");
                assert!(memory.is_empty());
            }
        }
    }
}

/// SEC-05, SEC-04: what is not one plain JSON object is no answer.
#[test]
fn sec05_t07_what_is_not_one_plain_object_is_no_answer() {
    let good = r#""token_type":"Bearer","access_token":"CANARY","expires_in":3600"#;
    let nested = |depth: usize| {
        format!(
            "{{{good},\"x\":{}1{}}}",
            "[".repeat(depth),
            "]".repeat(depth)
        )
    };
    let with = |rest: &str| format!("{{{good}{rest}}}").into_bytes();
    let many = |members: usize| {
        let members: String = (0..members)
            .map(|number| format!(",\"m{number}\":0"))
            .collect();
        with(&members)
    };
    let accepted = [
        with(""),
        with(",\"x\":{\"y\":[1,{\"z\":null}]},\"\\u00e9\":\"\\ud83d\\ude00\""),
        nested(7).into_bytes(),
        many(253),
        format!(" \t\r\n{{{good}}}\r\n").into_bytes(),
        format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"{}\",\"expires_in\":1}}",
            "a".repeat(128 * 1_024)
        )
        .into_bytes(),
    ];
    for body in accepted {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        assert!(answered(body).0.done.result().is_ok(), "{shown}");
    }
    let refused = [
        vec![],
        b"{}".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"<html>CANARY</html>".to_vec(),
        format!("[{{{good}}}]").into_bytes(),
        format!("{{{good}}}{{{good}}}").into_bytes(),
        format!("{{{good}}} x").into_bytes(),
        format!("{{{good}}}\0").into_bytes(),
        format!("\u{feff}{{{good}}}").into_bytes(),
        format!("{{{good},}}").into_bytes(),
        format!("{{{good}").into_bytes(),
        with(",\"access_token\":\"CANARY\""),
        with(",\"acc\\u0065ss_token\":\"CANARY\""),
        with(",\"x\":1,\"x\":1"),
        with(",\"x\":{\"y\":{\"z\":1,\"z\":2}}"),
        with(",\"x\":[{\"a\":0,\"a\":0}]"),
        with(",\"x\":\"\\ud800\""),
        with(",\"x\":\"\n\""),
        with(",\"x\":01"),
        with(",x:1"),
        with(",'x':1"),
        with(",\"x\":tru"),
        with(",\"x\":\"\\q\""),
        [with(",\"x\":\"")[..].to_vec(), vec![0xff], b"\"}".to_vec()].concat(),
        nested(8).into_bytes(),
        nested(100_000).into_bytes(),
        many(254),
        with(&format!(",\"{}\":1", "k".repeat(257))),
        format!(
            "{{\"token_type\":\"Bearer\",\"access_token\":\"{}\",\"expires_in\":1}}",
            "a".repeat(128 * 1_024 + 1)
        )
        .into_bytes(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nb\",\"expires_in\":1}".into(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"a\\u0000\",\"expires_in\":1}".into(),
        "{\"token_type\":\"Bearer\",\"access_token\":\"caf\u{e9}\",\"expires_in\":1}".into(),
    ];
    for body in refused {
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]).into_owned();
        let (run, memory) = answered(body);
        assert!(
            matches!(
                code(&run),
                Some("invalid_token_response" | "token_type_missing")
            ),
            "{shown}"
        );
        assert!(memory.is_empty());
        assert_eq!(run.sent.len(), 1, "{shown}");
        assert_silent(&run.error().to_string());
    }
    // Larger than any token response, though the object is whole.
    let large = with(&format!(
        ",\"x\":\"{}\"",
        "x".repeat(SendRequest::MAX_RESPONSE)
    ));
    assert_eq!(code(&answered(large).0), Some("response_too_large"));
}

/// SEC-09, T12: compared without case, missing and different are told apart, and the name is shown short and escaped.
#[test]
fn sec09_i13_no_other_kind_of_token_is_taken_for_the_one_asked_for() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    let long = format!("\"{}\"", "x".repeat(10_000));
    let missing = "token_type_missing";
    let mismatch = "token_type_mismatch";
    let rows: &[(&str, Option<&str>, Option<&str>)] = &[
        ("\"Bearer\"", None, Some(mismatch)),
        ("\"bearer\"", None, Some(mismatch)),
        ("\"BEARER\"", None, Some(mismatch)),
        ("\"mtls_pop\"", Some(mismatch), None),
        ("\"MTLS_POP\"", Some(mismatch), None),
        ("\"Mtls_PoP\"", Some(mismatch), None),
        ("\"pop\"", Some(mismatch), Some(mismatch)),
        ("\"Bearer \"", Some(mismatch), Some(mismatch)),
        ("\"\"", Some(mismatch), Some(mismatch)),
        ("\"\\u001b[31m\\r\\n\"", Some(mismatch), Some(mismatch)),
        (long.as_str(), Some(mismatch), Some(mismatch)),
        ("null", Some(missing), Some(missing)),
        (
            "1",
            Some("invalid_token_response"),
            Some("invalid_token_response"),
        ),
    ];
    for (kind, for_bearer, for_pop) in rows {
        for (request, expected) in [
            (bearer(), for_bearer),
            (bearer().proof_of_possession(), for_pop),
        ] {
            let body = format!(
                "{{\"token_type\":{kind},\"access_token\":\"CANARY\",\"expires_in\":3600}}"
            );
            let mut script = Script::new().answers([answer(200, body)]);
            let run = script.run(&request.plan(&client).expect("a plan"));
            assert_eq!(code(&run), *expected, "{kind}");
            // REQ-05, CACHE-05: neither kept nor tried again.
            assert_eq!(run.sent.len(), 1);
            assert_eq!(script.memory.len(), usize::from(expected.is_none()));
            if let Err(error) = run.done.result() {
                let text = error.to_string();
                assert!(
                    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() < 400,
                    "{text}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(512))]

    /// F: what we accept, another JSON library accepts, with the same values; what lacks a field is not accepted.
    #[test]
    fn i14_a_token_comes_only_from_an_answer_that_is_whole(
        mut body in object(),
        kind in prop_oneof![4 => Just(Some(json!("Bearer"))), 1 => Just(None), 1 => document().prop_map(Some)],
        token in prop_oneof![4 => "[!-~]{1,40}".prop_map(|token| Some(Value::from(token))), 1 => Just(None), 1 => document().prop_map(Some)],
        life in prop_oneof![4 => (0..10_000_000_000_u64).prop_map(|life| Some(json!(life))), 1 => Just(None), 1 => document().prop_map(Some)],
        cut in prop_oneof![8 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)],
    ) {
        for (name, value) in [("token_type", kind), ("access_token", token), ("expires_in", life)] {
            body.remove(name);
            if let Some(value) = value {
                body.insert(name.to_owned(), value);
            }
        }
        let mut text = Value::Object(body.clone()).to_string().into_bytes();
        if let Some(cut) = cut {
            text.truncate(cut.index(text.len()));
        }
        let seconds_of = |value: &Value| match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            _ => None,
        };
        let whole = cut.is_none()
            && body.get("token_type").and_then(Value::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"))
            && body.get("access_token").and_then(Value::as_str).is_some_and(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
            && body.get("expires_in").and_then(seconds_of).is_some_and(|life| life <= 9_999_999_999);
        let (run, memory) = answered(text.clone());
        match run.done.result() {
            Ok(token) => {
                prop_assert!(whole);
                let value: Value = serde_json::from_slice(&text)?;
                prop_assert_eq!(value["access_token"].as_str(), Some(token.secret().expose()));
                prop_assert_eq!(token.expires_in(), seconds(seconds_of(&value["expires_in"]).expect("whole").min(172_800)));
            }
            Err(_) => prop_assert!(memory.is_empty()),
        }
        // What has nothing else in it that could be wrong is taken.
        if whole && body.len() == 3 {
            prop_assert!(run.done.result().is_ok());
        }
    }

    /// I34, I36, T09: nothing that a service wrote is in an error's text, but for its checked code, suberror, numbers and id.
    #[test]
    fn sec01_i34_i36_errors_are_short_printable_and_silent(
        status in select(vec![200_u16, 302, 400, 401, 408, 429, 500]),
        error in prop_oneof![text(), "[a-z_]{1,20}"],
        mut body in object(),
        description in text(),
        codes in vec(prop_oneof![any::<u64>().prop_map(Value::from), document()], 0..40),
    ) {
        body.insert("error".to_owned(), error.clone().into());
        body.insert("error_description".to_owned(), format!("{description}CANARY").into());
        body.insert("trace_id".to_owned(), "CANARY".into());
        body.insert("error_codes".to_owned(), codes.into());
        body.insert("claims".to_owned(), "{\"CANARY\":{}}".into());
        let refused = || with_header(answer(status, Value::Object(body.clone()).to_string()), "www-authenticate", "CANARY");
        let run = run(Script::new().answers([refused(), refused()]), bearer(), &secret_client());
        let failed = run.error();
        let text = failed.to_string();
        prop_assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)), "{}", text);
        prop_assert!(text.len() <= 2_048);
        prop_assert!(is_silent(&text));
        assert_silent(failed);
        // The words are at hand, where the service refused.
        if status == 400 {
            prop_assert!(failed.description().is_some());
            prop_assert_eq!(failed.claims(), Some("{\"CANARY\":{}}"));
        }
        if failed.code() == error {
            prop_assert!(error.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte)) && error.len() <= 64);
        }
    }
}
