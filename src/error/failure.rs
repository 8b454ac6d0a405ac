//! Failures: why the outside gave no answer to a step.

use std::fmt;

use crate::secret::Secret;

/// Why the outside gave no answer.
///
/// ```
/// use entra_proto::{Failure, FailureKind};
///
/// let failure = Failure::new(FailureKind::Provider).reporting("vault sealed");
/// assert!(!format!("{failure:?}").contains("sealed"));
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Failure {
    kind: FailureKind,
    detail: Option<Secret>,
}

/// What kind of failure it was.
///
/// How one is handed to the core: [`Failure`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum FailureKind {
    /// No connection: name resolution, refusal, no route. Nothing was sent.
    Connect,
    /// No answer within the time allowed.
    Timeout,
    /// The TLS handshake failed, or the server's certificate did not verify.
    Tls,
    /// The connection ended before the answer was whole.
    Closed,
    /// What came is no HTTP, or contradicts itself about where it ends: whoever speaks is not the service.
    Garbled,
    /// The answer was larger than the step's [`max_response`](crate::SendRequest::max_response).
    TooLarge,
    /// The server never asked for the client certificate, so nothing was sent.
    CertificateNotRequested,
    /// The server refused the client certificate in the TLS handshake.
    CertificateRejected,
    /// The application's provider, or the signer, failed.
    Provider,
    /// The signer's key can't do the algorithm that was asked for.
    UnsupportedAlgorithm,
    /// The cache could not be read or written.
    Cache,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub const fn new(kind: FailureKind) -> Self {
        Self { kind, detail: None }
    }

    /// With what was reported, for [`Error::reported`](crate::Error::reported); it is never printed.
    #[must_use]
    pub fn reporting(self, detail: impl Into<Box<str>>) -> Self {
        Self {
            detail: Some(Secret::new(detail)),
            ..self
        }
    }

    /// What kind it was.
    #[must_use]
    pub const fn kind(&self) -> FailureKind {
        self.kind
    }

    pub(crate) fn into_detail(self) -> Option<Secret> {
        self.detail
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
