//! What else a request may say: claims, parameters of the caller's own, paths of federated managed identities, its id.

use clap::Args;
use entra_tokio::{ClaimsChallenge, TokenRequest};

use super::failed::{Failed, advised};

/// What else the request says.
#[derive(Debug, Args)]
#[command(next_help_heading = "Claims and parameters")]
pub(crate) struct RequestArgs {
    /// The claims of a challenge, to answer it: a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "challenge")]
    claims: Option<String>,
    /// A challenge to answer: the WWW-Authenticate of a resource that refused an earlier token.
    #[arg(long, value_name = "TEXT")]
    challenge: Option<String>,
    /// Claims of the client's own accord, merged into what is sent: a JSON object.
    #[arg(long, value_name = "JSON")]
    client_claims: Option<String>,
    /// Further claims for the assertion that the certificate signs: a JSON object.
    #[arg(long, value_name = "JSON")]
    assertion_claims: Option<String>,
    /// What the client can handle, such as cp1 for claims challenges; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub(crate) capability: Vec<String>,
    /// A further parameter of the form; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    parameter: Vec<(String, String)>,
    /// A further parameter of the token endpoint's URL; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_pair)]
    query: Vec<(String, String)>,
    /// The path of a federated managed identity: whose token it is to be.
    #[arg(long, value_name = "PATH")]
    fmi_path: Option<String>,
    /// The path of a federated managed identity that the --assertion-command is told, in ENTRA_FMI_PATH.
    #[arg(long, value_name = "PATH")]
    pub(crate) assertion_fmi_path: Option<String>,
    /// The id under which the service logs the request; without, a fresh one.
    #[arg(long, value_name = "UUID")]
    correlation_id: Option<String>,
}

impl RequestArgs {
    /// The request with all of it.
    pub(crate) fn apply(&self, mut request: TokenRequest) -> Result<TokenRequest, Failed> {
        if let Some(text) = &self.challenge {
            request = request.answering(&challenge(text)?);
        }
        if let Some(json) = &self.claims {
            request = request.claims(claims("--claims", json)?);
        }
        if let Some(json) = &self.client_claims {
            request = request.client_claims(claims("--client-claims", json)?);
        }
        if let Some(json) = &self.assertion_claims {
            request = request.assertion_claims(claims("--assertion-claims", json)?);
        }
        for (name, value) in &self.parameter {
            request = request.body_parameter(name, value);
        }
        for (name, value) in &self.query {
            request = request.query_parameter(name, value);
        }
        if let Some(path) = &self.fmi_path {
            request = request.fmi_path(path);
        }
        if let Some(path) = &self.assertion_fmi_path {
            request = request.assertion_fmi_path(path);
        }
        if let Some(id) = &self.correlation_id {
            request = request.correlation_id(id);
        }
        Ok(request)
    }
}

/// The core judges them as well, but it does not know the option's name.
fn claims<'a>(option: &str, json: &'a str) -> Result<&'a str, Failed> {
    match ClaimsChallenge::from_json(json) {
        Ok(_) => Ok(json),
        Err(error) => Err(Failed::usage(format_args!("{option}: {error}"))),
    }
}

/// The field's value, or the whole line as curl prints it.
fn challenge(text: &str) -> Result<ClaimsChallenge, Failed> {
    let name = "WWW-Authenticate:";
    let value = match text.split_at_checked(name.len()) {
        Some((start, value)) if start.eq_ignore_ascii_case(name) => value,
        _ => text,
    };
    match ClaimsChallenge::find([value.trim()]) {
        Ok(Some(challenge)) => Ok(challenge),
        Ok(None) => Err(Failed::usage(
            "--challenge: there are no claims in it, so no other token is asked for",
        )),
        Err(error) => Err(Failed::usage(format_args!(
            "--challenge: {}",
            advised(
                &error,
                "give the field's whole value, with the quotes in it"
            )
        ))),
    }
}

fn parse_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_has_a_name_and_its_value_may_be_anything() {
        let pair = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parse_pair("dc=ESTS"), pair("dc", "ESTS"));
        assert_eq!(parse_pair("a=b=c"), pair("a", "b=c"));
        assert_eq!(parse_pair("a="), pair("a", ""));
        for wrong in ["", "a", "=b"] {
            assert!(parse_pair(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_challenge_may_be_pasted_with_the_fields_name() {
        for text in [
            r#"Bearer error="insufficient_claims", claims="e30""#,
            r#"www-authenticate: Bearer claims="e30""#,
            "WWW-Authenticate:Bearer claims=e30\r\n",
        ] {
            let found = challenge(text).map(|challenge| challenge.claims().to_owned());
            assert_eq!(found.ok().as_deref(), Some("{}"), "{text}");
        }
    }
}
