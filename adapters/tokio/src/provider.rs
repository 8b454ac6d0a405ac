//! The application's providers: async closures, or whatever implements these traits.

use std::future::Future;
use std::pin::Pin;

use entra_adapter::{ClientIdentity, ProvidedAssertion, ProviderError};
use entra_proto::ProviderContext;

/// What a provider's call returns.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// Makes assertions. Closures that take a [`ProviderContext`] and return a future are providers.
pub trait AssertionProvider: Send + Sync + 'static {
    /// An assertion for this context and, maybe, the identity that it is bound to.
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion>;
}

impl<F, A> AssertionProvider for F
where
    F: Fn(ProviderContext) -> A + Send + Sync + 'static,
    A: Future<Output = Result<ProvidedAssertion, ProviderError>> + Send + 'static,
{
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion> {
        Box::pin(self(context))
    }
}

/// Names certificates. Closures that take a [`ProviderContext`] and return a future are providers.
pub trait CertificateProvider: Send + Sync + 'static {
    /// The identity to use now, if there is one.
    fn certificate(&self, context: ProviderContext) -> Answer<'_, Option<ClientIdentity>>;
}

impl<F, A> CertificateProvider for F
where
    F: Fn(ProviderContext) -> A + Send + Sync + 'static,
    A: Future<Output = Result<Option<ClientIdentity>, ProviderError>> + Send + 'static,
{
    fn certificate(&self, context: ProviderContext) -> Answer<'_, Option<ClientIdentity>> {
        Box::pin(self(context))
    }
}
