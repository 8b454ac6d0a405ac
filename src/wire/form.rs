//! Form bodies: `application/x-www-form-urlencoded` (RFC 6749 appendix B).
//!
//! The buffer is sized before the first byte, because one that grows leaves copies of its secrets behind.

use url::form_urlencoded::byte_serialize;

use crate::secret::Body;

/// A form under construction. Names are ours; values are encoded, so that none can become a name.
#[derive(Default)]
pub(crate) struct Form<'a> {
    fields: Vec<(&'static str, &'a str)>,
}

impl<'a> Form<'a> {
    pub(crate) fn with_room() -> Self {
        Self {
            fields: Vec::with_capacity(12),
        }
    }

    pub(crate) fn field(&mut self, name: &'static str, value: &'a str) {
        self.fields.push((name, value));
    }

    pub(crate) fn optional(&mut self, name: &'static str, value: Option<&'a str>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    pub(crate) fn encode(&self) -> Body {
        let size = |(name, value): &(&str, &str)| -> usize {
            let encoded: usize = byte_serialize(value.as_bytes()).map(str::len).sum();
            name.len().saturating_add(encoded).saturating_add(2)
        };
        let mut bytes = Vec::with_capacity(self.fields.iter().map(size).sum());
        for (place, (name, value)) in self.fields.iter().enumerate() {
            if place > 0 {
                bytes.push(b'&');
            }
            bytes.extend_from_slice(name.as_bytes());
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
