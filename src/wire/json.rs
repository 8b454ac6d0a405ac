//! Strict JSON (RFC 8259) for documents that come from outside.
//!
//! The reader accepts less than the RFC allows: no key twice in an object, bounded depth and size, nothing before or after the
//! one value. It borrows from the document, so a token is not copied while it is read, and an error says where, never what.

mod read;
mod text;
mod write;

use std::borrow::Cow;

use read::Reader;

pub(crate) use text::Text;
pub(crate) use write::{text_length, write_text};

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

/// How much of JSON a document may use.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Limits {
    /// How deep values may nest.
    pub(crate) depth: u8,
    /// How many members an object, or elements an array, may have.
    pub(crate) members: usize,
    /// How long a member's name may be, in bytes.
    pub(crate) key: usize,
    /// Whether a comma may follow the last member or element.
    pub(crate) trailing_commas: bool,
}

impl Limits {
    /// An answer: Entra's need a depth of 4.
    pub(crate) const ANSWER: Self = Self {
        depth: 8,
        members: 256,
        key: 256,
        trailing_commas: false,
    };
}

/// A value as it is written in its document.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) text: &'a str,
    pub(crate) at: usize,
}

impl<'a> Json<'a> {
    /// Reads an answer that is one object.
    pub(crate) fn object(document: &'a [u8]) -> Result<Self, Malformed> {
        Self::object_within(document, Limits::ANSWER)
    }

    /// Reads a document that is one object.
    pub(crate) fn object_within(document: &'a [u8], limits: Limits) -> Result<Self, Malformed> {
        Reader::over(document, limits)?
            .whole_object(Reader::value)
            .map(Self::Object)
    }

    /// Reads a document that is one object, and keeps of its members no more than where they are, whatever they hold.
    pub(crate) fn members_within(
        document: &'a [u8],
        limits: Limits,
    ) -> Result<Vec<(Cow<'a, str>, Raw<'a>)>, Malformed> {
        Reader::over(document, limits)?.whole_object(Reader::raw)
    }

    /// The member of this name, if this is an object that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        self.members()?
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    }

    pub(crate) fn members(&self) -> Option<&[(Cow<'a, str>, Self)]> {
        match self {
            Self::Object(members) => Some(members),
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

    /// A whole number without sign, fraction or exponent, the most that there is if it is larger than that; also one of at most ten
    /// digits that is written as text, as Entra endpoints have done (MSAL.NET `JsonStringConverter`).
    pub(crate) fn seconds(&self) -> Option<u64> {
        let (digits, most) = match self {
            Self::Number(digits) => (digits.as_ref(), usize::MAX),
            Self::Text(digits) => (digits.as_ref(), 10),
            Self::Null | Self::Bool(_) | Self::Array(_) | Self::Object(_) => return None,
        };
        let plain =
            (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| digits.parse().unwrap_or(u64::MAX))
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
            "{\"a\":\"\\ud83d\\u0041\"}",
            "{\"a\":\"\\ud83d\\n\"}",
            "{\"a\":\"\\ude00\"}",
            "{\"a\":\"\\u00g9\"}",
            "{\"a\":\"\\u00",
            "{\"a\":1e}",
            "{\"a\":1e+}",
            "{\"a\":-}",
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
        // As many members or elements as an answer may have, and one more.
        for (members, fits) in [(256, true), (257, false)] {
            let numbers: Vec<String> = (0..members).map(|n| format!("\"{n}\":{n}")).collect();
            assert_eq!(read(&format!("{{{}}}", numbers.join(","))).is_some(), fits);
            let elements = vec!["0"; members].join(",");
            assert_eq!(read(&format!("{{\"a\":[{elements}]}}")).is_some(), fits);
        }
        assert!(Json::object(b"{\"a\":\"\xff\"}").is_err());
    }

    #[test]
    fn what_is_read_is_written_again_into_a_buffer_that_never_grows() {
        let text = r#"{"a":[1,-2.5e3,true,false,null,{"b":"\"\\\u0001é"}],"":{}}"#;
        let out = read(text).unwrap().to_text();
        assert_eq!(&*out, text);
        assert_eq!(out.capacity(), text.len());
    }

    #[test]
    fn limits_are_what_the_document_is_read_with() {
        let wide = Limits {
            depth: 1,
            members: 50_000,
            key: 5,
            trailing_commas: true,
        };
        let numbered = |last: &str| {
            let members: Vec<String> = (0..49_999).map(|n| format!("\"{n}\":\"\\/{n}\"")).collect();
            format!("{{{},\"{last}\":0 , }}", members.join(","))
        };
        fn read(text: &str, limits: Limits) -> Result<Json<'_>, Malformed> {
            Json::object_within(text.as_bytes(), limits)
        }
        let document = numbered("x");
        let value = read(&document, wide).ok().unwrap();
        assert_eq!(value.members().map(<[_]>::len), Some(50_000));
        assert_eq!(value.get("49998").and_then(Json::text), Some("/49998"));
        // A name that comes twice is found, and where.
        let document = numbered("7");
        let error = read(&document, wide).err().unwrap();
        assert_eq!(document.get(error.at..), Some("\"7\":0 , }"));
        for refused in [
            "{\"a\":{}}",
            "{\"toolong\":1}",
            "{\"a\":1,,}",
            "{,}",
            &numbered("x").replace(" , }", ",\"y\":0}"),
        ] {
            assert!(read(refused, wide).is_err());
        }
    }

    #[test]
    fn escapes_become_characters() {
        let value =
            read(r#"{"a":"\u00e9\ud83d\ude00\udbff\udfff\/\n\r\t\b\f\"\\","b":[1e+9,2E-1]}"#)
                .unwrap();
        let text = "é😀\u{10ffff}/\n\r\t\u{8}\u{c}\"\\";
        assert_eq!(value.get("a").and_then(Json::text), Some(text));
        let numbers = value.get("b").and_then(Json::array).unwrap();
        assert!(numbers == [Json::Number("1e+9".into()), Json::Number("2E-1".into())]);
        // Who asks for another kind of value gets none.
        assert!(
            value.get("a").unwrap().array().is_none() && value.get("b").unwrap().text().is_none()
        );
    }

    #[test]
    fn sec06_lifetimes_are_whole_numbers_and_as_text_of_at_most_ten_digits() {
        let accepted = [
            ("0", 0),
            ("1", 1),
            ("3600", 3_600),
            ("\"3600\"", 3_600),
            ("\"9999999999\"", 9_999_999_999),
            ("10000000000", 10_000_000_000),
            ("18446744073709551615", u64::MAX),
            ("18446744073709551616", u64::MAX),
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
            "null",
            "true",
            "\"\"",
            "\"10000000000\"",
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
