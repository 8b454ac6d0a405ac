//! Text of a document: what may be a secret, and is a copy only where the document has escapes or nobody holds the document.

use std::borrow::Cow;
use std::ops::Deref;

use zeroize::Zeroizing;

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

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self::Borrowed(text)
    }
}

impl<'a> From<&'a String> for Text<'a> {
    fn from(text: &'a String) -> Self {
        Self::Borrowed(text)
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
