//! What was sent and what was signed, without what is secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::{Body, SigningInput, Transport};
use http::Request;
use serde_json::Value;

use super::names::Names;

/// A token request as it was sent.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) url: String,
    pub(super) host: String,
    /// The certificate of the handshake, by its name.
    pub(super) certificate: Option<String>,
    pub(super) headers: Vec<String>,
    /// The form's fields in their order. What is not to be shown is said in words.
    pub(super) fields: Vec<(String, Field)>,
}

/// The value of a form's field.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Field {
    Shown(String),
    /// A secret, or what a caller adds: what it is.
    Hidden(&'static str),
}

/// What was to be signed.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) algorithm: &'static str,
    pub(super) certificate: String,
    /// What names the certificate in the header: `x5t#S256` or `x5t`.
    pub(super) thumbprint: &'static str,
    /// How many certificates are in the header.
    pub(super) x5c: usize,
    pub(super) audience: String,
    /// From `nbf` to `exp`, in seconds.
    pub(super) lives: u64,
}

impl Sent {
    pub(super) fn of(
        request: &Request<Body>,
        transport: &Transport,
        names: &Names,
        signed: bool,
    ) -> Self {
        let fields = url::form_urlencoded::parse(request.body().expose());
        let fields = fields.map(|(name, value)| {
            let field = match shown(&name, signed) {
                None => Field::Shown(value.into_owned()),
                Some(what) => Field::Hidden(what),
            };
            (name.into_owned(), field)
        });
        Self {
            url: request.uri().to_string(),
            host: request.uri().host().unwrap_or_default().to_owned(),
            certificate: match transport {
                Transport::Plain => None,
                Transport::Mtls(certificate) => Some(names.of(certificate.thumbprint())),
            },
            headers: request.headers().keys().map(ToString::to_string).collect(),
            fields: fields.collect(),
        }
    }

    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        self.fields
            .iter()
            .find_map(|(known, field)| (known == name).then_some(field))
    }
}

/// What stands in place of a field's value. Only the fields that are listed here are shown: what is new, or the caller's own, is not.
fn shown(name: &str, signed: bool) -> Option<&'static str> {
    match name {
        "client_id"
        | "client_assertion_type"
        | "scope"
        | "grant_type"
        | "token_type"
        | "client_info"
        | "requested_token_use"
        | "redirect_uri"
        | "user_id"
        | "username"
        | "fmi_path"
        | "claims" => None,
        "client_secret" => Some("the client secret"),
        "client_assertion" if signed => Some("the assertion, signed here"),
        "client_assertion" => Some("the provider's assertion"),
        "assertion" => Some("the user's token"),
        "refresh_token" => Some("the user's refresh token"),
        "code" => Some("the authorization code"),
        "code_verifier" => Some("the code's verifier"),
        "user_federated_identity_credential" => Some("the user's assertion"),
        _ => Some("the caller's own"),
    }
}

impl Signed {
    pub(super) fn of(input: &SigningInput, names: &Names) -> Self {
        let mut parts = input.message().split(|byte| *byte == b'.').map(|part| {
            let json = URL_SAFE_NO_PAD.decode(part).unwrap_or_default();
            serde_json::from_slice::<Value>(&json).unwrap_or_default()
        });
        let header = parts.next().unwrap_or_default();
        let claims = parts.next().unwrap_or_default();
        let number = |name: &str| claims[name].as_u64().unwrap_or_default();
        Self {
            algorithm: input.algorithm().as_str(),
            certificate: names.of(input.certificate().thumbprint()),
            thumbprint: if header["x5t#S256"].is_string() {
                "x5t#S256"
            } else {
                "x5t"
            },
            x5c: header["x5c"].as_array().map_or(0, Vec::len),
            audience: claims["aud"].as_str().unwrap_or_default().to_owned(),
            lives: number("exp").saturating_sub(number("nbf")),
        }
    }
}
