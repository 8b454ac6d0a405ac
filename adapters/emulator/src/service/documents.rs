//! The documents that describe the service: OpenID configuration, keys, instance discovery.
//!
//! They name the host that was asked, as Entra's do for its aliases.

use http::Response;
use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Ask, Service, issue};

impl Service {
    pub(crate) fn openid_configuration(&self, ask: &Ask<'_>, tenant: &str) -> Response<Vec<u8>> {
        let general = ["common", "organizations", "consumers", "adfs"].contains(&tenant);
        let Some(id) = (if general {
            Some(self.home_tenant())
        } else {
            self.tenant(tenant)
        }) else {
            return self.refuse(ask, &Refusal::unknown_tenant(tenant));
        };
        // Everything before `/v2.0/.well-known/…` or `/.well-known/…`.
        let path = ask.request.uri().path();
        let (front, _) = path.split_once("/.well-known/").unwrap_or((path, ""));
        let base = format!(
            "https://{}{}",
            ask.host,
            front.strip_suffix("/v2.0").unwrap_or(front)
        );
        let oauth = if tenant == "adfs" {
            "oauth2"
        } else {
            "oauth2/v2.0"
        };
        super::json(
            200,
            &json!({
                "issuer": issue::issuer(&ask.served.issuer_host, id),
                "token_endpoint": format!("{base}/{oauth}/token"),
                "authorization_endpoint": format!("{base}/{oauth}/authorize"),
                "jwks_uri": format!("{base}/discovery/v2.0/keys"),
                "token_endpoint_auth_methods_supported":
                    ["client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth"],
                "tls_client_certificate_bound_access_tokens": true,
                "mtls_endpoint_aliases": mtls_alias(ask, tenant),
                "response_types_supported": ["code", "id_token", "code id_token"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
            }),
        )
    }

    pub(crate) fn keys(&self) -> Response<Vec<u8>> {
        super::json(
            200,
            &json!({ "keys": [self.token_key.jwk(), self.assertion_key.jwk()] }),
        )
    }

    /// Is the host of `authorization_endpoint` a login host? Others are not vouched for.
    pub(crate) fn instance_discovery(&self, ask: &Ask<'_>) -> Response<Vec<u8>> {
        let endpoint = ask
            .query("authorization_endpoint")
            .and_then(|text| url::Url::parse(&text).ok());
        let known = endpoint.filter(|url| {
            url.scheme() == "https"
                && url
                    .host_str()
                    .is_some_and(|host| self.directory.hosts.is_known_login(host))
        });
        let Some(url) = known else {
            return self.refuse(ask, &Refusal::unknown_instance());
        };
        let host = url.host_str().unwrap_or_default();
        let tenant = url
            .path_segments()
            .and_then(|mut segments| segments.next())
            .filter(|name| !name.is_empty());
        let metadata: Vec<Value> = self
            .directory
            .hosts
            .login_hosts()
            .map(|names| {
                let first = names.first().map_or("", String::as_str);
                // In the public cloud the cache is under the name that came first in history.
                let cache = names
                    .iter()
                    .find(|name| *name == "login.windows.net")
                    .map_or(first, String::as_str);
                json!({ "preferred_network": first, "preferred_cache": cache, "aliases": names })
            })
            .collect();
        super::json(
            200,
            &json!({
                "tenant_discovery_endpoint":
                    format!("https://{host}/{}/v2.0/.well-known/openid-configuration", tenant.unwrap_or("common")),
                "api-version": "1.1",
                "metadata": metadata,
            }),
        )
    }
}

/// Where the token endpoint asks for a certificate (RFC 8705 §5), for the hosts that have such a sibling.
fn mtls_alias(ask: &Ask<'_>, tenant: &str) -> Value {
    let host = match ask.served.issuer_host.as_str() {
        "login.microsoftonline.com" => "mtlsauth.microsoft.com".to_owned(),
        other => other.replacen("login.", "mtlsauth.", 1),
    };
    if ask.served.role.asks_for_certificate() || !ask.served.issuer_host.starts_with("login.") {
        return json!({});
    }
    json!({ "token_endpoint": format!("https://{host}/{tenant}/oauth2/v2.0/token") })
}
