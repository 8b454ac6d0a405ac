//! A certificate with its key, for tests and demonstrations: self-signed, made on the spot.
//!
//! The key stays in memory and never shows in `Debug`.

use std::fmt;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

use crate::digest;
use crate::error::StartError;

/// Which key a [`TestIdentity`] gets.
///
/// A [`TestIdentity`] is made with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyKind {
    /// An elliptic-curve key on P-256: fast to make and to sign with.
    P256,
    /// An RSA key of 2048 bits, as most certificates of Entra applications have.
    Rsa2048,
}

/// A self-signed certificate and its private key.
///
/// ```
/// use entra_emulator::{KeyKind, TestIdentity};
///
/// let identity = TestIdentity::generate(KeyKind::P256, "client")?;
/// let renewed = identity.renew()?;
/// assert_ne!(identity.thumbprint(), renewed.thumbprint());
/// assert_eq!(identity.key_der(), renewed.key_der());
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
pub struct TestIdentity {
    kind: KeyKind,
    common_name: String,
    key: KeyPair,
    certificate: rcgen::Certificate,
}

impl TestIdentity {
    /// Makes a key and a certificate for it, valid from 2000 to 2100.
    ///
    /// # Errors
    /// If the cryptographic library refuses, which it does not for a common name of ordinary characters.
    pub fn generate(kind: KeyKind, common_name: &str) -> Result<Self, StartError> {
        Self::generate_until(kind, common_name, 2100, 1, 1)
    }

    /// As [`generate`](Self::generate), valid until midnight of that day.
    ///
    /// ```
    /// use entra_emulator::{KeyKind, TestIdentity};
    ///
    /// let expired = TestIdentity::generate_until(KeyKind::P256, "client", 2021, 1, 28)?;
    /// # let _ = expired;
    /// # Ok::<(), entra_emulator::StartError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`generate`](Self::generate), and if there is no such day.
    pub fn generate_until(
        kind: KeyKind,
        common_name: &str,
        year: i32,
        month: u8,
        day: u8,
    ) -> Result<Self, StartError> {
        let key = match kind {
            KeyKind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::Rsa2048 => KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256),
        };
        Self::sign(
            kind,
            common_name,
            key.map_err(StartError::keys)?,
            (year, month, day),
        )
    }

    /// The same key in a new certificate: another serial number, so other DER.
    ///
    /// # Errors
    /// As for [`generate`](Self::generate).
    pub fn renew(&self) -> Result<Self, StartError> {
        let pem = self.key.serialize_pem();
        let algorithm = match self.kind {
            KeyKind::P256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            KeyKind::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
        };
        let key = KeyPair::from_pem_and_sign_algo(&pem, algorithm).map_err(StartError::keys)?;
        Self::sign(self.kind, &self.common_name, key, (2100, 1, 1))
    }

    /// The certificate's DER.
    pub fn certificate_der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// The private key's DER: PKCS#8 for P-256, PKCS#8 or PKCS#1 for RSA; see [`key_pem`](Self::key_pem) for its name.
    pub fn key_der(&self) -> &[u8] {
        self.key.serialized_der()
    }

    /// The private key as PEM (PKCS#8).
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Certificate and key in one PEM text, as programs like them.
    pub fn pem(&self) -> String {
        format!("{}{}", self.certificate_pem(), self.key_pem())
    }

    /// `x5t#S256`: base64url of the SHA-256 of the certificate's DER.
    pub fn thumbprint(&self) -> String {
        digest::x5t_s256(self.certificate_der())
    }

    /// The kind of key.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    fn sign(
        kind: KeyKind,
        common_name: &str,
        key: KeyPair,
        until: (i32, u8, u8),
    ) -> Result<Self, StartError> {
        let (year, month, day) = until;
        if !(2001..=4000).contains(&year) || !(1..=12).contains(&month) || !(1..=28).contains(&day)
        {
            // `date_time_ymd` panics on a date that does not exist.
            return Err(StartError::Keys(
                "the certificate's last day must be a 1st to 28th from 2001 on".to_owned(),
            ));
        }
        let mut params = CertificateParams::default();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, month, day);
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, common_name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.serial_number = Some(crate::authority::fresh_serial()?);
        let certificate = params.self_signed(&key).map_err(StartError::keys)?;
        Ok(Self {
            kind,
            common_name: common_name.to_owned(),
            key,
            certificate,
        })
    }
}

impl fmt::Debug for TestIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestIdentity")
            .field("kind", &self.kind)
            .field("common_name", &self.common_name)
            .field("thumbprint", &self.thumbprint())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_certificate_has_the_same_key_and_another_thumbprint() {
        for kind in [KeyKind::P256, KeyKind::Rsa2048] {
            let first = TestIdentity::generate(kind, "first").unwrap();
            let second = first.renew().unwrap();
            assert_ne!(first.thumbprint(), second.thumbprint());
            assert_eq!(first.key_pem(), second.key_pem());
        }
    }

    #[test]
    fn the_key_does_not_show_in_debug() {
        let identity = TestIdentity::generate(KeyKind::P256, "shown").unwrap();
        assert!(!format!("{identity:?}").contains("PRIVATE"));
    }
}
