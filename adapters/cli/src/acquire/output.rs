//! What is printed of a token.

use clap::ValueEnum;
use entra_tokio::AccessToken;
use serde_json::json;

/// What is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(super) enum Output {
    /// What kind of token it is and how long it lives, for people; not the token.
    Summary,
    /// Everything, the token included, as one JSON object.
    Json,
    /// The token alone.
    Token,
    /// The value of an Authorization header.
    Header,
}

impl Output {
    /// The line to print.
    pub(super) fn shown(self, token: &AccessToken) -> String {
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
            Self::Json => json!({
                "access_token": token.secret().expose(),
                "token_type": token.token_type().as_str(),
                "expires_in": seconds,
                "expires_on": token.expires_at().as_secs(),
                "region": token.region().map(|region| region.as_str()),
                "token_endpoint": token.token_endpoint(),
                "x5t#S256": bound,
                "correlation_id": token.correlation_id(),
            })
            .to_string(),
        }
    }
}
