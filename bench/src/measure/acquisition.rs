//! Acquisitions over mutual TLS beside a bare POST of the same request to the same server: on a connection that is kept, and with a
//! certificate that is new.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::{Mutex, PoisonError};

use entra_proto::{Body, Client, Credential, Limits, Now, RegionSource, Seed, Step, TokenRequest};
use entra_tokio::{ClientIdentity, EntraClient, HeldSource, ProviderContext};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::runtime::Runtime;

use crate::sampler::{Effort, Sampled, Subject, race};
use crate::server::{Pair, REGION, Server};
use crate::world::{CLIENT_ID, SCOPE, TENANT};

/// Ours and bare, kept and first.
#[derive(Clone, Copy, Debug)]
pub struct Acquisition {
    /// On a connection that is kept.
    pub kept: Sampled,
    /// The same without us.
    pub kept_bare: Sampled,
    /// With a new certificate.
    pub first: Sampled,
    /// The same without us.
    pub first_bare: Sampled,
}

/// Measures all four against one server.
#[must_use]
pub fn acquisition(server: &Server, effort: Effort) -> Acquisition {
    let kept = race(
        &mut [Box::new(Kept::new(server)), Box::new(Bare::kept(server))],
        effort,
    );
    let first = race(
        &mut [Box::new(First::new(server)), Box::new(Bare::first(server))],
        effort,
    );
    Acquisition {
        kept: kept[0],
        kept_bare: kept[1],
        first: first[0],
        first_bare: first[1],
    }
}

/// Proof of possession past the cache: nothing is signed for it but the handshake.
fn request() -> TokenRequest {
    TokenRequest::for_app([SCOPE])
        .proof_of_possession()
        .bypassing_cache()
}

fn core(credential: Credential) -> Client {
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    Client::builder(CLIENT_ID, authority, credential)
        .region(RegionSource::Named(REGION.to_owned()))
        .build()
        .expect("a client")
}

pub(super) fn identity(pair: &Pair) -> ClientIdentity {
    ClientIdentity::from_pem(&pair.certificate, &pair.key).expect("an identity")
}

pub(super) fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Certificates that were issued before a measurement, all on one key.
#[derive(Clone, Debug)]
pub(super) struct Issued(Arc<Mutex<Vec<Pair>>>, String);

impl Issued {
    pub(super) fn new(server: &Server) -> Self {
        Self(Arc::default(), server.issue(0, None).key)
    }

    pub(super) fn refill(&self, server: &Server, count: usize) {
        let mut pairs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while pairs.len() < count {
            let pair = server.issue(pairs.len(), Some(&self.1));
            pairs.push(pair);
        }
    }

    fn next(&self) -> Option<Pair> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

/// Ours with one certificate, through a source that is held: the bare client's request is made beforehand too.
#[derive(Debug)]
pub struct Kept {
    runtime: Runtime,
    source: HeldSource,
}

impl Kept {
    /// Against this server.
    ///
    /// # Panics
    /// Never: what the credential needs is there.
    #[must_use]
    pub fn new(server: &Server) -> Self {
        let identity = identity(&server.issue(0, None));
        let client = EntraClient::builder(core(Credential::certificate(identity.chain())))
            .identity(identity)
            .network(server.network())
            .build()
            .expect("a client");
        Self {
            runtime: runtime(),
            source: client.source(&request()).expect("a source"),
        }
    }
}

impl Subject for Kept {
    fn run(&mut self, times: u64) {
        self.runtime.block_on(async {
            for _ in 0..times {
                black_box(self.source.remembered().await.expect("a token"));
            }
        });
    }
}

/// Ours with a new certificate for each acquisition.
#[derive(Debug)]
pub struct First<'a> {
    server: &'a Server,
    runtime: Runtime,
    client: EntraClient,
    issued: Issued,
    request: TokenRequest,
}

/// A client whose provider names another certificate each time.
pub(super) fn renewing(server: &Server, issued: &Issued) -> EntraClient {
    let issued = issued.clone();
    EntraClient::builder(core(Credential::certificate_provider()))
        .certificate_provider(move |_: ProviderContext| {
            let pair = issued.next();
            async move { Ok(Some(identity(&pair.ok_or("all were used")?))) }
        })
        .network(server.network())
        .memory(FEW)
        .build()
        .expect("a client")
}

/// Tokens of certificates that are gone stay in the memory until they end or its budget is used up, which would hide what else grows.
const FEW: Limits = Limits {
    entries: 100,
    bytes: 1 << 20,
};

pub(super) fn fetch(client: &EntraClient) -> impl Future<Output = ()> {
    let client = client.clone();
    async move {
        black_box(client.token(&request()).await.expect("a token"));
    }
}

impl<'a> First<'a> {
    /// Against this server.
    #[must_use]
    pub fn new(server: &'a Server) -> Self {
        let issued = Issued::new(server);
        Self {
            server,
            runtime: runtime(),
            client: renewing(server, &issued),
            issued,
            request: request(),
        }
    }
}

