//! What proves the client in one attempt: made once, judged once, and handed on whole (rules 3 and 16).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::authority::Tenant;
use crate::cache::{PartitionKey, TokenKind};
use crate::certificate::{Certificate, CertificateChain};
use crate::credential::Assertion;
use crate::error::{Code, Error, Failure};
use crate::plan::{CertificateUse, Decided, OwnUrls, Proof, Reading, Way};
use crate::request::Grant;
use crate::secret::Secret;
use crate::time::Now;
use crate::uuid::Uuid;

use super::{Flow, Step, discover_region, done, load_cache, obtain_assertion, obtain_certificate};

/// How long a provider's answer may be held while waiting for a turn (rule 3).
const HELD_AT_MOST: Duration = Duration::from_secs(60);

/// What one call of an assertion provider returned: an assertion and, maybe, the certificate that it is bound to. One value,
/// because two halves from two calls are AADSTS500181.
///
/// ```
/// use entra_proto::{CertificateChain, ClientAssertion, Secret};
///
/// let plain = ClientAssertion::new(Secret::new("header.claims.signature"));
/// let pair = ClientAssertion::bound(Secret::new("header.claims.signature"), CertificateChain::new(vec![]));
/// assert!(!format!("{plain:?} {pair:?}").contains("claims"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientAssertion {
    assertion: Secret,
    certificate: Option<CertificateChain>,
}

impl ClientAssertion {
    /// An assertion alone: plain transport, `jwt-bearer`.
    #[must_use]
    pub const fn new(assertion: Secret) -> Self {
        Self {
            assertion,
            certificate: None,
        }
    }

    /// A pair: mutual TLS with this certificate, `jwt-pop`.
    #[must_use]
    pub const fn bound(assertion: Secret, certificate: CertificateChain) -> Self {
        Self {
            assertion,
            certificate: Some(certificate),
        }
    }
}

/// What a provider is told: the same in every call of a flow, whatever transport follows (rule 3).
///
/// ```
/// use entra_proto::*;
///
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::signed_assertion_provider())
///     .region(RegionSource::Named("eastus".into()))
///     .build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession().plan(&client)?;
/// let now = Now::new(std::time::Duration::from_secs(1_798_761_600), std::time::Duration::ZERO);
/// // A PoP token is remembered under its certificate, which the provider alone can name: so it is asked before the cache.
/// let Step::ObtainAssertion(ask) = plan.start(Seed::from_bytes([7; 32]), now) else { panic!("another step") };
/// assert_eq!(ask.asked_for().client_id(), "app");
/// assert_eq!(ask.asked_for().tenant(), Some("contoso.com"));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
pub struct ProviderContext {
    /// Nearly everything is in it already.
    decided: Arc<Decided>,
    own: Arc<OwnUrls>,
    correlation_id: Uuid,
}

impl ProviderContext {
    pub(super) fn of(flow: &Flow) -> Self {
        Self {
            decided: flow.plan.share_decided(),
            own: flow.plan.own_urls(),
            correlation_id: flow.correlation_id(),
        }
    }

    /// All of it.
    fn told(&self) -> ([Option<&str>; 7], &[String]) {
        let texts = [
            Some(self.client_id()),
            self.tenant(),
            Some(self.authority()),
            Some(self.token_endpoint()),
            self.claims(),
            self.fmi_path(),
            Some(self.correlation_id()),
        ];
        (texts, self.capabilities())
    }

    /// The application (client) id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.decided.client.configuration().id
    }

    /// The tenant that the request uses, if this kind of authority has tenants.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.decided.tenant.as_ref().map(Tenant::as_str)
    }

    /// The authority's URL for that tenant.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.own.authority
    }

    /// The authority's own token endpoint for that tenant, plain and without a region: an audience that stays the same.
    #[must_use]
    pub fn token_endpoint(&self) -> &str {
        &self.own.token_endpoint
    }

    /// The client's capabilities.
    #[must_use]
    pub fn capabilities(&self) -> &[String] {
        &self.decided.client.configuration().capabilities
    }

    /// The claims as the caller wrote them, not merged with the capabilities.
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.decided.request.options().claims.as_deref()
    }

    /// The request's `assertion_fmi_path`.
    #[must_use]
    pub fn fmi_path(&self) -> Option<&str> {
        self.decided.request.options().assertion_fmi_path.as_deref()
    }

    /// The request's correlation id.
    #[must_use]
    pub fn correlation_id(&self) -> &str {
        self.correlation_id.as_str()
    }
}

