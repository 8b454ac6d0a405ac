//! `explain` of what can't work, of what the service refuses, and in its other forms.

use std::fs;
use std::path::Path;

use entra_emulator::{Endpoint, Fault, Reply, Target};
use serde_json::{Value, json};

use crate::Outcome;
use crate::explain::{VAULT, authority, told};
use crate::program::{CLIENT, program, run};
use crate::world::{BY_CERTIFICATE, BY_PAIR, BY_SECRET, World};

#[test]
fn exp03_what_cannot_work_is_told_as_acquire_tells_it() -> Outcome {
    let world = World::start("cannot")?;
    let unknown = "https://login.contoso.example/contoso.example";
    let pop = ["--pop", "--scope", VAULT];
    let scope = ["--scope", VAULT];
    let pair = &BY_PAIR[..4];
    for (authority, arguments, code, rule) in [
        (
            authority(),
            [BY_SECRET, &pop].concat(),
            "mtls_certificate_not_provided",
            8,
        ),
        (
            authority(),
            [BY_CERTIFICATE, &pop].concat(),
            "mtls_pop_without_region",
            5,
        ),
        (
            authority(),
            [pair, &scope].concat(),
            "mtls_bearer_without_region",
            5,
        ),
        (
            authority(),
            BY_SECRET.to_vec(),
            "scopes_required_client_credentials",
            16,
        ),
        (
            authority(),
            [BY_SECRET, &scope, &["--region", "east-us"]].concat(),
            "invalid_region",
            6,
        ),
        (
            "https://login.microsoftonline.com/common".to_owned(),
            [BY_CERTIFICATE, &pop, &["--region", "eastus"]].concat(),
            "missing_tenanted_authority",
            7,
        ),
        (
            unknown.to_owned(),
            [BY_CERTIFICATE, &pop, &["--region", "eastus"]].concat(),
            "mtls_pop_not_supported_for_environment",
            7,
        ),
    ] {
        let acquired = run(&mut world.acquire_of(&authority, &arguments))?;
        let error = format!("error: {code}: ");
        assert!(acquired.err.contains(&error), "{acquired:?}");
        for format in ["text", "json", "html"] {
            let mut explain = world.command("explain", &authority, &arguments);
            let got = run(explain.args(["--format", format]))?;
            assert_eq!(got.code, acquired.code, "{got:?}");
            assert!(got.err.starts_with(&error), "{got:?}");
            // No log knows that id.
            assert!(!got.err.contains("correlation id"), "{got:?}");
            assert!(got.out.contains(code), "{got:?}");
            if format == "json" {
                let told = got.json()?;
                assert_eq!(told["error"]["code"], code);
                assert_eq!(told["error"]["fault"], "caller");
                let advice = told["error"]["advice"].as_str().unwrap_or_default();
                assert!(acquired.err.contains(advice) && !advice.is_empty());
                let what = told["error"]["what"].as_str().unwrap_or_default();
                assert!(acquired.err.contains(what) && !what.is_empty());
                let rules = told["rules"].as_array().into_iter().flatten();
                let rules: Vec<_> = rules.filter_map(|fired| fired["rule"].as_u64()).collect();
                assert!(rules.contains(&rule), "{code}: {rules:?}");
                assert_eq!(told["endpoint"], Value::Null);
            }
        }
    }
    // Arguments and files are told as ever.
    let mut explain = world.command("explain", &authority(), &["--certificate", "/no/file"]);
    let got = run(&mut explain)?;
    assert_eq!((got.code, got.out.as_str()), (Some(2), ""));
    assert!(got.err.contains("--certificate /no/file: "), "{got:?}");
    Ok(())
}

