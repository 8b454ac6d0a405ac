//! The stage: an emulator, two applications, two certificates, the clients that act, and what was seen of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use entra_emulator::{
    Application, AssertionSpec, Emulator, KeyKind, StartError, TENANT_ID, TestIdentity,
};
use entra_tokio::{
    AccessToken, Client, ClientIdentity, Credential, EntraClient, EntraClientBuilder, Error, Event,
    IdentityError, Network, ProvidedAssertion, ProviderContext, RegionSource, Resolve, Secret,
    TokenRequest, TokenSource,
};

use super::Failure;
use super::report::Outcome;

const CERTIFICATE_APP: &str = "11111111-1111-1111-1111-111111111111";
const FEDERATED_APP: &str = "33333333-3333-3333-3333-333333333333";
const ISSUER: &str = "https://issuer.example/";
const SUBJECT: &str = "workload";
const SCOPE: &str = "https://vault.azure.net/.default";

/// The emulator, the certificates of the two applications, and the steps since the last outcome.
pub(super) struct Stage {
    pub(super) emulator: Arc<Emulator>,
    pub(super) alpha: TestIdentity,
    pub(super) beta: TestIdentity,
    steps: Steps,
}

/// A client, and how often its provider was asked.
pub(super) struct Asked {
    pub(super) entra: EntraClient,
    pub(super) calls: Arc<AtomicUsize>,
}

/// Makes pairs: an assertion bound to one certificate, and an identity to send it over.
pub(super) struct Pairs {
    emulator: Arc<Emulator>,
    bound_to: Vec<u8>,
    identity: ClientIdentity,
}

impl Stage {
    pub(super) fn set() -> Result<Self, StartError> {
        let alpha = TestIdentity::generate(KeyKind::P256, "alpha")?;
        let beta = TestIdentity::generate(KeyKind::P256, "beta")?;
        let first = Application::new(CERTIFICATE_APP)
            .certificate(alpha.certificate_der())
            .mtls(true);
        let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
        let second = Application::new(FEDERATED_APP)
            .federated(ISSUER, SUBJECT)
            .federated(issuer, first.object_id())
            .mtls(true);
        let emulator = Emulator::builder()
            .application(first)
            .application(second)
            .start()?;
        let steps = Steps {
            names: [("alpha", alpha.thumbprint()), ("beta", beta.thumbprint())],
            seen: Arc::default(),
        };
        Ok(Self {
            emulator: Arc::new(emulator),
            alpha,
            beta,
            steps,
        })
    }

    /// What the certificates are called here, with their thumbprints.
    pub(super) fn certificates(&self) -> [(&'static str, String); 2] {
        self.steps.names.clone()
    }

    fn network(&self) -> Result<Network, Failure> {
        let everywhere = Resolve {
            host: "*".to_owned(),
            port: None,
            address: self.emulator.address(),
        };
        Ok(Network::new()
            .trust_only(self.emulator.ca_pem())?
            .resolve(everywhere)
            .no_proxy())
    }

    /// A client whose steps are seen; those of an inner flow stand further in.
    pub(super) fn seen(&self, client: Client, depth: usize) -> Result<EntraClientBuilder, Failure> {
        let steps = self.steps.clone();
        let observer = move |event: &Event| {
            // The cache's steps say nothing to somebody who watches the wire, and the outcome says how it ended.
            if !matches!(event.step, "LoadCache" | "SaveCache" | "TakeTurn" | "Done") {
                steps.add(&format!("{:1$}{event}", "", depth * 2));
            }
        };
        Ok(EntraClient::builder(client)
            .network(self.network()?)
            .observer(observer))
    }

    /// A client with a provider of assertions.
    pub(super) fn federated(region: Option<&str>) -> Result<Client, Error> {
        let credential = Credential::signed_assertion_provider();
        configured(FEDERATED_APP, TENANT_ID, region, credential)
    }

    /// A client whose provider returns such pairs.
    pub(super) fn with_pairs(&self, region: Option<&str>, pairs: Pairs) -> Result<Asked, Failure> {
        let calls = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&calls);
        let provider = move |_: ProviderContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            let provided = pairs.next();
            async move { Ok(provided) }
        };
        let entra = self
            .seen(Self::federated(region)?, 0)?
            .assertion_provider(provider)
            .build()?;
        Ok(Asked { entra, calls })
    }

    /// A client with a fixed certificate.
    pub(super) fn certified(
        &self,
        tenant: &str,
        of: &TestIdentity,
        depth: usize,
    ) -> Result<EntraClient, Failure> {
        let identity = identity(of)?;
        let credential = Credential::certificate(identity.chain());
        let client = configured(CERTIFICATE_APP, tenant, Some(super::REGION), credential)?;
        Ok(self.seen(client, depth)?.identity(identity).build()?)
    }

    /// Assertions bound to the one, sent over the other.
    pub(super) fn pairs(
        &self,
        bound_to: &TestIdentity,
        over: &TestIdentity,
    ) -> Result<Pairs, IdentityError> {
        Ok(Pairs {
            emulator: Arc::clone(&self.emulator),
            bound_to: bound_to.certificate_der().to_vec(),
            identity: identity(over)?,
        })
    }

    /// Where steps are noted that are no event of a client.
    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// Where the last token request went and with which certificate, by the emulator's record.
    pub(super) fn sent(&self, token: &AccessToken) -> String {
        let last = self.emulator.token_requests().pop();
        let host = last.as_ref().map_or("nowhere", |request| &request.host);
        let over = self.name(
            last.as_ref()
                .and_then(|request| request.client_thumbprint()),
        );
        format!("{} token, sent to {host} over {over}", token.token_type())
    }

    /// The certificate that a token is bound to.
    pub(super) fn bound(&self, token: &AccessToken) -> String {
        let bound = token.binding_certificate();
        self.name(bound.map(|certificate| certificate.thumbprint().to_string()))
    }

    /// What a certificate is called here; one that does not belong here keeps its thumbprint.
    pub(super) fn name(&self, thumbprint: Option<String>) -> String {
        let Some(thumbprint) = thumbprint else {
            return "no certificate".to_owned();
        };
        let mut names = self.steps.names.iter();
        names
            .find(|(_, known)| *known == thumbprint)
            .map_or(thumbprint, |(name, _)| (*name).to_owned())
    }

    /// An outcome with the steps that led to it.
    pub(super) fn outcome(
        &self,
        name: impl Into<String>,
        expected: impl Into<String>,
        got: impl Into<String>,
    ) -> Outcome {
        Outcome {
            name: name.into(),
            expected: expected.into(),
            got: got.into(),
            steps: self.steps.take(),
        }
    }
}

