//! Authorities: their kinds, their tenants, and the closed table of hosts that requests may go to (rule 7).
//!
//! Hosts come from this table and from what the application itself configured, never from the network.

mod names;

use std::fmt;

use url::Url;

use crate::error::{Code, Error, shown};
use crate::region::Region;

/// The clouds: the host that serves plain requests, the host that names the cloud in the cache, and every alias.
///
/// After MSAL.NET's `KnownMetadataProvider`.
const CLOUDS: &[Cloud] = &[
    Cloud {
        network: "login.microsoftonline.com",
        cache: "login.windows.net",
        aliases: &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
        regional: "login.microsoft.com",
        mtls: Some("mtlsauth.microsoft.com"),
    },
    Cloud {
        network: "login.partner.microsoftonline.cn",
        cache: "login.partner.microsoftonline.cn",
        aliases: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        regional: "login.partner.microsoftonline.cn",
        mtls: Some("mtlsauth.partner.microsoftonline.cn"),
    },
    Cloud {
        network: "login.microsoftonline.us",
        cache: "login.microsoftonline.us",
        aliases: &["login.microsoftonline.us", "login.usgovcloudapi.net"],
        regional: "login.microsoftonline.us",
        mtls: Some("mtlsauth.microsoftonline.us"),
    },
    Cloud {
        network: "login.microsoftonline.de",
        cache: "login.microsoftonline.de",
        aliases: &["login.microsoftonline.de"],
        regional: "login.microsoftonline.de",
        mtls: Some("mtlsauth.microsoftonline.de"),
    },
    Cloud {
        network: "login-us.microsoftonline.com",
        cache: "login-us.microsoftonline.com",
        aliases: &["login-us.microsoftonline.com"],
        regional: "login-us.microsoftonline.com",
        mtls: None,
    },
    Cloud {
        network: "login.windows-ppe.net",
        cache: "login.windows-ppe.net",
        aliases: &[
            "login.windows-ppe.net",
            "sts.windows-ppe.net",
            "login.microsoft-ppe.com",
        ],
        regional: "login.windows-ppe.net",
        mtls: Some("mtlsauth.windows-ppe.net"),
    },
    Cloud::alone(
        &"login.sovcloud-identity.fr",
        "mtlsauth.sovcloud-identity.fr",
    ),
    Cloud::alone(
        &"login.sovcloud-identity.de",
        "mtlsauth.sovcloud-identity.de",
    ),
    Cloud::alone(
        &"login.sovcloud-identity.sg",
        "mtlsauth.sovcloud-identity.sg",
    ),
];

/// Aliases of old whose mTLS name does not exist; MSAL.NET PR 5684 refuses them.
const LEGACY: &[&str] = &["login.usgovcloudapi.net", "login.chinacloudapi.cn"];

/// What hosts of CIAM end in.
const CIAM_DOMAIN: &str = ".ciamlogin.com";

/// The host that is asked whether an unknown host is one of Entra's.
pub(crate) const INSTANCE_DISCOVERY_HOST: &str = "login.microsoftonline.com";

struct Cloud {
    network: &'static str,
    cache: &'static str,
    aliases: &'static [&'static str],
    regional: &'static str,
    mtls: Option<&'static str>,
}

impl Cloud {
    const fn alone(host: &'static &'static str, mtls: &'static str) -> Self {
        Self {
            network: host,
            cache: host,
            aliases: std::slice::from_ref(host),
            regional: host,
            mtls: Some(mtls),
        }
    }

    fn of(host: &str) -> Option<&'static Self> {
        CLOUDS.iter().find(|cloud| cloud.aliases.contains(&host))
    }
}

/// A tenant: a GUID or a DNS name, nothing else. It becomes a segment of a path.
///
/// ```
/// use entra_proto::Tenant;
///
/// assert_eq!(Tenant::parse("contoso.onmicrosoft.com")?.as_str(), "contoso.onmicrosoft.com");
/// assert_eq!(Tenant::parse("../evil").unwrap_err().code(), "invalid_tenant");
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tenant(Box<str>);

