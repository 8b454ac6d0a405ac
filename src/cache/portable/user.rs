//! What a document has for users besides access tokens: refresh tokens, ID tokens and accounts.
//!
//! Others find a refresh token by account, host and client alone. One that we keep apart by more has no `home_account_id` in its
//! item, so that nobody else finds it.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::account::Account;
use crate::authority::{Authority, AuthorityKind};
use crate::cache::PartitionKey;
use crate::cache::key::{Fact, UserKey};
use crate::cache::partition::Note;
use crate::cache::token_key::{GrantKey, TokenKey};
use crate::secret::Secret;
use crate::time::{Now, Span};
use crate::wire::json::Json;

use super::members::{Members, OWN, Odd, needed, object, seconds, text};
use super::names::{self, Lengthy};
use super::parts::{check_type, read_authority, read_client, read_token};

/// A refresh token as a document has it.
#[derive(Clone, PartialEq)]
pub(super) struct RefreshToken {
    pub(super) user: UserKey,
    pub(super) token: Secret,
    /// By the wall clock; MSAL.NET does not say it.
    pub(super) modified: Option<u64>,
    /// Of several clients: it is not for one of them to replace.
    pub(super) shared: bool,
}

impl RefreshToken {
    /// What a note remembers, if it is one of a refresh token that lives.
    pub(super) fn of(user: &UserKey, note: &Note, now: Now) -> Option<Self> {
        let Note::RefreshToken(token, life) = note else {
            return None;
        };
        (!life.left(now).is_zero()).then(|| Self {
            user: user.clone(),
            token: token.clone(),
            modified: Some(life.began(now).as_secs()),
            shared: false,
        })
    }

    /// Reads an item.
    pub(super) fn read(item: &Json<'_>) -> Option<Self> {
        Self::read_members(item).ok()
    }

    fn read_members(item: &Json<'_>) -> Result<Self, Odd> {
        check_type(item, &["RefreshToken"])?;
        let own = object(item, OWN)?;
        let home_id = needed(own.unwrap_or(item), "home_account_id")?;
        let own = own.unwrap_or(&Json::Null);
        let authority = read_authority(item, own, None)?;
        Ok(Self {
            user: UserKey {
                authority_kind: authority.kind(),
                authority: authority.cache_name(),
                client: read_client(item)?,
                account: Account::from_home_id(home_id),
                partition: text(own, "partition")?.map(str::to_owned),
            },
            token: read_token(item, "secret")?.ok_or(Odd)?,
            modified: seconds(item, "last_modification_time")?,
            shared: text(item, "family_id")?.is_some(),
        })
    }

    /// When it was stored. What says of itself that it comes from the future is as old as what says nothing.
    pub(super) fn modified_by(&self, now: Now) -> Option<Duration> {
        self.modified
            .map(Duration::from_secs)
            .filter(|modified| *modified <= now.wall())
    }

    pub(super) fn note(&self, now: Now) -> Option<Note> {
        let start = self.modified_by(now).unwrap_or_else(|| now.wall());
        let life = Span::resumed(start, start.saturating_add(Note::REFRESH_TOKEN_LASTS), now)?;
        Some(Note::RefreshToken(self.token.clone(), life))
    }

    /// The item, with what an older one has besides.
    pub(super) fn item(&self, older: Option<&Json<'_>>) -> Secret {
        let user = &self.user;
        let mut item = Members::default();
        let mut own = Members::default();
        if self.is_kept_apart() {
            own.text("home_account_id", user.account.home_id());
            own.text("kind", names::kind_name(user.authority_kind));
            own.text("authority", &*user.authority);
            own.optional("partition", user.partition.as_ref());
        } else {
            item.text("home_account_id", user.account.home_id());
        }
        let environment = Authority::environment(user.authority_kind, &user.authority);
        item.text("environment", environment);
        item.text("client_id", &*user.client);
        item.text("secret", self.token.expose());
        item.text("credential_type", "RefreshToken");
        if let Some(modified) = self.modified {
            item.seconds("last_modification_time", modified);
        }
        item.object(OWN, own);
        item.keeping(older).into_item()
    }

    /// By which the item goes.
    pub(super) fn name(&self) -> String {
        let user = &self.user;
        let environment = Authority::environment(user.authority_kind, &user.authority);
        let home_id = user.account.home_id();
        let standard =
            names::standard_name(&[home_id, environment, "refreshtoken", &user.client, "", ""]);
        let plain = names::is_plain_home_id(home_id) && names::is_plain_id(&user.client);
        if plain && !self.is_kept_apart() {
            return standard;
        }
        let mut digest = Lengthy::of("refresh token");
        digest.text(names::kind_name(user.authority_kind));
        digest.text(&user.authority);
        digest.text(&user.client);
        digest.text(home_id);
        digest.optional(user.partition.as_deref());
        names::with_digest(&standard, digest)
    }

    /// Where memory has it.
    pub(super) fn partition_key(&self) -> PartitionKey {
        PartitionKey::fact(Fact::RefreshToken(self.user.clone()))
    }

