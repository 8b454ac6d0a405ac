//! Access tokens: from an entry of memory to an item of the document, and from an item to an entry.
//!
//! An item is untrusted whoever wrote it. It is read like an answer of the service, says everything of its key itself, and what
//! does not fit together is no entry: it stays in the document and serves nobody. An item of ours has a checksum besides, so that
//! one that was damaged is none (I31); it is no seal, since whoever can write the document can write a checksum.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::authority::Authority;
use crate::cache::PartitionKey;
use crate::cache::partition::{About, Beside, Entry, Held, Issued};
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::{Further, GrantKey, TokenKey};
use crate::certificate::{Certificate, Thumbprint};
use crate::region::Region;
use crate::secret::Secret;
use crate::time::{Now, Span};
use crate::wire::json::Json;
use crate::wire::token::MOST_LIFE;

use super::members::{Members, OWN, Odd, object, seconds, text, texts};
use super::names::{self, ASSERTION_FMI_PATH, FMI_PATH, Lengthy};
use super::parts::{
    check_extension, check_type, read_authority, read_certificate, read_client, read_further,
    read_grant, read_scopes, read_token, read_token_kind,
};

/// What an expiry later than this from now on says is not believed, as in MSAL.NET.
const ABSURD: u64 = 3_650 * 24 * 3_600;

/// An access token as a document has it: times are those of the wall clock.
#[derive(Clone, PartialEq)]
pub(super) struct AccessToken<'m> {
    pub(super) key: TokenKey,
    pub(super) scopes: ScopeSet,
    /// Memory's own, so that a document that is put together takes no second copy of every token.
    pub(super) token: Cow<'m, Secret>,
    target: Arc<str>,
    cached_at: u64,
    expires_on: u64,
    refresh_on: Option<u64>,
    certificate: Option<Certificate>,
    region: Option<Region>,
    /// Of tokens whose user the schema has no place for.
    id_token: Option<Secret>,
}

impl<'m> AccessToken<'m> {
    /// What is left of an entry; none, if that is nothing.
    pub(super) fn of(key: &TokenKey, entry: Held<'m>, now: Now) -> Option<Self> {
        let issued = entry.issued;
        let left = issued.life.left(now);
        let end = now.wall().saturating_add(left);
        let cached_at = issued.life.began(now).as_secs();
        let refresh_on = issued.renew_at_age().map(|age| {
            let left_then = issued.life.length().saturating_sub(age);
            end.saturating_sub(left_then).as_secs()
        });
        let in_schema =
            matches!(key.grant, GrantKey::Account(_)) && names::extension(key).is_empty();
        let stored = Self {
            key: key.clone(),
            scopes: entry.about.scopes.clone(),
            token: Cow::Borrowed(&issued.token),
            target: sorted(&entry.about.target).into(),
            cached_at,
            expires_on: end.as_secs(),
            refresh_on,
            certificate: issued.certificate().cloned(),
            region: *entry.region,
            id_token: issued.id_token().filter(|_| !in_schema).cloned(),
        };
        (stored.expires_on > now.wall().as_secs()).then_some(stored)
    }

    /// Reads an item.
    pub(super) fn read(item: &Json<'_>) -> Option<Self> {
        let read = Self::read_members(item).ok()?;
        let own = object(item, OWN).ok()?;
        let checked =
            own.is_none_or(|own| own.get("sum").and_then(Json::text) == Some(&read.sum()));
        checked.then_some(read)
    }

