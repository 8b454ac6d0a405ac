//! The adapter, as the conformance table drives it.

use std::future::ready;
use std::sync::LazyLock;

use entra_conformance::{Driver, Setup};
use entra_proto::{AccessToken, Body, Error, Failure, ProviderContext, TokenRequest};
use entra_tokio::{
    Audience, BuildError, EntraClient, EntraClientBuilder, FirstLeg, HeldSource, ResourceError,
};
use tokio::runtime::Runtime;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// Drives the tokio adapter from blocking threads.
pub(crate) struct Tokio;

impl Driver for Tokio {
    type Client = EntraClient;

    fn build(setup: Setup) -> Result<EntraClient, BuildError> {
        builder(setup).build()
    }

    fn build_second(
        first: &EntraClient,
        request: TokenRequest,
        setup: Setup,
    ) -> Result<EntraClient, BuildError> {
        let leg = FirstLeg::new(first.clone(), request);
        builder(setup).assertion_provider(leg).build()
    }

    fn token(client: &EntraClient, request: &TokenRequest) -> Result<AccessToken, Error> {
        RUNTIME.block_on(client.token(request))
    }

    type Source = HeldSource;

    fn source(client: &EntraClient, request: &TokenRequest) -> Result<HeldSource, Error> {
        client.source(request)
    }

    fn held(source: &mut HeldSource) -> Result<AccessToken, Error> {
        RUNTIME.block_on(source.token()).cloned()
    }

    fn export_cache(client: &EntraClient) -> Body {
        client.export_cache()
    }

    fn import_cache(client: &EntraClient, document: &[u8]) -> Result<usize, Error> {
        client.import_cache(document)
    }

    fn send(
        client: &EntraClient,
        token: &AccessToken,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, Failure> {
        RUNTIME.block_on(client.send(token, request))
    }

    fn probe(
        client: &EntraClient,
        uri: &http::Uri,
        headers: &http::HeaderMap,
    ) -> Result<http::Response<Body>, Failure> {
        RUNTIME.block_on(client.probe(uri, headers))
    }

    fn call(
        client: &EntraClient,
        asking: TokenRequest,
        audience: Audience,
        request: http::Request<Body>,
    ) -> Result<http::Response<Body>, ResourceError> {
        RUNTIME.block_on(client.resource(asking, audience).send(request))
    }
}

fn builder(setup: Setup) -> EntraClientBuilder {
    let mut builder = EntraClient::builder(setup.client).network(setup.network);
    for identity in setup.identities {
        builder = builder.identity(identity);
    }
    if let Some(provider) = setup.assertions {
        builder = builder.assertion_provider(move |context: ProviderContext| {
            let provider = provider.clone();
            // The rows' providers block: they have threads of their own, as an application's would.
            async move {
                match tokio::task::spawn_blocking(move || provider(context)).await {
                    Ok(provided) => provided,
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                }
            }
        });
    }
    if let Some(provider) = setup.certificates {
        builder =
            builder.certificate_provider(move |context: ProviderContext| ready(provider(context)));
    }
    if let Some(source) = setup.assertion_source {
        builder = builder.assertion_source(source);
    }
    if let Some(source) = setup.certificate_source {
        builder = builder.certificate_source(source);
    }
    if let Some(metrics) = setup.metrics {
        builder = builder.metrics(metrics);
    }
    if let Some(listener) = setup.listener {
        builder = builder.observer(move |event| listener(event));
    }
    builder
}