impl Subject for First<'_> {
    fn prepare(&mut self, times: u64) {
        self.issued.refill(self.server, times as usize);
    }

    fn run(&mut self, times: u64) {
        self.runtime.block_on(async {
            for _ in 0..times {
                black_box(self.client.token(&self.request).await.expect("a token"));
            }
        });
    }
}

/// reqwest with the same TLS, posting what the core would send.
#[derive(Debug)]
pub struct Bare<'a> {
    server: &'a Server,
    runtime: Runtime,
    tls: BareTls,
    issued: Issued,
    /// None where each call has its own.
    client: Option<reqwest::Client>,
    request: http::Request<Body>,
}

impl<'a> Bare<'a> {
    /// On connections that are kept.
    #[must_use]
    pub fn kept(server: &'a Server) -> Self {
        let bare = Self::first(server);
        let client = bare.tls.client(server.address(), &server.issue(0, None));
        Self {
            client: Some(client),
            ..bare
        }
    }

    /// With a new client for each certificate; what verifies the server is shared, and its roots were parsed once.
    #[must_use]
    pub fn first(server: &'a Server) -> Self {
        Self {
            server,
            runtime: runtime(),
            tls: BareTls::new(&server.roots()),
            issued: Issued::new(server),
            client: None,
            request: asked(&server.issue(0, None)),
        }
    }

    async fn post(&self, client: &reqwest::Client) {
        let (head, body) = (&self.request, self.request.body().expose().to_vec());
        let sent = client
            .post(head.uri().to_string())
            .headers(head.headers().clone())
            .body(body)
            .send()
            .await;
        let answer = sent.expect("an answer");
        assert_eq!(answer.status(), http::StatusCode::OK);
        black_box(answer.bytes().await.expect("a body"));
    }
}

impl Subject for Bare<'_> {
    fn prepare(&mut self, times: u64) {
        if self.client.is_none() {
            self.issued.refill(self.server, times as usize);
        }
    }

    fn run(&mut self, times: u64) {
        self.runtime.block_on(async {
            for _ in 0..times {
                match &self.client {
                    Some(client) => self.post(client).await,
                    None => {
                        let pair = self.issued.next().expect("a certificate");
                        self.post(&self.tls.client(self.server.address(), &pair))
                            .await;
                    }
                }
            }
        });
    }
}

/// What bare clients share.
#[derive(Debug)]
struct BareTls(Arc<WebPkiServerVerifier>);

impl BareTls {
    fn new(roots: &str) -> Self {
        let mut store = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(roots.as_bytes()).expect("a root");
        store.add(root).expect("a root");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider);
        Self(verifier.build().expect("a verifier"))
    }

    fn client(&self, address: SocketAddr, pair: &Pair) -> reqwest::Client {
        let certificate = CertificateDer::from_pem_slice(pair.certificate.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_webpki_verifier(Arc::clone(&self.0))
            .with_client_auth_cert(vec![certificate.expect("PEM")], key.expect("PEM"))
            .expect("an identity");
        reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .no_proxy()
            .http1_only()
            .resolve(&host(), address)
            .build()
            .expect("a client")
    }
}

fn host() -> String {
    format!("{REGION}.mtlsauth.microsoft.com")
}

/// The request that the core makes of this certificate.
fn asked(pair: &Pair) -> http::Request<Body> {
    let now = Now::new(
        std::time::Duration::from_secs(1_798_761_600),
        std::time::Duration::ZERO,
    );
    let client = core(Credential::certificate(identity(pair).chain()));
    let plan = request().plan(&client).expect("a plan");
    let mut step = plan.start(Seed::from_bytes([7; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => load.resume(Ok(entra_proto::Partition::default()), now),
            Step::TakeTurn(take) => take.resume(entra_proto::Turn::Mine, now),
            Step::SendRequest(send) => {
                let asked = send.request();
                let mut copy = http::Request::new(Body::from(asked.body().expose().to_vec()));
                *copy.uri_mut() = asked.uri().clone();
                *copy.headers_mut() = asked.headers().clone();
                return copy;
            }
            Step::DiscoverRegion(_)
            | Step::DiscoverInstance(_)
            | Step::ObtainAssertion(_)
            | Step::ObtainCertificate(_)
            | Step::SignAssertion(_)
            | Step::Pause(_)
            | Step::SaveCache(_)
            | Step::Done(_) => panic!("nothing else is asked before the request is sent"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Manners;

    #[test]
    fn each_acquisition_is_one_request_and_the_bare_one_asks_for_the_same() {
        let server = Server::start(Manners::PROMPT);
        let mut subjects: [Box<dyn Subject>; 4] = [
            Box::new(Kept::new(&server)),
            Box::new(Bare::kept(&server)),
            Box::new(First::new(&server)),
            Box::new(Bare::first(&server)),
        ];
        for (before, subject) in subjects.iter_mut().enumerate() {
            subject.prepare(3);
            subject.run(3);
            assert_eq!(server.requests(), 3 * (before + 1));
        }
    }
}
