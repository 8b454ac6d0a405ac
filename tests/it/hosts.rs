//! The hosts that a request may go to, written down a second time (rule 7, I05): what the core emits is compared with this.

use entra_proto::{AuthorityKind, Client};

/// Each alias, with its cloud's name in the cache, its plain host, the base of its regional hosts and its mTLS host.
const CLOUDS: &[(&str, &str, &str, &str, Option<&str>)] = &[
    (
        "login.microsoftonline.com",
        "public",
        "login.microsoftonline.com",
        "login.microsoft.com",
        Some("mtlsauth.microsoft.com"),
    ),
    (
        "login.windows.net",
        "public",
        "login.microsoftonline.com",
        "login.microsoft.com",
        Some("mtlsauth.microsoft.com"),
    ),
    (
        "login.microsoft.com",
        "public",
        "login.microsoftonline.com",
        "login.microsoft.com",
        Some("mtlsauth.microsoft.com"),
    ),
    (
        "sts.windows.net",
        "public",
        "login.microsoftonline.com",
        "login.microsoft.com",
        None,
    ),
    (
        "login.microsoftonline.us",
        "us",
        "login.microsoftonline.us",
        "login.microsoftonline.us",
        Some("mtlsauth.microsoftonline.us"),
    ),
    (
        "login.usgovcloudapi.net",
        "us",
        "login.microsoftonline.us",
        "login.microsoftonline.us",
        None,
    ),
    (
        "login.partner.microsoftonline.cn",
        "cn",
        "login.partner.microsoftonline.cn",
        "login.partner.microsoftonline.cn",
        Some("mtlsauth.partner.microsoftonline.cn"),
    ),
    (
        "login.chinacloudapi.cn",
        "cn",
        "login.partner.microsoftonline.cn",
        "login.partner.microsoftonline.cn",
        None,
    ),
    (
        "login.microsoftonline.de",
        "de",
        "login.microsoftonline.de",
        "login.microsoftonline.de",
        Some("mtlsauth.microsoftonline.de"),
    ),
    (
        "login-us.microsoftonline.com",
        "login-us",
        "login-us.microsoftonline.com",
        "login-us.microsoftonline.com",
        None,
    ),
    (
        "login.windows-ppe.net",
        "ppe",
        "login.windows-ppe.net",
        "login.windows-ppe.net",
        Some("mtlsauth.windows-ppe.net"),
    ),
    (
        "login.microsoft-ppe.com",
        "ppe",
        "login.windows-ppe.net",
        "login.windows-ppe.net",
        Some("mtlsauth.windows-ppe.net"),
    ),
    (
        "sts.windows-ppe.net",
        "ppe",
        "login.windows-ppe.net",
        "login.windows-ppe.net",
        None,
    ),
    (
        "login.sovcloud-identity.fr",
        "fr",
        "login.sovcloud-identity.fr",
        "login.sovcloud-identity.fr",
        Some("mtlsauth.sovcloud-identity.fr"),
    ),
    (
        "login.sovcloud-identity.sg",
        "sg",
        "login.sovcloud-identity.sg",
        "login.sovcloud-identity.sg",
        Some("mtlsauth.sovcloud-identity.sg"),
    ),
    (
        "login.sovcloud-identity.de",
        "sovcloud de",
        "login.sovcloud-identity.de",
        "login.sovcloud-identity.de",
        Some("mtlsauth.sovcloud-identity.de"),
    ),
];

/// Which of them an authority means in a cache key: another kind of authority on the same host is another one.
pub(crate) fn issuer(client: &Client) -> String {
    let authority = client.authority();
    let cloud = CLOUDS.iter().find(|row| row.0 == authority.host());
    match (authority.kind(), cloud) {
        (AuthorityKind::Entra, Some(row)) => row.1.to_owned(),
        (kind, _) => format!("{kind:?} {}", authority.host()),
    }
}

/// Whether a token request of this client may go to `host`.
pub(crate) fn may_receive(client: &Client, listed: &[&str], mtls: bool, host: &str) -> bool {
    let own = client.authority().host();
    let is_listed = |host: &str| listed.contains(&host);
    if client.authority().kind() == AuthorityKind::Oidc {
        return host == own || is_listed(host);
    }
    if client.authority().kind() != AuthorityKind::Entra {
        return host == own;
    }
    let (network, regional, mtls_host) = match CLOUDS.iter().find(|row| row.0 == own) {
        Some(row) => (row.2, row.3, row.4.map(str::to_owned)),
        None => {
            let domain = own.strip_prefix("login.").filter(|_| is_listed(own));
            (own, own, domain.map(|domain| format!("mtlsauth.{domain}")))
        }
    };
    match (mtls, mtls_host) {
        (true, None) => false,
        (true, Some(global)) => host == global || is_regional(host, &global),
        (false, _) => host == network || is_regional(host, regional),
    }
}

/// `[a-z0-9]{1,32}` as the first label, and nothing else before `base`.
fn is_regional(host: &str, base: &str) -> bool {
    host.strip_suffix(base)
        .and_then(|host| host.strip_suffix('.'))
        .is_some_and(|region| {
            (1..=32).contains(&region.len())
                && region
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}
