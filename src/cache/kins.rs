//! Kins: what tokens of many tenants have in common is held once, however many they are.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashTable;

use crate::region::Region;

use super::partition::{About, Entry};
use super::token_key::TokenKey;

/// All that tells one token from another but its tenant, where that is a GUID.
#[derive(Clone)]
pub(super) struct Kin {
    /// Without such a tenant.
    pub(super) key: Arc<TokenKey>,
    pub(super) about: Arc<About>,
    pub(super) region: Option<Region>,
}

/// What a kin is made of, where there is none like it yet.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    key: &'a Arc<TokenKey>,
    about: &'a Arc<About>,
    region: &'a Option<Region>,
}

/// A tenant as a token is held by.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) struct TenantId([u8; 16]);

/// Makes hashes of digests, for tables: with a secret of its own, so that nobody from outside knows which digests meet in a table. It
/// need not be a strong one: whoever could choose a key of another's digest would make them meet under any.
#[derive(Clone)]
pub(super) struct Hashes(u64);

#[derive(Clone, Default)]
pub(super) struct Kins {
    places: Vec<Option<Counted>>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hashes: Hashes,
}

#[derive(Clone)]
struct Counted {
    kin: Kin,
    digest: u64,
    holders: usize,
}

impl Default for Hashes {
    /// The secret is drawn by the standard library, as for its own tables.
    fn default() -> Self {
        Self(HashMap::<(), ()>::new().hasher().hash_one(()))
    }
}

impl Hashes {
    /// A bit of the digest counts in all bits of the product from its own on, and the upper half of the product in the lower one.
    pub(super) fn hash(&self, digest: u64) -> u64 {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let product = (digest ^ self.0).wrapping_mul(ODD);
        product ^ (product >> 32)
    }
}

/// What the structures here take for one kin besides its key, at worst: its place and half of another, for those to come, its place in the
/// index, and what an allocator adds to a block for each text; together as much as two places.
const PLACE: usize = 2 * size_of::<Option<Counted>>();

impl TenantId {
    /// No tenant, or one that is named in the key.
    pub(super) const NONE: Self = Self([0; 16]);

    /// The GUID; that of noughts is none here.
    pub(super) fn of(tenant: &str) -> Self {
        Self::parse(tenant).unwrap_or(Self::NONE)
    }

    /// The GUID that a key names, and the key without it.
    pub(super) fn out_of(key: TokenKey) -> (Self, TokenKey) {
        let id = Self::of(&key.tenant);
        if id == Self::NONE {
            return (id, key);
        }
        let tenant = String::new();
        (id, TokenKey { tenant, ..key })
    }

    /// As keys write them: in lower case.
    fn parse(tenant: &str) -> Option<Self> {
        let mut bits = 0_u128;
        for (place, byte) in tenant.bytes().enumerate() {
            let digit = match (place, byte) {
                (8 | 13 | 18 | 23, b'-') => continue,
                (8 | 13 | 18 | 23, _) => return None,
                (_, b'0'..=b'9') => byte.wrapping_sub(b'0'),
                (_, b'a'..=b'f') => byte.wrapping_sub(b'a').wrapping_add(10),
                _ => return None,
            };
            bits = bits.wrapping_mul(16).wrapping_add(u128::from(digit));
        }
        (tenant.len() == 36).then(|| Self(bits.to_be_bytes()))
    }

    /// For digests.
    pub(super) const fn number(self) -> u128 {
        u128::from_be_bytes(self.0)
    }

    /// The key's tenant again.
    pub(super) fn in_full(self, named: &str) -> String {
        if self == Self::NONE {
            return named.to_owned();
        }
        let mut text = String::with_capacity(36);
        for (place, digit) in format!("{:032x}", u128::from_be_bytes(self.0))
            .chars()
            .enumerate()
        {
            if matches!(place, 8 | 12 | 16 | 20) {
                text.push('-');
            }
            text.push(digit);
        }
        text
    }
}

impl Kin {
    /// Whether it is of this key, whose tenant is as [`TenantId::out_of`] leaves it. A client's plain keys are one and the same.
    #[inline]
    pub(super) fn is_of(&self, key: &Arc<TokenKey>) -> bool {
        Arc::ptr_eq(&self.key, key) || self.is_equal_to(key)
    }

    #[inline(never)]
    fn is_equal_to(&self, key: &TokenKey) -> bool {
        let (held, named) = (&self.key.tenant, &key.tenant);
        // Most are empty, and comparing no bytes costs more than all the rest: the address of an empty text is no memory's, and processors
        // that load under a mask take a hundred nanoseconds to find out that they need not.
        let same_name = held.len() == named.len() && (named.is_empty() || held == named);
        same_name && self.key.is_same_but_tenant(key)
    }

