//! What the adapters of `entra-proto` share, written once: identities and their signatures, TLS for each certificate, turns,
//! the clock and the seed. Nothing here decides anything about Entra, and nothing here opens a connection.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod build;
mod clock;
mod failure;
mod identities;
mod identity;
mod metrics;
mod network;
mod observe;
mod parts;
mod provided;
mod resource;
mod slot;
pub mod spans;
mod state;
mod sync;
#[cfg(test)]
mod tests;
mod tls;
mod turns;

pub use build::BuildError;
pub use clock::{Clock, read_environment, seed};
pub use failure::{Unconnected, contradicts_itself, failure, find, missing};
pub use identities::Identities;
pub use identity::{ClientIdentity, IdentityError};
pub use metrics::{Exchange, Metrics};
pub use network::{Network, NetworkError, Resolve};
pub use observe::{Event, Observer, describe};
pub use parts::Parts;
pub use provided::{
    AssertionSource, CertificateSource, ProvidedAssertion, ProviderError, first_leg,
    provider_failure,
};
pub use resource::{Audience, ResourceError, authorize, challenged, question};
pub use slot::{HeldToken, Slot, Slots};
pub use state::{Allowance, Settings, State};
pub use tls::{CertificateWatch, NotPresented, Tls};
pub use turns::{Handed, Held, Taken, Turns, Wake};