#[test]
fn exp04_what_is_told_of_refusals_is_what_happens_then() -> Outcome {
    let world = World::start("refusals")?;
    let arguments = [BY_CERTIFICATE, &["--scope", VAULT]].concat();
    let (_, told) = told(&world, &arguments)?;
    let row = |when: &str| {
        let mut rows = told["if"].as_array().into_iter().flatten();
        let found = rows.find(|row| row["when"] == when).cloned();
        found.ok_or_else(|| format!("{when}: {told}"))
    };
    for (when, reply) in [
        (
            "HTTP 401, invalid_client",
            Reply::json(401, r#"{"error":"invalid_client"}"#),
        ),
        ("HTTP 429 without Retry-After", Reply::json(429, "{}")),
        ("HTTP 503", Reply::json(503, "{}")),
    ] {
        let fault = Fault::Reply(reply);
        world
            .emulator
            .set_fault(Target::Endpoint(Endpoint::Token), fault);
        let before = world.emulator.token_requests().len();
        let acquired = run(&mut world.acquire_of(&authority(), &arguments))?;
        world.emulator.clear_faults();
        let row = row(when)?;
        let code = row["code"].as_str().unwrap_or_default();
        assert!(
            acquired.err.contains(&format!("error: {code}: ")),
            "{acquired:?}"
        );
        let requests = world.emulator.token_requests().len() - before;
        assert_eq!(row["requests"], requests, "{row}");
        let pause = acquired.step("Pause");
        assert_eq!(pause.is_some(), row["pause_ms"].is_array(), "{row}");
        if let (Some(pause), Some(bounds)) = (pause, row["pause_ms"].as_array()) {
            let pause: u64 = pause.trim_end_matches(" ms").parse()?;
            let bounds: Vec<_> = bounds.iter().filter_map(Value::as_u64).collect();
            // What is told was found by throwing dice 64 times, which seldom shows the very ends.
            assert!(
                (bounds[0].saturating_sub(100)..=bounds[1] + 100).contains(&pause),
                "{row}"
            );
        }
    }
    let again = row("the same is asked again")?;
    assert_eq!(
        (&again["requests"], &again["provider_asked"]),
        (&json!(0), &json!(0))
    );
    let waits = row("HTTP 429, Retry-After: 5")?;
    assert_eq!(waits["pause_ms"], json!([5_000, 5_000]));
    assert_eq!(waits["remembered"], true);
    Ok(())
}

#[test]
fn exp04_who_alone_names_the_certificate_is_asked_again_and_the_token_is_not() -> Outcome {
    let world = World::start("again")?;
    let arguments = [BY_PAIR, &["--pop", "--scope", VAULT]].concat();
    let (_, told) = told(&world, &arguments)?;
    assert_eq!(told["steps"][0]["step"], "ObtainAssertion");
    let again = &told["if"][0];
    assert_eq!(again["when"], "the same is asked again");
    assert_eq!(
        (&again["requests"], &again["provider_asked"]),
        (&json!(0), &json!(1))
    );
    let unavailable = told["if"].as_array().into_iter().flatten();
    let mut unavailable = unavailable.filter(|row| row["when"] == "HTTP 503");
    let asked = unavailable.next().map(|row| row["provider_asked"].clone());
    assert_eq!(asked, Some(json!(2)), "a pair for each attempt");
    Ok(())
}

#[test]
fn exp01_a_command_may_print_a_certificate_or_none_and_both_are_told() -> Outcome {
    let world = World::start("either")?;
    let command = [
        "--assertion-command",
        "no-such-program",
        "--region",
        "eastus",
    ];
    let arguments = [&command[..], &["--scope", VAULT]].concat();
    let (_, bound) = told(&world, &arguments)?;
    assert_eq!(bound["transport"], "mtls");
    assert_eq!(bound["certificate"], "the provider's certificate");
    let (_, unbound) = told(&world, &[&arguments[..], &["--unbound"]].concat())?;
    assert_eq!(unbound["transport"], "plain");
    for (told, when, over) in [
        (
            bound,
            "the provider brings no certificate",
            "over plain TLS to eastus.login.",
        ),
        (
            unbound,
            "the provider brings a certificate",
            "over mutual TLS to eastus.mtlsauth.",
        ),
    ] {
        let mut rows = told["if"].as_array().into_iter().flatten();
        let row = rows.find(|row| row["when"] == when).ok_or(when)?;
        let then = row["then"].as_str().unwrap_or_default();
        assert!(then.starts_with(over), "{then}");
    }
    Ok(())
}

#[test]
fn the_page_needs_nothing_else_and_has_every_part() -> Outcome {
    let world = World::start("page")?;
    let arguments = [BY_PAIR, &["--scope", VAULT, "--format", "html"]].concat();
    let page = run(&mut world.command("explain", &authority(), &arguments))?.out;
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    for foreign in [
        "<script",
        "src=",
        "href=",
        "@import",
        "http-equiv=\"refresh\"",
        "<link",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    // The only address in a style is of an arrow's head.
    assert!(page.split("url(").skip(1).all(|rest| rest.starts_with('#')));
    for part in [
        "prefers-color-scheme:dark",
        "@media print",
        "<svg ",
        ">application</text>",
        ">core</text>",
        ">cache</text>",
        ">IMDS</text>",
        ">Entra</text>",
        "Implicit mutual TLS",
        "client_assertion_type",
        "HTTP 429, Retry-After: 5",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for tag in [
        "section", "table", "tr", "svg", "g", "text", "div", "ol", "li", "dl", "code",
    ] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    Ok(())
}

#[test]
fn exp01_the_documents_show_what_is_printed() -> Outcome {
    let mut explain = program(&[
        "explain",
        "--tenant",
        "contoso.onmicrosoft.com",
        "--client-id",
        CLIENT,
    ]);
    explain
        .args(["--scope", VAULT, "--region", "eastus"])
        .args(["--assertion-command", "get-pair"]);
    let printed = run(&mut explain)?.out;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for document in ["README.md", "docs/EXPLAIN.md"] {
        let text = fs::read_to_string(root.join(document))?;
        let shown = text
            .split("```text\nBearer token over")
            .nth(1)
            .ok_or(document)?;
        let shown = shown.split("```").next().unwrap_or_default();
        for line in format!("Bearer token over{shown}").lines() {
            assert!(
                line == "…" || printed.lines().any(|real| real == line),
                "{document}: {line}"
            );
        }
    }
    // Every member of the JSON object, and every rule by its title.
    let got = run(explain.args(["--format", "json"]))?;
    let members = got.json()?;
    let text = fs::read_to_string(root.join("docs/EXPLAIN.md"))?;
    for name in members
        .as_object()
        .into_iter()
        .flat_map(|members| members.keys())
    {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
    for fired in members["rules"].as_array().into_iter().flatten() {
        let row = format!(
            "| {} | {} |",
            fired["rule"],
            fired["title"].as_str().unwrap_or_default()
        );
        assert!(text.contains(&row), "{row}");
    }
    Ok(())
}
