//! The credential of `acquire`: never a secret among the arguments, where every user of the machine can read it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;
use entra_tokio::{ClientIdentity, Credential, IdentityError, ProvidedAssertion, Secret};

use super::authority::variable;
use super::command::Source;
use super::failed::Failed;
use super::input::{Given, Input, shown};
use super::options::goes_with;

/// Exactly one credential.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credential (exactly one)")]
pub(super) struct CredentialArgs {
    /// The variable that holds the client secret.
    #[arg(long, value_name = "VARIABLE", group = "credential")]
    secret_env: Option<String>,
    /// The client secret.
    #[arg(long, value_name = "FILE", group = "credential")]
    secret_file: Option<Input>,
    /// A certificate chain in PEM, the leaf first; the private key may stand in the same file.
    #[arg(long, value_name = "FILE", group = "credential")]
    certificate: Option<PathBuf>,
    /// The private key of --certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Put the certificate into the header of the assertion that it signs.
    #[arg(long)]
    send_x5c: bool,
    /// Present the certificate in the handshake as well as signing with it.
    #[arg(long)]
    send_over_mtls: bool,
    /// A federated assertion.
    #[arg(long, value_name = "FILE", group = "credential")]
    assertion_file: Option<Input>,
    /// The certificate (PEM) that the assertion is bound to: moves the request to mutual TLS.
    #[arg(long, value_name = "FILE")]
    binding_certificate: Option<PathBuf>,
    /// The private key (PEM) of --binding-certificate; it may stand in the same file.
    #[arg(long, value_name = "FILE")]
    binding_key: Option<PathBuf>,
    /// A command that prints {"assertion":"…","certificate":"PEM","key":"PEM"}; the last two only if the assertion is bound. It is
    /// told the context in ENTRA_CLIENT_ID, ENTRA_TENANT, ENTRA_AUTHORITY, ENTRA_TOKEN_ENDPOINT, ENTRA_FMI_PATH and
    /// ENTRA_CORRELATION_ID.
    #[arg(long, value_name = "COMMAND", group = "credential")]
    assertion_command: Option<String>,
}

/// A credential with what stands behind it.
pub(super) struct Loaded {
    /// Where it came from, for people.
    pub(super) named: String,
    pub(super) credential: Credential,
    pub(super) identity: Option<ClientIdentity>,
    pub(super) provider: Option<Source>,
    /// The secret or the assertion, so that nothing prints it.
    pub(super) hidden: Option<Secret>,
}

impl CredentialArgs {
    /// Whether a command makes it, which is told the context.
    pub(super) fn is_command(&self) -> bool {
        self.assertion_command.is_some()
    }

    pub(super) fn inputs(&self) -> [Given<'_>; 2] {
        [
            ("--secret-file", &self.secret_file),
            ("--assertion-file", &self.assertion_file),
        ]
    }

    pub(super) fn load(&self) -> Result<Loaded, Failed> {
        let mut loaded = self.chosen()?;
        let is_certificate = loaded.identity.is_some();
        self.check_belongings(is_certificate)?;
        if self.send_x5c || is_certificate && is_set("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") {
            loaded.credential = loaded.credential.send_x5c();
        }
        if self.send_over_mtls {
            loaded.credential = loaded.credential.send_over_mtls();
        }
        Ok(loaded)
    }

    fn check_belongings(&self, is_certificate: bool) -> Result<(), Failed> {
        let certificate = self.certificate.is_some();
        goes_with(self.key.is_some(), "--key", certificate, "--certificate")?;
        goes_with(self.send_x5c, "--send-x5c", is_certificate, "--certificate")?;
        goes_with(
            self.send_over_mtls,
            "--send-over-mtls",
            is_certificate,
            "--certificate",
        )?;
        let binding = self.binding_certificate.is_some();
        goes_with(
            binding,
            "--binding-certificate",
            self.assertion_file.is_some(),
            "--assertion-file",
        )?;
        goes_with(
            self.binding_key.is_some(),
            "--binding-key",
            binding,
            "--binding-certificate",
        )
    }

