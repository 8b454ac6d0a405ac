//! Tokens as a memory holds them: so that there may be a million, each takes little besides its text, and to find one, to put one in
//! and to let go of one take as long among a million as among ten.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashTable;

use super::key_parts::KeyRef;
use super::kins::{Hashes, Kin, Kins, TenantId, Wanted};
use super::partition::{Entry, Held, Issued};
use super::scopes::ScopeSet;
use super::shares::Shares;
use super::token_key::TokenKey;

#[derive(Clone, Default)]
pub(super) struct Tokens {
    kins: Kins,
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// Where the tokens of a key are. The hash only says where to look: what is found there is compared whole.
    index: HashTable<u32>,
    /// One of those that end in the same second, from which the others are reached in the order in which they came.
    by_end: BTreeMap<u64, u32>,
    /// Counted once somebody has to make room: most memories never have to, and the counters take more than a thousand tokens.
    shares: Option<Shares>,
    /// Where the search for a token of a crowd goes on.
    hand: u32,
    bytes: usize,
    hashes: Hashes,
}

/// One token.
#[derive(Clone)]
struct Slot {
    /// None where nothing is held.
    issued: Option<Arc<Issued>>,
    tenant: TenantId,
    kin: u32,
    digest: u32,
    /// Its neighbours among those that end in the same second, in a ring.
    before: u32,
    after: u32,
}

/// What the structures here take for one token besides its text, at worst: its slot with room for those to come, its place in the index,
/// and what an allocator adds to two blocks; together as much as three slots.
const PLACE: usize = 3 * size_of::<Slot>();

impl Slot {
    /// The second by which it has ended.
    fn second(&self) -> u64 {
        self.issued.as_ref().map_or(0, |issued| second(issued))
    }

    /// The only one of its second, here.
    fn stand_alone(&mut self, place: u32) {
        (self.before, self.after) = (place, place);
    }
}

