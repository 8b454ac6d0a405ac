//! `emulator`: the local token service as a server, with everything in files that a client needs to try it.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use entra_emulator::{Application, AssertionSpec, Emulator, KeyKind, TENANT_ID, TestIdentity};
use serde_json::json;

use self::hints::Hints;
use crate::console;

mod hints;
mod users;

/// Run the local token service.
///
/// Once it is ready it prints one JSON line with everything that a client needs, and on standard error command lines to try. It serves
/// until it is ended.
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Where to listen; loopback only, and port 0 is any free one.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where to write the CA, certificates and keys.
    #[arg(long, value_name = "DIR", default_value = "entra-emulator")]
    dir: PathBuf,
}

const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";
const ISSUER: &str = "https://issuer.example/";
const SUBJECT: &str = "workload";
const SCOPE: &str = "https://vault.azure.net/.default";
/// Only ever good against this emulator, which listens on loopback.
const SECRET: &str = "emulator-secret";
const REGION: &str = "eastus";

impl EmulatorArgs {
    /// Serves until the process is ended.
    pub(crate) fn run(&self) -> ExitCode {
        match self.start() {
            Ok(_emulator) => loop {
                std::thread::park();
            },
            Err(error) => {
                console::complain(format_args!("error: {error}"));
                ExitCode::from(2)
            }
        }
    }

    fn start(&self) -> Result<Emulator, String> {
        let keys = |error: entra_emulator::StartError| error.to_string();
        let client = TestIdentity::generate(KeyKind::P256, "client").map_err(keys)?;
        let rsa = TestIdentity::generate(KeyKind::Rsa2048, "client-rsa").map_err(keys)?;
        let binding = TestIdentity::generate(KeyKind::P256, "binding").map_err(keys)?;
        let application = users::signed_in(Application::new(CLIENT_ID))
            .secret(SECRET)
            .certificate(client.certificate_der())
            .certificate(rsa.certificate_der())
            .federated(ISSUER, SUBJECT)
            .mtls(true);
        let emulator = Emulator::builder()
            .application(application)
            .imds_region(REGION)
            .listen(self.listen)
            .start()
            .map_err(|error| format!("--listen {}: {error}", self.listen))?;
        let day = Duration::from_secs(24 * 3_600);
        let bound = AssertionSpec::new(ISSUER, SUBJECT)
            .bound_to(binding.certificate_der())
            .lifetime(day);
        let bound = emulator.issue_assertion(&bound);
        let plain = AssertionSpec::new(ISSUER, SUBJECT).lifetime(day);
        // What an assertion command prints.
        let pair = json!({
            "assertion": bound,
            "certificate": binding.certificate_pem(),
            "key": binding.key_pem(),
        });
        let mut files = vec![
            ("ca.pem", emulator.ca_pem().to_owned()),
            ("client.pem", client.certificate_pem()),
            ("client.key", client.key_pem()),
            ("client-rsa.pem", rsa.certificate_pem()),
            ("client-rsa.key", rsa.key_pem()),
            ("binding.pem", binding.certificate_pem()),
            ("binding.key", binding.key_pem()),
            ("bound-assertion.jwt", bound),
            ("bound-assertion.json", pair.to_string()),
            ("assertion.jwt", emulator.issue_assertion(&plain)),
            ("secret.txt", SECRET.to_owned()),
        ];
        files.extend(users::files(&emulator, CLIENT_ID, day));
        let dir = create_private_dir(&self.dir)
            .map_err(|error| format!("--dir {}: {error}", self.dir.display()))?;
        for (name, content) in &files {
            let path = dir.join(name);
            write_private(&path, content)
                .map_err(|error| format!("--dir {}: {error}", path.display()))?;
        }
        announce(&emulator, &dir).map_err(|error| format!("nobody can read it: {error}"))?;
        Ok(emulator)
    }
}

/// One JSON line on standard output, and the command lines to try on standard error.
fn announce(emulator: &Emulator, dir: &Path) -> io::Result<()> {
    let file = |name: &str| dir.join(name).display().to_string();
    let resolve = format!("*:443:{}", emulator.address());
    let imds_resolve = format!("169.254.169.254:80:{}", emulator.imds_address());
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let hints = Hints {
        authority: &authority,
        client_id: CLIENT_ID,
        scope: SCOPE,
        region: REGION,
        user: users::USER,
        redirect_uri: users::REDIRECT_URI,
        resolve: &resolve,
        imds_resolve: &imds_resolve,
        dir,
    };
    console::complain(format_args!(
        "# The emulator listens on {}. To try, in another terminal:\n{hints}",
        emulator.address()
    ));
    let ready = json!({
        "address": emulator.address().to_string(),
        "imds_address": emulator.imds_address().to_string(),
        "authority": authority,
        "tenant": TENANT_ID,
        "client_id": CLIENT_ID,
        "scope": SCOPE,
        "region": REGION,
        "resource_host": emulator.resource_host(),
        "hosts": emulator.hosts(),
        "resolve": resolve,
        "imds_resolve": imds_resolve,
        "ca_file": file("ca.pem"),
        "secret_file": file("secret.txt"),
        "certificate": file("client.pem"),
        "key": file("client.key"),
        "rsa_certificate": file("client-rsa.pem"),
        "rsa_key": file("client-rsa.key"),
        "assertion_file": file("assertion.jwt"),
        "bound_assertion_file": file("bound-assertion.jwt"),
        "binding_certificate": file("binding.pem"),
        "binding_key": file("binding.key"),
        "assertion_command": hints.command(),
        "user": users::USER,
        "user_token_file": file("user-token.jwt"),
        "refresh_token_file": file("refresh-token.txt"),
        "code_file": file("code.txt"),
        "pkce_code_file": file("code-with-pkce.txt"),
        "code_verifier_file": file("code-verifier.txt"),
        "redirect_uri": users::REDIRECT_URI,
        "user_assertion_file": file("user-assertion.jwt"),
    });
    console::say(ready)
}

/// Keys are nobody else's, also test keys. The path is whole, so that it is good in other folders too.
fn create_private_dir(path: &Path) -> io::Result<PathBuf> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    std::path::absolute(path)
}

/// A file of an earlier run is replaced, not written into: others may have been allowed to read it.
fn write_private(path: &Path, content: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}
