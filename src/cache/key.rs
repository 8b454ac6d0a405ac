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

use super::kins::TenantId;
use super::token_key::{GrantKey, TokenKey};

/// Where something is remembered. Equal keys, the same [`Partition`](super::Partition).
///
/// [`remembers`](PartitionKey::remembers) has an example of what one says; [`CacheUpdate`](super::CacheUpdate), of a store by such keys.
#[derive(Clone)]
pub struct PartitionKey(Arc<Digested>);

/// A key with what a hash is made of, so that a look-up does not go over the whole key again.
///
/// The digest follows from the key alone, because a key meets several maps; each map makes its own hash of it, with a secret of its
/// own. Two keys may have the same digest, so it is only where a comparison of the keys begins.
struct Digested {
    digest: u64,
    /// Read once as well.
    tenant: TenantId,
    key: Key,
}

#[derive(Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    Tokens(TokenKey),
    Fact(Fact),
}

/// What is remembered besides tokens.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fact {
    /// The region that this client runs in.
    Region { client: String },
    /// That Entra knows this host, or what its OpenID configuration says.
    Instance {
        kind: AuthorityKind,
        authority: String,
    },
    /// The refresh token of a user.
    RefreshToken(UserKey),
    /// Until when the service asked not to be asked.
    Throttle {
        client: String,
        tenant: String,
        host: String,
    },
}

/// Whose refresh token it is: one for all tenants and scopes, as Entra's are.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct UserKey {
    pub(crate) authority_kind: AuthorityKind,
    pub(crate) authority: String,
    pub(crate) client: String,
    pub(crate) account: Account,
    pub(crate) partition: Option<String>,
}

/// What the structures of a memory take for one note besides what it holds, in bytes: a place in the map and one in the set, each half
/// full at worst, and what an allocator adds to a dozen blocks and loses between them.
const PLACES: usize = 656;

impl PartitionKey {
    pub(crate) fn tokens(key: TokenKey) -> Self {
        Self::of(Key::Tokens(key))
    }

    pub(crate) fn fact(fact: Fact) -> Self {
        Self::of(Key::Fact(fact))
    }

    fn of(key: Key) -> Self {
        let digest = digest(&key);
        let tenant = match &key {
            Key::Tokens(key) => TenantId::of(&key.tenant),
            Key::Fact(_) => TenantId::NONE,
        };
        Self(Arc::new(Digested {
            digest,
            tenant,
            key,
        }))
    }

    /// A key whose digest others have too.
    #[cfg(test)]
    pub(super) fn of_digest(digest: u64, key: TokenKey) -> Self {
        let tenant = TenantId::of(&key.tenant);
        let key = Key::Tokens(key);
        Self(Arc::new(Digested {
            digest,
            tenant,
            key,
        }))
    }

    /// A number that equal keys have in common, in this process: for drivers that keep their memory in parts. Other keys may have it
    /// too, so it says which part, never which key.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.0.digest
    }

    /// The tenant whose tokens are remembered here, and what is left of its name then.
    pub(super) fn tenant(&self) -> TenantId {
        self.0.tenant
    }

    pub(super) fn inner(&self) -> &Key {
        &self.0.key
    }

    /// What tells the tokens here from all others, if tokens are remembered here.
    pub(super) fn of_tokens(&self) -> Option<&TokenKey> {
        match &self.0.key {
            Key::Tokens(key) => Some(key),
            Key::Fact(_) => None,
        }
    }

    /// Whose refresh token is remembered here, if one is.
    pub(super) fn of_user(&self) -> Option<&UserKey> {
        match &self.0.key {
            Key::Fact(Fact::RefreshToken(user)) => Some(user),
            Key::Fact(Fact::Region { .. } | Fact::Instance { .. } | Fact::Throttle { .. })
            | Key::Tokens(_) => None,
        }
    }

    /// The same key for this account.
    pub(crate) fn with_account(&self, account: &Account) -> Self {
        match &self.0.key {
            Key::Tokens(key) => Self::tokens(TokenKey {
                grant: GrantKey::Account(account.clone()),
                ..key.clone()
            }),
            Key::Fact(_) => self.clone(),
        }
    }

    /// Where the refresh token of the account is remembered whose access tokens are remembered here.
    pub(crate) fn refresh_token(&self) -> Option<Self> {
        match &self.0.key {
            Key::Tokens(TokenKey {
                grant: GrantKey::Account(account),
                authority_kind,
                authority,
                client,
                partition,
                ..
            }) => Some(Self::fact(Fact::RefreshToken(UserKey {
                authority_kind: *authority_kind,
                authority: authority.clone(),
                client: client.clone(),
                account: account.clone(),
                partition: partition.clone(),
            }))),
            Key::Tokens(_) | Key::Fact(_) => None,
        }
    }

    pub(crate) fn is_of_refresh_token(&self) -> bool {
        matches!(&self.0.key, Key::Fact(Fact::RefreshToken(_)))
    }

    /// The same key for another certificate.
    pub(crate) fn with_certificate(&self, certificate: Option<Thumbprint>) -> Self {
        match &self.0.key {
            Key::Tokens(key) => Self::tokens(TokenKey {
                certificate,
                ..key.clone()
            }),
            Key::Fact(_) => self.clone(),
        }
    }

    /// How many bytes the key takes, and its places in a memory.
    pub(crate) fn size(&self) -> usize {
        let long = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let text = match &self.0.key {
            Key::Tokens(key) => key.size(),
            Key::Fact(Fact::Region { client }) => client.len(),
            Key::Fact(Fact::Instance { authority, .. }) => authority.len(),
            Key::Fact(Fact::RefreshToken(user)) => user
                .authority
                .len()
                .saturating_add(user.client.len())
                .saturating_add(user.account.home_id().len())
                .saturating_add(long(&user.partition)),
            Key::Fact(Fact::Throttle {
                client,
                tenant,
                host,
            }) => client
                .len()
                .saturating_add(tenant.len())
                .saturating_add(host.len()),
        };
        PLACES.saturating_add(size_of::<Key>()).saturating_add(text)
    }
}

/// The same in every process: what is decided by it must not be up to dice.
pub(super) fn digest(of: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl PartialEq for PartitionKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.digest == other.0.digest && self.0.key == other.0.key)
    }
}

impl Eq for PartitionKey {}

impl Hash for PartitionKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl Ord for PartitionKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.key.cmp(&other.0.key)
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
        match &self.0.key {
            Key::Fact(Fact::RefreshToken(user)) => f
                .debug_struct("RefreshToken")
                .field("authority", &user.authority)
                .field("client", &user.client)
                .field("account", &user.account)
                .finish_non_exhaustive(),
            Key::Fact(fact) => fact.fmt(f),
            Key::Tokens(key) => f
                .debug_struct("Tokens")
                .field("authority", &key.authority)
                .field("tenant", &key.tenant)
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
    use super::*;

    fn key(tenant: &str) -> Key {
        Key::Fact(Fact::Throttle {
            client: "app".to_owned(),
            tenant: tenant.to_owned(),
            host: "login.example".to_owned(),
        })
    }

    /// A digest alone would hand out another principal's token when it collides.
    #[test]
    fn keys_of_one_digest_are_told_from_each_other() {
        let with = |digest, tenant| {
            PartitionKey(Arc::new(Digested {
                digest,
                tenant: TenantId::NONE,
                key: key(tenant),
            }))
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
        let of = |tenant| PartitionKey::of(key(tenant));
        assert_eq!(of("a").0.digest, of("a").0.digest);
        assert_ne!(of("a").0.digest, of("b").0.digest);
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
