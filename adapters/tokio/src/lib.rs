//! `entra-proto` on tokio, with hyper and rustls.
//!
//! ```no_run
//! use entra_tokio::{
//!     Client, ClientIdentity, Credential, EntraClient, ProvidedAssertion, ProviderContext, RegionSource, Secret, TokenRequest,
//! };
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let client = Client::builder(
//!     "11111111-1111-1111-1111-111111111111",                        // application (client) id
//!     "https://login.microsoftonline.com/contoso.onmicrosoft.com",   // authority with its tenant
//!     Credential::signed_assertion_provider(),
//! )
//! .region(RegionSource::Discover)                                    // REGION_NAME, then the metadata service
//! .environment(entra_tokio::read_environment())
//! .build()?;
//!
//! let entra = EntraClient::builder(client)
//!     .assertion_provider(|context: ProviderContext| async move {
//!         // One call, one pair: the assertion and the certificate that it is bound to.
//!         let assertion = Secret::new(fetch_assertion(context.token_endpoint()).await?);
//!         let identity = ClientIdentity::from_pem(std::fs::read("binding.pem")?, std::fs::read("binding.key")?)?;
//!         Ok(ProvidedAssertion::bound(assertion, identity))
//!     })
//!     .build()?;
//!
//! let token = entra.token(&TokenRequest::for_app(["https://vault.azure.net/.default"])).await?;
//! # let _ = token;
//! # Ok(()) }
//! # async fn fetch_assertion(_: &str) -> Result<String, std::io::Error> { Ok(String::new()) }
//! ```
//!
//! What else can be done with it, task by task: [`recipes`]. Where assertions and certificates come from: the package
//! `entra-sources`. For clients of the Azure SDK: `entra-azure`.
//!
//! Nothing is decided here: the core says which request goes over which transport, and this crate does it. Each certificate has
//! its own connections; none is ever swapped inside one.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc = include_str!("recipes.md")]
pub mod recipes {}

mod client;
mod connector;
mod driver;
mod http_client;
mod provider;
mod resource;
mod sender;
mod source;

pub use client::{EntraClient, EntraClientBuilder};
pub use entra_adapter::{
    AssertionSource, Audience, BuildError, CertificateSource, ClientIdentity, Event, Exchange,
    IdentityError, Metrics, Network, NetworkError, Observer, ProvidedAssertion, ProviderError,
    Resolve, ResourceError, read_environment,
};
pub use entra_proto::{
    AccessToken, Account, Authority, AuthorityKind, AuthorityUrl, BearerIsolation, Body,
    CacheOutcome, Certificate, CertificateChain, ClaimsChallenge, Client, ClientBuilder,
    Credential, Environment, Error, Failure, FailureKind, Fault, Limits, Metadata, ProviderContext,
    Region, RegionOrigin, RegionPolicy, RegionSource, Secret, Tenant, Thumbprint, TokenKind,
    TokenRequest, TokenSource, User,
};
pub use provider::{Answer, AssertionProvider, CertificateProvider, FirstLeg};
pub use resource::Resource;
pub use source::HeldSource;

/// What the page for those who come from MSAL.NET shows is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/FROM-MSAL-NET.md")]
struct ComingFromMsalNet;

/// What the page about traces and metrics shows is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/OBSERVING.md")]
struct Observing;
