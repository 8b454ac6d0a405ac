//! The application's providers: closures, whatever implements these traits, and another client. Each call runs on a thread of its own, so that
//! one that never answers can be left behind.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use entra_adapter::{
    ClientIdentity, ProvidedAssertion, ProviderError, first_leg, provider_failure,
};
use entra_proto::{Failure, FailureKind, ProviderContext, TokenRequest};
use tracing::Span;

use crate::client::EntraClient;

/// Makes assertions. Closures that take a [`ProviderContext`] are providers.
///
/// ```
/// use entra_blocking::{AssertionProvider, ProvidedAssertion, ProviderContext, Secret};
///
/// fn from_vault() -> impl AssertionProvider {
///     |_: ProviderContext| Ok(ProvidedAssertion::new(Secret::new("header.claims.signature")))
/// }
/// # let _ = from_vault;
/// ```
pub trait AssertionProvider: Send + Sync + 'static {
    /// An assertion for this context and, maybe, the identity that it is bound to.
    ///
    /// # Errors
    /// Whatever the application's source fails with.
    fn assertion(&self, context: ProviderContext) -> Result<ProvidedAssertion, ProviderError>;
}

impl<F> AssertionProvider for F
where
    F: Fn(ProviderContext) -> Result<ProvidedAssertion, ProviderError> + Send + Sync + 'static,
{
    fn assertion(&self, context: ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        self(context)
    }
}

/// Names certificates. Closures that take a [`ProviderContext`] are providers.
///
/// ```no_run
/// use entra_blocking::{CertificateProvider, ClientIdentity, ProviderContext};
///
/// fn from_files() -> impl CertificateProvider {
///     |_: ProviderContext| Ok(Some(ClientIdentity::from_pem(std::fs::read("client.pem")?, std::fs::read("client.key")?)?))
/// }
/// # let _ = from_files;
/// ```
pub trait CertificateProvider: Send + Sync + 'static {
    /// The identity to use now, if there is one.
    ///
    /// # Errors
    /// Whatever the application's source fails with.
    fn certificate(
        &self,
        context: ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError>;
}

impl<F> CertificateProvider for F
where
    F: Fn(ProviderContext) -> Result<Option<ClientIdentity>, ProviderError> + Send + Sync + 'static,
{
    fn certificate(
        &self,
        context: ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError> {
        self(context)
    }
}

/// Another client as the source of assertions: the first leg of a federation. Its token is the assertion of the second leg, and if
/// it is a PoP token, its certificate is the one that the second leg presents, in one pair from one call.
///
/// ```no_run
/// use entra_blocking::{Client, Credential, EntraClient, FirstLeg, TokenRequest};
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
    fn assertion(&self, context: ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        let token = self.client.token(&first_leg(&self.request, &context))?;
        ProvidedAssertion::from_token(&token, |certificate| self.client.identity(certificate))
    }
}

/// Calls a provider, and gives up on it after `limit`. A panic of the provider ends its thread and nothing else.
pub(crate) fn call<P: ?Sized + Send + Sync + 'static, T: Send + 'static>(
    provider: &Arc<P>,
    limit: Duration,
    ask: impl FnOnce(&P) -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, Failure> {
    let failed = |what: &'static str| Failure::new(FailureKind::Provider).reporting(what);
    let (sender, receiver) = sync_channel(1);
    let (provider, span) = (Arc::clone(provider), Span::current());
    thread::Builder::new()
        .name("entra-provider".to_owned())
        .spawn(move || {
            // Nobody receives what comes too late.
            let _ = sender.send(span.in_scope(|| ask(&provider)));
        })
        .map_err(|_| failed("no thread could be started for the provider"))?;
    match receiver.recv_timeout(limit) {
        Ok(answer) => answer.map_err(|error| provider_failure(&error)),
        Err(RecvTimeoutError::Timeout) => Err(failed("the provider did not answer in time")),
        Err(RecvTimeoutError::Disconnected) => Err(failed("the provider panicked")),
    }
}
