//! What is printed of a token, and where.

use std::time::{Duration, Instant};

use entra_emulator::{Endpoint, Fault, Target};
use serde_json::{Value, json};

use crate::Outcome;
use crate::program::{Server, claims, program, run};
use crate::world::{BY_CERTIFICATE, World};

fn pop(server: &Server) -> Vec<&str> {
    let mut arguments = server.certificate().to_vec();
    arguments.extend(["--pop", "--region", "eastus"]);
    arguments
}

#[test]
fn a_summary_for_people_is_the_default() -> Outcome {
    let server = Server::start("summary")?;
    let thumbprint = server.thumbprint("certificate", "key")?;
    let got = run(&mut server.acquire(&pop(&server)))?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_eq!(
        got.out,
        format!(
            "mtls_pop token, good for 3599 s, bound to the certificate {thumbprint}, from eastus\n"
        )
    );
    assert_eq!(got.err, "");
    let secret = ["--secret-file", server.get("secret_file")];
    let got = run(&mut server.acquire(&secret))?;
    assert_eq!(got.out, "Bearer token, good for 3599 s\n");
    Ok(())
}

#[test]
fn token_and_header_print_one_line_and_nothing_else() -> Outcome {
    let server = Server::start("header")?;
    for (output, scheme) in [("token", ""), ("header", "mtls_pop ")] {
        let arguments = [&pop(&server)[..], &["--output", output]].concat();
        let got = run(&mut server.acquire(&arguments))?;
        assert_eq!((got.code, got.err.as_str()), (Some(0), ""), "{output}");
        let line = got.out.strip_suffix('\n').unwrap_or_default();
        let token = line.strip_prefix(scheme).unwrap_or_default();
        assert!(!token.contains([' ', '\n']), "{output}: {line}");
        assert_eq!(
            claims(token)?["cnf"]["x5t#S256"],
            server.thumbprint("certificate", "key")?
        );
    }
    Ok(())
}

#[test]
fn json_has_everything_that_a_program_wants() -> Outcome {
    let server = Server::start("json")?;
    let arguments = [&pop(&server)[..], &["-o", "json"]].concat();
    let got = run(&mut server.acquire(&arguments))?;
    assert_eq!((got.code, got.err.as_str()), (Some(0), ""));
    assert_eq!(got.out.lines().count(), 1);
    let printed = got.json()?;
    let token = printed["access_token"].as_str().unwrap_or_default();
    let claims = claims(token)?;
    assert_eq!(printed["token_type"], "mtls_pop");
    assert_eq!(printed["expires_in"], 3599);
    // Both clocks are this machine's; a second may pass between them.
    let expires_on = printed["expires_on"].as_i64().unwrap_or_default();
    let apart = expires_on - claims["exp"].as_i64().unwrap_or_default();
    assert!((-2..=2).contains(&apart), "{apart} s apart");
    assert_eq!(printed["region"], "eastus");
    assert_eq!(
        printed["token_endpoint"],
        Server::endpoint("eastus.mtlsauth.microsoft.com")
    );
    assert_eq!(printed["x5t#S256"], claims["cnf"]["x5t#S256"]);
    let id = printed["correlation_id"].as_str().unwrap_or_default();
    assert_eq!(id.len(), 36, "{id}");
    assert_eq!(printed["scopes"], json!([server.get("scope")]));
    assert_eq!(printed["region_origin"], "configured");
    assert_eq!(printed["attempts"], 1);
    assert_eq!(printed["cache"], "missing");
    // An application has none of these.
    for name in ["account", "refresh_token", "id_token"] {
        assert_eq!(printed.get(name), Some(&Value::Null), "{name}");
    }
    Ok(())
}

#[test]
fn durations_are_in_milliseconds() -> Outcome {
    let world = World::start("durations")?;
    let late = Fault::Delay(Duration::from_millis(200));
    world
        .emulator
        .fail_next(Target::Endpoint(Endpoint::Token), late);
    let begun = Instant::now();
    let got = world.run(&[BY_CERTIFICATE, &["--refresh-token-file", "@refresh"]])?;
    let passed = u64::try_from(begun.elapsed().as_millis())?;
    let printed = got.json()?;
    let spent = |name: &str| printed[name].as_u64().ok_or("no number");
    let (total, http) = (spent("total_ms")?, spent("http_ms")?);
    assert!((200..=total).contains(&http), "{printed}");
    assert!(total <= passed, "{printed}");
    assert!(spent("credential_ms")? <= total - http, "{printed}");
    let line = got.step("metadata").unwrap_or_default();
    let said = format!(", {total} ms (HTTP {http} ms, credential ");
    assert!(line.contains(&said), "{line}");
    Ok(())
}

