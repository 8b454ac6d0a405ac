//! Sets of scopes, which compare without regard to order, case and repetition, and of which one may hold all of another.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::key::digest;

/// Scopes as a set: sorted, without case (ASCII), without repetition, with a blank between two, which no scope has in it (RFC 6749 §3.3).
/// Clones share it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct ScopeSet {
    text: Arc<str>,
    /// Made of the one scope there is, and nought where there are several: it follows from the scopes, and a look-up does not go over
    /// them again.
    digest: u64,
}

impl ScopeSet {
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set: Vec<String> = scopes.into_iter().map(str::to_ascii_lowercase).collect();
        set.sort_unstable();
        set.dedup();
        match set.as_slice() {
            [only] => Self {
                text: only.as_str().into(),
                digest: digest(only),
            },
            several => Self {
                text: several.join(" ").into(),
                digest: 0,
            },
        }
    }

    /// A number that equal sets have in common, and that sets of several scopes all have in common.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// All of them, with a blank between two.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.text.split(' ').filter(|scope| !scope.is_empty())
    }

    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        // Both are sorted, so none is passed over that comes later.
        let mut mine = self.iter();
        self == other || other.iter().all(|scope| mine.any(|held| held == scope))
    }

    /// How many bytes it takes, with the counters of whoever shares it.
    pub(crate) fn size(&self) -> usize {
        size_of::<[usize; 2]>().saturating_add(self.text.len())
    }
}

impl Hash for ScopeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.digest {
            0 => self.text.hash(state),
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

    #[test]
    fn a_set_has_all_of_another_in_whatever_order_they_were_named() {
        let has = |set: &[&str], other: &[&str]| {
            ScopeSet::of(set.iter().copied()).has_all_of(&ScopeSet::of(other.iter().copied()))
        };
        assert!(has(&["c", "A", "b"], &["B", "c"]) && has(&["a"], &["a"]));
        assert!(has(&["a", "b"], &["b"]) && has(&["a", "b"], &["a", "b", "a"]));
        assert!(!has(&["a", "c"], &["b"]) && !has(&["a"], &["a", "b"]));
        assert!(!has(&["ab"], &["a"]) && !has(&[], &["a"]));
        // Nothing is always there.
        assert!(has(&["a"], &[]) && has(&[], &[]));
    }
}
