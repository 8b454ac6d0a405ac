//! The form of a token request: `application/x-www-form-urlencoded`, each parameter at most once.
//!
//! Values of parameters that are secrets do not show in `Debug`.

use std::fmt;

/// A decoded form.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Form(pub(crate) Vec<(String, String)>);

impl Form {
    /// Decodes a body if its content type says that it is a form; another body is an empty form.
    pub(crate) fn decode(content_type: Option<&str>, body: &[u8]) -> Self {
        let kind = content_type
            .unwrap_or_default()
            .split(';')
            .next()
            .unwrap_or_default()
            .trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Self::default();
        }
        Self(url::form_urlencoded::parse(body).into_owned().collect())
    }

    /// A parameter that is there and not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value.as_str()))
    }

    /// The first name that occurs twice.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut names: Vec<&str> = self.0.iter().map(|(key, _)| key.as_str()).collect();
        names.sort_unstable();
        names.windows(2).find_map(|pair| match pair {
            [first, second] if first == second => Some(*first),
            _ => None,
        })
    }
}

impl fmt::Debug for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.iter().map(|(key, value)| {
            (
                key,
                if is_secret(key) {
                    "[redacted]"
                } else {
                    value.as_str()
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

/// Is the value of this parameter a secret?
pub(crate) fn is_secret(name: &str) -> bool {
    matches!(
        name,
        "client_secret"
            | "client_assertion"
            | "assertion"
            | "refresh_token"
            | "code"
            | "code_verifier"
            | "password"
            | "user_federated_identity_credential"
    )
}
