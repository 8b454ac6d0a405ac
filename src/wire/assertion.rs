//! Client assertions that we sign ourselves (RFC 7523 §2.2 and §3), up to the bytes that the driver signs.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::certificate::{Certificate, KeyKind};
use crate::error::{Code, Error};
use crate::secret::{Body, Secret};
use crate::wire::json::{Json, Text};

/// How long an assertion lives.
const LIFETIME: Duration = Duration::from_secs(600);

/// A signature algorithm of JWS (RFC 7518 §3.1).
///
/// [`SigningInput`] has an example with one.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Algorithm {
    /// RSASSA-PSS with SHA-256, MGF1 with SHA-256, salt of 32 bytes.
    Ps256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256; the signature is R and S, 32 bytes each (RFC 7518 §3.4), not DER.
    Es256,
}

impl Algorithm {
    /// The name, as in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }

    /// The first algorithm to ask of this key (rule 9).
    pub(crate) fn first(certificate: &Certificate, takes_ps256: bool) -> Result<Self, Error> {
        match (certificate.key_kind(), takes_ps256) {
            (KeyKind::P256, _) => Ok(Self::Es256),
            (KeyKind::Rsa, true) => Ok(Self::Ps256),
            (KeyKind::Rsa, false) => Ok(Self::Rs256),
            (KeyKind::Other, _) => Err(Error::new(
                Code::SigningFailed,
                "assertions are signed with RSA or P-256 keys, and this certificate has another",
            )),
        }
    }

    /// The one to ask when the signer can't do this one.
    pub(crate) const fn next(self) -> Option<Self> {
        match self {
            Self::Ps256 => Some(Self::Rs256),
            Self::Rs256 | Self::Es256 => None,
        }
    }

    fn fits(self, signature: &[u8]) -> bool {
        match self {
            Self::Es256 => signature.len() == 64,
            // Moduli from 1,024 to 16,384 bits: whether a key is strong enough is the service's to judge.
            Self::Ps256 | Self::Rs256 => (128..=2_048).contains(&signature.len()),
        }
    }
}

/// What the driver is to sign: header and claims, with which key, by which algorithm.
///
/// ```
/// use entra_proto::{Algorithm, Failure, FailureKind, Signature, SigningInput};
///
/// /// A signer that has one key, for ES256.
/// fn sign(input: &SigningInput, key: impl Fn(&[u8]) -> Vec<u8>) -> Result<Signature, Failure> {
///     if input.algorithm() != Algorithm::Es256 {
///         return Err(Failure::new(FailureKind::UnsupportedAlgorithm));
///     }
///     Ok(Signature::new(key(input.message())))
/// }
/// # let _ = |input: &SigningInput| sign(input, |message| message.to_vec());
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct SigningInput {
    certificate: Certificate,
    algorithm: Algorithm,
    message: Body,
}

impl SigningInput {
    /// The certificate whose key signs.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// By which algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes to sign: `header.claims`, each base64url (RFC 7515 §5.1).
    #[must_use]
    pub fn message(&self) -> &[u8] {
        self.message.expose()
    }

    /// Puts the assertion together.
    pub(crate) fn complete(&self, signature: &Signature) -> Result<Secret, Error> {
        if !self.algorithm.fits(&signature.0) {
            return Err(Error::new(
                Code::SigningFailed,
                format!(
                    "the signer returned {} bytes, which is no {} signature",
                    signature.0.len(),
                    self.algorithm.as_str()
                ),
            ));
        }
        let message = std::str::from_utf8(self.message()).unwrap_or_default();
        let room = message
            .len()
            .saturating_add(encoded(&*signature.0))
            .saturating_add(1);
        let mut assertion = String::with_capacity(room);
        assertion.push_str(message);
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(&*signature.0, &mut assertion);
        Ok(Secret::new(assertion))
    }
}

impl fmt::Debug for SigningInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningInput")
            .field("certificate", &self.certificate)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A signature, as the driver made it.
///
/// ```
/// let signature = entra_proto::Signature::new(vec![0; 64]);
/// # let _ = signature;
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Signature(Zeroizing<Vec<u8>>);

impl Signature {
    /// Wraps the bytes; for ECDSA those of R and S, not DER.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature([redacted])")
    }
}

/// What an assertion says.
pub(crate) struct Claims<'a> {
    pub(crate) audience: &'a str,
    pub(crate) client: &'a str,
    pub(crate) id: &'a str,
    /// Time since the Unix epoch.
    pub(crate) now: Duration,
    /// The application's own claims; where a name is in both, the application's counts.
    pub(crate) own: Option<&'a Json<'static>>,
}

impl Claims<'_> {
    /// The bytes to sign. `x5t#S256` goes with PS256 and ES256, `x5t` with RS256; dates are numbers and `x5c` is an array, as
    /// RFC 7519 §2 and RFC 7515 §4.1.6 have them (MSAL.NET writes text for both).
    pub(crate) fn to_sign(
        &self,
        certificate: &Certificate,
        algorithm: Algorithm,
        x5c: bool,
    ) -> SigningInput {
        let text = |text: String| Json::Text(text.into());
        let named = |name: &'static str, value: Json<'static>| (Cow::Borrowed(name), value);
        let mut header = vec![
            named("alg", Json::Text(Text::Borrowed(algorithm.as_str()))),
            named("typ", Json::Text(Text::Borrowed("JWT"))),
            match algorithm {
                Algorithm::Ps256 | Algorithm::Es256 => {
                    named("x5t#S256", text(certificate.thumbprint().to_string()))
                }
                Algorithm::Rs256 => named(
                    "x5t",
                    text(URL_SAFE_NO_PAD.encode(Sha1::digest(certificate.der()))),
                ),
            },
        ];
        if x5c {
            let chain = certificate
                .chain()
                .map(|der| text(STANDARD.encode(der)))
                .collect();
            header.push(named("x5c", Json::Array(chain)));
        }
        let seconds = |time: Duration| Json::Number(Cow::Owned(time.as_secs().to_string()));
        let mut claims = vec![
            named("aud", text(self.audience.to_owned())),
            named("iss", text(self.client.to_owned())),
            named("sub", text(self.client.to_owned())),
            named("jti", text(self.id.to_owned())),
            named("nbf", seconds(self.now)),
            named("exp", seconds(self.now.saturating_add(LIFETIME))),
        ];
        if let Some(Json::Object(own)) = self.own {
            claims.retain(|(name, _)| !own.iter().any(|(other, _)| other == name));
            claims.extend(own.iter().cloned());
        }
        let header = Json::Object(header).to_text();
        let claims = Json::Object(claims).to_text();
        let room = encoded(&header)
            .saturating_add(encoded(&claims))
            .saturating_add(1);
        let mut message = String::with_capacity(room);
        URL_SAFE_NO_PAD.encode_string(header.as_bytes(), &mut message);
        message.push('.');
        URL_SAFE_NO_PAD.encode_string(claims.as_bytes(), &mut message);
        SigningInput {
            certificate: certificate.clone(),
            algorithm,
            message: Body::from(message.into_bytes()),
        }
    }
}

/// How long bytes are in base64url without padding.
fn encoded(bytes: impl AsRef<[u8]>) -> usize {
    bytes.as_ref().len().saturating_mul(4).div_ceil(3)
}
