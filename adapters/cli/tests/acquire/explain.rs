//! `explain`: what it tells is what `acquire` then does, and nothing is sent, run or read for it.

use std::io::ErrorKind;
use std::net::TcpListener;
use std::path::Path;

use entra_emulator::TENANT_ID;
use serde_json::{Value, json};

use crate::Outcome;
use crate::program::{CLIENT, Run, Server, program, run};
use crate::secrets::{assert_hidden, canaries, credentials};
use crate::world::{BY_CERTIFICATE, BY_PAIR, BY_SECRET, REDIRECT_URI, SCOPE, USER, World};

pub(crate) const VAULT: &str = "https://vault.azure.net/.default";

pub(crate) fn authority() -> String {
    format!("https://login.microsoftonline.com/{TENANT_ID}")
}

/// What is told of it, as JSON.
pub(crate) fn told(
    world: &World,
    arguments: &[&str],
) -> Result<(Run, Value), Box<dyn std::error::Error>> {
    let mut explain = world.command("explain", &authority(), arguments);
    let got = run(explain.args(["--format", "json"]))?;
    let told = got.json()?;
    Ok((got, told))
}

/// The names of steps, without what is no step of the core and without the end, which is told in another way.
fn steps(acquired: &Run) -> Vec<&str> {
    let no_steps = ["credential", "grant", "answer", "metadata", "Done"];
    let names = acquired.steps().into_iter();
    let names = names.filter_map(|step| step.split_whitespace().next());
    names.filter(|name| !no_steps.contains(name)).collect()
}

#[test]
fn exp01_what_is_told_is_what_is_done() -> Outcome {
    let world = World::start("told")?;
    let in_region = ["--region", "eastus"];
    let own = [
        "--parameter",
        "dc=x",
        "--query",
        "slice=y",
        "--capability",
        "cp1",
    ];
    let code = ["--code-file", "@code-1", "--redirect-uri", REDIRECT_URI];
    let pkce = ["--code-file", "@pkce-1", "--redirect-uri", REDIRECT_URI];
    let verifier = ["--code-verifier-file", "@verifier"];
    let user = ["--federated-user", USER, "--user-assertion-file"];
    let claims = [
        "--claims",
        r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#,
    ];
    let cases: Vec<(&str, Vec<&str>)> = vec![
        (VAULT, BY_SECRET.to_vec()),
        (VAULT, [BY_SECRET, &own].concat()),
        (VAULT, [BY_SECRET, &claims].concat()),
        (VAULT, [BY_SECRET, &in_region].concat()),
        (VAULT, [BY_SECRET, &["--fmi-path", "pool/agent"]].concat()),
        (VAULT, BY_CERTIFICATE.to_vec()),
        (VAULT, [BY_CERTIFICATE, &["--send-x5c"]].concat()),
        (
            VAULT,
            [BY_CERTIFICATE, &in_region, &["--send-over-mtls"]].concat(),
        ),
        (VAULT, [BY_CERTIFICATE, &in_region, &["--pop"]].concat()),
        (
            VAULT,
            [BY_CERTIFICATE, &["--region-optional", "--pop"]].concat(),
        ),
        (VAULT, vec!["--assertion-file", "@assertion.jwt"]),
        (VAULT, BY_PAIR.to_vec()),
        (VAULT, [BY_PAIR, &["--pop"]].concat()),
        (
            SCOPE,
            [BY_PAIR, &["--on-behalf-of-file", "@user.jwt"]].concat(),
        ),
        (
            SCOPE,
            [BY_SECRET, &["--refresh-token-file", "@refresh"]].concat(),
        ),
        (SCOPE, [BY_SECRET, &code].concat()),
        (SCOPE, [BY_PAIR, &pkce, &verifier].concat()),
        (SCOPE, [BY_SECRET, &user, &["@assertion.jwt"]].concat()),
    ];
    for (scope, arguments) in cases {
        let arguments = [&["--scope", scope], &arguments[..]].concat();
        let (explained, told) = told(&world, &arguments)?;
        assert_eq!(explained.code, Some(0), "{explained:?}");
        let acquired = run(world.acquire_of(&authority(), &arguments).arg("-v"))?;
        assert_eq!(acquired.code, Some(0), "{acquired:?}");
        let sent = world.sent()?;

        assert_eq!(told["endpoint"]["url"], sent.url(), "{arguments:?}");
        let certificate = json!(sent.client_thumbprint());
        assert_eq!(told["certificate"], certificate, "{arguments:?}");
        let transport = if certificate.is_null() {
            "plain"
        } else {
            "mtls"
        };
        assert_eq!(told["transport"], transport);
        let printed = acquired.json()?;
        assert_eq!(told["token_type"], printed["token_type"]);
        assert_eq!(told["region"]["name"], printed["region"]);
        assert_eq!(told["region"]["origin"], printed["region_origin"]);

        let body = told["body"].as_array().ok_or("no body")?;
        let names: Vec<_> = body
            .iter()
            .filter_map(|field| field["name"].as_str())
            .collect();
        let sent_names: Vec<_> = sent.form.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, sent_names, "{arguments:?}");
        for (field, (name, value)) in body.iter().zip(&sent.form) {
            match field.get("value") {
                Some(shown) => assert_eq!(shown, value, "{name}"),
                None => assert!(field["hidden"].is_string(), "{name}"),
            }
        }
        for header in told["headers"].as_array().into_iter().flatten() {
            let header = header.as_str().unwrap_or_default();
            assert!(sent.header(header).is_some(), "{header}");
        }
        let names: Vec<_> = told["steps"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|step| step["step"].as_str())
            .filter(|step| *step != "Done")
            .collect();
        assert_eq!(names, steps(&acquired), "{arguments:?}");
    }
    Ok(())
}

