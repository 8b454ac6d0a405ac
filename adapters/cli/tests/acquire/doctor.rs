//! `doctor`: what is well, what is wrong on the machine and on the way, and that no credential leaves for it.

use std::fs;

use entra_emulator::{KeyKind, TENANT_ID, TestIdentity};
use serde_json::Value;

use crate::Outcome;
use crate::program::{Run, run};
use crate::secrets::assert_hidden;
use crate::world::{BY_CERTIFICATE, BY_PAIR, BY_SECRET, World};

type Made<T> = Result<T, Box<dyn std::error::Error>>;

pub(crate) fn authority() -> String {
    format!("https://login.microsoftonline.com/{TENANT_ID}")
}

pub(crate) fn looked(world: &World, arguments: &[&str]) -> Made<(Run, Value)> {
    let mut doctor = world.command("doctor", &authority(), arguments);
    let got = run(doctor.args(["--format", "json"]))?;
    let told = got.json()?;
    Ok((got, told))
}

/// The state of a check and what is said of it, of the first that is not well if there is one.
fn of<'a>(told: &'a Value, check: &str) -> Made<(&'a str, &'a str)> {
    let checks = told["checks"].as_array().into_iter().flatten();
    let checks: Vec<_> = checks.filter(|found| found["check"] == check).collect();
    let found = checks.iter().find(|found| found["state"] != "ok");
    let found = found
        .or_else(|| checks.first())
        .ok_or_else(|| format!("{check}: {told}"))?;
    let text = |name: &str| found[name].as_str().unwrap_or_default();
    assert_eq!(
        found["advice"].is_string(),
        ["warning", "failed"].contains(&text("state"))
    );
    Ok((text("state"), text("says")))
}

pub(crate) fn assert_found(told: &Value, check: &str, state: &str, says: &str) -> Outcome {
    let (found, said) = of(told, check)?;
    assert_eq!(found, state, "{check}: {told}");
    assert!(said.contains(says), "{check}: {said}");
    Ok(())
}

