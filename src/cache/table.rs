//! The table that tokens are held in: each where its digest leads to, so that a look-up among very many goes to memory once before it
//! goes to the token. What is found there is compared whole.

use std::sync::Arc;

use super::kins::{Hashes, TenantId};
use super::partition::Issued;

/// Tokens by their digests, with open addressing: one whose place is taken is in the next that is free, and when one goes, those behind it
/// move up. So nothing that has gone takes room, and what comes and goes takes no more of it.
#[derive(Clone, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    held: usize,
    hashes: Hashes,
}

/// The place of one token. Two of them are a cache line.
#[derive(Clone)]
#[repr(align(32))]
pub(super) struct Slot {
    /// None where nothing is held.
    pub(super) issued: Option<Arc<Issued>>,
    pub(super) tenant: TenantId,
    pub(super) digest: u32,
    pub(super) kin: u32,
}

/// Where the tokens of each place of a table have gone when it grew.
pub(super) struct Moved(Vec<Option<u32>>);

impl Slot {
    const FREE: Self = Self {
        issued: None,
        tenant: TenantId::NONE,
        digest: 0,
        kin: 0,
    };
}

impl Table {
    /// How many tokens are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// How many places there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The slots with tokens in this tenant of this digest, and their places.
    #[inline]
    pub(super) fn find(
        &self,
        tenant: TenantId,
        digest: u32,
    ) -> impl Iterator<Item = (u32, &Slot)> + Clone {
        self.tried(self.home(digest))
            .filter(move |(_, slot)| slot.digest == digest && slot.tenant == tenant)
    }

    /// The tokens in the order of their places.
    pub(super) fn all(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().filter(|slot| slot.issued.is_some())
    }

    pub(super) fn get(&self, place: u32) -> Option<&Slot> {
        at(&self.slots, place)
    }

    pub(super) fn get_mut(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(place).ok()?)
    }

    /// Grows if there is no room for one more, and says where everything has gone.
    pub(super) fn reserve(&mut self) -> Option<Moved> {
        // With a fifth of the slots free, a look-up tries three on average before it finds what it looks for.
        let most = self.slots.len().div_euclid(5).saturating_mul(4);
        if self.held < most {
            return None;
        }
        // Room for an eighth more than are held: for twice as many, as tables usually take, every token would pay.
        let wanted = self.held.saturating_add(1);
        let room = wanted.saturating_add(wanted.div_euclid(8));
        let slots = room.div_euclid(4).saturating_add(1).saturating_mul(5);
        let before = std::mem::replace(&mut self.slots, vec![Slot::FREE; slots]);
        self.held = 0;
        let moved = before.into_iter().map(|slot| {
            slot.issued.is_some().then_some(())?;
            self.add(slot)
        });
        Some(Moved(moved.collect()))
    }

    /// Puts one more in, for which there [is room](Self::reserve), and says where.
    pub(super) fn add(&mut self, slot: Slot) -> Option<u32> {
        let place = self.free(self.home(slot.digest));
        *self.get_mut(place)? = slot;
        self.held = self.held.saturating_add(1);
        Some(place)
    }

    /// Takes out what is held there. Says of each token that moves up from where to where it does.
    pub(super) fn take(
        &mut self,
        place: u32,
        mut moved: impl FnMut(&Issued, u32, u32),
    ) -> Option<Arc<Issued>> {
        let issued = self.get_mut(place)?.issued.take()?;
        self.held = self.held.saturating_sub(1);
        let (mut gap, mut next) = (place, self.after(place));
        while let Some(slot) = self.get(next).filter(|slot| slot.issued.is_some()) {
            // Nobody looks for it before the place where it belongs.
            let home = self.home(slot.digest);
            if self.steps(home, gap) < self.steps(home, next) {
                let slot = std::mem::replace(self.get_mut(next)?, Slot::FREE);
                if let Some(issued) = &slot.issued {
                    moved(issued, next, gap);
                }
                *self.get_mut(gap)? = slot;
                gap = next;
            }
            next = self.after(next);
        }
        Some(issued)
    }

    /// The slots from a place on, until one is free, which there always is.
    #[inline]
    fn tried(&self, place: u32) -> Tried<'_> {
        Tried {
            slots: &self.slots,
            place,
        }
    }

    /// The first place from this one on that is free.
    fn free(&self, place: u32) -> u32 {
        let mut tried = self.tried(place);
        tried.by_ref().for_each(drop);
        tried.place
    }

    fn after(&self, place: u32) -> u32 {
        after(&self.slots, place)
    }

    /// How many steps lead from one place to another.
    fn steps(&self, from: u32, to: u32) -> u32 {
        let steps = to.checked_sub(from);
        steps.unwrap_or_else(|| to.wrapping_sub(from).wrapping_add(self.end()))
    }

    /// Where a token of this digest belongs: the upper bits of the hash as a part of the places, whose number need not be a power of two.
    #[inline]
    fn home(&self, digest: u32) -> u32 {
        let hash = self.hashes.hash(u64::from(digest)) >> 32;
        let place = hash.wrapping_mul(u64::from(self.end())) >> 32;
        u32::try_from(place).unwrap_or(0)
    }

    #[inline]
    fn end(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }
}

/// What a look-up goes through.
#[derive(Clone)]
struct Tried<'a> {
    slots: &'a [Slot],
    place: u32,
}

impl<'a> Iterator for Tried<'a> {
    type Item = (u32, &'a Slot);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let place = self.place;
        let slot = at(self.slots, place).filter(|slot| slot.issued.is_some())?;
        self.place = after(self.slots, place);
        Some((place, slot))
    }
}

