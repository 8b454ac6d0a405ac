//! Every credential gets a token, in every form in which it may be given.

use std::fs;

use serde_json::{Value, json};

use crate::Outcome;
use crate::program::{CLIENT, Run, Server, TENANT, claims, program, run, run_with_input};

const LOGIN: &str = "login.microsoftonline.com";
const MTLS: &str = "eastus.mtlsauth.microsoft.com";

/// A Bearer token that came over plain TLS, for a client that proved itself like this (`azpacr`: 1 secret, 2 certificate or
/// assertion).
fn assert_plain(run: &Run, proof: &str) -> Outcome {
    assert_eq!(run.code, Some(0), "{run:?}");
    let sent = format!("POST {} over plain TLS", Server::endpoint(LOGIN));
    assert_eq!(run.step("SendRequest"), Some(sent.as_str()));
    let printed = run.json()?;
    assert_eq!(printed["token_type"], "Bearer");
    assert_eq!(printed["x5t#S256"], Value::Null);
    let claims = claims(printed["access_token"].as_str().unwrap_or_default())?;
    assert_eq!(claims["azpacr"], proof);
    assert_eq!(claims["azp"], CLIENT);
    assert_eq!(claims.get("cnf"), None);
    Ok(())
}

/// A token of that kind that came over mutual TLS with this certificate; a PoP token is bound to it.
fn assert_mtls(run: &Run, kind: &str, thumbprint: &str) -> Outcome {
    assert_eq!(run.code, Some(0), "{run:?}");
    let sent = format!(
        "POST {} over mutual TLS with {thumbprint}",
        Server::endpoint(MTLS)
    );
    assert_eq!(run.step("SendRequest"), Some(sent.as_str()));
    let printed = run.json()?;
    assert_eq!(printed["token_type"], kind);
    assert_eq!(printed["region"], "eastus");
    let claims = claims(printed["access_token"].as_str().unwrap_or_default())?;
    let bound = match kind {
        "mtls_pop" => json!(thumbprint),
        _ => Value::Null,
    };
    assert_eq!(printed["x5t#S256"], bound);
    assert_eq!(claims["cnf"]["x5t#S256"], bound);
    Ok(())
}

#[test]
fn a_secret_comes_from_a_file_a_variable_or_standard_input() -> Outcome {
    let server = Server::start("secret")?;
    let secret = fs::read_to_string(server.get("secret_file"))?;
    let json = ["--output", "json", "--verbose"];

    let mut by_file = server.acquire(&json);
    by_file.args(["--secret-file", server.get("secret_file")]);
    assert_plain(&run(&mut by_file)?, "1")?;

    let mut by_variable = server.acquire(&json);
    by_variable
        .args(["--secret-env", "MY_SECRET"])
        .env("MY_SECRET", &secret);
    assert_plain(&run(&mut by_variable)?, "1")?;

    let mut by_input = server.acquire(&json);
    by_input.args(["--secret-file", "-"]);
    // An editor's or echo's line end is no part of it.
    let got = run_with_input(&mut by_input, &format!("{secret}\n"))?;
    assert_plain(&got, "1")
}

#[test]
fn a_certificate_signs_an_assertion_with_either_kind_of_key() -> Outcome {
    let server = Server::start("signs")?;
    for (certificate, key, algorithm) in [
        ("certificate", "key", "ES256"),
        ("rsa_certificate", "rsa_key", "PS256"),
    ] {
        let thumbprint = server.thumbprint(certificate, key)?;
        for further in [&[][..], &["--send-x5c"]] {
            let mut arguments = vec!["--output", "json"];
            arguments.extend(["--certificate", server.get(certificate)]);
            arguments.extend(["--key", server.get(key)]);
            arguments.extend(further);
            let got = server.run(&arguments)?;
            assert_plain(&got, "2")?;
            let signed = format!("{algorithm} with {thumbprint}");
            assert_eq!(got.step("SignAssertion"), Some(signed.as_str()));
        }
    }
    Ok(())
}

#[test]
fn certificate_and_key_may_stand_in_one_file() -> Outcome {
    let server = Server::start("one file")?;
    let both = server.folder.join("both.pem");
    let certificate = fs::read_to_string(server.get("certificate"))?;
    let key = fs::read_to_string(server.get("key"))?;
    fs::write(&both, format!("{certificate}{key}"))?;
    let both = both.display().to_string();
    let got = server.run(&["--certificate", &both, "--output", "json"])?;
    assert_plain(&got, "2")
}

#[test]
fn cfg01_pop_with_a_certificate_is_bound_to_it_and_sends_no_assertion() -> Outcome {
    let server = Server::start("pop")?;
    let mut arguments = server.certificate().to_vec();
    arguments.extend(["--pop", "--region", "eastus", "--output", "json"]);
    let got = server.run(&arguments)?;
    assert_mtls(&got, "mtls_pop", &server.thumbprint("certificate", "key")?)?;
    assert_eq!(got.step("SignAssertion"), None);
    Ok(())
}

#[test]
fn send_over_mtls_signs_and_presents_the_certificate() -> Outcome {
    let server = Server::start("over mtls")?;
    let mut arguments = server.certificate().to_vec();
    arguments.extend(["--send-over-mtls", "--region", "eastus", "--output", "json"]);
    let got = server.run(&arguments)?;
    let thumbprint = server.thumbprint("certificate", "key")?;
    assert_mtls(&got, "Bearer", &thumbprint)?;
    let signed = format!("ES256 with {thumbprint}");
    assert_eq!(got.step("SignAssertion"), Some(signed.as_str()));
    Ok(())
}