impl Pairs {
    pub(super) fn next(&self) -> ProvidedAssertion {
        let spec = AssertionSpec::new(ISSUER, SUBJECT).bound_to(self.bound_to.clone());
        let assertion = self.emulator.issue_assertion(&spec);
        ProvidedAssertion::bound(Secret::new(assertion), self.identity.clone())
    }
}

/// What was seen, in order; certificates have their names beside the thumbprints.
#[derive(Clone)]
pub(super) struct Steps {
    names: [(&'static str, String); 2],
    seen: Arc<Mutex<Vec<String>>>,
}

impl Steps {
    /// One more.
    pub(super) fn add(&self, step: &str) {
        let mut step = step.to_owned();
        for (name, thumbprint) in &self.names {
            step = step.replace(thumbprint, &format!("{thumbprint} ({name})"));
        }
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(step);
    }

    /// How a flow ended, in the form of an event.
    pub(super) fn ended(&self, result: &Result<AccessToken, Error>, depth: usize) {
        let how = match result {
            Err(error) => error.to_string(),
            Ok(token) => {
                let bound = token.binding_certificate();
                let bound = bound.map_or(String::new(), |certificate| {
                    format!(", bound to {}", certificate.thumbprint())
                });
                format!("{} token from {}{bound}", token.token_type(), source(token))
            }
        };
        self.add(&format!("{:1$}{2:<18}{how}", "", depth * 2, "Done"));
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn configured(
    client_id: &str,
    tenant: &str,
    region: Option<&str>,
    credential: Credential,
) -> Result<Client, Error> {
    let authority = format!("https://login.microsoftonline.com/{tenant}");
    let client = Client::builder(client_id, authority, credential);
    match region {
        None => client.build(),
        Some(region) => client
            .region(RegionSource::Named(region.to_owned()))
            .build(),
    }
}

fn identity(of: &TestIdentity) -> Result<ClientIdentity, IdentityError> {
    ClientIdentity::from_pem(of.certificate_pem(), of.key_pem())
}

/// A request for a Bearer token.
pub(super) fn bearer() -> TokenRequest {
    TokenRequest::for_app([SCOPE])
}

/// A request for a PoP token.
pub(super) fn pop() -> TokenRequest {
    bearer().proof_of_possession()
}

/// Where a token came from, in words.
pub(super) fn source(token: &AccessToken) -> &'static str {
    match token.source() {
        TokenSource::Network => "the network",
        TokenSource::Cache => "the cache",
        _ => "elsewhere",
    }
}
