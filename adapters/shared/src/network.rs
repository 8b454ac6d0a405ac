//! How to reach the network: whom to trust, where names lead, how long to wait. The same for every adapter.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

/// Settings for the network; the default trusts the system's roots, uses the proxy of the environment, and speaks TLS 1.2 and
/// 1.3.
///
/// ```
/// use std::time::Duration;
/// use entra_adapter::{Network, Resolve};
///
/// let network = Network::new()
///     .connect_timeout(Duration::from_secs(3))
///     .resolve(Resolve { host: "login.microsoftonline.com".into(), port: Some(443), address: "127.0.0.1:8443".parse()? })
///     .no_proxy();
/// assert_eq!(network.address_of("login.microsoftonline.com", 443), Some("127.0.0.1:8443".parse()?));
/// assert_eq!(network.address_of("login.microsoftonline.us", 443), None);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Network {
    roots: Option<RootCertStore>,
    resolve: Vec<Resolve>,
    connect_timeout: Duration,
    request_timeout: Duration,
    provider_timeout: Duration,
    proxy: bool,
    tls13: bool,
}

/// Where a host name leads, in place of what name resolution would say.
///
/// [`Network`] has an example with one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "as in curl's --resolve")]
pub struct Resolve {
    /// The host, or `*` for every one.
    pub host: String,
    /// The port that the URL names, openly or by its scheme; none for every one.
    pub port: Option<u16>,
    /// Where it leads.
    pub address: SocketAddr,
}

/// Why the settings can't be used.
///
/// ```
/// use entra_adapter::{Network, NetworkError};
///
/// assert_eq!(Network::new().trust_only("no certificate").unwrap_err(), NetworkError::NoRoots);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NetworkError {
    /// The text has no PEM block with a certificate that could be a root.
    NoRoots,
    /// The system has no roots to trust.
    NoSystemRoots,
    /// What was configured gives no TLS configuration.
    Tls,
}

impl fmt::Display for NetworkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRoots => "no root certificate found; give PEM with BEGIN CERTIFICATE",
            Self::NoSystemRoots => "the system trusts no root certificate; install the ca-certificates package or give roots",
            Self::Tls => "the TLS settings can't be used together",
        })
    }
}

impl std::error::Error for NetworkError {}

impl Default for Network {
    fn default() -> Self {
        Self {
            roots: None,
            resolve: Vec::new(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(15),
            provider_timeout: Duration::from_secs(10),
            proxy: true,
            tls13: true,
        }
    }
}

impl Network {
    /// The default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these roots (PEM) and no others.
    ///
    /// # Errors
    /// `NoRoots`.
    pub fn trust_only(self, pem: impl AsRef<[u8]>) -> Result<Self, NetworkError> {
        let mut roots = RootCertStore::empty();
        let certificates = CertificateDer::pem_slice_iter(pem.as_ref()).filter_map(Result::ok);
        let (added, _) = roots.add_parsable_certificates(certificates);
        if added == 0 {
            return Err(NetworkError::NoRoots);
        }
        Ok(Self {
            roots: Some(roots),
            ..self
        })
    }

    /// Lets a name lead elsewhere. Certificates are still verified for the name.
    #[must_use]
    pub fn resolve(mut self, resolve: Resolve) -> Self {
        self.resolve.push(resolve);
        self
    }

    /// How long a connection, its handshake included, may take; 10 s unless said.
    #[must_use]
    pub fn connect_timeout(self, connect_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            ..self
        }
    }

    /// How long one attempt may take, from the connection to the last byte; 15 s unless said. The request's own deadline counts
    /// besides.
    #[must_use]
    pub fn request_timeout(self, request_timeout: Duration) -> Self {
        Self {
            request_timeout,
            ..self
        }
    }

    /// How long a provider may take to answer; 10 s unless said.
    #[must_use]
    pub fn provider_timeout(self, provider_timeout: Duration) -> Self {
        Self {
            provider_timeout,
            ..self
        }
    }

    /// Ignores the proxy that the environment names. The metadata service is always asked directly.
    #[must_use]
    pub fn no_proxy(self) -> Self {
        Self {
            proxy: false,
            ..self
        }
    }

    /// Speaks TLS 1.2 alone: for services that ask for client certificates only there.
    #[must_use]
    pub fn only_tls12(self) -> Self {
        Self {
            tls13: false,
            ..self
        }
    }

    /// The address for a host and port, if one was configured; the first that fits counts.
    #[must_use]
    pub fn address_of(&self, host: &str, port: u16) -> Option<SocketAddr> {
        let fits = |resolve: &&Resolve| {
            (resolve.host == "*" || resolve.host.eq_ignore_ascii_case(host))
                && resolve.port.is_none_or(|wanted| wanted == port)
        };
        self.resolve
            .iter()
            .find(fits)
            .map(|resolve| resolve.address)
    }

    /// How long a connection may take.
    #[must_use]
    pub fn connect_limit(&self) -> Duration {
        self.connect_timeout
    }

    /// How long one attempt may take.
    #[must_use]
    pub fn request_limit(&self) -> Duration {
        self.request_timeout
    }

    /// How long a provider may take.
    #[must_use]
    pub fn provider_limit(&self) -> Duration {
        self.provider_timeout
    }

    /// Whether the environment's proxy is used.
    #[must_use]
    pub fn uses_proxy(&self) -> bool {
        self.proxy
    }

    pub(crate) fn speaks_tls13(&self) -> bool {
        self.tls13
    }

    /// The roots to trust, parsed once per client.
    pub(crate) fn roots(&self) -> Result<RootCertStore, NetworkError> {
        if let Some(roots) = &self.roots {
            return Ok(roots.clone());
        }
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        if added == 0 {
            Err(NetworkError::NoSystemRoots)
        } else {
            Ok(roots)
        }
    }
}
