//! What the checks remember of one flow.

use std::collections::BTreeSet;
use std::time::Duration;

use entra_proto::*;

/// What a provider has answered.
pub(super) struct Answered {
    pub(super) at: Duration,
    pub(super) certificate: Option<Thumbprint>,
    pub(super) assertion: Option<String>,
    /// Whether a token request has gone out with it.
    pub(super) sent: bool,
}

/// What the checks remember of one flow.
pub(super) struct Trail {
    pub(super) sent: usize,
    /// Where the last request went.
    pub(super) host: String,
    pub(super) answered: Option<Answered>,
    pub(super) assertions: BTreeSet<String>,
    pub(super) last_certificate: Option<Thumbprint>,
    /// Whose the service said that the token is.
    pub(super) named: Option<&'static str>,
    pub(super) saved: bool,
    pub(super) renewal: bool,
    pub(super) began: Duration,
    pub(super) http: Duration,
    pub(super) credential: Duration,
}

impl Trail {
    pub(super) fn beginning(now: Now, renewal: bool) -> Self {
        Self {
            sent: 0,
            host: String::new(),
            answered: None,
            assertions: BTreeSet::new(),
            last_certificate: None,
            named: None,
            saved: false,
            renewal,
            began: now.monotonic(),
            http: Duration::ZERO,
            credential: Duration::ZERO,
        }
    }
}