    fn is_kept_apart(&self) -> bool {
        let UserKey {
            authority_kind,
            authority,
            partition,
            ..
        } = &self.user;
        partition.is_some() || !names::is_told_by_host(*authority_kind, authority, None)
    }
}

/// A user of one client in one tenant, as the schema knows users.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct SignedIn {
    authority_kind: AuthorityKind,
    authority: Arc<str>,
    tenant: String,
    /// Empty where it does not matter.
    client: Arc<str>,
    account: Account,
}

impl SignedIn {
    /// Whose access token it is, if the schema has a place for such a user.
    pub(super) fn of(key: &TokenKey) -> Option<Self> {
        match &key.grant {
            GrantKey::Account(account) if names::extension(key).is_empty() => Some(Self {
                authority_kind: key.authority_kind,
                authority: Arc::clone(&key.authority),
                tenant: key.tenant.clone(),
                client: Arc::clone(&key.client),
                account: account.clone(),
            }),
            GrantKey::Account(_) | GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => None,
        }
    }

    /// Whose ID token an item has, and the token.
    pub(super) fn with_id_token(item: &Json<'_>) -> Option<(Self, Secret)> {
        check_type(item, &["IdToken"]).ok()?;
        let client = read_client(item).ok()?;
        let id_token = read_token(item, "secret").ok()??;
        Some((Self::read(item, client).ok()?, id_token))
    }

    /// Whose account an item is, for all clients.
    pub(super) fn with_account(item: &Json<'_>) -> Option<Self> {
        Self::read(item, Arc::default()).ok()
    }

    /// The same user for all clients.
    pub(super) fn for_all_clients(&self) -> Self {
        Self {
            client: Arc::default(),
            ..self.clone()
        }
    }

    fn read(item: &Json<'_>, client: Arc<str>) -> Result<Self, Odd> {
        let realm = needed(item, "realm")?;
        let authority = read_authority(item, &Json::Null, Some(realm))?;
        Ok(Self {
            authority_kind: authority.kind(),
            authority: authority.cache_name(),
            tenant: realm.to_ascii_lowercase(),
            client,
            account: Account::from_home_id(needed(item, "home_account_id")?),
        })
    }

    fn environment(&self) -> &str {
        Authority::environment(self.authority_kind, &self.authority)
    }

    fn members(&self) -> Members<'_> {
        let mut item = Members::default();
        item.text("home_account_id", self.account.home_id());
        item.text("environment", self.environment());
        item.text("realm", &self.tenant);
        item
    }

    /// The item of the user's ID token.
    pub(super) fn id_token_item(&self, id_token: &Secret) -> Secret {
        let mut item = self.members();
        item.text("client_id", &*self.client);
        item.text("secret", id_token.expose());
        item.text("credential_type", "IdToken");
        item.into_item()
    }

    /// The item of the user's account: what the id says, and what the ID token says to whoever does not ask it for proof.
    pub(super) fn account_item(&self, id_token: Option<&Secret>) -> Secret {
        let payload = id_token.and_then(payload);
        let claims = payload.as_deref().and_then(|text| Json::object(text).ok());
        let claim = |name: &str| claims.as_ref()?.get(name)?.text();
        // In the user's own tenant the id names the user.
        let own_id = self
            .account
            .home_id()
            .split_once('.')
            .filter(|(_, tenant)| *tenant == self.tenant)
            .map(|(user, _)| user);
        let local_id = claim("oid").or(own_id);
        let username = claim("preferred_username").or_else(|| claim("upn"));
        let mut item = self.members();
        item.optional("local_account_id", local_id);
        // MSAL for Python can't do without.
        item.text("username", username.unwrap_or_default());
        item.text("authority_type", "MSSTS");
        item.into_item()
    }

    pub(super) fn id_token_name(&self) -> String {
        self.name("id token", &["idtoken", &self.client, &self.tenant, ""])
    }

    pub(super) fn account_name(&self) -> String {
        self.name("account", &[&self.tenant])
    }

    fn name(&self, purpose: &str, rest: &[&str]) -> String {
        let mut parts = vec![self.account.home_id(), self.environment()];
        parts.extend(rest);
        let standard = names::standard_name(&parts);
        let plain = names::is_plain_home_id(self.account.home_id())
            && [&*self.client, &*self.tenant]
                .iter()
                .all(|id| id.is_empty() || names::is_plain_id(id));
        if plain {
            return standard;
        }
        let mut digest = Lengthy::of(purpose);
        digest.text(names::kind_name(self.authority_kind));
        digest.text(&self.authority);
        digest.text(&self.tenant);
        digest.text(&self.client);
        digest.text(self.account.home_id());
        names::with_digest(&standard, digest)
    }
}

/// What an ID token says (RFC 7519 §7.2), not validated.
fn payload(id_token: &Secret) -> Option<Vec<u8>> {
    let part = id_token.expose().split('.').nth(1)?;
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}
