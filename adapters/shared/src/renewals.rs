//! Renewals in the background: the core says which of those that are offered go on.

use std::fmt;

use entra_proto::{AccessToken, Error, Now, Plan};

use crate::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The renewals of one client.
pub(crate) struct Renewals(Arc<Mutex<entra_proto::Renewals>>);

/// A renewal that goes on. One that is dropped before its [`end`](Self::end) has failed, so that one which panics or is torn away does not
/// go on for ever.
///
/// [`State::renewal`](crate::State::renewal) gives it out.
#[must_use = "it fails when it is dropped"]
pub struct Renewal {
    renewals: Arc<Mutex<entra_proto::Renewals>>,
    plan: Plan,
    is_over: bool,
}

impl Default for Renewals {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(entra_proto::Renewals::default())))
    }
}

impl Renewals {
    /// Begins what a flow offered, if the core says so.
    pub(crate) fn begin(&self, plan: Plan, now: Now) -> Option<Renewal> {
        let begins = lock(&self.0).begin(&plan, now);
        begins.then(|| Renewal {
            renewals: Arc::clone(&self.0),
            plan,
            is_over: false,
        })
    }
}

impl Renewal {
    /// What to run.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// It is over, and this came of it.
    pub fn end(mut self, result: &Result<AccessToken, Error>) {
        self.ended(result);
    }

    fn ended(&mut self, result: &Result<AccessToken, Error>) {
        self.is_over = true;
        lock(&self.renewals).end(&self.plan, result);
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if !self.is_over {
            self.ended(&Err(Error::cancelled()));
        }
    }
}

fn lock(renewals: &Mutex<entra_proto::Renewals>) -> MutexGuard<'_, entra_proto::Renewals> {
    renewals.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Renewals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        lock(&self.0).fmt(f)
    }
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Renewal").field(&self.plan).finish()
    }
}
