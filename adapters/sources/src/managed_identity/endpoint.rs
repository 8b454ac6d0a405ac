//! Sending to an identity's endpoint: directly, never through a proxy, never after a redirect, and over TLS only where the host's
//! variables say which certificate to expect.

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use entra_proto::{Body, Failure, FailureKind};
use http::{Method, Request, Response};
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};

use crate::error::SourceError;

mod pinned;

use pinned::TlsConnector;

/// The largest answer with a token in it.
const MOST: usize = 64 * 1_024;
/// The endpoints are on this machine or one hop away.
const CONNECT: Duration = Duration::from_secs(2);

pub(super) struct Endpoint(Agent);

impl Endpoint {
    /// Over TLS if the endpoint is `https`, with the SHA-1 of the certificate that it may have if no root vouches for it.
    pub(super) fn new(over_tls: bool, pinned: Option<[u8; 20]>) -> Result<Self, SourceError> {
        let tls = match over_tls {
            false => None,
            true => Some(Arc::new(
                pinned::config(pinned).map_err(|_| SourceError::Unreachable)?,
            )),
        };
        let settings = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_response_header_size(MOST)
            .user_agent(concat!("entra-sources/", env!("CARGO_PKG_VERSION")))
            .proxy(None)
            .timeout_connect(Some(CONNECT))
            // Questions are hours apart.
            .max_idle_connections(0)
            .build();
        let chain = ().chain(TcpConnector::default()).chain(TlsConnector(tls));
        Ok(Self(Agent::with_parts(
            settings,
            chain,
            DefaultResolver::default(),
        )))
    }

    pub(super) fn send(
        &self,
        request: &Request<Body>,
        limit: Duration,
    ) -> Result<Response<Body>, Failure> {
        let mut converted = Request::builder()
            .method(request.method())
            .uri(request.uri());
        if let Some(headers) = converted.headers_mut() {
            headers.clone_from(request.headers());
        }
        let unusable = |_| Failure::new(FailureKind::Connect);
        let limit = Some(limit);
        let answer = if request.method() == Method::GET {
            let converted = converted.body(()).map_err(unusable)?;
            let configured = self.0.configure_request(converted).timeout_global(limit);
            self.0.run(configured.build())
        } else {
            let body = request.body().expose();
            let converted = converted.body(body).map_err(unusable)?;
            let configured = self.0.configure_request(converted).timeout_global(limit);
            self.0.run(configured.build())
        };
        let (head, mut body) = answer.map_err(|error| failure(&error))?.into_parts();
        // Room for all of it, so that no token is left behind in smaller buffers.
        let mut bytes = Vec::with_capacity(MOST.saturating_add(1));
        let most = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
        let read = body.as_reader().take(most).read_to_end(&mut bytes);
        let body = Body::from(bytes);
        read.map_err(|error| failure(&error.into()))?;
        if body.expose().len() > MOST {
            return Err(Failure::new(FailureKind::TooLarge));
        }
        Ok(Response::from_parts(head, body))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").finish_non_exhaustive()
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "ureq::Error is open, and most of it can't happen here"
)]
fn failure(error: &ureq::Error) -> Failure {
    match error {
        // A connection that takes so long is none; there is time to try again.
        ureq::Error::Timeout(ureq::Timeout::Connect) => Failure::new(FailureKind::Connect),
        ureq::Error::Timeout(_) => Failure::new(FailureKind::Timeout),
        ureq::Error::LargeResponseHeader(..) | ureq::Error::BodyExceedsLimit(_) => {
            Failure::new(FailureKind::TooLarge)
        }
        ureq::Error::Protocol(_) => Failure::new(FailureKind::Garbled),
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
            Failure::new(FailureKind::Timeout)
        }
        ureq::Error::Io(_) => Failure::new(FailureKind::Closed),
        _ => Failure::new(FailureKind::Connect),
    }
}
