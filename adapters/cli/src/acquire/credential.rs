//! The credential of `acquire`: never a secret among the arguments, where every user of the machine can read it.

use std::fs;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use clap::Args;
use entra_tokio::{
    Answer, AssertionProvider, ClientIdentity, Credential, ProvidedAssertion, ProviderContext,
    Secret,
};
use serde::Deserialize;

use super::Failed;

/// Exactly one credential.
#[derive(Debug, Args)]
pub(super) struct CredentialArgs {
    /// The variable that holds the client secret.
    #[arg(long, value_name = "VARIABLE", group = "credential")]
    secret_env: Option<String>,
    /// The file that holds the client secret.
    #[arg(long, value_name = "FILE", group = "credential")]
    secret_file: Option<PathBuf>,
    /// A certificate chain in PEM, the leaf first; the private key may stand in the same file.
    #[arg(long, value_name = "FILE", group = "credential")]
    certificate: Option<PathBuf>,
    /// The private key of --certificate, in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// Put the certificate into the assertion's header.
    #[arg(long, requires = "certificate")]
    send_x5c: bool,
    /// Present the certificate in the handshake as well as signing with it.
    #[arg(long)]
    send_over_mtls: bool,
    /// A file with a federated assertion; read anew for each request.
    #[arg(long, value_name = "FILE", group = "credential")]
    assertion_file: Option<PathBuf>,
    /// The certificate (PEM) that the assertion is bound to: moves the request to mutual TLS.
    #[arg(long, value_name = "FILE", requires = "assertion_file")]
    binding_certificate: Option<PathBuf>,
    /// The private key (PEM) of --binding-certificate.
    #[arg(long, value_name = "FILE", requires = "binding_certificate")]
    binding_key: Option<PathBuf>,
    /// A command that prints {"assertion":"…","certificate":"PEM","key":"PEM"}; the last two only if the assertion is bound. It is
    /// told the context in ENTRA_CLIENT_ID, ENTRA_TENANT, ENTRA_AUTHORITY, ENTRA_TOKEN_ENDPOINT and ENTRA_CORRELATION_ID.
    #[arg(long, value_name = "COMMAND", group = "credential")]
    assertion_command: Option<String>,
}

/// A credential with what stands behind it.
pub(super) struct Loaded {
    pub(super) credential: Credential,
    pub(super) identity: Option<ClientIdentity>,
    pub(super) provider: Option<Source>,
}

/// Where assertions come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// A file and, maybe, the files of the certificate and of its key.
    File {
        assertion: PathBuf,
        binding: Option<(PathBuf, Option<PathBuf>)>,
    },
    /// A command.
    Command(String),
}

impl CredentialArgs {
    pub(super) fn load(&self) -> Result<Loaded, Failed> {
        let plain = |credential| Loaded {
            credential,
            identity: None,
            provider: None,
        };
        let provided = |source| Loaded {
            credential: Credential::signed_assertion_provider(),
            identity: None,
            provider: Some(source),
        };
        let mut loaded = if let Some(name) = &self.secret_env {
            let secret = std::env::var(name).map_err(|_| {
                Failed::Usage(format!("--secret-env: the variable {name} is not set"))
            })?;
            plain(Credential::secret(Secret::new(secret)))
        } else if let Some(path) = &self.secret_file {
            plain(Credential::secret(Secret::new(
                read(path)?.trim_end_matches(['\r', '\n']),
            )))
        } else if let Some(path) = &self.certificate {
            let identity = identity(path, self.key.as_deref()).map_err(Failed::Usage)?;
            let mut credential = Credential::certificate(identity.chain());
            if self.send_x5c {
                credential = credential.send_x5c();
            }
            Loaded {
                credential,
                identity: Some(identity),
                provider: None,
            }
        } else if let Some(path) = &self.assertion_file {
            let binding = self
                .binding_certificate
                .clone()
                .map(|certificate| (certificate, self.binding_key.clone()));
            provided(Source::File {
                assertion: path.clone(),
                binding,
            })
        } else if let Some(command) = &self.assertion_command {
            provided(Source::Command(command.clone()))
        } else {
            return Err(Failed::Usage(
                "no credential; give one of --secret-env, --secret-file, --certificate, --assertion-file, --assertion-command".to_owned(),
            ));
        };
        if self.send_over_mtls {
            loaded.credential = loaded.credential.send_over_mtls();
        }
        Ok(loaded)
    }
}

fn read(path: &Path) -> Result<String, Failed> {
    fs::read_to_string(path).map_err(|error| Failed::Usage(format!("{}: {error}", path.display())))
}

fn identity(certificate: &Path, key: Option<&Path>) -> Result<ClientIdentity, String> {
    let bytes =
        |path: &Path| fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
    let chain = bytes(certificate)?;
    let key = bytes(key.unwrap_or(certificate))?;
    ClientIdentity::from_pem(chain, key)
        .map_err(|error| format!("{}: {error}", certificate.display()))
}

/// What a command prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    assertion: String,
    certificate: Option<String>,
    key: Option<String>,
}

impl AssertionProvider for Source {
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion> {
        let this = self.clone();
        // Files and commands block.
        let asked = tokio::task::spawn_blocking(move || this.ask(&context));
        let answer: Pin<Box<dyn Future<Output = _> + Send>> =
            Box::pin(async move { asked.await?.map_err(Into::into) });
        answer
    }
}

impl Source {
    fn ask(&self, context: &ProviderContext) -> Result<ProvidedAssertion, String> {
        match self {
            Self::File { assertion, binding } => {
                let text = fs::read_to_string(assertion)
                    .map_err(|error| format!("{}: {error}", assertion.display()))?;
                let text = Secret::new(text.trim());
                match binding {
                    None => Ok(ProvidedAssertion::new(text)),
                    Some((certificate, key)) => Ok(ProvidedAssertion::bound(
                        text,
                        identity(certificate, key.as_deref())?,
                    )),
                }
            }
            Self::Command(command) => run(command, context),
        }
    }
}

fn run(command: &str, context: &ProviderContext) -> Result<ProvidedAssertion, String> {
    let output = std::process::Command::new("sh")
        .args(["-c", command])
        .env("ENTRA_CLIENT_ID", context.client_id())
        .env("ENTRA_TENANT", context.tenant().unwrap_or_default())
        .env("ENTRA_AUTHORITY", context.authority())
        .env("ENTRA_TOKEN_ENDPOINT", context.token_endpoint())
        .env("ENTRA_CORRELATION_ID", context.correlation_id())
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("the assertion command did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the assertion command ended with {}",
            output.status
        ));
    }
    // serde_json repeats values in its errors, and these are secrets.
    let printed: Printed = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "the assertion command printed no {{\"assertion\",…}}: line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let assertion = Secret::new(printed.assertion);
    match printed.certificate {
        None => Ok(ProvidedAssertion::new(assertion)),
        Some(certificate) => {
            let key = printed.key.as_deref().unwrap_or(&certificate);
            let identity = ClientIdentity::from_pem(&certificate, key)
                .map_err(|error| format!("the assertion command's certificate: {error}"))?;
            Ok(ProvidedAssertion::bound(assertion, identity))
        }
    }
}
