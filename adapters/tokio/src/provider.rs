//! The application's providers: async closures, whatever implements these traits, sources that may block, and another client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use entra_adapter::{
    AssertionSource, CertificateSource, ClientIdentity, ProvidedAssertion, ProviderError, first_leg,
};
use entra_proto::{ProviderContext, TokenRequest};
use tracing::Span;

use crate::client::EntraClient;

/// What a provider's call returns.
///
/// ```
/// use entra_tokio::{Answer, AssertionProvider, ProvidedAssertion, ProviderContext, Secret};
///
/// struct Vault;
///
/// impl AssertionProvider for Vault {
///     fn assertion(&self, _: ProviderContext) -> Answer<'_, ProvidedAssertion> {
///         Box::pin(async { Ok(ProvidedAssertion::new(Secret::new("header.claims.signature"))) })
///     }
/// }
/// ```
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, ProviderError>> + Send + 'a>>;

/// Makes assertions. Closures that take a [`ProviderContext`] and return a future are providers.
///
/// A closure is in the [crate's documentation](crate), a type of one's own at [`Answer`].
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
///
/// ```no_run
/// use entra_tokio::{CertificateProvider, ClientIdentity, ProviderContext};
///
/// fn from_files() -> impl CertificateProvider {
///     |_: ProviderContext| async {
///         Ok(Some(ClientIdentity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?)?))
///     }
/// }
/// # let _ = from_files;
/// ```
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

/// A source that may block, on the threads that are there for it. Whoever stops waiting leaves it to end by itself.
pub(crate) struct OnThread<S>(Arc<S>);

impl<S> OnThread<S> {
    pub(crate) fn new(source: S) -> Self {
        Self(Arc::new(source))
    }
}

impl<S: AssertionSource> AssertionProvider for OnThread<S> {
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion> {
        let source = Arc::clone(&self.0);
        Box::pin(on_thread(move || source.assertion(&context)))
    }
}

impl<S: CertificateSource> CertificateProvider for OnThread<S> {
    fn certificate(&self, context: ProviderContext) -> Answer<'_, Option<ClientIdentity>> {
        let source = Arc::clone(&self.0);
        Box::pin(on_thread(move || source.certificate(&context)))
    }
}

async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, ProviderError> {
    let span = Span::current();
    match tokio::task::spawn_blocking(move || span.in_scope(work)).await {
        Ok(answer) => answer,
        Err(_) => Err("the source panicked".into()),
    }
}

/// Another client as the source of assertions: the first leg of a federation. Its token is the assertion of the second leg, and if
/// it is a PoP token, its certificate is the one that the second leg presents, in one pair from one call.
///
/// ```no_run
/// use entra_tokio::{Client, Credential, EntraClient, FirstLeg, TokenRequest};
///
/// # fn f(first: EntraClient) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let exchange = TokenRequest::for_app(["api://AzureADTokenExchange/.default"]).proof_of_possession();
/// let second = Client::builder(
///     "11111111-1111-1111-1111-111111111111",
///     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
///     Credential::signed_assertion_provider(),
/// )
/// .build()?;
/// let entra = EntraClient::builder(second).assertion_provider(FirstLeg::new(first, exchange)).build()?;
/// # let _ = entra;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct FirstLeg {
    client: EntraClient,
    request: TokenRequest,
}

impl FirstLeg {
    /// Tokens of `client` for `request`, which names the exchange's audience, such as `api://AzureADTokenExchange/.default`, and
    /// asks for proof of possession if the second leg is to go over mutual TLS. The second leg's FMI path and correlation id are
    /// the first one's too.
    #[must_use]
    pub const fn new(client: EntraClient, request: TokenRequest) -> Self {
        Self { client, request }
    }
}

impl AssertionProvider for FirstLeg {
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion> {
        Box::pin(async move {
            let request = first_leg(&self.request, &context);
            let token = self.client.token(&request).await?;
            ProvidedAssertion::from_token(&token, |certificate| self.client.identity(certificate))
        })
    }
}
