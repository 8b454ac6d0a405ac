//! What a script expects the engine to put out. A field that is not given is free; in a field of `Option<Option<…>>` the inner
//! `None` is a `null`, which expects that there is nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::fields::{Seconds, distinct, given};

/// An expected output, under its name in the file.
#[derive(Debug)]
pub(crate) enum Expected {
    WantsAssertion(Asked),
    WantsCertificate(Asked),
    WantsSignature(Signing),
    Sends(Box<Sent>),
    Waits(Waited),
    Joins(Joined),
    Token(Token),
    Error(Refused),
    Nothing,
}

impl Expected {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::WantsAssertion(_) => "wants_assertion",
            Self::WantsCertificate(_) => "wants_certificate",
            Self::WantsSignature(_) => "wants_signature",
            Self::Sends(_) => "sends",
            Self::Waits(_) => "waits",
            Self::Joins(_) => "joins",
            Self::Token(_) => "token",
            Self::Error(_) => "error",
            Self::Nothing => "nothing",
        }
    }
}

/// A provider is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    #[serde(default, deserialize_with = "given")]
    pub(crate) client_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) token_endpoint: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) authority: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) tenant: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) claims: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) capabilities: Option<Vec<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) fmi_path: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) correlation_id: Option<String>,
}

/// The signer is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Signing {
    #[serde(default, deserialize_with = "given")]
    pub(crate) certificate: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) algorithm: Option<Algorithm>,
    #[serde(default)]
    pub(crate) header: Map<String, Value>,
    #[serde(default)]
    pub(crate) header_absent: Vec<String>,
    #[serde(default)]
    pub(crate) claims: Map<String, Value>,
    #[serde(default)]
    pub(crate) claims_differ: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Algorithm {
    Ps256,
    Rs256,
    Es256,
}

impl Algorithm {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// Something is sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sent {
    #[serde(default, deserialize_with = "given")]
    pub(crate) method: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) url: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) transport: Option<Transport>,
    #[serde(default, deserialize_with = "distinct")]
    pub(crate) form: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "distinct")]
    pub(crate) form_json: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) form_present: Vec<String>,
    #[serde(default)]
    pub(crate) form_absent: Vec<String>,
    #[serde(default, deserialize_with = "distinct")]
    pub(crate) headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "maybe_distinct")]
    pub(crate) query: Option<BTreeMap<String, String>>,
}

fn maybe_distinct<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    distinct(deserializer).map(Some)
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    Plain,
    Mtls(String),
}

/// The flow waits.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waited {
    #[serde(default, deserialize_with = "given")]
    pub(crate) seconds: Option<Seconds>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) at_least: Option<Seconds>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) at_most: Option<Seconds>,
}

/// The flow waits for another one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Joined {
    #[serde(default, deserialize_with = "given")]
    pub(crate) of: Option<String>,
}

/// The flow ends with a token.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Token {
    #[serde(default, deserialize_with = "given")]
    pub(crate) access_token: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) token_type: Option<TokenType>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) source: Option<Source>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) binding_certificate: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) expires_in: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) region: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) token_endpoint: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) refresh_due: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) enum TokenType {
    Bearer,
    #[serde(rename = "mtls_pop")]
    MtlsPop,
}

impl TokenType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::MtlsPop => "mtls_pop",
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Source {
    Network,
    Cache,
}

impl Source {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Cache => "cache",
        }
    }
}

/// The flow ends with an error.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refused {
    #[serde(default, deserialize_with = "given")]
    pub(crate) code: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) http_status: Option<Option<u16>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) aadsts: Option<Vec<u32>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) suberror: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) claims: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) retryable: Option<bool>,
    #[serde(default)]
    pub(crate) text_absent: Vec<String>,
}