    fn size(&self) -> usize {
        PLACE
            .saturating_add(self.key.size())
            .saturating_add(self.about.size())
    }
}

impl<'a> Wanted<'a> {
    pub(super) fn new(key: &'a Arc<TokenKey>, entry: &'a Entry) -> Self {
        Self {
            key,
            about: &entry.about,
            region: &entry.region,
        }
    }

    fn kin(&self) -> Kin {
        Kin {
            key: Arc::clone(self.key),
            about: Arc::clone(self.about),
            region: *self.region,
        }
    }

    pub(super) fn is(&self, kin: &Kin) -> bool {
        kin.is_of(self.key) && kin.about == *self.about && kin.region == *self.region
    }

    /// Of what tells most kins apart, so that not every token that comes is hashed whole.
    fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let key = self.key;
        (&key.tenant, &key.client, &key.grant, &key.certificate).hash(&mut hasher);
        (&key.fmi_path, &key.assertion_fmi_path, &key.partition).hash(&mut hasher);
        (&self.about.target, &key.further).hash(&mut hasher);
        hasher.finish()
    }
}

impl Kins {
    pub(super) fn get(&self, place: u32) -> Option<&Kin> {
        self.counted(place).map(|counted| &counted.kin)
    }

    /// The place of one like this for another holder, and how many bytes that takes: none, if it was there.
    pub(super) fn hold(&mut self, wanted: Wanted<'_>) -> Option<(u32, usize)> {
        let digest = wanted.digest();
        if let Some(place) = self.find(digest, wanted) {
            let counted = self
                .places
                .get_mut(usize::try_from(place).ok()?)?
                .as_mut()?;
            counted.holders = counted.holders.saturating_add(1);
            return Some((place, 0));
        }
        let kin = wanted.kin();
        let size = kin.size();
        let counted = Some(Counted {
            kin,
            digest,
            holders: 1,
        });
        let place = match self.free.pop() {
            Some(place) => {
                *self.places.get_mut(usize::try_from(place).ok()?)? = counted;
                place
            }
            None => {
                let place = u32::try_from(self.places.len()).ok()?;
                // A quarter more at a time, as for slots: where tenants have names there are as many kins as tokens.
                if self.places.len() == self.places.capacity() {
                    let more = self.places.len().div_euclid(4).saturating_add(1);
                    self.places.reserve_exact(more);
                }
                self.places.push(counted);
                place
            }
        };
        let (places, hashes) = (&self.places, &self.hashes);
        let hash = |digest| hashes.hash(digest);
        self.index.insert_unique(hash(digest), place, |place| {
            hash(at(places, *place).map_or(0, |counted| counted.digest))
        });
        Some((place, size))
    }

    /// How many bytes it would take.
    pub(super) fn size_of(&self, wanted: Wanted<'_>) -> usize {
        match self.find(wanted.digest(), wanted) {
            Some(_) => 0,
            None => wanted.kin().size(),
        }
    }

    fn find(&self, digest: u64, wanted: Wanted<'_>) -> Option<u32> {
        let same = |place: &u32| self.get(*place).is_some_and(|kin| wanted.is(kin));
        self.index.find(self.hash(digest), same).copied()
    }

    /// One holder less; says how many bytes that frees.
    pub(super) fn let_go(&mut self, place: u32) -> usize {
        let Some(counted) = usize::try_from(place)
            .ok()
            .and_then(|place| self.places.get_mut(place))
        else {
            return 0;
        };
        if let Some(counted) = counted.as_mut().filter(|counted| counted.holders > 1) {
            counted.holders = counted.holders.saturating_sub(1);
            return 0;
        }
        let Some(last) = counted.take() else {
            return 0;
        };
        let hash = self.hash(last.digest);
        if let Ok(held) = self.index.find_entry(hash, |other| *other == place) {
            held.remove();
        }
        self.free.push(place);
        last.kin.size()
    }

    fn hash(&self, digest: u64) -> u64 {
        self.hashes.hash(digest)
    }

    fn counted(&self, place: u32) -> Option<&Counted> {
        at(&self.places, place)
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty() && self.places.iter().all(Option::is_none)
    }
}

fn at(places: &[Option<Counted>], place: u32) -> Option<&Counted> {
    places.get(usize::try_from(place).ok()?)?.as_ref()
}

#[cfg(test)]
mod tests;
