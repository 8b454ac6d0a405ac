//! Members of an item: read as the type that they must have, and written in an order that stays.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::secret::Secret;
use crate::wire::json::{Json, Limits, Text};

/// Our own member of an item, which the other libraries keep as one that they do not know.
pub(super) const OWN: &str = "entra_proto";
/// The largest item that is looked into, in bytes. A larger one is kept as it is.
pub(super) const MOST_ITEM: usize = 1_024 * 1_024;

/// What a whole document may use. MSAL.NET writes commas after the last member.
pub(super) const DOCUMENT: Limits = Limits {
    depth: 32,
    members: 100_000,
    key: usize::MAX,
    trailing_commas: true,
};

/// A member that is there and of another type than the schema gives it: then the item is not for us.
pub(super) struct Odd;

/// Looks into an item, if it is an object of a size that makes sense.
pub(super) fn look_into(item: &Secret) -> Option<Json<'_>> {
    let item = item.expose();
    (item.len() <= MOST_ITEM)
        .then(|| Json::object_within(item.as_bytes(), DOCUMENT).ok())
        .flatten()
}

/// Text. MSAL for Python writes null where MSAL.NET writes nothing, and to neither is empty text any.
pub(super) fn text<'j>(item: &'j Json<'_>, name: &str) -> Result<Option<&'j str>, Odd> {
    match item.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.as_ref()).filter(|text| !text.is_empty())),
        Some(_) => Err(Odd),
    }
}

/// Text that has to be there.
pub(super) fn needed<'j>(item: &'j Json<'_>, name: &str) -> Result<&'j str, Odd> {
    text(item, name)?.ok_or(Odd)
}

/// Seconds since the Unix epoch, which the schema has as text.
pub(super) fn seconds(item: &Json<'_>, name: &str) -> Result<Option<u64>, Odd> {
    match item.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value.seconds().map(Some).ok_or(Odd),
    }
}

/// An object.
pub(super) fn object<'j, 'd>(item: &'j Json<'d>, name: &str) -> Result<Option<&'j Json<'d>>, Odd> {
    match item.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(object @ Json::Object(_)) => Ok(Some(object)),
        Some(_) => Err(Odd),
    }
}

/// An object of text.
pub(super) fn texts(item: &Json<'_>, name: &str) -> Result<BTreeMap<String, String>, Odd> {
    let members = object(item, name)?.and_then(Json::members);
    let pair = |(name, value): &(Cow<'_, str>, Json<'_>)| match value {
        Json::Text(value) => Ok((name.to_string(), value.to_string())),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => Err(Odd),
    };
    members.unwrap_or_default().iter().map(pair).collect()
}

/// An item under construction.
#[derive(Default)]
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Members<'a> {
    pub(super) fn add(&mut self, name: &'a str, value: Json<'a>) {
        self.0.push((Cow::Borrowed(name), value));
    }

    pub(super) fn text(&mut self, name: &'a str, text: impl Into<Text<'a>>) {
        self.add(name, Json::Text(text.into()));
    }

    pub(super) fn seconds(&mut self, name: &'a str, seconds: u64) {
        self.text(name, seconds.to_string());
    }

    pub(super) fn optional(&mut self, name: &'a str, text: Option<impl Into<Text<'a>>>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// An object of text, unless it is empty.
    pub(super) fn texts(&mut self, name: &'a str, texts: &'a BTreeMap<String, String>) {
        let mut inner = Self::default();
        for (name, value) in texts {
            inner.text(name, value);
        }
        self.object(name, inner);
    }

    /// An object, unless it is empty.
    pub(super) fn object(&mut self, name: &'a str, members: Self) {
        if !members.0.is_empty() {
            self.add(name, Json::Object(members.0));
        }
    }

    /// What an older item has besides.
    pub(super) fn keeping(mut self, older: Option<&Json<'a>>) -> Self {
        for (name, value) in older.and_then(Json::members).unwrap_or_default() {
            if !self.0.iter().any(|(other, _)| other == name) {
                self.0.push((name.clone(), value.clone()));
            }
        }
        self
    }

    /// As the document has it.
    pub(super) fn into_item(self) -> Secret {
        Secret::new(std::mem::take(&mut *Json::Object(self.0).to_text()))
    }
}
