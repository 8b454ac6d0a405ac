//! Sending: one ureq agent for plain requests, one that goes nowhere but directly, and one for each certificate.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use entra_adapter::{Allowance, ClientIdentity, Identities, Network, NetworkError, Tls};
use entra_proto::{Body, Failure, FailureKind, Thumbprint};
use http::{Request, Response, Uri};
use rustls::ClientConfig;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, NextTimeout, TcpConnector};
use ureq::{Agent, Proxy};

use crate::connector::{Connecting, TlsConnector};

/// How many certificates keep their connections at once.
const MOST_IDENTITIES: usize = 32;
/// How long a connection may lie idle.
const IDLE: Duration = Duration::from_secs(90);
/// A head that is larger is no answer of a token service.
const MOST_HEAD: usize = 64 * 1_024;

/// Everything that sends.
#[derive(Debug)]
pub(crate) struct HttpClient {
    tls: Tls,
    network: Network,
    plain: Agent,
    /// For the metadata service: plain HTTP, never through a proxy (T37).
    direct: Agent,
    identities: Identities<Agent>,
}

impl HttpClient {
    pub(crate) fn new(network: Network) -> Result<Self, NetworkError> {
        let tls = Tls::new(&network)?;
        let proxy = proxy(&network);
        Ok(Self {
            plain: agent(&network, proxy, tls.plain()?, false),
            direct: agent(&network, None, tls.plain()?, false),
            identities: Identities::new(MOST_IDENTITIES),
            tls,
            network,
        })
    }

    pub(crate) fn remember(&self, identity: &ClientIdentity) {
        self.identities.insert(identity);
    }

    pub(crate) fn identity(&self, thumbprint: Thumbprint) -> Option<ClientIdentity> {
        self.identities.get(thumbprint)
    }

    /// The identity that a flow's provider named, else one that this client holds.
    pub(crate) fn find(
        &self,
        named: Option<&ClientIdentity>,
        thumbprint: Thumbprint,
    ) -> Result<ClientIdentity, Failure> {
        self.identities.find(named, thumbprint)
    }

    /// Over TLS that authenticates the server alone.
    pub(crate) fn plain(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        if request.uri().scheme() != Some(&http::uri::Scheme::HTTPS) {
            return Err(Failure::new(FailureKind::Tls).reporting("the URL is not https"));
        }
        exchange(&self.plain, request, allowed)
    }

    /// Over connections with this identity, whose agent is built once and shared with none.
    pub(crate) fn with_identity(
        &self,
        identity: &ClientIdentity,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        let build = |identity: &ClientIdentity| {
            let config = self.tls.with_identity(identity)?;
            Ok::<_, NetworkError>(agent(&self.network, proxy(&self.network), config, true))
        };
        let agent = self
            .identities
            .built(identity, build)
            .map_err(|error| Failure::new(FailureKind::Tls).reporting(error.to_string()))?;
        exchange(&agent, request, allowed)
    }

    /// To the metadata service.
    pub(crate) fn direct(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        exchange(&self.direct, request, allowed)
    }
}

fn proxy(network: &Network) -> Option<Proxy> {
    Proxy::try_from_env().filter(|_| network.uses_proxy())
}

/// No redirects (they would carry credentials elsewhere) and no decompression (its features are off).
fn agent(network: &Network, proxy: Option<Proxy>, config: ClientConfig, mutual: bool) -> Agent {
    let settings = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(MOST_HEAD)
        .max_idle_age(IDLE)
        // What a request says is the core's alone (I39).
        .user_agent("")
        .accept("")
        .accept_encoding("")
        .proxy(proxy)
        .timeout_connect(Some(network.connect_limit()))
        .build();
    let chain =
        ().chain(ConnectProxyConnector::default())
            .chain(TcpConnector::default())
            .chain(TlsConnector {
                config: Arc::new(config),
                mutual,
            });
    let connector = Connecting(chain);
    Agent::with_parts(settings, connector, Names(network.clone()))
}

fn exchange(
    agent: &Agent,
    request: &Request<Body>,
    allowed: Allowance,
) -> Result<Response<Body>, Failure> {
    let mut converted = Request::builder()
        .method(request.method())
        .uri(request.uri());
    if let Some(headers) = converted.headers_mut() {
        headers.clone_from(request.headers());
    }
    let unusable =
        |_| Failure::new(FailureKind::Connect).reporting("the request can't be put into HTTP");
    let answer = if request.body().expose().is_empty() && request.method() == http::Method::GET {
        let converted = converted.body(()).map_err(unusable)?;
        agent.run(
            agent
                .configure_request(converted)
                .timeout_global(Some(allowed.time))
                .build(),
        )
    } else {
        let converted = converted.body(request.body().expose()).map_err(unusable)?;
        agent.run(
            agent
                .configure_request(converted)
                .timeout_global(Some(allowed.time))
                .build(),
        )
    };
    let (head, mut body) = answer.map_err(|error| failure(&error))?.into_parts();
    if entra_adapter::contradicts_itself(&head.headers) {
        return Err(Failure::new(FailureKind::Garbled));
    }
    let announced = body
        .content_length()
        .and_then(|length| usize::try_from(length).ok())
        .unwrap_or(0);
    let too_large = || Failure::new(FailureKind::TooLarge);
    if announced > allowed.bytes {
        return Err(too_large());
    }
    // Room for what was announced, so that a token is not left behind in smaller buffers.
    let mut bytes = Vec::with_capacity(announced.saturating_add(1));
    let most = u64::try_from(allowed.bytes)
        .unwrap_or(u64::MAX)
        .saturating_add(1);
    body.as_reader()
        .take(most)
        .read_to_end(&mut bytes)
        .map_err(|error| failure(&error.into()))?;
    if bytes.len() > allowed.bytes {
        return Err(too_large());
    }
    Ok(Response::from_parts(head, Body::from(bytes)))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "ureq::Error is open, and most of it can't happen here"
)]
fn failure(error: &ureq::Error) -> Failure {
    match error {
        ureq::Error::Timeout(_) => Failure::new(FailureKind::Timeout),
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::ConnectProxyFailed(_) => Failure::new(FailureKind::Connect),
        ureq::Error::Tls(_) => Failure::new(FailureKind::Tls),
        ureq::Error::LargeResponseHeader(..)
        | ureq::Error::BodyExceedsLimit(_)
        | ureq::Error::Protocol(ureq_proto::Error::HttpParseTooManyHeaders) => {
            Failure::new(FailureKind::TooLarge)
        }
        ureq::Error::Protocol(_) => Failure::new(FailureKind::Garbled),
        ureq::Error::Io(error) => entra_adapter::failure(error),
        ureq::Error::Other(error) => entra_adapter::failure(&**error),
        _ => Failure::new(FailureKind::Closed),
    }
}

/// Name resolution by the configured table, else by the system.
#[derive(Debug)]
struct Names(Network);

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let usual = if uri.scheme() == Some(&http::uri::Scheme::HTTP) {
            80
        } else {
            443
        };
        let port = uri.port_u16().unwrap_or(usual);
        match self.0.address_of(uri.host().unwrap_or_default(), port) {
            Some(address) => {
                let mut addresses = self.empty();
                addresses.push(address);
                Ok(addresses)
            }
            None => DefaultResolver::default().resolve(uri, config, timeout),
        }
    }
}
