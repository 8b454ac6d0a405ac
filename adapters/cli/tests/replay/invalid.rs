//! Files that are no scenarios: each is a failure that names the field.

use std::fs;

use serde_json::json;

use super::{Change, Outcome, changed, folder, good, put, replay, set};

const INVALID: &[Change] = &[
    (
        "unknown top-level field",
        |s| put(s, "", "scripts", json!([])),
        &["scripts"],
    ),
    (
        "no name",
        |s| drop(s.as_object_mut().map(|s| s.remove("name"))),
        &["`name`"],
    ),
    (
        "no client",
        |s| drop(s.as_object_mut().map(|s| s.remove("client"))),
        &["`client`"],
    ),
    (
        "neither script nor build error",
        |s| drop(s.as_object_mut().map(|s| s.remove("script"))),
        &["script"],
    ),
    (
        "both script and build error",
        |s| put(s, "", "expect_build_error", json!("*")),
        &["expect_build_error"],
    ),
    (
        "start is no time",
        |s| put(s, "", "start", json!("yesterday")),
        &["start"],
    ),
    (
        "unknown field of a certificate",
        |s| put(s, "/certificates/alpha", "pem", json!("")),
        &["certificates.alpha", "pem"],
    ),
    (
        "a DER that is no base64",
        |s| put(s, "/certificates/alpha", "der", json!("-")),
        &["certificates.alpha.der"],
    ),
    (
        "unknown field of the client",
        |s| put(s, "/client", "regions", json!("eastus")),
        &["client", "regions"],
    ),
    (
        "mistyped field of the client",
        |s| put(s, "/client", "instance_discovery", json!("no")),
        &["client.instance_discovery"],
    ),
    (
        "unknown policy",
        |s| put(s, "/client", "region_policy", json!("maybe")),
        &["client.region_policy", "maybe"],
    ),
    (
        "unknown variable",
        |s| put(s, "/client", "environment", json!({ "REGION": "x" })),
        &["client.environment", "REGION"],
    ),
    (
        "unknown credential",
        |s| put(s, "/client/credential", "kind", json!("password")),
        &["client.credential", "password"],
    ),
    (
        "field of another credential",
        |s| put(s, "/client/credential", "secret", json!("x")),
        &["client.credential", "secret"],
    ),
    (
        "send_x5c beside a pair",
        |s| put(s, "/client/credential", "send_x5c", json!(true)),
        &["client.credential", "send_x5c"],
    ),
    (
        "credential without its field",
        |s| put(s, "/client", "credential", json!({ "kind": "secret" })),
        &["client.credential", "secret"],
    ),
    (
        "unknown certificate of the credential",
        |s| {
            put(
                s,
                "/client",
                "credential",
                json!({ "kind": "certificate", "certificate": "gamma" }),
            )
        },
        &["client.credential.certificate", "gamma"],
    ),
    (
        "unknown input",
        |s| put(s, "/script/0", "acquires", json!({})),
        &["script[0]", "acquires"],
    ),
    (
        "unknown field of an input",
        |s| put(s, "/script/0/acquire", "scope", json!("x")),
        &["script[0].acquire", "scope"],
    ),
    (
        "mistyped field of an input",
        |s| put(s, "/script/0/acquire", "pop", json!("yes")),
        &["script[0].acquire.pop"],
    ),
    (
        "null for a text",
        |s| put(s, "/script/0/acquire", "tenant", json!(null)),
        &["script[0].acquire.tenant"],
    ),
    (
        "unknown grant",
        |s| put(s, "/script/0/acquire", "grant", json!("password")),
        &["script[0].acquire.grant", "password"],
    ),
    (
        "half a grant",
        |s| {
            put(
                s,
                "/script/0/acquire",
                "grant",
                json!({ "authorization_code": "x" }),
            )
        },
        &["script[0].acquire.grant", "redirect_uri"],
    ),
    (
        "unknown offered certificate",
        |s| put(s, "/script/0/acquire", "offers_certificate", json!("gamma")),
        &["script[0].acquire.offers_certificate", "gamma"],
    ),
    (
        "unknown certificate of an answer",
        |s| put(s, "/script/2/assertion", "certificate", json!("gamma")),
        &["script[2].assertion.certificate", "gamma"],
    ),
    (
        "failed beside an answer",
        |s| put(s, "/script/2/assertion", "failed", json!("x")),
        &["script[2].assertion", "failed"],
    ),
    (
        "unknown field of an output",
        |s| put(s, "/script/3/sends", "body", json!("x")),
        &["script[3].sends", "body"],
    ),
    (
        "mistyped field of a form",
        |s| put(s, "/script/3/sends/form", "client_id", json!(1)),
        &["script[3].sends.form.client_id"],
    ),
    (
        "unknown transport",
        |s| put(s, "/script/3/sends", "transport", json!("tls")),
        &["script[3].sends.transport", "tls"],
    ),
    (
        "unknown certificate of a transport",
        |s| {
            put(
                s,
                "/script/3/sends",
                "transport",
                json!({ "mtls": "gamma" }),
            )
        },
        &["script[3].sends.transport.mtls", "gamma"],
    ),
    (
        "json and text",
        |s| put(s, "/script/4/response", "text", json!("x")),
        &["script[4].response", "text"],
    ),
    (
        "a status that is none",
        |s| put(s, "/script/4/response", "status", json!(99)),
        &["script[4].response", "status"],
    ),
    (
        "unknown token type",
        |s| put(s, "/script/5/token", "token_type", json!("bearer")),
        &["script[5].token.token_type", "bearer"],
    ),
    (
        "unknown certificate of a token",
        |s| put(s, "/script/5/token", "binding_certificate", json!("gamma")),
        &["script[5].token.binding_certificate", "gamma"],
    ),
    (
        "mistyped number",
        |s| put(s, "/script/6/advance", "seconds", json!("100")),
        &["script[6].advance.seconds"],
    ),
    (
        "two ways to advance",
        |s| put(s, "/script/6/advance", "as_asked", json!(true)),
        &["script[6].advance", "as_asked"],
    ),
    (
        "two kinds in one entry",
        |s| put(s, "/script/6", "cancel", json!({})),
        &["script[6]", "advance", "cancel"],
    ),
    (
        "no kind in an entry",
        |s| set(s, "/script/6", json!({ "of": "a" })),
        &["script[6]"],
    ),
    (
        "as beside an output",
        |s| put(s, "/script/5", "as", json!("a")),
        &["script[5]", "as", "token"],
    ),
    (
        "of beside acquire",
        |s| put(s, "/script/0", "of", json!("a")),
        &["script[0]", "of", "acquire"],
    ),
    (
        "an unknown failure",
        |s| {
            set(
                s,
                "/script/4",
                json!({ "transport_failed": { "kind": "dns" } }),
            )
        },
        &["script[4].transport_failed.kind", "dns"],
    ),
    (
        "a member of nothing",
        |s| set(s, "/script/6", json!({ "nothing": { "x": 1 } })),
        &["script[6].nothing", "x"],
    ),
];

