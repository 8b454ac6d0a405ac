//! Sending: one reqwest client for plain requests, one that goes nowhere but directly, and one for each certificate.

use std::net::SocketAddr;
use std::sync::Arc;

use entra_adapter::{Allowance, ClientIdentity, Identities, Network, NetworkError, Tls};
use entra_proto::{Body, Failure, FailureKind, Thumbprint};
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::ClientConfig;

use crate::watch::WatchLayer;

/// How many certificates keep their connections at once.
const MOST_IDENTITIES: usize = 32;
/// How long a connection may lie idle.
const IDLE: std::time::Duration = std::time::Duration::from_secs(90);
/// A head with more fields than this is no answer of a token service.
const MOST_HEADERS: usize = 100;

/// Everything that sends.
#[derive(Debug)]
pub(crate) struct HttpClient {
    tls: Tls,
    network: Network,
    plain: reqwest::Client,
    /// For the metadata service: plain HTTP, never through a proxy (T37).
    direct: reqwest::Client,
    identities: Identities<reqwest::Client>,
}

impl HttpClient {
    pub(crate) fn new(network: Network) -> Result<Self, NetworkError> {
        let tls = Tls::new(&network)?;
        let plain = build(&network, tls.plain()?)?;
        let direct = builder(&network, tls.plain()?)
            .no_proxy()
            .build()
            .map_err(|_| NetworkError::Tls)?;
        Ok(Self {
            tls,
            plain,
            direct,
            identities: Identities::new(MOST_IDENTITIES),
            network,
        })
    }

    pub(crate) fn remember(&self, identity: &ClientIdentity) {
        self.identities.insert(identity);
    }

    pub(crate) fn identity(&self, thumbprint: Thumbprint) -> Option<ClientIdentity> {
        self.identities.get(thumbprint)
    }

    /// Over TLS that authenticates the server alone.
    pub(crate) async fn plain(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        exchange(&self.plain, convert(request, None)?, allowed).await
    }

    /// Over connections with this identity, which is built for once and shared with none.
    pub(crate) async fn with_identity(
        &self,
        identity: &ClientIdentity,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        let build = |identity: &ClientIdentity| {
            let config = self.tls.with_identity(identity)?;
            builder(&self.network, config)
                .connector_layer(WatchLayer)
                .build()
                .map_err(|_| NetworkError::Tls)
        };
        let client = self
            .identities
            .built(identity, build)
            .map_err(|error| Failure::new(FailureKind::Tls).reporting(error.to_string()))?;
        exchange(&client, convert(request, None)?, allowed).await
    }

    /// To the metadata service. Its address is a literal, so where it leads elsewhere the URL has to say so.
    pub(crate) async fn direct(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        let (host, port) = (
            request.uri().host().unwrap_or_default(),
            request.uri().port_u16().unwrap_or(80),
        );
        let elsewhere = self.network.address_of(host, port);
        exchange(&self.direct, convert(request, elsewhere)?, allowed).await
    }
}

fn build(network: &Network, config: ClientConfig) -> Result<reqwest::Client, NetworkError> {
    builder(network, config)
        .https_only(true)
        .build()
        .map_err(|_| NetworkError::Tls)
}

/// No redirects (they would carry credentials elsewhere), no silent repetition (it would repeat an assertion), no decompression
/// (its features are off), HTTP/1.1 alone (HTTP/2 could join hosts on one connection).
fn builder(network: &Network, config: ClientConfig) -> reqwest::ClientBuilder {
    let builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .http1_only()
        .http1_max_headers(MOST_HEADERS)
        .connect_timeout(network.connect_limit())
        .pool_idle_timeout(IDLE)
        .dns_resolver(Arc::new(Names(network.clone())));
    if network.uses_proxy() {
        builder
    } else {
        builder.no_proxy()
    }
}

fn convert(
    request: &Request<Body>,
    elsewhere: Option<SocketAddr>,
) -> Result<reqwest::Request, Failure> {
    let unusable = || Failure::new(FailureKind::Connect).reporting("the URL can't be used");
    let mut url = reqwest::Url::parse(&request.uri().to_string()).map_err(|_| unusable())?;
    if let Some(address) = elsewhere {
        url.set_ip_host(address.ip()).map_err(|()| unusable())?;
        url.set_port(Some(address.port()))
            .map_err(|()| unusable())?;
    }
    let mut converted = reqwest::Request::new(request.method().clone(), url);
    *converted.headers_mut() = request.headers().clone();
    if let (Some(_), Some(authority)) = (elsewhere, request.uri().authority())
        && let Ok(host) = http::HeaderValue::from_str(authority.as_str())
    {
        converted.headers_mut().insert(http::header::HOST, host);
    }
    let body = request.body().expose();
    if !body.is_empty() {
        *converted.body_mut() = Some(reqwest::Body::from(body.to_vec()));
    }
    Ok(converted)
}

async fn exchange(
    client: &reqwest::Client,
    mut request: reqwest::Request,
    allowed: Allowance,
) -> Result<Response<Body>, Failure> {
    *request.timeout_mut() = Some(allowed.time);
    let mut answer = client
        .execute(request)
        .await
        .map_err(|error| failure(&error))?;
    let too_large = || Failure::new(FailureKind::TooLarge);
    let announced = answer.content_length().unwrap_or(0);
    if announced > u64::try_from(allowed.bytes).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    // Room for what was announced, so that a token is not left behind in smaller buffers.
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(chunk) = answer.chunk().await.map_err(|error| failure(&error))? {
        if bytes.len().saturating_add(chunk.len()) > allowed.bytes {
            return Err(too_large());
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = answer.status();
    *response.headers_mut() = std::mem::take(answer.headers_mut());
    Ok(response)
}

/// By what is in the chain of errors: reqwest's own predicates call a certificate that was refused under TLS 1.3 no connect error
/// (F6). A time-out comes first, since it ends whatever else was going on.
fn failure(error: &reqwest::Error) -> Failure {
    if error.is_timeout() {
        return Failure::new(FailureKind::Timeout);
    }
    let failure = entra_adapter::failure(error);
    if failure.kind() == FailureKind::Closed && error.is_connect() {
        Failure::new(FailureKind::Connect)
    } else {
        failure
    }
}

/// Name resolution by the configured table, else by the system.
#[derive(Clone, Debug)]
struct Names(Network);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let network = self.0.clone();
        Box::pin(async move {
            let host = name.as_str();
            // Port 0 stands for the URL's own port, also in what the system resolves.
            let addresses: Vec<SocketAddr> = match network.address_of(host, 443) {
                Some(address) => vec![address],
                None => tokio::net::lookup_host((host, 0)).await?.collect(),
            };
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
