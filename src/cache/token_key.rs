//! What tells one token from another but its scopes: a struct that is compared field by field, and whose tenant may be left out.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::account::Account;
use crate::authority::AuthorityKind;
use crate::certificate::Thumbprint;

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

/// Everything but the scopes that changes which token Entra issues, or to whom we may give it. What follows from the client alone is
/// shared by all its keys: then a comparison finds it at hand, however many there are.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct TokenKey {
    /// One host may serve several kinds of authority, which are different issuers.
    pub(crate) authority_kind: AuthorityKind,
    pub(crate) authority: Arc<str>,
    /// In lower case.
    pub(crate) tenant: String,
    pub(crate) client: Arc<str>,
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

impl TokenKey {
    /// Of Bearer tokens for this application, in no tenant, with nothing that may be left out.
    pub(crate) fn plain(
        authority_kind: AuthorityKind,
        authority: Arc<str>,
        client: Arc<str>,
    ) -> Self {
        Self {
            authority_kind,
            authority,
            tenant: String::new(),
            client,
            kind: TokenKind::Bearer,
            certificate: None,
            grant: GrantKey::App,
            fmi_path: None,
            assertion_fmi_path: None,
            partition: None,
            further: None,
        }
    }

    /// The same key for this tenant.
    pub(super) fn in_tenant(&self, tenant: String) -> Self {
        Self {
            authority_kind: self.authority_kind,
            authority: Arc::clone(&self.authority),
            tenant,
            client: Arc::clone(&self.client),
            kind: self.kind,
            certificate: self.certificate,
            grant: self.grant.clone(),
            fmi_path: self.fmi_path.clone(),
            assertion_fmi_path: self.assertion_fmi_path.clone(),
            partition: self.partition.clone(),
            further: self.further.clone(),
        }
    }

    pub(super) fn is_same_but_tenant(&self, other: &Self) -> bool {
        let Self {
            authority_kind,
            authority,
            tenant: _,
            client,
            kind,
            certificate,
            grant,
            fmi_path,
            assertion_fmi_path,
            partition,
            further,
        } = self;
        *authority_kind == other.authority_kind
            && *authority == other.authority
            && *client == other.client
            && *kind == other.kind
            && *certificate == other.certificate
            && *grant == other.grant
            && *fmi_path == other.fmi_path
            && *assertion_fmi_path == other.assertion_fmi_path
            && *partition == other.partition
            && *further == other.further
    }

    /// How many bytes it takes.
    pub(super) fn size(&self) -> usize {
        let long = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        [
            size_of::<Self>(),
            self.authority.len(),
            self.tenant.len(),
            self.client.len(),
            long(&self.fmi_path),
            long(&self.assertion_fmi_path),
            long(&self.partition),
            self.further.as_ref().map_or(0, |further| further.size()),
        ]
        .iter()
        .sum()
    }
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