impl PartialEq for ProviderContext {
    /// Whether a provider is told the same.
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Eq for ProviderContext {}

impl fmt::Debug for ProviderContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderContext")
            .field("client_id", &self.client_id())
            .field("token_endpoint", &self.token_endpoint())
            .field("correlation_id", &self.correlation_id())
            .finish_non_exhaustive()
    }
}

/// What proves the client, judged.
#[derive(Clone)]
pub(super) enum Material {
    Secret(Secret),
    /// An assertion from elsewhere and, maybe, its certificate: the pair.
    Assertion(Assertion, Option<Certificate>),
    Certificate(Certificate, CertificateUse),
}

impl Material {
    /// The certificate of the handshake: the transport follows from this and from nothing else (rule 1).
    pub(super) fn binding(&self) -> Option<&Certificate> {
        match self {
            Self::Assertion(_, binding) => binding.as_ref(),
            Self::Certificate(certificate, use_of) if use_of.presents() => Some(certificate),
            Self::Secret(_) | Self::Certificate(..) => None,
        }
    }
}

/// Material, and when a provider made it.
pub(super) struct Held {
    pub(super) material: Material,
    obtained: Option<Duration>,
}

impl Held {
    pub(super) fn is_fresh(&self, now: Now) -> bool {
        self.obtained
            .is_none_or(|obtained| now.monotonic().saturating_sub(obtained) <= HELD_AT_MOST)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("binding", &self.material.binding())
            .finish_non_exhaustive()
    }
}

/// Material, and where it goes.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) held: Held,
    pub(super) way: Arc<Way>,
}

/// What a provider is asked for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The certificate that keys the cache. It was not found under this key, if somebody offered one.
    NameKey { missed: Option<PartitionKey> },
    /// What the next attempt sends.
    Send,
}

/// Asks first, because only the answer can name the key (rule 4).
pub(super) fn name_key(flow: Box<Flow>, missed: Option<PartitionKey>, now: Now) -> Step {
    ask(flow, Asked::NameKey { missed }, now)
}

/// Goes on with what is held, if it is fresh, or makes it anew.
pub(super) fn enter(flow: Box<Flow>, held: Option<Held>, now: Now) -> Step {
    match held.filter(|held| held.is_fresh(now)) {
        Some(held) => go_on(flow, held, now),
        None => ask(flow, Asked::Send, now),
    }
}

/// Goes on to the service. Where the cache was looked into with a certificate at hand, mutual TLS was not judged before, because
/// a Bearer hit comes before all that only a network request needs (rule 16).
pub(super) fn go_on(flow: Box<Flow>, held: Held, now: Now) -> Step {
    match refused(&flow, &held) {
        Some(error) => done::failed(&flow, error, now),
        None => discover_region::enter(flow, held, now),
    }
}

/// Why mutual TLS can't work for this flow: tenant, region, host.
fn refused(flow: &Flow, held: &Held) -> Option<Error> {
    let judged = &flow.decided().mtls;
    held.material
        .binding()
        .and_then(|_| judged.as_ref().err().cloned())
}

fn ask(mut flow: Box<Flow>, asked: Asked, now: Now) -> Step {
    flow.correlation_id = Some(flow.correlation_id());
    let material = match &flow.decided().proof {
        Proof::AskAssertion { .. } => return obtain_assertion::enter(flow, asked, now),
        Proof::AskCertificate(_) => return obtain_certificate::enter(flow, asked, now),
        Proof::Secret(secret) => Material::Secret(secret.clone()),
        Proof::Assertion(assertion) => Material::Assertion(assertion.clone(), None),
        Proof::Certificate(certificate, use_of) => {
            Material::Certificate(certificate.clone(), *use_of)
        }
    };
    let held = Held {
        material,
        obtained: None,
    };
    route(flow, asked, held, now)
}

/// Judges what the assertion's provider answered: first the assertion, then its certificate (rule 3).
pub(super) fn assertion_answered(
    mut flow: Box<Flow>,
    asked: Asked,
    answer: Result<ClientAssertion, Failure>,
    since: Now,
    now: Now,
) -> Step {
    flow.spent.on_credential(since, now);
    let judged = answer
        .map_err(|failure| {
            provider_failed(
                Code::AssertionProviderFailed,
                "the assertion provider failed",
                failure,
            )
        })
        .and_then(|answer| judge_assertion(&flow, answer));
    answered(flow, asked, judged, now)
}

