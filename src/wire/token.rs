//! Answers of the token endpoint: a token (RFC 6749 §5.1) or a refusal (§5.2). Both are untrusted (rule 13).

use std::time::Duration;

use crate::account::Account;
use crate::cache::TokenKind;
use crate::error::{Code, Error, Refusal, shown};
use crate::request::Grant;
use crate::secret::Secret;
use crate::uuid::Uuid;
use crate::wire::bytes::{all_are, is_within};
use crate::wire::json::Json;

/// The longest life that is believed.
pub(crate) const MOST_LIFE: u64 = 48 * 3_600;
/// The longest token that is accepted, in bytes.
const MOST_TOKEN: usize = 128 * 1_024;

/// A token as it was answered, every required field present and of its type.
pub(crate) struct Granted {
    pub(crate) token: Secret,
    pub(crate) life: Duration,
    pub(crate) renew_in: Option<Duration>,
    pub(crate) refresh_token: Option<Secret>,
    pub(crate) id_token: Option<Secret>,
    client_info: Option<Secret>,
}

impl Granted {
    /// Reads the body of a 200.
    pub(crate) fn read(body: &[u8], asked: TokenKind) -> Result<Self, Error> {
        let invalid = |what: String| Error::new(Code::InvalidTokenResponse, what);
        let document = Json::object(body).map_err(|error| {
            invalid(format!(
                "the answer is not one JSON object, from byte {}",
                error.at
            ))
        })?;
        check_kind(&document, asked)?;
        let Some(Json::Text(token)) = document.get("access_token") else {
            return Err(invalid("the answer has no access_token".to_owned()));
        };
        check_token(token)?;
        let seconds = |name: &str| document.get(name).map(Json::seconds);
        let Some(Some(life)) = seconds("expires_in") else {
            return Err(invalid(
                "the answer has no expires_in that is a number of seconds".to_owned(),
            ));
        };
        let renew_in = match (seconds("refresh_in"), document.get("refresh_in")) {
            (None, _) | (_, Some(Json::Null)) => None,
            (Some(Some(seconds)), _) => Some(Duration::from_secs(seconds)),
            (Some(None), _) => {
                return Err(invalid(
                    "the answer's refresh_in is no number of seconds".to_owned(),
                ));
            }
        };
        let other = |name: &str| match document.get(name) {
            None | Some(Json::Null) => Ok(None),
            Some(Json::Text(text)) => check_token(text).map(|()| Some(Secret::new(text.as_ref()))),
            Some(_) => Err(invalid(format!("the answer's {name} is no text"))),
        };
        Ok(Self {
            token: Secret::sole(token.as_ref()),
            life: Duration::from_secs(life.min(MOST_LIFE)),
            renew_in,
            refresh_token: other("refresh_token")?,
            id_token: other("id_token")?,
            client_info: other("client_info")?,
        })
    }

    /// Whose token it is, for grants that are about a user: as the answer says, which must not be another than the one asked for
    /// (MSAL.NET: `user_mismatch`); where it says nothing, the one asked for.
    pub(crate) fn account(&self, grant: &Grant) -> Result<Option<Account>, Error> {
        if !grant.names_account() {
            return Ok(None);
        }
        let named = self.client_info.as_ref().map(|client_info| {
            Account::from_client_info(client_info.expose()).ok_or_else(|| {
                Error::new(
                    Code::InvalidTokenResponse,
                    "the answer's client_info names no account",
                )
            })
        });
        match (grant, named.transpose()?) {
            (Grant::Account(asked), Some(named)) if !named.is_same(asked) => Err(Error::new(
                Code::UserMismatch,
                "the answer is about another user than the one asked for",
            )),
            (Grant::Account(asked), _) => Ok(Some(asked.clone())),
            (
                Grant::ClientCredentials
                | Grant::OnBehalfOf(_)
                | Grant::RefreshToken(_)
                | Grant::AuthorizationCode { .. }
                | Grant::FederatedUser { .. },
                named,
            ) => Ok(named),
        }
    }
}

