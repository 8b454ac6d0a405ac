//! The portable form of memory: one JSON document in the unified schema that the MSALs share, for a store that several processes
//! use, also with other libraries in other languages.
//!
//! Only tokens travel. What the document has besides, of other clients and of other libraries, stays in it as it is written.

mod access_token;
mod members;
mod merge;
mod names;
mod parts;
#[cfg(test)]
mod tests;
mod user;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use crate::error::{Code, Error};
use crate::secret::{Body, Secret};
use crate::wire::json::{Json, Raw, text_length, write_text};

use members::DOCUMENT;

const ACCESS_TOKENS: &str = "AccessToken";
const REFRESH_TOKENS: &str = "RefreshToken";
const ID_TOKENS: &str = "IdToken";
const ACCOUNTS: &str = "Account";
/// The members of the document whose items we look into.
const SECTIONS: [&str; 4] = [ACCESS_TOKENS, REFRESH_TOKENS, ID_TOKENS, ACCOUNTS];

/// A token cache as the MSALs serialize theirs. It holds secrets, prints none of them, and is wiped when it is dropped.
///
/// ```
/// use std::time::Duration;
/// use entra_proto::{Memory, Now, PortableCache};
///
/// # fn f(stored: &[u8], now: Now) -> Result<Vec<u8>, entra_proto::Error> {
/// let mut memory = Memory::default();
/// let mut cache = PortableCache::read(stored)?;
/// let found = cache.load_into(&mut memory, now);
/// // … flows use the memory …
/// cache.add_from(&memory, now);
/// let stored = cache.write();
/// # let _ = found;
/// # Ok(stored.expose().to_vec())
/// # }
/// # let now = Now::new(Duration::from_secs(1_798_761_600), Duration::ZERO);
/// # assert_eq!(f(b"{\"Unknown\":[1]}", now)?, b"{\"Unknown\":[1]}");
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PortableCache {
    roots: BTreeMap<String, Root>,
}

/// Items by name, each as it is written.
type Items = BTreeMap<String, Secret>;

/// A member of the document.
#[derive(Clone, PartialEq, Eq)]
enum Root {
    Items(Items),
    /// As it is written.
    Unknown(Secret),
}

impl PortableCache {
    /// The largest document that is read or written, in bytes: 64 MiB. Whoever fetches one need not fetch more.
    pub const MAX_BYTES: usize = 64 * 1_024 * 1_024;

    /// A cache with nothing in it.
    ///
    /// ```
    /// let nothing = entra_proto::PortableCache::empty();
    /// assert_eq!(nothing.write().expose(), b"{}");
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// Reads a document; no bytes at all are an empty one. Items that make no sense are no error: they stay as they are, and serve
    /// nobody.
    ///
    /// # Errors
    /// `json_parse_failed`: it is not one JSON object, is larger than [`MAX_BYTES`](Self::MAX_BYTES), has a name twice, or has
    /// something else where tokens belong. The error says where, and nothing of what is there.
    pub fn read(document: &[u8]) -> Result<Self, Error> {
        if document.is_empty() {
            return Ok(Self::empty());
        }
        if document.len() > Self::MAX_BYTES {
            return Err(Error::new(
                Code::JsonParseFailed,
                "the cache is larger than 64 MiB",
            ));
        }
        let roots = Json::members_within(document, DOCUMENT).map_err(|error| broken(error.at))?;
        let roots = roots.into_iter().map(root).collect::<Result<_, _>>()?;
        Ok(Self { roots })
    }

    /// The document: UTF-8, members and items in the order of their names.
    #[must_use]
    pub fn write(&self) -> Body {
        let mut out = String::with_capacity(self.length());
        write_members(&mut out, self.roots.iter(), |root, out| match root {
            Root::Items(items) => {
                write_members(out, items.iter(), |item, out| out.push_str(item.expose()));
            }
            Root::Unknown(value) => out.push_str(value.expose()),
        });
        Body::from(out.into_bytes())
    }

    fn length(&self) -> usize {
        members_length(self.roots.iter(), |root| match root {
            Root::Items(items) => members_length(items.iter(), |item| item.expose().len()),
            Root::Unknown(value) => value.expose().len(),
        })
    }
}

impl fmt::Debug for PortableCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = |name: &str| match self.roots.get(name) {
            Some(Root::Items(items)) => items.len(),
            Some(Root::Unknown(_)) | None => 0,
        };
        f.debug_struct("PortableCache")
            .field("access_tokens", &items(ACCESS_TOKENS))
            .field("refresh_tokens", &items(REFRESH_TOKENS))
            .finish_non_exhaustive()
    }
}

type Named<'a> = (Cow<'a, str>, Raw<'a>);

fn root((name, value): Named<'_>) -> Result<(String, Root), Error> {
    let root = if SECTIONS.contains(&name.as_ref()) && value.text != "null" {
        let items = Json::members_within(value.text.as_bytes(), DOCUMENT)
            .map_err(|error| broken(value.at.saturating_add(error.at)))?;
        Root::Items(items.into_iter().map(item).collect())
    } else {
        Root::Unknown(Secret::new(value.text))
    };
    Ok((name.into_owned(), root))
}

fn item((name, value): Named<'_>) -> (String, Secret) {
    (name.into_owned(), Secret::new(value.text))
}

fn broken(at: usize) -> Error {
    Error::new(
        Code::JsonParseFailed,
        format!("the cache is not JSON in the schema of the MSALs, from byte {at}"),
    )
}

fn write_members<'a, T: 'a>(
    out: &mut String,
    members: impl Iterator<Item = (&'a String, &'a T)>,
    mut write: impl FnMut(&'a T, &mut String),
) {
    out.push('{');
    for (place, (name, value)) in members.enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_text(name, out);
        out.push(':');
        write(value, out);
    }
    out.push('}');
}

/// How many bytes [`write_members`] writes, or one more.
fn members_length<'a, T: 'a>(
    members: impl Iterator<Item = (&'a String, &'a T)>,
    length: impl Fn(&'a T) -> usize,
) -> usize {
    members.fold(2, |sum, (name, value)| {
        sum.saturating_add(member_length(name, length(value)))
    })
}

/// With its colon and its comma.
fn member_length(name: &str, value: usize) -> usize {
    text_length(name).saturating_add(value).saturating_add(2)
}
