//! A key in a token as rustls takes keys: it says which signatures it can make, and makes them there.
//!
//! Messages are hashed here and the digest is signed there: mechanisms that hash themselves are missing in some tokens, SoftHSM among
//! them.

use std::sync::Arc;

use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use der::Encode;
use der::asn1::UintRef;
use rustls::crypto::aws_lc_rs;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::parse_x509_certificate;
use x509_parser::public_key::PublicKey;

use super::{Token, private_key};
use crate::error::SourceError;

/// `DigestInfo` before the digest (RFC 8017 §9.2, note 1).
const SHA256_INFO: &[u8] = &[
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];
/// Likewise.
const SHA384_INFO: &[u8] = &[
    0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05,
    0x00, 0x04, 0x30,
];
/// Likewise.
const SHA512_INFO: &[u8] = &[
    0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05,
    0x00, 0x04, 0x40,
];

const EC: &[SignatureScheme] = &[SignatureScheme::ECDSA_NISTP256_SHA256];
const RSA: &[SignatureScheme] = &[
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// A private key in a token.
#[derive(Debug)]
pub(super) struct TokenKey {
    token: Arc<Token>,
    id: Vec<u8>,
    algorithm: SignatureAlgorithm,
    /// What the token has a mechanism for.
    schemes: Vec<SignatureScheme>,
}

impl TokenKey {
    /// The key with that id, if it is the leaf's: it signs once, and the leaf's public key has to verify that.
    pub(super) fn new(token: &Arc<Token>, id: Vec<u8>, leaf: &[u8]) -> Result<Self, SourceError> {
        let unusable = SourceError::Token("the certificate's key is neither P-256 nor RSA");
        let (_, certificate) = parse_x509_certificate(leaf).map_err(|_| unusable.clone())?;
        let (algorithm, known) = match certificate.public_key().parsed() {
            Ok(PublicKey::EC(point)) if point.key_size() == 256 => (SignatureAlgorithm::ECDSA, EC),
            Ok(PublicKey::RSA(_)) => (SignatureAlgorithm::RSA, RSA),
            Ok(_) | Err(_) => return Err(unusable),
        };
        let mechanisms = token
            .module
            .get_mechanism_list(token.slot)
            .map_err(|_| SourceError::Token("its mechanisms can't be read"))?;
        let can = |scheme: &SignatureScheme| {
            Algorithm::of(*scheme).is_some_and(|found| mechanisms.contains(&found.mechanism_type()))
        };
        let key = Self {
            token: Arc::clone(token),
            id,
            algorithm,
            schemes: known.iter().copied().filter(can).collect(),
        };
        key.check(&certificate.subject_pki.subject_public_key.data)?;
        Ok(key)
    }

    fn check(&self, public: &[u8]) -> Result<(), SourceError> {
        const MESSAGE: &[u8] = b"does this key belong to this certificate?";
        let scheme = *self.schemes.first().ok_or(SourceError::Token(
            "it has no mechanism for this kind of key",
        ))?;
        let signature = self.sign(scheme, MESSAGE)?;
        let verification = aws_lc_rs::default_provider().signature_verification_algorithms;
        let algorithms = verification.mapping.iter();
        let verified = algorithms
            .filter(|(known, _)| *known == scheme)
            .flat_map(|(_, algorithms)| algorithms.iter())
            .any(|algorithm| {
                algorithm
                    .verify_signature(public, MESSAGE, &signature)
                    .is_ok()
            });
        if verified {
            Ok(())
        } else {
            Err(SourceError::Identity(
                entra_adapter::IdentityError::KeyMismatch,
            ))
        }
    }

    fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, SourceError> {
        let failed = SourceError::Token("it does not sign");
        let algorithm = Algorithm::of(scheme).ok_or_else(|| failed.clone())?;
        let data = algorithm.data(message);
        let signature = self.token.with(|session| {
            let key = private_key(session, &self.id)?;
            session
                .sign(&algorithm.mechanism(), key, &data)
                .map_err(|_| failed.clone())
        })?;
        if self.algorithm == SignatureAlgorithm::ECDSA {
            // R and S of 32 bytes each, which TLS wants in DER (RFC 3279 §2.2.3).
            in_der(&signature).ok_or(failed)
        } else {
            Ok(signature)
        }
    }
}

impl SigningKey for TokenKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.schemes.iter().find(|known| offered.contains(known))?;
        Some(Box::new(TokenSigner {
            key: Self {
                token: Arc::clone(&self.token),
                id: self.id.clone(),
                algorithm: self.algorithm,
                schemes: Vec::new(),
            },
            scheme: *scheme,
        }))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.algorithm
    }
}

