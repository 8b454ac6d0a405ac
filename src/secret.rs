//! What must not be printed: secrets, and bodies that carry them.
//!
//! Both are wiped when the last holder lets go, print nothing of what they hold, and offer one word, `expose`, to search for
//! when auditing who reads them.

use std::fmt;
use std::sync::Arc;

use zeroize::{Zeroize, Zeroizing};

use crate::uuid::Uuid;

/// Text that must not be printed: a client secret, an assertion, a token. Clones share the text; the first one of an issued token's
/// copies it, since whoever is handed such a token shares it whole.
///
/// ```
/// let secret = entra_proto::Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret([redacted])");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
pub struct Secret(Text);

enum Text {
    Shared(Arc<Zeroizing<Box<str>>>),
    /// What a cache holds by the hundred thousand, in something that is shared already.
    Sole(Zeroizing<Box<str>>),
}

impl Secret {
    /// Wraps `text`; a `String` is taken over without a copy where its capacity is its length.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(Text::Shared(Arc::new(Zeroizing::new(text.into()))))
    }

    /// The same for what is shared with whatever holds it: an allocation less.
    pub(crate) fn sole(text: impl Into<Box<str>>) -> Self {
        Self(Text::Sole(Zeroizing::new(text.into())))
    }

    /// The text itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.0 {
            Text::Shared(text) => text,
            Text::Sole(text) => text,
        }
    }
}

impl Clone for Secret {
    fn clone(&self) -> Self {
        match &self.0 {
            Text::Shared(text) => Self(Text::Shared(Arc::clone(text))),
            Text::Sole(text) => Self::new(text.as_ref()),
        }
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

/// The body of a request or of a response: bytes that may hold secrets.
///
/// `http::Request` prints its body through the body's own `Debug`, which is why this one prints nothing.
///
/// ```
/// let body = entra_proto::Body::from(b"client_secret=hunter2".to_vec());
/// assert_eq!(format!("{body:?}"), "Body([redacted])");
/// assert_eq!(body.expose().len(), 21);
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Body(Vec<u8>);

impl Body {
    /// A body without bytes.
    ///
    /// ```
    /// let request = http::Request::get("https://contoso.vault.azure.net/secrets/x").body(entra_proto::Body::empty())?;
    /// assert!(request.body().expose().is_empty());
    /// # Ok::<(), http::Error>(())
    /// ```
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Body {
    /// Takes the bytes over without a copy.
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for Body {
    /// As slices, with the room that is not used: those are wiped as memory is filled, vectors byte by byte.
    fn drop(&mut self) {
        self.0.spare_capacity_mut().zeroize();
        self.0.as_mut_slice().zeroize();
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Body([redacted])")
    }
}

/// The randomness of one flow, drawn by the driver from the system's generator.
///
/// Everything random in a flow follows from it (`jti`, jitter, correlation id), so the same seed gives the same flow. The correlation id,
/// which anybody may see, is its first half, unless the request brings one; all else follows from both halves.
///
/// ```
/// let seed = entra_proto::Seed::from_bytes([7; 32]);
/// assert_eq!(format!("{seed:?}"), "Seed([redacted])");
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Seed(Zeroizing<[u8; 32]>);

impl Seed {
    /// Wraps bytes that came from a cryptographic generator.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Sixteen bytes for one purpose; another `label` or `counter` gives unrelated ones.
    pub(crate) fn derive(&self, label: &str, counter: u32) -> [u8; 16] {
        use sha2::{Digest, Sha256};
        let digest = Sha256::new()
            .chain_update(self.0.as_slice())
            .chain_update(label.as_bytes())
            .chain_update(counter.to_be_bytes())
            .finalize();
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = from;
        }
        bytes
    }

    /// What the flow is known by: the first half of the seed as it is, without a hash, since each flow needs one. Everything else is
    /// derived from both halves, so that whoever sees this one learns nothing of it.
    pub(crate) fn correlation_id(&self) -> Uuid {
        let half = self.0.first_chunk().copied().unwrap_or_default();
        Uuid::random(u128::from_be_bytes(half))
    }

    /// A random UUID for one purpose.
    pub(crate) fn uuid(&self, label: &str, counter: u32) -> Uuid {
        Uuid::random(u128::from_be_bytes(self.derive(label, counter)))
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sole_text_takes_no_more_than_its_place_and_its_clones_share_a_copy() {
        assert_eq!(size_of::<Secret>(), size_of::<Box<str>>());
        let sole = Secret::sole("hunter2");
        let first = sole.clone();
        let second = first.clone();
        assert_eq!((sole.expose(), first.expose()), ("hunter2", "hunter2"));
        assert!(!std::ptr::eq(sole.expose(), first.expose()));
        assert!(std::ptr::eq(first.expose(), second.expose()));
        assert!(sole == first && first != Secret::new("hunter3"));
    }

    #[test]
    fn another_purpose_or_count_is_another_uuid() {
        let seed = Seed::from_bytes([3; 32]);
        let uuid = seed.uuid("jti", 0);
        assert_eq!(uuid, seed.uuid("jti", 0));
        assert_ne!(uuid, seed.uuid("jti", 1));
        assert_ne!(uuid, seed.uuid("id", 0));
    }

    #[test]
    fn whoever_knows_the_correlation_id_knows_nothing_that_is_derived() {
        let of = |first: u8, last: u8| {
            let mut bytes = [3; 32];
            (bytes[0], bytes[31]) = (first, last);
            Seed::from_bytes(bytes)
        };
        let (one, like, other) = (of(0, 0), of(0, 1), of(1, 0));
        assert_eq!(one.correlation_id(), like.correlation_id());
        assert_ne!(one.uuid("jti", 0), like.uuid("jti", 0));
        assert_ne!(one.correlation_id(), other.correlation_id());
        assert_ne!(one.uuid("jti", 0), other.uuid("jti", 0));
    }
}
