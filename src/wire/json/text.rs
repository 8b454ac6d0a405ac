//! Text of a document: what may be a secret, and is a copy only where the document has escapes or nobody holds the document.

use std::borrow::Cow;
use std::ops::Deref;

use zeroize::Zeroizing;

use super::Json;

/// Text, borrowed or copied. A copy is wiped when it is dropped.
#[derive(Clone)]
pub(crate) enum Text<'a> {
    Borrowed(&'a str),
    Copied(Zeroizing<String>),
}

impl<'a> Text<'a> {
    /// The same text, without its document.
    pub(crate) fn into_owned(self) -> Text<'static> {
        match self {
            Self::Borrowed(text) => text.to_owned().into(),
            Self::Copied(copy) => Text::Copied(copy),
        }
    }

    /// The name of a member, which is no secret.
    pub(crate) fn into_name(self) -> Cow<'a, str> {
        match self {
            Self::Borrowed(text) => Cow::Borrowed(text),
            Self::Copied(mut copy) => Cow::Owned(std::mem::take(&mut *copy)),
        }
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self::Copied(Zeroizing::new(text))
    }
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Copied(copy) => copy,
        }
    }
}

impl AsRef<str> for Text<'_> {
    fn as_ref(&self) -> &str {
        self
    }
}

impl PartialEq for Text<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Json<'_> {
    /// Written without blanks, in a buffer that does not grow, since one that grows leaves copies of its secrets behind.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(self.most_room()));
        self.write(&mut text);
        text
    }

    /// More than which the value never takes when it is written: a character becomes six at most.
    fn most_room(&self) -> usize {
        let text = |text: &str| text.len().saturating_mul(6).saturating_add(4);
        match self {
            Self::Null | Self::Bool(_) => 5,
            Self::Number(digits) => digits.len(),
            Self::Text(value) => text(value),
            Self::Array(elements) => elements
                .iter()
                .map(|element| element.most_room().saturating_add(1))
                .fold(2, usize::saturating_add),
            Self::Object(members) => members
                .iter()
                .map(|(name, value)| text(name).saturating_add(value.most_room()))
                .fold(2, usize::saturating_add),
        }
    }
}
