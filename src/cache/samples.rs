//! Keys and entries for the tests of what is remembered.

use std::sync::Arc;
use std::time::Duration;

use crate::authority::AuthorityKind;
use crate::secret::Secret;
use crate::time::{Now, Span};

use super::partition::{About, Beside, Entry, Issued};
use super::scopes::ScopeSet;
use super::token_key::{TokenKey, TokenKind};

/// The key of a token for this application, with nothing in it that may be left out.
pub(super) fn key(tenant: &str, client: &str) -> TokenKey {
    let name = "login.windows.net".into();
    let key = TokenKey::plain(AuthorityKind::Entra, name, client.into());
    key.in_tenant(tenant.to_owned())
}

/// An entry of an hour from `start` on.
pub(super) fn entry(
    scope: &str,
    start: Now,
    renew_at_age: Option<Duration>,
    beside: Beside,
) -> Entry {
    let life = Span::new(start, Duration::from_secs(3_600));
    let token = Secret::new("token");
    Entry {
        about: Arc::new(About {
            kind: TokenKind::Bearer,
            scopes: ScopeSet::of([scope]),
            target: scope.into(),
        }),
        region: None,
        issued: Arc::new(Issued::new(token, life, renew_at_age, beside)),
    }
}
