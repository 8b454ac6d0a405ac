//! Keys of tokens in their two parts: the tenant, and the rest, which a client's tokens in all tenants share.

use std::sync::Arc;

use crate::authority::Tenant;

use super::key::digest;
use super::kins::TenantId;
use super::token_key::TokenKey;

/// A key of tokens, put together of what others hold.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct KeyRef<'a> {
    pub(super) digest: u64,
    pub(super) tenant: TenantId,
    pub(super) rest: &'a Arc<TokenKey>,
}

/// A key without its tenant, and what it brings to the digest.
pub(crate) struct TenantlessKey {
    pub(super) rest: Arc<TokenKey>,
    digest: u64,
}

/// What a tenant brings to a key and to its digest: whoever asks often has it at hand.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) struct TenantPart {
    id: TenantId,
    digest: u64,
}

impl TenantlessKey {
    /// Of a key that names no tenant by a GUID.
    pub(crate) fn new(rest: TokenKey) -> Self {
        Self {
            digest: digest(&rest),
            rest: Arc::new(rest),
        }
    }

    /// The key for this tenant, if it is named by a GUID.
    pub(crate) fn in_tenant(&self, tenant: TenantPart) -> Option<KeyRef<'_>> {
        (tenant.id != TenantId::NONE).then(|| self.with(tenant))
    }

    pub(super) fn with(&self, tenant: TenantPart) -> KeyRef<'_> {
        KeyRef {
            digest: self.digest ^ tenant.digest,
            tenant: tenant.id,
            rest: &self.rest,
        }
    }

    /// A whole key like it, for this tenant.
    pub(crate) fn in_full(&self, tenant: Option<&Tenant>) -> TokenKey {
        let tenant = tenant.map_or("", Tenant::as_str);
        self.rest.in_tenant(tenant.to_ascii_lowercase())
    }

    pub(crate) fn authority(&self) -> &Arc<str> {
        &self.rest.authority
    }
}

impl TenantPart {
    /// Of the tenant of this name, if it is a GUID.
    pub(crate) fn named(name: &str) -> Self {
        Self::of(TenantId::of(name))
    }

    pub(super) fn of(id: TenantId) -> Self {
        Self {
            digest: digest(&id.number()),
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PartitionKey, samples};
    use super::*;

    fn tokens(tenant: &str) -> PartitionKey {
        PartitionKey::tokens(samples::key(tenant, "app"))
    }

    #[test]
    fn a_key_is_the_same_whether_it_shares_what_is_left_without_its_tenant_or_not() {
        let plain = TenantlessKey::new(samples::key("", "app"));
        let guids = [1_u8, 2].map(|number| format!("{number:08x}-2222-4222-8222-222222222222"));
        for tenant in ["", "contoso.com", &guids[0], &guids[1]] {
            let alone = tokens(tenant);
            let beside = PartitionKey::tokens_beside(samples::key(tenant, "app"), &plain);
            assert!(
                alone == beside && alone.digest() == beside.digest(),
                "{tenant}"
            );
            let other = PartitionKey::tokens_beside(samples::key(tenant, "other"), &plain);
            assert!(
                alone != other && alone.digest() != other.digest(),
                "{tenant}"
            );
            let found = plain
                .in_tenant(TenantPart::named(tenant))
                .map(PartitionKey::from);
            assert_eq!(found.is_some(), tenant.len() == 36, "{tenant}");
            assert!(found.is_none_or(|found| found == alone && found.digest() == alone.digest()));
        }
        assert_ne!(tokens(&guids[0]).digest(), tokens(&guids[1]).digest());
    }
}