#[test]
fn a_file_that_is_no_scenario_is_a_failure_that_names_the_field() -> Outcome {
    for (what, change, said) in INVALID {
        let run = changed("invalid", change)?;
        assert_eq!(run.code, Some(1), "{what}");
        assert!(run.out.starts_with("FAILED "), "{what}: {}", run.out);
        assert!(run.out.ends_with("0 passed, 1 failed\n"), "{what}");
        for part in *said {
            assert!(run.out.contains(part), "{what}: {part} in {}", run.out);
        }
    }
    Ok(())
}

#[test]
fn a_name_that_is_there_twice_is_a_failure_that_names_it() -> Outcome {
    let text = good()?.to_string();
    for (once, twice, said) in [
        ("\"name\":", "\"name\":\"x\",\"name\":", "name"),
        ("\"pop\":", "\"pop\":true,\"pop\":", "pop"),
        ("\"form\":{", "\"form\":{\"scope\":\"x\",", "scope"),
        ("\"scopes\":", "\"scopes\":[],\"scopes\":", "scopes"),
        (
            "\"certificates\":{",
            "\"certificates\":{\"alpha\":{\"der\":\"\"},",
            "alpha",
        ),
    ] {
        let path = folder("twice")?.join("twice.json");
        let changed = text.replacen(once, twice, 1);
        if changed == text {
            continue;
        }
        fs::write(&path, changed)?;
        let run = replay(&[&path])?;
        assert_eq!(run.code, Some(1), "{said}");
        assert!(run.out.contains(said), "{said} in {}", run.out);
    }
    Ok(())
}
