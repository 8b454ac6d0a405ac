//! What a script feeds to the engine.

use std::collections::BTreeMap;
use std::fmt;

use entra_proto::FailureKind;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Unexpected, Visitor};
use serde_json::Value;

use super::fields::{Base64Url, Moment, Seconds, distinct, given, only_true};

/// An input, under its name in the file.
#[derive(Debug)]
pub(crate) enum Input {
    Acquire(Box<Acquire>),
    Assertion(AssertionAnswer),
    Certificate(CertificateAnswer),
    Signature(SignatureAnswer),
    Response(Response),
    TransportFailed(TransportFailed),
    Renew,
    Advance(Advance),
    SetClock(SetClock),
    Cancel,
}

impl Input {
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Acquire(_) => "acquire",
            Self::Assertion(_) => "assertion",
            Self::Certificate(_) => "certificate",
            Self::Signature(_) => "signature",
            Self::Response(_) => "response",
            Self::TransportFailed(_) => "transport_failed",
            Self::Renew => "renew",
            Self::Advance(_) => "advance",
            Self::SetClock(_) => "set_clock",
            Self::Cancel => "cancel",
        }
    }
}

/// A request.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Acquire {
    pub(crate) scopes: Vec<String>,
    #[serde(default)]
    pub(crate) pop: bool,
    #[serde(default, deserialize_with = "given")]
    pub(crate) tenant: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) claims: Option<String>,
    #[serde(default)]
    pub(crate) force_refresh: bool,
    #[serde(default, deserialize_with = "given")]
    pub(crate) fmi_path: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) assertion_fmi_path: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) correlation_id: Option<String>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) deadline_seconds: Option<Seconds>,
    #[serde(default, deserialize_with = "given")]
    pub(crate) offers_certificate: Option<String>,
    #[serde(default)]
    pub(crate) grant: Grant,
}

/// What stands behind the request.
#[derive(Debug, Default)]
pub(crate) enum Grant {
    #[default]
    ClientCredentials,
    OnBehalfOf(String),
    RefreshToken(String),
    AuthorizationCode {
        code: String,
        redirect_uri: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantFields {
    #[serde(default, deserialize_with = "given")]
    on_behalf_of: Option<String>,
    #[serde(default, deserialize_with = "given")]
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "given")]
    authorization_code: Option<String>,
    #[serde(default, deserialize_with = "given")]
    redirect_uri: Option<String>,
}

