//! Expectations that are wrong: each fails and says where, so that those that pass can be trusted.

use std::fs;

use serde_json::{Value, json};

use super::{Change, Outcome, changed, folder, put, replay, scenarios, script, set};

/// The change that makes an expectation wrong, and what the line about it must say.
const WRONG: &[Change] = &[
    (
        "an output that is not expected",
        |s| script(s, |e| drop(e.remove(1))),
        &[
            "script[1]: expected no output before `assertion`",
            "wants_assertion",
        ],
    ),
    (
        "an output that never comes",
        |s| script(s, |e| e.insert(6, json!({ "waits": {} }))),
        &["script[6]: expected waits, got nothing"],
    ),
    (
        "another output",
        |s| set(s, "/script/1", json!({ "wants_certificate": {} })),
        &["script[1]: expected wants_certificate, got {\"wants_assertion\""],
    ),
    (
        "outputs that are left",
        |s| script(s, |e| drop(e.pop())),
        &["script[8]: expected the end of the script, got {\"token\""],
    ),
    (
        "wrong method",
        |s| put(s, "/script/3/sends", "method", json!("GET")),
        &["script[3]: expected sends with method \"GET\", got \"POST\""],
    ),
    (
        "wrong url",
        |s| put(s, "/script/3/sends", "url", json!("https://login.example/")),
        &[
            "script[3]: expected sends with url \"https://login.example/\"",
            "got \"https://eastus.mtlsauth",
        ],
    ),
    (
        "plain for mTLS",
        |s| put(s, "/script/3/sends", "transport", json!("plain")),
        &["script[3]: expected sends with transport \"plain\", got mtls \"alpha\""],
    ),
    (
        "wrong form value",
        |s| put(s, "/script/3/sends/form", "client_id", json!("x")),
        &["script[3]: expected sends with form.client_id [\"x\"]"],
    ),
    (
        "form value that is not there",
        |s| put(s, "/script/3/sends/form", "token_type", json!("mtls_pop")),
        &["script[3]: expected sends with form.token_type"],
    ),
    (
        "form_absent that is there",
        |s| put(s, "/script/3/sends", "form_absent", json!(["scope"])),
        &["script[3]: expected sends with no form.scope"],
    ),
    (
        "form_present that is not there",
        |s| put(s, "/script/3/sends", "form_present", json!(["claims"])),
        &["script[3]: expected sends with form.claims, got none"],
    ),
    (
        "form_json that is no JSON",
        |s| put(s, "/script/3/sends", "form_json", json!({ "scope": {} })),
        &["script[3]: expected sends with form_json.scope"],
    ),
    (
        "wrong header",
        |s| {
            put(
                s,
                "/script/3/sends",
                "headers",
                json!({ "accept": "text/html" }),
            )
        },
        &["script[3]: expected sends with headers.accept"],
    ),
    (
        "wrong query",
        |s| put(s, "/script/3/sends", "query", json!({ "x": "1" })),
        &["script[3]: expected sends with query.x"],
    ),
    (
        "wrong client for the provider",
        |s| put(s, "/script/1/wants_assertion", "client_id", json!("x")),
        &["script[1]: expected wants_assertion with client_id \"x\""],
    ),
    (
        "wrong claims for the provider",
        |s| put(s, "/script/1/wants_assertion", "claims", json!("{}")),
        &["script[1]: expected wants_assertion with claims"],
    ),
    (
        "wrong tenant for the provider",
        |s| put(s, "/script/1/wants_assertion", "tenant", json!(null)),
        &["script[1]: expected wants_assertion with tenant None"],
    ),
    (
        "wrong token",
        |s| put(s, "/script/5/token", "access_token", json!("T2")),
        &["script[5]: expected token with access_token \"T2\", got \"T1\""],
    ),
    (
        "wrong kind",
        |s| put(s, "/script/5/token", "token_type", json!("mtls_pop")),
        &["script[5]: expected token with token_type"],
    ),
    (
        "wrong source",
        |s| put(s, "/script/8/token", "source", json!("network")),
        &["script[8]: expected token with source"],
    ),
    (
        "wrong binding certificate",
        |s| put(s, "/script/5/token", "binding_certificate", json!("alpha")),
        &["script[5]: expected token with binding_certificate Some(\"alpha\"), got None"],
    ),
    (
        "wrong life",
        |s| put(s, "/script/8/token", "expires_in", json!(3500)),
        &["script[8]: expected token with expires_in 3500, got 3499"],
    ),
    (
        "wrong region",
        |s| put(s, "/script/5/token", "region", json!("westus")),
        &["script[5]: expected token with region"],
    ),
    (
        "wrong renewal",
        |s| put(s, "/script/5/token", "refresh_due", json!(true)),
        &["script[5]: expected token with refresh_due true"],
    ),
    (
        "an answer to another question",
        |s| {
            set(
                s,
                "/script/2",
                json!({ "certificate": { "name": "alpha" } }),
            )
        },
        &[
            "script[2]: expected a flow that awaits `certificate`, got a flow that awaits `assertion`",
        ],
    ),
    (
        "a flow that nobody began",
        |s| put(s, "/script/2", "of", json!("b")),
        &["script[2]: expected", "\"b\""],
    ),
    (
        "nothing where there is something",
        |s| set(s, "/script/1", json!({ "nothing": {} })),
        &["script[1]: expected nothing, got {\"wants_assertion\""],
    ),
    (
        "as_asked without waits",
        |s| set(s, "/script/6", json!({ "advance": { "as_asked": true } })),
        &["script[6]: expected `waits`"],
    ),
    (
        "renew without a renewal",
        |s| set(s, "/script/6", json!({ "renew": {} })),
        &["script[6]: expected a token with `refresh_due`"],
    ),
    (
        "a client that does not build",
        |s| put(s, "/client", "region", json!("a/b")),
        &["client: expected a client, got invalid_region"],
    ),
];

