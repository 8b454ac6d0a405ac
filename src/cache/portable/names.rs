//! The names of items, and what keeps the tokens of one principal from serving another.
//!
//! The schema tells tokens apart by account, host, client, tenant, scopes, kind and key; we by more. The rest goes where each of
//! the other libraries looks for what it does not know, so that none of them takes our token for one of its own: `ext` for
//! MSAL.NET, `ext_cache_key` for MSAL for Python, `keyid` for MSAL Go.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::authority::{Authority, AuthorityKind};
use crate::cache::TokenKind;
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::{Further, GrantKey, TokenKey};
use crate::uuid::Uuid;

/// What MSAL.NET calls the members of `ext` that both of us have.
pub(super) const FMI_PATH: &str = "fmi_path";
pub(super) const ASSERTION_FMI_PATH: &str = "credential_fmi_path";
pub(super) const CLIENT_CLAIMS: &str = "client_claims";
pub(super) const ASSERTION_CLAIMS: &str = "extra_client_assertion_claims";
/// What we call the others. No parameter's name begins so, because of its prefix.
const AUTHORITY: &str = "entra_proto:authority";
const PARTITION: &str = "entra_proto:partition";
const CERTIFICATE: &str = "entra_proto:x5t#S256";
pub(super) const USER_ASSERTION: &str = "entra_proto:user_assertion_hash";

const KINDS: &[(AuthorityKind, &str)] = &[
    (AuthorityKind::Entra, "entra"),
    (AuthorityKind::Dsts, "dsts"),
    (AuthorityKind::Adfs, "adfs"),
    (AuthorityKind::B2c, "b2c"),
    (AuthorityKind::Ciam, "ciam"),
    (AuthorityKind::Oidc, "oidc"),
];

pub(super) fn kind_name(kind: AuthorityKind) -> &'static str {
    let found = KINDS.iter().find(|(of, _)| *of == kind);
    found.map_or("", |(_, name)| name)
}

pub(super) fn kind_named(name: &str) -> Option<AuthorityKind> {
    let found = KINDS.iter().find(|(_, of)| *of == name);
    found.map(|(kind, _)| *kind)
}

/// Whether host and tenant alone lead back to this authority.
pub(super) fn is_told_by_host(kind: AuthorityKind, name: &str, tenant: Option<&str>) -> bool {
    Authority::of_environment(Authority::environment(kind, name), tenant)
        .is_some_and(|told| told.kind() == kind && *told.cache_name() == *name)
}

/// Everything of a key that the schema has no member for, by the names that MSAL.NET gives it where it knows it.
pub(super) fn extension(key: &TokenKey) -> BTreeMap<String, String> {
    let mut extension = BTreeMap::new();
    let mut add = |name: &str, value: Option<&String>| {
        if let Some(value) = value {
            extension.insert(name.to_owned(), value.clone());
        }
    };
    let none = Further::default();
    let further = key.further.as_deref().unwrap_or(&none);
    add(FMI_PATH, key.fmi_path.as_ref());
    add(ASSERTION_FMI_PATH, key.assertion_fmi_path.as_ref());
    add(CLIENT_CLAIMS, further.client_claims.as_ref());
    add(ASSERTION_CLAIMS, further.assertion_claims.as_ref());
    add(PARTITION, key.partition.as_ref());
    for (name, value) in &further.body {
        let taken = [
            FMI_PATH,
            ASSERTION_FMI_PATH,
            CLIENT_CLAIMS,
            ASSERTION_CLAIMS,
        ];
        if taken.contains(&name.as_str()) || name.contains(':') {
            add(&format!("body:{name}"), Some(value));
        } else {
            add(name, Some(value));
        }
    }
    for (name, value) in &further.query {
        add(&format!("query:{name}"), Some(value));
    }
    if !is_told_by_host(key.authority_kind, &key.authority, Some(&key.tenant)) {
        let authority = format!("{} {}", kind_name(key.authority_kind), key.authority);
        add(AUTHORITY, Some(&authority));
    }
    if let GrantKey::OnBehalfOf(digest) = &key.grant {
        add(USER_ASSERTION, Some(&URL_SAFE_NO_PAD.encode(digest)));
    }
    extension
}

/// The `ext_cache_key` of MSAL for Python and Go: of names and values, each with its length before it, in lower case. In MSAL for
/// Python a token that has one is found by that alone, and one that has none by whoever asks without, whatever its kind is.
pub(super) fn extension_hash(
    key: &TokenKey,
    extension: &BTreeMap<String, String>,
) -> Option<String> {
    let mut extension = extension.clone();
    if let Some(certificate) = key.certificate {
        extension.insert(CERTIFICATE.to_owned(), certificate.to_string());
    }
    let mut text = String::new();
    for (name, value) in &extension {
        text.push_str(&format!("{}:{name}{}:{value}", name.len(), value.len()));
    }
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(text.as_bytes()));
    (!extension.is_empty()).then(|| hash.to_ascii_lowercase())
}

