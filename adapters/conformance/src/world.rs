//! The world that the rows run in: an emulator with registered applications, and clients that reach it under the true names.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use entra_adapter::{ClientIdentity, Network, ProvidedAssertion, Resolve};
use entra_emulator::{
    Application, AssertionSpec, Emulator, EmulatorBuilder, KeyKind, TENANT_ID, TestIdentity,
};
use entra_proto::{Client, ClientBuilder, Credential, RegionSource, Secret, TokenRequest};

use crate::{Assertions, Setup};

/// The application of every row.
pub const CLIENT_ID: &str = "11111111-1111-1111-1111-111111111111";
/// Its secret.
pub const SECRET: &str = "canary-client-secret-7Q";
/// The issuer that it trusts, and the subject.
pub const ISSUER: &str = "https://issuer.example/";
/// See [`ISSUER`].
pub const SUBJECT: &str = "workload";
/// What the rows ask for.
pub const SCOPE: &str = "https://vault.azure.net/.default";

/// RSA keys take long to make, so every world has the same one, in a certificate of its own.
static RSA: LazyLock<TestIdentity> =
    LazyLock::new(|| TestIdentity::generate(KeyKind::Rsa2048, "rsa").unwrap());

/// An emulator and the identities that its application knows.
#[expect(clippy::exhaustive_structs, reason = "rows read it, nobody else does")]
pub struct World {
    /// The emulator.
    pub emulator: Arc<Emulator>,
    /// A P-256 certificate, registered.
    pub alpha: TestIdentity,
    /// An RSA certificate, registered.
    pub rsa: TestIdentity,
}

/// As adapters take it.
#[must_use]
pub fn identity(of: &TestIdentity) -> ClientIdentity {
    ClientIdentity::from_pem(of.certificate_pem(), of.key_pem()).unwrap()
}

impl World {
    /// A world with the defaults of the emulator.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// A world whose emulator is configured further.
    #[must_use]
    pub fn with(configure: impl FnOnce(EmulatorBuilder) -> EmulatorBuilder) -> Self {
        let alpha = TestIdentity::generate(KeyKind::P256, "alpha").unwrap();
        let rsa = RSA.renew().unwrap();
        let application = Application::new(CLIENT_ID)
            .secret(SECRET)
            .certificate(alpha.certificate_der())
            .certificate(rsa.certificate_der())
            .federated(ISSUER, SUBJECT)
            .mtls(true);
        let builder = Emulator::builder()
            .application(application)
            .imds_region("westus3");
        Self {
            emulator: Arc::new(configure(builder).start().unwrap()),
            alpha,
            rsa,
        }
    }

    /// Leads every name to the emulator, and trusts it alone.
    #[must_use]
    pub fn network(&self) -> Network {
        let everywhere = Resolve {
            host: "*".to_owned(),
            port: Some(443),
            address: self.emulator.address(),
        };
        let metadata = Resolve {
            host: "*".to_owned(),
            port: Some(80),
            address: self.emulator.imds_address(),
        };
        Network::new()
            .trust_only(self.emulator.ca_pem())
            .unwrap()
            .resolve(everywhere)
            .resolve(metadata)
            .no_proxy()
    }

    /// A client of the public cloud in `westus3`.
    pub fn client(&self, credential: Credential) -> ClientBuilder {
        let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
        Client::builder(CLIENT_ID, authority, credential)
            .region(RegionSource::Named("westus3".to_owned()))
    }

    /// What a driver builds from.
    #[must_use]
    pub fn setup(&self, client: Client) -> Setup {
        Setup {
            client,
            identities: Vec::new(),
            assertions: None,
            certificates: None,
            assertion_source: None,
            certificate_source: None,
            network: self.network(),
            listener: None,
            metrics: None,
        }
    }

    /// A client with a provider of pairs.
    #[must_use]
    pub fn with_provider(&self, assertions: Assertions) -> Setup {
        let client = self
            .client(Credential::signed_assertion_provider())
            .build()
            .unwrap();
        Setup {
            assertions: Some(assertions),
            ..self.setup(client)
        }
    }

    /// A client with a fixed certificate.
    #[must_use]
    pub fn with_certificate(
        &self,
        of: &TestIdentity,
        options: impl FnOnce(Credential) -> Credential,
    ) -> Setup {
        let identity = identity(of);
        let client = self
            .client(options(Credential::certificate(identity.chain())))
            .build()
            .unwrap();
        Setup {
            identities: vec![identity],
            ..self.setup(client)
        }
    }

    /// A federated assertion, bound to a certificate if one is given.
    #[must_use]
    pub fn assertion(&self, bound_to: Option<&TestIdentity>) -> Secret {
        issue(&self.emulator, bound_to.map(TestIdentity::certificate_der))
    }

    /// A provider that returns pairs bound to this identity, and counts its calls.
    #[must_use]
    pub fn pairs(&self, of: &TestIdentity) -> (Assertions, Arc<AtomicUsize>) {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let (emulator, identity, der) = (
            Arc::clone(&self.emulator),
            identity(of),
            of.certificate_der().to_vec(),
        );
        let provider: Assertions = Arc::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(ProvidedAssertion::bound(
                issue(&emulator, Some(&der)),
                identity.clone(),
            ))
        });
        (provider, calls)
    }

    /// How many token requests came in.
    #[must_use]
    pub fn token_requests(&self) -> usize {
        self.emulator.token_requests().len()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("emulator", &self.emulator)
            .finish_non_exhaustive()
    }
}

/// Issues a federated assertion.
#[must_use]
pub fn issue(emulator: &Emulator, bound_to: Option<&[u8]>) -> Secret {
    let spec = AssertionSpec::new(ISSUER, SUBJECT);
    let spec = match bound_to {
        Some(der) => spec.bound_to(der),
        None => spec,
    };
    Secret::new(emulator.issue_assertion(&spec))
}

/// The usual request.
#[must_use]
pub fn bearer() -> TokenRequest {
    TokenRequest::for_app([SCOPE])
}

/// The usual request for proof of possession.
#[must_use]
pub fn pop() -> TokenRequest {
    bearer().proof_of_possession()
}
