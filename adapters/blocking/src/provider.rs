//! The application's providers: closures, or whatever implements these traits. Each call runs on a thread of its own, so that
//! one that never answers can be left behind.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

use entra_adapter::{ClientIdentity, ProvidedAssertion, ProviderError, provider_failure};
use entra_proto::{Failure, FailureKind, ProviderContext};

/// Makes assertions. Closures that take a [`ProviderContext`] are providers.
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

/// Calls a provider, and gives up on it after `limit`. A panic of the provider ends its thread and nothing else.
pub(crate) fn call<P: ?Sized + Send + Sync + 'static, T: Send + 'static>(
    provider: &Arc<P>,
    limit: Duration,
    ask: impl FnOnce(&P) -> Result<T, ProviderError> + Send + 'static,
) -> Result<T, Failure> {
    let failed = |what: &'static str| Failure::new(FailureKind::Provider).reporting(what);
    let (sender, receiver) = sync_channel(1);
    let provider = Arc::clone(provider);
    thread::Builder::new()
        .name("entra-provider".to_owned())
        .spawn(move || {
            // Nobody receives what comes too late.
            let _ = sender.send(ask(&provider));
        })
        .map_err(|_| failed("no thread could be started for the provider"))?;
    match receiver.recv_timeout(limit) {
        Ok(answer) => answer.map_err(|error| provider_failure(&error)),
        Err(RecvTimeoutError::Timeout) => Err(failed("the provider did not answer in time")),
        Err(RecvTimeoutError::Disconnected) => Err(failed("the provider panicked")),
    }
}
