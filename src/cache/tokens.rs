//! Tokens as a memory holds them: so that there may be a million, each takes little besides its text, and to find one, to put one in
//! and to let go of one take as long among a million as among ten.

use std::sync::Arc;
use std::time::Duration;

use super::ends::Ends;
use super::key_parts::KeyRef;
use super::kins::{Kin, Kins, TenantId, Wanted};
use super::partition::{Entry, Held, Issued};
use super::scopes::ScopeSet;
use super::shares::Shares;
use super::table::{Slot, Table};
use super::token_key::TokenKey;

#[derive(Clone, Default)]
pub(super) struct Tokens {
    kins: Kins,
    table: Table,
    ends: Ends,
    /// Counted once somebody has to make room: most memories never have to, and the counters take more than a thousand tokens.
    shares: Option<Shares>,
    /// Where the search for a token of a crowd goes on.
    hand: u32,
    bytes: usize,
}

/// What the structures here take for one token besides its text, at worst: its slot and its neighbours with room for those to come, and
/// what an allocator adds to two blocks; together as much as four slots.
const PLACE: usize = 4 * size_of::<Slot>();

fn second(issued: &Issued) -> u64 {
    let end = issued.end();
    let begun = u64::from(end.subsec_nanos() > 0);
    end.as_secs().saturating_add(begun)
}

