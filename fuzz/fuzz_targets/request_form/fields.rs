//! What a caller writes, as the fuzzer's bytes say it, and the rules for it, written down a second time.

use crate::support;

/// The protocol's own names.
const RESERVED: &str = "client_id client_secret client_assertion client_assertion_type client_info scope claims grant_type \
    assertion requested_token_use refresh_token code redirect_uri code_verifier user_federated_identity_credential user_id \
    username token_type fmi_path req_cnf key_id password resource response_type response_mode device_code";

/// Each field is a letter that says which, then its text, up to a byte that no text has. A parameter's name and value have another
/// such byte between them.
pub(crate) struct Fields<'a>(Vec<(u8, &'a str, &'a str)>);

impl<'a> Fields<'a> {
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let fields = data.split(|byte| *byte == 0xff);
        let fields = fields.filter_map(<[u8]>::split_first).map(|(tag, field)| {
            let mut parts = field.splitn(2, |byte| *byte == 0xfe);
            let text = support::text(parts.next().unwrap_or_default())?;
            let value = support::text(parts.next().unwrap_or_default())?;
            Some((*tag, text, value))
        });
        let fields: Option<Vec<_>> = fields.collect();
        fields.filter(|fields| fields.len() <= 32).map(Self)
    }

    pub(crate) fn parameters(&self, tag: u8) -> Vec<(String, String)> {
        let fields = self.0.iter().filter(|(own, ..)| *own == tag);
        fields
            .map(|(_, name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    pub(crate) fn all(&self, tag: u8) -> impl Iterator<Item = &'a str> {
        let fields = self.0.iter().filter(move |(own, ..)| *own == tag);
        fields.map(|(_, text, _)| *text)
    }

    pub(crate) fn last(&self, tag: u8) -> Option<&'a str> {
        self.all(tag).last()
    }

    /// A secret, which would betray itself.
    pub(crate) fn secret(&self, tag: u8) -> String {
        format!("CANARY{}", self.last(tag).unwrap_or_default())
    }
}

pub(crate) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

pub(crate) fn is_plain(text: &str) -> bool {
    !text.trim().is_empty() && !has_control(text)
}

pub(crate) fn is_uuid(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12]
        && text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit())
}

/// A GUID or a DNS name.
pub(crate) fn is_tenant(text: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric();
    let label = |label: &str| {
        let bytes = label.as_bytes();
        label.len() <= 63
            && bytes.first().copied().is_some_and(letter)
            && bytes.last().copied().is_some_and(letter)
            && bytes.iter().all(|byte| letter(*byte) || *byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

/// A name each, no name twice, none of the protocol's, no control characters.
pub(crate) fn are_sound(parameters: &[(String, String)]) -> bool {
    let mut names: Vec<_> = parameters
        .iter()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    let reserved = |name: &String| RESERVED.split(' ').any(|reserved| reserved == name.trim());
    let each = parameters
        .iter()
        .all(|(name, value)| is_plain(name) && !has_control(value));
    let sound = each && !names.iter().any(reserved);
    names.sort();
    names.dedup();
    sound && names.len() == parameters.len()
}

/// Decodes `application/x-www-form-urlencoded`. It knows nothing of the encoder, and takes nothing but what may be written as it is
/// and what is escaped.
pub(crate) fn decoded(form: &str) -> Vec<(String, String)> {
    let text = |part: &str| {
        let mut bytes = Vec::new();
        let mut rest = part.bytes();
        while let Some(byte) = rest.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let hex = [rest.next(), rest.next()].map(|digit| digit.expect("two digits"));
                    let hex = std::str::from_utf8(&hex).expect("digits");
                    u8::from_str_radix(hex, 16).expect("hexadecimal")
                }
                plain => {
                    assert!(plain.is_ascii_alphanumeric() || b"-._*".contains(&plain));
                    plain
                }
            });
        }
        String::from_utf8(bytes).expect("text")
    };
    form.split('&')
        .map(|pair| {
            let (name, value) = pair.split_once('=').expect("a name and a value");
            (text(name), text(value))
        })
        .collect()
}
