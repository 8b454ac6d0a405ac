//! Ask the application's provider for a certificate: once for all its uses in one attempt (rule 9).

use crate::certificate::CertificateChain;
use crate::error::Failure;
use crate::time::Now;

use super::material::{self, Asked, ProviderContext};
use super::{Flow, Step};

/// Ask the provider for a certificate.
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct ObtainCertificate {
    flow: Box<Flow>,
    context: ProviderContext,
    asked: Asked,
    since: Now,
}

pub(super) fn enter(flow: Box<Flow>, asked: Asked, now: Now) -> Step {
    Step::ObtainCertificate(ObtainCertificate {
        context: ProviderContext::of(&flow),
        flow,
        asked,
        since: now,
    })
}

impl ObtainCertificate {
    /// What the provider is told.
    #[must_use]
    pub fn asked_for(&self) -> &ProviderContext {
        &self.context
    }

    /// Goes on with the certificate; `None` if the provider has none, which ends the flow as a failure does.
    pub fn resume(self, answer: Result<Option<CertificateChain>, Failure>, now: Now) -> Step {
        material::certificate_answered(self.flow, self.asked, answer, self.since, now)
    }
}