/// The kind must be the one asked for, whatever its case (rule 8; RFC 6749 §7.1): no downgrade goes unseen.
fn check_kind(document: &Json<'_>, asked: TokenKind) -> Result<(), Error> {
    match document.get("token_type") {
        None | Some(Json::Null) => Err(Error::new(
            Code::TokenTypeMissing,
            format!("{asked} was asked for, and the answer does not say what it holds"),
        )),
        Some(Json::Text(kind)) if kind.eq_ignore_ascii_case(asked.as_str()) => Ok(()),
        Some(Json::Text(kind)) => Err(Error::new(
            Code::TokenTypeMismatch,
            format!(
                "{asked} was asked for, and \"{}\" was answered",
                shown(kind)
            ),
        )),
        Some(_) => Err(Error::new(
            Code::InvalidTokenResponse,
            "the answer's token_type is no text",
        )),
    }
}

/// `1*VCHAR` (RFC 6749 appendix A.12): a line break in a token would become one in a header.
pub(crate) fn check_token(token: &str) -> Result<(), Error> {
    let wrong = if token.is_empty() {
        "a token in the answer is empty"
    } else if token.len() > MOST_TOKEN {
        "a token in the answer is larger than 128 KiB"
    } else if !is_graphic(token) {
        "a token in the answer has a character that no token has"
    } else {
        return Ok(());
    };
    Err(Error::new(Code::InvalidTokenResponse, wrong))
}

/// Whether it is printable ASCII without blanks.
pub(crate) fn is_graphic(text: &str) -> bool {
    all_are(text.as_bytes(), |byte| is_within(byte, b'!', 94))
}

/// The error for an answer with any other status than 200.
pub(crate) fn refused(status: u16, body: &[u8]) -> Error {
    if (300..400).contains(&status) {
        return Error::new(
            Code::UnexpectedRedirect,
            "the token endpoint answered with a redirect",
        )
        .refusal(Refusal {
            status,
            ..Refusal::default()
        });
    }
    let document = Json::object(body).ok();
    let member = |name: &str| document.as_ref().and_then(|document| document.get(name));
    let refusal = Refusal {
        status,
        aadsts: member("error_codes").map(numbers).unwrap_or_default(),
        suberror: member("suberror").and_then(Json::text).and_then(word),
        correlation_id: member("correlation_id")
            .and_then(Json::text)
            .and_then(Uuid::parse),
        claims: member("claims").and_then(Json::text).and_then(challenge),
        description: member("error_description")
            .and_then(Json::text)
            .map(|text| Secret::new(bounded(text))),
    };
    let named = member("error").and_then(Json::text).and_then(word);
    let error = match (status, named) {
        (429, _) => Error::new(
            Code::RequestThrottled,
            "the service asks for fewer requests",
        ),
        (500..=599, _) => Error::new(Code::ServiceNotAvailable, "the service failed"),
        (_, Some(named)) => {
            let passing = status == 408 || named == "temporarily_unavailable";
            Error::new(Code::Service(named), "the service refused the request").retryable(passing)
        }
        (408, None) => Error::new(
            Code::ServiceNotAvailable,
            "the service gave up waiting for the request",
        ),
        (_, None) => Error::new(
            Code::InvalidTokenResponse,
            "the answer is neither a token nor an OAuth error",
        ),
    };
    error.refusal(refusal)
}

/// `error_codes`: numbers, which some endpoints write as text.
fn numbers(codes: &Json<'_>) -> Vec<u32> {
    let codes = codes.array().unwrap_or_default();
    codes
        .iter()
        .filter_map(Json::seconds)
        .filter_map(|code| u32::try_from(code).ok())
        .take(16)
        .collect()
}

/// A word such as `invalid_client`: it becomes a code that callers compare, so it is taken whole or not at all.
fn word(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
}

/// A claims challenge is handed on only if it is what a request will accept.
fn challenge(text: &str) -> Option<Secret> {
    (text.len() <= 8 * 1_024 && Json::object(text.as_bytes()).is_ok()).then(|| Secret::new(text))
}

