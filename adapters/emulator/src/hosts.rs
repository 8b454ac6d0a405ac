//! The host names that the emulator answers to, and what each of them is for.
//!
//! A closed table, as in the cloud: a name that is not in it gets no certificate, so no handshake with it succeeds.

/// Where the protected resource lives unless told otherwise.
pub(crate) const RESOURCE_HOST: &str = "resource.entra-emulator.test";
/// The address of the instance metadata service, as clients write it in `Host`.
pub(crate) const METADATA_HOST: &str = "169.254.169.254";

/// What a host is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A `login` host of Entra: never asks for a client certificate.
    Login,
    /// An `mtlsauth` host of Entra: asks for one.
    Mtls,
    /// dSTS: asks for one, on the same name.
    Dsts,
    /// AD FS.
    Adfs,
    /// Entra External ID, `{name}.ciamlogin.com`.
    Ciam,
    /// Azure AD B2C, `{name}.b2clogin.com`.
    B2c,
    /// The protected resource: asks for a certificate, needs one for PoP only.
    Resource,
    /// The instance metadata service, on plain HTTP.
    Metadata,
}

impl Role {
    /// Does the handshake ask for a client certificate?
    pub(crate) fn asks_for_certificate(self) -> bool {
        matches!(self, Self::Mtls | Self::Dsts | Self::Resource)
    }
}

/// A host of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Served {
    pub(crate) role: Role,
    /// The host that the cloud's issuer names.
    pub(crate) issuer_host: String,
    /// The audience that the cloud wants in a federated assertion.
    pub(crate) exchange_audience: String,
    /// The cloud's login hosts, for what may stand in `aud`.
    pub(crate) login_hosts: Vec<String>,
}

#[derive(Clone, Debug)]
struct Cloud {
    /// The first one is in the issuer.
    logins: Vec<String>,
    /// What follows `{region}.` in plain regional names.
    regional: String,
    mtls: String,
    exchange_audience: String,
}

/// The table: the clouds, the hosts that the configuration adds, and the resource.
#[derive(Clone, Debug)]
pub(crate) struct Hosts {
    clouds: Vec<Cloud>,
    resources: Vec<String>,
}

const EXCHANGE: &str = "api://AzureADTokenExchange";

/// Login hosts, suffix of plain regional names, mTLS host, suffix of the exchange audience.
const CLOUDS: [(&[&str], &str, &str, &str); 9] = [
    (
        &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
        "login.microsoft.com",
        "mtlsauth.microsoft.com",
        "",
    ),
    (
        &["login.microsoftonline.us", "login.usgovcloudapi.net"],
        "login.microsoftonline.us",
        "mtlsauth.microsoftonline.us",
        "USGov",
    ),
    (
        &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        "login.partner.microsoftonline.cn",
        "mtlsauth.partner.microsoftonline.cn",
        "China",
    ),
    (
        &["login.microsoftonline.de"],
        "login.microsoftonline.de",
        "mtlsauth.microsoftonline.de",
        "",
    ),
    (
        &[
            "login.windows-ppe.net",
            "sts.windows-ppe.net",
            "login.microsoft-ppe.com",
        ],
        "login.windows-ppe.net",
        "mtlsauth.windows-ppe.net",
        "",
    ),
    (
        &["login-us.microsoftonline.com"],
        "login-us.microsoftonline.com",
        "mtlsauth-us.microsoftonline.com",
        "",
    ),
    (
        &["login.sovcloud-identity.fr"],
        "login.sovcloud-identity.fr",
        "mtlsauth.sovcloud-identity.fr",
        "France",
    ),
    (
        &["login.sovcloud-identity.de"],
        "login.sovcloud-identity.de",
        "mtlsauth.sovcloud-identity.de",
        "Germany",
    ),
    (
        &["login.sovcloud-identity.sg"],
        "login.sovcloud-identity.sg",
        "mtlsauth.sovcloud-identity.sg",
        "",
    ),
];

impl Hosts {
    /// The table of the clouds, with a resource host and further `login.` hosts, each with its `mtlsauth.` sibling.
    pub(crate) fn new(resource: &str, further_logins: &[String]) -> Self {
        let mut clouds: Vec<Cloud> = CLOUDS
            .iter()
            .map(|(logins, regional, mtls, suffix)| Cloud {
                logins: logins.iter().map(|&name| name.to_owned()).collect(),
                regional: (*regional).to_owned(),
                mtls: (*mtls).to_owned(),
                exchange_audience: format!("{EXCHANGE}{suffix}"),
            })
            .collect();
        let contoso = "login.contoso.example".to_owned();
        for login in further_logins.iter().chain(std::iter::once(&contoso)) {
            let login = login.to_ascii_lowercase();
            let rest = login.strip_prefix("login.").unwrap_or(&login);
            clouds.push(Cloud {
                regional: login.clone(),
                mtls: format!("mtlsauth.{rest}"),
                exchange_audience: EXCHANGE.to_owned(),
                logins: vec![login],
            });
        }
        Self {
            clouds,
            resources: vec![resource.to_ascii_lowercase()],
        }
    }

