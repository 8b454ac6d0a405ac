//! TLS: one configuration for plain connections and one for each identity, and the watch that tells whether a server asked for
//! the certificate before anything is sent.

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use rustls::client::{ResolvesClientCert, Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SignatureScheme, SupportedProtocolVersion};

use crate::identity::ClientIdentity;
use crate::network::{Network, NetworkError};

/// TLS 1.2 at least (RFC 9325); there is no way below it.
static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
static ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];

/// Makes TLS configurations; roots and verifier are shared by all of them.
///
/// ```no_run
/// use entra_adapter::{ClientIdentity, Network, NetworkError, Tls};
/// use rustls::ClientConfig;
///
/// fn configurations(identity: &ClientIdentity) -> Result<[ClientConfig; 2], NetworkError> {
///     let tls = Tls::new(&Network::new())?;
///     Ok([tls.plain()?, tls.with_identity(identity)?])
/// }
/// # let _ = configurations;
/// ```
#[derive(Clone)]
pub struct Tls {
    provider: Arc<CryptoProvider>,
    verifier: Arc<WebPkiServerVerifier>,
    versions: &'static [&'static SupportedProtocolVersion],
}

impl Tls {
    /// Reads the roots and builds the verifier: once per client.
    ///
    /// # Errors
    /// `NoSystemRoots`, `Tls`.
    pub fn new(network: &Network) -> Result<Self, NetworkError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let roots = Arc::new(network.roots()?);
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|_| NetworkError::Tls)?;
        Ok(Self {
            provider,
            verifier,
            versions: if network.speaks_tls13() {
                BOTH
            } else {
                ONLY_TLS12
            },
        })
    }

    /// What verifies servers.
    #[must_use]
    pub fn verifier(&self) -> Arc<WebPkiServerVerifier> {
        Arc::clone(&self.verifier)
    }

    /// For connections without a client certificate.
    ///
    /// # Errors
    /// `Tls`.
    pub fn plain(&self) -> Result<ClientConfig, NetworkError> {
        Ok(self.builder()?.with_no_client_auth())
    }

    /// For connections with this identity. Sessions are not resumed: a resumed session shows the certificate of the one before,
    /// and a server that resumes does not ask, so nobody could tell that from a server that never asks.
    ///
    /// # Errors
    /// `Tls`.
    pub fn with_identity(&self, identity: &ClientIdentity) -> Result<ClientConfig, NetworkError> {
        let resolver = WatchedIdentity(Arc::clone(identity.certified()));
        let mut config = self
            .builder()?
            .with_client_cert_resolver(Arc::new(resolver));
        config.resumption = Resumption::disabled();
        Ok(config)
    }

    fn builder(
        &self,
    ) -> Result<rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, NetworkError>
    {
        ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(self.versions)
            .map(|builder| builder.with_webpki_verifier(Arc::clone(&self.verifier)))
            .map_err(|_| NetworkError::Tls)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// Why a connection over mutual TLS does not count.
///
/// What [`CertificateWatch::verdict`] says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NotPresented {
    /// The server never asked for the certificate.
    NotAsked,
    /// The server asked, but takes no signature that the key can make; no certificate was sent.
    NoCommonScheme,
}

impl fmt::Display for NotPresented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAsked => "the server did not ask for the client certificate",
            Self::NoCommonScheme => "the server takes no signature that the client's key can make",
        })
    }
}

impl std::error::Error for NotPresented {}

thread_local! {
    /// The watch of the handshake that this thread works on now.
    static CURRENT: RefCell<Option<Arc<AtomicU8>>> = const { RefCell::new(None) };
}

/// Watches one handshake. All work on the connection goes through [`during`](Self::during), on whatever thread it happens.
///
/// ```
/// use std::io::{self, Read, Write};
/// use entra_adapter::CertificateWatch;
/// use rustls::ClientConnection;
///
/// /// A handshake with a configuration of [`Tls::with_identity`](entra_adapter::Tls::with_identity).
/// fn shake_hands(connection: &mut ClientConnection, socket: &mut (impl Read + Write)) -> io::Result<()> {
///     let watch = CertificateWatch::new();
///     watch.during(|| connection.complete_io(socket))?;
///     watch.verdict().map_err(io::Error::other)
/// }
/// # let _ = |connection: &mut ClientConnection, socket: &mut std::net::TcpStream| shake_hands(connection, socket);
/// ```
#[derive(Clone, Debug, Default)]
pub struct CertificateWatch(Arc<AtomicU8>);

impl CertificateWatch {
    /// A watch for one connection.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Does a piece of work on the connection that is watched.
    pub fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        /// Puts the watch of before back, also when the work panics.
        struct Restore(Option<Arc<AtomicU8>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.with(|current| current.replace(self.0.take()));
            }
        }
        let _restore = Restore(CURRENT.with(|current| current.replace(Some(Arc::clone(&self.0)))));
        work()
    }

    /// Judges the connection once its handshake is over, before the first byte of the request: a 200 without the certificate
    /// would be too late (T16).
    ///
    /// # Errors
    /// The certificate was not presented.
    pub fn verdict(&self) -> Result<(), NotPresented> {
        match self.0.load(Ordering::Acquire) {
            0 => Err(NotPresented::NotAsked),
            1 => Err(NotPresented::NoCommonScheme),
            _ => Ok(()),
        }
    }

    fn note(seen: u8) {
        CURRENT.with(|current| {
            if let Some(watch) = &*current.borrow() {
                watch.store(seen, Ordering::Release);
            }
        });
    }
}

/// Presents one identity, always the same, and tells the watch that it was asked.
#[derive(Debug)]
struct WatchedIdentity(Arc<CertifiedKey>);

impl ResolvesClientCert for WatchedIdentity {
    fn resolve(
        &self,
        _issuers: &[&[u8]],
        schemes: &[SignatureScheme],
    ) -> Option<Arc<CertifiedKey>> {
        let can_sign = self.0.key.choose_scheme(schemes).is_some();
        CertificateWatch::note(if can_sign { 2 } else { 1 });
        can_sign.then(|| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
