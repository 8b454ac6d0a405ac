//! Where services have their assertions and certificates, for every adapter of `entra-proto` alike.
//!
//! | the service runs | source |
//! |---|---|
//! | in Kubernetes with workload identity (AKS) | [`WorkloadIdentity`] |
//! | on Azure with a managed identity: a virtual machine, App Service, Arc, Service Fabric, Cloud Shell, Machine Learning | [`ManagedIdentity`] |
//! | beside something that writes an assertion into a file | [`AssertionFile`] |
//! | beside a program that prints one | [`AssertionCommand`] |
//! | with certificates in files that somebody renews: PEM, PKCS#12, a Kubernetes secret | [`CertificateFiles`] |
//! | with a key that never leaves a token: an HSM, a smart card | `Pkcs11` (feature `pkcs11`) |
//! | as one application that stands for another | `FirstLeg` in the adapter itself |
//!
//! A source is a plain value: [`AssertionSource`] or [`CertificateSource`], each one function that may block. The adapters call it
//! where it may, on tokio's threads for that or on one of their own, whenever the core asks: for each network request, never for a
//! Bearer token that is remembered. So a token file or a certificate that was renewed is picked up without a restart.
//!
//! ```no_run
//! use entra_sources::WorkloadIdentity;
//! use entra_tokio::{EntraClient, TokenRequest};
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let workload = WorkloadIdentity::from_environment()?;
//! let client = workload.client().build()?;
//! let entra = EntraClient::builder(client).assertion_source(workload).build()?;
//! let token = entra.token(&TokenRequest::for_app(["https://vault.azure.net/.default"])).await?;
//! # let _ = token;
//! # Ok(()) }
//! ```
//!
//! # Features
//!
//! `pkcs12` reads `.pfx` and `.p12` files, `pkcs11` signs with keys in tokens. Neither is on by itself.
//!
//! # What never happens
//!
//! No source prints what it read: an error says which file, variable or service, and what is wrong with it. Files and answers are
//! bounded. A file that is being written is not believed: what served before goes on serving meanwhile.

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod certificate;
mod command;
mod error;
mod file;
mod hidden;
mod jwt;
mod managed_identity;
#[cfg(feature = "pkcs11")]
mod pkcs11;
#[cfg(feature = "pkcs12")]
mod pkcs12;
mod watched;
mod workload;

pub use certificate::CertificateFiles;
pub use command::AssertionCommand;
pub use entra_adapter::{
    AssertionSource, CertificateSource, ClientIdentity, IdentityError, ProvidedAssertion,
    ProviderError,
};
pub use entra_proto::{ClientBuilder, ProviderContext, Secret};
pub use error::SourceError;
pub use file::AssertionFile;
pub use managed_identity::{ManagedIdentity, ManagedIdentityHost, UserAssigned};
#[cfg(feature = "pkcs11")]
pub use pkcs11::Pkcs11;
#[cfg(feature = "pkcs12")]
pub use pkcs12::identity_from_pkcs12;
pub use workload::{WorkloadIdentity, authority_at};

/// The audience that federated assertions have in the public cloud; others append `USGov`, `China`, `France`, `Germany`.
///
/// ```
/// use entra_sources::{EXCHANGE_AUDIENCE, ManagedIdentity};
///
/// let identity = ManagedIdentity::from_variables(|_| None)?.audience(format!("{EXCHANGE_AUDIENCE}USGov"));
/// # let _ = identity;
/// # Ok::<(), entra_sources::SourceError>(())
/// ```
pub const EXCHANGE_AUDIENCE: &str = "api://AzureADTokenExchange";

/// A variable that is set and not empty.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
