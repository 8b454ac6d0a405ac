//! When tokens end: which of those in a table ends first is known without a look at the others.

use std::collections::BTreeMap;

use super::table::Moved;

/// The places of tokens by the seconds in which they end.
#[derive(Clone, Default)]
pub(super) struct Ends {
    /// One of those that end in the same second, from which the others are reached in the order in which they came.
    firsts: BTreeMap<u64, u32>,
    /// For each place.
    rings: Vec<Ring>,
}

/// The neighbours of a token among those that end in the same second, in a ring.
#[derive(Clone, Copy, Default)]
struct Ring {
    before: u32,
    after: u32,
}

impl Ends {
    /// The first second in which one ends, and the place of the one that came first of those.
    pub(super) fn first(&self) -> Option<(u64, u32)> {
        let (second, place) = self.firsts.first_key_value()?;
        Some((*second, *place))
    }

    /// The token in this place ends in that second.
    pub(super) fn link(&mut self, place: u32, second: u64) {
        let first = *self.firsts.entry(second).or_insert(place);
        if first == place {
            self.set(place, place, place);
        } else if let Some(last) = self.ring(first).map(|ring| ring.before) {
            self.set(place, last, first);
            self.join(last, place);
            self.join(place, first);
        }
    }

    /// It was to end in that second, and is no longer there.
    pub(super) fn unlink(&mut self, place: u32, second: u64) {
        let Some(Ring { before, after }) = self.ring(place) else {
            return;
        };
        if after == place {
            self.firsts.remove(&second);
            return;
        }
        self.join(before, after);
        if let Some(first) = self
            .firsts
            .get_mut(&second)
            .filter(|first| **first == place)
        {
            *first = after;
        }
    }

    /// One that ends in that second has another place.
    pub(super) fn follow(&mut self, second: u64, from: u32, to: u32) {
        let Some(Ring { before, after }) = self.ring(from) else {
            return;
        };
        if after == from {
            self.set(to, to, to);
        } else {
            self.join(before, to);
            self.join(to, after);
        }
        if let Some(first) = self.firsts.get_mut(&second).filter(|first| **first == from) {
            *first = to;
        }
    }

    /// All have other places, of which there are so many.
    pub(super) fn follow_all(&mut self, moved: &Moved, places: usize) {
        let before = std::mem::replace(&mut self.rings, vec![Ring::default(); places]);
        for (from, to) in moved.iter() {
            let ring = at(&before, from);
            let ends = ring.and_then(|ring| moved.to(ring.before).zip(moved.to(ring.after)));
            if let Some((before, after)) = ends {
                self.set(to, before, after);
            }
        }
        for first in self.firsts.values_mut() {
            *first = moved.to(*first).unwrap_or(*first);
        }
    }

    fn ring(&self, place: u32) -> Option<Ring> {
        at(&self.rings, place)
    }

    fn ring_mut(&mut self, place: u32) -> Option<&mut Ring> {
        self.rings.get_mut(usize::try_from(place).ok()?)
    }

    fn set(&mut self, place: u32, before: u32, after: u32) {
        if let Some(ring) = self.ring_mut(place) {
            *ring = Ring { before, after };
        }
    }

    fn join(&mut self, before: u32, after: u32) {
        if let Some(ring) = self.ring_mut(before) {
            ring.after = after;
        }
        if let Some(ring) = self.ring_mut(after) {
            ring.before = before;
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.firsts.is_empty()
    }
}

fn at(rings: &[Ring], place: u32) -> Option<Ring> {
    rings.get(usize::try_from(place).ok()?).copied()
}