#[test]
fn who_asks_for_steps_is_told_in_one_line_how_it_went() -> Outcome {
    let server = Server::start("metadata")?;
    let wrong = server.folder.join("wrong.txt");
    std::fs::write(&wrong, "no-such-secret")?;
    let wrong = wrong.display().to_string();
    let discover = [
        &pop(&server)[..4],
        &["--pop", "--region", "discover"],
        &["--resolve", server.get("imds_resolve")],
    ]
    .concat();
    let plain = Server::endpoint("login.microsoftonline.com");
    let regional = Server::endpoint("eastus.mtlsauth.microsoft.com");
    let secret = |file| vec!["--secret-file", file];
    let failing = ["--assertion-command", "false", "--region", "eastus"];
    for (arguments, code, begins) in [
        (
            secret(server.get("secret_file")),
            0,
            format!("attempts 1, endpoint {plain}, region none, cache missing, "),
        ),
        (
            discover,
            0,
            format!(
                "attempts 1, endpoint {regional}, region eastus (metadata_service), cache missing, "
            ),
        ),
        (
            secret(&wrong),
            1,
            format!("attempts 1, endpoint {plain}, region none, cache missing, "),
        ),
        (
            failing.to_vec(),
            1,
            "attempts 0, region none, cache missing, ".to_owned(),
        ),
    ] {
        let got = server.run(&arguments)?;
        assert_eq!(got.code, Some(code), "{got:?}");
        let line = got.step("metadata").unwrap_or_default();
        assert!(line.starts_with(&begins), "{line}");
        assert!(line.contains(" ms (HTTP ") && line.contains(" ms, credential "));
        let id = line.split("correlation id ").nth(1).unwrap_or_default();
        assert_eq!(id.len(), 36, "{line}");
        // It is the last of the steps; an error comes after it, with the same id.
        let last = got.steps().pop().unwrap_or_default();
        assert!(last.starts_with("metadata "), "{got:?}");
        let error = got.err.lines().find(|line| line.starts_with("error: "));
        assert_eq!(error.is_some(), code != 0, "{got:?}");
        assert!(error.is_none_or(|error| error.contains(id)), "{got:?}");

        let quiet = run(&mut server.acquire(&arguments))?;
        assert!(!quiet.err.contains("metadata"), "{quiet:?}");
    }
    Ok(())
}

#[test]
fn steps_go_to_standard_error_and_leave_the_output_alone() -> Outcome {
    let server = Server::start("verbose")?;
    let thumbprint = server.thumbprint("certificate", "key")?;
    let arguments = [&pop(&server)[..], &["--output", "token"]].concat();
    let got = server.run(&arguments)?;
    assert_eq!(got.out.lines().count(), 1);
    assert!(claims(&got.out).is_ok(), "{got:?}");
    assert!(got.err.lines().all(|line| line.starts_with("* ")));
    let names: Vec<_> = got
        .steps()
        .iter()
        .filter_map(|step| step.split_whitespace().next())
        .collect();
    assert_eq!(
        names,
        ["credential", "SendRequest", "answer", "Done", "metadata"]
    );
    assert_eq!(
        got.step("SendRequest"),
        Some(
            format!(
                "POST {} over mutual TLS with {thumbprint}",
                Server::endpoint("eastus.mtlsauth.microsoft.com")
            )
            .as_str()
        )
    );
    assert_eq!(got.step("answer"), Some("HTTP 200"));
    assert_eq!(
        got.step("Done"),
        Some(
            format!(
                "mtls_pop token, good for 3599 s, bound to the certificate {thumbprint}, from eastus"
            )
            .as_str()
        )
    );

    let got = run(server.acquire(&arguments).arg("-vv"))?;
    for step in ["LoadCache", "TakeTurn", "SaveCache"] {
        assert!(got.step(step).is_some(), "{step}: {got:?}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[test]
fn a_token_that_nobody_can_read_is_a_failure_and_no_panic() -> Outcome {
    let server = Server::start("full")?;
    let secret = ["--secret-file", server.get("secret_file"), "-o", "token"];
    let full = || std::fs::File::options().write(true).open("/dev/full");
    let ended = server.acquire(&secret).stdout(full()?).output()?;
    assert_eq!(ended.status.code(), Some(1));
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(
        err.starts_with("error: the token could not be printed: "),
        "{err}"
    );
    // Nor is it one if errors can't be printed.
    let ended = server.acquire(&[]).stderr(full()?).output()?;
    assert_eq!(ended.status.code(), Some(2));
    Ok(())
}

#[test]
fn help_says_how_it_ends_and_which_variables_count() -> Outcome {
    let got = run(&mut program(&["acquire", "--help"]))?;
    assert_eq!((got.code, got.err.as_str()), (Some(0), ""));
    for part in [
        "Exit codes:",
        "AZURE_TENANT_ID",
        "AZURE_CLIENT_SECRET",
        "AZURE_FEDERATED_TOKEN_FILE",
        "--secret-env <VARIABLE>",
        "--on-behalf-of-file <FILE>",
        "env:NAME for a variable",
    ] {
        assert!(got.out.contains(part), "{part}");
    }
    let widest = got.out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{widest:?}");
    Ok(())
}
