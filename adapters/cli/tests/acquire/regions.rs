//! Where mutual TLS goes: a region by name, by discovery, or none.

use std::fs;
use std::net::TcpListener;

use serde_json::Value;

use crate::Outcome;
use crate::program::{Run, Server, run};

fn pop(server: &Server, further: &[&str]) -> std::io::Result<Run> {
    let mut arguments = server.certificate().to_vec();
    arguments.extend(["--pop", "--output", "json"]);
    arguments.extend(further);
    server.run(&arguments)
}

/// The host of the token request, if one was sent.
fn host(run: &Run) -> Option<&str> {
    run.step("SendRequest")?
        .strip_prefix("POST https://")?
        .split('/')
        .next()
}

/// An address where nobody listens.
fn nobody() -> std::io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

#[test]
fn route03_the_region_is_discovered_from_the_metadata_service() -> Outcome {
    let server = Server::start("discover")?;
    let every_host = format!("*:80:{}", server.get("imds_address"));
    for resolve in [server.get("imds_resolve"), &every_host] {
        for word in ["discover", "Discover"] {
            let got = pop(&server, &["--region", word, "--resolve", resolve])?;
            assert_eq!(got.code, Some(0), "{got:?}");
            let asked = got.step("DiscoverRegion").unwrap_or_default();
            assert!(asked.starts_with("GET http://169.254.169.254/"), "{asked}");
            assert_eq!(host(&got), Some("eastus.mtlsauth.microsoft.com"));
            assert_eq!(got.json()?["region"], "eastus");
        }
    }
    Ok(())
}

#[test]
fn region_name_spares_the_metadata_service() -> Outcome {
    let server = Server::start("region name")?;
    let mut acquire = server.acquire(&server.certificate());
    acquire
        .args(["--pop", "--region", "discover", "--verbose"])
        .env("REGION_NAME", "West US 3");
    let got = run(&mut acquire)?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_eq!(got.step("DiscoverRegion"), None);
    assert_eq!(host(&got), Some("westus3.mtlsauth.microsoft.com"));
    Ok(())
}

#[test]
fn route04_a_region_that_is_not_found_is_an_error_unless_optional() -> Outcome {
    let server = Server::start("not found")?;
    let resolve = format!("169.254.169.254:80:{}", nobody()?);
    let discover = ["--region", "discover", "--resolve", &resolve];

    let got = pop(&server, &discover)?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert!(got.err.contains("error: region_required_for_mtls_pop: "));
    assert!(
        got.err
            .contains("; give --region NAME, or --region-optional")
    );
    assert_eq!((host(&got), got.out.as_str()), (None, ""));

    let got = pop(&server, &[&discover[..], &["--region-optional"]].concat())?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_eq!(host(&got), Some("mtlsauth.microsoft.com"));
    Ok(())
}

#[test]
fn without_a_region_mutual_tls_is_refused_unless_optional() -> Outcome {
    let server = Server::start("no region")?;
    let mut over_mtls = server.certificate().to_vec();
    over_mtls.push("--send-over-mtls");
    let pop = [&server.certificate()[..], &["--pop"]].concat();
    for (credential, code) in [
        (pop, "mtls_pop_without_region"),
        (over_mtls, "mtls_bearer_without_region"),
        (
            server.bound_assertion().to_vec(),
            "mtls_bearer_without_region",
        ),
    ] {
        let got = server.run(&credential)?;
        assert_eq!(got.code, Some(2), "{got:?}");
        assert!(got.err.contains(&format!("error: {code}: ")), "{got:?}");
        assert!(got.err.contains("give --region NAME or --region discover"));
        assert_eq!((host(&got), got.out.as_str()), (None, ""));

        let optional = ["--region-optional", "--output", "json"];
        let got = server.run(&[&credential[..], &optional].concat())?;
        assert_eq!(got.code, Some(0), "{got:?}");
        assert_eq!(host(&got), Some("mtlsauth.microsoft.com"));
        assert_eq!(got.json()?["region"], Value::Null);
    }
    Ok(())
}

#[test]
fn a_region_only_changes_the_host_of_a_plain_request() -> Outcome {
    let server = Server::start("plain region")?;
    let secret = ["--secret-file", server.get("secret_file")];
    let got = server.run(&[&secret[..], &["--region", "WestUS3"]].concat())?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_eq!(host(&got), Some("westus3.login.microsoft.com"));
    assert_eq!(got.out, "Bearer token, good for 3599 s, from westus3\n");
    Ok(())
}

#[test]
fn route05_what_is_no_region_is_refused_and_never_in_a_host() -> Outcome {
    let server = Server::start("bad region")?;
    let secret = fs::read_to_string(server.get("secret_file"))?;
    for region in ["East US", "east/us", "evil.example#", ""] {
        let mut acquire = server.acquire(&["--secret-env", "S", "--verbose"]);
        acquire.args(["--region", region]).env("S", &secret);
        let got = run(&mut acquire)?;
        assert_eq!(got.code, Some(2), "{region}: {got:?}");
        assert!(got.err.contains("error: invalid_region: "), "{got:?}");
        assert!(got.err.contains("or --region discover"), "{got:?}");
        assert_eq!(host(&got), None);
    }
    Ok(())
}