#[test]
fn an_expectation_that_is_wrong_fails_and_says_where() -> Outcome {
    for (what, change, said) in WRONG {
        let run = changed("wrong", change)?;
        assert_eq!(run.code, Some(1), "{what}: {}", run.out);
        assert!(run.out.ends_with("0 passed, 1 failed\n"), "{what}");
        for part in *said {
            assert!(run.out.contains(part), "{what}: {part} in {}", run.out);
        }
    }
    Ok(())
}

/// One of the scenarios, the change that makes it wrong, and what the line about it must say.
type OtherWrong = (&'static str, fn(&mut Value), &'static str);

const OTHER_WRONG: &[OtherWrong] = &[
    (
        "concurrency/single-flight",
        |s| put(s, "/script/5/joins", "of", json!("c")),
        "script[5]: expected joins with of \"c\", got \"a\"",
    ),
    (
        "concurrency/leader-fails",
        |s| script(s, |e| drop(e.pop())),
        "script[6]: expected the end of the script, got {\"error\"",
    ),
    (
        "responses/duplicate-member",
        |s| {
            put(
                s,
                "/script/3/error",
                "text_absent",
                json!(["one JSON object"]),
            )
        },
        "script[3]: expected error with no \"one JSON object\" in its text",
    ),
    (
        "responses/service-error",
        |s| put(s, "/script/3/error", "code", json!("invalid_grant")),
        "script[3]: expected error with code",
    ),
    (
        "responses/service-error",
        |s| put(s, "/script/3/error", "http_status", json!(400)),
        "script[3]: expected error with http_status",
    ),
    (
        "responses/service-error",
        |s| put(s, "/script/3/error", "aadsts", json!([1])),
        "script[3]: expected error with aadsts",
    ),
    (
        "responses/service-error",
        |s| put(s, "/script/3/error", "retryable", json!(true)),
        "script[3]: expected error with retryable",
    ),
    (
        "responses/refusal-with-claims",
        |s| put(s, "/script/3/error", "suberror", json!(null)),
        "script[3]: expected error with suberror",
    ),
    (
        "responses/refusal-with-claims",
        |s| put(s, "/script/3/error", "claims", json!("{}")),
        "script[3]: expected error with claims",
    ),
    (
        "retry/server-error-then-success",
        |s| put(s, "/script/5/waits", "at_most", json!(0.5)),
        "script[5]: expected waits with at_most 0.5",
    ),
    (
        "retry/retry-after-seconds",
        |s| put(s, "/script/3/waits", "seconds", json!(4)),
        "script[3]: expected waits with seconds 4",
    ),
    (
        "retry/server-error-then-success",
        |s| {
            put(
                s,
                "/script/7/wants_signature",
                "claims_differ",
                json!(["iss"]),
            )
        },
        "script[7]: expected wants_signature with a claims.iss that was not there before",
    ),
    (
        "cache/bearer-then-pop",
        |s| {
            put(
                s,
                "/script/1/wants_signature",
                "header_absent",
                json!(["alg"]),
            )
        },
        "script[1]: expected wants_signature with no header.alg",
    ),
    (
        "cache/bearer-then-pop",
        |s| put(s, "/script/1/wants_signature", "algorithm", json!("RS256")),
        "script[1]: expected wants_signature with algorithm \"RS256\"",
    ),
    (
        "cache/bearer-then-pop",
        |s| put(s, "/script/1/wants_signature/claims", "sub", json!("x")),
        "script[1]: expected wants_signature with claims.sub",
    ),
    (
        "claims/capabilities",
        |s| {
            put(
                s,
                "/script/3/sends/form_json/claims/access_token/xms_cc",
                "values",
                json!([]),
            )
        },
        "script[3]: expected sends with form_json.claims",
    ),
    (
        "region/host-injection-refused",
        |s| put(s, "/client", "region", json!("eastus")),
        "client: expected the build error invalid_region, got a client",
    ),
    (
        "region/host-injection-refused",
        |s| put(s, "", "expect_build_error", json!("invalid_authority")),
        "client: expected the build error invalid_authority, got invalid_region",
    ),
];

#[test]
fn joins_errors_waits_signatures_and_build_errors_are_checked_too() -> Outcome {
    for (name, change, said) in OTHER_WRONG {
        let path = scenarios().join(format!("{name}.json"));
        let mut scenario: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        change(&mut scenario);
        let path = folder("other")?.join("changed.json");
        fs::write(&path, scenario.to_string())?;
        let run = replay(&[&path])?;
        assert_eq!(run.code, Some(1), "{name}: {said}: {}", run.out);
        assert!(run.out.contains(said), "{name}: {said} in {}", run.out);
    }
    Ok(())
}
