//! A strict JSON reader (RFC 8259) for documents that come from outside.
//!
//! It accepts less than the RFC allows: no key twice in an object, bounded depth and size, nothing before or after the one
//! value. It borrows from the document, so a token is not copied while it is read, and an error says where, never what.

mod text;

use std::borrow::Cow;
use std::fmt::Write as _;

use zeroize::Zeroizing;

pub(crate) use text::Text;

/// How deep values may nest: Entra's documents need 4.
const MAX_DEPTH: u8 = 8;
/// How many members an object, or elements an array, may have.
const MAX_MEMBERS: usize = 256;
/// How long a member's name may be, in bytes.
const MAX_KEY: usize = 256;

/// A value, borrowing its text where the document has it without escapes.
#[derive(Clone, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(Cow<'a, str>),
    Text(Text<'a>),
    Array(Vec<Self>),
    Object(Vec<(Cow<'a, str>, Self)>),
}

/// Where a document stopped making sense, in bytes from its start.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed {
    pub(crate) at: usize,
}

impl<'a> Json<'a> {
    /// Reads a document that is one object.
    pub(crate) fn object(document: &'a [u8]) -> Result<Self, Malformed> {
        let text = std::str::from_utf8(document).map_err(|error| Malformed {
            at: error.valid_up_to(),
        })?;
        let mut reader = Reader { text, at: 0 };
        reader.blanks();
        if reader.peek() != Some(b'{') {
            return Err(reader.malformed());
        }
        let value = reader.value(0)?;
        reader.blanks();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.malformed()),
        }
    }

    /// The member of this name, if this is an object that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    pub(crate) fn array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Object(_) => None,
        }
    }

    /// A whole number without sign, fraction or exponent, of at most ten digits; also one that is written as text, as Entra
    /// endpoints have done (MSAL.NET `JsonStringConverter`).
    pub(crate) fn seconds(&self) -> Option<u64> {
        let digits = match self {
            Self::Number(digits) => digits.as_ref(),
            Self::Text(digits) => digits.as_ref(),
            Self::Null | Self::Bool(_) | Self::Array(_) | Self::Object(_) => return None,
        };
        let plain = (1..=10).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    }

    /// The same value, holding its own text.
    pub(crate) fn into_owned(self) -> Json<'static> {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(value),
            Self::Number(digits) => Json::Number(Cow::Owned(digits.into_owned())),
            Self::Text(text) => Json::Text(text.into_owned()),
            Self::Array(elements) => {
                Json::Array(elements.into_iter().map(Json::into_owned).collect())
            }
            Self::Object(members) => Json::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (Cow::Owned(key.into_owned()), value.into_owned()))
                    .collect(),
            ),
        }
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
}