impl Tokens {
    pub(super) fn len(&self) -> usize {
        self.table.held()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// When the first of them ends, to the second.
    pub(super) fn first_end(&self) -> Option<Duration> {
        let (second, _) = self.ends.first()?;
        Some(Duration::from_secs(second))
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
        let slots = self.table.find(key.tenant, half(key.digest));
        slots.filter_map(move |(_, slot)| held(slot, self.kin(slot, key.rest)?))
    }

    /// The one for these very scopes.
    pub(super) fn exact(&self, key: KeyRef<'_>, scopes: &ScopeSet) -> Option<Held<'_>> {
        let (_, slot, kin) = self.find(key, scopes)?;
        held(slot, kin)
    }

    /// All tokens of this key. It goes through those of all keys.
    pub(super) fn all_of<'a>(&'a self, key: KeyRef<'a>) -> impl Iterator<Item = Held<'a>> {
        let slots = self
            .table
            .all()
            .filter(move |slot| slot.tenant == key.tenant);
        slots.filter_map(move |slot| held(slot, self.kin(slot, key.rest)?))
    }

    /// All of them, with their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = (TokenKey, Held<'_>)> {
        self.table.all().filter_map(|slot| {
            let kin = self.kins.get(slot.kin)?;
            let tenant = slot.tenant.in_full(&kin.key.tenant);
            Some((kin.key.in_tenant(tenant), held(slot, kin)?))
        })
    }

    /// How many bytes this one would take.
    pub(super) fn size_of(&self, key: KeyRef<'_>, entry: &Entry) -> usize {
        let kin = self.kins.size_of(Wanted::new(key.rest, entry));
        Self::size(&entry.issued).saturating_add(kin)
    }

    /// Puts one in the place of that for the very same scopes.
    pub(super) fn put(&mut self, key: KeyRef<'_>, entry: &Entry) {
        if let Some(place) = self.place(key, &entry.about.scopes) {
            if self.renew(place, key, entry).is_some() {
                return;
            }
            self.take(place);
        }
        let _ = self.add(key, entry);
    }

    /// Puts one where its kin has been: nothing changes but the token and its end.
    fn renew(&mut self, place: u32, key: KeyRef<'_>, entry: &Entry) -> Option<()> {
        let slot = self.table.get_mut(place)?;
        let wanted = Wanted::new(key.rest, entry);
        self.kins.get(slot.kin).filter(|kin| wanted.is(kin))?;
        let before = slot.issued.replace(Arc::clone(&entry.issued))?;
        self.ends.unlink(place, second(&before));
        self.ends.link(place, second(&entry.issued));
        self.bytes = self
            .bytes
            .saturating_sub(Self::size(&before))
            .saturating_add(Self::size(&entry.issued));
        Some(())
    }

    fn add(&mut self, key: KeyRef<'_>, entry: &Entry) -> Option<()> {
        let KeyRef { tenant, rest, .. } = key;
        if let Some(moved) = self.table.reserve() {
            self.ends.follow_all(&moved, self.table.len());
        }
        let (kin, size) = self.kins.hold(Wanted::new(rest, entry))?;
        let place = self.table.add(Slot {
            issued: Some(Arc::clone(&entry.issued)),
            tenant,
            digest: digest(key, &entry.about.scopes),
            kin,
        })?;
        self.ends.link(place, second(&entry.issued));
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
        let first = self.table.get(self.first()?)?;
        (!self.is_of_a_crowd(first)).then_some(largest)
    }

    fn counted_shares(&mut self) -> &Shares {
        let counted = self.shares.take().unwrap_or_else(|| {
            let mut shares = Shares::default();
            let tenants = self.table.all().filter_map(|slot| self.tenant_of(slot));
            tenants.for_each(|tenant| shares.add(tenant));
            shares
        });
        self.shares.insert(counted)
    }

    fn first(&self) -> Option<u32> {
        self.ends.first().map(|(_, place)| place)
    }

    /// Goes on where the last search ended. An eighth of the tokens is of the crowd, so that over many searches some twelve steps each are
    /// enough.
    fn find_of_a_crowd(&mut self) -> Option<u32> {
        let end = u32::try_from(self.table.len()).ok()?;
        let from_hand = (self.hand..end).chain(0..self.hand);
        let mut crowd = from_hand.filter(|place| {
            let slot = self.table.get(*place);
            slot.is_some_and(|slot| self.is_of_a_crowd(slot))
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
        let Some(slot) = self.table.get(place) else {
            return;
        };
        let (kin, tenant) = (slot.kin, self.tenant_of(slot));
        if let Some(issued) = &slot.issued {
            self.ends.unlink(place, second(issued));
        }
        let moved = |issued: &Issued, from, to| self.ends.follow(second(issued), from, to);
        let Some(issued) = self.table.take(place, moved) else {
            return;
        };
        if let Some((shares, tenant)) = self.shares.as_mut().zip(tenant) {
            shares.take(tenant);
        }
        let freed = self.kins.let_go(kin).saturating_add(Self::size(&issued));
        self.bytes = self.bytes.saturating_sub(freed);
    }

    fn place(&self, key: KeyRef<'_>, scopes: &ScopeSet) -> Option<u32> {
        self.find(key, scopes).map(|(place, ..)| place)
    }

    #[inline]
    fn find(&self, key: KeyRef<'_>, scopes: &ScopeSet) -> Option<(u32, &Slot, &Kin)> {
        let mut slots = self.table.find(key.tenant, digest(key, scopes));
        slots.find_map(|(place, slot)| {
            let kin = self.kin(slot, key.rest)?;
            (kin.about.scopes == *scopes).then_some((place, slot, kin))
        })
    }

    /// The kin of a token, if that is of this key.
    #[inline]
    fn kin(&self, slot: &Slot, key: &Arc<TokenKey>) -> Option<&Kin> {
        self.kins.get(slot.kin).filter(|kin| kin.is_of(key))
    }
}

#[inline]
fn held<'a>(slot: &'a Slot, kin: &'a Kin) -> Option<Held<'a>> {
    Some(Held {
        about: &kin.about,
        region: &kin.region,
        issued: slot.issued.as_ref()?,
    })
}

/// The number by which a tenant is counted.
fn tenant_number(tenant: TenantId, named: &str) -> u64 {
    super::key::digest(&(tenant, named))
}

/// Where a token is looked for. A key may have tokens for very many scopes, each of them for one; those for several, which serve whoever
/// wants one of them, are few and stand one behind the other.
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
