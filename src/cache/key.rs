//! Typed keys: what tells one remembered token from another, and one flight from another (rule 10).
//!
//! A key compares field by field. It is never text joined by separators, which two different keys could share, and never a bare
//! hash, which would hand out another principal's token when it collides.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::authority::AuthorityKind;
use crate::certificate::Thumbprint;

use super::partition::Partition;

/// What kind of token: it follows from the request alone (rule 1).
///
/// ```
/// use entra_proto::{Client, Credential, Secret, TokenKind, TokenRequest};
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// assert_eq!(plan.token_kind(), TokenKind::Bearer);
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum TokenKind {
    /// Whoever bears it may use it (RFC 6750).
    Bearer,
    /// Usable only over a connection with its certificate (RFC 8705 §3).
    MtlsPop,
}

impl TokenKind {
    /// The `token_type`, which is also the scheme of the `Authorization` header.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::MtlsPop => "mtls_pop",
        }
    }
}

impl fmt::Display for TokenKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where something is remembered. Equal keys, the same [`Partition`].
///
/// [`remembers`](PartitionKey::remembers) has an example of what one says; [`CacheUpdate`](super::CacheUpdate), of a store by such keys.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PartitionKey(Arc<Key>);

#[derive(Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(super) enum Key {
    Tokens(TokenKey),
    Fact(Fact),
}

/// Everything but the scopes that changes which token Entra issues, or to whom we may give it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct TokenKey {
    /// One host may serve several kinds of authority, which are different issuers.
    pub(crate) authority_kind: AuthorityKind,
    pub(crate) authority: String,
    /// In lower case.
    pub(crate) tenant: String,
    pub(crate) client: String,
    pub(crate) kind: TokenKind,
    pub(crate) certificate: Option<Thumbprint>,
    pub(crate) grant: GrantKey,
    pub(crate) fmi_path: Option<String>,
    pub(crate) assertion_fmi_path: Option<String>,
    pub(crate) partition: Option<String>,
    /// Boxed, because few requests have any of it.
    pub(crate) further: Option<Box<Further>>,
}

/// Whom the token is for.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum GrantKey {
    App,
    /// With a digest of the user's assertion.
    OnBehalfOf([u8; 32]),
    Account(Account),
    /// Nobody is known yet: the grant works once. Nothing is read or written under it.
    Once,
}

/// What else a caller may say that changes the token.
#[derive(Clone, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Further {
    pub(crate) client_claims: Option<String>,
    pub(crate) assertion_claims: Option<String>,
    pub(crate) body: BTreeMap<String, String>,
    pub(crate) query: BTreeMap<String, String>,
}

impl Further {
    fn size(&self) -> usize {
        let long = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let pairs = |map: &BTreeMap<String, String>| -> usize {
            map.iter()
                .map(|(name, value)| {
                    size_of::<(String, String)>()
                        .saturating_add(name.len())
                        .saturating_add(value.len())
                })
                .sum()
        };
        [
            size_of::<Self>(),
            long(&self.client_claims),
            long(&self.assertion_claims),
            pairs(&self.body),
            pairs(&self.query),
        ]
        .iter()
        .sum()
    }
}

impl GrantKey {
    pub(crate) fn digest(secret: &str) -> [u8; 32] {
        Sha256::digest(secret.as_bytes()).into()
    }
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
/// What the structures of a memory take for one entry besides what it holds: a place in the map and one in the set, each half
/// full at worst, and what an allocator adds to a dozen blocks and loses between them.
const PLACES: usize = 2 * size_of::<(PartitionKey, Partition)>()
    + 2 * size_of::<(Duration, PartitionKey, Option<ScopeSet>)>()
    + 12 * 48;

impl PartitionKey {
    pub(crate) fn tokens(key: TokenKey) -> Self {
        Self(Arc::new(Key::Tokens(key)))
    }

    pub(crate) fn fact(fact: Fact) -> Self {
        Self(Arc::new(Key::Fact(fact)))
    }

    pub(super) fn inner(&self) -> &Key {
        &self.0
    }

    /// What tells the tokens here from all others, if tokens are remembered here.
    pub(super) fn of_tokens(&self) -> Option<&TokenKey> {
        match &*self.0 {
            Key::Tokens(key) => Some(key),
            Key::Fact(_) => None,
        }
    }