fn second(issued: &Issued) -> u64 {
    let end = issued.end();
    let begun = u64::from(end.subsec_nanos() > 0);
    end.as_secs().saturating_add(begun)
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.slots.len().saturating_sub(self.free.len())
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the first of them ends, to the second.
    pub(super) fn first_end(&self) -> Option<Duration> {
        let (second, _) = self.by_end.first_key_value()?;
        Some(Duration::from_secs(*second))
    }

    /// The tokens of this key that may be for these scopes: those for the very same, and all that are for several.
    pub(super) fn of<'a>(
        &'a self,
        key: KeyRef<'a>,
        scopes: &ScopeSet,
    ) -> impl Iterator<Item = Held<'a>> + Clone {
        // One for several is among those.
        let alone = digest(key, scopes) != half(key.digest);
        let same = self.exact(key, scopes).filter(|_| alone);
        same.into_iter().chain(self.for_several(key))
    }

    /// The tokens of this key that are for several scopes.
    pub(super) fn for_several<'a>(
        &'a self,
        key: KeyRef<'a>,
    ) -> impl Iterator<Item = Held<'a>> + Clone {
        let places = self.places(key, half(key.digest));
        places.filter_map(|place| self.held(self.slot(place)?))
    }

    /// The one for these very scopes.
    pub(super) fn exact(&self, key: KeyRef<'_>, scopes: &ScopeSet) -> Option<Held<'_>> {
        self.held(self.slot(self.place(key, scopes)?)?)
    }

    /// All tokens of this key. It goes through those of all keys.
    pub(super) fn all_of<'a>(&'a self, key: KeyRef<'a>) -> impl Iterator<Item = Held<'a>> {
        let mine = move |slot: &&Slot| self.kin(slot, key).is_some();
        let slots = self.slots.iter().filter(mine);
        slots.filter_map(|slot| self.held(slot))
    }

    fn held<'a>(&'a self, slot: &'a Slot) -> Option<Held<'a>> {
        let kin = self.kins.get(slot.kin)?;
        Some(Held {
            about: &kin.about,
            region: &kin.region,
            issued: slot.issued.as_ref()?,
        })
    }

    /// All of them, with their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (TokenKey, Held<'_>)> {
        self.slots.iter().filter_map(|slot| {
            let held = self.held(slot)?;
            let kin = self.kins.get(slot.kin)?;
            let tenant = slot.tenant.in_full(&kin.key.tenant);
            Some((kin.key.in_tenant(tenant), held))
        })
    }

    /// How many bytes this one would take.
    pub(super) fn size_of(&self, key: KeyRef<'_>, entry: &Entry) -> usize {
        let kin = self.kins.size_of(Wanted::new(key.rest, entry));
        Self::size(&entry.issued).saturating_add(kin)
    }

    /// Puts one in the place of that for the very same scopes.
    pub(super) fn put(&mut self, key: KeyRef<'_>, entry: &Entry) {
        let before = self.place(key, &entry.about.scopes);
        if before
            .and_then(|place| self.renew(place, key, entry))
            .is_some()
        {
            return;
        }
        let _ = self.add(key, entry);
        if let Some(place) = before {
            self.take(place);
        }
    }

    /// Puts one where its kin has been: nothing changes but the token and its end.
    fn renew(&mut self, place: u32, key: KeyRef<'_>, entry: &Entry) -> Option<()> {
        let slot = self.slot(place)?;
        let wanted = Wanted::new(key.rest, entry);
        self.kins.get(slot.kin).filter(|kin| wanted.is(kin))?;
        let (from, to) = (slot.second(), second(&entry.issued));
        let held = self
            .slot_mut(place)?
            .issued
            .replace(Arc::clone(&entry.issued))?;
        self.unlink(place, from);
        self.slot_mut(place)?.stand_alone(place);
        self.link(place, to);
        self.bytes = self
            .bytes
            .saturating_sub(Self::size(&held))
            .saturating_add(Self::size(&entry.issued));
        Some(())
    }

    fn add(&mut self, key: KeyRef<'_>, entry: &Entry) -> Option<()> {
        let KeyRef { tenant, rest, .. } = key;
        let place = match self.free.last() {
            Some(place) => *place,
            None => u32::try_from(self.slots.len()).ok()?,
        };
        let digest = digest(key, &entry.about.scopes);
        let (kin, size) = self.kins.hold(Wanted::new(rest, entry))?;
        let slot = Slot {
            issued: Some(Arc::clone(&entry.issued)),
            tenant,
            kin,
            digest,
            before: place,
            after: place,
        };
        match self.free.pop() {
            Some(_) => *self.slot_mut(place)? = slot,
            None => {
                // An eighth more at a time: twice as many, as a vector takes by itself, would be paid for by every token.
                if self.slots.len() == self.slots.capacity() {
                    let more = self.slots.len().div_euclid(8).saturating_add(2);
                    self.slots.reserve_exact(more);
                }
                self.slots.push(slot);
            }
        }
        let (slots, hashes) = (&self.slots, &self.hashes);
        self.index
            .insert_unique(hash(hashes, digest), place, |place| {
                hash(hashes, at(slots, *place).map_or(0, |slot| slot.digest))
            });
        self.link(place, second(&entry.issued));
        if let Some(shares) = &mut self.shares {
            shares.add(tenant_number(tenant, &rest.tenant));
        }
        self.bytes = self
            .bytes
            .saturating_add(size)
            .saturating_add(Self::size(&entry.issued));
        Some(())
    }

    /// Lets go of the one that ends first.
    pub(super) fn remove_first(&mut self) {
        if let Some(place) = self.first() {
            self.take(place);
        }
    }

    /// Lets go of one to make room: of the one that ends first, unless it is of no crowd and there is one.
    pub(super) fn make_room(&mut self) {
        let of_a_crowd = self.crowd().and_then(|_| self.find_of_a_crowd());
        if let Some(place) = of_a_crowd.or_else(|| self.first()) {
            self.take(place);
        }
    }

    /// How many tokens the largest crowd has, where the one that ends first is of none.
    pub(super) fn crowd(&mut self) -> Option<usize> {
        let all = self.len();
        let largest = self.counted_shares().largest_crowd(all)?;
        let first = self.slot(self.first()?)?;
        (!self.is_of_a_crowd(first)).then_some(largest)
    }

    fn counted_shares(&mut self) -> &Shares {
        let counted = self.shares.take().unwrap_or_else(|| {
            let mut shares = Shares::default();
            let tenants = self.slots.iter().filter_map(|slot| self.tenant_of(slot));
            tenants.for_each(|tenant| shares.add(tenant));
            shares
        });
        self.shares.insert(counted)
    }

    fn first(&self) -> Option<u32> {
        self.by_end.first_key_value().map(|(_, place)| *place)
    }

    /// Goes on where the last search ended. An eighth of the tokens is of the crowd, so that over many searches eight steps each are
    /// enough.
    fn find_of_a_crowd(&mut self) -> Option<u32> {
        let end = u32::try_from(self.slots.len()).ok()?;
        let from_hand = (self.hand..end).chain(0..self.hand);
        let mut crowd = from_hand.filter(|place| {
            self.slot(*place)
                .is_some_and(|slot| self.is_of_a_crowd(slot))
        });
        let found = crowd.next()?;
        self.hand = found.saturating_add(1);
        Some(found)
    }

    fn is_of_a_crowd(&self, slot: &Slot) -> bool {
        let counted = self.shares.as_ref().zip(self.tenant_of(slot));
        counted.is_some_and(|(shares, tenant)| shares.is_crowd(tenant, self.len()))
    }

    /// The number by which its tenant is counted, if anything is held here.
    fn tenant_of(&self, slot: &Slot) -> Option<u64> {
        let kin = self.kins.get(slot.kin).filter(|_| slot.issued.is_some())?;
        Some(tenant_number(slot.tenant, &kin.key.tenant))
    }

    /// How many bytes one takes, besides what it has in common with others.
    fn size(issued: &Issued) -> usize {
        PLACE.saturating_add(issued.size())
    }

    fn take(&mut self, place: u32) {
        let Some(slot) = self.slot(place) else {
            return;
        };
        let (kin, digest, second) = (slot.kin, slot.digest, slot.second());
        let tenant = self.tenant_of(slot);
        self.unlink(place, second);
        let hash = hash(&self.hashes, digest);
        if let Ok(held) = self.index.find_entry(hash, |other| *other == place) {
            held.remove();
        }
        if let Some(issued) = self.slot_mut(place).and_then(|slot| slot.issued.take()) {
            if let Some((shares, tenant)) = self.shares.as_mut().zip(tenant) {
                shares.take(tenant);
            }
            self.free.push(place);
            let freed = self.kins.let_go(kin).saturating_add(Self::size(&issued));
            self.bytes = self.bytes.saturating_sub(freed);
        }
    }

    fn link(&mut self, place: u32, second: u64) {
        let head = *self.by_end.entry(second).or_insert(place);
        let Some(last) = self.slot(head).map(|head| head.before) else {
            return;
        };
        self.join(last, place);
        self.join(place, head);
    }

    fn unlink(&mut self, place: u32, second: u64) {
        let Some((before, after)) = self.slot(place).map(|slot| (slot.before, slot.after)) else {
            return;
        };
        if after == place {
            self.by_end.remove(&second);
            return;
        }
        self.join(before, after);
        if let Some(head) = self.by_end.get_mut(&second).filter(|head| **head == place) {
            *head = after;
        }
    }

    fn join(&mut self, before: u32, after: u32) {
        if let Some(slot) = self.slot_mut(before) {
            slot.after = after;
        }
        if let Some(slot) = self.slot_mut(after) {
            slot.before = before;
        }
    }

    fn place(&self, key: KeyRef<'_>, scopes: &ScopeSet) -> Option<u32> {
        let digest = digest(key, scopes);
        let same = |place: &u32| {
            let slot = self.slot(*place).filter(|slot| slot.digest == digest);
            let kin = slot.and_then(|slot| self.kin(slot, key));
            kin.is_some_and(|kin| kin.about.scopes == *scopes)
        };
        self.index.find(hash(&self.hashes, digest), same).copied()
    }

    fn places<'a>(&'a self, key: KeyRef<'a>, digest: u32) -> impl Iterator<Item = u32> + Clone {
        let hash = hash(&self.hashes, digest);
        self.index.iter_hash(hash).copied().filter(move |place| {
            let slot = self.slot(*place);
            // The index tells apart by a few bits of the hash alone.
            slot.is_some_and(|slot| slot.digest == digest && self.kin(slot, key).is_some())
        })
    }

    /// The kin of a token, if that is of this key.
    #[inline]
    fn kin(&self, slot: &Slot, key: KeyRef<'_>) -> Option<&Kin> {
        let kin = self
            .kins
            .get(slot.kin)
            .filter(|_| slot.tenant == key.tenant)?;
        kin.is_of(key.rest).then_some(kin)
    }

    fn slot(&self, place: u32) -> Option<&Slot> {
        at(&self.slots, place)
    }

    fn slot_mut(&mut self, place: u32) -> Option<&mut Slot> {
        self.slots.get_mut(usize::try_from(place).ok()?)
    }
}

fn at(slots: &[Slot], place: u32) -> Option<&Slot> {
    slots.get(usize::try_from(place).ok()?)
}

fn hash(hashes: &Hashes, digest: u32) -> u64 {
    hashes.hash(u64::from(digest))
}

/// The number by which a tenant is counted.
fn tenant_number(tenant: TenantId, named: &str) -> u64 {
    super::key::digest(&(tenant, named))
}

/// Where a token is looked for. A key may have tokens for very many scopes, each of them for one; those for several, which serve whoever
/// wants one of them, are few and all in one place.
fn digest(key: KeyRef<'_>, scopes: &ScopeSet) -> u32 {
    half(key.digest ^ scopes.digest())
}

/// It tells many enough apart.
fn half(digest: u64) -> u32 {
    let [a, b, c, d, ..] = digest.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
