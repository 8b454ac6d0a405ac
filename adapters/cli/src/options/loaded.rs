//! A credential that was chosen, and what stands behind it once it is loaded: with its secrets, or with others standing in for them.

use std::sync::Arc;
use std::time::Duration;

use entra_sources::AssertionFile;
use entra_tokio::{CertificateChain, ClientIdentity, Credential, Secret};

use super::authority::variable;
use super::certificate::{CertificateFile, Token, at};
use super::credential::Identity;
use super::failed::Failed;
use super::input::{Input, Named, shown};
use super::sources::{self, Pair, Source, Text};

/// Whether secrets are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reading {
    /// They are.
    Secrets,
    /// Others stand in for them: for who looks at what would happen and sends nothing.
    StandIns,
}

/// What stands in for a secret.
const STAND_IN: &str = "stand-in";

/// The credential that the options or the variables name.
#[derive(Clone, Debug)]
pub(crate) enum Chosen {
    /// A client secret, and the option that says where.
    Secret(&'static str, Input),
    Certificate(CertificateFile),
    Token(Token),
    Assertion {
        option: &'static str,
        input: Input,
        binding: Option<CertificateFile>,
    },
    Command(String),
    Workload,
    /// With the audience of its token.
    Managed(Identity, String),
}

/// A credential with what stands behind it.
pub(crate) struct Loaded {
    /// Where it came from, for people.
    pub(crate) named: String,
    pub(crate) credential: Credential,
    /// The certificate, where the credential is one.
    pub(crate) chain: Option<CertificateChain>,
    /// The certificate with its key.
    pub(crate) identity: Option<ClientIdentity>,
    pub(crate) source: Option<Source>,
    /// What the source brings, as far as that is known before it is asked.
    pub(crate) brings: Brings,
    /// The secret or the assertion, so that nothing prints it.
    pub(crate) hidden: Option<Secret>,
}

/// What a source of assertions brings.
#[derive(Clone, Debug)]
pub(crate) enum Brings {
    /// There is none.
    Nothing,
    /// An assertion alone.
    Assertion,
    /// An assertion with this certificate.
    Pair(CertificateChain),
    /// An assertion with a certificate or without: only the source knows.
    Either,
}

impl Reading {
    /// A secret, or what stands in for it.
    pub(crate) fn secret(self, option: &str, input: &Input) -> Result<Secret, Failed> {
        match self {
            Self::Secrets => input.read(option),
            Self::StandIns => Ok(Secret::new(STAND_IN)),
        }
    }

    /// The same for what has no blanks around it, and is never empty.
    pub(crate) fn word(self, option: &str, input: &Input) -> Result<Secret, Failed> {
        match self {
            Self::Secrets => input.read_word(option),
            Self::StandIns => Ok(Secret::new(STAND_IN)),
        }
    }
}

impl Chosen {
    pub(crate) fn is_certificate(&self) -> bool {
        matches!(self, Self::Certificate(_) | Self::Token(_))
    }

    /// The files that it is in.
    pub(crate) fn files(&self) -> Vec<Named> {
        let of = |option, input: &Input| Named::of((option, &Some(input.clone())));
        match self {
            Self::Secret(option, input) => of(option, input).into_iter().collect(),
            Self::Certificate(file) => file.files(),
            Self::Token(token) => {
                let module = Named {
                    option: "--pkcs11-module",
                    path: token.module.clone(),
                    is_secret: false,
                };
                let pin = of("--pkcs11-pin-file", &token.pin);
                std::iter::once(module).chain(pin).collect()
            }
            Self::Assertion {
                option,
                input,
                binding,
            } => {
                let assertion = of(option, input).into_iter();
                let binding = binding.iter().flat_map(CertificateFile::files);
                assertion.chain(binding).collect()
            }
            Self::Workload => {
                let name = "AZURE_FEDERATED_TOKEN_FILE";
                let path = variable(name).map(|path| Input::File(path.into()));
                path.and_then(|path| of(name, &path)).into_iter().collect()
            }
            Self::Command(_) | Self::Managed(..) => Vec::new(),
        }
    }

