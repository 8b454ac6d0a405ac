//! Authorities: their kinds, their tenants, and the closed table of hosts that requests may go to (rule 7).
//!
//! Hosts come from this table and from what the application itself configured, never from the network.

use std::sync::Arc;

use url::Url;

use crate::error::{Code, Error};
use crate::region::Region;

mod clouds;
mod endpoints;
mod names;
mod tenant;

use clouds::{Cloud, LEGACY};
pub(crate) use endpoints::Endpoints;
pub use tenant::Tenant;
use tenant::is_dns_name;

/// What hosts of CIAM end in.
const CIAM_DOMAIN: &str = ".ciamlogin.com";

/// The host that is asked whether an unknown host is one of Entra's.
pub(crate) const INSTANCE_DISCOVERY_HOST: &str = "login.microsoftonline.com";

/// What kind of token service an authority is; it follows from the URL.
///
/// [`Authority`] has an example that asks for it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AuthorityKind {
    /// `https://login.…/{tenant}`: Entra itself, the only kind with regions and mTLS host names.
    Entra,
    /// `https://{host}/dstsv2/{tenant}`.
    Dsts,
    /// `https://{host}/adfs`.
    Adfs,
    /// `https://{host}/tfp/{tenant}/{policy}`.
    B2c,
    /// `https://{name}.ciamlogin.com[/{tenant}]`.
    Ciam,
    /// Any OpenID provider; its token endpoint comes from its OpenID configuration.
    Oidc,
}

/// Who issues the tokens.
///
/// ```
/// use entra_proto::{Authority, AuthorityKind};
///
/// let authority = Authority::parse("https://login.microsoftonline.com/contoso.onmicrosoft.com")?;
/// assert_eq!(authority.kind(), AuthorityKind::Entra);
/// assert_eq!(Authority::parse("http://login.microsoftonline.com/common").unwrap_err().code(), "invalid_authority");
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Authority {
    kind: AuthorityKind,
    host: Box<str>,
    port: Option<u16>,
    tenant: Option<Tenant>,
    /// What follows the tenant (B2C: the policy) or stands in its place (AD FS, OpenID).
    path: Box<str>,
}

impl Authority {
    /// Reads the URL of an authority; what kind it is follows from the URL.
    ///
    /// # Errors
    /// `invalid_authority`: not https, with user information, query or fragment, without a tenant, or with a path that is not
    /// made of plain segments.
    pub fn parse(url: &str) -> Result<Self, Error> {
        Self::read(url, false)
    }

    /// Reads the URL of a generic OpenID provider (OpenID Connect Discovery 1.0 §4).
    ///
    /// # Errors
    /// `invalid_authority`, as for [`Authority::parse`].
    pub fn oidc(url: &str) -> Result<Self, Error> {
        Self::read(url, true)
    }

    fn read(url: &str, oidc: bool) -> Result<Self, Error> {
        let invalid = |why: &'static str| Error::new(Code::InvalidAuthority, why);
        let scheme = url.get(..8).unwrap_or_default();
        if !scheme.eq_ignore_ascii_case("https://") {
            return Err(invalid("the authority is no https URL"));
        }
        let rest = url.get(8..).unwrap_or_default();
        // A closed set of characters, because a URL parser repairs what it is given: blanks, backslashes, dots, percent signs.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~:/".contains(&byte);
        if !rest.bytes().all(plain) {
            return Err(invalid(
                "the authority has user information, a query, a fragment or a character that does not belong there",
            ));
        }
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = match place.split_once(':') {
            None => (place, None),
            Some((host, port)) => match port.parse() {
                Ok(443) => (host, None),
                Ok(port) if port > 0 => (host, Some(port)),
                Ok(_) | Err(_) => return Err(invalid("the authority's port is no port")),
            },
        };
        if !is_dns_name(host) {
            return Err(invalid("the authority's host is no host name"));
        }
        let host = host.to_ascii_lowercase().into_boxed_str();
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = if path.is_empty() {
            Vec::new()
        } else {
            path.split('/').collect()
        };
        let odd = |segment: &&str| {
            segment.is_empty() || segment.contains(':') || segment.bytes().all(|byte| byte == b'.')
        };
        if segments.iter().any(odd) {
            return Err(invalid(
                "the authority's path is not made of plain segments",
            ));
        }
        let is = |segment: &str, name: &str| segment.eq_ignore_ascii_case(name);
        let tenant = |name: &str| {
            Tenant::parse(name)
                .map(Some)
                .map_err(|_| invalid("the authority's tenant is neither a GUID nor a domain name"))
        };
        let (kind, tenant, path) = match segments.as_slice() {
            all if oidc => (AuthorityKind::Oidc, None, all.join("/")),
            [first, name, ..] if is(first, "dstsv2") => {
                (AuthorityKind::Dsts, tenant(name)?, String::new())
            }
            [first, ..] if is(first, "adfs") => (AuthorityKind::Adfs, None, "adfs".to_owned()),
            [first, name, policy, ..] if is(first, "tfp") => {
                (AuthorityKind::B2c, tenant(name)?, (*policy).to_owned())
            }
            [first, ..] if is(first, "dstsv2") || is(first, "tfp") => {
                return Err(invalid("the authority has no tenant"));
            }
            segments => match (host.strip_suffix(CIAM_DOMAIN), segments) {
                (Some(name), []) => {
                    let domain = format!("{name}.onmicrosoft.com");
                    (AuthorityKind::Ciam, tenant(&domain)?, String::new())
                }
                (Some(_), [name, ..]) => (AuthorityKind::Ciam, tenant(name)?, String::new()),
                (None, [name, ..]) => (AuthorityKind::Entra, tenant(name)?, String::new()),
                (None, []) => return Err(invalid("the authority has no tenant")),
            },
        };
        Ok(Self {
            kind,
            host,
            port,
            tenant,
            path: path.into(),
        })
    }

