//! Exit code 1: the service refuses, is not there, or is not trusted; a command fails. What it is, is said.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use entra_emulator::{Application, Emulator, Endpoint, Fault, Reply, TENANT_ID, Target};

use crate::Outcome;
use crate::program::{CLIENT, Run, Server, assert_refused, folder, program, run};

#[test]
fn the_service_refuses_and_its_words_are_shown() -> Outcome {
    let server = Server::start("service")?;
    let wrong = server.folder.join("wrong.txt");
    fs::write(&wrong, "no-such-secret")?;
    let wrong = wrong.display().to_string();
    let good = server.get("secret_file");
    let mixed = [
        &server.bound_assertion()[..2],
        &["--binding-certificate", server.get("certificate")],
        &["--binding-key", server.get("key"), "--region", "eastus"],
    ]
    .concat();
    let unregistered = [
        "--certificate",
        server.get("binding_certificate"),
        "--key",
        server.get("binding_key"),
    ];
    let tenant = ["--secret-file", good, "--tenant", "nobody.example"];
    assert_refused(
        &server,
        &[
            (
                &["--secret-file", &wrong],
                1,
                &[
                    "error: invalid_client: ",
                    "(HTTP 401, AADSTS7000215)",
                    "[correlation id ",
                    "\n  the service says: AADSTS7000215: Invalid client secret provided.",
                    // As it was said, without marks of escaping.
                    "for a secret added to app '11111111-1111-1111-1111-111111111111'.",
                ],
            ),
            (&tenant, 1, &["AADSTS90002", "Tenant 'nobody.example'"]),
            (&mixed, 1, &["AADSTS500181"]),
            (&unregistered, 1, &["AADSTS700027"]),
        ],
    )?;

    let unknown = server.arguments_with(CLIENT, "99999999-9999-9999-9999-999999999999");
    let got = run(program(&unknown).args(["--secret-file", good]))?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("error: unauthorized_client: "), "{got:?}");
    assert!(got.err.contains("AADSTS700016"), "{got:?}");
    Ok(())
}

#[test]
fn a_server_that_is_not_there_or_not_trusted_is_said_so() -> Outcome {
    let server = Server::start("unreachable")?;
    let nobody = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = format!("*:443:{nobody}");
    let secret = ["--secret-file", server.get("secret_file")];

    let arguments = server.arguments_with(server.get("resolve"), &nobody);
    let got = run(program(&arguments).args(secret))?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("error: connection_failed: "), "{got:?}");
    assert!(got.err.contains("connection refused"), "{got:?}");

    // A root of another emulator.
    let other = Server::start("untrusted")?;
    let arguments = server.arguments_with(server.get("ca_file"), other.get("ca_file"));
    let got = run(program(&arguments).args(secret))?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("error: tls_failed: "), "{got:?}");
    assert!(got.err.contains("check the trusted roots (--ca-file)"));

    // A file that holds no root.
    let arguments = server.arguments_with(server.get("ca_file"), server.get("key"));
    let got = run(program(&arguments).args(secret))?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("no root certificate found"), "{got:?}");
    Ok(())
}

#[test]
fn a_command_that_fails_says_how_and_not_what_it_printed() -> Outcome {
    let server = Server::start("command")?;
    for (command, said) in [
        ("sh -c 'exit 3'", "the assertion command ended with 3"),
        ("no-such-program-here", "did not start: entity not found"),
        ("echo canary", "printed neither a JWT nor "),
        // No shell: this is an argument like any other.
        ("echo canary; true", "printed neither a JWT nor "),
        (
            r#"echo '{"assertion":"canary","canary":1}'"#,
            "printed neither a JWT nor ",
        ),
        (
            r#"echo '{"assertion":"canary","certificate":"canary"}'"#,
            "no certificate found",
        ),
    ] {
        let got = server.run(&["--region", "eastus", "--assertion-command", command])?;
        assert_eq!(got.code, Some(1), "{command}: {got:?}");
        assert!(
            got.err.contains("error: assertion_provider_failed: "),
            "{got:?}"
        );
        assert!(got.err.contains(said), "{command}: {got:?}");
        assert!(!got.err.contains("canary"), "{command}: {got:?}");
    }
    Ok(())
}

#[test]
fn a_command_that_hangs_does_not_outlive_the_deadline() -> Outcome {
    let server = Server::start("hangs")?;
    let begun = Instant::now();
    let got = server.run(&["--deadline", "1", "--assertion-command", "sleep 60"])?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("no answer in time"), "{got:?}");
    // The deadline and what a busy machine takes, which is not the 60 s of the command.
    assert!(begun.elapsed() < Duration::from_secs(30));
    Ok(())
}

/// An emulator in this process, whose answers can be scripted.
fn scripted(reply: Reply) -> Result<Emulator, Box<dyn std::error::Error>> {
    let application = Application::new(CLIENT).secret("canary~secret");
    let emulator = Emulator::builder().application(application).start()?;
    emulator.set_fault(Target::Endpoint(Endpoint::Token), Fault::Reply(reply));
    Ok(emulator)
}

fn against(emulator: &Emulator, test: &str) -> std::io::Result<Run> {
    let folder = folder(test)?;
    let ca = folder.join("ca.pem");
    fs::write(&ca, emulator.ca_pem())?;
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let mut acquire = program(&["acquire", "--authority", &authority, "--client-id", CLIENT]);
    acquire
        .args(["--scope", "s/.default", "--no-proxy", "--secret-env", "S"])
        .args(["--resolve", &format!("*:443:{}", emulator.address())])
        .arg("--ca-file")
        .arg(&ca)
        .env("S", "canary~secret");
    run(&mut acquire)
}

#[test]
fn sec01_a_service_that_echoes_the_secret_does_not_get_it_printed() -> Outcome {
    let assertion = format!("eyJ{}.{}", "a".repeat(40), "b".repeat(40));
    let body = serde_json::json!({
        "error": "invalid_client",
        "error_description": format!("AADSTS7000215: not canary~secret\u{1b}[2J, nor {assertion}."),
    });
    let emulator = scripted(Reply::json(401, body.to_string()))?;
    let got = against(&emulator, "echo")?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(
        got.err
            .contains("  the service says: AADSTS7000215: not [hidden]\\u{1b}[2J, nor [hidden]"),
        "{got:?}"
    );
    for secret in ["canary", "aaaa", "\u{1b}"] {
        assert!(!got.err.contains(secret), "{secret}: {got:?}");
    }
    Ok(())
}

#[test]
fn a_claims_challenge_and_a_pause_are_said() -> Outcome {
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1702682181"}}}"#;
    let body = serde_json::json!({
        "error": "interaction_required",
        "error_description": "AADSTS50076: more is needed.",
        "claims": claims,
    });
    let emulator = scripted(Reply::json(400, body.to_string()))?;
    let got = against(&emulator, "challenge")?;
    assert_eq!(got.code, Some(1), "{got:?}");
    let said = format!("  to be answered with --claims JSON: {claims}\n");
    assert!(got.err.contains(&said), "{got:?}");

    let emulator = scripted(Reply::json(429, "{}").header("Retry-After", "70"))?;
    let got = against(&emulator, "throttled")?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("error: request_throttled: "), "{got:?}");
    assert!(got.err.contains("to be retried in 70 s"), "{got:?}");
    Ok(())
}
