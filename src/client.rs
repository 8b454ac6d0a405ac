//! Clients: identity and configuration, judged once when built, immutable from then on.

use std::fmt;
use std::sync::Arc;

use crate::authority::Authority;
use crate::cache::{PartitionKey, TenantlessKey, TokenKey};
use crate::credential::{CheckedCredential, Credential, Needs};
use crate::error::{Code, Error};
use crate::region::{Environment, Region, RegionChoice, RegionPolicy, RegionSource};
use crate::wire::headers::Headers;

/// Who asks for tokens, and how: cheap to clone, without keys and without callbacks.
///
/// ```
/// use entra_proto::{Client, Credential, RegionSource};
///
/// let client = Client::builder(
///     "11111111-1111-1111-1111-111111111111",
///     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
///     Credential::signed_assertion_provider(),
/// )
/// .region(RegionSource::Named("eastus".into()))
/// .build()?;
/// assert_eq!(client.region().map(|region| region.as_str()), Some("eastus"));
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone)]
pub struct Client(Arc<Configuration>);

pub(crate) struct Configuration {
    pub(crate) id: Arc<str>,
    pub(crate) authority: Authority,
    /// The key of the Bearer tokens for the application, without its tenant: most keys are like it, and share it.
    pub(crate) plain_key: TenantlessKey,
    /// The key of those tokens in the authority's own tenant.
    pub(crate) own_key: PartitionKey,
    pub(crate) credential: CheckedCredential,
    pub(crate) region: RegionChoice,
    pub(crate) region_policy: RegionPolicy,
    pub(crate) bearer_isolation: BearerIsolation,
    pub(crate) capabilities: Vec<String>,
    pub(crate) listed: bool,
    pub(crate) instance_discovery: bool,
    pub(crate) known_authorities: Vec<String>,
    pub(crate) headers: Headers,
}

/// Whether a Bearer token that came over mutual TLS serves whatever the certificate (rule 10).
///
/// The reference shares it; its issue 6117 reports tokens that were bound all the same. Choose `PerCertificate` if yours are.
///
/// ```
/// use entra_proto::{BearerIsolation, Client, Credential};
///
/// let credential = Credential::signed_assertion_provider();
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential)
///     .bearer_isolation(BearerIsolation::PerCertificate)
///     .build()?;
/// # let _ = client;
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum BearerIsolation {
    /// One entry, whatever certificate it came over.
    #[default]
    Shared,
    /// An entry for each certificate; the provider is then asked before the cache is looked at.
    PerCertificate,
}

impl Client {
    /// A client with the three things that it can't do without. The URL says what kind of authority it is.
    pub fn builder(
        id: impl Into<String>,
        authority: impl Into<AuthorityUrl>,
        credential: Credential,
    ) -> ClientBuilder {
        ClientBuilder {
            id: id.into(),
            authority: authority.into(),
            credential,
            region: RegionSource::Unset,
            region_policy: RegionPolicy::default(),
            bearer_isolation: BearerIsolation::default(),
            environment: Environment::default(),
            capabilities: Vec::new(),
            known_authorities: Vec::new(),
            instance_discovery: true,
        }
    }

    /// The application (client) id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The authority.
    #[must_use]
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// The region, if it needs no discovery.
    #[must_use]
    pub fn region(&self) -> Option<&Region> {
        match &self.0.region {
            RegionChoice::Known(region, _) => Some(region),
            RegionChoice::None | RegionChoice::AskMetadata => None,
        }
    }

    /// What the driver has to bring for this client's credential.
    ///
    /// ```
    /// use entra_proto::{Client, Credential, Needs};
    ///
    /// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::assertion_provider()).build()?;
    /// assert_eq!(client.needs(), Needs::AssertionProvider);
    /// # Ok::<(), entra_proto::Error>(())
    /// ```
    #[must_use]
    pub fn needs(&self) -> Needs<'_> {
        self.0.credential.needs()
    }

    pub(crate) fn configuration(&self) -> &Configuration {
        &self.0
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.0.id)
            .field("authority", &self.0.authority.url(None))
            .field("region", &self.0.region)
            .finish_non_exhaustive()
    }
}

/// An authority given as a URL, which `build` will read, or read already.
///
/// ```
/// use entra_proto::{Authority, Client, Credential, Secret};
///
/// let authority = Authority::parse("https://login.microsoftonline.com/contoso.com")?;
/// let read_already = Client::builder("app", authority, Credential::secret(Secret::new("s"))).build()?;
/// let text = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::secret(Secret::new("s"))).build()?;
/// assert_eq!(read_already.authority(), text.authority());
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AuthorityUrl(Result<Authority, String>);