#[inline]
fn at(slots: &[Slot], place: u32) -> Option<&Slot> {
    slots.get(usize::try_from(place).ok()?)
}

/// After the last comes the first.
#[inline]
fn after(slots: &[Slot], place: u32) -> u32 {
    let next = place.wrapping_add(1);
    at(slots, next).map_or(0, |_| next)
}

impl Moved {
    /// Where what was in this place is now.
    pub(super) fn to(&self, place: u32) -> Option<u32> {
        *self.0.get(usize::try_from(place).ok()?)?
    }

    /// From where to where, for each that is held.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> {
        let places = (0..).zip(self.0.iter());
        places.filter_map(|(from, to)| Some((from, (*to)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::cache::partition::Beside;
    use crate::cache::samples;
    use crate::time::Now;

    use super::*;

    fn slot(digest: u32, kin: u32) -> Slot {
        let start = Now::new(std::time::Duration::ZERO, std::time::Duration::ZERO);
        let entry = samples::entry("a", start, None, Beside::default());
        Slot {
            issued: Some(entry.issued),
            digest,
            kin,
            ..Slot::FREE
        }
    }

    fn add(table: &mut Table, digest: u32, kin: u32) -> Option<Moved> {
        let moved = table.reserve();
        let place = table.add(slot(digest, kin)).expect("room for one more");
        assert_eq!(table.get(place).map(|slot| slot.kin), Some(kin));
        moved
    }

    /// By its kin, which is another for each here.
    fn places(table: &Table, digest: u32) -> Vec<(u32, u32)> {
        let found = table.find(TenantId::NONE, digest);
        let mut places: Vec<_> = found.map(|(place, slot)| (slot.kin, place)).collect();
        places.sort_unstable();
        places
    }

    /// They go on at the first place after the last wherever the digests lead to, and move up when those before them go.
    #[test]
    fn run09_whatever_meets_in_one_place_is_found() {
        for first in 0..50 {
            let digests = [first, first + 1_000];
            let mut table = Table::default();
            for kin in 0..20 {
                add(&mut table, digests[kin as usize % 2], kin);
            }
            assert!(table.find(TenantId::NONE, first + 1).next().is_none());
            assert!(
                table
                    .find(TenantId::of("11111111-1111-1111-1111-111111111111"), first)
                    .next()
                    .is_none()
            );
            let mut left: BTreeSet<u32> = (0..20).collect();
            for kin in [3, 0, 19, 4, 8, 15, 16, 1, 2, 5] {
                let held = |table: &Table| digests.map(|digest| places(table, digest)).concat();
                let before = held(&table);
                let (_, place) = *before
                    .iter()
                    .find(|(of, _)| *of == kin)
                    .expect("it is held");
                let mut moved = Vec::new();
                let taken = table.take(place, |_, from, to| moved.push((from, to)));
                assert!(taken.is_some() && left.remove(&kin));
                let mut expected: Vec<_> =
                    before.into_iter().filter(|(of, _)| *of != kin).collect();
                for (from, to) in moved {
                    expected
                        .iter_mut()
                        .filter(|(_, of)| *of == from)
                        .for_each(|(_, of)| *of = to);
                }
                expected.sort_unstable();
                let mut now = held(&table);
                now.sort_unstable();
                assert_eq!(now, expected);
                assert_eq!(
                    (table.held(), table.all().count()),
                    (left.len(), left.len())
                );
            }
        }
    }

    /// What the heap is left with by tables that are made again and again, where tokens come and go, is far more than the tokens are.
    #[test]
    fn run09_a_table_whose_tokens_come_and_go_stays_as_it_was() {
        let mut table = Table::default();
        for digest in 0..100 {
            add(&mut table, digest * 7_919, digest);
        }
        let len = table.len();
        for digest in 100..2_000 {
            let (_, place) = places(&table, (digest - 100) * 7_919)[0];
            assert!(table.take(place, |_, _, _| {}).is_some());
            assert!(add(&mut table, digest * 7_919, digest).is_none());
        }
        assert_eq!((table.held(), table.len()), (100, len));
        assert!(table.take(len as u32, |_, _, _| {}).is_none());
    }

    #[test]
    fn run09_a_table_says_where_everything_has_gone_when_it_grows() {
        let mut table = Table::default();
        let mut grown = 0;
        for kin in 0..200 {
            let before = table.clone();
            let Some(moved) = add(&mut table, kin, kin) else {
                continue;
            };
            grown += 1;
            assert_eq!(moved.iter().count(), before.held());
            for (from, to) in moved.iter() {
                let of = |table: &Table, place| table.get(place).map(|slot| slot.kin);
                assert!(of(&table, to).is_some() && of(&before, from) == of(&table, to));
                assert_eq!(moved.to(from), Some(to));
            }
            assert_eq!(moved.to(before.len() as u32), None);
        }
        assert!(grown > 5);
    }

    /// In whichever bits digests differ; a good hash would leave 63 % of the places in use.
    #[test]
    fn run09_digests_spread_over_a_table_of_any_size() {
        const COUNT: u32 = 3_000;
        let table = Table {
            slots: vec![Slot::FREE; 3_000],
            ..Table::default()
        };
        for shift in [0, 4, 8, 12, 16, 20] {
            let homes: BTreeSet<u32> = (0..COUNT)
                .map(|digest| table.home(digest << shift))
                .collect();
            assert!(homes.len() > 1_300, "{shift} bits: {}", homes.len());
            assert!(homes.last().is_some_and(|last| *last < COUNT));
        }
    }
}
