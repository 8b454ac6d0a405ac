//! What else a request may say: each option's effect, as the server saw it.

use entra_emulator::{Endpoint, Fault, Reply, Target};
use serde_json::{Value, json};

use crate::Outcome;
use crate::program::{CLIENT, Run, TENANT, claims, run};
use crate::world::{BY_CERTIFICATE, BY_PAIR, BY_SECRET, World};

const VAULT: &str = "https://vault.azure.net/.default";

fn asked(world: &World, further: &[&[&str]]) -> std::io::Result<Run> {
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    asked_of(world, &authority, further)
}

fn asked_of(world: &World, authority: &str, further: &[&[&str]]) -> std::io::Result<Run> {
    let arguments = [&["--scope", VAULT], &further.concat()[..]].concat();
    let got = run(&mut world.acquire_of(authority, &arguments))?;
    if got.code != Some(0) {
        return Err(std::io::Error::other(format!("{got:?}")));
    }
    Ok(got)
}

fn token(run: &Run) -> Result<Value, Box<dyn std::error::Error>> {
    claims(run.json()?["access_token"].as_str().unwrap_or_default())
}

#[test]
fn d11_claims_challenges_and_capabilities_are_merged_and_sent() -> Outcome {
    let world = World::start("claims")?;
    let essential = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;
    let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ==";
    let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
    let line = format!("WWW-Authenticate: {challenge}");
    let cp1 = json!({"access_token": {"xms_cc": {"values": ["cp1"]}}});
    let own = json!({"access_token": {"own": null}});
    for (further, sent) in [
        (
            vec!["--claims", essential],
            serde_json::from_str(essential)?,
        ),
        (
            vec!["--challenge", &challenge],
            serde_json::from_str(essential)?,
        ),
        (vec!["--challenge", &line], serde_json::from_str(essential)?),
        (vec!["--capability", "cp1"], cp1),
        (
            vec!["--capability", "cp1", "--capability", "cp2"],
            json!({"access_token": {"xms_cc": {"values": ["cp1", "cp2"]}}}),
        ),
        (
            vec!["--client-claims", r#"{"access_token":{"own":null}}"#],
            own,
        ),
        (
            vec![
                "--challenge",
                &challenge,
                "--client-claims",
                r#"{"access_token":{"own":null}}"#,
                "--capability",
                "cp1",
            ],
            json!({"access_token": {
                "xms_cc": {"values": ["cp1"]},
                "nbf": {"essential": true, "value": "1"},
                "own": null,
            }}),
        ),
    ] {
        let got = asked(&world, &[BY_SECRET, &further])?;
        let form = world.sent()?;
        let claims = form.form_value("claims").unwrap_or_default();
        assert_eq!(serde_json::from_str::<Value>(claims)?, sent, "{further:?}");
        let capabilities = &sent["access_token"]["xms_cc"]["values"];
        assert_eq!(&token(&got)?["xms_cc"], capabilities);
    }
    asked(&world, &[BY_SECRET])?;
    assert_eq!(world.sent()?.form_value("claims"), None);
    Ok(())
}

#[test]
fn assertion_claims_are_in_the_assertion_that_the_certificate_signs() -> Outcome {
    let world = World::start("assertion claims")?;
    let own = ["--assertion-claims", r#"{"client_ip":"192.0.2.1"}"#];
    asked(&world, &[BY_CERTIFICATE, &own])?;
    let sent = world.sent()?;
    let assertion = claims(sent.form_value("client_assertion").unwrap_or_default())?;
    assert_eq!(assertion["client_ip"], "192.0.2.1");
    assert_eq!(assertion["iss"], CLIENT);

    for (credential, code) in [
        (BY_SECRET.to_vec(), "invalid_request_parameter"),
        (BY_PAIR.to_vec(), "invalid_request_parameter"),
        (
            [BY_CERTIFICATE, &["--pop", "--region", "eastus"]].concat(),
            "mtls_certificate_not_provided",
        ),
    ] {
        let got = world.run(&[&credential, &own])?;
        assert_eq!(got.code, Some(2), "{got:?}");
        assert!(got.err.contains(&format!("error: {code}: ")), "{got:?}");
    }
    Ok(())
}

#[test]
fn parameters_of_the_callers_own_are_in_the_form_and_in_the_url() -> Outcome {
    let world = World::start("parameters")?;
    let form = ["--parameter", "own=a b&c", "--parameter", "other="];
    let url = ["--query", "dc=ESTS-1", "--query", "slice=a=b"];
    let got = asked(&world, &[BY_SECRET, &form, &url])?;
    let sent = world.sent()?;
    assert_eq!(sent.form_value("own"), Some("a b&c"));
    assert_eq!(sent.form_value("other"), Some(""));
    assert_eq!(sent.query.as_deref(), Some("dc=ESTS-1&slice=a%3Db"));
    let step = got.step("SendRequest").unwrap_or_default();
    assert!(step.contains("/token?dc=ESTS-1&slice=a%3Db "), "{step}");

    for (further, said) in [
        (
            ["--parameter", "scope=x"],
            "\"scope\" is the protocol's own",
        ),
        (["--query", "client_secret=x"], "is the protocol's own"),
    ] {
        let got = world.run(&[BY_SECRET, &further])?;
        assert_eq!(got.code, Some(2), "{got:?}");
        assert!(got.err.contains("error: invalid_request_parameter: "));
        assert!(got.err.contains(said), "{got:?}");
    }
    Ok(())
}

#[test]
fn paths_of_federated_managed_identities_go_to_the_service_or_to_the_command() -> Outcome {
    let world = World::start("paths")?;
    let got = asked(&world, &[BY_SECRET, &["--fmi-path", "pool/agent"]])?;
    assert_eq!(world.sent()?.form_value("fmi_path"), Some("pool/agent"));
    let subject = token(&got)?["sub"].to_string();
    assert!(subject.ends_with("/pool/agent\""), "{subject}");

    let command = r#"sh -c 'printf %s "$ENTRA_FMI_PATH" > told; cat assertion.jwt'"#;
    let by_command = ["--assertion-command", command];
    asked(
        &world,
        &[&by_command, &["--assertion-fmi-path", "pool/agent"]],
    )?;
    assert_eq!(std::fs::read_to_string(world.file("told"))?, "pool/agent");
    assert_eq!(world.sent()?.form_value("fmi_path"), None);

    let got = world.run(&[BY_SECRET, &["--assertion-fmi-path", "pool/agent"]])?;
    assert_eq!(got.code, Some(2), "{got:?}");
    let said = "--assertion-fmi-path goes with --assertion-command only";
    assert!(got.err.contains(said), "{got:?}");
    Ok(())
}

#[test]
fn the_correlation_id_is_the_callers() -> Outcome {
    let world = World::start("correlation")?;
    let id = "44444444-4444-4444-8444-444444444444";
    let got = asked(&world, &[BY_SECRET, &["--correlation-id", id]])?;
    assert_eq!(world.sent()?.header("client-request-id"), Some(id));
    assert_eq!(got.json()?["correlation_id"], id);
    // In errors as well, and in what a command is told.
    let got = world.run(&[
        &[
            "--assertion-command",
            "sh -c 'echo $ENTRA_CORRELATION_ID >&2; exit 1'",
        ],
        &["--correlation-id", id],
    ])?;
    assert!(got.err.contains(&format!("\n{id}\n")), "{got:?}");
    assert!(got.err.contains(&format!("[correlation id {id}]")));
    let got = world.run(&[BY_SECRET, &["--correlation-id", "mine"]])?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("the correlation id is no UUID"), "{got:?}");
    Ok(())
}

#[test]
fn an_openid_provider_is_asked_for_its_endpoints() -> Outcome {
    let world = World::start("oidc")?;
    let authority = format!("https://login.microsoftonline.com/{TENANT}/v2.0");
    let oidc = ["--authority-kind", "oidc"];
    let got = asked_of(&world, &authority, &[BY_SECRET, &oidc])?;
    let asked = got.step("DiscoverInstance").unwrap_or_default();
    let configuration = format!("GET {authority}/.well-known/openid-configuration ");
    assert!(asked.starts_with(&configuration), "{asked}");
    assert_eq!(token(&got)?["azp"], CLIENT);

    let got = world.run(&[BY_SECRET, &oidc, &["--tenant", "contoso.example"]])?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("error: invalid_tenant: "), "{got:?}");
    Ok(())
}

#[test]
fn a_host_that_nobody_knows_is_asked_about_unless_told_otherwise() -> Outcome {
    let world = World::start("instance")?;
    let authority = format!("https://login.contoso.example/{TENANT}");
    // What Entra says about hosts that are none of its own.
    let unknown = json!({"error": "invalid_instance", "error_codes": [50049]}).to_string();
    world.emulator.set_fault(
        Target::Endpoint(Endpoint::InstanceDiscovery),
        Fault::Reply(Reply::json(400, unknown)),
    );
    let mut acquire = world.acquire_of(&authority, &[BY_SECRET, &["--scope", VAULT]].concat());
    let got = run(&mut acquire)?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("error: invalid_instance: "), "{got:?}");
    assert!(
        got.err.contains("list it with --known-authority"),
        "{got:?}"
    );
    assert!(got.step("DiscoverInstance").is_some() && world.sent().is_err());
    for further in [
        &["--no-instance-discovery"][..],
        &["--known-authority", "login.contoso.example"],
    ] {
        let got = asked_of(&world, &authority, &[BY_SECRET, further])?;
        assert_eq!(got.step("DiscoverInstance"), None, "{got:?}");
        assert_eq!(world.sent()?.host, "login.contoso.example");
    }
    Ok(())
}
