//! Exit code 2: the arguments, or the files and variables that they name, can't work before somebody changes them. Which, is said.

use std::fs;

use crate::Outcome;
use crate::program::{CLIENT, Server, assert_refused, folder, program, run};

#[test]
fn files_and_variables_are_named_in_their_errors() -> Outcome {
    let server = Server::start("files")?;
    let (certificate, key) = (server.get("certificate"), server.get("key"));
    let other_key = server.get("rsa_key");
    let missing = "entity not found";
    let no_such = "No such file or directory";
    let no_region = ["--region", "eastus"];
    let binding = server.get("binding_certificate");
    let assertion = server.get("assertion_file");
    assert_refused(
        &server,
        &[
            (
                &["--secret-file", "/no/file"],
                2,
                &["--secret-file /no/file: ", no_such],
            ),
            (
                &["--certificate", "/no/file"],
                2,
                &["--certificate /no/file: ", missing],
            ),
            (
                &["--certificate", certificate, "--key", "/no/file"],
                2,
                &["--key /no/file: ", missing],
            ),
            (
                &["--assertion-file", "/no/file"],
                2,
                &["--assertion-file /no/file: ", missing],
            ),
            (
                &[
                    "--assertion-file",
                    assertion,
                    "--binding-certificate",
                    "/no/file",
                ],
                2,
                &["--binding-certificate /no/file: ", missing],
            ),
            (
                &[
                    "--assertion-file",
                    assertion,
                    "--binding-certificate",
                    binding,
                    "--binding-key",
                    key,
                ],
                2,
                &[
                    &format!("--binding-key {key}: "),
                    "not that of the first certificate",
                ],
            ),
            (
                &["--certificate", certificate, "--key", other_key],
                2,
                &[
                    &format!("--key {other_key}: "),
                    "not that of the first certificate",
                ],
            ),
            (
                &["--certificate", key],
                2,
                &[
                    &format!("--certificate {key}: "),
                    "no certificate found; give PEM",
                ],
            ),
            (
                &["--certificate", certificate],
                2,
                &[
                    &format!("--certificate {certificate}: "),
                    "no private key found",
                ],
            ),
            (
                &["--secret-env", "NO_SUCH_VARIABLE"],
                2,
                &["the variable NO_SUCH_VARIABLE is not set"],
            ),
            (
                &["--secret-file", "/dev/null"],
                2,
                &["invalid_credential_material", "the client secret is empty"],
            ),
            (
                &[&no_region[..], &["--assertion-file", "/dev/null"]].concat(),
                2,
                &["--assertion-file /dev/null: ", "that is no whole JWT"],
            ),
        ],
    )?;

    for (name, path) in [
        ("AZURE_CLIENT_CERTIFICATE_PATH", "/no/file"),
        ("AZURE_FEDERATED_TOKEN_FILE", "/no/file"),
    ] {
        let got = run(server.acquire(&[]).env(name, path))?;
        assert_eq!(got.code, Some(2));
        assert!(got.err.contains(&format!("{name} {path}: {missing}")));
    }
    // Set and empty counts as not set.
    let got = run(server.acquire(&[]).env("AZURE_CLIENT_SECRET", ""))?;
    assert!(got.err.contains("error: no credential; "), "{got:?}");
    Ok(())
}

