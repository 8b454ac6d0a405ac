//! JSON Web Tokens: reading one without believing it, checking its signature, signing one.
//!
//! The mathematics is `jsonwebtoken`'s with aws-lc-rs; dates and audiences are judged by the service, whose clock is handed in.

use std::fmt;

use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use serde_json::{Map, Value, json};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::digest;
use crate::error::StartError;

/// A token taken apart. Nothing in it is to be believed before [`is_signed_by`](Self::is_signed_by).
pub(crate) struct Jwt {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signing_input: String,
    signature: Vec<u8>,
}

impl Jwt {
    /// Three parts of base64url, the first two JSON objects.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (signing_input, signature) = text.rsplit_once('.')?;
        let (header, claims) = signing_input.split_once('.')?;
        let object = |part: &str| match serde_json::from_slice(&digest::from_base64url(part)?) {
            Ok(Value::Object(map)) => Some(map),
            _ => None,
        };
        Some(Self {
            header: object(header)?,
            claims: object(claims)?,
            signing_input: signing_input.to_owned(),
            signature: digest::from_base64url(signature)?,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    pub(crate) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A date: a number, of which a fraction of a second is dropped (RFC 7519 §2), or a string of one as MSAL.NET writes it.
    pub(crate) fn date(&self, name: &str) -> Option<i64> {
        match self.claims.get(name)? {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().map(|seconds| seconds as i64)),
            Value::String(text) => text.parse().ok(),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The audience is one string; a list must hold just one.
    pub(crate) fn audience(&self) -> Option<&str> {
        let audience = self.claims.get("aud")?;
        match audience.as_array().map(Vec::as_slice) {
            Some([only]) => only.as_str(),
            Some(_) => None,
            None => audience.as_str(),
        }
    }

    /// `cnf` → `x5t#S256` (RFC 8705 §3.1).
    pub(crate) fn bound_to(&self) -> Option<&str> {
        self.claims.get("cnf")?.get("x5t#S256")?.as_str()
    }

    /// Does it carry a `cnf` of any kind?
    pub(crate) fn has_confirmation(&self) -> bool {
        self.claims.contains_key("cnf")
    }

    pub(crate) fn is_signed_by(&self, key: &VerificationKey) -> bool {
        let Some(algorithm) = self.header("alg").and_then(|name| key.allows(name)) else {
            return false;
        };
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm, &key.0).is_ok_and(|verifier| {
            verifier
                .verify(self.signing_input.as_bytes(), &self.signature)
                .is_ok()
        })
    }
}

/// A public key that signatures are checked with.
#[derive(Clone)]
pub(crate) struct VerificationKey(DecodingKey);

impl VerificationKey {
    /// The key of a certificate: RSA, or an elliptic curve's point.
    pub(crate) fn of_certificate(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let spki = certificate.public_key();
        match spki.parsed().ok()? {
            PublicKey::RSA(_) => Some(Self(DecodingKey::from_rsa_der(
                spki.subject_public_key.as_ref(),
            ))),
            PublicKey::EC(point) => Some(Self(DecodingKey::from_ec_der(point.data()))),
            PublicKey::DSA(_)
            | PublicKey::GostR3410(_)
            | PublicKey::GostR3410_2012(_)
            | PublicKey::Unknown(_) => None,
        }
    }

    /// The algorithm of that name, if it is one that Entra takes for this kind of key.
    fn allows(&self, name: &str) -> Option<Algorithm> {
        match (self.0.family(), name) {
            (AlgorithmFamily::Rsa, "RS256") => Some(Algorithm::RS256),
            (AlgorithmFamily::Rsa, "PS256") => Some(Algorithm::PS256),
            (AlgorithmFamily::Ec, "ES256") => Some(Algorithm::ES256),
            _ => None,
        }
    }
}

/// A key that the emulator signs with, its public half and its name.
pub(crate) struct SigningKey {
    key: EncodingKey,
    algorithm: Algorithm,
    kid: String,
    public: VerificationKey,
    jwk: Value,
}

impl SigningKey {
    /// RSA of 2048 bits, for access tokens.
    pub(crate) fn rs256() -> Result<Self, StartError> {
        let pair =
            rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).map_err(StartError::keys)?;
        let key =
            EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).map_err(StartError::keys)?;
        let public = DecodingKey::from_rsa_der(pair.public_key_raw());
        Self::new(key, Algorithm::RS256, public, pair.public_key_raw())
    }

    /// P-256, for assertions and refresh tokens.
    pub(crate) fn es256() -> Result<Self, StartError> {
        let pair = rcgen::KeyPair::generate().map_err(StartError::keys)?;
        let key = EncodingKey::from_ec_der(pair.serialized_der());
        let public = DecodingKey::from_ec_der(pair.public_key_raw());
        Self::new(key, Algorithm::ES256, public, pair.public_key_raw())
    }

    fn new(
        key: EncodingKey,
        algorithm: Algorithm,
        public: DecodingKey,
        raw: &[u8],
    ) -> Result<Self, StartError> {
        let kid = digest::x5t(raw);
        let jwk = Jwk::from_encoding_key(&key, algorithm).map_err(StartError::keys)?;
        let mut jwk = serde_json::to_value(jwk).map_err(StartError::keys)?;
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(kid));
            members.insert("use".to_owned(), json!("sig"));
        }
        Ok(Self {
            key,
            algorithm,
            kid,
            public: VerificationKey(public),
            jwk,
        })
    }

    /// The claims as a signed token; an empty text if the key refuses, which a key that `new` has used does not.
    pub(crate) fn sign(&self, claims: &Value) -> String {
        let algorithm = format!("{:?}", self.algorithm);
        let header = json!({ "typ": "JWT", "alg": algorithm, "kid": self.kid });
        let part = |value: &Value| digest::base64url(value.to_string().as_bytes());
        let signing_input = format!("{}.{}", part(&header), part(claims));
        (DEFAULT_PROVIDER.signer_factory)(&self.algorithm, &self.key)
            .ok()
            .and_then(|signer| signer.try_sign(signing_input.as_bytes()).ok())
            .map(|signature| format!("{signing_input}.{}", digest::base64url(&signature)))
            .unwrap_or_default()
    }

    pub(crate) fn public(&self) -> &VerificationKey {
        &self.public
    }

    /// The public half as a JSON Web Key.
    pub(crate) fn jwk(&self) -> &Value {
        &self.jwk
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_verifies_with_its_own_key_only() {
        let keys = [SigningKey::rs256().unwrap(), SigningKey::es256().unwrap()];
        let token = keys
            .each_ref()
            .map(|key| Jwt::parse(&key.sign(&json!({ "sub": "x" }))).unwrap());
        assert!(token[0].is_signed_by(keys[0].public()) && token[1].is_signed_by(keys[1].public()));
        assert!(
            !token[0].is_signed_by(keys[1].public()) && !token[1].is_signed_by(keys[0].public())
        );
    }

    #[test]
    fn what_is_no_token_is_not_parsed() {
        for text in ["", "a.b", "..", "e30.e30", "e30.W10.e30", "%.e30.e30"] {
            assert!(Jwt::parse(text).is_none(), "{text}");
        }
    }
}