    fn read_members(item: &Json<'_>) -> Result<Self, Odd> {
        let nothing = Json::Null;
        let own = object(item, OWN)?.unwrap_or(&nothing);
        check_type(item, &["AccessToken", "ATExt"])?;
        let kind = read_token_kind(item)?;
        let bound_to = match text(item, "kid")? {
            None => None,
            Some(kid) => Some(Thumbprint::read(kid).ok_or(Odd)?),
        };
        let certificate = read_certificate(own, kind, bound_to)?;
        let realm = text(item, "realm")?.unwrap_or_default();
        let authority = read_authority(item, own, Some(realm))?;
        let extension = texts(item, "ext")?;
        let key = TokenKey {
            authority_kind: authority.kind(),
            authority: authority.cache_name(),
            tenant: realm.to_ascii_lowercase(),
            client: read_client(item)?,
            kind,
            certificate: bound_to,
            grant: read_grant(item)?,
            fmi_path: extension.get(FMI_PATH).cloned(),
            assertion_fmi_path: extension.get(ASSERTION_FMI_PATH).cloned(),
            partition: text(own, "partition")?.map(str::to_owned),
            further: read_further(&extension, own)?,
        };
        check_extension(item, &key, extension)?;
        let target: Arc<str> = text(item, "target")?.unwrap_or_default().into();
        let scopes = read_scopes(&target, &key.grant)?;
        Ok(Self {
            key,
            scopes,
            target,
            token: Cow::Owned(read_token(item, "secret")?.ok_or(Odd)?),
            cached_at: seconds(item, "cached_at")?.ok_or(Odd)?,
            expires_on: seconds(item, "expires_on")?.ok_or(Odd)?,
            refresh_on: seconds(item, "refresh_on")?,
            certificate,
            region: match text(own, "region")? {
                None => None,
                Some(name) => Some(Region::parse(name).map_err(|_| Odd)?),
            },
            id_token: read_token(own, "id_token")?,
        })
    }

    /// The entry, if the token lives; `id_token` is the one that the document has for its user.
    pub(super) fn entry(&self, id_token: Option<&Secret>, now: Now) -> Option<Entry> {
        let believed = now.wall().as_secs().saturating_add(ABSURD);
        if self.expires_on <= self.cached_at || self.expires_on > believed {
            return None;
        }
        let mut end = self
            .expires_on
            .min(self.cached_at.saturating_add(MOST_LIFE));
        if let Some(certificate) = &self.certificate {
            end = end.min(certificate.not_after().as_secs());
        }
        let (start, end) = (
            Duration::from_secs(self.cached_at),
            Duration::from_secs(end),
        );
        let life = Span::resumed(start, end, now)?;
        let account = match &self.key.grant {
            GrantKey::Account(account) => Some(account.clone()),
            GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => None,
        };
        let renew_at_age = self
            .refresh_on
            .map(|moment| Duration::from_secs(moment).saturating_sub(life.start().wall()))
            .filter(|age| *age < life.length());
        let beside = Beside {
            certificate: self.certificate.clone(),
            id_token: self.id_token.as_ref().or(id_token).cloned(),
            account,
        };
        let token = Secret::sole(self.token.expose());
        Some(Entry {
            about: Arc::new(About {
                kind: self.key.kind,
                scopes: self.scopes.clone(),
                target: self.target.clone(),
            }),
            region: self.region,
            issued: Arc::new(Issued::new(token, life, renew_at_age, beside)),
        })
    }

