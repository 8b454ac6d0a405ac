//! The TLS side: one server configuration for each host name and each kind of handshake, made when first wanted.
//!
//! A client certificate is asked for, not demanded, and any well-formed one is taken if the handshake proves its key: whether
//! it is the right one is for HTTP to say, as at Entra.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig,
    SignatureScheme, SupportedProtocolVersion,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::authority::{CertificateAuthority, ServerCertificate};
use crate::error::StartError;

/// The versions of TLS that the emulator speaks.
///
/// [`EmulatorBuilder`](crate::EmulatorBuilder) has an example with one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersions {
    /// TLS 1.2 alone.
    Only12,
    /// TLS 1.3 alone.
    Only13,
    /// Both.
    #[default]
    Both,
}

impl TlsVersions {
    fn list(self) -> Vec<&'static SupportedProtocolVersion> {
        match self {
            Self::Only12 => vec![&rustls::version::TLS12],
            Self::Only13 => vec![&rustls::version::TLS13],
            Self::Both => vec![&rustls::version::TLS12, &rustls::version::TLS13],
        }
    }
}

/// What the handshake does about a client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ClientAuthentication {
    NotAsked,
    Asked,
    Required,
    Refused,
}

/// Makes configurations and keeps them, so that sessions can be resumed.
pub(crate) struct TlsConfigs {
    authority: CertificateAuthority,
    provider: Arc<CryptoProvider>,
    versions: TlsVersions,
    resumption: bool,
    made: Mutex<BTreeMap<Key, Arc<ServerConfig>>>,
}

type Key = (String, ServerCertificate, ClientAuthentication);

/// How many configurations are kept: names are the client's to choose.
const KEPT: usize = 1_024;

impl TlsConfigs {
    pub(crate) fn new(
        authority: CertificateAuthority,
        versions: TlsVersions,
        resumption: bool,
    ) -> Self {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Self {
            authority,
            provider,
            versions,
            resumption,
            made: Mutex::default(),
        }
    }

    pub(crate) fn authority(&self) -> &CertificateAuthority {
        &self.authority
    }

    /// The configuration for a name that is served.
    pub(crate) fn for_host(
        &self,
        name: &str,
        shown: ServerCertificate,
        client: ClientAuthentication,
    ) -> Result<Arc<ServerConfig>, StartError> {
        let key = (name.to_owned(), shown, client);
        // Between two statements the map is whole, whatever panicked.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = made.get(&key) {
            return Ok(Arc::clone(found));
        }
        let verifier = Arc::new(AnyCertificate {
            client,
            algorithms: self.provider.signature_verification_algorithms,
        });
        let builder = self.builder()?;
        let builder = match client {
            ClientAuthentication::NotAsked => builder.with_no_client_auth(),
            ClientAuthentication::Asked
            | ClientAuthentication::Required
            | ClientAuthentication::Refused => builder.with_client_cert_verifier(verifier),
        };
        let chain = self.authority.issue(name, shown)?;
        let config = builder
            .with_single_cert(chain, self.authority.server_key())
            .map_err(StartError::keys)?;
        let config = Arc::new(self.finish(config)?);
        if made.len() >= KEPT {
            made.clear();
        }
        made.insert(key, Arc::clone(&config));
        Ok(config)
    }

    /// The configuration for a name that is not served: it has no certificate, so the client gets an alert.
    pub(crate) fn for_nobody(&self) -> Result<Arc<ServerConfig>, StartError> {
        Ok(Arc::new(
            self.builder()?
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(NoCertificate)),
        ))
    }

    fn builder(
        &self,
    ) -> Result<rustls::ConfigBuilder<ServerConfig, rustls::WantsVerifier>, StartError> {
        ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&self.versions.list())
            .map_err(StartError::keys)
    }

    fn finish(&self, mut config: ServerConfig) -> Result<ServerConfig, StartError> {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if self.resumption {
            config.ticketer = aws_lc_rs::Ticketer::new().map_err(StartError::keys)?;
        } else {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

/// Takes every certificate that can be read and whose key signed the handshake.
#[derive(Debug)]
struct AnyCertificate {
    client: ClientAuthentication,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ClientCertVerifier for AnyCertificate {
    fn client_auth_mandatory(&self) -> bool {
        self.client == ClientAuthentication::Required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if self.client == ClientAuthentication::Refused {
            return Err(Error::InvalidCertificate(CertificateError::Revoked));
        }
        match X509Certificate::from_der(leaf) {
            Ok(([], _)) => Ok(ClientCertVerified::assertion()),
            _ => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls12_signature(message, leaf, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        rustls::crypto::verify_tls13_signature(message, leaf, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
