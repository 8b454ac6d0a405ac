//! The credential of `acquire`: never a secret among the arguments, where every user of the machine can read it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;
use entra_tokio::{ClientIdentity, Credential, IdentityError, ProvidedAssertion, Secret};

use super::authority::variable;
use super::command::Source;
use super::failed::Failed;

/// Exactly one credential.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credential (exactly one)")]
pub(super) struct CredentialArgs {
    /// The variable that holds the client secret.
    #[arg(long, value_name = "VARIABLE", group = "credential")]
    secret_env: Option<String>,
    /// The file that holds the client secret; - is standard input.
    #[arg(long, value_name = "FILE", group = "credential")]
    secret_file: Option<PathBuf>,
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
    /// The file that holds a federated assertion; - is standard input.
    #[arg(long, value_name = "FILE", group = "credential")]
    assertion_file: Option<PathBuf>,
    /// The certificate (PEM) that the assertion is bound to: moves the request to mutual TLS.
    #[arg(long, value_name = "FILE")]
    binding_certificate: Option<PathBuf>,
    /// The private key (PEM) of --binding-certificate; it may stand in the same file.
    #[arg(long, value_name = "FILE")]
    binding_key: Option<PathBuf>,
    /// A command that prints {"assertion":"…","certificate":"PEM","key":"PEM"}; the last two only if the assertion is bound. It is
    /// told the context in ENTRA_CLIENT_ID, ENTRA_TENANT, ENTRA_AUTHORITY, ENTRA_TOKEN_ENDPOINT and ENTRA_CORRELATION_ID.
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

    /// An option that would do nothing is a mistake. clap's `requires` does not see it where another credential is given: that one
    /// conflicts with what is required, and so waives it.
    fn check_belongings(&self, is_certificate: bool) -> Result<(), Failed> {
        let binding = self.binding_certificate.is_some();
        for (given, option, fits, with) in [
            (
                self.key.is_some(),
                "--key",
                self.certificate.is_some(),
                "--certificate",
            ),
            (self.send_x5c, "--send-x5c", is_certificate, "--certificate"),
            (
                self.send_over_mtls,
                "--send-over-mtls",
                is_certificate,
                "--certificate",
            ),
            (
                binding,
                "--binding-certificate",
                self.assertion_file.is_some(),
                "--assertion-file",
            ),
            (
                self.binding_key.is_some(),
                "--binding-key",
                binding,
                "--binding-certificate",
            ),
        ] {
            if given && !fits {
                return Err(Failed::usage(format_args!(
                    "{option} goes with {with} only"
                )));
            }
        }
        Ok(())
    }

    /// What an option names; else what the variables of other Azure tools do, in their order.
    fn chosen(&self) -> Result<Loaded, Failed> {
        if let Some(name) = &self.secret_env {
            return secret_variable(name);
        }
        if let Some(path) = &self.secret_file {
            let text = read("--secret-file", path)?;
            return Ok(secret(
                format!("secret in {}", path.display()),
                text.trim_end_matches(['\r', '\n']),
            ));
        }
        if let Some(path) = &self.certificate {
            return certificate("--certificate", path, self.key.as_deref());
        }
        if let Some(path) = &self.assertion_file {
            let binding = self
                .binding_certificate
                .as_deref()
                .map(|certificate| (certificate, self.binding_key.as_deref()));
            return assertion("--assertion-file", path, binding);
        }
        if let Some(command) = &self.assertion_command {
            return Ok(provided(
                "assertion of a command".to_owned(),
                Source::Command(command.clone()),
                None,
            ));
        }
        if let Some(text) = variable("AZURE_CLIENT_SECRET") {
            return Ok(secret("secret in AZURE_CLIENT_SECRET".to_owned(), &text));
        }
        let name = "AZURE_CLIENT_CERTIFICATE_PATH";
        if let Some(path) = variable(name) {
            return certificate(name, Path::new(&path), None);
        }
        let name = "AZURE_FEDERATED_TOKEN_FILE";
        if let Some(path) = variable(name) {
            return assertion(name, Path::new(&path), None);
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

fn secret_variable(name: &str) -> Result<Loaded, Failed> {
    // Who writes the secret itself there must not find it in a log.
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !name.starts_with(|c: char| c.is_ascii_digit());
    if !is_name {
        return Err(Failed::usage(
            "--secret-env takes the name of a variable, not the secret itself",
        ));
    }
    match std::env::var(name) {
        Ok(text) => Ok(secret(format!("secret in {name}"), &text)),
        Err(std::env::VarError::NotPresent) => Err(Failed::usage(format_args!(
            "--secret-env: the variable {name} is not set"
        ))),
        Err(std::env::VarError::NotUnicode(_)) => Err(Failed::usage(format_args!(
            "--secret-env: the variable {name} is no text"
        ))),
    }
}

fn secret(named: String, text: &str) -> Loaded {
    let secret = Secret::new(text);
    Loaded {
        named,
        credential: Credential::secret(secret.clone()),
        identity: None,
        provider: None,
        hidden: Some(secret),
    }
}

fn certificate(option: &str, path: &Path, key: Option<&Path>) -> Result<Loaded, Failed> {
    let identity = identity(option, path, "--key", key)?;
    Ok(Loaded {
        named: format!(
            "certificate {} in {}",
            identity.thumbprint(),
            path.display()
        ),
        credential: Credential::certificate(identity.chain()),
        identity: Some(identity),
        provider: None,
        hidden: None,
    })
}

fn assertion(
    option: &str,
    path: &Path,
    binding: Option<(&Path, Option<&Path>)>,
) -> Result<Loaded, Failed> {
    let text = Secret::new(read(option, path)?.trim());
    let mut named = format!("assertion in {}", path.display());
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

fn read(option: &str, path: &Path) -> Result<String, Failed> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    text.map_err(|error| at(option, path, error))
}

fn at(option: &str, path: &Path, error: impl std::fmt::Display) -> Failed {
    Failed::usage(format_args!("{option} {}: {error}", path.display()))
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
