//! The file: its top level, the client, the certificates.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::entry::Entry;
use super::fields::{Base64, Moment, distinct, given};

/// A scenario that was read and makes sense as a file; whether it is right about the engine is another question.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) why: String,
    /// The wall clock at the beginning, as time since the Unix epoch.
    pub(crate) start: Duration,
    pub(crate) certificates: Certificates,
    pub(crate) client: ClientFile,
    pub(crate) course: Course,
}

/// What the scenario is about.
#[derive(Debug)]
pub(crate) enum Course {
    /// Building the client fails with this code, or with any if none is named.
    BuildError(Option<String>),
    /// The client does this. Each entry has its text in the file beside it.
    Script(Vec<(Entry, Value)>),
}

/// The certificates by their names.
#[derive(Debug, Default)]
pub(crate) struct Certificates(BTreeMap<String, CertificateFile>);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CertificateFile {
    pub(crate) der: Base64,
    #[serde(default = "yes")]
    pub(crate) private_key: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    name: String,
    why: String,
    start: Moment,
    #[serde(default, deserialize_with = "distinct")]
    certificates: BTreeMap<String, CertificateFile>,
    client: ClientFile,
    #[serde(default, deserialize_with = "given")]
    expect_build_error: Option<String>,
    #[serde(default, deserialize_with = "given")]
    script: Option<Vec<Entry>>,
}

/// The application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientFile {
    pub(crate) client_id: String,
    pub(crate) authority: String,
    #[serde(default, deserialize_with = "given")]
    pub(crate) authority_kind: Option<AuthorityKind>,
    pub(crate) credential: CredentialFile,
    #[serde(default)]
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) region_policy: Policy,
    #[serde(default)]
    pub(crate) bearer_isolation: Isolation,
    #[serde(default)]
    pub(crate) environment: Variables,
    #[serde(default)]
    pub(crate) capabilities: Vec<String>,
    #[serde(default = "yes")]
    pub(crate) instance_discovery: bool,
    #[serde(default)]
    pub(crate) known_authorities: Vec<String>,
}

/// What an authority's URL does not say.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AuthorityKind {
    Oidc,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Policy {
    #[default]
    Required,
    Optional,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Isolation {
    #[default]
    Shared,
    PerCertificate,
}

/// The variables that the driver read.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) struct Variables {
    #[serde(deserialize_with = "given")]
    pub(crate) region_name: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(crate) msal_force_region: Option<String>,
    #[serde(deserialize_with = "given")]
    pub(crate) msal_disable_region: Option<String>,
}

/// The credential, each kind with the fields that it takes.
#[derive(Debug, Deserialize)]
#[serde(try_from = "CredentialFields")]
pub(crate) struct CredentialFile {
    pub(crate) kind: CredentialKind,
    pub(crate) send_x5c: bool,
    /// Legal beside every kind: what comes of it is for the engine to say.
    pub(crate) send_over_mtls: bool,
}

#[derive(Debug)]
pub(crate) enum CredentialKind {
    Secret(String),
    Certificate(String),
    CertificateProvider,
    CertificateWithClaims(String, Map<String, Value>),
    StaticAssertion(String),
    Assertion,
    SignedAssertion,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CredentialFields {
    kind: String,
    #[serde(default, deserialize_with = "given")]
    secret: Option<String>,
    #[serde(default, deserialize_with = "given")]
    certificate: Option<String>,
    #[serde(default, deserialize_with = "given")]
    claims: Option<Map<String, Value>>,
    #[serde(default, deserialize_with = "given")]
    assertion: Option<String>,
    #[serde(default, deserialize_with = "given")]
    send_x5c: Option<bool>,
    #[serde(default)]
    send_over_mtls: bool,
}

impl TryFrom<CredentialFields> for CredentialFile {
    type Error = String;

