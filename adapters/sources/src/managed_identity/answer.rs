//! What an identity's endpoint answered: a token and how long it lives, or a refusal. Nothing of the text gets into an error.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use entra_proto::{Body, Secret};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::error::SourceError;
use crate::hidden::Hidden;

/// A token, and how long it lives if the endpoint says so.
#[derive(Debug)]
pub(super) struct Token {
    pub(super) text: Secret,
    pub(super) lives: Option<Duration>,
}

/// The fields that count; a field that is there twice is an error.
#[derive(Deserialize)]
struct Fields {
    access_token: Hidden,
    expires_in: Option<Value>,
    expires_on: Option<Value>,
}

/// Reads an answer. The lifetime is `expires_in` in seconds, or `expires_on` as seconds since 1970, each a number or a string of
/// digits. One that is neither, as older endpoints write dates, means a token that is not kept; one that is over, an error.
pub(super) fn read(answer: &Response<Body>) -> Result<Token, SourceError> {
    if answer.status() != StatusCode::OK {
        return Err(SourceError::Refused(answer.status().as_u16()));
    }
    let fields: Fields =
        serde_json::from_slice(answer.body().expose()).map_err(|_| SourceError::NotAToken)?;
    let text = &*fields.access_token;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(SourceError::NotAToken);
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let relative = fields.expires_in.as_ref().and_then(seconds);
    let absolute = fields
        .expires_on
        .as_ref()
        .and_then(seconds)
        .map(|at| at.saturating_sub(now));
    let lives = relative.or(absolute);
    if lives.is_some_and(|lives| lives.is_zero()) {
        return Err(SourceError::Expired);
    }
    Ok(Token {
        text: Secret::new(text),
        lives,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a lifetime is a number or a string, whatever else there is in JSON"
)]
fn seconds(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    seconds
        .filter(|seconds| *seconds < 10_000_000_000)
        .map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Result<Token, SourceError> {
        let response = Response::builder()
            .status(status)
            .body(Body::from(body.as_bytes().to_vec()))
            .unwrap();
        read(&response)
    }

    #[test]
    fn a_lifetime_may_be_written_in_every_usual_way() {
        let lives = |rest: &str| {
            answer(
                200,
                &format!("{{\"access_token\":\"t\",\"token_type\":\"Bearer\"{rest}}}"),
            )
            .map(|token| token.lives)
        };
        let hour = Some(Duration::from_secs(3_600));
        assert_eq!(lives(",\"expires_in\":3600"), Ok(hour));
        assert_eq!(
            lives(",\"expires_in\":\"3600\",\"expires_on\":\"1\""),
            Ok(hour)
        );
        let far = lives(",\"expires_on\":\"9999999999\"").unwrap().unwrap();
        assert!(far > Duration::from_secs(86_400));
        for unread in [
            "",
            ",\"expires_on\":\"11/05/2026 15:18:31 +00:00\"",
            ",\"expires_in\":3.5",
            ",\"expires_in\":-5",
            ",\"expires_in\":null",
            ",\"expires_in\":\"99999999999\"",
        ] {
            assert_eq!(lives(unread), Ok(None), "{unread}");
        }
        for over in [",\"expires_in\":0", ",\"expires_on\":1"] {
            assert_eq!(lives(over), Err(SourceError::Expired), "{over}");
        }
    }

    #[test]
    fn sec04_answers_that_are_no_token_are_refused() {
        for wrong in [
            "",
            "canary",
            "[]",
            "{}",
            "{\"access_token\":\"\"}",
            "{\"access_token\":7}",
            "{\"access_token\":\"a canary\"}",
            "{\"access_token\":\"canary\",\"access_token\":\"b\"}",
            "{\"access_token\":\"canary\"} more",
        ] {
            let error = answer(200, wrong).unwrap_err();
            assert_eq!(error, SourceError::NotAToken, "{wrong}");
            assert!(!error.to_string().contains("canary"));
        }
        for status in [204, 302, 400, 403, 500] {
            let error = answer(status, "{\"access_token\":\"canary\"}").unwrap_err();
            assert_eq!(error, SourceError::Refused(status));
        }
    }
}
