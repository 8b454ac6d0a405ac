//! What is timed, and what instructions and allocations are counted of: each by a name, so that the report, the counting binary and
//! valgrind measure the same.

mod azure;
mod codec;
mod floors;
mod hits;
mod misses;

pub use azure::{Azure, InstantTransport};
pub use codec::Read;
pub use hits::{Asked, Cached, Held, entra};

use crate::sampler::Subject;

/// A subject with its name.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// What it is called.
    pub name: &'static str,
    /// Makes it, with so many entries in its cache.
    pub make: fn(usize) -> Box<dyn Subject>,
}

/// All of them.
pub const KINDS: &[Kind] = &[
    // `HeldSource::token`: the token is held beside the memory.
    kind("held", |_| Box::new(Held::new())),
    // As many sources, each with a token of its own.
    kind("held-each", |entries| {
        Box::new(hits::HeldEach::new(entries))
    }),
    // `HeldSource::remembered`: a look-up through a prepared key.
    kind("cached", |entries| Box::new(Cached::new(entries))),
    // The same where the entries are of one tenant, each with a scope of its own.
    kind("cached-scopes", |entries| {
        Box::new(hits::CachedScopes::new(entries))
    }),
    // `EntraClient::token`: the key is worked out anew.
    kind("asked", |entries| Box::new(Asked::new(entries))),
    // A whole acquisition whose transport answers at once.
    kind("miss", |entries| Box::new(misses::Miss::new(entries))),
    // The same through a prepared plan.
    kind("miss-prepared", |entries| {
        Box::new(misses::Miss::prepared(entries))
    }),
    // Reading an answer.
    kind("read", |_| Box::new(codec::Read::default())),
    kind("serde", |_| Box::new(codec::Serde::default())),
    // Writing a form.
    kind("form", |_| Box::new(codec::Form::default())),
    kind("form-urlencoded", |_| Box::new(codec::Stock::default())),
    // What no look-up can do without.
    kind("load", |entries| Box::new(floors::Load::new(entries))),
    // The peer.
    kind("azure-cached", |entries| Box::new(Azure::cached(entries))),
    kind("azure-miss", |entries| Box::new(Azure::missing(entries))),
];

const fn kind(name: &'static str, make: fn(usize) -> Box<dyn Subject>) -> Kind {
    Kind { name, make }
}

/// The kind of this name.
#[must_use]
pub fn named(name: &str) -> Option<Kind> {
    KINDS.iter().copied().find(|kind| kind.name == name)
}

/// The subject of this name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn make(name: &str, entries: usize) -> Box<dyn Subject> {
    let kind = named(name).unwrap_or_else(|| panic!("no subject is called {name}"));
    (kind.make)(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each checks what it gets; so that none can rot.
    #[test]
    fn every_subject_runs_with_one_entry_and_with_a_few() {
        for kind in KINDS {
            for entries in [1, 7] {
                let mut subject = (kind.make)(entries);
                subject.prepare(20);
                subject.run(20);
            }
        }
    }
}
