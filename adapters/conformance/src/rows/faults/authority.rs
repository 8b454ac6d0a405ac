//! An authority of our own, for server certificates that the emulator does not issue.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// An authority, and the key of everything that it issues.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    key: KeyPair,
}

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "authority at the door");
        Self {
            issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap(),
            key: KeyPair::generate().unwrap(),
        }
    }

    /// To be trusted.
    pub(super) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A server with a certificate for that name.
    pub(super) fn valid(&self, name: &str) -> Arc<ServerConfig> {
        self.server(params(name), None)
    }

    /// A server whose certificate is not valid yet.
    pub(super) fn not_yet_valid(&self, name: &str) -> Arc<ServerConfig> {
        let mut params = params(name);
        params.not_before = date_time_ymd(2090, 1, 1);
        self.server(params, None)
    }

    /// A server whose certificate nobody else has signed.
    pub(super) fn self_signed(&self, name: &str) -> Arc<ServerConfig> {
        let leaf = params(name).self_signed(&self.key).unwrap();
        self.showing(&leaf, None)
    }

    /// A server for every host of the rows that takes clients of this authority only, of which there are none.
    pub(super) fn demanding_another_client(&self) -> Arc<ServerConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .unwrap();
        self.server(params("*.mtlsauth.microsoft.com"), Some(verifier))
    }

    fn server(
        &self,
        params: CertificateParams,
        clients: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
    ) -> Arc<ServerConfig> {
        let leaf = params.signed_by(&self.key, &self.issuer).unwrap();
        self.showing(&leaf, clients)
    }

    fn showing(
        &self,
        leaf: &rcgen::Certificate,
        clients: Option<Arc<dyn rustls::server::danger::ClientCertVerifier>>,
    ) -> Arc<ServerConfig> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(verifier) => builder.with_client_cert_verifier(verifier),
        };
        let key = PrivatePkcs8KeyDer::from(self.key.serialize_der());
        let config = builder.with_single_cert(vec![leaf.der().clone()], key.into());
        Arc::new(config.unwrap())
    }
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}
