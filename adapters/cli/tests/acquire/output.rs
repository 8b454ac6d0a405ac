//! What is printed of a token, and where.

use crate::Outcome;
use crate::program::{Server, claims, program, run};

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
    assert_eq!(names, ["credential", "SendRequest", "answer", "Done"]);
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
    ] {
        assert!(got.out.contains(part), "{part}");
    }
    let widest = got.out.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(120), "{widest:?}");
    Ok(())
}
