//! Ask the application's provider for an assertion and, maybe, its certificate: at most once for each attempt (rule 3).

use crate::error::Failure;
use crate::time::Now;

use super::material::{self, Asked, ClientAssertion, ProviderContext};
use super::{Flow, Step};

/// Ask the provider for an assertion.
///
/// Answered in the loop of the [crate's documentation](crate); what the provider is told has an example at [`ProviderContext`].
#[derive(Debug)]
#[must_use]
pub struct ObtainAssertion {
    flow: Box<Flow>,
    context: ProviderContext,
    asked: Asked,
    since: Now,
}

pub(super) fn enter(flow: Box<Flow>, asked: Asked, now: Now) -> Step {
    Step::ObtainAssertion(ObtainAssertion {
        context: ProviderContext::of(&flow),
        flow,
        asked,
        since: now,
    })
}

impl ObtainAssertion {
    /// What the provider is told.
    #[must_use]
    pub fn asked_for(&self) -> &ProviderContext {
        &self.context
    }

    /// Goes on: a certificate in the answer moves the request to mutual TLS; a failure ends the flow and is named as the
    /// provider's.
    pub fn resume(self, answer: Result<ClientAssertion, Failure>, now: Now) -> Step {
        material::assertion_answered(self.flow, self.asked, answer, self.since, now)
    }
}