impl Tenant {
    /// Accepts a tenant as it is or refuses it whole (MSAL Go PR 623 for what a traversal does).
    ///
    /// # Errors
    /// `invalid_tenant`.
    pub fn parse(name: &str) -> Result<Self, Error> {
        if is_dns_name(name) {
            Ok(Self(name.into()))
        } else {
            Err(Error::new(
                Code::InvalidTenant,
                format!("\"{}\" is neither a GUID nor a domain name", shown(name)),
            ))
        }
    }

    /// The tenant as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Not one tenant but a door to many. `consumers` is a tenant.
    pub(crate) fn is_shared_door(&self) -> bool {
        self.0.eq_ignore_ascii_case("common") || self.0.eq_ignore_ascii_case("organizations")
    }
}

impl fmt::Display for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Labels of letters, digits and inner hyphens (RFC 1123 §2.1); a GUID is one such label.
fn is_dns_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// What kind of token service an authority is; it follows from the URL.
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
        Cloud::of(&self.host).is_some()
    }

    /// Keys that can do PSS sign with PS256 here, elsewhere with RS256 (rule 9).
    pub(crate) fn takes_ps256(&self) -> bool {
        match self.kind {
            AuthorityKind::Entra | AuthorityKind::B2c | AuthorityKind::Ciam => true,
            AuthorityKind::Dsts | AuthorityKind::Adfs | AuthorityKind::Oidc => false,
        }
    }

    /// What names this authority in a cache key, tenant aside: aliases of one cloud share it.
    pub(crate) fn cache_name(&self) -> String {
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
        name
    }

    /// The authority's URL for `tenant`, as a provider is told it.
    pub(crate) fn url(&self, tenant: Option<&Tenant>) -> String {
        format!("https://{}{}", self.place(&self.host), self.path(tenant))
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
            | AuthorityKind::Ciam => {
                format!(
                    "https://{}{}",
                    self.place(self.login_host()),
                    self.token_path(tenant)
                )
            }
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
        let host = match region.filter(|_| self.is_entra()) {
            None => self.login_host().to_owned(),
            Some(region) => {
                let base = Cloud::of(&self.host).map_or(&*self.host, |cloud| cloud.regional);
                format!("{region}.{base}")
            }
        };
        self.endpoint_at(&host, tenant)
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
        let text = format!("https://{}{}", self.place(host), self.token_path(tenant));
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

    fn path(&self, tenant: Option<&Tenant>) -> String {
        let tenant = tenant.or(self.tenant.as_ref()).map_or("", Tenant::as_str);
        match self.kind {
            AuthorityKind::Entra | AuthorityKind::Ciam => format!("/{tenant}"),
            AuthorityKind::Dsts => format!("/dstsv2/{tenant}"),
            AuthorityKind::B2c => format!("/tfp/{tenant}/{}", self.path),
            AuthorityKind::Adfs | AuthorityKind::Oidc if self.path.is_empty() => String::new(),
            AuthorityKind::Adfs | AuthorityKind::Oidc => format!("/{}", self.path),
        }
    }

    fn token_path(&self, tenant: Option<&Tenant>) -> String {
        let path = self.path(tenant);
        match self.kind {
            AuthorityKind::Adfs => format!("{path}/oauth2/token"),
            AuthorityKind::Entra
            | AuthorityKind::Dsts
            | AuthorityKind::B2c
            | AuthorityKind::Ciam
            | AuthorityKind::Oidc => {
                format!("{path}/oauth2/v2.0/token")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "22222222-2222-2222-2222-222222222222";

    fn entra(host: &str) -> Authority {
        Authority::parse(&format!("https://{host}/{TENANT}")).unwrap()
    }

    /// The table of hosts, written out: a change of it is a change for firewalls (rule 7; rows ROUTE-10 to ROUTE-17).
    #[test]
    fn route10_to_route17_every_known_host_has_its_plain_and_its_mtls_hosts() {
        let rows: &[(&str, &str, &str, Option<&str>)] = &[
            (
                "login.microsoftonline.com",
                "login.microsoftonline.com",
                "r.login.microsoft.com",
                Some("mtlsauth.microsoft.com"),
            ),
            (
                "login.windows.net",
                "login.microsoftonline.com",
                "r.login.microsoft.com",
                Some("mtlsauth.microsoft.com"),
            ),
            (
                "login.microsoft.com",
                "login.microsoftonline.com",
                "r.login.microsoft.com",
                Some("mtlsauth.microsoft.com"),
            ),
            (
                "sts.windows.net",
                "login.microsoftonline.com",
                "r.login.microsoft.com",
                None,
            ),
            (
                "login.partner.microsoftonline.cn",
                "login.partner.microsoftonline.cn",
                "r.login.partner.microsoftonline.cn",
                Some("mtlsauth.partner.microsoftonline.cn"),
            ),
            (
                "login.chinacloudapi.cn",
                "login.partner.microsoftonline.cn",
                "r.login.partner.microsoftonline.cn",
                None,
            ),
            (
                "login.microsoftonline.us",
                "login.microsoftonline.us",
                "r.login.microsoftonline.us",
                Some("mtlsauth.microsoftonline.us"),
            ),
            (
                "login.usgovcloudapi.net",
                "login.microsoftonline.us",
                "r.login.microsoftonline.us",
                None,
            ),
            (
                "login.microsoftonline.de",
                "login.microsoftonline.de",
                "r.login.microsoftonline.de",
                Some("mtlsauth.microsoftonline.de"),
            ),
            (
                "login-us.microsoftonline.com",
                "login-us.microsoftonline.com",
                "r.login-us.microsoftonline.com",
                None,
            ),
            (
                "login.windows-ppe.net",
                "login.windows-ppe.net",
                "r.login.windows-ppe.net",
                Some("mtlsauth.windows-ppe.net"),
            ),
            (
                "sts.windows-ppe.net",
                "login.windows-ppe.net",
                "r.login.windows-ppe.net",
                None,
            ),
            (
                "login.microsoft-ppe.com",
                "login.windows-ppe.net",
                "r.login.windows-ppe.net",
                Some("mtlsauth.windows-ppe.net"),
            ),
            (
                "login.sovcloud-identity.fr",
                "login.sovcloud-identity.fr",
                "r.login.sovcloud-identity.fr",
                Some("mtlsauth.sovcloud-identity.fr"),
            ),
            (
                "login.sovcloud-identity.de",
                "login.sovcloud-identity.de",
                "r.login.sovcloud-identity.de",
                Some("mtlsauth.sovcloud-identity.de"),
            ),
            (
                "login.sovcloud-identity.sg",
                "login.sovcloud-identity.sg",
                "r.login.sovcloud-identity.sg",
                Some("mtlsauth.sovcloud-identity.sg"),
            ),
            (
                "login.example.com",
                "login.example.com",
                "r.login.example.com",
                None,
            ),
            (
                "graph.microsoft.com",
                "graph.microsoft.com",
                "r.graph.microsoft.com",
                None,
            ),
            (
                "eastus.login.microsoft.com",
                "eastus.login.microsoft.com",
                "r.eastus.login.microsoft.com",
                None,
            ),
        ];
        let region = Region::parse("r").unwrap();
        for (host, plain, regional, mtls) in rows {
            let authority = entra(host);
            let host_of = |url: Result<Url, Error>| {
                url.ok().and_then(|url| url.host_str().map(str::to_owned))
            };
            assert_eq!(
                host_of(authority.plain_endpoint(None, None)).as_deref(),
                Some(*plain),
                "{host}"
            );
            assert_eq!(
                host_of(authority.plain_endpoint(None, Some(&region))).as_deref(),
                Some(*regional),
                "{host}"
            );
            assert_eq!(authority.mtls_host(false).ok().as_deref(), *mtls, "{host}");
            let with_region = mtls.map(|mtls| format!("r.{mtls}"));
            assert_eq!(
                host_of(authority.mtls_endpoint(None, Some(&region), false)),
                with_region,
                "{host}"
            );
        }
    }

    #[test]
    fn route17_listing_a_host_lifts_only_the_refusal_of_unknown_login_hosts() {
        assert_eq!(
            entra("login.example.com").mtls_host(true).unwrap(),
            "mtlsauth.example.com"
        );
        for host in [
            "login.usgovcloudapi.net",
            "login.chinacloudapi.cn",
            "sts.windows.net",
            "graph.microsoft.com",
            "login-us.microsoftonline.com",
        ] {
            assert_eq!(
                entra(host).mtls_host(true).unwrap_err().code(),
                "mtls_pop_not_supported_for_environment",
                "{host}"
            );
        }
    }

    #[test]
    fn route18_what_is_no_authority_is_refused() {
        for url in [
            "",
            "login.microsoftonline.com/common",
            "http://login.microsoftonline.com/common",
            "https://",
            "https:///common",
            "https://login.microsoftonline.com",
            "https://login.microsoftonline.com/",
            "https://user@login.microsoftonline.com/common",
            "https://login.microsoftonline.com/../common",
            "https://login.microsoftonline.com/a%2fb",
            "https://login.microsoftonline.com//common",
            "https://login.microsoftonline.com/common?x=1",
            "https://login.microsoftonline.com/common#x",
            "https://login.microsoftonline.com\\@evil/common",
            "https://login.microsoftonline.com/com mon",
            "https://login.microsoftonline.com/common\n",
            "https://l\u{3002}x/common",
            "https://-x/common",
            "https://h:0/dstsv2/t",
            "https://h:99999/dstsv2/t",
            "https://h/dstsv2",
            "https://h/tfp/t",
            "https://h/-t",
            "https://h/t_t",
        ] {
            assert!(Authority::parse(url).is_err(), "{url:?}");
        }
    }

    #[test]
    fn every_kind_has_its_token_endpoint() {
        let rows: &[(&str, AuthorityKind, &str)] = &[
            (
                "https://Login.MicrosoftOnline.com:443/common/",
                AuthorityKind::Entra,
                "https://login.microsoftonline.com/common/oauth2/v2.0/token",
            ),
            (
                "https://h.example/dstsv2/t1",
                AuthorityKind::Dsts,
                "https://h.example/dstsv2/t1/oauth2/v2.0/token",
            ),
            (
                "https://h.example:8443/dstsv2/t1/",
                AuthorityKind::Dsts,
                "https://h.example:8443/dstsv2/t1/oauth2/v2.0/token",
            ),
            (
                "https://fs.contoso.com/adfs",
                AuthorityKind::Adfs,
                "https://fs.contoso.com/adfs/oauth2/token",
            ),
            (
                "https://c.b2clogin.com/tfp/c.onmicrosoft.com/B2C_1_x",
                AuthorityKind::B2c,
                "https://c.b2clogin.com/tfp/c.onmicrosoft.com/B2C_1_x/oauth2/v2.0/token",
            ),
            (
                "https://Contoso.ciamlogin.com",
                AuthorityKind::Ciam,
                "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
            ),
            (
                "https://contoso.ciamlogin.com/x.example",
                AuthorityKind::Ciam,
                "https://contoso.ciamlogin.com/x.example/oauth2/v2.0/token",
            ),
        ];
        let region = Region::parse("eastus").unwrap();
        for (url, kind, endpoint) in rows {
            let authority = Authority::parse(url).unwrap();
            assert_eq!(authority.kind(), *kind, "{url}");
            assert_eq!(
                authority.plain_endpoint(None, None).unwrap().as_str(),
                *endpoint
            );
            if !authority.is_entra() {
                assert_eq!(
                    authority
                        .mtls_endpoint(None, Some(&region), false)
                        .unwrap()
                        .as_str(),
                    *endpoint
                );
            }
        }
    }

    #[test]
    fn route01_the_path_has_the_tenant_unchanged() {
        for tenant in [TENANT, "Contoso.OnMicrosoft.com"] {
            let url = entra("login.microsoftonline.com")
                .plain_endpoint(Some(&Tenant::parse(tenant).unwrap()), None)
                .unwrap();
            assert_eq!(url.path(), format!("/{tenant}/oauth2/v2.0/token"));
        }
    }
}