#[derive(Debug)]
struct TokenSigner {
    key: TokenKey,
    scheme: SignatureScheme,
}

impl Signer for TokenSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key
            .sign(self.scheme, message)
            .map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}

/// How a scheme is made with the mechanisms that sign digests.
#[derive(Clone, Copy)]
struct Algorithm {
    kind: Kind,
    hash: Hash,
}

#[derive(Clone, Copy)]
enum Kind {
    Pss,
    Pkcs1,
    Ecdsa,
}

#[derive(Clone, Copy)]
enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Algorithm {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "there are many schemes, and these are the ones that are used"
    )]
    fn of(scheme: SignatureScheme) -> Option<Self> {
        let (kind, hash) = match scheme {
            SignatureScheme::RSA_PSS_SHA256 => (Kind::Pss, Hash::Sha256),
            SignatureScheme::RSA_PSS_SHA384 => (Kind::Pss, Hash::Sha384),
            SignatureScheme::RSA_PSS_SHA512 => (Kind::Pss, Hash::Sha512),
            SignatureScheme::RSA_PKCS1_SHA256 => (Kind::Pkcs1, Hash::Sha256),
            SignatureScheme::RSA_PKCS1_SHA384 => (Kind::Pkcs1, Hash::Sha384),
            SignatureScheme::RSA_PKCS1_SHA512 => (Kind::Pkcs1, Hash::Sha512),
            SignatureScheme::ECDSA_NISTP256_SHA256 => (Kind::Ecdsa, Hash::Sha256),
            _ => return None,
        };
        Some(Self { kind, hash })
    }

    const fn mechanism_type(self) -> MechanismType {
        match self.kind {
            Kind::Pss => MechanismType::RSA_PKCS_PSS,
            Kind::Pkcs1 => MechanismType::RSA_PKCS,
            Kind::Ecdsa => MechanismType::ECDSA,
        }
    }

    fn mechanism(self) -> Mechanism<'static> {
        match self.kind {
            Kind::Pkcs1 => Mechanism::RsaPkcs,
            Kind::Ecdsa => Mechanism::Ecdsa,
            // The salt is as long as the digest (RFC 8446 §4.2.3, RFC 7518 §3.5).
            Kind::Pss => {
                let (hash_alg, mgf, s_len) = match self.hash {
                    Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256, 32),
                    Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384, 48),
                    Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512, 64),
                };
                Mechanism::RsaPkcsPss(PkcsPssParams {
                    hash_alg,
                    mgf,
                    s_len: s_len.into(),
                })
            }
        }
    }

    /// What the mechanism signs for this message.
    fn data(self, message: &[u8]) -> Vec<u8> {
        let (digest, info) = match self.hash {
            Hash::Sha256 => (Sha256::digest(message).to_vec(), SHA256_INFO),
            Hash::Sha384 => (Sha384::digest(message).to_vec(), SHA384_INFO),
            Hash::Sha512 => (Sha512::digest(message).to_vec(), SHA512_INFO),
        };
        match self.kind {
            Kind::Pkcs1 => [info, &digest].concat(),
            Kind::Pss | Kind::Ecdsa => digest,
        }
    }
}

/// `ECDSA-Sig-Value`.
fn in_der(fixed: &[u8]) -> Option<Vec<u8>> {
    let half = fixed.len() / 2;
    let (r, s) = (fixed.get(..half)?, fixed.get(half..)?);
    if half == 0 || r.len() != s.len() {
        return None;
    }
    let (r, s) = (UintRef::new(r).ok()?, UintRef::new(s).ok()?);
    let length = (r.encoded_len().ok()? + s.encoded_len().ok()?).ok()?;
    let mut written = Vec::new();
    der::Header::new(der::Tag::Sequence, length)
        .encode(&mut written)
        .ok()?;
    r.encode(&mut written).ok()?;
    s.encode(&mut written).ok()?;
    Some(written)
}
