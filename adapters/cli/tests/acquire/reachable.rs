//! `doctor` on the way to the service: hosts, regions, clocks, and nobody at all.

use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use entra_emulator::{Emulator, Endpoint, Fault, Reply, Target};

use crate::Outcome;
use crate::doctor::{SECRETS, assert_found, authority, looked, private};
use crate::program::{CLIENT, program, run};
use crate::world::{BY_CERTIFICATE, BY_SECRET, World};

#[test]
fn doc03_a_host_that_is_not_there_or_not_trusted_is_named() -> Outcome {
    let world = World::start("way")?;
    private(&world, &SECRETS)?;
    let unused = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let elsewhere = format!("login.microsoftonline.com:443:{unused}");
    let mut doctor = program(&["doctor", "--authority", &authority()]);
    doctor
        .args(["--client-id", CLIENT, "--no-proxy", "--format", "json"])
        .args(["--secret-file", &world.file("secret")])
        .args(["--ca-file", &world.file("ca.pem"), "--resolve", &elsewhere]);
    let got = run(&mut doctor)?;
    assert_eq!(got.code, Some(1), "{got:?}");
    let says = "login.microsoftonline.com can't be reached";
    assert_found(&got.json()?, "authority", "failed", says)?;

    let stranger = Emulator::builder().start()?;
    world.write("ca.pem", stranger.ca_pem())?;
    let (got, told) = looked(&world, BY_SECRET)?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(&told, "authority", "failed", "is not trusted, or TLS fails")?;
    world.write("ca.pem", world.emulator.ca_pem())?;

    // A tenant that nobody knows.
    let unknown = "https://login.microsoftonline.com/99999999-9999-9999-9999-999999999999";
    let mut doctor = world.command("doctor", unknown, BY_SECRET);
    let got = run(doctor.args(["--format", "json"]))?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(
        &got.json()?,
        "authority",
        "failed",
        "does not know the tenant",
    )
}

#[test]
fn doc03_a_server_that_wants_the_certificate_at_once_is_well_where_one_is_presented() -> Outcome {
    let world = World::start("wanted")?;
    private(&world, &SECRETS)?;
    let wants = Fault::RequireClientCertificate;
    world.emulator.set_fault(Target::Any, wants);
    let arguments = [BY_CERTIFICATE, &["--pop", "--region", "eastus"]].concat();
    let (_, told) = looked(&world, &arguments)?;
    assert_found(&told, "endpoint", "ok", "wants a client certificate")?;
    assert_found(&told, "authority", "failed", "does not answer as")?;
    let (got, told) = looked(&world, BY_SECRET)?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(&told, "authority", "failed", "does not answer as")
}

#[test]
fn doc03_a_region_that_is_not_found_is_named() -> Outcome {
    let world = World::start("no region")?;
    private(&world, &SECRETS)?;
    let unused = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let nobody = format!("169.254.169.254:80:{unused}");
    let discover = ["--region", "discover", "--resolve", &nobody];
    let (got, told) = looked(&world, &[BY_SECRET, &discover].concat())?;
    assert_eq!(got.code, Some(0), "plain TLS goes without: {got:?}");
    assert_found(&told, "region", "warning", "does not answer")?;
    let (got, told) = looked(&world, &[BY_CERTIFICATE, &["--pop"], &discover].concat())?;
    assert_eq!(got.code, Some(1), "{got:?}");
    assert_found(&told, "configuration", "failed", "its discovery failed")
}

#[test]
fn doc03_a_clock_that_differs_is_named() -> Outcome {
    let world = World::start("clock")?;
    private(&world, &SECRETS)?;
    let second = Duration::from_secs(1);
    let now = SystemTime::now();
    for (date, code, state, says) in [
        (now + 30 * second, 0, "ok", " s behind the service's"),
        (now + 120 * second, 0, "warning", " s behind the service's"),
        (
            now - 120 * second,
            0,
            "warning",
            " s ahead of the service's",
        ),
        (
            now - 600 * second,
            1,
            "failed",
            "assertions would be refused",
        ),
        (
            now + 600 * second,
            1,
            "failed",
            "assertions would be refused",
        ),
    ] {
        let reply = Reply::json(200, "{}").header("date", httpdate::fmt_http_date(date));
        let target = Target::Endpoint(Endpoint::OpenIdConfiguration);
        world.emulator.set_fault(target, Fault::Reply(reply));
        let (got, told) = looked(&world, BY_SECRET)?;
        world.emulator.clear_faults();
        assert_eq!(got.code, Some(code), "{got:?}");
        assert_found(&told, "clock", state, says)?;
    }
    Ok(())
}

#[test]
fn doc04_offline_nobody_is_asked() -> Outcome {
    let world = World::start("offline")?;
    private(&world, &SECRETS)?;
    let discover = ["--region", "discover", "--offline"];
    let (got, told) = looked(&world, &[BY_CERTIFICATE, &["--pop"], &discover].concat())?;
    assert_eq!(got.code, Some(0), "{got:?}");
    assert_found(&told, "region", "skipped", "nobody is asked")?;
    assert_found(&told, "authority", "skipped", "nobody is asked")?;
    assert_eq!(world.emulator.accepted(), 0);
    Ok(())
}

#[test]
fn doc03_a_host_that_nobody_vouches_for_is_named() -> Outcome {
    let world = World::start("vouched")?;
    private(&world, &SECRETS)?;
    let refusal = r#"{"error":"invalid_instance","error_codes":[50049]}"#;
    world.emulator.set_fault(
        Target::Endpoint(Endpoint::InstanceDiscovery),
        Fault::Reply(Reply::json(400, refusal)),
    );
    let unknown = "https://login.contoso.example/contoso.example";
    let mut doctor = world.command("doctor", unknown, BY_SECRET);
    let got = run(doctor.args(["--format", "json"]))?;
    assert_eq!(got.code, Some(1), "{got:?}");
    let told = got.json()?;
    assert_found(
        &told,
        "authority's host",
        "ok",
        "was asked about it: HTTP 400",
    )?;
    let configuration = told["checks"].to_string();
    assert!(
        configuration.contains("list it with --known-authority"),
        "{configuration}"
    );
    assert!(world.emulator.token_requests().is_empty());
    Ok(())
}
