//! What is printed of a token.

use clap::ValueEnum;
use entra_tokio::{AccessToken, Secret};
use serde_json::{Map, Value, json};

use super::metadata;

/// What is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// What kind of token it is and how long it lives, for people; not the token.
    Summary,
    /// Everything as one JSON object: the token, a user's refresh and ID tokens, and how the flow went.
    Json,
    /// The token alone.
    Token,
    /// The value of an Authorization header.
    Header,
}

impl Output {
    /// The line to print of a token that was asked for with these scopes.
    pub(super) fn shown(self, token: &AccessToken, scopes: &[String]) -> String {
        let seconds = token.expires_in().as_secs();
        let bound = token
            .binding_certificate()
            .map(|certificate| certificate.thumbprint().to_string());
        match self {
            Self::Token => token.secret().expose().to_owned(),
            Self::Header => format!("{} {}", token.token_type(), token.secret().expose()),
            Self::Summary => {
                let bound = bound.map_or(String::new(), |bound| {
                    format!(", bound to the certificate {bound}")
                });
                let region = token
                    .region()
                    .map_or(String::new(), |region| format!(", from {region}"));
                format!(
                    "{} token, good for {seconds} s{bound}{region}",
                    token.token_type()
                )
            }
            Self::Json => object(token, scopes).to_string(),
        }
    }
}

fn object(token: &AccessToken, scopes: &[String]) -> Value {
    let bound = token
        .binding_certificate()
        .map(|certificate| certificate.thumbprint().to_string());
    let mut members = vec![
        ("access_token", json!(token.secret().expose())),
        ("token_type", json!(token.token_type().as_str())),
        ("expires_in", json!(token.expires_in().as_secs())),
        ("expires_on", json!(token.expires_at().as_secs())),
        ("scopes", json!(scopes)),
        ("x5t#S256", json!(bound)),
        (
            "account",
            json!(token.account().map(|account| account.home_id())),
        ),
        (
            "refresh_token",
            json!(token.refresh_token().map(Secret::expose)),
        ),
        ("id_token", json!(token.id_token().map(Secret::expose))),
    ];
    members.extend(metadata::members(token.metadata()));
    let members = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value));
    Value::Object(Map::from_iter(members))
}