#[test]
fn arguments_that_do_not_go_together_are_usage_errors() -> Outcome {
    let server = Server::start("usage")?;
    let secret = ["--secret-file", server.get("secret_file")];
    let certificate = server.get("certificate");
    let assertion = server.get("assertion_file");
    let with = |further: &[&'static str]| [&secret[..], further].concat();
    assert_refused(
        &server,
        &[
            (&[], 2, &["no credential; give one of --secret-env, "]),
            (
                &[&secret[..], &["--certificate", certificate]].concat(),
                2,
                &["cannot be used with"],
            ),
            (
                &with(&["--secret-env", "S"]),
                2,
                &["'--secret-file <FILE>' cannot be used with"],
            ),
            (
                &with(&["--key", "k"]),
                2,
                &["--key goes with --certificate only"],
            ),
            (
                &with(&["--send-over-mtls"]),
                2,
                &["--send-over-mtls goes with --certificate only"],
            ),
            (
                &with(&["--send-x5c"]),
                2,
                &["--send-x5c goes with --certificate only"],
            ),
            (
                &with(&["--binding-certificate", "c"]),
                2,
                &["--binding-certificate goes with --assertion-file only"],
            ),
            (
                &["--assertion-command", "true", "--binding-certificate", "c"],
                2,
                &["--binding-certificate goes with --assertion-file only"],
            ),
            (
                &["--assertion-file", assertion, "--binding-key", "k"],
                2,
                &["--binding-key goes with --binding-certificate only"],
            ),
            (
                &with(&["--pop"]),
                2,
                &["mtls_certificate_not_provided", "give --certificate, or"],
            ),
            (
                &with(&["--resolve", "nonsense"]),
                2,
                &[
                    "invalid value 'nonsense'",
                    "write HOST:PORT:ADDRESS, such as",
                ],
            ),
            (&with(&["--deadline", "0"]), 2, &["invalid value '0'"]),
            (
                &with(&["--output", "xml"]),
                2,
                &["summary, json, token, header"],
            ),
            (
                &with(&["--ca-file", "/dev/null"]),
                2,
                &["cannot be used multiple times"],
            ),
        ],
    )
}

#[test]
fn route06_route07_route18_a_wrong_authority_is_said_before_anything_is_sent() -> Outcome {
    let folder = folder("authority")?;
    fs::write(folder.join("secret.txt"), "s")?;
    let secret = folder.join("secret.txt").display().to_string();
    for (authority, code) in [
        (
            "http://login.microsoftonline.com/contoso",
            "invalid_authority",
        ),
        ("login.microsoftonline.com/contoso", "invalid_authority"),
        ("https://login.microsoftonline.com", "invalid_authority"),
        (
            "https://login.microsoftonline.com/a..b/",
            "invalid_authority",
        ),
    ] {
        let mut acquire = program(&["acquire", "--authority", authority, "--client-id", CLIENT]);
        acquire.args(["--scope", "s/.default", "--secret-file", &secret]);
        let got = run(&mut acquire)?;
        assert_eq!(got.code, Some(2), "{authority}: {got:?}");
        assert!(got.err.contains(&format!("error: {code}: ")), "{got:?}");
    }
    let mut acquire = program(&["acquire", "--client-id", CLIENT, "--scope", "s/.default"]);
    let got = run(acquire.args(["--secret-file", &secret]))?;
    assert_eq!(got.code, Some(2));
    assert!(got.err.contains("give --authority URL, or a tenant with"));

    let server = Server::start("common")?;
    for tenant in ["common", "organizations"] {
        let arguments = ["--pop", "--region", "eastus", "--tenant", tenant];
        let got = server.run(&[&server.certificate()[..], &arguments].concat())?;
        assert_eq!(got.code, Some(2), "{got:?}");
        assert!(got.err.contains("error: missing_tenanted_authority: "));
        assert_eq!(got.step("SendRequest"), None);
    }
    Ok(())
}

#[test]
fn what_stands_for_a_user_is_one_thing_and_whole() -> Outcome {
    let server = Server::start("one user")?;
    let secret = ["--secret-file", server.get("secret_file")];
    let (token, code) = (server.get("user_token_file"), server.get("code_file"));
    let (uri, verifier) = (server.get("redirect_uri"), server.get("code_verifier_file"));
    let refresh = server.get("refresh_token_file");
    for (arguments, said) in [
        (
            &[
                "--on-behalf-of-file",
                token,
                "--refresh-token-file",
                refresh,
            ][..],
            "cannot be used with",
        ),
        (
            &[
                "--code-file",
                code,
                "--redirect-uri",
                uri,
                "--federated-user",
                "ada",
            ],
            "cannot be used with",
        ),
        (
            &["--code-file", code],
            "--code-file needs --redirect-uri too",
        ),
        (
            &["--redirect-uri", uri],
            "--redirect-uri goes with --code-file only",
        ),
        (
            &["--refresh-token-file", refresh, "--redirect-uri", uri],
            "--redirect-uri goes with --code-file only",
        ),
        (
            &[
                "--on-behalf-of-file",
                token,
                "--code-verifier-file",
                verifier,
            ],
            "--code-verifier-file goes with --code-file only",
        ),
        (
            &["--federated-user", "ada@contoso.com"],
            "--federated-user needs --user-assertion-file too",
        ),
        (
            &["--user-assertion-file", token],
            "--user-assertion-file goes with --federated-user only",
        ),
        (
            &["--refresh-token-file", "/no/file"],
            "--refresh-token-file /no/file: No such file or directory",
        ),
        (
            &["--on-behalf-of-file", "/dev/null"],
            "--on-behalf-of-file: there is nothing in /dev/null",
        ),
        (
            &["--on-behalf-of-file", "env:NO_SUCH_VARIABLE"],
            "--on-behalf-of-file: the variable NO_SUCH_VARIABLE is not set",
        ),
        (
            &[
                "--code-file",
                "-",
                "--redirect-uri",
                uri,
                "--code-verifier-file",
                "-",
            ],
            "--code-file and --code-verifier-file can't both read standard input",
        ),
    ] {
        let arguments = [&secret[..], arguments].concat();
        assert_refused(&server, &[(&arguments, 2, &[said])])?;
    }
    Ok(())
}

#[test]
fn claims_and_parameters_are_named_in_their_errors() -> Outcome {
    let server = Server::start("named claims")?;
    let secret = ["--secret-file", server.get("secret_file")];
    let with = |further: &[&'static str]| [&secret[..], further].concat();
    let code = "invalid_json_claims_format: ";
    assert_refused(
        &server,
        &[
            (&with(&["--claims", "{nonsense"]), 2, &["--claims: ", code]),
            (
                &with(&["--client-claims", "[]"]),
                2,
                &["--client-claims: ", code],
            ),
            (
                &with(&["--assertion-claims", "1"]),
                2,
                &["--assertion-claims: ", code],
            ),
            (
                &with(&["--challenge", "Bearer claims=\"canary"]),
                2,
                &["--challenge: ", code, "the field's whole value"],
            ),
            (
                &with(&["--challenge", "Bearer realm=\"\""]),
                2,
                &["--challenge: there are no claims in it"],
            ),
            (
                &with(&["--challenge", "Bearer claims=e30", "--claims", "{}"]),
                2,
                &["cannot be used with"],
            ),
            (&with(&["--parameter", "name"]), 2, &["write NAME=VALUE"]),
            (&with(&["--query", "=value"]), 2, &["write NAME=VALUE"]),
            (
                &with(&["--query", "a=1", "--query", "A=2"]),
                2,
                &["invalid_request_parameter: the parameter \"A\" comes twice"],
            ),
            (
                &with(&["--fmi-path", " "]),
                2,
                &["invalid_request_parameter: an FMI path is blank"],
            ),
            (&with(&["--authority-kind", "saml"]), 2, &["url, oidc"]),
        ],
    )?;
    let mut acquire = program(&["acquire", "--client-id", CLIENT, "--scope", "s/.default"]);
    acquire.args(secret).args(["--authority-kind", "oidc"]);
    let got = run(acquire.env("AZURE_TENANT_ID", "contoso.example"))?;
    assert_eq!(got.code, Some(2));
    let said = "--authority-kind oidc goes with --authority only";
    assert!(got.err.contains(said), "{got:?}");
    Ok(())
}
