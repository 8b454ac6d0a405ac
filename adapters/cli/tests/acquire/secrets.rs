//! SEC-13: no secret is printed, no token unasked, and no option takes one.

use std::fs;

use crate::Outcome;
use crate::program::{CLIENT, Server, program, run};

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

/// Everything in the emulator's files that is a secret: the secret, the assertions, the bodies of the keys.
pub(crate) fn canaries(server: &Server) -> std::io::Result<Vec<String>> {
    let mut canaries = Vec::new();
    for name in ["secret_file", "assertion_file", "bound_assertion_file"] {
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
    for option in ["--secret", "--client-secret", "--password", "--assertion"] {
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
    Ok(())
}
