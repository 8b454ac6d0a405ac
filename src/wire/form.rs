//! Form bodies: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
//!
//! The buffer is sized before the first byte, because one that grows leaves copies of its secrets behind.

use url::form_urlencoded::byte_serialize;

use crate::secret::Body;

/// The names that the protocol uses, in forms and in the URLs of token endpoints: no parameter of a caller's own may be one.
const RESERVED: &[&str] = &[
    "assertion",
    "claims",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_info",
    "client_secret",
    "code",
    "code_verifier",
    "device_code",
    "fmi_path",
    "grant_type",
    "key_id",
    "password",
    "redirect_uri",
    "refresh_token",
    "req_cnf",
    "requested_token_use",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "token_type",
    "user_federated_identity_credential",
    "user_id",
    "username",
];

/// Whether a name is the protocol's, in whatever case of letters.
pub(crate) fn is_reserved(name: &str) -> bool {
    RESERVED
        .iter()
        .any(|reserved| reserved.eq_ignore_ascii_case(name.trim()))
}

/// A form under construction. Names and values are encoded, so that no value can become a name.
#[derive(Default)]
pub(crate) struct Form<'a> {
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Form<'a> {
    pub(crate) fn with_room() -> Self {
        Self {
            fields: Vec::with_capacity(12),
        }
    }

    pub(crate) fn field(&mut self, name: &'a str, value: &'a str) {
        self.fields.push((name, value));
    }

    pub(crate) fn optional(&mut self, name: &'a str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(crate) fn encode(&self) -> Body {
        let size = |(name, value): &(&str, &str)| -> usize {
            let encoded =
                |text: &str| -> usize { byte_serialize(text.as_bytes()).map(str::len).sum() };
            encoded(name)
                .saturating_add(encoded(value))
                .saturating_add(2)
        };
        let mut bytes = Vec::with_capacity(self.fields.iter().map(size).sum());
        for (place, (name, value)) in self.fields.iter().enumerate() {
            if place > 0 {
                bytes.push(b'&');
            }
            for run in byte_serialize(name.as_bytes()) {
                bytes.extend_from_slice(run.as_bytes());
            }
            bytes.push(b'=');
            for run in byte_serialize(value.as_bytes()) {
                bytes.extend_from_slice(run.as_bytes());
            }
        }
        Body::from(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec08_a_value_can_not_become_a_name() {
        let mut form = Form::with_room();
        form.field("scope", "a&client_secret=x b\r\né%");
        form.field("empty", "");
        let body = form.encode();
        assert_eq!(
            body.expose(),
            b"scope=a%26client_secret%3Dx+b%0D%0A%C3%A9%25&empty="
        );
        let decoded: Vec<_> = url::form_urlencoded::parse(body.expose()).collect();
        assert_eq!(decoded.len(), 2);
        assert_eq!(decoded[0].1, "a&client_secret=x b\r\né%");
    }
}
