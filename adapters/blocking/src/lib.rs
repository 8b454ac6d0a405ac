//! `entra-proto` on plain threads, with ureq and rustls: the same names and the same behaviour as the tokio adapter, without a
//! runtime.
//!
//! ```no_run
//! use entra_blocking::{Client, ClientIdentity, Credential, EntraClient, RegionSource, TokenRequest};
//!
//! # fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let identity = ClientIdentity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?)?;
//! let client = Client::builder(
//!     "11111111-1111-1111-1111-111111111111",
//!     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
//!     Credential::certificate(identity.chain()),
//! )
//! .region(RegionSource::Named("eastus".into()))
//! .build()?;
//! let entra = EntraClient::builder(client).identity(identity).build()?;
//! let request = TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession();
//! let token = entra.token(&request)?;
//! println!("bound to {:?}", token.binding_certificate());
//! # Ok(()) }
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod connector;
mod driver;
mod http_client;
mod provider;
mod resource;
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
pub use provider::{AssertionProvider, CertificateProvider, FirstLeg};
pub use resource::Resource;
pub use source::HeldSource;