    pub(crate) fn load(&self, reading: Reading, limit: Duration) -> Result<Loaded, Failed> {
        match self {
            Self::Secret(option, input) => secret(option, input, reading),
            Self::Certificate(file) => certificate(file, reading),
            Self::Token(token) => {
                let identity = token.identity()?;
                let place = format!("the token {}", token.label);
                Ok(of_certificate(identity.chain(), Some(identity), &place))
            }
            Self::Assertion {
                option,
                input,
                binding,
            } => assertion(option, input, binding.as_ref(), reading),
            Self::Command(line) => {
                let source = sources::command(line, limit)?;
                let (program, _) = sources::words(line)?;
                Ok(Loaded {
                    brings: Brings::Either,
                    credential: Credential::signed_assertion_provider(),
                    ..of_source(format!("assertion of the command {program}"), source)
                })
            }
            Self::Workload => {
                let named = "assertion of workload identity".to_owned();
                Ok(of_source(named, sources::workload()?))
            }
            Self::Managed(identity, audience) => {
                let source = sources::managed(identity, audience)?;
                let named = format!("token of the managed identity ({:?})", source.host());
                Ok(of_source(named, Arc::new(source)))
            }
        }
    }
}

fn secret(option: &str, input: &Input, reading: Reading) -> Result<Loaded, Failed> {
    let secret = reading.secret(option, input)?;
    Ok(Loaded {
        named: format!("secret in {input}"),
        credential: Credential::secret(secret.clone()),
        chain: None,
        identity: None,
        source: None,
        brings: Brings::Nothing,
        hidden: Some(secret),
    })
}

fn certificate(file: &CertificateFile, reading: Reading) -> Result<Loaded, Failed> {
    let place = shown(&file.path);
    match reading {
        Reading::Secrets => {
            let identity = file.identity()?;
            Ok(of_certificate(identity.chain(), Some(identity), &place))
        }
        Reading::StandIns => Ok(of_certificate(file.chain()?, None, &place)),
    }
}

fn of_certificate(
    chain: CertificateChain,
    identity: Option<ClientIdentity>,
    place: &str,
) -> Loaded {
    let named = match &identity {
        Some(identity) => format!("certificate {} in {place}", identity.thumbprint()),
        None => format!("certificate in {place}"),
    };
    Loaded {
        named,
        credential: Credential::certificate(chain.clone()),
        chain: Some(chain),
        identity,
        source: None,
        brings: Brings::Nothing,
        hidden: None,
    }
}

fn assertion(
    option: &str,
    input: &Input,
    binding: Option<&CertificateFile>,
    reading: Reading,
) -> Result<Loaded, Failed> {
    let mut named = format!("assertion in {input}");
    let (text, hidden) = match (input, reading) {
        (_, Reading::StandIns) => (Text::Given(Secret::new(STAND_IN)), None),
        (Input::File(path), Reading::Secrets) => {
            let file = AssertionFile::new(path);
            let hidden = file.read().map_err(|error| at(option, path, &error))?;
            (Text::File(file), Some(hidden))
        }
        (Input::Stdin | Input::Variable(_), Reading::Secrets) => {
            let read = input.read(option)?;
            let given = Secret::new(read.expose().trim());
            (Text::Given(given.clone()), Some(given))
        }
    };
    let brings = match (binding, reading) {
        (None, _) => Brings::Assertion,
        (Some(file), Reading::Secrets) => {
            let identity = file.identity()?;
            named = format!("{named}, bound to {}", identity.thumbprint());
            Brings::Pair(identity.chain())
        }
        (Some(file), Reading::StandIns) => {
            named = format!("{named}, bound to the certificate in {}", shown(&file.path));
            Brings::Pair(file.chain()?)
        }
    };
    let certificate = binding.map(CertificateFile::source).transpose()?;
    let credential = match brings {
        Brings::Pair(_) => Credential::signed_assertion_provider(),
        Brings::Nothing | Brings::Assertion | Brings::Either => Credential::assertion_provider(),
    };
    let pair = Pair {
        assertion: text,
        certificate,
    };
    Ok(Loaded {
        brings,
        credential,
        hidden,
        ..of_source(named, Arc::new(pair))
    })
}

/// An assertion that can't be bound to a certificate: it never moves to mutual TLS (rule 2).
fn of_source(named: String, source: Source) -> Loaded {
    Loaded {
        named,
        credential: Credential::assertion_provider(),
        chain: None,
        identity: None,
        source: Some(source),
        brings: Brings::Assertion,
        hidden: None,
    }
}
