//! Sending: over TLS, straight to the metadata service, and over mutual TLS with connections for each certificate.

use std::sync::Arc;

use entra_adapter::{
    Allowance, ClientIdentity, Identities, Network, NetworkError, NotPresented, Tls, failure,
};
use entra_proto::{Body, Failure, FailureKind, Thumbprint};
use http::uri::Scheme;
use http::{Request, Response};

use crate::connector::Security;
use crate::sender::Sender;

/// How many certificates keep their connections at once.
const MOST_IDENTITIES: usize = 32;

/// Everything that sends.
///
/// Redirects are not followed (they would carry credentials elsewhere), nothing is repeated (it would repeat an assertion) or
/// decompressed, and HTTP/1.1 is spoken alone (HTTP/2 could join hosts on one connection).
#[derive(Debug)]
pub(crate) struct HttpClient {
    tls: Tls,
    network: Network,
    plain: Sender,
    direct: Sender,
    identities: Identities<Sender>,
}

impl HttpClient {
    pub(crate) fn new(network: Network) -> Result<Self, NetworkError> {
        let tls = Tls::new(&network)?;
        let plain = Security::Server(Arc::new(tls.plain()?));
        Ok(Self {
            plain: Sender::new(&network, plain),
            direct: Sender::new(&network, Security::None),
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
    pub(crate) async fn plain(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        if request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Err(Failure::new(FailureKind::Tls).reporting("the URL is not https"));
        }
        self.plain.exchange(request, allowed).await
    }

    /// Over connections with this identity, whose sender is built once and shared with none.
    pub(crate) async fn with_identity(
        &self,
        identity: &ClientIdentity,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        if request.uri().scheme() != Some(&Scheme::HTTPS) {
            return Err(failure(&NotPresented::NotAsked));
        }
        let build = |identity: &ClientIdentity| {
            let config = Arc::new(self.tls.with_identity(identity)?);
            Ok::<_, NetworkError>(Sender::new(&self.network, Security::Mutual(config)))
        };
        let sender = self
            .identities
            .built(identity, build)
            .map_err(|error| Failure::new(FailureKind::Tls).reporting(error.to_string()))?;
        sender.exchange(request, allowed).await
    }

    /// To the metadata service, without TLS and never through a proxy.
    pub(crate) async fn direct(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        self.direct.exchange(request, allowed).await
    }
}