impl From<&str> for AuthorityUrl {
    fn from(url: &str) -> Self {
        Self(Err(url.to_owned()))
    }
}

impl From<String> for AuthorityUrl {
    fn from(url: String) -> Self {
        Self(Err(url))
    }
}

impl From<Authority> for AuthorityUrl {
    fn from(authority: Authority) -> Self {
        Self(Ok(authority))
    }
}

/// Builds a [`Client`]; what can't work is said by [`build`](Self::build).
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    id: String,
    authority: AuthorityUrl,
    credential: Credential,
    region: RegionSource,
    region_policy: RegionPolicy,
    bearer_isolation: BearerIsolation,
    environment: Environment,
    capabilities: Vec<String>,
    known_authorities: Vec<String>,
    instance_discovery: bool,
}

impl ClientBuilder {
    /// Where the region comes from (rule 6). Unset, `MSAL_FORCE_REGION` serves.
    pub fn region(self, region: RegionSource) -> Self {
        Self { region, ..self }
    }

    /// What to do when mutual TLS finds no region (rule 5).
    pub fn region_policy(self, region_policy: RegionPolicy) -> Self {
        Self {
            region_policy,
            ..self
        }
    }

    /// Whether Bearer tokens that came over mutual TLS are kept by certificate (rule 10).
    pub fn bearer_isolation(self, bearer_isolation: BearerIsolation) -> Self {
        Self {
            bearer_isolation,
            ..self
        }
    }

    /// The environment's variables, as the driver read them.
    pub fn environment(self, environment: Environment) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// What the client can handle, such as `cp1` for claims challenges; merged into the claims of each request (rule 11).
    pub fn capabilities<T: Into<String>>(self, capabilities: impl IntoIterator<Item = T>) -> Self {
        Self {
            capabilities: capabilities.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// Hosts that the application vouches for, exactly as they stand in an authority's URL (rule 7).
    pub fn known_authorities<T: Into<String>>(self, hosts: impl IntoIterator<Item = T>) -> Self {
        Self {
            known_authorities: hosts.into_iter().map(Into::into).collect(),
            ..self
        }
    }

    /// Whether Entra is asked about hosts that nobody knows. Without it, plain requests trust the configured host.
    pub fn instance_discovery(self, instance_discovery: bool) -> Self {
        Self {
            instance_discovery,
            ..self
        }
    }

    /// Judges the configuration.
    ///
    /// # Errors
    /// `invalid_client_id`, `invalid_authority`, `invalid_region`, `invalid_credential_material`, and for what is fixed
    /// in the credential `cryptographic_error`, `cert_without_private_key` or `invalid_client_assertion`.
    pub fn build(self) -> Result<Client, Error> {
        if self.id.trim().is_empty() || self.id.chars().any(char::is_control) {
            return Err(Error::new(
                Code::InvalidClientId,
                "the client id is empty or has control characters",
            ));
        }
        let authority = match self.authority.0 {
            Ok(authority) => authority,
            Err(url) => Authority::parse(&url)?,
        };
        let listed = self
            .known_authorities
            .iter()
            .any(|host| host.eq_ignore_ascii_case(authority.host()));
        if !listed && !authority.may_have_port() {
            return Err(Error::new(
                Code::InvalidAuthority,
                "the authority has a port, and its host is not in known_authorities",
            ));
        }
        let region = RegionChoice::decide(&self.region, &self.environment)?;
        if self
            .capabilities
            .iter()
            .any(|name| name.chars().any(char::is_control))
        {
            return Err(Error::new(
                Code::InvalidRequestParameter,
                "a capability has control characters",
            ));
        }
        let id: Arc<str> = self.id.into();
        let plain_key = TenantlessKey::new(TokenKey::plain(
            authority.kind(),
            authority.cache_name(),
            Arc::clone(&id),
        ));
        let own_key = plain_key.in_full(authority.tenant());
        Ok(Client(Arc::new(Configuration {
            own_key: PartitionKey::tokens_beside(own_key, &plain_key),
            plain_key,
            id,
            authority,
            credential: self.credential.check()?,
            region,
            region_policy: self.region_policy,
            bearer_isolation: self.bearer_isolation,
            capabilities: self.capabilities,
            listed,
            instance_discovery: self.instance_discovery,
            known_authorities: self.known_authorities,
            headers: Headers::new(),
        })))
    }
}
