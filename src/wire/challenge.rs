//! Claims challenges: `WWW-Authenticate` of a resource that wants another token (RFC 9110 §11.6.1; RFC 9470 in spirit;
//! Microsoft's "Claims challenges, claims requests and client capabilities").

use std::fmt;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::cache::TokenKind;
use crate::error::{Code, Error};
use crate::secret::Secret;
use crate::wire::claims;

/// The longest field that is looked at, in bytes.
const MOST: usize = 16 * 1_024;

/// What a resource wants to be proved by another token: claims for [`TokenRequest::answering`](crate::TokenRequest::answering).
///
/// ```
/// use entra_proto::ClaimsChallenge;
///
/// let field = r#"Bearer realm="", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnt9fQ==""#;
/// let challenge = ClaimsChallenge::find([field])?.expect("there is one");
/// assert_eq!(challenge.claims(), r#"{"access_token":{}}"#);
/// assert!(ClaimsChallenge::find(["Bearer realm=\"\""])?.is_none());
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct ClaimsChallenge {
    claims: Secret,
    kind: TokenKind,
}

impl ClaimsChallenge {
    /// The first challenge with claims among the values of `WWW-Authenticate`, of the schemes `Bearer` and `mtls_pop`. The
    /// claims may be base64, as Entra's resources send them, or the JSON itself.
    ///
    /// # Errors
    /// `invalid_json_claims_format`: a value breaks the grammar, or the claims are no JSON object of at most 8 KiB.
    pub fn find<'a>(values: impl IntoIterator<Item = &'a str>) -> Result<Option<Self>, Error> {
        for value in values {
            if value.len() > MOST {
                return Err(odd("the challenge is larger than 16 KiB"));
            }
            for challenge in Challenges::read(value)? {
                let kind = [TokenKind::Bearer, TokenKind::MtlsPop]
                    .into_iter()
                    .find(|kind| challenge.scheme.eq_ignore_ascii_case(kind.as_str()));
                let mut claims = challenge
                    .parameters
                    .iter()
                    .filter(|(name, _)| name.eq_ignore_ascii_case("claims"));
                let Some((kind, (_, claims))) = kind.zip(claims.next()) else {
                    continue;
                };
                return Ok(Some(Self {
                    claims: decode(claims)?,
                    kind,
                }));
            }
        }
        Ok(None)
    }

    /// Claims that are JSON already, such as those of [`Error::claims`](crate::Error::claims).
    ///
    /// # Errors
    /// `invalid_json_claims_format`.
    pub fn from_json(claims: &str) -> Result<Self, Error> {
        claims::read(claims)?;
        Ok(Self {
            claims: Secret::new(claims),
            kind: TokenKind::Bearer,
        })
    }

    /// The claims: one JSON object.
    #[must_use]
    pub fn claims(&self) -> &str {
        self.claims.expose()
    }

    /// The kind of token that was challenged.
    #[must_use]
    pub fn token_type(&self) -> TokenKind {
        self.kind
    }
}