fn write_text(text: &str, out: &mut String) {
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

/// Walks over the document. `at` never passes the end and always stands between two characters.
struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    fn malformed(&self) -> Malformed {
        Malformed { at: self.at }
    }

    fn blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.step();
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.peek() == Some(byte) {
            self.step();
            Ok(())
        } else {
            Err(self.malformed())
        }
    }

    fn word(&mut self, word: &str, value: Json<'a>) -> Result<Json<'a>, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at = self.at.saturating_add(word.len());
            Ok(value)
        } else {
            Err(self.malformed())
        }
    }

    fn value(&mut self, depth: u8) -> Result<Json<'a>, Malformed> {
        match self.peek() {
            Some(b'{' | b'[') if depth >= MAX_DEPTH => Err(self.malformed()),
            Some(b'{') => self.members(depth.saturating_add(1)),
            Some(b'[') => self.elements(depth.saturating_add(1)),
            Some(b'"') => self.string().map(Json::Text),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'n') => self.word("null", Json::Null),
            Some(b't') => self.word("true", Json::Bool(true)),
            Some(b'f') => self.word("false", Json::Bool(false)),
            Some(_) | None => Err(self.malformed()),
        }
    }

    fn members(&mut self, depth: u8) -> Result<Json<'a>, Malformed> {
        let mut members: Vec<(Cow<'a, str>, Json<'a>)> = Vec::with_capacity(8);
        self.eat(b'{')?;
        self.blanks();
        if self.peek() == Some(b'}') {
            self.step();
            return Ok(Json::Object(members));
        }
        loop {
            self.blanks();
            let began = self.malformed();
            let key = self.string()?.into_name();
            let twice = members.iter().any(|(other, _)| *other == key);
            if twice || key.len() > MAX_KEY || members.len() >= MAX_MEMBERS {
                return Err(began);
            }
            self.blanks();
            self.eat(b':')?;
            self.blanks();
            let value = self.value(depth)?;
            members.push((key, value));
            self.blanks();
            match self.peek() {
                Some(b',') => self.step(),
                Some(_) | None => {
                    self.eat(b'}')?;
                    return Ok(Json::Object(members));
                }
            }
        }
    }

    fn elements(&mut self, depth: u8) -> Result<Json<'a>, Malformed> {
        let mut elements = Vec::new();
        self.eat(b'[')?;
        self.blanks();
        if self.peek() == Some(b']') {
            self.step();
            return Ok(Json::Array(elements));
        }
        loop {
            self.blanks();
            if elements.len() >= MAX_MEMBERS {
                return Err(self.malformed());
            }
            elements.push(self.value(depth)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.step(),
                Some(_) | None => {
                    self.eat(b']')?;
                    return Ok(Json::Array(elements));
                }
            }
        }
    }

    /// `number = [ minus ] int [ frac ] [ exp ]` (RFC 8259 §6), kept as it is written: who needs a value converts it.
    fn number(&mut self) -> Result<Json<'a>, Malformed> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.step();
        }
        match self.peek() {
            Some(b'0') => self.step(),
            Some(_) | None => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.step();
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.step();
            if let Some(b'+' | b'-') = self.peek() {
                self.step();
            }
            self.digits()?;
        }
        let digits = self
            .text
            .get(start..self.at)
            .ok_or_else(|| self.malformed())?;
        Ok(Json::Number(Cow::Borrowed(digits)))
    }

    fn digits(&mut self) -> Result<(), Malformed> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.malformed());
        }
        while let Some(b'0'..=b'9') = self.peek() {
            self.step();
        }
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'a>, Malformed> {
        self.eat(b'"')?;
        let run = self.run()?;
        if self.peek() == Some(b'"') {
            self.step();
            return Ok(Text::Borrowed(run));
        }
        // An escape: from here on the text is a copy. It can't outgrow what is left of the document, so it never moves.
        let mut copy = Zeroizing::new(String::with_capacity(
            self.text
                .len()
                .saturating_sub(self.at)
                .saturating_add(run.len()),
        ));
        copy.push_str(run);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(Text::Copied(copy));
                }
                Some(b'\\') => {
                    self.step();
                    copy.push(self.escape()?);
                }
                Some(_) | None => copy.push_str(self.run()?),
            }
        }
    }

    /// Everything up to the next quotation mark or escape.
    fn run(&mut self) -> Result<&'a str, Malformed> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"' | b'\\') => {
                    return self
                        .text
                        .get(start..self.at)
                        .ok_or_else(|| self.malformed());
                }
                Some(0..=0x1f) | None => return Err(self.malformed()),
                Some(_) => self.step(),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Malformed> {
        let escaped = self.peek().ok_or_else(|| self.malformed())?;
        self.step();
        match escaped {
            b'"' => Ok('"'),
            b'\\' => Ok('\\'),
            b'/' => Ok('/'),
            b'b' => Ok('\u{8}'),
            b'f' => Ok('\u{c}'),
            b'n' => Ok('\n'),
            b'r' => Ok('\r'),
            b't' => Ok('\t'),
            b'u' => self.unicode(),
            _ => Err(self.malformed()),
        }
    }

    /// `\uXXXX`, or two of them for a character beyond the basic plane (RFC 8259 §7). A lone half is malformed.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let first = self.hex4()?;
        let code = match first {
            0xd800..=0xdbff => {
                self.eat(b'\\')?;
                self.eat(b'u')?;
                let second = self.hex4()?;
                if !(0xdc00..=0xdfff).contains(&second) {
                    return Err(self.malformed());
                }
                let high = (first & 0x3ff) << 10;
                0x1_0000_u32.saturating_add(high | (second & 0x3ff))
            }
            other => other,
        };
        char::from_u32(code).ok_or_else(|| self.malformed())
    }

    fn hex4(&mut self) -> Result<u32, Malformed> {
        let end = self.at.saturating_add(4);
        let digits = self
            .text
            .get(self.at..end)
            .ok_or_else(|| self.malformed())?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(self.malformed());
        }
        self.at = end;
        u32::from_str_radix(digits, 16).map_err(|_| self.malformed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Json<'_>> {
        Json::object(text.as_bytes()).ok()
    }

    #[test]
    fn sec05_what_is_not_one_plain_object_is_refused() {
        for text in [
            "",
            " ",
            "[]",
            "null",
            "{",
            "{}x",
            "{} {}",
            "\u{feff}{}",
            "{\"a\":1,}",
            "{a:1}",
            "{\"a\":01}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":{\"b\":1,\"b\":1}}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":+1}",
            "{\"a\":.5}",
            "{\"a\":1.}",
            "{\"a\":\"\\x\"}",
            "{\"a\":tru}",
            "{\"a\":[1,]}",
            "{'a':1}",
            "{\"\\u0061\":1,\"a\":2}",
        ] {
            assert!(read(text).is_none(), "{text}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(8), "]".repeat(8));
        assert!(read(&deep).is_none());
        assert!(Json::object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn what_is_read_is_written_again() {
        let text = r#"{"a":[1,-2.5e3,true,false,null,{"b":"\"\\\u0001é"}],"":{}}"#;
        let mut out = String::new();
        read(text).unwrap().write(&mut out);
        assert_eq!(out, text);
    }

    #[test]
    fn escapes_become_characters() {
        let value = read(r#"{"a":"\u00e9\ud83d\ude00\/\n"}"#).unwrap();
        assert_eq!(value.get("a").and_then(Json::text), Some("é😀/\n"));
    }

    #[test]
    fn sec06_lifetimes_are_whole_numbers_of_at_most_ten_digits() {
        let accepted = [
            ("0", 0),
            ("1", 1),
            ("3600", 3_600),
            ("\"3600\"", 3_600),
            ("9999999999", 9_999_999_999),
        ];
        for (text, seconds) in accepted {
            let document = format!("{{\"a\":{text}}}");
            assert_eq!(
                read(&document).unwrap().get("a").unwrap().seconds(),
                Some(seconds),
                "{text}"
            );
        }
        let refused = [
            "3600.0",
            "-1",
            "1e400",
            "1e3",
            "18446744073709551615",
            "18446744073709551616",
            "null",
            "true",
            "\"\"",
            "\" 1\"",
            "\"-1\"",
            "[]",
        ];
        for text in refused {
            let document = format!("{{\"a\":{text}}}");
            assert_eq!(
                read(&document).unwrap().get("a").unwrap().seconds(),
                None,
                "{text}"
            );
        }
    }
}
