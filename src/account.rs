//! Users: how the service names the one whose token it issued, and how a caller names the one it wants a token for.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::wire::json::Json;

/// A user who signed in, as the service names them: `uid.utid`, the MSALs' home account id. It is no secret, and no proof.
///
/// It comes with a user's token ([`AccessToken::account`](crate::AccessToken::account)) and can be stored as text.
///
/// ```
/// let account = entra_proto::Account::from_home_id("33333333-0000-0000-0000-000000000000.22222222-0000-0000-0000-000000000000");
/// assert!(account.home_id().ends_with("22222222-0000-0000-0000-000000000000"));
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Account(Arc<str>);

impl Account {
    /// An account whose id was stored earlier.
    #[must_use]
    pub fn from_home_id(home_id: &str) -> Self {
        Self(home_id.into())
    }

    /// The home account id.
    #[must_use]
    pub fn home_id(&self) -> &str {
        &self.0
    }

    /// Whether both name one user: ids are GUIDs, whose case says nothing.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }

    /// Reads `client_info`: base64url of a JSON object with the user's id and the tenant's.
    pub(crate) fn from_client_info(client_info: &str) -> Option<Self> {
        let document = URL_SAFE_NO_PAD
            .decode(client_info.trim_end_matches('='))
            .ok()?;
        let document = Json::object(&document).ok()?;
        let part = |name| {
            let text = document.get(name)?.text()?;
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            ((1..=128).contains(&text.len()) && text.bytes().all(plain)).then_some(text)
        };
        Some(Self(format!("{}.{}", part("uid")?, part("utid")?).into()))
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Account").field(&self.0).finish()
    }
}

/// The user whom a federated identity credential is for.
///
/// ```
/// use entra_proto::{Secret, TokenRequest, User};
///
/// let user = User::PrincipalName("user@contoso.com".into());
/// let request = TokenRequest::federated_user(Secret::new("header.claims.signature"), user, ["https://graph.microsoft.com/.default"]);
/// # let _ = request;
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum User {
    /// By object id: a GUID.
    ObjectId(String),
    /// By user principal name, such as `user@contoso.com`.
    PrincipalName(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_info_names_the_account_or_nobody() {
        let read = |json: &str| {
            Account::from_client_info(&URL_SAFE_NO_PAD.encode(json))
                .map(|account| account.home_id().to_owned())
        };
        assert_eq!(
            read(r#"{"uid":"u-1","utid":"t-1","more":1}"#).as_deref(),
            Some("u-1.t-1")
        );
        for odd in [
            "",
            "{}",
            r#"{"uid":"u"}"#,
            r#"{"uid":"u","utid":""}"#,
            r#"{"uid":"u","utid":"a.b"}"#,
            r#"{"uid":1,"utid":"t"}"#,
            r#"{"uid":"u","uid":"v","utid":"t"}"#,
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(Account::from_client_info("%%"), None);
    }
}
