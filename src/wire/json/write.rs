//! Writing JSON: without blanks, characters as they are but for those that must be escaped (RFC 8259 §7).

use std::borrow::Cow;
use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::Json;

impl Json<'_> {
    /// The value as text, without blanks. Its buffer is sized before the first byte, because one that grows leaves copies behind.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.length()));
        self.write(&mut text);
        text
    }

    /// Writes the value, without blanks.
    pub(crate) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(digits) => out.push_str(digits),
            Self::Text(text) => write_text(text, out),
            Self::Array(elements) => {
                out.push('[');
                for (place, element) in elements.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    element.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (place, (key, value)) in members.iter().enumerate() {
                    if place > 0 {
                        out.push(',');
                    }
                    write_text(key, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }

    /// How many bytes [`write`](Self::write) writes.
    fn length(&self) -> usize {
        match self {
            Self::Null | Self::Bool(true) => 4,
            Self::Bool(false) => 5,
            Self::Number(digits) => digits.len(),
            Self::Text(text) => text_length(text),
            Self::Array(elements) => enclosed(elements.iter().map(Self::length)),
            Self::Object(members) => {
                let member = |(key, value): &(Cow<'_, str>, Self)| {
                    text_length(key)
                        .saturating_add(value.length())
                        .saturating_add(1)
                };
                enclosed(members.iter().map(member))
            }
        }
    }
}

/// The length of so many parts with their brackets and commas.
fn enclosed(parts: impl ExactSizeIterator<Item = usize>) -> usize {
    let commas = parts.len().saturating_sub(1);
    parts.fold(commas.saturating_add(2), usize::saturating_add)
}

/// Writes text with its quotation marks.
pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{0}'..='\u{1f}' => {
                let code = u32::from(character);
                // Writing into a `String` can't fail.
                let _ = write!(out, "\\u{code:04x}");
            }
            _ => out.push(character),
        }
    }
    out.push('"');
}

/// How many bytes [`write_text`] writes.
pub(crate) fn text_length(text: &str) -> usize {
    let written = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(written).sum::<usize>().saturating_add(2)
}
