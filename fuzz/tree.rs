//! What another JSON library makes of a document within our bounds, with every number as it is written: the oracle that our own
//! reader is compared with.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The bounds of an answer, written down a second time (rule 13).
const DEPTH: usize = 8;
const MEMBERS: usize = 256;
const NAME: usize = 256;

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Tree {
    /// A number as it is written, `true`, `false` or `null`.
    Word(String),
    Text(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

impl Tree {
    /// The document, if it is one object within the bounds and has no name twice in any object.
    pub(crate) fn object(document: &[u8]) -> Option<Self> {
        Self::object_of(document, MEMBERS)
    }

    /// The same with another bound of members: what two documents make together may have more.
    pub(crate) fn object_of(document: &[u8], most: usize) -> Option<Self> {
        let raw: &RawValue = serde_json::from_slice(document).ok()?;
        Self::read(raw, DEPTH, most).filter(|tree| matches!(tree, Self::Object(_)))
    }

    fn read(raw: &RawValue, deeper: usize, most: usize) -> Option<Self> {
        let text = raw.get();
        match text.as_bytes().first()? {
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let inner = deeper.checked_sub(1)?;
                let mut object = BTreeMap::new();
                for (name, value) in &members {
                    let value = Self::read(value, inner, most)?;
                    if name.len() > NAME || object.insert(name.clone(), value).is_some() {
                        return None;
                    }
                }
                (object.len() <= most).then_some(Self::Object(object))
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let inner = deeper.checked_sub(1)?;
                let read = |element: &&RawValue| Self::read(element, inner, most);
                let array: Option<Vec<_>> = elements.iter().map(read).collect();
                array.filter(|array| array.len() <= most).map(Self::Array)
            }
            b'"' => serde_json::from_str(text).ok().map(Self::Text),
            _ => Some(Self::Word(text.to_owned())),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            Self::Word(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Word(_) | Self::Array(_) | Self::Object(_) => None,
        }
    }

    /// Objects merge, arrays unite without duplicates, and of anything else the second counts (rule 11).
    pub(crate) fn merge(self, second: Self) -> Self {
        match (self, second) {
            (Self::Object(mut members), Self::Object(second)) => {
                for (name, value) in second {
                    let value = match members.remove(&name) {
                        Some(first) => first.merge(value),
                        None => value,
                    };
                    members.insert(name, value);
                }
                Self::Object(members)
            }
            (Self::Array(mut elements), Self::Array(second)) => {
                for element in second {
                    if !elements.contains(&element) {
                        elements.push(element);
                    }
                }
                Self::Array(elements)
            }
            (_, second) => second,
        }
    }
}

/// The members of an object one by one: a map would keep the last of two with one name.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        reader.deserialize_map(Each)
    }
}