    /// The item. Its `credential_type` is `AccessToken` with `ext` too, where MSAL.NET writes `ATExt` and reads either: once a token
    /// of another type has expired, MSAL for Python (1.39.0) fails in every search of that cache.
    pub(super) fn item(&self) -> Secret {
        let key = &self.key;
        let extension = names::extension(key);
        let extension_hash = names::extension_hash(key, &extension);
        let bound_to = key.certificate.map(|certificate| certificate.to_string());
        let (hash, sum);
        let mut item = Members::default();
        match &key.grant {
            // MSAL for Python finds an application's token by null, and not by nothing.
            GrantKey::App | GrantKey::Once => item.add("home_account_id", Json::Null),
            GrantKey::OnBehalfOf(_) => {}
            GrantKey::Account(account) => item.text("home_account_id", account.home_id()),
        }
        item.text(
            "environment",
            Authority::environment(key.authority_kind, &key.authority),
        );
        item.text("client_id", &*key.client);
        item.text("secret", self.token.expose());
        item.text("credential_type", "AccessToken");
        item.optional("realm", Some(&key.tenant).filter(|realm| !realm.is_empty()));
        item.text("target", &*self.target);
        if extension_hash.is_some() {
            // MSAL Go compares `keyid` only where there is a type.
            item.text("token_type", key.kind.as_str());
            item.optional("keyid", bound_to.as_ref().or(extension_hash.as_ref()));
        }
        item.optional("kid", bound_to.as_ref());
        item.seconds("cached_at", self.cached_at);
        item.seconds("expires_on", self.expires_on);
        item.seconds("extended_expires_on", self.expires_on);
        if let Some(refresh_on) = self.refresh_on {
            item.seconds("refresh_on", refresh_on);
        }
        if let GrantKey::OnBehalfOf(digest) = &key.grant {
            hash = URL_SAFE_NO_PAD.encode(digest);
            item.text("user_assertion_hash", &hash);
        }
        item.texts("ext", &extension);
        item.optional("ext_cache_key", extension_hash.as_ref());
        let none = Further::default();
        let further = key.further.as_deref().unwrap_or(&none);
        let mut own = Members::default();
        if !names::is_told_by_host(key.authority_kind, &key.authority, Some(&key.tenant)) {
            own.text("kind", names::kind_name(key.authority_kind));
            own.text("authority", &*key.authority);
        }
        own.optional("partition", key.partition.as_ref());
        own.texts("body", &further.body);
        own.texts("query", &further.query);
        let der = self
            .certificate
            .as_ref()
            .map(|of| STANDARD.encode(of.der()));
        own.optional("certificate", der);
        own.optional("region", self.region.as_ref().map(Region::as_str));
        own.optional("id_token", self.id_token.as_ref().map(Secret::expose));
        sum = self.sum();
        own.text("sum", &sum);
        item.object(OWN, own);
        item.into_item()
    }

    /// By which the item goes.
    pub(super) fn name(&self) -> String {
        names::access_token_name(&self.key, &self.scopes)
    }

    /// Where memory has it.
    pub(super) fn partition_key(&self) -> PartitionKey {
        PartitionKey::tokens(self.key.clone())
    }

    /// Of two tokens that serve for the same, whether this one lives at least as long.
    pub(super) fn outlives(&self, other: &Self, now: Now) -> bool {
        let end = |of: &Self| of.entry(None, now).map(|entry| entry.issued.life.left(now));
        end(self) >= end(other)
    }

    fn sum(&self) -> String {
        let mut sum = Lengthy::of("sum");
        sum.token_key(&self.key, &self.scopes);
        sum.text(&self.target);
        sum.text(self.token.expose());
        sum.text(&self.cached_at.to_string());
        sum.text(&self.expires_on.to_string());
        sum.optional(self.refresh_on.map(|at| at.to_string()).as_deref());
        sum.optional(self.region.as_ref().map(Region::as_str));
        sum.optional(self.id_token.as_ref().map(Secret::expose));
        sum.finish()
    }
}

/// In the order that MSAL for Python gives scopes, as far as their case does not matter.
fn sorted(target: &str) -> String {
    let mut scopes: Vec<&str> = target.split(' ').collect();
    scopes.sort_by_key(|scope| scope.to_ascii_lowercase());
    scopes.join(" ")
}

/// Whether an item has ended for everybody: MSAL.NET serves longer, if it is told to, what has a longer life in hard times.
pub(super) fn has_ended(item: &Json<'_>, now: Now) -> bool {
    let over = |name: &str| {
        item.get(name)?
            .seconds()
            .map(|at| at <= now.wall().as_secs())
    };
    let not_there = |name: &str| item.get(name).is_none();
    over("expires_on") == Some(true)
        && ["extended_expires_on", "ext_expires_on"]
            .iter()
            .all(|name| not_there(name) || over(name) == Some(true))
}