impl<'de> Deserialize<'de> for Grant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Grant;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"client_credentials\" or an object")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Grant, E> {
                match text {
                    "client_credentials" => Ok(Grant::ClientCredentials),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Grant, A::Error> {
                let fields = GrantFields::deserialize(MapAccessDeserializer::new(map))?;
                let GrantFields {
                    on_behalf_of,
                    refresh_token,
                    authorization_code,
                    redirect_uri,
                } = fields;
                match (
                    on_behalf_of,
                    refresh_token,
                    authorization_code,
                    redirect_uri,
                ) {
                    (Some(token), None, None, None) => Ok(Grant::OnBehalfOf(token)),
                    (None, Some(token), None, None) => Ok(Grant::RefreshToken(token)),
                    (None, None, Some(code), Some(redirect_uri)) => {
                        Ok(Grant::AuthorizationCode { code, redirect_uri })
                    }
                    _ => Err(A::Error::custom(
                        "a grant is one of `on_behalf_of`, `refresh_token`, `authorization_code` with `redirect_uri`",
                    )),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// What the provider of assertions answers.
#[derive(Debug, Deserialize)]
#[serde(try_from = "AssertionFields")]
pub(crate) enum AssertionAnswer {
    Pair(String, Option<String>),
    Failed(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AssertionFields {
    #[serde(default, deserialize_with = "given")]
    assertion: Option<String>,
    #[serde(default, deserialize_with = "given")]
    certificate: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    failed: Option<String>,
}

impl TryFrom<AssertionFields> for AssertionAnswer {
    type Error = &'static str;

    fn try_from(fields: AssertionFields) -> Result<Self, Self::Error> {
        match (fields.assertion, fields.certificate, fields.failed) {
            (Some(assertion), certificate, None) => {
                Ok(Self::Pair(assertion, certificate.flatten()))
            }
            (None, None, Some(message)) => Ok(Self::Failed(message)),
            (None, _, None) => Err("missing field `assertion`"),
            (_, _, Some(_)) => Err("`failed` stands alone"),
        }
    }
}

/// What the provider of certificates answers.
#[derive(Debug, Deserialize)]
#[serde(try_from = "CertificateFields")]
pub(crate) enum CertificateAnswer {
    Named(Option<String>),
    Failed(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CertificateFields {
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    failed: Option<String>,
}

impl TryFrom<CertificateFields> for CertificateAnswer {
    type Error = &'static str;

    fn try_from(fields: CertificateFields) -> Result<Self, Self::Error> {
        match (fields.name, fields.failed) {
            (Some(name), None) => Ok(Self::Named(name)),
            (None, Some(message)) => Ok(Self::Failed(message)),
            (None, None) => Err("missing field `name`"),
            (Some(_), Some(_)) => Err("`failed` stands alone"),
        }
    }
}

/// What the signer answers.
#[derive(Debug, Deserialize)]
#[serde(try_from = "SignatureFields")]
pub(crate) enum SignatureAnswer {
    Bytes(Vec<u8>),
    Unsupported,
    Failed(String),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureFields {
    #[serde(default, deserialize_with = "given")]
    bytes: Option<Base64Url>,
    #[serde(default, deserialize_with = "only_true")]
    unsupported: Option<()>,
    #[serde(default, deserialize_with = "given")]
    failed: Option<String>,
}

impl TryFrom<SignatureFields> for SignatureAnswer {
    type Error = &'static str;

    fn try_from(fields: SignatureFields) -> Result<Self, Self::Error> {
        match (fields.bytes, fields.unsupported, fields.failed) {
            (Some(Base64Url(bytes)), None, None) => Ok(Self::Bytes(bytes)),
            (None, Some(()), None) => Ok(Self::Unsupported),
            (None, None, Some(message)) => Ok(Self::Failed(message)),
            _ => Err("a signature is one of `bytes`, `unsupported`, `failed`"),
        }
    }
}

/// What the network answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "ResponseFields")]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResponseFields {
    status: u16,
    #[serde(default, deserialize_with = "distinct")]
    headers: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "given")]
    json: Option<Value>,
    #[serde(default, deserialize_with = "given")]
    text: Option<String>,
}

impl TryFrom<ResponseFields> for Response {
    type Error = String;

    fn try_from(fields: ResponseFields) -> Result<Self, String> {
        let status = StatusCode::from_u16(fields.status)
            .map_err(|_| format!("`status`: {} is none", fields.status))?;
        let mut headers = HeaderMap::new();
        for (name, value) in fields.headers {
            let wrong = || format!("`headers`: `{name}` can't be put into HTTP");
            headers.append(
                HeaderName::try_from(&name).map_err(|_| wrong())?,
                HeaderValue::try_from(&value).map_err(|_| wrong())?,
            );
        }
        let body = match (fields.json, fields.text) {
            (Some(json), None) => json.to_string(),
            (None, Some(text)) => text,
            (None, None) => String::new(),
            (Some(_), Some(_)) => return Err("both `json` and `text`".to_owned()),
        };
        Ok(Self {
            status,
            headers,
            body: body.into_bytes(),
        })
    }
}

/// The network does not answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransportFailed {
    pub(crate) kind: TransportFailure,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TransportFailure {
    Connect,
    Timeout,
    Tls,
    Closed,
    TooLarge,
    CertificateNotRequested,
}

impl From<TransportFailure> for FailureKind {
    fn from(failure: TransportFailure) -> Self {
        match failure {
            TransportFailure::Connect => Self::Connect,
            TransportFailure::Timeout => Self::Timeout,
            TransportFailure::Tls => Self::Tls,
            TransportFailure::Closed => Self::Closed,
            TransportFailure::TooLarge => Self::TooLarge,
            TransportFailure::CertificateNotRequested => Self::CertificateNotRequested,
        }
    }
}

/// Both clocks move on.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "AdvanceFields")]
pub(crate) enum Advance {
    By(Seconds),
    /// By as much as the last `waits` said.
    AsAsked,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AdvanceFields {
    #[serde(default, deserialize_with = "given")]
    seconds: Option<Seconds>,
    #[serde(default, deserialize_with = "only_true")]
    as_asked: Option<()>,
}

impl TryFrom<AdvanceFields> for Advance {
    type Error = &'static str;

    fn try_from(fields: AdvanceFields) -> Result<Self, Self::Error> {
        match (fields.seconds, fields.as_asked) {
            (Some(seconds), None) => Ok(Self::By(seconds)),
            (None, Some(())) => Ok(Self::AsAsked),
            (None, None) => Err("missing field `seconds`"),
            (Some(_), Some(())) => Err("both `seconds` and `as_asked`"),
        }
    }
}

/// The wall clock jumps.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SetClock {
    pub(crate) to: Moment,
}
