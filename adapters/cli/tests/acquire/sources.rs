//! Where services have their credential: PKCS#12, a PKCS#11 token, workload identity, managed identity, a file that is renewed.

use std::fs;
use std::path::Path;
use std::process::Command;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::object::{Attribute, CertificateType, ObjectClass};
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use entra_emulator::{Application, Emulator, ManagedIdentity, TENANT_ID};

use crate::Outcome;
use crate::program::{CLIENT, Server, assert_refused, folder, program, run};
use crate::world::World;

/// A file of the tests of `entra-sources`.
fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../sources/tests/fixtures")
        .join(name)
}

/// For the application itself.
fn acquire(world: &World, further: &[&[&str]]) -> Command {
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let scope = ["--scope", "https://vault.azure.net/.default"];
    world.acquire_of(&authority, &[&scope, &further.concat()[..]].concat())
}

#[test]
fn src08_a_certificate_in_pkcs12_signs_and_is_presented() -> Outcome {
    let world = World::start("pkcs12")?;
    let pem = fs::read_to_string(fixture("openssl.pem"))?;
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let der = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body)?;
    assert!(world.emulator.register_certificate(CLIENT, der.clone()));
    let file = world.file("client.PFX");
    fs::copy(fixture("openssl.p12"), &file)?;
    world.write("password", "password\n")?;
    let password = ["--certificate-password-file", "@password"];
    let pfx = ["--certificate", &file];
    for further in [&[][..], &["--pop", "--region", "eastus"]] {
        let got = run(&mut acquire(&world, &[&pfx, &password, further]))?;
        assert_eq!(got.code, Some(0), "{got:?}");
        let presented = world.sent()?.client_certificate;
        assert_eq!(presented.is_some(), !further.is_empty());
        assert!(presented.is_none_or(|presented| presented == der));
    }
    // As azure_identity has it.
    let mut by_variable = acquire(&world, &[]);
    by_variable
        .env("AZURE_CLIENT_CERTIFICATE_PATH", &file)
        .env("AZURE_CLIENT_CERTIFICATE_PASSWORD", "password");
    assert_eq!(run(&mut by_variable)?.code, Some(0));

    let got = run(&mut acquire(&world, &[&pfx]))?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("check the password"), "{got:?}");
    Ok(())
}

#[test]
fn src01_workload_identity_is_what_its_four_variables_say() -> Outcome {
    let world = World::start("workload")?;
    let mut acquire = program(&["acquire", "--workload-identity", "--scope", "s/.default"]);
    acquire
        .args(["--no-proxy", "--ca-file", &world.file("ca.pem")])
        .args(["--resolve", &format!("*:443:{}", world.emulator.address())])
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_TENANT_ID", TENANT_ID)
        .env("AZURE_AUTHORITY_HOST", "https://login.microsoftonline.com/")
        // Another credential's variable does not come before it.
        .env("AZURE_CLIENT_SECRET", "another");
    let got = run(&mut acquire)?;
    assert_eq!(got.code, Some(2), "{got:?}");
    let said = "--workload-identity: the variable AZURE_FEDERATED_TOKEN_FILE is not set";
    assert!(got.err.contains(said), "{got:?}");

    let got = run(acquire.env("AZURE_FEDERATED_TOKEN_FILE", world.file("assertion.jwt")))?;
    assert_eq!(got.code, Some(0), "{got:?}");
    let sent = world.sent()?;
    assert_eq!(sent.host, "login.microsoftonline.com");
    let assertion = fs::read_to_string(world.file("assertion.jwt"))?;
    assert_eq!(sent.form_value("client_assertion"), Some(&*assertion));
    Ok(())
}

#[test]
fn src04_the_token_of_a_managed_identity_is_the_assertion() -> Outcome {
    let identity = "66666666-6666-6666-6666-666666666666";
    let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
    let machine = ManagedIdentity::new(identity).with_object_id(identity);
    let application = Application::new(CLIENT).federated(issuer, identity);
    let emulator = Emulator::builder()
        .application(application)
        .managed_identity(machine)
        .start()?;
    let folder = folder("managed")?;
    let ca = folder.join("ca.pem");
    fs::write(&ca, emulator.ca_pem())?;
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let mut acquire = program(&["acquire", "--authority", &authority, "--client-id", CLIENT]);
    acquire
        .args(["--scope", "s/.default", "--no-proxy", "--verbose"])
        .args(["--managed-identity", "system"])
        .args(["--resolve", &format!("*:443:{}", emulator.address())])
        .arg("--ca-file")
        .arg(&ca)
        .env(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
            format!("http://{}", emulator.imds_address()),
        );
    let got = run(&mut acquire)?;
    assert_eq!(got.code, Some(0), "{got:?}");
    let asked = emulator.requests();
    let asked = asked
        .iter()
        .find(|request| request.path == "/metadata/identity/oauth2/token")
        .ok_or("the metadata service was not asked")?;
    let query = asked.query.as_deref().unwrap_or_default();
    assert!(query.contains("AzureADTokenExchange"), "{query}");
    Ok(())
}

/// Where distributions put the module.
const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
];