/// The hash in MSAL.NET's item keys: of names and values with nothing between them.
pub(super) fn concatenated_hash(extension: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in extension {
        hash.update(name.as_bytes());
        hash.update(value.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// What the MSALs name an item by. Parts may contain what separates them, so two different items can have the same.
pub(super) fn standard_name(parts: &[&str]) -> String {
    parts.join("-").to_ascii_lowercase()
}

/// The name of an access token: the standard one where no two tokens can have the same, and else one that goes on with a digest
/// of everything that tells it from others. The standard part has no capital letters, so that it can't go on like that of itself.
/// A token that is kept for a certificate has a name that ends in the certificate's.
pub(super) fn access_token_name(key: &TokenKey, scopes: &ScopeSet) -> String {
    let extension = extension(key);
    let environment = Authority::environment(key.authority_kind, &key.authority);
    let home_id = match &key.grant {
        GrantKey::Account(account) => account.home_id(),
        GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => "",
    };
    let target = scopes.text();
    let hash = concatenated_hash(&extension);
    let descriptor = match (extension.is_empty(), key.kind) {
        (false, _) => "atext",
        (true, TokenKind::Bearer) => "accesstoken",
        (true, TokenKind::MtlsPop) => "accesstoken_with_authscheme",
    };
    let mut parts = vec![
        home_id,
        environment,
        descriptor,
        &key.client,
        &key.tenant,
        target,
    ];
    if key.kind == TokenKind::MtlsPop {
        parts.push(TokenKind::MtlsPop.as_str());
    }
    if !extension.is_empty() {
        parts.push(&hash);
    }
    let standard = standard_name(&parts);
    if extension.is_empty() && key.certificate.is_none() && is_plain(home_id, key) {
        return standard;
    }
    let mut digest = Lengthy::of("access token");
    digest.token_key(key, scopes);
    let name = with_digest(&standard, digest);
    match key.certificate {
        Some(certificate) => format!("{name}-{certificate}"),
        None => name,
    }
}

pub(super) fn with_digest(standard: &str, digest: Lengthy) -> String {
    format!("{standard}-SHA256.{}", digest.finish())
}

/// Parts that can be told apart although hyphens stand between them: the ids are GUIDs, of one length; a tenant that is none has
/// a dot and no hyphen; and of the hosts that are told by themselves none goes on like another after a hyphen.
fn is_plain(home_id: &str, key: &TokenKey) -> bool {
    let has_plain_host = {
        let host = Authority::environment(key.authority_kind, &key.authority);
        key.authority_kind == AuthorityKind::Entra || !host.contains('-')
    };
    let has_plain_tenant =
        is_plain_id(&key.tenant) || (key.tenant.contains('.') && !key.tenant.contains('-'));
    is_plain_home_id(home_id) && has_plain_host && is_plain_id(&key.client) && has_plain_tenant
}

/// None at all, or user and tenant.
pub(super) fn is_plain_home_id(home_id: &str) -> bool {
    home_id.is_empty()
        || home_id
            .split_once('.')
            .is_some_and(|(user, tenant)| is_plain_id(user) && is_plain_id(tenant))
}

pub(super) fn is_plain_id(text: &str) -> bool {
    Uuid::parse(text).is_some() && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// A digest of parts with their lengths before them, so that no other parts are the same bytes (T13).
pub(super) struct Lengthy(Sha256);

impl Lengthy {
    /// Parts of one purpose.
    pub(super) fn of(purpose: &str) -> Self {
        let mut digest = Self(Sha256::new());
        digest.text(purpose);
        digest
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.update(bytes);
    }

    pub(super) fn optional(&mut self, text: Option<&str>) {
        self.count(usize::from(text.is_some()));
        if let Some(text) = text {
            self.text(text);
        }
    }

    pub(super) fn token_key(&mut self, key: &TokenKey, scopes: &ScopeSet) {
        let none = Further::default();
        let further = key.further.as_deref().unwrap_or(&none);
        self.text(kind_name(key.authority_kind));
        self.text(&key.authority);
        self.text(&key.tenant);
        self.text(&key.client);
        self.text(key.kind.as_str());
        self.optional(key.certificate.map(|of| of.to_string()).as_deref());
        match &key.grant {
            GrantKey::App => self.text("app"),
            GrantKey::OnBehalfOf(digest) => {
                self.text("on behalf of");
                self.bytes(digest);
            }
            GrantKey::Account(account) => {
                self.text("account");
                self.text(account.home_id());
            }
            GrantKey::Once => self.text("once"),
        }
        self.optional(key.fmi_path.as_deref());
        self.optional(key.assertion_fmi_path.as_deref());
        self.optional(key.partition.as_deref());
        self.optional(further.client_claims.as_deref());
        self.optional(further.assertion_claims.as_deref());
        for parameters in [&further.body, &further.query] {
            self.count(parameters.len());
            for (name, value) in parameters {
                self.text(name);
                self.text(value);
            }
        }
        self.count(scopes.iter().count());
        for scope in scopes.iter() {
            self.text(scope);
        }
    }

    /// Base64url without padding.
    pub(super) fn finish(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.finalize())
    }

    fn count(&mut self, count: usize) {
        // A length that does not fit is of no text that a machine holds.
        self.0
            .update(u64::try_from(count).unwrap_or(u64::MAX).to_be_bytes());
    }
}
