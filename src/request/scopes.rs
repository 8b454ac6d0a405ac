//! The scopes of a request, gone through when they are named: a request is cloned for each call, and its clones share what came of it.

use std::fmt;
use std::sync::Arc;

use crate::cache::ScopeSet;
use crate::error::{Code, Error, shown};
use crate::wire::form::Encoded;

use super::Grant;

/// What a caller named, and what it means.
#[derive(Clone)]
pub(crate) struct Scopes {
    /// Here once more, where a look-up need not wait for it.
    set: Option<ScopeSet>,
    named: Arc<Named>,
}

struct Named {
    spelled: Vec<String>,
    read: Result<Read, Error>,
}

enum Read {
    Asked(Asked),
    /// None was named, for a grant whose default has the client's name in it.
    Default,
}

/// What is asked for.
#[derive(Clone)]
pub(crate) struct Asked {
    /// What the token is remembered by.
    pub(crate) set: ScopeSet,
    /// As it was spelled.
    pub(crate) target: Arc<str>,
    /// What the body asks for.
    pub(crate) text: Encoded,
}

impl Scopes {
    pub(super) fn named(spelled: Vec<String>, grant: &Grant) -> Self {
        let read = read(&spelled, grant);
        let set = match &read {
            Ok(Read::Asked(asked)) => Some(asked.set.clone()),
            Ok(Read::Default) | Err(_) => None,
        };
        let named = Arc::new(Named { spelled, read });
        Self { set, named }
    }

    /// What is asked for as a set, if it makes sense and no client has to be known for it.
    pub(crate) fn set(&self) -> Option<&ScopeSet> {
        self.set.as_ref()
    }

    /// What a client of this id asks for.
    pub(crate) fn asked(&self, grant: &Grant, client_id: &str) -> Result<Asked, Error> {
        match &self.named.read {
            Ok(Read::Asked(asked)) => Ok(asked.clone()),
            // What MSAL asks for then. Without a name for it, any token of the account would serve.
            Ok(Read::Default) => Ok(Asked::of(&[&format!("{client_id}/.default")], grant)),
            Err(error) => Err(error.clone()),
        }
    }
}

fn read(spelled: &[String], grant: &Grant) -> Result<Read, Error> {
    let mut scopes: Vec<&str> = Vec::new();
    for item in spelled {
        if item.trim().is_empty() || item.chars().any(char::is_control) {
            return Err(Error::new(
                Code::InvalidScope,
                format!(
                    "the scope \"{}\" is blank or has control characters",
                    shown(item)
                ),
            ));
        }
        for scope in item.split(' ').filter(|scope| !scope.is_empty()) {
            if !has(&scopes, scope) {
                scopes.push(scope);
            }
        }
    }
    match grant {
        Grant::ClientCredentials | Grant::OnBehalfOf(_) | Grant::FederatedUser { .. }
            if scopes.is_empty() =>
        {
            Err(Error::new(
                Code::ScopesRequired,
                "the request names no scope",
            ))
        }
        Grant::RefreshToken(_) | Grant::Account(_) if scopes.is_empty() => Ok(Read::Default),
        Grant::ClientCredentials
        | Grant::OnBehalfOf(_)
        | Grant::RefreshToken(_)
        | Grant::AuthorizationCode { .. }
        | Grant::FederatedUser { .. }
        | Grant::Account(_) => Ok(Read::Asked(Asked::of(&scopes, grant))),
    }
}

impl Asked {
    fn of(scopes: &[&str], grant: &Grant) -> Self {
        let mut sent = scopes.to_vec();
        if *grant != Grant::ClientCredentials {
            // What brings a user's refresh token and ID token (OpenID Connect Core §5.4 and §11), as MSAL asks for it.
            for reserved in ["openid", "profile", "offline_access"] {
                if !has(&sent, reserved) {
                    sent.push(reserved);
                }
            }
        }
        Self {
            set: ScopeSet::of(scopes.iter().copied()),
            target: scopes.join(" ").into(),
            text: Encoded::of(&sent.join(" ")),
        }
    }
}

/// Scopes compare without regard to case.
fn has(scopes: &[&str], scope: &str) -> bool {
    scopes.iter().any(|other| other.eq_ignore_ascii_case(scope))
}

impl PartialEq for Scopes {
    /// Whether the same was named.
    fn eq(&self, other: &Self) -> bool {
        self.named.spelled == other.named.spelled
    }
}

impl Eq for Scopes {}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.named.spelled.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::TokenRequest;

    #[test]
    fn scopes_are_remembered_as_a_set_and_sent_as_they_were_spelled() {
        let account = crate::account::Account::from_home_id("user.tenant");
        let jwt = crate::secret::Secret::new("jwt");
        let rows: [(TokenRequest, &[&str], &str, &str); 3] = [
            (
                TokenRequest::for_app(["B a", "b", "A"]),
                &["a", "b"],
                "B a",
                "B+a",
            ),
            (
                TokenRequest::on_behalf_of(jwt, ["OpenID b"]),
                &["b", "openid"],
                "OpenID b",
                "OpenID+b+profile+offline_access",
            ),
            (
                TokenRequest::for_account(account, [""; 0]),
                &["app/.default"],
                "app/.default",
                "app%2F.default+openid+profile+offline_access",
            ),
        ];
        for (request, set, target, sent) in rows {
            let asked = request.scopes.asked(&request.grant, "app");
            let asked = asked.expect("scopes that make sense");
            assert!(asked.set == ScopeSet::of(set.iter().copied()), "{target}");
            assert_eq!(&*asked.target, target);
            let mut form = crate::wire::form::Form::default();
            form.encoded("scope", &asked.text);
            assert_eq!(form.encode().expose(), format!("scope={sent}").as_bytes());
        }
    }

    #[test]
    fn clones_of_a_request_share_what_they_ask_for_and_equal_ones_name_the_same() {
        let request = TokenRequest::for_app(["a"]);
        let target = |request: &TokenRequest| {
            let asked = request.scopes.asked(&request.grant, "app");
            asked.expect("a scope").target
        };
        let clone = request.clone().tenant("contoso.com");
        assert!(Arc::ptr_eq(&target(&request), &target(&clone)));
        let anew = TokenRequest::for_app(["a"]);
        assert!(!Arc::ptr_eq(&target(&request), &target(&anew)));
        assert!(request == anew && request != TokenRequest::for_app(["A"]));
        assert_eq!(format!("{:?}", request.scopes), "[\"a\"]");
    }
}