    /// What kind of token service it is.
    #[must_use]
    pub fn kind(&self) -> AuthorityKind {
        self.kind
    }

    /// The host as it was configured, in lower case.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The tenant in the URL, if this kind has one.
    #[must_use]
    pub fn tenant(&self) -> Option<&Tenant> {
        self.tenant.as_ref()
    }

    /// Entra, where regions and the mTLS host names exist.
    pub(crate) fn is_entra(&self) -> bool {
        self.kind == AuthorityKind::Entra
    }

    /// Where a port may stay although the application did not list the host: kinds whose hosts are the application's own.
    pub(crate) fn may_have_port(&self) -> bool {
        match self.kind {
            AuthorityKind::Dsts | AuthorityKind::Adfs | AuthorityKind::Oidc => true,
            AuthorityKind::Entra | AuthorityKind::B2c | AuthorityKind::Ciam => self.port.is_none(),
        }
    }

    /// Whether a request may name another tenant than the URL's.
    pub(crate) fn takes_tenant(&self) -> bool {
        match self.kind {
            AuthorityKind::Entra | AuthorityKind::Dsts | AuthorityKind::Ciam => true,
            AuthorityKind::Adfs | AuthorityKind::B2c | AuthorityKind::Oidc => false,
        }
    }

    /// Entra hosts that the table has.
    pub(crate) fn is_known(&self) -> bool {
        Self::is_known_host(&self.host)
    }

    /// Whether a URL is on the authority's own host, or on one that the application listed.
    pub(crate) fn owns(&self, url: &Url, listed: &[String]) -> bool {
        let host = url.host_str().unwrap_or_default();
        host == &*self.host || listed.iter().any(|other| other.eq_ignore_ascii_case(host))
    }

    /// Whether the table has this host.
    pub(crate) fn is_known_host(host: &str) -> bool {
        Cloud::of(host).is_some()
    }

    /// The issuers of a CIAM tenant whose name is the first segment of this authority's path, or the first label of its host.
    pub(crate) fn ciam_issuers(&self) -> impl Iterator<Item = String> {
        let segment = self.path.split('/').next().filter(|name| !name.is_empty());
        let label = self.host.split('.').next();
        let name = segment.or(label).unwrap_or_default().to_ascii_lowercase();
        let host = format!("https://{name}.ciamlogin.com");
        [
            host.clone(),
            format!("{host}/{name}"),
            format!("{host}/{name}/v2.0"),
        ]
        .into_iter()
    }

    /// Keys that can do PSS sign with PS256 here, elsewhere with RS256 (rule 9).
    pub(crate) fn takes_ps256(&self) -> bool {
        match self.kind {
            AuthorityKind::Entra | AuthorityKind::B2c | AuthorityKind::Ciam => true,
            AuthorityKind::Dsts | AuthorityKind::Adfs | AuthorityKind::Oidc => false,
        }
    }

    /// What names this authority in a cache key, tenant aside: aliases of one cloud share it.
    pub(crate) fn cache_name(&self) -> Arc<str> {
        let host = match self.kind {
            AuthorityKind::Entra => Cloud::of(&self.host).map_or(&*self.host, |cloud| cloud.cache),
            AuthorityKind::Dsts
            | AuthorityKind::Adfs
            | AuthorityKind::B2c
            | AuthorityKind::Ciam
            | AuthorityKind::Oidc => &self.host,
        };
        let mut name = self.place(host);
        if !self.path.is_empty() {
            name.push('/');
            name.push_str(&self.path);
        }
        name.into()
    }

    /// The authority's URL for `tenant`, as a provider is told it.
    pub(crate) fn url(&self, tenant: Option<&Tenant>) -> String {
        self.text(&self.host, tenant, "")
    }

    /// The authority's own token endpoint for `tenant`: plain and without a region, whatever the request will use. A generic
    /// OpenID provider's is in its document, so here it is the authority itself.
    pub(crate) fn own_token_endpoint(&self, tenant: Option<&Tenant>) -> String {
        match self.kind {
            AuthorityKind::Oidc => self.url(tenant),
            AuthorityKind::Entra
            | AuthorityKind::Dsts
            | AuthorityKind::Adfs
            | AuthorityKind::B2c
            | AuthorityKind::Ciam => self.token_text(self.login_host(), tenant),
        }
    }

