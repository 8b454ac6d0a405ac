//! `entra-proto` for the Azure SDK: a [`TokenCredential`] that Key Vault, Storage and the other clients take unchanged.
//!
//! ```no_run
//! # async fn f(entra: entra_tokio::EntraClient) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use std::sync::Arc;
//!
//! use azure_security_keyvault_secrets::SecretClient;
//! use entra_azure::EntraCredential;
//!
//! let credential = Arc::new(EntraCredential::new(entra));
//! let vault = SecretClient::new("https://contoso.vault.azure.net", credential, None)?;
//! let secret = vault.get_secret("database-password", None).await?.into_model()?;
//! # let _ = secret;
//! # Ok(()) }
//! ```
//!
//! The [`EntraClient`] is that of `entra-tokio`, built with any of its credentials: with a provider that returns an assertion and its
//! certificate, the token comes over mutual TLS.
//!
//! # What the SDK sees
//!
//! - **Tokens** are Bearer tokens, over whatever transport they came: that is the scheme which the SDK sends. Proof of possession is
//!   refused here, because the SDK's clients have no connection with the token's certificate; [`EntraClient::send`] has.
//! - **Caching.** Every call of `get_token` looks into the memory of the [`EntraClient`], which all clients of the SDK share that
//!   were given clones of one credential: one request in flight for each set of scopes, renewal before the end. The SDK keeps a token
//!   of its own besides, until five minutes before its end, when this memory lets go of it as well.
//! - **Errors** are of kind `Credential`, which the SDK does not repeat: the core has, where that makes sense. The
//!   [`Error`](entra_tokio::Error) with its code and what to do is inside, and [`cause`] finds it.
//! - **Claims.** The SDK's options have no field for the claims of a challenge, but a context, which may carry a
//!   [`ClaimsChallenge`](entra_tokio::ClaimsChallenge). [`answer_challenges`] puts the challenges of resources there.
//! - **Cancelling** is dropping the future; whoever waits for the same token goes on.
//!
//! [`TokenCredential`]: azure_core::credentials::TokenCredential
//! [`EntraClient`]: entra_tokio::EntraClient
//! [`EntraClient::send`]: entra_tokio::EntraClient::send

#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod challenge;
mod credential;

pub use challenge::answer_challenges;
pub use credential::{EntraCredential, cause};

/// What the page for those who come from azure_identity shows is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/FROM-AZURE-IDENTITY.md")]
struct ComingFromAzureIdentity;