    fn try_from(mut fields: CredentialFields) -> Result<Self, String> {
        let kind = fields.kind.clone();
        let missing = |name: &str| format!("missing field `{name}` beside kind `{kind}`");
        let certificate = |fields: &mut CredentialFields| {
            let name = fields.certificate.take();
            name.ok_or_else(|| missing("certificate"))
        };
        let mut send_x5c = false;
        let credential = match kind.as_str() {
            "secret" => {
                CredentialKind::Secret(fields.secret.take().ok_or_else(|| missing("secret"))?)
            }
            "certificate" => {
                send_x5c = fields.send_x5c.take().unwrap_or_default();
                CredentialKind::Certificate(certificate(&mut fields)?)
            }
            "certificate_provider" => {
                send_x5c = fields.send_x5c.take().unwrap_or_default();
                CredentialKind::CertificateProvider
            }
            "certificate_with_claims" => CredentialKind::CertificateWithClaims(
                certificate(&mut fields)?,
                fields.claims.take().ok_or_else(|| missing("claims"))?,
            ),
            "static_assertion" => {
                let assertion = fields.assertion.take();
                CredentialKind::StaticAssertion(assertion.ok_or_else(|| missing("assertion"))?)
            }
            "assertion" => CredentialKind::Assertion,
            "signed_assertion" => CredentialKind::SignedAssertion,
            other => return Err(format!("unknown kind `{other}`")),
        };
        let left = [
            ("secret", fields.secret.is_some()),
            ("certificate", fields.certificate.is_some()),
            ("claims", fields.claims.is_some()),
            ("assertion", fields.assertion.is_some()),
            ("send_x5c", fields.send_x5c.is_some()),
        ];
        match left.iter().find(|(_, left)| *left) {
            Some((name, _)) => Err(format!("unknown field `{name}` beside kind `{kind}`")),
            None => Ok(Self {
                kind: credential,
                send_x5c,
                send_over_mtls: fields.send_over_mtls,
            }),
        }
    }
}

const fn yes() -> bool {
    true
}

impl Scenario {
    /// Reads a file. The error names the field that is wrong.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let file: ScenarioFile =
            serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
                let path = error.path().to_string();
                match path.as_str() {
                    "." | "?" => error.into_inner().to_string(),
                    path => format!("{path}: {}", error.inner()),
                }
            })?;
        deserializer.end().map_err(|error| error.to_string())?;
        let certificates = Certificates(file.certificates);
        if let CredentialKind::Certificate(name) | CredentialKind::CertificateWithClaims(name, _) =
            &file.client.credential.kind
        {
            certificates.check(name, "client.credential.certificate")?;
        }
        let course = match (file.expect_build_error, file.script) {
            (Some(code), None) => Course::BuildError((code != "*").then_some(code)),
            (None, Some(script)) => {
                for (at, entry) in script.iter().enumerate() {
                    if let Some((field, name)) = entry.what.certificate() {
                        certificates.check(name, &format!("script[{at}].{field}"))?;
                    }
                }
                Course::Script(with_text(script, text)?)
            }
            (Some(_), Some(_)) => {
                return Err(
                    "expect_build_error: stands instead of script, not beside it".to_owned(),
                );
            }
            (None, None) => return Err("missing field `script`".to_owned()),
        };
        Ok(Self {
            name: file.name,
            why: file.why,
            start: file.start.0,
            certificates,
            client: file.client,
            course,
        })
    }
}

/// Puts the text of each entry beside it.
fn with_text(script: Vec<Entry>, text: &str) -> Result<Vec<(Entry, Value)>, String> {
    #[derive(Deserialize)]
    struct Texts {
        script: Vec<Value>,
    }
    let texts: Texts = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Ok(script.into_iter().zip(texts.script).collect())
}

impl Certificates {
    pub(crate) fn get(&self, name: &str) -> Option<&CertificateFile> {
        self.0.get(name)
    }

    /// The name of the certificate with this DER: the first, if several share it.
    pub(crate) fn name_of(&self, der: &[u8]) -> Option<&str> {
        self.0
            .iter()
            .find(|(_, certificate)| certificate.der.0 == der)
            .map(|(name, _)| name.as_str())
    }

    fn check(&self, name: &str, field: &str) -> Result<(), String> {
        match self.get(name) {
            Some(_) => Ok(()),
            None => Err(format!("{field}: no certificate is named `{name}`")),
        }
    }
}
