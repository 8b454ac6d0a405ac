//! What goes over the wire, and what comes back: each file cites its specification and is fuzzed.

pub(crate) mod assertion;
pub(crate) mod bytes;
pub(crate) mod challenge;
pub(crate) mod claims;
pub(crate) mod form;
pub(crate) mod headers;
pub(crate) mod json;
pub(crate) mod metadata;
pub(crate) mod retry_after;
pub(crate) mod token;

pub use assertion::{Algorithm, Signature, SigningInput};
pub use challenge::ClaimsChallenge;
