//! Shares: how many of the tokens are each tenant's, so that a tenant with very many pays for more of them with its own and not with
//! everybody's.

/// Tenants are counted by a hash, so that a million of them take no more than this. Two that meet in one place are taken for one tenant,
/// which costs them no more than tokens fetched anew.
const PLACES: usize = 1_024;
/// Whoever has more than this part of the tokens is a crowd.
const PART: usize = 8;

#[derive(Clone)]
pub(super) struct Shares(Box<[u32]>);

impl Default for Shares {
    fn default() -> Self {
        Self(vec![0; PLACES].into())
    }
}

impl Shares {
    pub(super) fn add(&mut self, tenant: u64) {
        self.change(tenant, |count| count.saturating_add(1));
    }

    pub(super) fn take(&mut self, tenant: u64) {
        self.change(tenant, |count| count.saturating_sub(1));
    }

    fn change(&mut self, tenant: u64, change: impl FnOnce(u32) -> u32) {
        let place = place(tenant);
        if let Some(count) = self.0.get_mut(place) {
            *count = change(*count);
        }
    }

    /// Whether this tenant has more than its part of so many tokens.
    pub(super) fn is_crowd(&self, tenant: u64, all: usize) -> bool {
        let count = self.0.get(place(tenant)).copied();
        count.and_then(|count| crowd(count, all)).is_some()
    }

    /// How many tokens the tenant has that has most, if that is more than its part of so many.
    pub(super) fn largest_crowd(&self, all: usize) -> Option<usize> {
        crowd(self.0.iter().copied().max()?, all)
    }
}

fn place(tenant: u64) -> usize {
    let [low, high, ..] = tenant.to_le_bytes();
    usize::from(u16::from_le_bytes([low, high])).rem_euclid(PLACES)
}

fn crowd(count: u32, all: usize) -> Option<usize> {
    let count = usize::try_from(count).ok()?;
    (count > all.div_euclid(PART)).then_some(count)
}
