//! What can be told of an assertion without its issuer's key: whether it is a whole JWT, and when it ends.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_proto::Secret;
use serde::Deserialize;

use crate::error::SourceError;

/// The largest file or answer with an assertion in it.
pub(crate) const MOST: usize = 64 * 1_024;

/// An assertion, and when it ends if it says so.
#[derive(Clone, Debug)]
pub(crate) struct Assertion {
    pub(crate) text: Secret,
    ends: Option<Duration>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    exp: Option<f64>,
}

impl Assertion {
    /// A signed JWT (RFC 7519 §3) whose claims can be read, or an encrypted one, which says nothing; blanks around it do not
    /// count. Half of one is an error.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, SourceError> {
        let text = std::str::from_utf8(bytes).map_err(|_| SourceError::NotAnAssertion)?;
        let text = text.trim_matches([' ', '\t', '\r', '\n']);
        let is_encoded = |part: &str| {
            part.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let parts: Vec<&str> = text.split('.').collect();
        if !parts.iter().copied().all(is_encoded) {
            return Err(SourceError::NotAnAssertion);
        }
        let ends = match parts.as_slice() {
            [header, claims, signature] if is_whole(header, signature) => {
                ends(claims).ok_or(SourceError::NotAnAssertion)?
            }
            // RFC 7516 §3: the key's part may be empty.
            [header, _, vector, text, tag]
                if ![header, vector, text, tag]
                    .iter()
                    .any(|part| part.is_empty()) =>
            {
                None
            }
            _ => return Err(SourceError::NotAnAssertion),
        };
        Ok(Self {
            text: Secret::new(text),
            ends,
        })
    }

    /// Whether it may still be used.
    pub(crate) fn serves(&self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        self.ends.is_none_or(|ends| now.is_ok_and(|now| now < ends))
    }
}

/// Whether the signature is as long as its algorithm makes it (RFC 7518 §3.3 to §3.5): a file that is being written ends within it
/// most likely.
fn is_whole(header: &str, signature: &str) -> bool {
    let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    let (Some(header), Some(signature)) = (decode(header), decode(signature)) else {
        return false;
    };
    let Ok(header) = serde_json::from_slice::<Header>(&header) else {
        return false;
    };
    let length = signature.len();
    match header.alg.as_str() {
        "ES256" => length == 64,
        "ES384" => length == 96,
        "ES512" => length == 132,
        // As long as the modulus, which is some multiple of 64 bits.
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => {
            length >= 128 && length.is_multiple_of(8)
        }
        _ => length > 0,
    }
}

/// `exp` of the claims, if they have one. RFC 7519 §2: it may have a fraction.
fn ends(claims: &str) -> Option<Option<Duration>> {
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    match claims.exp {
        None => Some(None),
        Some(exp) => Duration::try_from_secs_f64(exp).ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(claims: &str) -> String {
        format!(
            "eyJhbGciOiJub25lIn0.{}.c2ln",
            BASE64_URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn half_a_jwt_is_none() {
        let whole = jwt(r#"{"exp":32503680000,"sub":"workload"}"#);
        assert!(Assertion::read(whole.as_bytes()).is_ok());
        assert!(Assertion::read(format!("\n {whole}\r\n").as_bytes()).is_ok());
        let signature = whole.rfind('.').unwrap() + 1;
        for end in 0..=signature {
            assert!(Assertion::read(&whole.as_bytes()[..end]).is_err(), "{end}");
        }
        for (alg, right, wrong) in [("ES256", 64, 63), ("RS256", 256, 255), ("PS256", 384, 64)] {
            let signed = |length: usize| {
                let header = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"{alg}\"}}"));
                let signature = BASE64_URL_SAFE_NO_PAD.encode(vec![7; length]);
                Assertion::read(format!("{header}.e30.{signature}").as_bytes())
            };
            assert!(signed(right).is_ok() && signed(wrong).is_err(), "{alg}");
        }
        for wrong in [
            "",
            "a.b",
            "a.b.c.d",
            "a b.c.d",
            "eyJ9.!.x",
            "\u{e4}.b.c",
            &format!("{whole} {whole}"),
        ] {
            assert_eq!(
                Assertion::read(wrong.as_bytes()).unwrap_err(),
                SourceError::NotAnAssertion
            );
        }
        assert!(Assertion::read(&[0xff, 0xfe]).is_err());
        for claims in [
            "[]",
            "{",
            "{\"exp\":\"soon\"}",
            "{\"exp\":-1}",
            "{\"exp\":1,\"exp\":2}",
            "1",
        ] {
            assert!(Assertion::read(jwt(claims).as_bytes()).is_err(), "{claims}");
        }
    }

    #[test]
    fn what_is_encrypted_says_nothing_of_its_end() {
        let read = Assertion::read(b"eyJh.a2V5.aXY.dGV4dA.dGFn").unwrap();
        assert!(read.serves());
        assert!(Assertion::read(b"eyJh..aXY.dGV4dA.dGFn").is_ok());
        assert!(Assertion::read(b"eyJh.a2V5.aXY.dGV4dA.").is_err());
    }

    #[test]
    fn an_assertion_serves_until_its_end() {
        assert!(
            !Assertion::read(jwt("{\"exp\":1}").as_bytes())
                .unwrap()
                .serves()
        );
        assert!(
            Assertion::read(jwt("{\"exp\":32503680000.5}").as_bytes())
                .unwrap()
                .serves()
        );
        assert!(Assertion::read(jwt("{}").as_bytes()).unwrap().serves());
    }

    #[test]
    fn sec01_an_assertion_does_not_print() {
        let whole = jwt("{}");
        let read = Assertion::read(whole.as_bytes()).unwrap();
        assert!(!format!("{read:?}").contains(&whole));
    }
}
