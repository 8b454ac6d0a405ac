//! What an application's provider returns, and how its failure is handed on.

use entra_proto::{ClientAssertion, Failure, FailureKind, Secret};

use crate::identity::ClientIdentity;

/// What a provider fails with: any error. It is at hand through [`Error::reported`](entra_proto::Error::reported) and never printed.
pub type ProviderError = Box<dyn std::error::Error + Send + Sync>;

/// An assertion and, maybe, the identity that it is bound to: one value from one call (rule 3).
#[derive(Clone, Debug)]
pub struct ProvidedAssertion {
    assertion: Secret,
    identity: Option<ClientIdentity>,
}

impl ProvidedAssertion {
    /// An assertion alone.
    #[must_use]
    pub const fn new(assertion: Secret) -> Self {
        Self {
            assertion,
            identity: None,
        }
    }

    /// An assertion that is bound to this identity's certificate.
    #[must_use]
    pub const fn bound(assertion: Secret, identity: ClientIdentity) -> Self {
        Self {
            assertion,
            identity: Some(identity),
        }
    }

    /// Takes it apart for the core, whole: the identity stays with the adapter, its certificate goes in.
    #[must_use]
    pub fn into_core(self) -> (ClientAssertion, Option<ClientIdentity>) {
        let assertion = match &self.identity {
            None => ClientAssertion::new(self.assertion),
            Some(identity) => ClientAssertion::bound(self.assertion, identity.chain()),
        };
        (assertion, self.identity)
    }
}

/// A provider's error as the core takes it.
#[must_use]
pub fn provider_failure(error: &ProviderError) -> Failure {
    Failure::new(FailureKind::Provider).reporting(error.to_string())
}
