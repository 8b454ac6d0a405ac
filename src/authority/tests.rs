//! What is read as an authority, and every known host with its plain and its mTLS hosts.

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
        let host_of =
            |url: Result<Url, Error>| url.ok().and_then(|url| url.host_str().map(str::to_owned));
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
        "https://h/t/a:b",
        "https://h/t/.",
        "https://h/t/...",
        "https://h/t//x",
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
    // What follows the tenant is no part of Entra's authority.
    let entra = Authority::parse("https://login.microsoftonline.com/t1/oauth2/v2.0").unwrap();
    assert_eq!(entra.kind(), AuthorityKind::Entra);
    assert_eq!(entra.url(None), "https://login.microsoftonline.com/t1");
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

/// What differs from kind to kind besides the URL: another tenant, PS256, and a port on a host that nobody listed.
#[test]
fn every_kind_takes_what_its_token_service_takes() {
    use AuthorityKind::{Adfs, B2c, Ciam, Dsts, Entra, Oidc};
    let oidc = Authority::oidc;
    let rows = [
        (
            Entra,
            Authority::parse("https://login.microsoftonline.com/t"),
            true,
            true,
            false,
        ),
        (
            Dsts,
            Authority::parse("https://h.example/dstsv2/t"),
            true,
            false,
            true,
        ),
        (
            Adfs,
            Authority::parse("https://h.example/adfs"),
            false,
            false,
            true,
        ),
        (
            B2c,
            Authority::parse("https://h.example/tfp/t/p"),
            false,
            true,
            false,
        ),
        (
            Ciam,
            Authority::parse("https://c.ciamlogin.com/t"),
            true,
            true,
            false,
        ),
        (Oidc, oidc("https://h.example/a/b"), false, false, true),
    ];
    for (kind, authority, tenant, ps256, port) in rows {
        let authority = authority.unwrap();
        assert_eq!(authority.kind(), kind);
        assert_eq!(authority.takes_tenant(), tenant, "{kind:?}");
        assert_eq!(authority.takes_ps256(), ps256, "{kind:?}");
        assert!(authority.may_have_port(), "{kind:?}");
        let url = authority.url(None);
        let (host, path) = url[8..].split_once('/').unwrap();
        let with_port = format!("https://{host}:8443/{path}");
        let with_port = match kind {
            Oidc => oidc(&with_port),
            Entra | Dsts | Adfs | B2c | Ciam => Authority::parse(&with_port),
        };
        let with_port = with_port.unwrap();
        assert_eq!(with_port.may_have_port(), port, "{kind:?}");
        assert!(with_port.url(None).contains(":8443/"), "{kind:?}");
    }
}

#[test]
fn a_port_is_a_number_from_1_to_65535_and_443_is_none() {
    let place = |port: &str| {
        let authority = Authority::parse(&format!("https://h.example:{port}/dstsv2/t"));
        authority.map(|authority| authority.url(None)).ok()
    };
    let at = |port: &str| Some(format!("https://h.example{port}/dstsv2/t"));
    assert_eq!(place("1"), at(":1"));
    assert_eq!(place("65535"), at(":65535"));
    assert_eq!(place("443"), at(""));
    for port in ["0", "65536", "", "x", "-1", "4:4"] {
        assert_eq!(place(port), None, "{port}");
    }
}

#[test]
fn documents_are_asked_for_below_the_authority() {
    let tenant = Tenant::parse("t2.example").unwrap();
    assert_eq!(
        entra("login.example.com").authorization_endpoint(Some(&tenant)),
        "https://login.example.com/t2.example/oauth2/v2.0/authorize"
    );
    for (url, configuration) in [
        (
            "https://issuer.example",
            "https://issuer.example/.well-known/openid-configuration",
        ),
        (
            "https://issuer.example/a/",
            "https://issuer.example/a/.well-known/openid-configuration",
        ),
    ] {
        assert_eq!(
            Authority::oidc(url).unwrap().configuration_url(),
            configuration
        );
    }
}

/// Rule 6: what a URL parser would make of a host is not what was meant.
#[test]
fn sec07_an_endpoint_is_on_the_host_that_was_meant_or_there_is_none() {
    let authority = entra("login.microsoftonline.com");
    assert!(
        authority
            .endpoint_at("login.microsoftonline.com", None)
            .is_ok()
    );
    for host in [
        "user@login.microsoftonline.com",
        "Login.microsoftonline.com",
        "h.example/x",
    ] {
        assert!(authority.endpoint_at(host, None).is_err(), "{host}");
    }
}
