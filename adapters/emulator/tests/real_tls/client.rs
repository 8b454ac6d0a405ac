//! A small blocking client over real TLS, which does what it is told and hides nothing.
//!
//! It maps every host name to the emulator and trusts its authority alone.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entra_emulator::{Emulator, TestIdentity};
use rustls::client::ResolvesClientCert;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore, SignatureScheme, StreamOwned};
use serde_json::Value;

pub(crate) struct Client {
    emulator: std::net::SocketAddr,
    config: Arc<ClientConfig>,
    asked: Arc<AtomicBool>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The first AADSTS number.
    pub(crate) fn code(&self) -> u64 {
        self.json()["error_codes"][0].as_u64().unwrap_or(0)
    }

    pub(crate) fn access_token(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        self.json()["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("{} {text}", self.status))
            .to_owned()
    }

    /// The claims of the access token, unverified.
    pub(crate) fn claims(&self) -> Value {
        claims(&self.access_token())
    }
}

pub(crate) fn claims(token: &str) -> Value {
    use base64::Engine as _;
    let part = token.split('.').nth(1).unwrap();
    serde_json::from_slice(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(part)
            .unwrap(),
    )
    .unwrap()
}

impl Client {
    pub(crate) fn new(emulator: &Emulator, identity: Option<&TestIdentity>) -> Self {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(emulator.ca_der().to_vec()))
            .unwrap();
        let asked = Arc::new(AtomicBool::new(false));
        let key = identity.map(|identity| {
            let chain = vec![CertificateDer::from(identity.certificate_der().to_vec())];
            let key = PrivateKeyDer::from_pem_slice(identity.key_pem().as_bytes()).unwrap();
            Arc::new(CertifiedKey::new(
                chain,
                provider.key_provider.load_private_key(key).unwrap(),
            ))
        });
        let resolver = Resolver {
            asked: Arc::clone(&asked),
            key,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(Arc::new(resolver));
        Self {
            emulator: emulator.address(),
            config: Arc::new(config),
            asked,
        }
    }

    /// Was a certificate asked for in any handshake so far?
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn connect(&self, host: &str) -> StreamOwned<ClientConnection, TcpStream> {
        let name = ServerName::try_from(host.to_owned()).unwrap();
        let session = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let socket = TcpStream::connect(self.emulator).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        StreamOwned::new(session, socket)
    }

    pub(crate) fn post(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        self.try_post(url, form).unwrap()
    }

    pub(crate) fn try_post(&self, url: &str, form: &[(&str, &str)]) -> io::Result<Answer> {
        let (host, path) = split(url);
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let text = format!(
            "POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             client-request-id: 00000000-0000-0000-0000-00000000c0de\r\nreturn-client-request-id: true\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        );
        exchange(&mut self.connect(host), &text)
    }

    pub(crate) fn get(&self, url: &str, headers: &str) -> Answer {
        self.try_get(url, headers).unwrap()
    }

    pub(crate) fn try_get(&self, url: &str, headers: &str) -> io::Result<Answer> {
        let (host, path) = split(url);
        exchange(
            &mut self.connect(host),
            &format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{headers}\r\n"),
        )
    }
}

/// A GET on the metadata service.
pub(crate) fn imds(emulator: &Emulator, path: &str, headers: &str) -> Answer {
    let mut socket = TcpStream::connect(emulator.imds_address()).unwrap();
    exchange(
        &mut socket,
        &format!(
            "GET {path} HTTP/1.1\r\nhost: 169.254.169.254\r\nconnection: close\r\n{headers}\r\n"
        ),
    )
    .unwrap()
}

/// Sends, reads to the end, and wants the body whole.
pub(crate) fn exchange(stream: &mut (impl Read + Write), text: &str) -> io::Result<Answer> {
    stream.write_all(text.as_bytes())?;
    stream.flush()?;
    read(stream)
}

pub(crate) fn read(stream: &mut impl Read) -> io::Result<Answer> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = all.windows(4).position(|window| window == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&all[..end]).to_lowercase();
            let length = head
                .split("content-length: ")
                .nth(1)
                .and_then(|rest| rest.lines().next())
                .map(|text| text.parse().unwrap());
            let body = all[end + 4..].to_vec();
            if length.is_some_and(|length: usize| body.len() >= length) || body.len() > 1_000_000 {
                let status = head
                    .split(' ')
                    .nth(1)
                    .and_then(|code| code.parse().ok())
                    .unwrap_or(0);
                return Ok(Answer { status, head, body });
            }
        }
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

fn split(url: &str) -> (&str, &str) {
    let rest = url.strip_prefix("https://").unwrap();
    rest.split_at(rest.find('/').unwrap())
}

#[derive(Debug)]
struct Resolver {
    asked: Arc<AtomicBool>,
    key: Option<Arc<CertifiedKey>>,
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        self.key.clone()
    }

    fn has_certs(&self) -> bool {
        true
    }
}
