//! What flows put out, as values that can be compared and printed.

use std::borrow::Cow;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::{
    AccessToken, Body, Certificate, Error, ProviderContext, SigningInput, TokenSource, Transport,
};
use http::Request;
use serde_json::{Map, Value, json};

use super::scenario::Certificates;

/// An output.
#[derive(Debug)]
pub(crate) enum Output {
    WantsAssertion(ProviderContext),
    WantsCertificate(ProviderContext),
    WantsSignature(Signing),
    Sends(Sent),
    Waits(Duration),
    Joins(String),
    Token(Box<AccessToken>),
    Error(Error),
}

/// What is to be signed, decoded.
#[derive(Debug)]
pub(crate) struct Signing {
    pub(crate) certificate: Certificate,
    pub(crate) algorithm: &'static str,
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

/// What is to be sent, decoded.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: String,
    pub(crate) url: String,
    pub(crate) transport: Transport,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
}

impl Signing {
    pub(crate) fn of(input: &SigningInput) -> Self {
        let message = String::from_utf8_lossy(input.message());
        let (header, claims) = message.split_once('.').unwrap_or((&message, ""));
        Self {
            certificate: input.certificate().clone(),
            algorithm: input.algorithm().as_str(),
            header: decoded(header),
            claims: decoded(claims),
        }
    }
}

/// A part of a token; one that can't be read has no members.
fn decoded(part: &str) -> Map<String, Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

impl Sent {
    pub(crate) fn of(request: &Request<Body>, transport: &Transport) -> Self {
        let headers = request.headers().iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        Self {
            method: request.method().to_string(),
            url: request.uri().to_string(),
            transport: transport.clone(),
            headers: headers.collect(),
            form: pairs(request.body().expose()),
        }
    }

    pub(crate) fn query(&self) -> Vec<(String, String)> {
        let query = self.url.split_once('?').map_or("", |(_, query)| query);
        pairs(query.as_bytes())
    }
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text)
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

impl Output {
    /// The name under which it stands in a script.
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
        }
    }

    /// What the format can say of it, as an entry of a script would.
    pub(crate) fn to_json(&self, certificates: &Certificates) -> Value {
        let named = |certificate: &Certificate| shown(certificate, certificates);
        let value = match self {
            Self::WantsAssertion(context) | Self::WantsCertificate(context) => json!({
                "client_id": context.client_id(),
                "token_endpoint": context.token_endpoint(),
                "authority": context.authority(),
                "tenant": context.tenant(),
                "claims": context.claims(),
                "capabilities": context.capabilities(),
                "fmi_path": context.fmi_path(),
                "correlation_id": context.correlation_id(),
            }),
            Self::WantsSignature(signing) => json!({
                "certificate": named(&signing.certificate),
                "algorithm": signing.algorithm,
                "header": signing.header,
                "claims": signing.claims,
            }),
            Self::Sends(sent) => json!({
                "method": sent.method,
                "url": sent.url,
                "transport": match &sent.transport {
                    Transport::Plain => json!("plain"),
                    Transport::Mtls(certificate) => json!({ "mtls": named(certificate) }),
                },
                "headers": members(&sent.headers),
                "form": members(&sent.form),
            }),
            Self::Waits(wait) => json!({ "seconds": wait.as_secs_f64() }),
            Self::Joins(leader) => json!({ "of": leader }),
            Self::Token(token) => json!({
                "access_token": token.secret().expose(),
                "token_type": token.token_type().as_str(),
                "source": source(token),
                "binding_certificate": token.binding_certificate().map(named),
                "expires_in": token.expires_in().as_secs(),
                "region": token.region().map(|region| region.as_str()),
                "token_endpoint": token.token_endpoint(),
                "refresh_due": token.renewal_is_due(),
            }),
            Self::Error(error) => json!({
                "code": error.code(),
                "http_status": error.http_status(),
                "aadsts": error.aadsts(),
                "suberror": error.suberror(),
                "claims": error.claims(),
                "retryable": error.is_retryable(),
                "text": error.to_string(),
            }),
        };
        json!({ self.name(): value })
    }
}

/// The certificate's name in the file, or its thumbprint if the file has none for it.
pub(crate) fn shown<'a>(certificate: &Certificate, certificates: &'a Certificates) -> Cow<'a, str> {
    match certificates.name_of(certificate.der()) {
        Some(name) => Cow::Borrowed(name),
        None => Cow::Owned(certificate.thumbprint().to_string()),
    }
}

pub(crate) fn source(token: &AccessToken) -> &'static str {
    match token.source() {
        TokenSource::Network => "network",
        TokenSource::Cache => "cache",
        _ => "unknown",
    }
}

/// A list of pairs as an object; a name that is there twice has a list of its values.
fn members(pairs: &[(String, String)]) -> Value {
    let mut members = Map::new();
    for (name, value) in pairs {
        let value = json!(value);
        let both = match members.remove(name) {
            None => value,
            Some(Value::Array(mut several)) => {
                several.push(value);
                Value::Array(several)
            }
            Some(one) => json!([one, value]),
        };
        members.insert(name.clone(), both);
    }
    Value::Object(members)
}
