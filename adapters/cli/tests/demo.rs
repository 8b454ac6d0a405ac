//! `entra-token demo` as a user runs it: its text, its JSON, its exit code.

use std::process::{Command, Output};

use serde_json::Value;

type Outcome = Result<(), Box<dyn std::error::Error>>;

/// The outcomes, in order, each with what came of it.
const OUTCOMES: [(&str, &str); 13] = [
    (
        "a Bearer token through implicit mTLS",
        "Bearer token, sent to eastus.mtlsauth.microsoft.com over alpha, provider asked once",
    ),
    (
        "the same again",
        "Bearer token from the cache, provider not asked again, 0 new connections",
    ),
    (
        "a PoP token with a certificate",
        "mtls_pop token, sent to eastus.mtlsauth.microsoft.com over alpha, bound to alpha",
    ),
    (
        "a call of the protected resource with it",
        "HTTP 200 for mtls_pop over alpha",
    ),
    (
        "two legs, ending in a Bearer token",
        "Bearer token, sent to eastus.mtlsauth.microsoft.com over alpha, bound to no certificate",
    ),
    (
        "two legs, ending in a PoP token",
        "mtls_pop token, sent to eastus.mtlsauth.microsoft.com over alpha, bound to alpha",
    ),
    (
        "before a rotation of the certificate",
        "mtls_pop token, sent to eastus.mtlsauth.microsoft.com over alpha, bound to alpha, 1 new connection",
    ),
    (
        "after it",
        "mtls_pop token, sent to eastus.mtlsauth.microsoft.com over beta, bound to beta, 1 new connection",
    ),
    (
        "no region, implicit mTLS",
        "mtls_bearer_without_region, 0 connections",
    ),
    ("no region, PoP", "mtls_pop_without_region, 0 connections"),
    ("PoP at common", "missing_tenanted_authority, 0 connections"),
    (
        "an assertion bound to alpha, sent over beta",
        "invalid_request, AADSTS500181",
    ),
    ("a PoP request answered with Bearer", "token_type_mismatch"),
];

/// Nothing of the environment counts, be it a proxy or a region.
fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-token"));
    command.arg("demo").args(arguments);
    command
        .env("HTTPS_PROXY", "http://192.0.2.1:3128")
        .env("MSAL_DISABLE_REGION", "1")
        .env("REGION_NAME", "nowhere");
    command
}

fn printed(output: &Output) -> Result<String, std::string::FromUtf8Error> {
    String::from_utf8(output.stdout.clone())
}

fn json() -> Result<Value, Box<dyn std::error::Error>> {
    let output = demo(&["--json"]).output()?;
    let out = printed(&output)?;
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert_eq!(out.lines().count(), 1);
    Ok(serde_json::from_str(&out)?)
}

/// The steps of an outcome that begin with that name.
fn steps<'a>(demo: &'a Value, outcome: usize, name: &str) -> Vec<&'a str> {
    let steps = demo["outcomes"][outcome]["steps"].as_array();
    steps
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .filter(|step| step.trim_start().starts_with(name))
        .collect()
}

#[test]
fn every_outcome_is_as_expected_and_the_exit_code_is_0() -> Outcome {
    let demo = json()?;
    assert_eq!(demo["passed"], true);
    let outcomes = demo["outcomes"].as_array().ok_or("no outcomes")?;
    let seen: Vec<_> = outcomes
        .iter()
        .map(|outcome| (outcome["name"].as_str(), outcome["got"].as_str()))
        .collect();
    let wanted = OUTCOMES.map(|(name, got)| (Some(name), Some(got)));
    assert_eq!(seen, wanted);
    for outcome in outcomes {
        assert_eq!(outcome["ok"], true);
        assert_eq!(outcome["expected"], outcome["got"]);
    }
    Ok(())
}

