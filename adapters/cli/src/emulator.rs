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

/// Run the local token service.
#[derive(Debug, Args)]
pub(crate) struct EmulatorArgs {
    /// Where to listen; loopback only.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    /// Where to write the CA, certificates and keys.
    #[arg(long, value_name = "DIR", default_value = "entra-emulator")]
    dir: PathBuf,
}

const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";
const ISSUER: &str = "https://issuer.example/";
const SUBJECT: &str = "workload";
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
                eprintln!("error: {error}");
                ExitCode::from(2)
            }
        }
    }

    fn start(&self) -> Result<Emulator, Box<dyn std::error::Error>> {
        let client = TestIdentity::generate(KeyKind::P256, "client")?;
        let rsa = TestIdentity::generate(KeyKind::Rsa2048, "client-rsa")?;
        let binding = TestIdentity::generate(KeyKind::P256, "binding")?;
        let application = Application::new(CLIENT_ID)
            .secret(SECRET)
            .certificate(client.certificate_der())
            .certificate(rsa.certificate_der())
            .federated(ISSUER, SUBJECT)
            .mtls(true);
        let emulator = Emulator::builder()
            .application(application)
            .imds_region(REGION)
            .listen(self.listen)
            .start()?;
        let day = Duration::from_secs(24 * 3_600);
        let bound = AssertionSpec::new(ISSUER, SUBJECT)
            .bound_to(binding.certificate_der())
            .lifetime(day);
        let plain = AssertionSpec::new(ISSUER, SUBJECT).lifetime(day);
        let files = [
            ("ca.pem", emulator.ca_pem().to_owned()),
            ("client.pem", client.certificate_pem()),
            ("client.key", client.key_pem()),
            ("client-rsa.pem", rsa.certificate_pem()),
            ("client-rsa.key", rsa.key_pem()),
            ("binding.pem", binding.certificate_pem()),
            ("binding.key", binding.key_pem()),
            ("bound-assertion.jwt", emulator.issue_assertion(&bound)),
            ("assertion.jwt", emulator.issue_assertion(&plain)),
            ("secret.txt", SECRET.to_owned()),
        ];
        create_private_dir(&self.dir)?;
        for (name, content) in &files {
            write_private(&self.dir.join(name), content)?;
        }
        self.announce(&emulator)?;
        Ok(emulator)
    }

    /// One JSON line on standard output, and the command lines to try on standard error.
    fn announce(&self, emulator: &Emulator) -> io::Result<()> {
        let file = |name: &str| self.dir.join(name).display().to_string();
        let resolve = format!("*:443:{}", emulator.address());
        let ready = json!({
            "address": emulator.address().to_string(),
            "imds_address": emulator.imds_address().to_string(),
            "authority": format!("https://login.microsoftonline.com/{TENANT_ID}"),
            "tenant": TENANT_ID,
            "client_id": CLIENT_ID,
            "region": REGION,
            "resource_host": emulator.resource_host(),
            "hosts": emulator.hosts(),
            "resolve": resolve,
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
        });
        let common = format!(
            "entra-token acquire --authority https://login.microsoftonline.com/{TENANT_ID} --client-id {CLIENT_ID} \
             --scope https://vault.azure.net/.default --region {REGION} --ca-file {} --resolve '{resolve}' --no-proxy --verbose",
            file("ca.pem")
        );
        let mut err = io::stderr().lock();
        writeln!(err, "To try:")?;
        writeln!(err, "  {common} --secret-file {}", file("secret.txt"))?;
        writeln!(
            err,
            "  {common} --certificate {} --key {} --pop",
            file("client.pem"),
            file("client.key")
        )?;
        writeln!(
            err,
            "  {common} --assertion-file {} --binding-certificate {} --binding-key {}",
            file("bound-assertion.jwt"),
            file("binding.pem"),
            file("binding.key")
        )?;
        let mut out = io::stdout().lock();
        writeln!(out, "{ready}")?;
        out.flush()
    }
}

/// Keys are nobody else's, also test keys.
fn create_private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn write_private(path: &Path, content: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(content.as_bytes())
}