impl fmt::Debug for ClaimsChallenge {
    /// Claims may name a user, so they are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClaimsChallenge")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

fn odd(what: &'static str) -> Error {
    Error::new(Code::InvalidClaims, what)
}

fn decode(value: &str) -> Result<Secret, Error> {
    let lenient =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let plain = || GeneralPurpose::new(&STANDARD, lenient).decode(value);
    let for_urls = |_| GeneralPurpose::new(&URL_SAFE, lenient).decode(value);
    let text = if value.trim_start().starts_with('{') {
        value.to_owned()
    } else {
        let bytes = plain()
            .or_else(for_urls)
            .map_err(|_| odd("the challenge's claims are neither base64 nor a JSON object"))?;
        String::from_utf8(bytes).map_err(|_| odd("the challenge's claims are no text"))?
    };
    claims::read(&text)?;
    Ok(Secret::new(text))
}

/// One challenge of a list.
struct Challenge<'a> {
    scheme: &'a str,
    parameters: Vec<(&'a str, String)>,
}

/// Reads `#challenge`, where commas separate challenges and their parameters alike.
struct Challenges<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Challenges<'a> {
    fn read(text: &'a str) -> Result<Vec<Challenge<'a>>, Error> {
        let mut reader = Self { text, at: 0 };
        let mut challenges: Vec<Challenge<'a>> = Vec::new();
        loop {
            reader.skip(b" \t,");
            if reader.peek().is_none() {
                return Ok(challenges);
            }
            let name = reader.run(is_token)?;
            let before = reader.at;
            reader.skip(b" \t");
            if reader.peek() == Some(b'=') {
                let challenge = challenges.last_mut().ok_or_else(malformed)?;
                let value = reader.value()?;
                push(challenge, name, value)?;
            } else {
                let mut challenge = Challenge {
                    scheme: name,
                    parameters: Vec::new(),
                };
                let more = reader.at > before && !matches!(reader.peek(), None | Some(b','));
                if more && !reader.token68() {
                    let name = reader.run(is_token)?;
                    reader.skip(b" \t");
                    let value = reader.value()?;
                    push(&mut challenge, name, value)?;
                }
                challenges.push(challenge);
            }
            reader.skip(b" \t");
            if !matches!(reader.peek(), None | Some(b',')) {
                return Err(malformed());
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn skip(&mut self, bytes: &[u8]) {
        while self.peek().is_some_and(|byte| bytes.contains(&byte)) {
            self.step();
        }
    }

    /// One character or more of a class.
    fn run(&mut self, class: fn(u8) -> bool) -> Result<&'a str, Error> {
        let start = self.at;
        while self.peek().is_some_and(class) {
            self.step();
        }
        let run = self.text.get(start..self.at).unwrap_or_default();
        if run.is_empty() {
            return Err(malformed());
        }
        Ok(run)
    }

    /// Skips a `token68` if all up to the next comma is one.
    fn token68(&mut self) -> bool {
        let start = self.at;
        while self.peek().is_some_and(is_token68) {
            self.step();
        }
        self.skip(b"=");
        self.skip(b" \t");
        let whole = matches!(self.peek(), None | Some(b','));
        if !whole {
            self.at = start;
        }
        whole
    }

    /// `= value`, where the value is a token or a quoted string.
    fn value(&mut self) -> Result<String, Error> {
        if self.peek() != Some(b'=') {
            return Err(malformed());
        }
        self.step();
        self.skip(b" \t");
        if self.peek() != Some(b'"') {
            return self.run(is_token).map(str::to_owned);
        }
        self.step();
        let mut value = String::new();
        let rest = self.text.get(self.at..).unwrap_or_default();
        let mut characters = rest.char_indices();
        loop {
            match characters.next() {
                Some((end, '"')) => {
                    self.at = self.at.saturating_add(end).saturating_add(1);
                    return Ok(value);
                }
                Some((_, '\\')) => match characters.next() {
                    Some((_, escaped)) => value.push(escaped),
                    None => return Err(malformed()),
                },
                Some((_, character)) => value.push(character),
                None => return Err(malformed()),
            }
        }
    }
}

/// A name twice in one challenge says two things (RFC 9110 §11.2: names must occur once).
fn push<'a>(challenge: &mut Challenge<'a>, name: &'a str, value: String) -> Result<(), Error> {
    let twice = challenge
        .parameters
        .iter()
        .any(|(other, _)| other.eq_ignore_ascii_case(name));
    if twice {
        return Err(malformed());
    }
    challenge.parameters.push((name, value));
    Ok(())
}

fn malformed() -> Error {
    odd("WWW-Authenticate is no list of challenges")
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// RFC 9110 §11.2, without its closing `=`.
fn is_token68(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(field: &str) -> Result<Option<String>, String> {
        ClaimsChallenge::find([field])
            .map(|found| found.map(|challenge| challenge.claims().to_owned()))
            .map_err(|error| error.code().to_owned())
    }

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;

    #[test]
    fn d11_a_challenge_is_found_in_every_form_that_resources_send() {
        let encoded = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxIn19fQ";
        let escaped = CLAIMS.replace('"', "\\\"");
        for field in [
            format!("Bearer claims=\"{encoded}\""),
            format!(
                "Bearer realm=\"\", authorization_uri=\"https://login.microsoftonline.com/common/oauth2/authorize\", error=\"insufficient_claims\", claims=\"{encoded}==\""
            ),
            format!("bearer error=insufficient_claims , Claims = \"{encoded}\""),
            format!("mtls_pop error=\"insufficient_claims\",claims=\"{escaped}\""),
            format!("Basic dXNlcjpwYXNz, Bearer claims={encoded}"),
            format!("Negotiate, NTLM, ,Bearer claims=\"{encoded}\", PoP nonce=\"x\""),
            format!("Negotiate YII=, Bearer claims=\"{encoded}\""),
        ] {
            assert_eq!(find(&field), Ok(Some(CLAIMS.to_owned())), "{field}");
        }
    }

    #[test]
    fn d11_what_is_no_challenge_with_claims_is_none() {
        for field in [
            "",
            ",",
            "Bearer",
            "Bearer realm=\"claims=\\\"x\\\"\"",
            "Basic claims=e30",
            "PoP nonce=\"x\", claims=\"e30\"",
            "Negotiate YII=",
            // By the grammar a token68.
            "Bearer claims=",
        ] {
            assert_eq!(find(field), Ok(None), "{field}");
        }
    }

    #[test]
    fn d11_a_broken_challenge_is_an_error_and_repeats_nothing() {
        for field in [
            "Bearer claims=\"",
            "Bearer claims=\"e30\\",
            "Bearer realm=x, claims=",
            "Bearer claims=\"CANARY\"",
            "Bearer claims=\"e30\", claims=\"e30\"",
            "Bearer claims=\"e30\" x",
            "claims=\"e30\"",
            "Bearer =x",
            "Bearer claims=\"W10\"",
            "Bearer claims=\"{\\\"a\\\":1\"",
            "Bearer claims=\"gICA\"",
            "\u{e9}",
        ] {
            let error = ClaimsChallenge::find([field]).unwrap_err();
            assert_eq!(error.code(), "invalid_json_claims_format", "{field}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
        let long = format!("Bearer claims=\"{}\"", "e".repeat(MOST));
        assert!(find(&long).is_err());
    }
}
