//! The closed table of clouds and their hosts (rule 7): a change of it is a change for firewalls.

/// The clouds: the host that serves plain requests, the host that names the cloud in the cache, and every alias.
///
/// After MSAL.NET's `KnownMetadataProvider`.
pub(super) const CLOUDS: &[Cloud] = &[
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
pub(super) const LEGACY: &[&str] = &["login.usgovcloudapi.net", "login.chinacloudapi.cn"];

/// One cloud of Entra.
pub(super) struct Cloud {
    /// Serves plain requests.
    pub(super) network: &'static str,
    /// Names the cloud in the cache.
    pub(super) cache: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// What a region's name is put before, over plain transport.
    pub(super) regional: &'static str,
    pub(super) mtls: Option<&'static str>,
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

    pub(super) fn of(host: &str) -> Option<&'static Self> {
        CLOUDS.iter().find(|cloud| cloud.aliases.contains(&host))
    }
}
