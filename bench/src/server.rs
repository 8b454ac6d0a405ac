//! A token service in this process that answers at once, over mutual TLS: nothing in it takes time that could hide what a client takes.
//!
//! It asks every client for a certificate, takes those of its own authority, and says what it is told to say.

use std::convert::Infallible;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entra_tokio::{Network, Resolve};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::world::{self, TEXT};

/// The region whose hosts it serves.
pub const REGION: &str = "westus3";
/// Requests whose body has this text stall.
pub const STALLED: &str = "stalled";

/// The names in its certificate.
const NAMES: [&str; 3] = [
    "login.microsoftonline.com",
    "mtlsauth.microsoft.com",
    "*.mtlsauth.microsoft.com",
];

/// What it does.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// How long it takes for each answer.
    pub delay: Duration,
    /// How long for requests that have [`STALLED`] in their body.
    pub stall: Duration,
    /// Whether it refuses.
    pub refuses: bool,
}

impl Manners {
    /// It grants at once.
    pub const PROMPT: Self = Self {
        delay: Duration::ZERO,
        stall: Duration::ZERO,
        refuses: false,
    };
}

/// A running token service; it stops when dropped.
pub struct Server {
    address: SocketAddr,
    authority: CertifiedIssuer<'static, KeyPair>,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    manners: Mutex<Manners>,
    requests: AtomicUsize,
    bearer: Bytes,
    pop: Bytes,
    refusal: Bytes,
}

/// A certificate with its key, as PEM.
#[derive(Clone)]
pub struct Pair {
    /// The certificate.
    pub certificate: String,
    /// The key.
    pub key: String,
}

impl Server {
    /// Listens on loopback, with a thread of its own.
    ///
    /// # Panics
    /// If there is no port or no randomness.
    #[must_use]
    pub fn start(manners: Manners) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let authority = CertifiedIssuer::self_signed(params, key).expect("an authority");
        let acceptor = TlsAcceptor::from(Arc::new(configuration(&authority)));
        let shared = Arc::new(Shared {
            manners: Mutex::new(manners),
            requests: AtomicUsize::new(0),
            bearer: Bytes::from(world::granting("Bearer", 86_400, TEXT)),
            pop: Bytes::from(world::granting("mtls_pop", 86_400, TEXT)),
            refusal: Bytes::from(world::refusing()),
        });
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let listener = runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .expect("a port");
        let address = listener.local_addr().expect("an address");
        runtime.spawn(accept(listener, acceptor, Arc::clone(&shared)));
        Self {
            address,
            authority,
            shared,
            runtime: Some(runtime),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its authority's certificate, as PEM.
    #[must_use]
    pub fn roots(&self) -> String {
        self.authority.pem()
    }

    /// Behaves otherwise from now on.
    pub fn behave(&self, manners: Manners) {
        *self
            .shared
            .manners
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = manners;
    }

    /// How many requests came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Leads every name to it, and trusts it alone.
    ///
    /// # Panics
    /// Never: the root is one.
    #[must_use]
    pub fn network(&self) -> Network {
        let everywhere = Resolve {
            host: "*".to_owned(),
            port: None,
            address: self.address,
        };
        let network = Network::new().trust_only(self.roots()).expect("a root");
        network.resolve(everywhere).no_proxy()
    }

    /// Issues a certificate on a key, a new one where there is none.
    ///
    /// # Panics
    /// If the key is none.
    #[must_use]
    pub fn issue(&self, number: usize, key: Option<&str>) -> Pair {
        let key = match key {
            Some(pem) => KeyPair::from_pem(pem),
            None => KeyPair::generate(),
        };
        let key = key.expect("a key");
        let mut params = CertificateParams::default();
        let name = format!("client {number}");
        params.distinguished_name.push(DnType::CommonName, name);
        let certificate = params
            .signed_by(&key, &self.authority)
            .expect("a certificate");
        Pair {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").finish_non_exhaustive()
    }
}

fn configuration(authority: &CertifiedIssuer<'static, KeyPair>) -> ServerConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).expect("a root");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .allow_unauthenticated()
            .build()
            .expect("a verifier");
    let key = KeyPair::generate().expect("a key");
    let certificate = CertificateParams::new(NAMES.map(str::to_owned).to_vec())
        .expect("names")
        .signed_by(&key, authority)
        .expect("a certificate");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .expect("a key that fits")
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors: others will be closed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let Ok(stream) = acceptor.accept(stream).await else {
        return;
    };
    let service = service_fn(|request| answer(&shared, request));
    // An error is the client's going away.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    shared.requests.fetch_add(1, Ordering::Relaxed);
    let manners = *shared
        .manners
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let body = request.into_body().collect().await;
    let body = body.map(|body| body.to_bytes()).unwrap_or_default();
    let says = |text: &str| {
        body.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    let delay = if !manners.stall.is_zero() && says(STALLED) {
        manners.stall
    } else {
        manners.delay
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (status, text) = if manners.refuses {
        (StatusCode::UNAUTHORIZED, &shared.refusal)
    } else if says("token_type=mtls_pop") {
        (StatusCode::OK, &shared.pop)
    } else {
        (StatusCode::OK, &shared.bearer)
    };
    let mut answer = Response::new(Full::new(text.clone()));
    *answer.status_mut() = status;
    Ok(answer)
}
