//! The emulator's own certificate authority: made at every start, kept in memory, trusted by nobody who was not told.
//!
//! It signs a server certificate for each host name, good ones and, for the faults, bad ones.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::error::StartError;

/// Which server certificate a handshake shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ServerCertificate {
    Good,
    WrongName,
    Expired,
    UnknownIssuer,
}

/// Two authorities, one of which nobody is told about, and the one key of all server certificates.
pub(crate) struct CertificateAuthority {
    trusted: CertifiedIssuer<'static, KeyPair>,
    unknown: CertifiedIssuer<'static, KeyPair>,
    server_key: KeyPair,
}

impl CertificateAuthority {
    pub(crate) fn generate() -> Result<Self, StartError> {
        Ok(Self {
            trusted: issuer("Entra emulator CA")?,
            unknown: issuer("Unknown CA")?,
            server_key: KeyPair::generate().map_err(StartError::keys)?,
        })
    }

    pub(crate) fn pem(&self) -> String {
        self.trusted.pem()
    }

    pub(crate) fn der(&self) -> &[u8] {
        self.trusted.der()
    }

    /// The chain for the name, leaf first.
    pub(crate) fn issue(
        &self,
        name: &str,
        which: ServerCertificate,
    ) -> Result<Vec<CertificateDer<'static>>, StartError> {
        let shown = if which == ServerCertificate::WrongName {
            "wrong.example"
        } else {
            name
        };
        let mut params =
            CertificateParams::new(vec![shown.to_owned()]).map_err(StartError::keys)?;
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(
            if which == ServerCertificate::Expired {
                2021
            } else {
                2100
            },
            1,
            1,
        );
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(
            DnType::CommonName,
            shown.chars().take(64).collect::<String>(),
        );
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        params.serial_number = Some(fresh_serial()?);
        let issuer = if which == ServerCertificate::UnknownIssuer {
            &self.unknown
        } else {
            &self.trusted
        };
        let leaf = params
            .signed_by(&self.server_key, issuer)
            .map_err(StartError::keys)?;
        Ok(vec![leaf.der().clone()])
    }

    pub(crate) fn server_key(&self) -> PrivateKeyDer<'static> {
        PrivatePkcs8KeyDer::from(self.server_key.serialize_der()).into()
    }
}

/// Twenty positive bytes at random, so that no two certificates are equal.
pub(crate) fn fresh_serial() -> Result<SerialNumber, StartError> {
    let mut bytes = [0_u8; 16];
    fill_random(&mut bytes)?;
    bytes[0] &= 0x7f;
    bytes[0] |= 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Random bytes from the TLS provider.
pub(crate) fn fill_random(bytes: &mut [u8]) -> Result<(), StartError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .secure_random
        .fill(bytes)
        .map_err(|_| StartError::Keys("no randomness".to_owned()))
}

fn issuer(common_name: &str) -> Result<CertifiedIssuer<'static, KeyPair>, StartError> {
    let mut params = CertificateParams::default();
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(2100, 1, 1);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, common_name);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    params.serial_number = Some(fresh_serial()?);
    CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(StartError::keys)?)
        .map_err(StartError::keys)
}