    /// Whose refresh token is remembered here, if one is.
    pub(super) fn of_user(&self) -> Option<&UserKey> {
        match &*self.0 {
            Key::Fact(Fact::RefreshToken(user)) => Some(user),
            Key::Fact(Fact::Region { .. } | Fact::Instance { .. } | Fact::Throttle { .. })
            | Key::Tokens(_) => None,
        }
    }

    /// The same key for this account.
    pub(crate) fn with_account(&self, account: &Account) -> Self {
        match &*self.0 {
            Key::Tokens(key) => Self::tokens(TokenKey {
                grant: GrantKey::Account(account.clone()),
                ..key.clone()
            }),
            Key::Fact(_) => self.clone(),
        }
    }

    /// Where the refresh token of the account is remembered whose access tokens are remembered here.
    pub(crate) fn refresh_token(&self) -> Option<Self> {
        match &*self.0 {
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
        matches!(&*self.0, Key::Fact(Fact::RefreshToken(_)))
    }

    /// The same key for another certificate.
    pub(crate) fn with_certificate(&self, certificate: Option<Thumbprint>) -> Self {
        match &*self.0 {
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
        let text = match &*self.0 {
            Key::Tokens(key) => [
                key.authority.len(),
                key.tenant.len(),
                key.client.len(),
                long(&key.fmi_path),
                long(&key.assertion_fmi_path),
                long(&key.partition),
                key.further.as_ref().map_or(0, |further| further.size()),
            ]
            .iter()
            .sum(),
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

impl fmt::Debug for PartitionKey {
    /// Neither the partition's name, which callers take from session ids and the like, nor what they send of their own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
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

/// Scopes as a set: sorted, without case (ASCII), without repetition. Clones share it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct ScopeSet(Arc<[Box<str>]>);

impl ScopeSet {
    pub(crate) fn of<'a>(scopes: impl IntoIterator<Item = &'a str>) -> Self {
        let mut set: Vec<Box<str>> = scopes
            .into_iter()
            .map(|scope| scope.to_ascii_lowercase().into())
            .collect();
        set.sort_unstable();
        set.dedup();
        Self(set.into())
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|scope| &**scope)
    }

    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|scope| self.0.binary_search(scope).is_ok())
    }

    pub(crate) fn size(&self) -> usize {
        self.0
            .iter()
            .map(|scope| scope.len().saturating_add(size_of::<Box<str>>()))
            .sum()
    }
}

/// What callers queue for: requests with equal keys would get the same answer, so one of them asks.
///
/// Ordered and hashed, for the map of whoever keeps the turns:
///
/// ```
/// use std::collections::BTreeSet;
/// use entra_proto::*;
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let now = Now::new(std::time::Duration::from_secs(1_798_761_600), std::time::Duration::ZERO);
/// let mut in_flight: BTreeSet<FlightKey> = BTreeSet::new();
/// for is_first in [true, false] {
///     let Step::LoadCache(load) = plan.clone().start(Seed::from_bytes([7; 32]), now) else { panic!("another step") };
///     let Step::TakeTurn(take) = load.resume(Ok(Partition::default()), now) else { panic!("another step") };
///     assert_eq!(in_flight.insert(take.key().clone()), is_first);
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FlightKey {
    partition: PartitionKey,
    scopes: Option<ScopeSet>,
    bypass: Bypass,
}

/// Requests that bypass reading join only their like, with the same claims.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Bypass {
    No,
    Yes { claims: Option<String> },
}

impl FlightKey {
    pub(crate) fn token(partition: PartitionKey, scopes: ScopeSet, bypass: Bypass) -> Self {
        Self {
            partition,
            scopes: Some(scopes),
            bypass,
        }
    }

    pub(crate) fn fact(partition: PartitionKey) -> Self {
        Self {
            partition,
            scopes: None,
            bypass: Bypass::No,
        }
    }
}

impl fmt::Debug for FlightKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlightKey")
            .field("partition", &self.partition)
            .field("scopes", &self.scopes)
            .field("bypass", &(self.bypass != Bypass::No))
            .finish()
    }
}
