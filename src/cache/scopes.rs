//! Sets of scopes, which compare without regard to order, case and repetition, and of which one may hold all of another.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::key::digest;

/// Scopes as a set: sorted, without case (ASCII), without repetition. Clones share it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ScopeSet {
    scopes: Arc<[Box<str>]>,
    /// Made of the one scope there is, and nought where there are several: it follows from the scopes, and a look-up does not go over
    /// them again.
    digest: u64,
}

impl ScopeSet {
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set: Vec<Box<str>> = scopes
            .into_iter()
            .map(|scope| scope.to_ascii_lowercase().into())
            .collect();
        set.sort_unstable();
        set.dedup();
        let digest = match set.as_slice() {
            [only] => digest(only),
            _ => 0,
        };
        Self {
            scopes: set.into(),
            digest,
        }
    }

    /// A number that equal sets have in common, and that sets of several scopes all have in common.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.scopes.iter().map(|scope| &**scope)
    }

    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        other
            .scopes
            .iter()
            .all(|scope| self.scopes.binary_search(scope).is_ok())
    }

    pub(crate) fn size(&self) -> usize {
        self.scopes
            .iter()
            .map(|scope| scope.len().saturating_add(size_of::<Box<str>>()))
            .sum()
    }
}

impl Hash for ScopeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.digest {
            0 => self.scopes.hash(state),
            digest => state.write_u64(digest),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Flights are kept in tables by them: were all hashes one, each look-up would go through all flights.
    #[test]
    fn sets_of_several_scopes_have_hashes_of_their_own() {
        let hash = |scopes: [&str; 2]| digest(&ScopeSet::of(scopes));
        assert_eq!(hash(["a", "B"]), hash(["b", "A"]));
        assert_ne!(hash(["a", "b"]), hash(["a", "c"]));
        let of_one = |scope| digest(&ScopeSet::of([scope]));
        assert_eq!(of_one("a"), of_one("A"));
        assert_ne!(of_one("a"), of_one("b"));
    }
}
