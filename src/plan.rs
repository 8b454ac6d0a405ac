//! Plans: a request and a client with every choice made that needs no answer from outside (rules 1, 8, 9, 10 and 16).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::authority::Tenant;
use crate::cache::{
    About, Bypass, FlightKey, Further, GrantKey, PartitionKey, TokenKey, TokenKind, Wanted,
};
use crate::certificate::{Certificate, Thumbprint};
use crate::client::{BearerIsolation, Client, Configuration};
use crate::error::{Code, Error};
use crate::metadata::Hit;
use crate::region::{RegionChoice, RegionPolicy};
use crate::request::{Grant, TokenRequest};
use crate::uuid::Uuid;
use crate::wire::claims;
use crate::wire::form::Encoded;
use crate::wire::json::Json;

mod fields;
mod look;
mod proof;
mod way;

pub(crate) use proof::{CertificateUse, Proof};
pub(crate) use way::{OwnUrls, Way};

use look::FirstLook;
use way::Ways;

/// A request that makes sense for a client, with every choice made: one can print it, compare it and start it, also twice.
///
/// ```
/// use entra_proto::{Client, Credential, Secret, TokenRequest};
///
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::secret(Secret::new("s"))).build()?;
/// let plan = TokenRequest::for_app(["https://vault.azure.net/.default"]).plan(&client)?;
/// let error = TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession().plan(&client).unwrap_err();
/// assert_eq!(error.code(), "mtls_certificate_not_provided");
/// # let _ = plan;
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Plan {
    decided: Arc<Decided>,
    /// Once they were worked out.
    ways: Option<Arc<Ways>>,
    /// Where a flow looks before it asks anybody for anything, if it may. With the plan itself, so that a look-up need not wait for
    /// what was decided to come from memory.
    first_look: Option<FirstLook>,
    renewal: bool,
}

pub(crate) struct Decided {
    pub(crate) client: Client,
    pub(crate) request: TokenRequest,
    /// The caller's own.
    pub(crate) correlation_id: Option<Uuid>,
    pub(crate) kind: TokenKind,
    pub(crate) tenant: Option<Tenant>,
    /// What the token will be about.
    pub(crate) about: Arc<About>,
    /// The scopes as the body has them.
    pub(crate) scope_text: Encoded,
    /// As the body has them, capabilities merged.
    pub(crate) claims: Option<String>,
    pub(crate) proof: Proof,
    /// What the assertion that we sign says besides what every one says.
    pub(crate) own_claims: Option<Json<'static>>,
    pub(crate) reading: Reading,
    /// Where the token is remembered; the certificate is in it if it is known already.
    pub(crate) key: PartitionKey,
    /// Only a provider's answer can name the certificate that belongs into the key (rule 4).
    pub(crate) answer_names_key: bool,
    /// Whether mutual TLS is possible at all with this client and tenant: tenant, then region, then host (rule 16).
    pub(crate) mtls: Result<(), Error>,
}

/// What the request may take from the cache.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reading {
    /// Whatever serves.
    Cache,
    /// Nothing older than the request, but what comes is remembered (rule 11).
    Bypass,
    /// The grant works once and is answered for itself; what comes is remembered for the account that it turns out to be.
    Never,
}

