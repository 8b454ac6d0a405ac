//! What stands round the examples: a token service on loopback instead of Entra, an identity that it knows, and the clocks,
//! randomness and TLS settings that every driver of the core has. The loops are in `examples/` and `tests/`.

#![forbid(unsafe_code)]

mod agent;

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use entra_emulator::{Application, AssertionSpec, Emulator, KeyKind, TENANT_ID, TestIdentity};
use entra_proto::{
    AccessToken, CertificateChain, Client, ClientAssertion, Credential, Failure, FailureKind, Now,
    RegionSource, Secret, Seed, Transport,
};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const CLIENT_ID: &str = "33333333-3333-3333-3333-333333333333";
const ISSUER: &str = "https://issuer.example/v2.0";
const SUBJECT: &str = "a workload";

/// Any error of an example.
pub type Trouble = Box<dyn Error + Send + Sync>;

/// The world outside of a driver: the service, and the pair of assertion and certificate that it accepts.
pub struct Outside {
    emulator: Emulator,
    identity: TestIdentity,
}

impl Outside {
    /// Starts the service. It knows one application, which trusts assertions of one issuer.
    ///
    /// # Errors
    ///
    /// No loopback, or no randomness.
    pub fn start() -> Result<Self, Trouble> {
        let application = Application::new(CLIENT_ID).federated(ISSUER, SUBJECT);
        Ok(Self {
            emulator: Emulator::builder().application(application).start()?,
            identity: TestIdentity::generate(KeyKind::P256, "workload")?,
        })
    }

    /// The client to plan with: assertions come from a provider, in `eastus`.
    ///
    /// # Errors
    ///
    /// None that happens here.
    pub fn client(&self) -> Result<Client, entra_proto::Error> {
        Client::builder(
            CLIENT_ID,
            format!("https://login.microsoftonline.com/{TENANT_ID}"),
            Credential::signed_assertion_provider(),
        )
        .region(RegionSource::Named("eastus".to_owned()))
        .build()
    }

    /// What an assertion provider returns: the assertion and the certificate that it is bound to, in one value.
    #[must_use]
    pub fn pair(&self) -> ClientAssertion {
        let der = self.identity.certificate_der();
        let spec = AssertionSpec::new(ISSUER, SUBJECT).bound_to(der);
        let assertion = Secret::new(self.emulator.issue_assertion(&spec));
        ClientAssertion::bound(assertion, CertificateChain::new(der))
    }

    /// Where every host of the service is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.emulator.address()
    }

    /// Prints what came, never the token itself.
    pub fn show(&self, token: &AccessToken) {
        let kind = token.token_type();
        let source = token.source();
        let endpoint = token.metadata().token_endpoint().unwrap_or_default();
        let accepted = self.emulator.accepted();
        println!("{kind} token, {source:?}, {endpoint}, connections so far: {accepted}");
    }

    /// The root to trust.
    #[must_use]
    pub fn root(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.emulator.ca_der().to_vec())
    }

    /// The private key of a certificate: that of the pair's, for nobody has another.
    ///
    /// # Errors
    ///
    /// None that happens here.
    pub fn key(&self) -> Result<PrivateKeyDer<'static>, Trouble> {
        Ok(PrivateKeyDer::try_from(self.identity.key_der().to_vec())?)
    }

    /// The settings of rustls for a transport: one for each certificate, so that no connection ever carries another.
    ///
    /// # Errors
    ///
    /// A key that does not belong to the certificate.
    pub fn tls(&self, transport: &Transport) -> Result<ClientConfig, Trouble> {
        let mut roots = RootCertStore::empty();
        roots.add(self.root())?;
        let builder = ClientConfig::builder_with_provider(crypto())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        Ok(match transport {
            Transport::Plain => builder.with_no_client_auth(),
            Transport::Mtls(certificate) => {
                let chain = certificate.chain().map(<[u8]>::to_vec);
                let chain = chain.map(CertificateDer::from).collect();
                builder.with_client_auth_cert(chain, self.key()?)?
            }
        })
    }
}

/// Locks what a panicking thread left whole.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What went wrong with an exchange, as the core takes it. A driver of your own says more exactly what it knows, above all that
/// nothing was sent.
#[must_use]
pub fn broken(trouble: Trouble) -> Failure {
    Failure::new(FailureKind::Closed).reporting(trouble.to_string())
}

/// The cryptography that TLS and seeds come from.
#[must_use]
pub fn crypto() -> Arc<CryptoProvider> {
    static PROVIDER: LazyLock<Arc<CryptoProvider>> =
        LazyLock::new(|| Arc::new(aws_lc_rs::default_provider()));
    Arc::clone(&PROVIDER)
}

/// Both clocks. The core never reads one.
#[must_use]
pub fn now() -> Now {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    Now::new(wall.unwrap_or_default(), START.elapsed())
}

/// Fresh randomness for one plan.
///
/// # Errors
///
/// The system gave none.
pub fn seed() -> Result<Seed, Trouble> {
    let mut bytes = [0; 32];
    let random = crypto().secure_random;
    random.fill(&mut bytes).map_err(|_| "no randomness")?;
    Ok(Seed::from_bytes(bytes))
}