#[test]
fn the_steps_show_host_transport_thumbprint_and_answer() -> Outcome {
    let demo = json()?;
    let [alpha, beta] = ["alpha", "beta"].map(|name| {
        let thumbprint = demo["certificates"][name].as_str().unwrap_or_default();
        assert_eq!(thumbprint.len(), 43, "{thumbprint}");
        format!("{thumbprint} ({name})")
    });
    assert_ne!(alpha, beta);
    let sent = |over: &str| {
        format!(
            "SendRequest       POST https://eastus.mtlsauth.microsoft.com/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token over mutual TLS with {over}"
        )
    };
    // The requests of each outcome, and the certificates that they went over.
    let requests: [(usize, &[&str]); 13] = [
        (0, &[&alpha]),
        (1, &[]),
        (2, &[&alpha]),
        (3, &[]),
        (4, &[&alpha, &alpha]),
        (5, &[&alpha]),
        (6, &[&alpha]),
        (7, &[&beta]),
        (8, &[]),
        (9, &[]),
        (10, &[]),
        (11, &[&beta]),
        (12, &[&alpha]),
    ];
    for (outcome, over) in requests {
        let seen: Vec<_> = steps(&demo, outcome, "SendRequest")
            .iter()
            .map(|step| step.trim_start())
            .collect();
        let wanted: Vec<_> = over.iter().map(|over| sent(over)).collect();
        assert_eq!(seen, wanted, "{}", OUTCOMES[outcome].0);
    }
    // Who was asked for assertions: not for the cache's Bearer token, not for a certificate.
    for (outcome, asked) in [1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 1, 0]
        .into_iter()
        .enumerate()
    {
        let seen = steps(&demo, outcome, "ObtainAssertion").len();
        assert_eq!(seen, asked, "{}", OUTCOMES[outcome].0);
    }
    for (outcome, status) in [(0, "200"), (2, "200"), (3, "200"), (11, "400"), (12, "200")] {
        let answer = format!("answer            HTTP {status}");
        assert_eq!(steps(&demo, outcome, "answer"), [answer]);
    }
    let called = format!(
        "send              GET https://resource.entra-emulator.test/secrets/answer with mtls_pop over mutual TLS with {alpha}"
    );
    assert_eq!(steps(&demo, 3, "send"), [called]);
    // The first leg's own flow stands further in, and is remembered for the second time.
    let first = format!("bound to {alpha}");
    let legs = [4, 5].map(|outcome| {
        let mut ended = steps(&demo, outcome, "Done");
        ended.retain(|step| step.starts_with("  "));
        ended
    });
    assert_eq!(
        legs,
        [
            [format!(
                "  Done              mtls_pop token from the network, {first}"
            )],
            [format!(
                "  Done              mtls_pop token from the cache, {first}"
            )]
        ]
    );
    Ok(())
}

#[test]
fn the_text_tells_the_same_and_ends_with_a_table() -> Outcome {
    let output = demo(&[]).output()?;
    let out = printed(&output)?;
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(output.stderr.is_empty());
    let (told, table) = out.split_once('┌').ok_or("no table")?;
    // Whatever was carried over to another line, in one piece again.
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    for (number, (name, got)) in OUTCOMES.into_iter().enumerate() {
        let title = format!(" {}. {name} ", number + 1);
        let (_, rest) = told.split_once(&title).ok_or(title)?;
        let next = format!(" {}. ", number + 2);
        let part = rest.split(&next).next().unwrap_or_default();
        assert!(part.trim_end().ends_with(&format!("=> {got}")), "{part}");
        let row = table
            .lines()
            .find(|line| line.contains(&format!("│ ok   {name} ")));
        assert!(row.is_some(), "{name} is not in {table}");
    }
    assert!(out.ends_with("\n13 of 13 outcomes as expected\n"), "{out}");
    assert!(!out.contains("NOT AS EXPECTED") && !out.contains("FAILED"));
    for line in table.lines() {
        assert!(line.chars().count() <= 120, "{line}");
    }
    Ok(())
}

#[test]
fn sec01_no_token_and_no_assertion_is_shown() -> Outcome {
    for arguments in [&[][..], &["--json"]] {
        let output = demo(arguments).output()?;
        // Every JWT begins with the one; the other is in every key's PEM.
        for secret in ["eyJ", "PRIVATE KEY"] {
            assert!(!printed(&output)?.contains(secret));
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn if_nobody_can_read_it_nobody_knows_that_it_went_well() -> Outcome {
    for arguments in [&[][..], &["--json"]] {
        let full = std::fs::File::options().write(true).open("/dev/full")?;
        let output = demo(arguments).stdout(full).output()?;
        assert_eq!(output.status.code(), Some(1));
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(err.starts_with("error: the demo ended early: "), "{err}");
    }
    Ok(())
}
