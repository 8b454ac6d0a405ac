//! The instance metadata service: the machine's region, and tokens for its managed identities.
//!
//! It speaks plain HTTP and wants `Metadata: true`, which no redirected or forged request carries.

use std::time::Duration;

use http::Response;
use serde_json::json;

use super::issue::AccessToken;
use super::{Ask, Service};
use crate::application::ManagedIdentity;
use crate::clock;

/// Versions of the API, newest first; the answer to an unknown one names the first three.
const VERSIONS: [&str; 6] = [
    "2025-04-07",
    "2023-11-15",
    "2023-07-01",
    "2021-12-13",
    "2021-02-01",
    "2020-06-01",
];

impl Service {
    pub(crate) fn compute(&self, ask: &Ask<'_>, text: bool) -> Response<Vec<u8>> {
        if let Some(refusal) = without_header(ask) {
            return refusal;
        }
        if !ask
            .query("api-version")
            .is_some_and(|version| VERSIONS.contains(&version.as_str()))
        {
            return super::json(
                400,
                &json!({
                    "error": "Bad request. api-version is invalid or was not specified in the request.",
                    "newest-versions": VERSIONS.get(..3).unwrap_or_default(),
                }),
            );
        }
        match &self.directory.region {
            None => super::json(404, &json!({ "error": "Not found" })),
            Some(region) if text => super::plain(200, region),
            Some(region) => super::json(
                200,
                &json!({
                    "location": region,
                    "azEnvironment": "AzurePublicCloud",
                    "name": "emulated",
                    "osType": "Linux",
                    "vmId": "02aab8a4-74ef-476e-8182-f6d2ba4166a6",
                }),
            ),
        }
    }

    pub(crate) fn managed_identity_token(&self, ask: &Ask<'_>) -> Response<Vec<u8>> {
        if let Some(refusal) = without_header(ask) {
            return refusal;
        }
        if ask.query("api-version").is_none() {
            return invalid("Required query variable 'api-version' is missing");
        }
        let Some(resource) = ask
            .query("resource")
            .filter(|resource| !resource.is_empty())
        else {
            return invalid("Required query variable 'resource' is missing");
        };
        let Some(identity) = self.identity(ask) else {
            return invalid("Identity not found");
        };
        let lifetime = Duration::from_secs(86_400);
        let start = clock::unix(ask.now);
        let token = self.sign_access_token(AccessToken {
            issuer_host: "login.microsoftonline.com",
            tenant: self.home_tenant(),
            audience: &resource,
            client_id: &identity.client_id,
            object_id: &identity.object_id,
            strength: "2",
            user: None,
            scopes: "",
            further: Vec::new(),
            bound_to: None,
            now: ask.now,
            lifetime,
        });
        super::json(
            200,
            &json!({
                "access_token": token,
                "client_id": identity.client_id,
                "expires_in": lifetime.as_secs().to_string(),
                "expires_on": start.saturating_add(86_400).to_string(),
                "ext_expires_in": lifetime.as_secs().to_string(),
                "not_before": start.to_string(),
                "resource": resource,
                "token_type": "Bearer",
            }),
        )
    }

    /// The identity that the query names, or the first one.
    fn identity(&self, ask: &Ask<'_>) -> Option<&ManagedIdentity> {
        let mut identities = self.directory.identities.iter();
        if let Some(id) = ask.query("client_id") {
            identities.find(|identity| identity.client_id == id)
        } else if let Some(id) = ask.query("object_id").or_else(|| ask.query("principal_id")) {
            identities.find(|identity| identity.object_id == id)
        } else if let Some(id) = ask.query("msi_res_id").or_else(|| ask.query("mi_res_id")) {
            identities.find(|identity| identity.resource_id.as_ref() == Some(&id))
        } else {
            identities.next()
        }
    }
}

fn without_header(ask: &Ask<'_>) -> Option<Response<Vec<u8>>> {
    let there = ask
        .header("metadata")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    (!there).then(|| {
        super::json(
            400,
            &json!({ "error": "Bad request. Required metadata header not specified" }),
        )
    })
}

fn invalid(reason: &str) -> Response<Vec<u8>> {
    super::json(
        400,
        &json!({ "error": "invalid_request", "error_description": reason }),
    )
}
