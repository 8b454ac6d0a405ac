//! Once the host is known: does the service want to be left alone by this client, for this tenant, on this host (rule 12)?

use std::sync::Arc;

use crate::cache::Note;
use crate::time::Now;

use super::material::{self, Prepared};
use super::{Flow, Step, done, load_cache, sign_assertion};

/// What a provider answered is not used if it had to wait too long to get here (rule 3).
pub(super) fn enter(flow: Box<Flow>, prepared: Prepared, now: Now) -> Step {
    if !prepared.held.is_fresh(now) {
        return material::enter(flow, None, now);
    }
    load_cache::throttle(flow, prepared)
}

/// Whoever asks in that time gets the remembered error at once, with the time that is left to wait.
pub(super) fn looked(
    flow: Box<Flow>,
    prepared: Prepared,
    note: Option<&Arc<Note>>,
    now: Now,
) -> Step {
    match note.map(Arc::as_ref) {
        Some(Note::Throttled(error, span)) if !span.left(now).is_zero() => {
            done::failed(&flow, error.clone().retry_after(Some(span.left(now))), now)
        }
        Some(_) | None => sign_assertion::enter(flow, prepared, now),
    }
}
