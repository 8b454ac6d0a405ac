//! `entra-proto` on tokio, with reqwest and rustls.
//!
//! ```no_run
//! use entra_tokio::{Client, ClientIdentity, Credential, EntraClient, ProvidedAssertion, RegionSource, Secret, TokenRequest};
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let client = Client::builder(
//!     "11111111-1111-1111-1111-111111111111",
//!     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
//!     Credential::signed_assertion_provider(),
//! )
//! .region(RegionSource::Named("eastus".into()))
//! .build()?;
//! let entra = EntraClient::builder(client)
//!     .assertion_provider(|_context| async {
//!         let assertion = Secret::new(std::fs::read_to_string("assertion.jwt")?);
//!         let identity = ClientIdentity::from_pem(std::fs::read("binding.pem")?, std::fs::read("binding.key")?)?;
//!         Ok(ProvidedAssertion::bound(assertion, identity))
//!     })
//!     .build()?;
//! let token = entra.token(&TokenRequest::for_app(["https://vault.azure.net/.default"])).await?;
//! println!("good for {} s", token.expires_in().as_secs());
//! # Ok(()) }
//! ```
//!
//! Nothing is decided here: the core says which request goes over which transport, and this crate does it. Each certificate has
//! a reqwest client of its own, with its own connections; none is ever swapped inside one.

#![forbid(unsafe_code)]

mod client;
mod driver;
mod http_client;
mod provider;
mod watch;

pub use client::{EntraClient, EntraClientBuilder};
pub use entra_adapter::{
    BuildError, ClientIdentity, Event, IdentityError, Network, NetworkError, Observer,
    ProvidedAssertion, ProviderError, Resolve, read_environment,
};
pub use entra_proto::{
    AccessToken, Authority, BearerIsolation, Body, Certificate, CertificateChain, Client,
    Credential, Environment, Error, Fault, Limits, ProviderContext, Region, RegionPolicy,
    RegionSource, Secret, Tenant, Thumbprint, TokenKind, TokenRequest, TokenSource,
};
pub use provider::{Answer, AssertionProvider, CertificateProvider};
