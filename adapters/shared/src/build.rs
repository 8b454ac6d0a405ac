//! Building an adapter's client: what the credential needs has to be there, or it is said at once and not at the first request.

use std::fmt;

use entra_proto::{Client, Needs};

use crate::identity::ClientIdentity;
use crate::network::NetworkError;

/// Why a client can't be built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// The network's settings.
    Network(NetworkError),
    /// The credential's certificate has no identity among those given.
    MissingIdentity,
    /// The credential needs a provider of assertions, and none was given.
    MissingAssertionProvider,
    /// The credential needs a provider of certificates, and none was given.
    MissingCertificateProvider,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::MissingIdentity => f.write_str("the credential is a certificate; give the identity with its private key with identity()"),
            Self::MissingAssertionProvider => f.write_str("the credential is a provider of assertions; give it with assertion_provider()"),
            Self::MissingCertificateProvider => f.write_str("the credential is a provider of certificates; give it with certificate_provider()"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<NetworkError> for BuildError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

/// Compares what the credential needs with what was given.
///
/// # Errors
/// What is missing.
pub(crate) fn check_needs(
    client: &Client,
    identities: &[ClientIdentity],
    assertions: bool,
    certificates: bool,
) -> Result<(), BuildError> {
    match client.needs() {
        Needs::Key(certificate)
            if !identities
                .iter()
                .any(|identity| identity.thumbprint() == certificate.thumbprint()) =>
        {
            Err(BuildError::MissingIdentity)
        }
        Needs::AssertionProvider if !assertions => Err(BuildError::MissingAssertionProvider),
        Needs::CertificateProvider if !certificates => Err(BuildError::MissingCertificateProvider),
        Needs::Nothing | Needs::Key(_) | Needs::AssertionProvider | Needs::CertificateProvider => {
            Ok(())
        }
    }
}