    /// The authorization endpoint that instance discovery asks about.
    pub(crate) fn authorization_endpoint(&self, tenant: Option<&Tenant>) -> String {
        format!("{}/oauth2/v2.0/authorize", self.url(tenant))
    }

    /// The URL of an OpenID provider's configuration (OpenID Connect Discovery 1.0 §4).
    pub(crate) fn configuration_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url(None))
    }

    /// The host of the global mTLS endpoint, or why there is none. `listed`: the application vouches for this host.
    pub(crate) fn mtls_host(&self, listed: bool) -> Result<String, Error> {
        let refused = |why: String| Err(Error::new(Code::MtlsNotSupportedForEnvironment, why));
        if !self.is_entra() {
            return Ok(self.host.to_string());
        }
        let host = &*self.host;
        if LEGACY.contains(&host) {
            let better = Cloud::of(host).map_or("", |cloud| cloud.network);
            return refused(format!(
                "{host} is an old alias without an mTLS host; the cloud's host is {better}"
            ));
        }
        let Some(domain) = host.strip_prefix("login.") else {
            return refused(format!(
                "{host} does not begin with login., so it has no mTLS host"
            ));
        };
        match Cloud::of(host) {
            Some(Cloud {
                mtls: Some(mtls), ..
            }) => Ok((*mtls).to_owned()),
            Some(Cloud { mtls: None, .. }) => refused(format!("{host} has no mTLS host")),
            None if listed => Ok(format!("mtlsauth.{domain}")),
            None => refused(format!(
                "{host} is no host of a known cloud and is not in known_authorities"
            )),
        }
    }

    /// The token endpoint for a plain request.
    pub(crate) fn plain_endpoint(
        &self,
        tenant: Option<&Tenant>,
        region: Option<&Region>,
    ) -> Result<Url, Error> {
        match region.filter(|_| self.is_entra()) {
            None => self.endpoint_at(self.login_host(), tenant),
            Some(region) => {
                let base = Cloud::of(&self.host).map_or(&*self.host, |cloud| cloud.regional);
                self.endpoint_at(&format!("{region}.{base}"), tenant)
            }
        }
    }

    /// The token endpoint for a request over mutual TLS.
    pub(crate) fn mtls_endpoint(
        &self,
        tenant: Option<&Tenant>,
        region: Option<&Region>,
        listed: bool,
    ) -> Result<Url, Error> {
        let global = self.mtls_host(listed)?;
        match region.filter(|_| self.is_entra()) {
            None => self.endpoint_at(&global, tenant),
            Some(region) => self.endpoint_at(&format!("{region}.{global}"), tenant),
        }
    }

    /// Puts the URL together and reads it back: the host must be the one intended, byte for byte (rule 6).
    fn endpoint_at(&self, host: &str, tenant: Option<&Tenant>) -> Result<Url, Error> {
        let text = self.token_text(host, tenant);
        Url::parse(&text)
            .ok()
            .filter(|url| url.host_str() == Some(host) && url.as_str() == text)
            .ok_or_else(|| Error::new(Code::InvalidAuthority, "the token endpoint is no URL"))
    }

    fn login_host(&self) -> &str {
        match self.kind {
            AuthorityKind::Entra => Cloud::of(&self.host).map_or(&self.host, |cloud| cloud.network),
            AuthorityKind::Dsts
            | AuthorityKind::Adfs
            | AuthorityKind::B2c
            | AuthorityKind::Ciam
            | AuthorityKind::Oidc => &self.host,
        }
    }

    fn place(&self, host: &str) -> String {
        match self.port {
            None => host.to_owned(),
            Some(port) => format!("{host}:{port}"),
        }
    }

    /// A URL of this authority on `host`: its path for `tenant`, and what comes after.
    fn text(&self, host: &str, tenant: Option<&Tenant>, after: &str) -> String {
        let tenant = tenant.or(self.tenant.as_ref()).map_or("", Tenant::as_str);
        let port = self.port.map(|port| format!(":{port}"));
        let [a, b, c, d] = match self.kind {
            AuthorityKind::Entra | AuthorityKind::Ciam => ["/", tenant, "", ""],
            AuthorityKind::Dsts => ["/dstsv2/", tenant, "", ""],
            AuthorityKind::B2c => ["/tfp/", tenant, "/", &self.path],
            AuthorityKind::Adfs | AuthorityKind::Oidc if self.path.is_empty() => [""; 4],
            AuthorityKind::Adfs | AuthorityKind::Oidc => ["/", &self.path, "", ""],
        };
        let port = port.as_deref().unwrap_or_default();
        ["https://", host, port, a, b, c, d, after].concat()
    }

    fn token_text(&self, host: &str, tenant: Option<&Tenant>) -> String {
        let after = match self.kind {
            AuthorityKind::Adfs => "/oauth2/token",
            AuthorityKind::Entra
            | AuthorityKind::Dsts
            | AuthorityKind::B2c
            | AuthorityKind::Ciam
            | AuthorityKind::Oidc => "/oauth2/v2.0/token",
        };
        self.text(host, tenant, after)
    }
}

#[cfg(test)]
mod tests;