#[test]
fn an_assertion_alone_stays_on_plain_tls() -> Outcome {
    let server = Server::start("assertion")?;
    let json = ["--output", "json"];
    let file = ["--assertion-file", server.get("assertion_file")];
    assert_plain(&server.run(&[json, file].concat())?, "2")?;

    let assertion = fs::read_to_string(server.get("assertion_file"))?;
    let mut by_input = server.acquire(&["--output", "json", "--verbose", "--assertion-file", "-"]);
    let got = run_with_input(&mut by_input, &format!("{assertion}\n"))?;
    assert_plain(&got, "2")?;

    let printed = json!({ "assertion": assertion }).to_string();
    let command = format!("printf %s '{printed}'");
    assert_plain(
        &server.run(&["--output", "json", "--assertion-command", &command])?,
        "2",
    )
}

#[test]
fn imp01_cfg02_an_assertion_with_its_certificate_moves_to_mutual_tls() -> Outcome {
    let server = Server::start("bound")?;
    let thumbprint = server.thumbprint("binding_certificate", "binding_key")?;
    let command = ["--assertion-command", server.get("assertion_command")];
    for credential in [&server.bound_assertion()[..], &command] {
        for (kind, further) in [("Bearer", &[][..]), ("mtls_pop", &["--pop"])] {
            let region = ["--region", "eastus", "--output", "json"];
            let got = server.run(&[credential, &region, further].concat())?;
            assert_mtls(&got, kind, &thumbprint)?;
        }
    }
    Ok(())
}

#[test]
fn the_command_is_told_the_context() -> Outcome {
    let server = Server::start("context")?;
    let script = format!("env > told; {}", server.get("assertion_command"));
    let command = format!("sh -c {}", shlex::try_quote(&script)?);
    let mut acquire = server.acquire(&["--region", "eastus", "--output", "json"]);
    acquire
        .args(["--assertion-command", &command])
        .current_dir(&server.folder);
    let got = run(&mut acquire)?;
    assert_eq!(got.code, Some(0), "{got:?}");

    let told = fs::read_to_string(server.folder.join("told"))?;
    let told = |name: &str| {
        told.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
            .map(str::to_owned)
    };
    let printed = got.json()?;
    for (name, value) in [
        ("ENTRA_CLIENT_ID", CLIENT),
        ("ENTRA_TENANT", TENANT),
        ("ENTRA_AUTHORITY", server.get("authority")),
        // The authority's own, whatever transport follows.
        ("ENTRA_TOKEN_ENDPOINT", &Server::endpoint(LOGIN)),
        (
            "ENTRA_CORRELATION_ID",
            printed["correlation_id"].as_str().unwrap_or_default(),
        ),
    ] {
        assert_eq!(told(name).as_deref(), Some(value), "{name}");
    }
    Ok(())
}

#[test]
fn the_variables_of_other_azure_tools_are_known() -> Outcome {
    let server = Server::start("azure")?;
    let secret = fs::read_to_string(server.get("secret_file"))?;
    let both = server.folder.join("both.pem");
    let certificate = fs::read_to_string(server.get("rsa_certificate"))?;
    let key = fs::read_to_string(server.get("rsa_key"))?;
    fs::write(&both, format!("{certificate}{key}"))?;
    let both = both.display().to_string();
    let assertion = server.get("assertion_file");

    let mut credentials = vec![
        ("AZURE_CLIENT_SECRET", secret.as_str()),
        ("AZURE_CLIENT_CERTIFICATE_PATH", &both),
        ("AZURE_FEDERATED_TOKEN_FILE", assertion),
    ];
    // Each in turn is the first that is set.
    for proof in ["1", "2", "2"] {
        let mut acquire = program(&["acquire", "--scope", server.get("scope"), "--verbose"]);
        acquire
            .args(["--ca-file", server.get("ca_file"), "--output", "json"])
            .args(["--resolve", server.get("resolve"), "--no-proxy"])
            .envs(credentials.iter().copied())
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", CLIENT);
        let got = run(&mut acquire)?;
        assert_plain(&got, proof)?;
        let signs = credentials.len() == 2;
        assert_eq!(got.step("SignAssertion").is_some(), signs);

        // Another cloud's host, in the two ways in which it is written.
        for host in [
            "https://login.microsoftonline.us/",
            "login.microsoftonline.us",
        ] {
            let got = run(acquire.env("AZURE_AUTHORITY_HOST", host))?;
            let sent = Server::endpoint("login.microsoftonline.us");
            let sent = format!("POST {sent} over plain TLS");
            assert_eq!(got.step("SendRequest"), Some(sent.as_str()), "{got:?}");
        }
        credentials.remove(0);
    }
    Ok(())
}

#[test]
fn an_option_goes_before_the_variables() -> Outcome {
    let server = Server::start("before")?;
    let mut acquire = server.acquire(&["--output", "json", "--verbose"]);
    acquire
        .args(["--secret-file", server.get("secret_file")])
        .env("AZURE_CLIENT_SECRET", "another")
        .env("AZURE_CLIENT_CERTIFICATE_PATH", "/nowhere.pem")
        .env("AZURE_CLIENT_ID", "another")
        .env("AZURE_TENANT_ID", "another.example")
        .env("AZURE_AUTHORITY_HOST", "https://login.another.example");
    assert_plain(&run(&mut acquire)?, "1")
}
