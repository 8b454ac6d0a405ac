//! Which document or endpoint a path names, given what the host is for.
//!
//! Anything else is [`Route::Nowhere`].

use crate::hosts::Role;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    Token { tenant: String },
    OpenIdConfiguration { tenant: String },
    Keys,
    InstanceDiscovery,
    Secret { name: String },
    ImdsCompute { text: bool },
    ImdsToken,
    Nowhere,
}

/// The route of a path on a host with that role.
pub(crate) fn route(role: Role, path: &str) -> Route {
    let path = path.to_owned();
    let segments: Vec<&str> = path.strip_prefix('/').unwrap_or(&path).split('/').collect();
    match role {
        Role::Login | Role::Mtls | Role::Ciam => entra(&segments),
        Role::Dsts => match segments.as_slice() {
            [first, rest @ ..] if first.eq_ignore_ascii_case("dstsv2") => entra(rest),
            _ => Route::Nowhere,
        },
        Role::B2c => match segments.as_slice() {
            // `/tfp/{tenant}/{policy}/…`, also without `tfp`.
            ["tfp", tenant, _policy, rest @ ..] | [tenant, _policy, rest @ ..] => {
                below_tenant(tenant, rest)
            }
            _ => Route::Nowhere,
        },
        Role::Adfs => match segments.as_slice() {
            ["adfs", rest @ ..] => below_tenant("adfs", rest),
            _ => Route::Nowhere,
        },
        Role::Resource => match segments.as_slice() {
            // Key Vault's clients write the version, or nothing for the latest one.
            ["secrets", name] | ["secrets", name, _] if !name.is_empty() => Route::Secret {
                name: (*name).to_owned(),
            },
            _ => Route::Nowhere,
        },
        Role::Metadata => match segments.as_slice() {
            ["metadata", "instance", "compute"] => Route::ImdsCompute { text: false },
            ["metadata", "instance", "compute", "location"] => Route::ImdsCompute { text: true },
            ["metadata", "identity", "oauth2", "token"] => Route::ImdsToken,
            _ => Route::Nowhere,
        },
    }
}

fn entra(segments: &[&str]) -> Route {
    match segments {
        ["common", "discovery", "instance"] => Route::InstanceDiscovery,
        [tenant, rest @ ..] if !tenant.is_empty() => below_tenant(tenant, rest),
        _ => Route::Nowhere,
    }
}

fn below_tenant(tenant: &str, rest: &[&str]) -> Route {
    let tenant = tenant.to_owned();
    match rest {
        ["oauth2", "v2.0", "token"] | ["oauth2", "token"] => Route::Token { tenant },
        ["v2.0", ".well-known", "openid-configuration"]
        | [".well-known", "openid-configuration"] => Route::OpenIdConfiguration { tenant },
        ["discovery", "v2.0", "keys"] | ["discovery", "keys"] => Route::Keys,
        _ => Route::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_path_names_its_tenant_on_every_kind_of_host() {
        for (role, path, tenant) in [
            (Role::Login, "/contoso/oauth2/v2.0/token", "contoso"),
            (Role::Mtls, "/contoso/oauth2/v2.0/token", "contoso"),
            (Role::Dsts, "/dstsv2/contoso/oauth2/v2.0/token", "contoso"),
            (Role::Adfs, "/adfs/oauth2/token", "adfs"),
            (
                Role::B2c,
                "/tfp/contoso/policy/oauth2/v2.0/token",
                "contoso",
            ),
        ] {
            assert_eq!(
                route(role, path),
                Route::Token {
                    tenant: tenant.to_owned()
                },
                "{path}"
            );
        }
    }

    #[test]
    fn other_paths_lead_nowhere() {
        for path in [
            "",
            "/",
            "//oauth2/v2.0/token",
            "/contoso/oauth2/v2.0/token/",
            "/secrets/x",
            "/metadata/instance/compute",
        ] {
            assert_eq!(route(Role::Login, path), Route::Nowhere, "{path}");
        }
    }
}
