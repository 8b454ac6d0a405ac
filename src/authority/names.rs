//! Authorities by the names under which their tokens are remembered: from a name back to the authority, and from the little that
//! other libraries write down.

use super::clouds::{CLOUDS, Cloud};
use super::{Authority, AuthorityKind, Tenant};

/// Stands where a tenant has to stand and does not matter.
const SOME_TENANT: &str = "common";

impl Authority {
    /// The authority that goes by this [`cache_name`](Self::cache_name) and has this tenant; without a tenant, whatever it is.
    pub(crate) fn named(kind: AuthorityKind, name: &str, tenant: Option<&str>) -> Option<Self> {
        let some_tenant = tenant.unwrap_or(SOME_TENANT);
        let authority = match kind {
            AuthorityKind::Entra | AuthorityKind::Ciam => {
                Self::parse(&format!("https://{name}/{some_tenant}"))
            }
            AuthorityKind::Dsts => Self::parse(&format!("https://{name}/dstsv2/{some_tenant}")),
            AuthorityKind::Adfs => Self::parse(&format!("https://{name}")),
            AuthorityKind::B2c => {
                let (host, policy) = name.split_once('/')?;
                Self::parse(&format!("https://{host}/tfp/{some_tenant}/{policy}"))
            }
            AuthorityKind::Oidc => Self::oidc(&format!("https://{name}")),
        };
        authority.ok().filter(|authority| {
            authority.kind == kind && *authority.cache_name() == *name && authority.is_for(tenant)
        })
    }

    /// The authority that other libraries mean by a host and a tenant alone. For most hosts these do not tell the kind, so it is
    /// none: only the hosts of known clouds are always Entra's, and those of CIAM always CIAM's.
    pub(crate) fn of_environment(host: &str, tenant: Option<&str>) -> Option<Self> {
        let host = host.to_ascii_lowercase();
        let kind = match Cloud::of(&host) {
            Some(_) => AuthorityKind::Entra,
            None => AuthorityKind::Ciam,
        };
        let url = format!("https://{host}/{}", tenant.unwrap_or(SOME_TENANT));
        Self::parse(&url).ok().filter(|authority| {
            authority.kind == kind && *authority.host == *host && authority.is_for(tenant)
        })
    }

    fn is_for(&self, tenant: Option<&str>) -> bool {
        let own = self.tenant.as_ref().map_or("", Tenant::as_str);
        tenant.is_none_or(|tenant| own.eq_ignore_ascii_case(tenant))
    }

    /// The host by which other libraries know the authority that goes by this [`cache_name`](Self::cache_name): of a cloud, the
    /// one that serves plain requests, because MSAL for Python looks for its own host first and for others only over the network.
    pub(crate) fn environment(kind: AuthorityKind, name: &str) -> &str {
        let host = name.split(['/', ':']).next().unwrap_or_default();
        let cloud = CLOUDS
            .iter()
            .find(|cloud| kind == AuthorityKind::Entra && cloud.cache == host);
        cloud.map_or(host, |cloud| cloud.network)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_a_cache_name_leads_back_to_its_authority_and_to_no_other() {
        for (url, environment, told_by_host) in [
            (
                "https://login.microsoftonline.com/t",
                "login.microsoftonline.com",
                true,
            ),
            (
                "https://sts.windows.net/t",
                "login.microsoftonline.com",
                true,
            ),
            (
                "https://login.chinacloudapi.cn/t",
                "login.partner.microsoftonline.cn",
                true,
            ),
            ("https://login.example.com/t", "login.example.com", false),
            (
                "https://login.example.com:8443/t",
                "login.example.com",
                false,
            ),
            (
                "https://login.windows.net:8443/t",
                "login.microsoftonline.com",
                false,
            ),
            ("https://example.com/dstsv2/t", "example.com", false),
            ("https://example.com:8443/adfs", "example.com", false),
            (
                "https://contoso.b2clogin.com/tfp/t/policy",
                "contoso.b2clogin.com",
                false,
            ),
            (
                "https://login.microsoftonline.com/tfp/t/policy",
                "login.microsoftonline.com",
                false,
            ),
            (
                "https://contoso.ciamlogin.com/t",
                "contoso.ciamlogin.com",
                true,
            ),
        ] {
            let authority = Authority::parse(url).unwrap();
            let (kind, name) = (authority.kind(), authority.cache_name());
            let tenant = authority.tenant().map_or("", Tenant::as_str);
            let found = Authority::named(kind, &name, Some(tenant)).unwrap();
            assert_eq!(
                (found.kind(), found.cache_name()),
                (kind, name.clone()),
                "{url}"
            );
            assert_eq!(found.tenant(), authority.tenant(), "{url}");
            assert!(Authority::named(kind, &name, None).is_some(), "{url}");
            assert_eq!(Authority::named(kind, &name, Some("t/x")), None, "{url}");
            assert_eq!(Authority::environment(kind, &name), environment, "{url}");
            let told = Authority::of_environment(environment, Some(tenant))
                .is_some_and(|told| told.kind() == kind && told.cache_name() == name);
            assert_eq!(told, told_by_host, "{url}");
        }
        let oidc = Authority::oidc("https://example.com/issuer").unwrap();
        let named = |kind, name| Authority::named(kind, name, Some(""));
        assert_eq!(named(AuthorityKind::Oidc, "example.com/issuer"), Some(oidc));
        for name in [
            "",
            "/",
            "example.com/",
            "Example.com",
            "a@example.com",
            "example.com?x",
        ] {
            assert_eq!(named(AuthorityKind::Oidc, name), None, "{name}");
            assert_eq!(named(AuthorityKind::B2c, name), None, "{name}");
        }
        for host in [
            "example.com",
            "x.ciamlogin.com/t/y.ciamlogin.com",
            "x.ciamlogin.com:1",
            "",
        ] {
            assert_eq!(Authority::of_environment(host, Some("t")), None, "{host}");
        }
        for tenant in ["", "..", "t/x", "adfs", "dstsv2/t", "tfp/t/p"] {
            let host = "login.microsoftonline.com";
            assert_eq!(
                Authority::of_environment(host, Some(tenant)),
                None,
                "{tenant}"
            );
        }
    }
}
