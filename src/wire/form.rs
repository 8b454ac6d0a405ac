//! Form bodies: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
//!
//! The buffer is sized before the first byte, because one that grows leaves copies of its secrets behind.

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
    /// The protocol's own fields, which are fewer than this.
    first: [(&'a str, &'a str); 16],
    count: usize,
    more: Vec<(&'a str, &'a str)>,
}

impl<'a> Form<'a> {
    pub(crate) fn field(&mut self, name: &'a str, value: &'a str) {
        match self.first.get_mut(self.count) {
            Some(place) => {
                *place = (name, value);
                self.count = self.count.saturating_add(1);
            }
            None => self.more.push((name, value)),
        }
    }

    fn fields(&self) -> impl Iterator<Item = &(&'a str, &'a str)> {
        self.first.iter().take(self.count).chain(&self.more)
    }

    pub(crate) fn optional(&mut self, name: &'a str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(crate) fn encode(&self) -> Body {
        let size = |(name, value): &(&str, &str)| -> usize {
            encoded_length(name)
                .saturating_add(encoded_length(value))
                .saturating_add(2)
        };
        let mut bytes = Vec::with_capacity(self.fields().map(size).sum());
        for (place, (name, value)) in self.fields().enumerate() {
            if place > 0 {
                bytes.push(b'&');
            }
            encode(name, &mut bytes);
            bytes.push(b'=');
            encode(value, &mut bytes);
        }
        Body::from(bytes)
    }
}

/// What stays as it is (WHATWG URL §5.2, as in RFC 6749 appendix B).
const fn is_plain(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'*' | b'-' | b'.' | b'_')
}

/// Every byte as it is, or three; a blank is a plus sign.
fn encoded_length(text: &str) -> usize {
    let escaped = text
        .bytes()
        .map(|byte| usize::from(!is_plain(byte) && byte != b' '))
        .sum::<usize>();
    text.len().saturating_add(escaped.saturating_mul(2))
}

/// Copies what is plain in runs: an assertion of two kilobytes has a handful of other bytes.
fn encode(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    let mut rest = text.as_bytes();
    while let Some(place) = rest.iter().position(|byte| !is_plain(*byte)) {
        let (plain, other) = rest.split_at(place);
        out.extend_from_slice(plain);
        match other.split_first() {
            Some((b' ', after)) => {
                out.push(b'+');
                rest = after;
            }
            Some((byte, after)) => {
                out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 0xf)]);
                rest = after;
            }
            None => rest = other,
        }
    }
    out.extend_from_slice(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec08_a_value_can_not_become_a_name() {
        let mut form = Form::default();
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

    #[test]
    fn however_many_fields_there_are_each_is_there() {
        let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
        let mut form = Form::default();
        for name in &names {
            form.field(name, "v");
        }
        let expected: Vec<String> = names.iter().map(|name| format!("{name}=v")).collect();
        assert_eq!(form.encode().expose(), expected.join("&").as_bytes());
    }

    #[test]
    fn every_character_is_encoded_as_browsers_do_it_and_the_room_is_exact() {
        let all: String = (0..=0x7f_u8).map(char::from).chain("é😀".chars()).collect();
        for text in ["", "plain", " ", "a b", "~*-._", &all] {
            let mut out = Vec::with_capacity(encoded_length(text));
            let room = out.capacity();
            encode(text, &mut out);
            let expected: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            assert_eq!(out, expected.as_bytes());
            assert_eq!((out.len(), out.capacity()), (encoded_length(text), room));
        }
    }
}
