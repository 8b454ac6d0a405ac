#![forbid(unsafe_code)]
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    clippy::unreachable
)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::string_slice,
        clippy::arithmetic_side_effects
    )
)]
//! stub

mod authority;
mod cache;
mod certificate;
mod client;
mod credential;
mod error;
mod flow;
mod plan;
mod region;
mod request;
mod secret;
mod time;
mod token;
mod wire;

pub use authority::{Authority, AuthorityKind, Tenant};
pub use cache::{CacheUpdate, FlightKey, Limits, Memory, Partition, PartitionKey, TokenKind};
pub use certificate::{Certificate, CertificateChain, Thumbprint};
pub use client::{AuthorityUrl, BearerIsolation, Client, ClientBuilder};
pub use credential::{Credential, Needs};
pub use error::{Error, Failure, FailureKind, Fault};
pub use flow::{
    ClientAssertion, DiscoverInstance, DiscoverRegion, Done, LoadCache, ObtainAssertion,
    ObtainCertificate, Pause, ProviderContext, SaveCache, SendRequest, SignAssertion, Step,
    TakeTurn, Transport, Turn,
};
pub use plan::Plan;
pub use region::{Environment, Region, RegionPolicy, RegionSource};
pub use request::TokenRequest;
pub use secret::{Body, Secret, Seed};
pub use time::Now;
pub use token::{AccessToken, TokenSource};
pub use wire::{Algorithm, Signature, SigningInput};