pub(crate) fn private(world: &World, names: &[&str]) -> Outcome {
    #[cfg(unix)]
    for name in names {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(world.file(name), fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

pub(crate) const SECRETS: [&str; 5] = [
    "secret",
    "client.pem",
    "binding.pem",
    "bound.jwt",
    "assertion.jwt",
];

#[test]
fn doc01_where_all_is_well_nothing_fails_and_no_credential_is_sent() -> Outcome {
    let world = World::start("well")?;
    private(&world, &SECRETS)?;
    let imds = format!("169.254.169.254:80:{}", world.emulator.imds_address());
    let discover = ["--region", "discover", "--resolve", &imds];
    for arguments in [
        BY_SECRET.to_vec(),
        [BY_SECRET, &["--scope", "s/.default"]].concat(),
        BY_CERTIFICATE.to_vec(),
        [BY_CERTIFICATE, &["--pop"], &discover].concat(),
        vec!["--assertion-file", "@assertion.jwt"],
        BY_PAIR.to_vec(),
        vec!["--assertion-command", "sh -c 'touch ran'"],
    ] {
        let (got, told) = looked(&world, &arguments)?;
        assert_eq!(
            (got.code, got.err.as_str()),
            (Some(0), ""),
            "{arguments:?}: {got:?}"
        );
        assert_eq!(told["ok"], true);
        for check in told["checks"].as_array().into_iter().flatten() {
            assert_eq!(check["state"], "ok", "{arguments:?}: {check}");
        }
        for check in [
            "variables",
            "credential",
            "configuration",
            "authority",
            "clock",
        ] {
            of(&told, check)?;
        }
    }
    let (_, told) = looked(&world, BY_CERTIFICATE)?;
    assert_found(&told, "certificate", "ok", "P-256, good for ")?;
    assert_found(&told, "key", "ok", "it signs ES256")?;
    let (_, told) = looked(&world, &[BY_CERTIFICATE, &["--pop"], &discover].concat())?;
    assert_found(&told, "region", "ok", "the metadata service answers")?;
    assert_found(
        &told,
        "endpoint",
        "ok",
        "eastus.mtlsauth.microsoft.com answers",
    )?;

    assert!(!std::path::Path::new(&world.file("ran")).exists());
    assert!(world.emulator.token_requests().is_empty());
    for request in world.emulator.requests() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("authorization"), None);
        assert!(request.form.is_empty() && request.client_certificate.is_none());
    }
    for connection in world.emulator.connections() {
        assert_eq!(connection.client_certificate, None);
    }
    Ok(())
}

#[test]
fn doc02_files_that_are_missing_or_open_to_others_are_named() -> Outcome {
    let world = World::start("files")?;
    private(&world, &SECRETS)?;
    for credential in [
        &["--secret-file", "/no/file"][..],
        &["--certificate", "/no/file"],
        &["--assertion-file", "/no/file"],
    ] {
        let (got, told) = looked(&world, credential)?;
        assert_eq!(got.code, Some(1), "{got:?}");
        assert_eq!(told["ok"], false);
        let named = format!("{} /no/file: entity not found", credential[0]);
        assert_found(&told, "file", "failed", &named)?;
        assert_eq!(of(&told, "credential")?.0, "failed");
        // What can be looked at all the same is.
        if credential[0] != "--certificate" {
            assert_found(&told, "authority", "ok", "answers over trusted TLS")?;
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for (mode, says) in [(0o644, "can read it"), (0o622, "can write it")] {
            let file = world.file("client.pem");
            fs::set_permissions(&file, fs::Permissions::from_mode(mode))?;
            let (got, told) = looked(&world, BY_CERTIFICATE)?;
            assert_eq!(got.code, Some(0), "a warning: {got:?}");
            assert_found(&told, "file", "warning", says)?;
        }
        // A certificate whose key is elsewhere is no secret.
        world.write("public.pem", &world.client.certificate_pem())?;
        world.write("client.key", &world.client.key_pem())?;
        private(&world, &["client.key"])?;
        let apart = ["--certificate", "@public.pem", "--key", "@client.key"];
        let (_, told) = looked(&world, &apart)?;
        assert_eq!(of(&told, "file")?.0, "ok", "{told}");
    }
    Ok(())
}

#[test]
fn doc02_a_certificate_that_has_ended_or_another_key_is_named() -> Outcome {
    let world = World::start("ended")?;
    let today = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now());
    for (name, days, code, state, says) in [
        ("ended.pem", -3, 1, "failed", "expired 3 days ago"),
        ("soon.pem", 10, 0, "warning", "good for 9 days"),
        ("fine.pem", 40, 0, "ok", "good for 39 days"),
    ] {
        // Until midnight, so that a part of a day is missing.
        let until = today.date().checked_add(jiff::Span::new().days(days))?;
        let (year, month, day) = (until.year(), until.month(), until.day());
        let identity = TestIdentity::generate_until(
            KeyKind::P256,
            "client",
            year.into(),
            month.try_into()?,
            day.try_into()?,
        )?;
        world.write(name, &identity.pem())?;
        private(&world, &[name])?;
        let file = world.file(name);
        let (got, told) = looked(&world, &["--certificate", &file])?;
        assert_eq!(got.code, Some(code), "{got:?}");
        assert_found(&told, "certificate", state, says)?;
    }
    world.write("other.key", &world.binding.key_pem())?;
    let (got, told) = looked(&world, &[BY_CERTIFICATE, &["--key", "@other.key"]].concat())?;
    assert_eq!(got.code, Some(1), "{got:?}");
    let says = "the private key is not that of the first certificate";
    assert_found(&told, "credential", "failed", says)?;
    Ok(())
}

#[test]
fn doc02_variables_and_programs_are_looked_at_and_no_value_is_shown() -> Outcome {
    let world = World::start("variables")?;
    private(&world, &SECRETS)?;
    let look = |arguments: &[&str], variables: &[(&str, &str)]| -> Made<(Run, Value)> {
        let mut doctor = world.command("doctor", &authority(), arguments);
        let got = run(doctor
            .args(["--format", "json"])
            .envs(variables.iter().copied()))?;
        let told = got.json()?;
        Ok((got, told))
    };
    let secret = ("AZURE_CLIENT_SECRET", "canary-secret");
    let (got, told) = look(&[], &[secret])?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_found(&told, "variables", "ok", "AZURE_CLIENT_SECRET")?;
    assert_hidden(&got.out, &["canary".to_owned()], "variables");

    let both = [secret, ("AZURE_FEDERATED_TOKEN_FILE", "/no/file")];
    let (_, told) = look(&[], &both)?;
    let says = "AZURE_CLIENT_SECRET is the credential; AZURE_FEDERATED_TOKEN_FILE are not used";
    assert_found(&told, "variables", "warning", says)?;
    let (_, told) = look(BY_SECRET, &both)?;
    assert_found(
        &told,
        "variables",
        "ok",
        "not used, for an option names the credential",
    )?;
    let (_, told) = look(BY_SECRET, &[("AZURE_TENANT_ID", "")])?;
    assert_found(
        &told,
        "variables",
        "warning",
        "AZURE_TENANT_ID: set and empty",
    )?;
    let disabled = [("MSAL_DISABLE_REGION", "1")];
    let (_, told) = look(&[BY_SECRET, &["--region", "eastus"]].concat(), &disabled)?;
    assert_found(&told, "variables", "warning", "--region does nothing")?;

    let proxy = [("HTTPS_PROXY", "http://user:canary@127.0.0.1:9")];
    let (got, told) = look(BY_PAIR, &proxy)?;
    assert_found(&told, "proxy", "ok", "--no-proxy is given")?;
    assert_hidden(&got.out, &["canary".to_owned()], "proxy");

    let (got, told) = look(&["--assertion-command", "no-such-program-here x"], &[])?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(
        &told,
        "credential",
        "failed",
        "no program no-such-program-here",
    )?;
    let (got, told) = look(&["--workload-identity"], &[])?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(&told, "credential", "failed", "AZURE_CLIENT_ID is not set")?;
    Ok(())
}

#[test]
fn doc02_what_the_core_refuses_is_told_in_its_words() -> Outcome {
    let world = World::start("core")?;
    private(&world, &SECRETS)?;
    for (arguments, says) in [
        (
            [BY_SECRET, &["--pop"]].concat(),
            "a client secret can't be bound",
        ),
        (
            [BY_CERTIFICATE, &["--pop"]].concat(),
            "mutual TLS needs a region",
        ),
        (
            [BY_SECRET, &["--region", "east-us"]].concat(),
            "no region's name",
        ),
        (BY_PAIR[..4].to_vec(), "mutual TLS needs a region"),
    ] {
        let (got, told) = looked(&world, &arguments)?;
        assert_eq!(got.code, Some(1), "{got:?}");
        assert_found(&told, "configuration", "failed", says)?;
    }
    assert!(world.emulator.token_requests().is_empty());
    Ok(())
}

#[test]
fn the_text_has_a_line_for_each_check_and_what_to_do_below() -> Outcome {
    let world = World::start("text")?;
    private(&world, &SECRETS)?;
    let arguments = [BY_SECRET, &["--offline", "--pop"]].concat();
    let got = run(&mut world.command("doctor", &authority(), &arguments))?;
    assert_eq!((got.code, got.err.as_str()), (Some(1), ""), "{got:?}");
    let lines: Vec<_> = got.out.lines().collect();
    assert!(lines[0].starts_with("ok       variables  "), "{got:?}");
    let failed = lines
        .iter()
        .position(|line| line.starts_with("failed   configuration  "));
    let advice = failed
        .and_then(|place| lines.get(place + 1))
        .ok_or("no advice")?;
    assert!(
        advice.trim_start().starts_with("→ give --certificate"),
        "{got:?}"
    );
    assert!(got.out.ends_with(", 1 failed\n"), "{got:?}");
    Ok(())
}
