//! Getting a connection: proxy, name, TCP, handshake. Over mutual TLS it counts only if the server asked for the certificate and
//! got it, which is judged before the first byte of the request: a 200 without the certificate would be too late (T16).

use std::error::Error;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use entra_adapter::{CertificateWatch, Network, Unconnected};
use http::Uri;
use http::uri::Scheme;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

pub(crate) type BoxError = Box<dyn Error + Send + Sync>;

/// How far a connection is secured.
#[derive(Clone)]
pub(crate) enum Security {
    /// Not at all, and never through a proxy: for the metadata service of the machine (T37).
    None,
    /// TLS that authenticates the server.
    Server(Arc<ClientConfig>),
    /// TLS with the one certificate of this configuration.
    Mutual(Arc<ClientConfig>),
}

/// A connection, whatever it is secured by.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {
    /// What is below TLS.
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Stream for TlsStream<TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Makes connections of one kind.
pub(crate) struct Connector {
    network: Network,
    proxies: Option<Matcher>,
    tcp: HttpConnector,
    security: Security,
}

impl Connector {
    pub(crate) fn new(network: &Network, security: Security) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        let may_use_proxy = network.uses_proxy() && !matches!(security, Security::None);
        Self {
            network: network.clone(),
            proxies: may_use_proxy.then(Matcher::from_system),
            tcp,
            security,
        }
    }

    /// A new connection to the host of this URL, within the time that connections may take.
    pub(crate) async fn connect(&self, uri: &Uri) -> Result<Box<dyn Stream>, BoxError> {
        match timeout(self.network.connect_limit(), self.connected(uri)).await {
            Ok(connected) => connected,
            Err(_) => Err(Unconnected::in_time().into()),
        }
    }

    async fn connected(&self, uri: &Uri) -> Result<Box<dyn Stream>, BoxError> {
        let host = uri.host().unwrap_or_default();
        let (config, mutual) = match &self.security {
            Security::None => {
                let stream = self.tcp(uri, host).await.map_err(Unconnected::new)?;
                return Ok(Box::new(stream));
            }
            Security::Server(config) => (config, false),
            Security::Mutual(config) => (config, true),
        };
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
            .map_err(Unconnected::new)?;
        let stream = self.tcp(uri, host).await.map_err(Unconnected::new)?;
        let watch = CertificateWatch::new();
        let mut handshake = pin!(TlsConnector::from(Arc::clone(config)).connect(name, stream));
        // The handshake happens inside these polls, and the resolver tells the watch of the thread that it runs on.
        match poll_fn(|context| watch.during(|| handshake.as_mut().poll(context))).await {
            Ok(stream) if mutual => {
                watch.verdict()?;
                Ok(Box::new(stream))
            }
            Ok(stream) => Ok(Box::new(stream)),
            // The certificate was shown, and may be why.
            Err(error) if watch.verdict().is_ok() => Err(error.into()),
            Err(error) => Err(Unconnected::new(error).into()),
        }
    }

    async fn tcp(&self, uri: &Uri, host: &str) -> Result<TcpStream, BoxError> {
        let proxy = self
            .proxies
            .as_ref()
            .and_then(|proxies| proxies.intercept(uri));
        if let Some(proxy) = proxy {
            if proxy.uri().scheme() != Some(&Scheme::HTTP) {
                return Err("a proxy has to be an HTTP proxy".into());
            }
            let mut tunnel = Tunnel::new(proxy.uri().clone(), self.tcp.clone());
            if let Some(credentials) = proxy.basic_auth() {
                tunnel = tunnel.with_auth(credentials.clone());
            }
            return Ok(tunnel.call(uri.clone()).await?.into_inner());
        }
        let usual = if uri.scheme() == Some(&Scheme::HTTP) {
            80
        } else {
            443
        };
        let port = uri.port_u16().unwrap_or(usual);
        match self.network.address_of(host, port) {
            Some(address) => direct(address).await,
            None => Ok(self.tcp.clone().call(uri.clone()).await?.into_inner()),
        }
    }
}

async fn direct(address: SocketAddr) -> Result<TcpStream, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
