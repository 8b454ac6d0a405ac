//! An agent of ureq for one transport: its own certificate, the service's root and address, and nothing that ureq would decide
//! by itself.

use std::net::SocketAddr;

use entra_proto::Transport;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::{Outside, Trouble, crypto};

impl Outside {
    /// An agent for this transport alone. A driver keeps one for each certificate; the example throws it away after one request.
    ///
    /// # Errors
    ///
    /// A key that ureq can't read.
    pub fn agent(&self, transport: &Transport) -> Result<Agent, Trouble> {
        let pair = match transport {
            Transport::Plain => None,
            Transport::Mtls(certificate) => {
                let chain = certificate.chain().map(Certificate::from_der);
                let chain: Vec<_> = chain.map(|der| der.to_owned()).collect();
                let key = PrivateKey::from_pem(self.identity.key_pem().as_bytes())?;
                Some(ClientCert::new_with_certs(&chain, key))
            }
        };
        let root = Certificate::from_der(self.emulator.ca_der()).to_owned();
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(crypto())
            .root_certs(RootCerts::new_with_certs(&[root]))
            .client_cert(pair)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .https_only(true)
            .proxy(None)
            .build();
        let resolver = To(self.address());
        Ok(Agent::with_parts(
            config,
            DefaultConnector::default(),
            resolver,
        ))
    }
}

/// Every name is at this address.
#[derive(Debug)]
struct To(SocketAddr);

impl Resolver for To {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        found.push(self.0);
        Ok(found)
    }
}