#[test]
fn src09_a_key_in_a_pkcs11_token_signs_and_shakes_hands() -> Outcome {
    use std::io::Write;
    let Some(module) = MODULES.iter().find(|path| Path::new(path).exists()) else {
        // Past the test harness, which keeps what `eprintln!` says from those whose tests pass.
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: there is no libsofthsm2.so (package softhsm2), so src09_a_key_in_a_pkcs11_token_signs_and_shakes_hands shows nothing"
        );
        return Ok(());
    };
    let world = World::start("pkcs11")?;
    fs::create_dir(world.file("tokens"))?;
    let tokens = format!("directories.tokendir = {}\n", world.file("tokens"));
    let configuration = world.write("softhsm2.conf", &tokens)?;
    world.write("client.key", &world.client.key_pem())?;
    world.write("pin", "canary-pin\n")?;
    let util = |arguments: &[&str]| {
        Command::new("softhsm2-util")
            .args(arguments)
            .args(["--pin", "canary-pin"])
            .env("SOFTHSM2_CONF", &configuration)
            .output()
    };
    let made = util(&[
        "--init-token",
        "--free",
        "--label",
        "t",
        "--so-pin",
        "00000000",
    ])?;
    assert!(made.status.success(), "{made:?}");
    let key = world.file("client.key");
    let made = util(&[
        "--import", &key, "--token", "t", "--label", "k", "--id", "07",
    ])?;
    assert!(made.status.success(), "{made:?}");
    put_certificate(module, &configuration, world.client.certificate_der())?;

    let token = [
        "--pkcs11-module",
        module,
        "--pkcs11-token",
        "t",
        "--pkcs11-certificate",
        "client",
        "--pkcs11-pin-file",
        "@pin",
    ];
    for further in [&[][..], &["--pop", "--region", "eastus"]] {
        let mut acquire = acquire(&world, &[&token, further]);
        let got = run(acquire.env("SOFTHSM2_CONF", &configuration))?;
        assert_eq!(got.code, Some(0), "{got:?}");
        let sent = world.sent()?;
        let presented = sent.client_certificate.is_some();
        assert_eq!(presented, !further.is_empty());
        assert_eq!(sent.form_value("client_assertion").is_some(), !presented);
    }
    world.write("pin", "canary-wrong\n")?;
    let got = run(acquire(&world, &[&token]).env("SOFTHSM2_CONF", &configuration))?;
    assert_eq!(got.code, Some(2), "{got:?}");
    assert!(got.err.contains("the PIN was not accepted"), "{got:?}");
    assert!(!got.err.contains("canary-wrong"), "{got:?}");
    Ok(())
}

/// The certificate beside its key, which SoftHSM's own program can't put there. The module reads its configuration from the
/// environment, so this is another program's work: this test's binary, run again.
fn put_certificate(module: &str, configuration: &str, der: &[u8]) -> Outcome {
    let hex: String = der.iter().map(|byte| format!("{byte:02x}")).collect();
    let made = Command::new(std::env::current_exe()?)
        .args(["--ignored", "--exact", "sources::puts_a_certificate"])
        .env("SOFTHSM2_CONF", configuration)
        .env("MODULE", module)
        .env("CERTIFICATE", hex)
        .output()?;
    assert!(made.status.success(), "{made:?}");
    Ok(())
}

#[test]
fn options_of_sources_go_together_or_say_what_is_missing() -> Outcome {
    let server = Server::start("sources")?;
    let secret = ["--secret-file", server.get("secret_file")];
    let with = |further: &[&'static str]| [&secret[..], further].concat();
    assert_refused(
        &server,
        &[
            (
                &with(&["--certificate-password-file", "k"]),
                2,
                &["--certificate-password-file goes with --certificate only"],
            ),
            (
                &["--certificate", "c.pem", "--certificate-password-file", "k"],
                2,
                &["--certificate-password-file goes with PKCS#12 only"],
            ),
            (
                &["--certificate", "c.pfx", "--key", "k"],
                2,
                &["--key goes with PEM only; in PKCS#12 the key is in --certificate c.pfx"],
            ),
            (
                &with(&["--pkcs11-token", "t"]),
                2,
                &["--pkcs11-token goes with --pkcs11-module only"],
            ),
            (
                &["--pkcs11-module", "m.so", "--pkcs11-token", "t"],
                2,
                &["--pkcs11-module needs --pkcs11-certificate too"],
            ),
            (
                &with(&["--exchange-audience", "api://Another"]),
                2,
                &["--exchange-audience goes with --managed-identity only"],
            ),
            (
                &["--managed-identity", "mine"],
                2,
                &["write system, client-id:ID, object-id:ID or resource-id:ID"],
            ),
            (
                &["--workload-identity"],
                2,
                &["--workload-identity: the variable AZURE_CLIENT_ID is not set"],
            ),
            (
                &["--assertion-command", "cat 'x"],
                2,
                &["--assertion-command: a quote in it has no end"],
            ),
        ],
    )
}

#[test]
#[ignore = "part of another test, which runs it in a process of its own"]
fn puts_a_certificate() -> Outcome {
    let hex = std::env::var("CERTIFICATE")?;
    let der: Result<Vec<u8>, _> = (0..hex.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&hex[place..place + 2], 16))
        .collect();
    let module = Pkcs11::new(std::env::var("MODULE")?)?;
    module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))?;
    for slot in module.get_slots_with_token()? {
        if module.get_token_info(slot)?.label() != "t" {
            continue;
        }
        let session = module.open_rw_session(slot)?;
        session.login(UserType::User, Some(&AuthPin::new("canary-pin".into())))?;
        session.create_object(&[
            Attribute::Class(ObjectClass::CERTIFICATE),
            Attribute::CertificateType(CertificateType::X_509),
            Attribute::Token(true),
            Attribute::Label(b"client".to_vec()),
            Attribute::Id(vec![7]),
            Attribute::Subject(vec![0x30, 0x00]),
            Attribute::Value(der?),
        ])?;
        return Ok(());
    }
    Err("no such token".into())
}
