//! Typed keys: where something is remembered (rule 10).
//!
//! A key compares field by field. It is never text joined by separators, which two different keys could share, and never a bare
//! hash, which would hand out another principal's token when it collides.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::account::Account;
use crate::authority::AuthorityKind;
use crate::certificate::Thumbprint;

use super::key_parts::{KeyRef, TenantPart, TenantlessKey};
use super::kins::TenantId;
use super::token_key::{GrantKey, TokenKey};

/// Where something is remembered. Equal keys, the same [`Partition`](super::Partition).
///
/// [`remembers`](PartitionKey::remembers) has an example of what one says; [`CacheUpdate`](super::CacheUpdate), of a store by such keys.
#[derive(Clone)]
pub struct PartitionKey {
    /// What a hash is made of, so that a look-up does not go over the whole key again, and knows where to look before the key itself
    /// has come from memory.
    ///
    /// It follows from the key alone, because a key meets several maps; each map makes its own hash of it, with a secret of its
    /// own. Two keys may have the same digest, so it is only where a comparison of the keys begins.
    digest: u64,
    key: Key,
}

#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// The tenant, and all the rest, which most keys of a client share.
    Tokens(TenantId, Arc<TokenKey>),
    Fact(Arc<Fact>),
}

/// What is remembered besides tokens.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fact {
    /// The region that this client runs in.
    Region { client: Arc<str> },
    /// That Entra knows this host, or what its OpenID configuration says.
    Instance {
        kind: AuthorityKind,
        authority: Arc<str>,
    },
    /// The refresh token of a user.
    RefreshToken(UserKey),
    /// Until when the service asked not to be asked.
    Throttle {
        client: Arc<str>,
        tenant: String,
        host: String,
    },
}

/// Whose refresh token it is: one for all tenants and scopes, as Entra's are.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct UserKey {
    pub(crate) authority_kind: AuthorityKind,
    pub(crate) authority: Arc<str>,
    pub(crate) client: Arc<str>,
    pub(crate) account: Account,
    pub(crate) partition: Option<String>,
}

/// What the structures of a memory take for one note besides what it holds, in bytes: a place in the map and one in the set, each half
/// full at worst, and what an allocator adds to a dozen blocks and loses between them.
const PLACES: usize = 656;

impl PartitionKey {
    pub(crate) fn tokens(key: TokenKey) -> Self {
        let (tenant, rest) = TenantId::out_of(key);
        Self::of_rest(tenant, rest)
    }

    /// The same, sharing the rest if that is the plain one.
    pub(crate) fn tokens_beside(key: TokenKey, plain: &TenantlessKey) -> Self {
        let (tenant, rest) = TenantId::out_of(key);
        if rest.tenant.is_empty() && rest.is_same_but_tenant(&plain.rest) {
            plain.with(TenantPart::of(tenant)).into()
        } else {
            Self::of_rest(tenant, rest)
        }
    }

    fn of_rest(tenant: TenantId, rest: TokenKey) -> Self {
        TenantlessKey::new(rest).with(TenantPart::of(tenant)).into()
    }

    pub(crate) fn fact(fact: Fact) -> Self {
        Self {
            digest: digest(&fact),
            key: Key::Fact(Arc::new(fact)),
        }
    }

    /// A key whose digest others have too.
    #[cfg(test)]
    pub(super) fn of_digest(digest: u64, key: TokenKey) -> Self {
        Self {
            digest,
            ..Self::tokens(key)
        }
    }

    /// A number that equal keys have in common, in this process: for drivers that keep their memory in parts. Other keys may have it
    /// too, so it says which part, never which key.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn inner(&self) -> &Key {
        &self.key
    }

    /// What a look for tokens needs of it, if tokens are remembered here.
    pub(crate) fn of_tokens(&self) -> Option<KeyRef<'_>> {
        match &self.key {
            Key::Tokens(tenant, rest) => Some(KeyRef {
                digest: self.digest,
                tenant: *tenant,
                rest,
            }),
            Key::Fact(_) => None,
        }
    }

    fn as_fact(&self) -> Option<&Fact> {
        match &self.key {
            Key::Fact(fact) => Some(fact),
            Key::Tokens(..) => None,
        }
    }

    /// Whose refresh token is remembered here, if one is.
    pub(super) fn of_user(&self) -> Option<&UserKey> {
        match self.as_fact()? {
            Fact::RefreshToken(user) => Some(user),
            Fact::Region { .. } | Fact::Instance { .. } | Fact::Throttle { .. } => None,
        }
    }

    /// The same key for this account.
    pub(crate) fn with_account(&self, account: &Account) -> Self {
        self.with_rest(|key| TokenKey {
            grant: GrantKey::Account(account.clone()),
            ..key
        })
    }

    fn with_rest(&self, change: impl FnOnce(TokenKey) -> TokenKey) -> Self {
        match &self.key {
            Key::Tokens(tenant, rest) => Self::of_rest(*tenant, change(TokenKey::clone(rest))),
            Key::Fact(_) => self.clone(),
        }
    }

    /// Where the refresh token of the account is remembered whose access tokens are remembered here.
    pub(crate) fn refresh_token(&self) -> Option<Self> {
        let KeyRef { rest: key, .. } = self.of_tokens()?;
        match &key.grant {
            GrantKey::Account(account) => Some(Self::fact(Fact::RefreshToken(UserKey {
                authority_kind: key.authority_kind,
                authority: Arc::clone(&key.authority),
                client: Arc::clone(&key.client),
                account: account.clone(),
                partition: key.partition.clone(),
            }))),
            GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => None,
        }
    }

    pub(crate) fn is_of_refresh_token(&self) -> bool {
        matches!(self.as_fact(), Some(Fact::RefreshToken(_)))
    }

    /// The same key for another certificate.
    pub(crate) fn with_certificate(&self, certificate: Option<Thumbprint>) -> Self {
        self.with_rest(|key| TokenKey { certificate, ..key })
    }

    /// How many bytes the key takes, and its places in a memory.
    pub(crate) fn size(&self) -> usize {
        let text = match &self.key {
            Key::Tokens(_, rest) => rest.size(),
            Key::Fact(fact) => fact.size(),
        };
        PLACES.saturating_add(text)
    }
}