impl TokenRequest {
    /// Decides everything that needs no answer from outside.
    ///
    /// # Errors
    /// In this order: the request's own fields (`scopes_required_client_credentials`, `invalid_scope`, `invalid_tenant`,
    /// `invalid_json_claims_format`, `invalid_request_parameter`), the credential (`mtls_certificate_not_provided`), and, for
    /// proof of possession with a fixed certificate, tenant, region and host (`missing_tenanted_authority`,
    /// `mtls_pop_without_region`, `mtls_pop_not_supported_for_environment`).
    pub fn plan(self, client: &Client) -> Result<Plan, Error> {
        let (configuration, options) = (client.configuration(), self.options());
        let asked = self.scopes.asked(&self.grant, &configuration.id)?;
        let tenant = self.check_tenant(configuration)?;
        let read = |claims: &Option<String>| {
            claims
                .as_deref()
                .map(claims::read)
                .transpose()
                .map(|read| read.map(Json::into_owned))
        };
        let (challenge, client_claims) = (read(&options.claims)?, read(&options.client_claims)?);
        let assertion_claims = read(&options.assertion_claims)?;
        let further = self.further(client_claims.as_ref(), assertion_claims.as_ref());
        let claims = claims::merged(&configuration.capabilities, challenge, client_claims);
        self.check_parameters()?;

        let kind = if self.pop {
            TokenKind::MtlsPop
        } else {
            TokenKind::Bearer
        };
        let proof = Proof::decide(&configuration.credential, kind)?;
        proof.fits(&self)?;
        let own_claims = claims::overlaid(configuration.credential.own_claims(), assertion_claims);
        let by_certificate = kind == TokenKind::MtlsPop
            || configuration.bearer_isolation == BearerIsolation::PerCertificate;
        let certificate = proof
            .binding()
            .filter(|_| by_certificate)
            .map(Certificate::thumbprint);

        let mtls = judge_mtls(configuration, tenant.as_ref(), kind);
        if kind == TokenKind::MtlsPop && proof.binding().is_some() {
            mtls.clone()?;
        }
        let key = self.key(configuration, tenant.as_ref(), kind, certificate, further);
        let reading = self.reading();
        let correlation_id = options.correlation_id.as_deref().and_then(Uuid::parse);
        let answer_names_key = by_certificate && proof.answer_may_bind();
        let first_look = match (reading, answer_names_key, self.offered) {
            (Reading::Cache, false, _) => Some(key.clone()),
            (Reading::Cache, true, Some(offered)) => Some(key.with_certificate(Some(offered))),
            (Reading::Cache, true, None) | (Reading::Bypass | Reading::Never, _, _) => None,
        };
        let first_look = first_look.map(|key| FirstLook {
            key,
            scopes: asked.set.clone(),
            hit: Hit::under(correlation_id),
        });
        Ok(Plan {
            decided: Arc::new(Decided {
                client: client.clone(),
                correlation_id,
                kind,
                about: Arc::new(About {
                    kind,
                    scopes: asked.set,
                    target: asked.target,
                }),
                scope_text: asked.text,
                claims,
                answer_names_key,
                proof,
                own_claims,
                reading,
                key,
                tenant,
                mtls,
                request: self,
            }),
            ways: None,
            first_look,
            renewal: false,
        })
    }

    fn reading(&self) -> Reading {
        match self.grant {
            Grant::RefreshToken(_)
            | Grant::AuthorizationCode { .. }
            | Grant::FederatedUser { .. } => Reading::Never,
            Grant::ClientCredentials | Grant::OnBehalfOf(_) | Grant::Account(_)
                if self.bypass || self.options().claims.is_some() =>
            {
                Reading::Bypass
            }
            Grant::ClientCredentials | Grant::OnBehalfOf(_) | Grant::Account(_) => Reading::Cache,
        }
    }

    fn key(
        &self,
        configuration: &Configuration,
        tenant: Option<&Tenant>,
        kind: TokenKind,
        certificate: Option<Thumbprint>,
        further: Option<Further>,
    ) -> PartitionKey {
        let grant = match &self.grant {
            Grant::ClientCredentials => GrantKey::App,
            Grant::OnBehalfOf(assertion) => {
                GrantKey::OnBehalfOf(GrantKey::digest(assertion.expose()))
            }
            Grant::RefreshToken(_)
            | Grant::AuthorizationCode { .. }
            | Grant::FederatedUser { .. } => GrantKey::Once,
            Grant::Account(account) => GrantKey::Account(account.clone()),
        };
        let options = self.options();
        let key = TokenKey {
            kind,
            certificate,
            grant,
            fmi_path: options.fmi_path.clone(),
            assertion_fmi_path: options.assertion_fmi_path.clone(),
            partition: options.partition.clone(),
            further: further.map(Box::new),
            ..configuration.plain_key.in_full(tenant)
        };
        PartitionKey::tokens_beside(key, &configuration.plain_key)
    }

    /// What else changes the token: the claims as they will be sent, so that blanks do not count.
    fn further(
        &self,
        client_claims: Option<&Json<'_>>,
        assertion_claims: Option<&Json<'_>>,
    ) -> Option<Further> {
        let options = self.options();
        let text = |json: Option<&Json<'_>>| json.map(|json| json.to_text().to_string());
        let further = Further {
            client_claims: text(client_claims),
            assertion_claims: text(assertion_claims),
            body: options.body_parameters.iter().cloned().collect(),
            query: options.query_parameters.iter().cloned().collect(),
        };
        (further != Further::default()).then_some(further)
    }
}