fn judge_assertion(flow: &Flow, answer: ClientAssertion) -> Result<Material, Error> {
    let assertion = Assertion::check(answer.assertion)?;
    // A provider of assertions alone can't cause mutual TLS, whatever it returns (rule 2).
    let pair = matches!(flow.decided().proof, Proof::AskAssertion { pair: true });
    let binding = answer
        .certificate
        .filter(|_| pair)
        .map(Certificate::parse)
        .transpose()?;
    let grant = &flow.decided().request.grant;
    if binding.is_some() && matches!(grant, Grant::FederatedUser { .. }) {
        return Err(Error::new(
            Code::InvalidCredentialMaterial,
            "a user's federated identity credential goes over plain transport, and the provider returned a certificate",
        ));
    }
    if flow.decided().kind == TokenKind::MtlsPop && binding.is_none() {
        return Err(Error::new(
            Code::CertificateNotProvided,
            "the provider returned an assertion without a certificate",
        ));
    }
    Ok(Material::Assertion(assertion, binding))
}

/// Judges what the certificate's provider answered.
pub(super) fn certificate_answered(
    mut flow: Box<Flow>,
    asked: Asked,
    answer: Result<Option<CertificateChain>, Failure>,
    since: Now,
    now: Now,
) -> Step {
    flow.spent.on_credential(since, now);
    let judged = answer
        .map_err(|failure| {
            provider_failed(
                Code::CertificateProviderFailed,
                "the certificate provider failed",
                failure,
            )
        })
        .and_then(|answer| judge_certificate(&flow, answer));
    answered(flow, asked, judged, now)
}

fn judge_certificate(flow: &Flow, answer: Option<CertificateChain>) -> Result<Material, Error> {
    let use_of = match flow.decided().proof {
        Proof::AskCertificate(use_of) => use_of,
        Proof::Secret(_)
        | Proof::Assertion(_)
        | Proof::AskAssertion { .. }
        | Proof::Certificate(..) => CertificateUse::Present,
    };
    match answer {
        Some(chain) => {
            Certificate::parse(chain).map(|certificate| Material::Certificate(certificate, use_of))
        }
        None if use_of.presents() => Err(Error::new(
            Code::CertificateNotProvided,
            "the provider returned no certificate",
        )),
        None => Err(Error::new(
            Code::InvalidClientAssertion,
            "the provider returned no certificate to sign an assertion with",
        )),
    }
}

fn provider_failed(code: Code, what: &'static str, failure: Failure) -> Error {
    Error::new(code, what).detail(failure.into_detail())
}

fn answered(flow: Box<Flow>, asked: Asked, judged: Result<Material, Error>, now: Now) -> Step {
    match judged {
        Ok(material) => {
            let held = Held {
                material,
                obtained: Some(now.monotonic()),
            };
            route(flow, asked, held, now)
        }
        Err(error) => done::failed(&flow, error, now),
    }
}

/// The pair replaces the one before whole, the key included. What PoP needs of tenant, region and host is judged before the cache is
/// looked at (rule 16).
fn route(mut flow: Box<Flow>, asked: Asked, held: Held, now: Now) -> Step {
    let decided = flow.decided();
    // A PoP request has no way but mutual TLS.
    if decided.kind == TokenKind::MtlsPop
        && let Some(error) = refused(&flow, &held)
    {
        return done::failed(&flow, error, now);
    }
    let named = decided.answer_names_key.then(|| {
        let certificate = held.material.binding().map(Certificate::thumbprint);
        decided.key.with_certificate(certificate)
    });
    let renamed = named.filter(|key| *key != flow.key);
    let is_renamed = renamed.is_some();
    if let Some(key) = renamed {
        flow.key = key;
    }
    match asked {
        Asked::NameKey { missed } if missed.as_ref() == Some(&flow.key) => {
            super::take_turn::enter(flow, Some(held))
        }
        Asked::NameKey { .. } => load_cache::enter(flow, Some(held), now),
        // Not once the way to the service is settled, as for a second attempt: every look is a wait in which the pair grows
        // old again, and a provider that names another certificate each time would keep the flow going round.
        Asked::Send
            if is_renamed && flow.region.is_none() && flow.decided().reading == Reading::Cache =>
        {
            load_cache::renamed(flow, held)
        }
        Asked::Send => go_on(flow, held, now),
    }
}
