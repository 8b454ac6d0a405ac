//! SEC-13: no secret is printed, no token unasked, and no option takes one.

use std::fs;

use entra_emulator::{Endpoint, Fault, Reply, Target};

use crate::Outcome;
use crate::program::{CLIENT, Server, program, run};
use crate::world::{BY_SECRET, REDIRECT_URI, VERIFIER, World};

/// A credential by its arguments, with the variable that it needs.
pub(crate) struct Credential<'a> {
    pub(crate) arguments: Vec<&'a str>,
    pub(crate) variable: Option<(&'static str, String)>,
}

/// One of every kind.
pub(crate) fn credentials(server: &Server) -> std::io::Result<Vec<Credential<'_>>> {
    let secret = fs::read_to_string(server.get("secret_file"))?;
    let region = ["--region", "eastus"];
    let given = [
        vec!["--secret-file", server.get("secret_file")],
        server.certificate().to_vec(),
        [&server.certificate()[..], &region, &["--pop"]].concat(),
        [&server.certificate()[..], &region, &["--send-over-mtls"]].concat(),
        vec!["--assertion-file", server.get("assertion_file")],
        [&server.bound_assertion()[..], &region].concat(),
        [
            &["--assertion-command", server.get("assertion_command")],
            &region[..],
        ]
        .concat(),
    ];
    let mut credentials: Vec<_> = given
        .into_iter()
        .chain(users(server))
        .map(|arguments| Credential {
            arguments,
            variable: None,
        })
        .collect();
    credentials.push(Credential {
        arguments: vec!["--secret-env", "MY_SECRET"],
        variable: Some(("MY_SECRET", secret)),
    });
    Ok(credentials)
}

/// What stands for a user, with a secret or with the pair.
fn users(server: &Server) -> impl Iterator<Item = Vec<&str>> {
    let redirect = ["--redirect-uri", server.get("redirect_uri")];
    let code = ["--code-file", server.get("code_file")];
    let pkce = [
        "--code-file",
        server.get("pkce_code_file"),
        "--code-verifier-file",
        server.get("code_verifier_file"),
    ];
    let secret = ["--secret-file", server.get("secret_file")];
    let pair = [&server.bound_assertion()[..], &["--region", "eastus"]].concat();
    [
        [
            &pair[..],
            &["--on-behalf-of-file", server.get("user_token_file")],
        ]
        .concat(),
        [
            &secret[..],
            &["--refresh-token-file", server.get("refresh_token_file")],
        ]
        .concat(),
        [&secret[..], &code, &redirect].concat(),
        [&pair[..], &pkce, &redirect].concat(),
        [
            &secret[..],
            &["--federated-user", server.get("user")],
            &["--user-assertion-file", server.get("user_assertion_file")],
        ]
        .concat(),
    ]
    .into_iter()
}

/// Everything in the emulator's files that is a secret: the secret, the assertions, what stands for users, the bodies of the keys.
pub(crate) fn canaries(server: &Server) -> std::io::Result<Vec<String>> {
    let mut canaries = Vec::new();
    for name in [
        "secret_file",
        "assertion_file",
        "bound_assertion_file",
        "user_token_file",
        "refresh_token_file",
        "code_file",
        "pkce_code_file",
        "code_verifier_file",
        "user_assertion_file",
    ] {
        canaries.push(fs::read_to_string(server.get(name))?);
    }
    for name in ["key", "rsa_key", "binding_key"] {
        let pem = fs::read_to_string(server.get(name))?;
        let body = pem.lines().filter(|line| !line.starts_with("-----"));
        canaries.extend(body.map(str::to_owned));
    }
    // Every JWT begins like this, so every token does.
    canaries.push("eyJ".to_owned());
    Ok(canaries)
}

/// None of them is in there.
pub(crate) fn assert_hidden(text: &str, canaries: &[String], what: &str) {
    for canary in canaries {
        assert!(!text.contains(canary), "{what} shows {canary}: {text}");
    }
}

#[test]
fn sec13_no_credential_and_no_token_is_printed_unasked() -> Outcome {
    let server = Server::start("unasked")?;
    let canaries = canaries(&server)?;
    let refused = server.arguments_with(CLIENT, "99999999-9999-9999-9999-999999999999");
    for credential in credentials(&server)? {
        for (arguments, code) in [(server.arguments(), 0), (refused.clone(), 1)] {
            let mut acquire = program(&arguments);
            acquire.args(&credential.arguments).arg("-vv");
            acquire.envs(credential.variable.clone());
            let got = run(&mut acquire)?;
            assert_eq!(got.code, Some(code), "{got:?}");
            let printed = format!("{}{}", got.out, got.err);
            assert_hidden(&printed, &canaries, &format!("{:?}", credential.arguments));
        }
    }
    Ok(())
}

#[test]
fn sec13_there_is_no_option_that_takes_a_secret() -> Outcome {
    let server = Server::start("no option")?;
    for option in [
        "--secret",
        "--client-secret",
        "--password",
        "--assertion",
        "--refresh-token",
        "--code",
        "--code-verifier",
        "--on-behalf-of",
        "--user-assertion",
    ] {
        for arguments in [
            vec![option.to_owned(), "canary~secret".to_owned()],
            vec![format!("{option}=canary~secret")],
        ] {
            let got = run(server.acquire(&[]).args(&arguments))?;
            assert_eq!(got.code, Some(2), "{got:?}");
            assert!(!got.err.contains("canary"), "{got:?}");
        }
    }
    // Who writes it in place of the variable's name does not find it in a log.
    let got = run(&mut server.acquire(&["--secret-env", "canary~secret"]))?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("takes the name of a variable"), "{got:?}");
    assert!(!got.err.contains("canary"), "{got:?}");
    // Nor who writes a token in place of its file, or of its variable's name.
    let token = format!("eyJ{}.{}", "a".repeat(40), "b".repeat(40));
    for place in [token.clone(), format!("env:{token}")] {
        let mut acquire = server.acquire(&["--secret-file", server.get("secret_file")]);
        let got = run(acquire.args(["--refresh-token-file", &place]))?;
        assert_eq!(got.code, Some(2), "{got:?}");
        assert!(!got.err.contains("aaa"), "{got:?}");
    }
    Ok(())
}

#[test]
fn sec01_a_service_that_echoes_what_stands_for_the_user_does_not_get_it_printed() -> Outcome {
    let world = World::start("echoed user")?;
    let body = serde_json::json!({
        "error": "invalid_grant",
        "error_description": format!("AADSTS70000: not 'code-1', nor {VERIFIER}, nor canary~secret."),
    });
    let reply = Fault::Reply(Reply::json(400, body.to_string()));
    world
        .emulator
        .set_fault(Target::Endpoint(Endpoint::Token), reply);
    let code = ["--code-file", "@code-1", "--redirect-uri", REDIRECT_URI];
    let verifier = ["--code-verifier-file", "@verifier"];
    let got = world.run(&[BY_SECRET, &code, &verifier])?;
    assert_eq!(got.code, Some(1), "{got:?}");
    let said = "AADSTS70000: not '[hidden]', nor [hidden], nor [hidden].";
    assert!(got.err.contains(said), "{got:?}");
    Ok(())
}