/// Whether a request over mutual TLS can work with this client and tenant, as far as nobody has to be asked: first the tenant,
/// then the region, then the host.
fn judge_mtls(
    configuration: &Configuration,
    tenant: Option<&Tenant>,
    kind: TokenKind,
) -> Result<(), Error> {
    if tenant.is_some_and(Tenant::is_shared_door) {
        return Err(Error::new(
            Code::MissingTenantedAuthority,
            "mutual TLS needs one tenant",
        ));
    }
    let required =
        configuration.authority.is_entra() && configuration.region_policy == RegionPolicy::Required;
    if required && configuration.region == RegionChoice::None {
        let code = match kind {
            TokenKind::Bearer => Code::BearerWithoutRegion,
            TokenKind::MtlsPop => Code::PopWithoutRegion,
        };
        return Err(Error::new(
            code,
            "mutual TLS needs a region, and none is configured",
        ));
    }
    configuration
        .authority
        .mtls_host(configuration.listed)
        .map(|_| ())
}

impl Plan {
    pub(crate) fn decided(&self) -> &Decided {
        &self.decided
    }

    pub(crate) fn share_decided(&self) -> Arc<Decided> {
        Arc::clone(&self.decided)
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        self.decided.client.configuration()
    }

    /// What the flow's first look is for.
    pub(crate) const fn wanted(&self) -> Wanted {
        if self.renewal {
            Wanted::Fresh
        } else {
            Wanted::Any
        }
    }

    /// The same plan for fetching early what still serves (rule 10).
    pub(crate) fn renewing(&self) -> Self {
        Self {
            renewal: true,
            ..self.clone()
        }
    }

    pub(crate) const fn is_renewal(&self) -> bool {
        self.renewal
    }

    /// How long the whole acquisition may take.
    #[must_use]
    pub fn allowed_time(&self) -> Duration {
        self.decided.request.deadline
    }

    /// Where its token is remembered, if whoever was handed it may hold on to it and hand it out again without a flow. Not for a
    /// plan that bypasses the cache or whose grant works once (rule 11), nor where a provider has to be asked first, since only its
    /// answer names the certificate (rule 4).
    ///
    /// For drivers that keep a token beside the memory, for as long as it [serves](crate::AccessToken::serves_until): what is saved
    /// under this key, as the answer to a challenge is, takes its place.
    #[must_use]
    pub fn held_under(&self) -> Option<&PartitionKey> {
        self.first_look().filter(|_| !self.decided.answer_names_key)
    }

    /// What kind of token it will bring.
    #[must_use]
    pub fn token_kind(&self) -> TokenKind {
        self.decided.kind
    }

    /// What its flow queues for, as far as it is known before a provider names the certificate.
    pub(crate) fn flight_key(&self) -> FlightKey {
        self.flight(&self.decided.key)
    }

    pub(crate) fn flight(&self, key: &PartitionKey) -> FlightKey {
        let bypass = match self.decided.reading {
            Reading::Cache => Bypass::No,
            Reading::Bypass | Reading::Never => Bypass::Yes {
                claims: self.decided.request.options().claims.clone(),
            },
        };
        FlightKey::token(key.clone(), Arc::clone(&self.decided.about), bypass)
    }
}

impl PartialEq for Plan {
    fn eq(&self, other: &Self) -> bool {
        let same = |a: &Decided, b: &Decided| {
            std::ptr::eq(a.client.configuration(), b.client.configuration())
                && a.request == b.request
        };
        self.renewal == other.renewal && same(&self.decided, &other.decided)
    }
}

impl Eq for Plan {}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decided = &self.decided;
        let proof = match &decided.proof {
            Proof::Secret(_) => "secret",
            Proof::Assertion(_) => "assertion",
            Proof::AskAssertion { pair: false } => "ask for an assertion",
            Proof::AskAssertion { pair: true } => "ask for a pair",
            Proof::Certificate(..) => "certificate",
            Proof::AskCertificate(_) => "ask for a certificate",
        };
        f.debug_struct("Plan")
            .field("client", &decided.client)
            .field("kind", &decided.kind)
            .field("proof", &proof)
            .field("reading", &decided.reading)
            .field("key", &decided.key)
            .field("renewal", &self.renewal)
            .finish_non_exhaustive()
    }
}
