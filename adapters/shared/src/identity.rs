//! Identities: a certificate chain with the key that stands behind it, which may live in an HSM.

use std::fmt;
use std::sync::Arc;

use der::asn1::UintRef;
use der::{Decode, Reader, SliceReader};
use entra_proto::{
    Algorithm, CertificateChain, Failure, FailureKind, Signature, SigningInput, Thumbprint,
};
use rustls::SignatureScheme;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{CertifiedKey, SigningKey};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate chain and the key of its leaf: what shakes hands and what signs. Cheap to clone.
///
/// The key is any rustls [`SigningKey`]: one read from PEM or DER, or one that only signs and never shows its bytes.
///
/// ```no_run
/// use entra_adapter::ClientIdentity;
/// use entra_proto::Credential;
///
/// let identity = ClientIdentity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?)?;
/// let credential = Credential::certificate(identity.chain());
/// # let _ = credential;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

/// Why an identity could not be made. It repeats nothing of the key.
///
/// ```
/// use entra_adapter::{ClientIdentity, IdentityError};
///
/// assert_eq!(ClientIdentity::from_pem("", "").unwrap_err(), IdentityError::NoCertificate);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum IdentityError {
    /// The text has no PEM block with a certificate.
    NoCertificate,
    /// The text has no PEM block with a private key.
    NoPrivateKey,
    /// The private key is of no kind that is known, or malformed.
    UnusableKey,
    /// The first certificate is not the key's: the chain's order is wrong, or the files do not belong together.
    KeyMismatch,
}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoCertificate => "no certificate found; give PEM with BEGIN CERTIFICATE, the leaf first",
            Self::NoPrivateKey => "no private key found; give unencrypted PEM with BEGIN PRIVATE KEY (PKCS#8, PKCS#1 or SEC1)",
            Self::UnusableKey => "the private key can't be used; RSA from 2048 bits and P-256 work everywhere",
            Self::KeyMismatch => "the private key is not that of the first certificate; put the leaf first and check that both were renewed",
        })
    }
}

impl std::error::Error for IdentityError {}

impl ClientIdentity {
    /// Reads a chain and a key from PEM. Both may stand in one text.
    ///
    /// # Errors
    /// Any [`IdentityError`].
    pub fn from_pem(
        certificates: impl AsRef<[u8]>,
        key: impl AsRef<[u8]>,
    ) -> Result<Self, IdentityError> {
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(certificates.as_ref()).collect();
        let chain = chain
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or(IdentityError::NoCertificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(key.as_ref()).map_err(|_| IdentityError::NoPrivateKey)?;
        Self::from_key(chain, key)
    }

    /// Takes a chain, the leaf first, and a private key (PKCS#8, PKCS#1 or SEC1), all DER.
    ///
    /// ```
    /// use entra_adapter::{ClientIdentity, IdentityError};
    ///
    /// assert_eq!(ClientIdentity::from_der(vec![], vec![]).unwrap_err(), IdentityError::UnusableKey);
    /// ```
    ///
    /// # Errors
    /// Any [`IdentityError`] but `NoPrivateKey` for a key that is there.
    pub fn from_der(chain: Vec<Vec<u8>>, key: Vec<u8>) -> Result<Self, IdentityError> {
        let key = PrivateKeyDer::try_from(key).map_err(|_| IdentityError::UnusableKey)?;
        Self::from_key(chain.into_iter().map(CertificateDer::from).collect(), key)
    }

    fn from_key(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, IdentityError> {
        let key =
            aws_lc_rs::sign::any_supported_type(&key).map_err(|_| IdentityError::UnusableKey)?;
        Self::from_signing_key(
            chain.into_iter().map(|der| der.as_ref().to_vec()).collect(),
            key,
        )
    }

    /// Takes a chain (DER, the leaf first) and whatever signs for its leaf. The two are compared if the signer tells its public
    /// key.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use entra_adapter::{ClientIdentity, IdentityError};
    /// use rustls::sign::SigningKey;
    ///
    /// /// A key that stays where it is: in an HSM, behind an agent.
    /// fn identity(leaf: Vec<u8>, key: Arc<dyn SigningKey>) -> Result<ClientIdentity, IdentityError> {
    ///     ClientIdentity::from_signing_key(vec![leaf], key)
    /// }
    /// # let _ = identity;
    /// ```
    ///
    /// # Errors
    /// `NoCertificate`, `KeyMismatch`.
    pub fn from_signing_key(
        chain: Vec<Vec<u8>>,
        key: Arc<dyn SigningKey>,
    ) -> Result<Self, IdentityError> {
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let chain = chain.into_iter().map(CertificateDer::from).collect();
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(certified)))
            }
            Err(_) => Err(IdentityError::KeyMismatch),
        }
    }

    /// The chain, as the core takes it.
    #[must_use]
    pub fn chain(&self) -> CertificateChain {
        let mut chain = self.0.cert.iter().map(|der| der.as_ref().to_vec());
        let leaf = chain.next().unwrap_or_default();
        CertificateChain::new(leaf).intermediates(chain.collect())
    }

    /// What names the leaf.
    #[must_use]
    pub fn thumbprint(&self) -> Thumbprint {
        Thumbprint::of(self.0.cert.first().map_or(&[][..], |leaf| leaf.as_ref()))
    }

    pub(crate) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.0
    }

    /// Signs an assertion.
    ///
    /// # Errors
    /// `UnsupportedAlgorithm` if the key can't do this one, `Provider` if the signer failed.
    pub fn sign(&self, input: &SigningInput) -> Result<Signature, Failure> {
        let unsupported = || Failure::new(FailureKind::UnsupportedAlgorithm);
        let failed = |error: &dyn fmt::Display| {
            Failure::new(FailureKind::Provider).reporting(error.to_string())
        };
        let scheme = match input.algorithm() {
            Algorithm::Ps256 => SignatureScheme::RSA_PSS_SHA256,
            Algorithm::Rs256 => SignatureScheme::RSA_PKCS1_SHA256,
            Algorithm::Es256 => SignatureScheme::ECDSA_NISTP256_SHA256,
            _ => return Err(unsupported()),
        };
        let signer = self
            .0
            .key
            .choose_scheme(&[scheme])
            .ok_or_else(unsupported)?;
        let signature = signer
            .sign(input.message())
            .map_err(|error| failed(&error))?;
        let signature = if input.algorithm() == Algorithm::Es256 {
            fixed_size(&signature).map_err(|error| failed(&error))?
        } else {
            signature
        };
        Ok(Signature::new(signature))
    }
}

