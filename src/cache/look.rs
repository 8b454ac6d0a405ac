//! Looks: all that it takes to find a token that is remembered, as those who ask hold it. To look copies nothing and allocates nothing.

use std::fmt;

use crate::metadata::Hit;

use super::key::PartitionKey;
use super::key_parts::KeyRef;
use super::scopes::ScopeSet;

/// Where a token is looked for before anything else is done for it. [`Plan::look`](crate::Plan::look) and
/// [`TokenRequest::look`](crate::TokenRequest::look) make one, [`Memory::hit`](super::Memory::hit) takes it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Look<'a> {
    pub(super) key: KeyRef<'a>,
    pub(super) scopes: &'a ScopeSet,
    /// How it went if a token is found.
    pub(super) hit: &'a Hit,
}

impl<'a> Look<'a> {
    pub(crate) const fn new(key: KeyRef<'a>, scopes: &'a ScopeSet, hit: &'a Hit) -> Self {
        Self { key, scopes, hit }
    }

    /// The [digest](super::PartitionKey::digest) of the key: for drivers that keep their memory in parts.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.key.digest
    }
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look")
            .field("key", &PartitionKey::from(self.key))
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}
