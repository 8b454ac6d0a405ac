//! Certificates as the core knows them: the DER of a leaf, what names it, and whether somebody can sign with its key.
//!
//! No private key is ever here. The driver shakes hands and signs; the core says with which certificate.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::error::{Code, Error};

/// A certificate as a driver or a provider offers it, not looked at yet: the leaf's DER, its intermediates, and whether the
/// driver can sign with the leaf's key.
///
/// ```
/// use entra_proto::CertificateChain;
///
/// let chain = CertificateChain::new(vec![0x30, 0x00]).without_private_key();
/// # let _ = chain;
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct CertificateChain {
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    private_key: bool,
}

impl CertificateChain {
    /// A leaf (DER) whose private key the driver holds.
    #[must_use]
    pub fn new(leaf: impl Into<Vec<u8>>) -> Self {
        Self {
            leaf: leaf.into(),
            intermediates: Vec::new(),
            private_key: true,
        }
    }

    /// With the certificates (DER) between the leaf and its root, the leaf's issuer first.
    #[must_use]
    pub fn intermediates(self, intermediates: Vec<Vec<u8>>) -> Self {
        Self {
            intermediates,
            ..self
        }
    }

    /// The driver can't sign with it.
    #[must_use]
    pub fn without_private_key(self) -> Self {
        Self {
            private_key: false,
            ..self
        }
    }
}

impl fmt::Debug for CertificateChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateChain")
            .field("leaf", &Thumbprint::of(&self.leaf))
            .field("intermediates", &self.intermediates.len())
            .field("private_key", &self.private_key)
            .finish()
    }
}

/// What names a certificate: the SHA-256 of its whole DER, the `x5t#S256` of RFC 8705 §3.1.
///
/// Of the DER and not of the key: a certificate that is renewed with its old key is another certificate (MSAL.NET PR 6123).
///
/// ```
/// use entra_proto::Thumbprint;
///
/// let thumbprint = Thumbprint::of(b"any bytes");
/// assert_eq!(thumbprint.to_string().len(), 43);
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Thumbprint([u8; 32]);

impl Thumbprint {
    /// The thumbprint of the certificate with this DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        Self(Sha256::digest(der).into())
    }

    /// Reads what [`Display`](fmt::Display) writes, and nothing else.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The digest's bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    /// Base64url without padding, as in `x5t#S256`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

/// A certificate that was looked at: well-formed, and the driver can sign with its key. Clones share it.
///
/// ```
/// use entra_proto::{Certificate, CertificateChain};
///
/// let error = Certificate::parse(CertificateChain::new(b"no certificate".to_vec())).unwrap_err();
/// assert_eq!(error.code(), "cryptographic_error");
/// ```
#[derive(Clone)]
pub struct Certificate(Arc<Parsed>);

struct Parsed {
    thumbprint: Thumbprint,
    leaf: Vec<u8>,
    intermediates: Vec<Vec<u8>>,
    key: KeyKind,
    not_after: Duration,
}

/// Which signatures a key can make.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum KeyKind {
    Rsa,
    P256,
    Other,
}

impl Certificate {
    /// Reads the leaf.
    ///
    /// # Errors
    /// `cryptographic_error` if it is not the DER of exactly one certificate, `cert_without_private_key` if the driver can't
    /// sign with it.
    pub fn parse(chain: CertificateChain) -> Result<Self, Error> {
        let malformed = || {
            Error::new(
                Code::CryptographicError,
                "the certificate is not the DER of one X.509 certificate",
            )
        };
        let (rest, leaf) = X509Certificate::from_der(&chain.leaf).map_err(|_| malformed())?;
        if !rest.is_empty() {
            return Err(malformed());
        }
        let key = match leaf.public_key().parsed().map_err(|_| malformed())? {
            PublicKey::RSA(_) => KeyKind::Rsa,
            PublicKey::EC(_) if curve_is_p256(&leaf) => KeyKind::P256,
            PublicKey::EC(_)
            | PublicKey::DSA(_)
            | PublicKey::GostR3410(_)
            | PublicKey::GostR3410_2012(_)
            | PublicKey::Unknown(_) => KeyKind::Other,
        };
        let not_after = u64::try_from(leaf.validity().not_after.timestamp()).unwrap_or(0);
        if !chain.private_key {
            return Err(Error::new(
                Code::CertificateWithoutPrivateKey,
                "nobody holds the private key of this certificate",
            ));
        }
        Ok(Self(Arc::new(Parsed {
            thumbprint: Thumbprint::of(&chain.leaf),
            key,
            not_after: Duration::from_secs(not_after),
            leaf: chain.leaf,
            intermediates: chain.intermediates,
        })))
    }

