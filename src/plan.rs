//! Plans: a request and a client with every choice made that needs no answer from outside (rules 1, 8, 9, 10 and 16).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::authority::Tenant;
use crate::cache::{Bypass, FlightKey, GrantKey, PartitionKey, ScopeSet, TokenKey, TokenKind};
use crate::certificate::{Certificate, Thumbprint};
use crate::client::{BearerIsolation, Client, Configuration};
use crate::credential::{CheckedCredential, Use};
use crate::error::{Code, Error, shown};
use crate::region::{RegionChoice, RegionPolicy};
use crate::request::{Grant, TokenRequest};
use crate::secret::Secret;
use crate::wire::claims;
use crate::wire::json::Json;
use crate::wire::token::is_uuid;

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
    renewal: bool,
}

pub(crate) struct Decided {
    pub(crate) client: Client,
    pub(crate) request: TokenRequest,
    pub(crate) kind: TokenKind,
    pub(crate) tenant: Option<Tenant>,
    pub(crate) scopes: ScopeSet,
    /// As the body has them.
    pub(crate) scope_text: String,
    /// As the body has them, capabilities merged.
    pub(crate) claims: Option<String>,
    pub(crate) proof: Proof,
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
    /// The grant works once and is answered for itself: nothing is read or remembered.
    Never,
}

/// How the client will prove itself: the row of the table that applies.
#[derive(Clone)]
pub(crate) enum Proof {
    Secret(Secret),
    Assertion(Secret),
    AskAssertion { pair: bool },
    Certificate(Certificate, CertificateUse),
    AskCertificate(CertificateUse),
    OwnClaims(Certificate, Json<'static>, CertificateUse),
}

/// What a certificate is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CertificateUse {
    /// It signs the assertion in the body; plain transport.
    Sign { x5c: bool },
    /// It signs the assertion and is presented in the handshake (rule 9).
    SignAndPresent,
    /// It is presented in the handshake, and the body has no assertion (rule 8).
    Present,
}

impl CertificateUse {
    const fn of_bearer(use_of: Use) -> Self {
        if use_of.over_mtls {
            Self::SignAndPresent
        } else {
            Self::Sign { x5c: use_of.x5c }
        }
    }

    pub(crate) const fn presents(self) -> bool {
        match self {
            Self::SignAndPresent | Self::Present => true,
            Self::Sign { .. } => false,
        }
    }
}

impl Proof {
    /// The table of what is legal: credential against token kind (rules 8 and 9).
    fn decide(credential: &CheckedCredential, kind: TokenKind) -> Result<Self, Error> {
        use CheckedCredential as C;
        use TokenKind::{Bearer, MtlsPop};
        let unbound = |what: &'static str| Err(Error::new(Code::CertificateNotProvided, what));
        match (credential, kind) {
            (C::Secret(secret), Bearer) => Ok(Self::Secret(secret.clone())),
            (C::Secret(_), MtlsPop) => unbound("a client secret can't be bound to a certificate"),
            (C::Certificate(certificate, use_of), Bearer) => Ok(Self::Certificate(
                certificate.clone(),
                CertificateUse::of_bearer(*use_of),
            )),
            (C::Certificate(certificate, _), MtlsPop) => Ok(Self::Certificate(
                certificate.clone(),
                CertificateUse::Present,
            )),
            (C::CertificateProvider(use_of), Bearer) => {
                Ok(Self::AskCertificate(CertificateUse::of_bearer(*use_of)))
            }
            (C::CertificateProvider(_), MtlsPop) => {
                Ok(Self::AskCertificate(CertificateUse::Present))
            }
            (C::CertificateWithClaims(certificate, claims, use_of), Bearer) => Ok(Self::OwnClaims(
                certificate.clone(),
                claims.clone(),
                CertificateUse::of_bearer(*use_of),
            )),
            (C::CertificateWithClaims(..), MtlsPop) => unbound(
                "a certificate that signs the application's own claims can't be bound: PoP sends no assertion",
            ),
            (C::StaticAssertion(assertion), Bearer) => Ok(Self::Assertion(assertion.clone())),
            (C::StaticAssertion(_), MtlsPop) => {
                unbound("a static assertion can't be bound to a certificate")
            }
            (C::AssertionProvider, Bearer) => Ok(Self::AskAssertion { pair: false }),
            (C::AssertionProvider, MtlsPop) => {
                unbound("a provider of assertions alone can't be bound to a certificate")
            }
            (C::SignedAssertionProvider, Bearer | MtlsPop) => Ok(Self::AskAssertion { pair: true }),
        }
    }