impl fmt::Debug for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientIdentity({})", self.thumbprint())
    }
}

/// `ECDSA-Sig-Value` (RFC 3279 §2.2.3), two numbers in DER, as R and S of 32 bytes each (RFC 7518 §3.4).
fn fixed_size(signature: &[u8]) -> der::Result<Vec<u8>> {
    let mut reader = SliceReader::new(signature)?;
    let (r, s) = reader.sequence(|inner| {
        Ok::<_, der::Error>((UintRef::decode(inner)?, UintRef::decode(inner)?))
    })?;
    reader.finish()?;
    let mut fixed = Vec::with_capacity(64);
    for number in [r, s] {
        let bytes = number.as_bytes();
        fixed.extend(std::iter::repeat_n(0, 32_usize.saturating_sub(bytes.len())));
        fixed.extend_from_slice(bytes);
    }
    Ok(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(name: &str) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()])
            .unwrap()
            .self_signed(&key)
            .unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    #[test]
    fn cfg07_files_that_do_not_belong_together_are_refused_before_any_connection() {
        let (certificate, key) = pair("a");
        let (other, _) = pair("b");
        assert!(ClientIdentity::from_pem(&certificate, &key).is_ok());
        assert!(
            ClientIdentity::from_pem(format!("{certificate}{key}"), format!("{certificate}{key}"))
                .is_ok()
        );
        let error =
            |certificate: &str, key: &str| ClientIdentity::from_pem(certificate, key).unwrap_err();
        assert_eq!(error(&other, &key), IdentityError::KeyMismatch);
        assert_eq!(error("", ""), IdentityError::NoCertificate);
        assert_eq!(error(&key, &key), IdentityError::NoCertificate);
        assert_eq!(
            error(&format!("{other}{certificate}"), &key),
            IdentityError::KeyMismatch
        );
        assert_eq!(error("", &key), IdentityError::NoCertificate);
        assert_eq!(error(&certificate, ""), IdentityError::NoPrivateKey);
        assert_eq!(
            ClientIdentity::from_der(vec![vec![1]], vec![2]).unwrap_err(),
            IdentityError::UnusableKey
        );
    }

    #[test]
    fn a_signature_in_der_gets_its_fixed_size() {
        let signature = [0x30, 0x07, 0x02, 0x02, 0x00, 0xff, 0x02, 0x01, 0x01];
        let fixed = fixed_size(&signature).unwrap();
        assert_eq!((fixed.len(), fixed[31], fixed[63]), (64, 0xff, 1));
        assert!(fixed_size(&[0x30, 0x00]).is_err());
    }

    #[test]
    fn an_identity_prints_its_thumbprint_alone() {
        let (certificate, key) = pair("a");
        let identity = ClientIdentity::from_pem(certificate, key).unwrap();
        assert_eq!(
            format!("{identity:?}"),
            format!("ClientIdentity({})", identity.thumbprint())
        );
    }
}