#[test]
fn exp01_a_region_that_is_to_be_discovered_is_a_stand_in_that_says_so() -> Outcome {
    let world = World::start("discovered")?;
    let arguments = [
        BY_CERTIFICATE,
        &["--pop", "--region", "discover", "--scope", VAULT],
    ]
    .concat();
    let (explained, told) = told(&world, &arguments)?;
    assert_eq!(explained.code, Some(0), "{explained:?}");
    let imds = format!("169.254.169.254:80:{}", world.emulator.imds_address());
    let arguments = [&arguments[..], &["--resolve", &imds, "-v"]].concat();
    let acquired = run(&mut world.acquire_of(&authority(), &arguments))?;
    assert_eq!(acquired.code, Some(0), "{acquired:?}");
    let told_host = told["endpoint"]["host"].as_str().unwrap_or_default();
    assert_eq!(
        told_host.replace("someregion", "eastus"),
        world.sent()?.host
    );
    let notes = told["notes"].to_string();
    assert!(
        notes.contains("someregion stands for the region"),
        "{notes}"
    );
    let names: Vec<_> = told["steps"].as_array().into_iter().flatten().collect();
    assert_eq!(names.len(), steps(&acquired).len() + 1);
    Ok(())
}

#[test]
fn exp02_nothing_is_sent_run_or_read() -> Outcome {
    let world = World::start("unread")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let resolve = format!("*:443:{}", listener.local_addr()?);
    let imds = format!("*:80:{}", listener.local_addr()?);
    // The public part alone.
    world.write("public.pem", &world.client.certificate_pem())?;
    for credential in [
        &["--secret-file", "/no/secret"][..],
        &["--secret-env", "NO_SUCH_VARIABLE"],
        &["--certificate", "@public.pem", "--key", "/no/key", "--pop"],
        &["--assertion-file", "/no/assertion"],
        &[
            "--assertion-command",
            "touch ran",
            "--on-behalf-of-file",
            "/no/token",
        ],
        &["--managed-identity", "system"],
    ] {
        for format in ["text", "json", "html"] {
            let arguments = [credential, &["--scope", SCOPE, "--region", "discover"]].concat();
            let mut explain = program(&["explain", "--client-id", CLIENT]);
            explain
                .args(["--authority", &authority(), "--format", format])
                .args(["--resolve", &resolve, "--resolve", &imds])
                .args(
                    arguments
                        .iter()
                        .map(|argument| match argument.strip_prefix('@') {
                            Some(name) => world.file(name),
                            None => (*argument).to_owned(),
                        }),
                )
                .current_dir(Path::new(&world.file("")));
            let got = run(&mut explain)?;
            assert_eq!(got.code, Some(0), "{credential:?}: {got:?}");
        }
    }
    assert!(!Path::new(&world.file("ran")).exists());
    let nobody = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(nobody, Err(ErrorKind::WouldBlock));
    Ok(())
}

#[test]
fn exp02_sec01_no_secret_is_in_what_is_told_in_any_form() -> Outcome {
    let server = Server::start("told secrets")?;
    let canaries = canaries(&server)?;
    for credential in credentials(&server)? {
        for format in ["text", "json", "html"] {
            let mut arguments = server.arguments_with("acquire", "explain");
            arguments.extend(&credential.arguments);
            arguments.extend(["--format", format]);
            let mut explain = program(&arguments);
            let got = run(explain.envs(credential.variable.clone()))?;
            assert_eq!(got.code, Some(0), "{got:?}");
            let printed = format!("{}{}", got.out, got.err);
            assert_hidden(&printed, &canaries, &format!("{:?}", credential.arguments));
        }
    }
    Ok(())
}