    /// What an option names; else what the variables of other Azure tools do, in their order.
    fn chosen(&self) -> Result<Loaded, Failed> {
        if let Some(name) = &self.secret_env {
            let input = Input::Variable(name.clone());
            let text = input.read("--secret-env")?;
            return Ok(secret(&input, text));
        }
        if let Some(input) = &self.secret_file {
            let text = input.read("--secret-file")?;
            return Ok(secret(input, text));
        }
        if let Some(path) = &self.certificate {
            return certificate("--certificate", path, self.key.as_deref());
        }
        if let Some(input) = &self.assertion_file {
            let text = input.read("--assertion-file")?;
            let binding = self
                .binding_certificate
                .as_deref()
                .map(|certificate| (certificate, self.binding_key.as_deref()));
            return assertion(input, &text, binding);
        }
        if let Some(command) = &self.assertion_command {
            return Ok(provided(
                "assertion of a command".to_owned(),
                Source::Command(command.clone()),
                None,
            ));
        }
        let name = "AZURE_CLIENT_SECRET";
        if let Some(text) = variable(name) {
            return Ok(secret(&Input::Variable(name.to_owned()), Secret::new(text)));
        }
        let name = "AZURE_CLIENT_CERTIFICATE_PATH";
        if let Some(path) = variable(name) {
            return certificate(name, Path::new(&path), None);
        }
        let name = "AZURE_FEDERATED_TOKEN_FILE";
        if let Some(path) = variable(name) {
            let input = Input::File(path.into());
            let text = input.read(name)?;
            return assertion(&input, &text, None);
        }
        Err(Failed::usage(
            "no credential; give one of --secret-env, --secret-file, --certificate, --assertion-file, --assertion-command",
        ))
    }
}

/// `1` and `true` switch on, as in other Azure tools.
fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

fn secret(input: &Input, secret: Secret) -> Loaded {
    Loaded {
        named: format!("secret in {input}"),
        credential: Credential::secret(secret.clone()),
        identity: None,
        provider: None,
        hidden: Some(secret),
    }
}

fn certificate(option: &str, path: &Path, key: Option<&Path>) -> Result<Loaded, Failed> {
    let identity = identity(option, path, "--key", key)?;
    Ok(Loaded {
        named: format!("certificate {} in {}", identity.thumbprint(), shown(path)),
        credential: Credential::certificate(identity.chain()),
        identity: Some(identity),
        provider: None,
        hidden: None,
    })
}

fn assertion(
    input: &Input,
    text: &Secret,
    binding: Option<(&Path, Option<&Path>)>,
) -> Result<Loaded, Failed> {
    let text = Secret::new(text.expose().trim());
    let mut named = format!("assertion in {input}");
    let given = match binding {
        None => ProvidedAssertion::new(text.clone()),
        Some((certificate, key)) => {
            let identity = identity("--binding-certificate", certificate, "--binding-key", key)?;
            named = format!("{named}, bound to {}", identity.thumbprint());
            ProvidedAssertion::bound(text.clone(), identity)
        }
    };
    Ok(provided(named, Source::Given(given), Some(text)))
}

fn provided(named: String, source: Source, hidden: Option<Secret>) -> Loaded {
    Loaded {
        named,
        credential: Credential::signed_assertion_provider(),
        identity: None,
        provider: Some(source),
        hidden,
    }
}

fn at(option: &str, path: &Path, error: impl std::fmt::Display) -> Failed {
    Failed::usage(format_args!("{option} {}: {error}", shown(path)))
}

/// The error names the file that it is about.
fn identity(
    option: &str,
    certificate: &Path,
    key_option: &str,
    key: Option<&Path>,
) -> Result<ClientIdentity, Failed> {
    let bytes = |option, path: &Path| fs::read(path).map_err(|error| at(option, path, error));
    let chain = bytes(option, certificate)?;
    let (key_option, key_path) = match key {
        Some(key) => (key_option, key),
        None => (option, certificate),
    };
    let key_bytes = bytes(key_option, key_path)?;
    ClientIdentity::from_pem(chain, key_bytes).map_err(|error| match error {
        IdentityError::NoPrivateKey if key.is_none() => {
            let here = "no private key found, and no other file is named for it";
            at(option, certificate, here)
        }
        IdentityError::NoPrivateKey | IdentityError::UnusableKey | IdentityError::KeyMismatch => {
            at(key_option, key_path, error)
        }
        IdentityError::NoCertificate | _ => at(option, certificate, error),
    })
}
