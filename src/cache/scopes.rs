//! Sets of scopes, which compare without regard to order, case and repetition, and of which one may hold all of another.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::key::digest;

/// Scopes as a set: sorted, without case (ASCII), without repetition, with a blank between two, which no scope has in it (RFC 6749 §3.3).
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct ScopeSet {
    text: Text,
    /// Made of the one scope there is, and nought where there are several: it follows from the scopes, and a look-up does not go over
    /// them again.
    digest: u64,
}

/// A text that most often is where it is looked at: a look-up among very many would wait for memory once more otherwise, and longer for
/// that than for all it does itself.
#[derive(Clone, Eq, PartialEq)]
enum Text {
    /// With noughts behind it.
    Short { length: u8, bytes: [u8; SHORT] },
    /// Shared by clones.
    Long(Arc<str>),
}

/// So many that a set takes 64 bytes. Of most services the scope takes less than 40.
const SHORT: usize = 54;

impl Text {
    fn of(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(place)) => {
                place.copy_from_slice(text.as_bytes());
                Self::Short { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            Self::Short { length, bytes } => {
                let text = bytes.get(..usize::from(*length)).unwrap_or_default();
                // It was a text when it was put there.
                std::str::from_utf8(text).unwrap_or_default()
            }
            Self::Long(text) => text,
        }
    }
}

impl ScopeSet {
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set: Vec<String> = scopes.into_iter().map(str::to_ascii_lowercase).collect();
        set.sort_unstable();
        set.dedup();
        match set.as_slice() {
            [only] => Self {
                text: Text::of(only),
                digest: digest(only),
            },
            several => Self {
                text: Text::of(&several.join(" ")),
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
        self.text.as_str()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.text().split(' ').filter(|scope| !scope.is_empty())
    }

    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        // Both are sorted, so none is passed over that comes later.
        let mut mine = self.iter();
        self == other || other.iter().all(|scope| mine.any(|held| held == scope))
    }

    /// How many bytes it takes besides its own place.
    pub(crate) fn size(&self) -> usize {
        match &self.text {
            Text::Short { .. } => 0,
            // With the counters of whoever shares it.
            Text::Long(text) => size_of::<[usize; 2]>().saturating_add(text.len()),
        }
    }
}

impl Hash for ScopeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.digest {
            0 => self.text().hash(state),
            digest => state.write_u64(digest),
        }
    }
}

impl Ord for ScopeSet {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text().cmp(other.text())
    }
}

impl PartialOrd for ScopeSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
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

    /// Whether a text is held in place or not makes no other difference.
    #[test]
    fn i15_sets_are_told_apart_by_all_of_their_text_however_long_it_is() {
        assert_eq!(size_of::<ScopeSet>(), 64);
        let text = |length: usize, last: &str| format!("{}{last}", "a".repeat(length - 1));
        for length in [1, 2, 53, 54, 55, 56, 255, 256, 257, 300] {
            let (one, other) = (text(length, "b"), text(length, "c"));
            let [set, same, next, more] = [&one, &one, &other, &format!("{one}b")]
                .map(|scope| ScopeSet::of([scope.as_str()]));
            assert_eq!(
                (set.text(), format!("{set:?}")),
                (&*one, format!("{one:?}"))
            );
            assert!(set == same && set != next && set != more, "{length}");
            assert!(set < next && set < more && next > more, "{length}");
            assert_eq!(set.size(), if length > 54 { 16 + length } else { 0 });
        }
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