impl Fact {
    fn size(&self) -> usize {
        let text = match self {
            Self::Region { client } => client.len(),
            Self::Instance { authority, .. } => authority.len(),
            Self::RefreshToken(user) => {
                let partition = user.partition.as_ref().map_or(0, String::len);
                let client = user.authority.len().saturating_add(user.client.len());
                let account = user.account.home_id().len();
                client.saturating_add(account).saturating_add(partition)
            }
            Self::Throttle {
                client,
                tenant,
                host,
            } => client
                .len()
                .saturating_add(tenant.len())
                .saturating_add(host.len()),
        };
        size_of::<Self>().saturating_add(text)
    }
}

/// The same in every process: what is decided by it must not be up to dice.
pub(super) fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl From<KeyRef<'_>> for PartitionKey {
    fn from(key: KeyRef<'_>) -> Self {
        Self {
            digest: key.digest,
            key: Key::Tokens(key.tenant, Arc::clone(key.rest)),
        }
    }
}

impl PartialEq for PartitionKey {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.key == other.key
    }
}

impl Eq for PartitionKey {}

impl Hash for PartitionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.digest);
    }
}

impl Ord for PartitionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for PartitionKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for PartitionKey {
    /// Neither the partition's name, which callers take from session ids and the like, nor what they send of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(user) = self.of_user() {
            return f
                .debug_struct("RefreshToken")
                .field("authority", &user.authority)
                .field("client", &user.client)
                .field("account", &user.account)
                .finish_non_exhaustive();
        }
        match &self.key {
            Key::Fact(fact) => fact.fmt(f),
            Key::Tokens(tenant, key) => f
                .debug_struct("Tokens")
                .field("authority", &key.authority)
                .field("tenant", &tenant.in_full(&key.tenant))
                .field("client", &key.client)
                .field("kind", &key.kind)
                .field("certificate", &key.certificate)
                .field("fmi_path", &key.fmi_path)
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn tokens(tenant: &str) -> PartitionKey {
        PartitionKey::tokens(samples::key(tenant, "app"))
    }

    fn throttle(tenant: &str) -> PartitionKey {
        PartitionKey::fact(Fact::Throttle {
            client: "app".into(),
            tenant: tenant.to_owned(),
            host: "login.example".to_owned(),
        })
    }

    /// A digest alone would hand out another principal's token when it collides.
    #[test]
    fn keys_of_one_digest_are_told_from_each_other() {
        let with = |digest, tenant| PartitionKey {
            digest,
            ..tokens(tenant)
        };
        assert!(with(7, "a") == with(7, "a"));
        assert!(with(7, "a") != with(7, "b"));
        let held: std::collections::HashMap<_, _> =
            [(with(7, "a"), "a"), (with(7, "b"), "b")].into();
        assert_eq!(held.get(&with(7, "b")), Some(&"b"));
        assert_eq!(held.get(&with(7, "c")), None);
    }

    #[test]
    fn equal_keys_have_equal_digests_and_others_have_others() {
        for of in [tokens, throttle] {
            assert_eq!(of("a").digest, of("a").digest);
            assert_ne!(of("a").digest, of("b").digest);
            assert!(of("a") == of("a") && of("a") < of("b"));
            assert_eq!(of("b").partial_cmp(&of("a")), Some(Ordering::Greater));
            // So that a map finds one among many without comparing it with each.
            let hash = |key: &PartitionKey| {
                let mut hasher = DefaultHasher::new();
                key.hash(&mut hasher);
                hasher.finish()
            };
            assert_eq!(hash(&of("a")), hash(&of("a")));
            assert_ne!(hash(&of("a")), hash(&of("b")));
        }
    }
}