    /// What the name is for, without case; `None` if it is not in the table.
    pub(crate) fn look_up(&self, name: &str) -> Option<Served> {
        let name = name.to_ascii_lowercase();
        for cloud in &self.clouds {
            if cloud.logins.contains(&name) || is_regional(&name, &cloud.regional) {
                return Some(cloud.serves(Role::Login));
            }
            if name == cloud.mtls || is_regional(&name, &cloud.mtls) {
                return Some(cloud.serves(Role::Mtls));
            }
        }
        let role = if self.resources.contains(&name) {
            Role::Resource
        } else if is_below(&name, "dsts.core.azure-test.net") {
            Role::Dsts
        } else if is_below(&name, "ciamlogin.com") {
            Role::Ciam
        } else if is_below(&name, "b2clogin.com") {
            Role::B2c
        } else if name == "adfs.contoso.example" {
            Role::Adfs
        } else {
            return None;
        };
        Some(Served::alone(role, &name))
    }

    /// Is this a `login` host that instance discovery vouches for?
    pub(crate) fn is_known_login(&self, name: &str) -> bool {
        self.look_up(name)
            .is_some_and(|served| served.role == Role::Login)
    }

    /// Names of the table that are not patterns, and the patterns with `*`.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for cloud in &self.clouds {
            names.extend(cloud.logins.iter().cloned());
            names.extend([
                format!("*.{}", cloud.regional),
                cloud.mtls.clone(),
                format!("*.{}", cloud.mtls),
            ]);
        }
        names.extend(self.resources.iter().cloned());
        let others = [
            "*.dsts.core.azure-test.net",
            "*.ciamlogin.com",
            "*.b2clogin.com",
            "adfs.contoso.example",
        ];
        names.extend(others.map(str::to_owned));
        names
    }

    /// The clouds' login hosts and their aliases, as instance discovery lists them.
    pub(crate) fn login_hosts(&self) -> impl Iterator<Item = &[String]> {
        self.clouds.iter().map(|cloud| cloud.logins.as_slice())
    }
}

impl Cloud {
    fn serves(&self, role: Role) -> Served {
        Served {
            role,
            issuer_host: self.logins.first().cloned().unwrap_or_default(),
            exchange_audience: self.exchange_audience.clone(),
            login_hosts: self.logins.clone(),
        }
    }
}

impl Served {
    /// A host that belongs to no cloud and issues under its own name.
    pub(crate) fn alone(role: Role, name: &str) -> Self {
        Self {
            role,
            issuer_host: name.to_owned(),
            exchange_audience: EXCHANGE.to_owned(),
            login_hosts: vec![name.to_owned()],
        }
    }
}

/// `{region}.{suffix}`, the region being 1 to 32 of `[a-z0-9]`.
fn is_regional(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .and_then(|front| front.strip_suffix('.'))
        .is_some_and(|region| {
            (1..=32).contains(&region.len())
                && region
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        })
}

/// `{label}.{suffix}` with one label or more of letters, digits and hyphens.
fn is_below(name: &str, suffix: &str) -> bool {
    name.strip_suffix(suffix)
        .and_then(|front| front.strip_suffix('.'))
        .is_some_and(|front| {
            front.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn role(name: &str) -> Option<Role> {
        Hosts::new(RESOURCE_HOST, &[])
            .look_up(name)
            .map(|served| served.role)
    }

    #[test]
    fn only_mtlsauth_dsts_and_the_resource_ask_for_a_certificate() {
        for (name, expected) in [
            ("login.microsoftonline.com", Role::Login),
            ("eastus.login.microsoft.com", Role::Login),
            ("EASTUS.mtlsauth.microsoft.com", Role::Mtls),
            ("mtlsauth.partner.microsoftonline.cn", Role::Mtls),
            ("westus3.mtlsauth.contoso.example", Role::Mtls),
            ("a.dsts.core.azure-test.net", Role::Dsts),
            ("contoso.ciamlogin.com", Role::Ciam),
            (RESOURCE_HOST, Role::Resource),
        ] {
            assert_eq!(role(name), Some(expected), "{name}");
        }
        assert!(Role::Mtls.asks_for_certificate() && !Role::Login.asks_for_certificate());
    }

    #[test]
    fn a_name_outside_the_table_is_not_served() {
        for name in [
            "example.com",
            "",
            "a.b.mtlsauth.microsoft.com",
            "eastus.login.microsoftonline.com",
            ".ciamlogin.com",
        ] {
            assert_eq!(role(name), None, "{name}");
        }
    }
}