/// At most a thousand characters.
fn bounded(text: &str) -> &str {
    let end = text.char_indices().nth(1_000);
    end.and_then(|(place, _)| text.get(..place)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(body: &str) -> Result<Granted, Error> {
        Granted::read(body.as_bytes(), TokenKind::Bearer)
    }

    #[test]
    fn sec09_t12_kinds_compare_without_case_and_never_downgrade() {
        for (asked, kind, code) in [
            (TokenKind::Bearer, "\"bearer\"", None),
            (TokenKind::Bearer, "\"BEARER\"", None),
            (TokenKind::MtlsPop, "\"MTLS_PoP\"", None),
            (
                TokenKind::MtlsPop,
                "\"Bearer\"",
                Some("token_type_mismatch"),
            ),
            (
                TokenKind::Bearer,
                "\"mtls_pop\"",
                Some("token_type_mismatch"),
            ),
            (TokenKind::Bearer, "\"pop\"", Some("token_type_mismatch")),
            (TokenKind::Bearer, "\"\"", Some("token_type_mismatch")),
            (TokenKind::Bearer, "null", Some("token_type_missing")),
            (TokenKind::Bearer, "1", Some("invalid_token_response")),
        ] {
            let body = format!("{{\"token_type\":{kind},\"access_token\":\"t\",\"expires_in\":1}}");
            let error = Granted::read(body.as_bytes(), asked).err();
            assert_eq!(error.as_ref().map(Error::code), code, "{kind}");
        }
        let long = format!("{{\"token_type\":\"{}\"}}", "x".repeat(10_000));
        let text = granted(&long).err().unwrap().to_string();
        assert!(text.len() < 300);
        assert_eq!(granted("{}").err().unwrap().code(), "token_type_missing");
    }

    #[test]
    fn i14_a_field_that_is_missing_or_mistyped_gives_no_token() {
        for rest in [
            "",
            ",\"access_token\":\"t\"",
            ",\"access_token\":\"t\",\"expires_in\":null",
            ",\"access_token\":\"t\",\"expires_in\":-1",
            ",\"access_token\":\"\",\"expires_in\":1",
            ",\"access_token\":\"a b\",\"expires_in\":1",
            ",\"access_token\":\"a\\r\\nX: 1\",\"expires_in\":1",
            ",\"access_token\":1,\"expires_in\":1",
            ",\"access_token\":\"t\",\"expires_in\":1,\"refresh_in\":\"x\"",
            ",\"access_token\":\"t\",\"expires_in\":1,\"refresh_token\":[]",
        ] {
            let body = format!("{{\"token_type\":\"Bearer\"{rest}}}");
            assert_eq!(
                granted(&body).err().unwrap().code(),
                "invalid_token_response",
                "{rest}"
            );
        }
    }

    #[test]
    fn i19_a_life_is_clamped_to_48_hours() {
        let granted =
            granted("{\"token_type\":\"Bearer\",\"access_token\":\"t\",\"expires_in\":9999999999}")
                .ok()
                .unwrap();
        assert_eq!(granted.life, Duration::from_secs(172_800));
    }

    #[test]
    fn d14_refusals_carry_what_the_service_said() {
        let body = br#"{"error":"invalid_grant","suberror":"basic_action","error_codes":[50076,"53003",-1,99999999999],
            "claims":"{\"access_token\":{}}","correlation_id":"33333333-3333-3333-3333-333333333333","error_description":"echo"}"#;
        let error = refused(400, body);
        assert_eq!(
            (error.code(), error.http_status(), error.aadsts()),
            ("invalid_grant", Some(400), &[50_076, 53_003][..])
        );
        assert_eq!(
            (error.suberror(), error.claims()),
            (Some("basic_action"), Some("{\"access_token\":{}}"))
        );
        assert_eq!(
            error.correlation_id(),
            Some("33333333-3333-3333-3333-333333333333")
        );
        assert!(!error.is_retryable());
    }

    #[test]
    fn every_status_has_its_code() {
        for (status, body, code, retryable) in [
            (400, "<html>", "invalid_token_response", false),
            (400, "{\"error\":\"x y\"}", "invalid_token_response", false),
            (201, "{}", "invalid_token_response", false),
            (408, "", "service_not_available", true),
            (408, "{\"error\":\"slow\"}", "slow", true),
            (
                400,
                "{\"error\":\"temporarily_unavailable\"}",
                "temporarily_unavailable",
                true,
            ),
            (429, "{\"error\":\"x\"}", "request_throttled", true),
            (500, "{\"error\":\"x\"}", "service_not_available", true),
            (307, "", "unexpected_redirect", false),
        ] {
            let error = refused(status, body.as_bytes());
            assert_eq!(
                (error.code(), error.is_retryable()),
                (code, retryable),
                "{status} {body}"
            );
            assert_eq!(error.http_status(), Some(status));
        }
    }
}