    /// The certificate of the handshake, if it is known without asking.
    fn binding(&self) -> Option<&Certificate> {
        match self {
            Self::Certificate(certificate, use_of) if use_of.presents() => Some(certificate),
            Self::Certificate(..)
            | Self::Secret(_)
            | Self::Assertion(_)
            | Self::AskAssertion { .. }
            | Self::AskCertificate(_)
            | Self::OwnClaims(..) => None,
        }
    }

    /// Whether the provider's answer may bring the certificate of the handshake.
    const fn answer_may_bind(&self) -> bool {
        match self {
            Self::AskAssertion { pair } => *pair,
            Self::AskCertificate(use_of) => use_of.presents(),
            Self::Secret(_) | Self::Assertion(_) | Self::Certificate(..) | Self::OwnClaims(..) => {
                false
            }
        }
    }
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
        let configuration = client.configuration();
        let (scopes, scope_text) = self.check_scopes(&configuration.id)?;
        let tenant = self.check_tenant(configuration)?;
        let claims = self.claims.as_deref().map(claims::read).transpose()?;
        let claims = claims::merged(&configuration.capabilities, claims);
        self.check_parameters()?;

        let kind = if self.pop {
            TokenKind::MtlsPop
        } else {
            TokenKind::Bearer
        };
        let proof = Proof::decide(&configuration.credential, kind)?;
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
        Ok(Plan {
            decided: Arc::new(Decided {
                client: client.clone(),
                kind,
                scopes,
                scope_text,
                claims,
                answer_names_key: by_certificate && proof.answer_may_bind(),
                proof,
                reading: self.reading(),
                key: self.key(configuration, tenant.as_ref(), kind, certificate),
                tenant,
                mtls,
                request: self,
            }),
            renewal: false,
        })
    }

    fn reading(&self) -> Reading {
        match self.grant {
            Grant::RefreshToken(_) | Grant::AuthorizationCode { .. } => Reading::Never,
            Grant::ClientCredentials | Grant::OnBehalfOf(_)
                if self.bypass || self.claims.is_some() =>
            {
                Reading::Bypass
            }
            Grant::ClientCredentials | Grant::OnBehalfOf(_) => Reading::Cache,
        }
    }

    fn check_scopes(&self, client_id: &str) -> Result<(ScopeSet, String), Error> {
        let mut scopes = Vec::new();
        for item in &self.scopes {
            if item.trim().is_empty() || item.chars().any(char::is_control) {
                return Err(Error::new(
                    Code::InvalidScope,
                    format!(
                        "the scope \"{}\" is blank or has control characters",
                        shown(item)
                    ),
                ));
            }
            for scope in item.split(' ').filter(|scope| !scope.is_empty()) {
                if !scopes
                    .iter()
                    .any(|other: &&str| other.eq_ignore_ascii_case(scope))
                {
                    scopes.push(scope);
                }
            }
        }
        let set = ScopeSet::of(scopes.iter().copied());
        let app_default = format!("{client_id}/.default");
        match self.grant {
            Grant::ClientCredentials | Grant::OnBehalfOf(_) if scopes.is_empty() => {
                return Err(Error::new(
                    Code::ScopesRequired,
                    "the request names no scope",
                ));
            }
            Grant::ClientCredentials => return Ok((set, scopes.join(" "))),
            Grant::RefreshToken(_) if scopes.is_empty() => scopes.push(&app_default),
            Grant::OnBehalfOf(_) | Grant::RefreshToken(_) | Grant::AuthorizationCode { .. } => {}
        }
        // What brings a user's refresh token and ID token (OpenID Connect Core §5.4 and §11), as MSAL asks for it.
        for reserved in ["openid", "profile", "offline_access"] {
            if !scopes
                .iter()
                .any(|scope| scope.eq_ignore_ascii_case(reserved))
            {
                scopes.push(reserved);
            }
        }
        Ok((set, scopes.join(" ")))
    }

    fn check_tenant(&self, configuration: &Configuration) -> Result<Option<Tenant>, Error> {
        match &self.tenant {
            None => Ok(configuration.authority.tenant().cloned()),
            Some(name) => {
                let tenant = Tenant::parse(name)?;
                if !configuration.authority.takes_tenant() {
                    return Err(Error::new(
                        Code::InvalidTenant,
                        "a request can't choose the tenant of this kind of authority",
                    ));
                }
                Ok(Some(tenant))
            }
        }
    }

    fn check_parameters(&self) -> Result<(), Error> {
        let odd = |what: &'static str| Error::new(Code::InvalidRequestParameter, what);
        let plain = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        let plain_if_any = |text: &Option<String>| text.as_deref().is_none_or(plain);
        if !plain_if_any(&self.fmi_path) || !plain_if_any(&self.assertion_fmi_path) {
            return Err(odd("an FMI path is blank or has control characters"));
        }
        if !plain_if_any(&self.partition) {
            return Err(odd(
                "the partition's name is blank or has control characters",
            ));
        }
        if !self.correlation_id.as_deref().is_none_or(is_uuid) {
            return Err(odd("the correlation id is no UUID"));
        }
        let whole = match &self.grant {
            Grant::ClientCredentials => true,
            Grant::OnBehalfOf(secret) | Grant::RefreshToken(secret) => plain(secret.expose()),
            Grant::AuthorizationCode {
                code,
                redirect_uri,
                verifier,
            } => {
                plain(code.expose())
                    && plain(redirect_uri)
                    && verifier
                        .as_ref()
                        .is_none_or(|verifier| plain(verifier.expose()))
            }
        };
        if whole {
            Ok(())
        } else {
            Err(odd(
                "what the grant stands on is blank or has control characters",
            ))
        }
    }

    fn key(
        &self,
        configuration: &Configuration,
        tenant: Option<&Tenant>,
        kind: TokenKind,
        certificate: Option<Thumbprint>,
    ) -> PartitionKey {
        let grant = match &self.grant {
            Grant::ClientCredentials => GrantKey::App,
            Grant::OnBehalfOf(assertion) => {
                GrantKey::OnBehalfOf(GrantKey::digest(assertion.expose()))
            }
            Grant::RefreshToken(token) => GrantKey::RefreshToken(GrantKey::digest(token.expose())),
            Grant::AuthorizationCode { code, .. } => {
                GrantKey::AuthorizationCode(GrantKey::digest(code.expose()))
            }
        };
        PartitionKey::tokens(TokenKey {
            authority_kind: configuration.authority.kind(),
            authority: configuration.authority.cache_name(),
            tenant: tenant.map_or("", Tenant::as_str).to_ascii_lowercase(),
            client: configuration.id.clone(),
            kind,
            certificate,
            grant,
            fmi_path: self.fmi_path.clone(),
            assertion_fmi_path: self.assertion_fmi_path.clone(),
            partition: self.partition.clone(),
        })
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

    pub(crate) fn configuration(&self) -> &Configuration {
        self.decided.client.configuration()
    }

    pub(crate) fn is_renewal(&self) -> bool {
        self.renewal
    }

    /// The same plan for fetching early what still serves (rule 10).
    pub(crate) fn renewing(&self) -> Self {
        Self {
            renewal: true,
            ..self.clone()
        }
    }

    /// How long the whole acquisition may take.
    #[must_use]
    pub fn allowed_time(&self) -> Duration {
        self.decided.request.deadline
    }

    /// What kind of token it will bring.
    #[must_use]
    pub fn token_kind(&self) -> TokenKind {
        self.decided.kind
    }

    pub(crate) fn flight(&self, key: &PartitionKey) -> FlightKey {
        let bypass = match self.decided.reading {
            Reading::Cache => Bypass::No,
            Reading::Bypass | Reading::Never => Bypass::Yes {
                claims: self.decided.request.claims.clone(),
            },
        };
        FlightKey::token(key.clone(), self.decided.scopes.clone(), bypass)
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
            Proof::OwnClaims(..) => "certificate with claims",
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