#[test]
fn exp01_the_rules_that_had_a_say_are_told_with_what_they_came_to() -> Outcome {
    let world = World::start("rules")?;
    let in_region = ["--region", "eastus"];
    let isolated = ["--no-instance-discovery"];
    let capable = ["--capability", "cp1"];
    let claims = ["--claims", "{\"a\":1}"];
    for (arguments, rules, says) in [
        (
            BY_SECRET.to_vec(),
            vec![1, 7, 10, 12, 13],
            vec![
                (1, "plain TLS; a client secret in the body; Bearer."),
                (
                    7,
                    "The authority's own host serves: login.microsoftonline.com.",
                ),
                (
                    10,
                    "A Bearer token is found whatever certificate it came over.",
                ),
                (12, "At most two attempts within 30 s"),
                (13, "at most 256 KiB"),
            ],
        ),
        (
            [BY_SECRET, &in_region, &isolated, &capable].concat(),
            vec![1, 5, 6, 7, 10, 11, 12, 13],
            vec![
                (5, "For plain TLS the region only changes the host."),
                (6, "The region is eastus, as configured."),
                (
                    7,
                    "login.microsoftonline.com becomes eastus.login.microsoft.com.",
                ),
                (11, "Capabilities and claims are merged into one field."),
            ],
        ),
        (
            [BY_SECRET, &claims].concat(),
            vec![1, 7, 10, 11, 12, 13],
            vec![(11, "The cache is written and not read.")],
        ),
        (
            [BY_CERTIFICATE, &["--send-x5c"]].concat(),
            vec![1, 7, 9, 10, 12, 13],
            vec![(
                9,
                "ES256 with x5t#S256 and x5c (1), for the URL of the POST, good for 600 s.",
            )],
        ),
        (
            [BY_CERTIFICATE, &in_region, &["--send-over-mtls"]].concat(),
            vec![1, 5, 6, 7, 9, 10, 12, 13],
            vec![
                (
                    1,
                    "mutual TLS; an assertion in the body (jwt-bearer); Bearer.",
                ),
                (5, "Mutual TLS with Entra needs a region, and there is one."),
                (9, "The certificate is presented in the handshake as well."),
            ],
        ),
        (
            [BY_CERTIFICATE, &["--region-optional", "--pop"]].concat(),
            vec![1, 5, 7, 8, 10, 12, 13],
            vec![
                (
                    1,
                    "nothing in the body, for the handshake proves the client; mtls_pop.",
                ),
                (5, "the policy allows the cloud's global mTLS host."),
                (
                    7,
                    "login.microsoftonline.com becomes mtlsauth.microsoft.com.",
                ),
                (
                    8,
                    "token_type=mtls_pop asks for a token bound to the certificate",
                ),
                (
                    10,
                    "A bound token is found only by requests with its certificate.",
                ),
            ],
        ),
        (
            vec!["--assertion-file", "@assertion.jwt"],
            vec![1, 2, 3, 4, 7, 10, 12, 13],
            vec![
                (2, "The provider brings no certificate"),
                (3, "a second attempt asks for another"),
                (4, "The cache is looked at first: a hit asks no provider."),
            ],
        ),
        (
            BY_PAIR.to_vec(),
            vec![1, 2, 3, 4, 5, 6, 7, 10, 12, 13],
            vec![(2, "the token stays a Bearer token.")],
        ),
        (
            [BY_PAIR, &["--pop"]].concat(),
            vec![1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 13],
            vec![
                (2, "with its assertion, which goes as jwt-pop."),
                (4, "The provider is asked first"),
            ],
        ),
    ] {
        let (_, told) = told(&world, &[&["--scope", VAULT], &arguments[..]].concat())?;
        let fired = told["rules"].as_array().ok_or("no rules")?;
        let numbers: Vec<_> = fired
            .iter()
            .filter_map(|fired| fired["rule"].as_u64())
            .collect();
        assert_eq!(numbers, rules, "{arguments:?}");
        for (rule, part) in says {
            let found = fired.iter().find(|fired| fired["rule"] == rule);
            let said = found
                .and_then(|fired| fired["says"].as_str())
                .unwrap_or_default();
            assert!(said.contains(part), "{rule}: {said}");
        }
    }
    // An authority that nobody knows is asked about.
    let unknown = "https://login.contoso.example/contoso.example";
    let mut explain = world.command(
        "explain",
        unknown,
        &[BY_SECRET, &["--scope", VAULT]].concat(),
    );
    let told = run(explain.args(["--format", "json"]))?.json()?;
    let says = told["rules"].to_string();
    assert!(
        says.contains("login.microsoftonline.com is asked whether it is Entra's"),
        "{says}"
    );
    Ok(())
}
