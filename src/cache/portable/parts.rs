//! The parts of an item, each read like a part of an answer: as what it must be, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::account::Account;
use crate::authority::{Authority, AuthorityKind};
use crate::cache::TokenKind;
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::{Further, GrantKey, TokenKey};
use crate::certificate::{Certificate, CertificateChain, Thumbprint};
use crate::secret::Secret;
use crate::wire::claims;
use crate::wire::json::Json;
use crate::wire::token::check_token;

use super::members::{Odd, needed, text, texts};
use super::names::{self, ASSERTION_CLAIMS, CLIENT_CLAIMS, USER_ASSERTION};

/// The `credential_type`, in whatever case of letters.
pub(super) fn check_type(item: &Json<'_>, types: &[&str]) -> Result<(), Odd> {
    let found = needed(item, "credential_type")?;
    let known = types.iter().any(|of| found.eq_ignore_ascii_case(of));
    known.then_some(()).ok_or(Odd)
}

/// The issuer, which the host and the tenant tell if we did not have to write it down.
pub(super) fn read_authority(
    item: &Json<'_>,
    own: &Json<'_>,
    tenant: Option<&str>,
) -> Result<Authority, Odd> {
    let environment = needed(item, "environment")?;
    let authority = match text(own, "kind")? {
        None => Authority::of_environment(environment, tenant),
        Some(kind) => {
            let kind: AuthorityKind = names::kind_named(kind).ok_or(Odd)?;
            Authority::named(kind, needed(own, "authority")?, tenant)
                .filter(|of| Authority::environment(kind, &of.cache_name()) == environment)
        }
    };
    authority.ok_or(Odd)
}

pub(super) fn read_client(item: &Json<'_>) -> Result<Arc<str>, Odd> {
    let client = needed(item, "client_id")?;
    (!client.chars().any(char::is_control))
        .then(|| client.into())
        .ok_or(Odd)
}

/// The tokens of an item are those that an answer may have.
pub(super) fn read_token(item: &Json<'_>, name: &str) -> Result<Option<Secret>, Odd> {
    match text(item, name)? {
        None => Ok(None),
        Some(token) => {
            check_token(token).map_err(|_| Odd)?;
            Ok(Some(Secret::new(token)))
        }
    }
}

pub(super) fn read_token_kind(item: &Json<'_>) -> Result<TokenKind, Odd> {
    let kind = text(item, "token_type")?.unwrap_or(TokenKind::Bearer.as_str());
    [TokenKind::Bearer, TokenKind::MtlsPop]
        .into_iter()
        .find(|of| kind.eq_ignore_ascii_case(of.as_str()))
        .ok_or(Odd)
}

/// A PoP token is of no use without its certificate, which therefore has to be here and to be the one that the token is kept for.
pub(super) fn read_certificate(
    own: &Json<'_>,
    kind: TokenKind,
    bound_to: Option<Thumbprint>,
) -> Result<Option<Certificate>, Odd> {
    match (kind, text(own, "certificate")?) {
        (TokenKind::Bearer, None) => Ok(None),
        (TokenKind::MtlsPop, Some(der)) => {
            let der = STANDARD.decode(der).map_err(|_| Odd)?;
            let certificate = Certificate::parse(CertificateChain::new(der)).map_err(|_| Odd)?;
            (Some(certificate.thumbprint()) == bound_to)
                .then_some(Some(certificate))
                .ok_or(Odd)
        }
        (TokenKind::Bearer, Some(_)) | (TokenKind::MtlsPop, None) => Err(Odd),
    }
}

pub(super) fn read_grant(item: &Json<'_>) -> Result<GrantKey, Odd> {
    match (
        text(item, "user_assertion_hash")?,
        text(item, "home_account_id")?,
    ) {
        (Some(hash), _) => {
            // The digest of an assertion, as against a key of the caller's own, by which MSAL.NET can keep such tokens too.
            let digest = URL_SAFE_NO_PAD.decode(hash).map_err(|_| Odd)?;
            digest.try_into().map(GrantKey::OnBehalfOf).map_err(|_| Odd)
        }
        (None, Some(home_id)) => Ok(GrantKey::Account(Account::from_home_id(home_id))),
        (None, None) => Ok(GrantKey::App),
    }
}

pub(super) fn read_further(
    extension: &BTreeMap<String, String>,
    own: &Json<'_>,
) -> Result<Option<Box<Further>>, Odd> {
    // As requests have them, so that blanks do not count.
    let claims = |name: &str| match extension.get(name) {
        None => Ok(None),
        Some(text) => claims::read(text)
            .map(|claims| Some(claims.to_text().to_string()))
            .map_err(|_| Odd),
    };
    let further = Further {
        client_claims: claims(CLIENT_CLAIMS)?,
        assertion_claims: claims(ASSERTION_CLAIMS)?,
        body: texts(own, "body")?,
        query: texts(own, "query")?,
    };
    Ok((further != Further::default()).then(|| Box::new(further)))
}

/// Whatever else the item says that tells its token from others has to be what we would say of this key.
pub(super) fn check_extension(
    item: &Json<'_>,
    key: &TokenKey,
    mut extension: BTreeMap<String, String>,
) -> Result<(), Odd> {
    let expected = names::extension(key);
    // MSAL.NET writes claims as it was given them, and does not need to be kept from a token on behalf of a user.
    for name in [CLIENT_CLAIMS, ASSERTION_CLAIMS] {
        if let (Some(found), Some(value)) = (extension.get_mut(name), expected.get(name)) {
            found.clone_from(value);
        }
    }
    if let Some(hash) = expected.get(USER_ASSERTION) {
        extension
            .entry(USER_ASSERTION.to_owned())
            .or_insert_with(|| hash.clone());
    }
    let hash = text(item, "ext_cache_key")?;
    let same_hash = hash.is_none() || hash == names::extension_hash(key, &expected).as_deref();
    (extension == expected && same_hash)
        .then_some(())
        .ok_or(Odd)
}

/// One or more, where an application's token can't be without.
pub(super) fn read_scopes(target: &str, grant: &GrantKey) -> Result<ScopeSet, Odd> {
    if target.chars().any(char::is_control) {
        return Err(Odd);
    }
    let scopes = ScopeSet::of(target.split(' ').filter(|scope| !scope.is_empty()));
    let needed = matches!(grant, GrantKey::App | GrantKey::OnBehalfOf(_));
    (!needed || !scopes.text().is_empty())
        .then_some(scopes)
        .ok_or(Odd)
}
