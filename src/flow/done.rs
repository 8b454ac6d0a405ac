//! The end: the token or the error, and maybe a renewal worth doing.

use crate::cache::Held;
use crate::error::Error;
use crate::metadata::{CacheOutcome, Facts, Metadata};
use crate::plan::Plan;
use crate::time::Now;
use crate::token::AccessToken;

use super::{Flow, Step};

/// How it ended.
///
/// The loop of the [crate's documentation](crate) ends with it.
#[derive(Debug)]
#[must_use]
pub struct Done {
    result: Result<AccessToken, Error>,
    renewal: Option<Plan>,
}

pub(super) fn failed(flow: &Flow, error: Error, now: Now) -> Step {
    Step::Done(Done {
        result: Err(error.in_flow(flow.metadata(now))),
        renewal: None,
    })
}

pub(super) fn granted(token: AccessToken) -> Step {
    Step::Done(Done {
        result: Ok(token),
        renewal: None,
    })
}

/// A hit. A PoP token goes out with the certificate that it was stored with, not with one that was offered (rule 10).
pub(super) fn remembered(flow: &Flow, held: Held<'_>, now: Now) -> Step {
    let facts = Facts {
        correlation_id: flow.decided().correlation_id,
        cache: CacheOutcome::Hit,
        ..flow.facts(now)
    };
    let token = AccessToken::remembered(held, Metadata::new(*held.region, facts), now);
    // A renewal may have waited for another's token that was due when it came. Were it to end with a renewal too, there would be no
    // end to them for as long as no time passes.
    let renews = token.renewal_due && !flow.plan.is_renewal();
    Step::Done(Done {
        renewal: renews.then(|| flow.plan.renewing()),
        result: Ok(token),
    })
}

impl Done {
    /// The token, or why there is none.
    ///
    /// # Errors
    /// Every code of [`Error`]'s table but those of building a client.
    pub fn into_result(self) -> Result<AccessToken, Error> {
        self.result
    }

    /// The result, by reference: what whoever waited for this flow is told.
    pub fn result(&self) -> &Result<AccessToken, Error> {
        &self.result
    }

    /// A second flow worth running in the background: the token serves but is getting old. Whoever starts it joins the one
    /// renewal that goes on; a renewal that fails hides nothing. None offers another. Everybody who gets the token meanwhile is
    /// offered it: [`Renewals`](crate::Renewals) says who is to start it.
    pub fn take_renewal(&mut self) -> Option<Plan> {
        self.renewal.take()
    }
}
