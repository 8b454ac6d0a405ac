//! The table that every adapter passes, over real TLS against the emulator: the same rows for tokio and for plain threads, so
//! that neither decides anything of its own (rule: adapters do, the core decides).
//!
//! An adapter brings a [`Driver`] and writes `entra_conformance::rows!(ItsDriver);` in a test.

#![forbid(unsafe_code)]

use std::sync::Arc;

use entra_adapter::{
    AssertionSource, Audience, CertificateSource, ClientIdentity, Event, Metrics, Network,
    ProvidedAssertion, ProviderError, ResourceError,
};
use entra_proto::{AccessToken, Body, Client, Error, Failure, ProviderContext, TokenRequest};

mod endpoint;
mod folder;
pub mod logs;
mod looking;
pub mod raw;
pub mod rows;
pub mod spans;
pub mod world;

pub use world::World;

/// A provider of assertions as both adapters can take it.
pub type Assertions =
    Arc<dyn Fn(ProviderContext) -> Result<ProvidedAssertion, ProviderError> + Send + Sync>;
/// A provider of certificates as both adapters can take it.
pub type Certificates =
    Arc<dyn Fn(ProviderContext) -> Result<Option<ClientIdentity>, ProviderError> + Send + Sync>;
/// Somebody who is told about events.
pub type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// What a driver builds its client from.
#[derive(Clone)]
#[expect(
    clippy::exhaustive_structs,
    reason = "rows fill it in, drivers take it apart"
)]
pub struct Setup {
    /// The core's client.
    pub client: Client,
    /// Identities behind fixed certificates.
    pub identities: Vec<ClientIdentity>,
    /// The provider of assertions.
    pub assertions: Option<Assertions>,
    /// The provider of certificates.
    pub certificates: Option<Certificates>,
    /// A source in place of the provider of assertions.
    pub assertion_source: Option<Arc<dyn AssertionSource>>,
    /// A source in place of the provider of certificates.
    pub certificate_source: Option<Arc<dyn CertificateSource>>,
    /// How to reach the emulator.
    pub network: Network,
    /// Who is told about every step.
    pub listener: Option<Listener>,
    /// Who counts.
    pub metrics: Option<Arc<dyn Metrics>>,
}

/// An adapter under test. Its client is cheap to clone and shared by threads.
pub trait Driver: 'static {
    /// The adapter's client.
    type Client: Clone + Send + Sync + 'static;

    /// Builds a client.
    fn build(setup: Setup) -> Result<Self::Client, entra_adapter::BuildError>;

    /// Builds a client whose assertions are the tokens of another one for that request.
    fn build_second(
        first: &Self::Client,
        request: TokenRequest,
        setup: Setup,
    ) -> Result<Self::Client, entra_adapter::BuildError>;

    /// Gets a token, blocking the calling thread.
    fn token(client: &Self::Client, request: &TokenRequest) -> Result<AccessToken, Error>;

    /// Tokens for one request, which are held.
    type Source: Clone + Send + Sync + 'static;

    /// A held source.
    fn source(client: &Self::Client, request: &TokenRequest) -> Result<Self::Source, Error>;

    /// Gets a token from it, blocking the calling thread.
    fn held(source: &mut Self::Source) -> Result<AccessToken, Error>;

    /// What the client remembers, as the MSALs write it.
    fn export_cache(client: &Self::Client) -> Body;

    /// Takes such a document in.
    fn import_cache(client: &Self::Client, document: &[u8]) -> Result<usize, Error>;

    /// Calls a resource with a token, blocking the calling thread.
    fn send(
        client: &Self::Client,
        token: &AccessToken,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Failure>;

    /// Asks a host without a token, blocking the calling thread.
    fn probe(
        client: &Self::Client,
        uri: &http::Uri,
        headers: &http::HeaderMap,
    ) -> Result<http::Response<Body>, Failure>;

    /// Calls a resource that gets its token by itself, blocking the calling thread.
    fn call(
        client: &Self::Client,
        asking: TokenRequest,
        audience: Audience,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, ResourceError>;
}

/// Gets many tokens at once, one thread each. The stacks are small, for ten thousand of them.
pub(crate) fn at_once<D: Driver>(
    client: &D::Client,
    requests: Vec<TokenRequest>,
) -> Vec<Result<AccessToken, Error>> {
    let threads: Vec<_> = requests
        .into_iter()
        .map(|request| {
            let client = client.clone();
            std::thread::Builder::new()
                .stack_size(512 * 1_024)
                .spawn(move || D::token(&client, &request))
                .unwrap()
        })
        .collect();
    threads
        .into_iter()
        .map(|thread| thread.join().unwrap())
        .collect()
}