    /// What names it.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        self.0.thumbprint
    }

    /// The leaf's DER.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0.leaf
    }

    /// The DER of the leaf and of the intermediates that came with it.
    pub fn chain(&self) -> impl Iterator<Item = &[u8]> {
        std::iter::once(self.der()).chain(self.0.intermediates.iter().map(Vec::as_slice))
    }

    /// When it ends, as time since the Unix epoch.
    #[must_use]
    pub fn not_after(&self) -> Duration {
        self.0.not_after
    }

    pub(crate) fn key_kind(&self) -> KeyKind {
        self.0.key
    }
}

/// `secp256r1`, the curve of ES256 (RFC 5480 §2.1.1.1, RFC 7518 §3.4).
fn curve_is_p256(leaf: &X509Certificate<'_>) -> bool {
    const SECP256R1: &str = "1.2.840.10045.3.1.7";
    let parameters = leaf.public_key().algorithm.parameters.as_ref();
    parameters
        .and_then(|parameters| parameters.as_oid().ok())
        .is_some_and(|curve| curve.to_id_string() == SECP256R1)
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.thumbprint())
    }
}

impl PartialEq for Certificate {
    /// The same leaf; other intermediates make no other certificate (row CACHE-04).
    fn eq(&self, other: &Self) -> bool {
        self.thumbprint() == other.thumbprint()
    }
}

impl Eq for Certificate {}

#[cfg(test)]
/// The certificate of RFC 8705, appendix A.
const RFC_8705: &str = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=";

/// That certificate with another serial number, and with an end that is still to come.
#[cfg(test)]
pub(crate) fn example(serial: u8) -> Certificate {
    let mut der = base64::engine::general_purpose::STANDARD
        .decode(RFC_8705)
        .unwrap();
    for (old, new) in [
        (&[2_u8, 1, 2][..], &[2, 1, serial][..]),
        (b"220502123709Z", b"490502123709Z"),
    ] {
        let found = der.windows(old.len()).position(|window| window == old);
        let start = found.unwrap();
        der[start..start + new.len()].copy_from_slice(new);
    }
    Certificate::parse(CertificateChain::new(der)).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::STANDARD;

    fn der() -> Vec<u8> {
        STANDARD.decode(RFC_8705).unwrap()
    }

    #[test]
    fn bind02_the_thumbprint_is_that_of_rfc_8705_appendix_a() {
        let certificate = Certificate::parse(CertificateChain::new(der())).unwrap();
        assert_eq!(
            certificate.thumbprint().to_string(),
            "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0"
        );
        assert_eq!(certificate.key_kind(), KeyKind::P256);
    }

    #[test]
    fn cfg07_bytes_that_are_no_certificate_give_one_and_the_same_error() {
        let whole = der();
        let mut trailing = whole.clone();
        trailing.push(0);
        let cut = whole[..whole.len() - 1].to_vec();
        for bytes in [
            Vec::new(),
            cut,
            trailing,
            b"garbage".to_vec(),
            vec![0x30; 4_000],
        ] {
            let error = Certificate::parse(CertificateChain::new(bytes)).unwrap_err();
            assert_eq!(error.code(), "cryptographic_error");
            assert_eq!(
                error.to_string(),
                Certificate::parse(CertificateChain::new(Vec::new()))
                    .unwrap_err()
                    .to_string()
            );
        }
    }

    #[test]
    fn cfg06_a_certificate_without_its_key_is_refused() {
        let error =
            Certificate::parse(CertificateChain::new(der()).without_private_key()).unwrap_err();
        assert_eq!(error.code(), "cert_without_private_key");
    }

    #[test]
    fn cache04_only_the_leaf_counts() {
        let alone = Certificate::parse(CertificateChain::new(der())).unwrap();
        let chained =
            Certificate::parse(CertificateChain::new(der()).intermediates(vec![vec![1]])).unwrap();
        assert_eq!(alone, chained);
        assert_ne!(example(1), example(2));
    }
}
