//! Form bodies: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
//!
//! The buffer is sized before the first byte, because one that grows leaves copies of its secrets behind.

use std::sync::Arc;

use crate::secret::Body;

use super::bytes::{all_are, is_within};

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
    /// The protocol's own fields, which are no more than this.
    first: [(Measured<'a>, Measured<'a>); 12],
    count: usize,
    more: Vec<(Measured<'a>, Measured<'a>)>,
}

impl<'a> Form<'a> {
    /// One of the protocol's fields: such a name stays as it is.
    pub(crate) fn field(&mut self, name: &'static str, value: &'a str) {
        self.add(Measured::plain(name), Measured::new(value));
    }

    /// One of whose value it is known whether it stays as it is.
    pub(crate) fn judged(&mut self, name: &'static str, value: &'a str, is_plain: bool) {
        if is_plain {
            self.add(Measured::plain(name), Measured::plain(value));
        } else {
            self.field(name, value);
        }
    }

    /// One whose value is the protocol's too, and stays as it is.
    pub(crate) fn fixed(&mut self, name: &'static str, value: &'static str) {
        self.add(Measured::plain(name), Measured::plain(value));
    }

    /// One whose value was encoded before.
    pub(crate) fn encoded(&mut self, name: &'static str, value: &'a Encoded) {
        self.add(Measured::plain(name), Measured::plain(&value.0));
    }

    /// One of the caller's own.
    pub(crate) fn other(&mut self, name: &'a str, value: &'a str) {
        self.add(Measured::new(name), Measured::new(value));
    }

    fn add(&mut self, name: Measured<'a>, value: Measured<'a>) {
        let field = (name, value);
        match self.first.get_mut(self.count) {
            Some(place) => {
                *place = field;
                self.count = self.count.saturating_add(1);
            }
            None => self.more.push(field),
        }
    }

    fn fields(&self) -> impl Iterator<Item = &(Measured<'a>, Measured<'a>)> {
        self.first.iter().take(self.count).chain(&self.more)
    }

    pub(crate) fn optional(&mut self, name: &'static str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(crate) fn encode(&self) -> Body {
        let size = |(name, value): &(Measured<'_>, Measured<'_>)| -> usize {
            name.length.saturating_add(value.length).saturating_add(2)
        };
        let mut bytes = Vec::with_capacity(self.fields().map(size).sum());
        for (place, (name, value)) in self.fields().enumerate() {
            if place > 0 {
                bytes.push(b'&');
            }
            name.encode(&mut bytes);
            bytes.push(b'=');
            value.encode(&mut bytes);
        }
        Body::from(bytes)
    }
}

/// A value that is sent often, encoded once. Clones share it.
#[derive(Clone)]
pub(crate) struct Encoded(Arc<str>);

impl Encoded {
    pub(crate) fn of(text: &str) -> Self {
        let measured = Measured::new(text);
        let mut bytes = Vec::with_capacity(measured.length);
        measured.encode(&mut bytes);
        Self(String::from_utf8(bytes).unwrap_or_default().into())
    }
}

/// A text, and what encoding it takes: gone through once, since an assertion is two kilobytes long.
#[derive(Clone, Copy, Default)]
struct Measured<'a> {
    text: &'a str,
    /// How long it is when it is encoded.
    length: usize,
    /// Nothing in it changes, as in every assertion.
    is_plain: bool,
}

impl<'a> Measured<'a> {
    fn new(text: &'a str) -> Self {
        if is_plain(text) {
            return Self::plain(text);
        }
        // Every byte stays as it is, or becomes three; a blank becomes a plus sign.
        let room = |byte| match byte {
            b' ' => 1,
            byte if stays(byte) => 1,
            _ => 3,
        };
        Self {
            text,
            length: text.bytes().map(room).sum(),
            is_plain: false,
        }
    }

    const fn plain(text: &'a str) -> Self {
        Self {
            text,
            length: text.len(),
            is_plain: true,
        }
    }

    /// Copies what is plain in runs.
    fn encode(&self, out: &mut Vec<u8>) {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
        let mut rest = self.text.as_bytes();
        if self.is_plain {
            out.extend_from_slice(rest);
            return;
        }
        while let Some(place) = rest.iter().position(|byte| !stays(*byte)) {
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
}

/// Whether a text stays as it is, whole.
pub(crate) fn is_plain(text: &str) -> bool {
    all_are(text.as_bytes(), stays)
}

/// What stays as it is (WHATWG URL §5.2, as in RFC 6749 appendix B). Without a branch, so that many bytes are judged at once.
fn stays(byte: u8) -> bool {
    let letter = is_within(byte | 0x20, b'a', 26);
    // Dash, period, slash and the digits are one after another.
    let digit = is_within(byte, b'-', 13) & (byte != b'/');
    letter | digit | (byte == b'*') | (byte == b'_')
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

    /// What is plain is copied whole, so a text that is taken for plain and is not would be sent as it is.
    #[test]
    fn a_text_is_plain_if_every_byte_of_it_stays() {
        assert!(is_plain("") && is_plain("eyJhbGciOiJQUzI1NiJ9.e30.A-Z_a-z0-9*"));
        for byte in (0..=0x7f_u8).filter(|byte| !stays(*byte)) {
            let text = format!("eyJhbGciOiJQUzI1NiJ9.e30.{}", char::from(byte));
            assert!(!is_plain(&text), "{byte}");
        }
        assert!(!is_plain("é"));
    }

    #[test]
    fn however_many_fields_there_are_each_is_there() {
        let names: Vec<String> = (0..40).map(|number| format!("n{number}")).collect();
        let mut form = Form::default();
        for name in &names {
            form.other(name, "v");
        }
        let expected: Vec<String> = names.iter().map(|name| format!("{name}=v")).collect();
        assert_eq!(form.encode().expose(), expected.join("&").as_bytes());
    }

    #[test]
    fn every_character_is_encoded_as_browsers_do_it_and_the_room_is_exact() {
        let all: String = (0..=0x7f_u8).map(char::from).chain("é😀".chars()).collect();
        let long = "k".repeat(400);
        let far: String = [0, 31, 32, 33, 63, 64, 127, 128, 300]
            .iter()
            .flat_map(|run| [&long[..*run], "/"])
            .collect();
        let escaped = "%".repeat(400);
        let all = all.as_str();
        for text in ["", "plain", " ", "a b", "~*-._", all, &long, &far, &escaped] {
            let measured = Measured::new(text);
            let mut out = Vec::with_capacity(measured.length);
            let room = out.capacity();
            measured.encode(&mut out);
            let expected: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
            assert_eq!(out, expected.as_bytes());
            assert_eq!((out.len(), out.capacity()), (measured.length, room));
        }
    }
}
