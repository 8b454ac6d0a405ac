//! Refusals in Entra's shape: an OAuth error, an AADSTS number, a sentence.
//!
//! Each constructor is one thing that may be wrong with a request; the numbers are those of the AADSTS reference.

use http::{HeaderValue, Response};
use serde_json::json;

use super::{Ask, Service};
use crate::clock;

/// Why a request is not answered with a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    status: u16,
    error: &'static str,
    code: u32,
    text: String,
}

impl Refusal {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self {
            status,
            error,
            code,
            text: text.into(),
        }
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            900_144,
            format!("The request body must contain the following parameter: '{name}'."),
        )
    }

    pub(crate) fn malformed(what: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            9_000_411,
            format!("The request is not properly formatted. {what}"),
        )
    }

    pub(crate) fn wrong_method() -> Self {
        Self::new(
            400,
            "invalid_request",
            900_561,
            "The endpoint only accepts POST requests.",
        )
    }

    pub(crate) fn unknown_tenant(name: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            90_002,
            format!(
                "Tenant '{name}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."
            ),
        )
    }

    pub(crate) fn unknown_instance() -> Self {
        Self::new(
            400,
            "invalid_instance",
            50_049,
            "Unknown or invalid instance.",
        )
    }

    pub(crate) fn unknown_application(client_id: &str, tenant: &str) -> Self {
        Self::new(
            400,
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'."
            ),
        )
    }

    pub(crate) fn unsupported_grant(grant: &str) -> Self {
        Self::new(
            400,
            "unsupported_grant_type",
            70_003,
            format!("The app requested an unsupported grant type '{grant}'."),
        )
    }

    pub(crate) fn bad_scope(scope: &str) -> Self {
        Self::new(
            400,
            "invalid_scope",
            70_011,
            format!(
                "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope '{scope}' is not valid."
            ),
        )
    }

    pub(crate) fn no_credential() -> Self {
        Self::new(
            401,
            "invalid_client",
            7_000_216,
            "'client_assertion', 'client_secret' or 'request' is required for this grant type.",
        )
    }

    pub(crate) fn bad_secret(client_id: &str) -> Self {
        Self::new(
            401,
            "invalid_client",
            7_000_215,
            format!(
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{client_id}'."
            ),
        )
    }

    pub(crate) fn bad_assertion(reason: &str) -> Self {
        Self::new(
            401,
            "invalid_client",
            700_027,
            format!(
                "The certificate with identifier used to sign the client assertion is not registered on application, or the assertion is invalid. [Reason - {reason}]"
            ),
        )
    }

    pub(crate) fn assertion_not_in_time(reason: &str) -> Self {
        Self::new(
            401,
            "invalid_client",
            700_024,
            format!("Client assertion is not within its valid time range. {reason}"),
        )
    }

    pub(crate) fn no_federated_credential(issuer: &str, subject: &str) -> Self {
        Self::new(
            401,
            "invalid_client",
            70_021,
            format!(
                "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. Assertion Subject: '{subject}'."
            ),
        )
    }

    pub(crate) fn wrong_exchange_audience(audience: &str) -> Self {
        Self::new(
            401,
            "invalid_client",
            700_212,
            format!(
                "No matching federated identity record found for presented assertion audience '{audience}'."
            ),
        )
    }

    pub(crate) fn certificate_mismatch(reason: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            500_181,
            format!(
                "The TLS certificate provided does not match the certificate in the assertion. {reason}"
            ),
        )
    }

    pub(crate) fn mtls_not_enabled(client_id: &str) -> Self {
        Self::new(
            412,
            "invalid_request",
            51_000,
            format!("The feature MtlsClientAuth is disabled for the application '{client_id}'."),
        )
    }

    pub(crate) fn certificate_missing() -> Self {
        Self::new(
            400,
            "invalid_request",
            392_200,
            "Client certificate is missing from the request.",
        )
    }

    pub(crate) fn mtls_credential(reason: &str) -> Self {
        Self::new(
            400,
            "invalid_request",
            392_189,
            format!("The mTLS endpoint does not take this credential. {reason}"),
        )
    }

    pub(crate) fn bad_user_assertion(reason: &str) -> Self {
        Self::new(
            400,
            "invalid_grant",
            50_013,
            format!("Assertion failed validation. [Reason - {reason}]"),
        )
    }

    pub(crate) fn user_assertion_expired() -> Self {
        Self::new(
            400,
            "invalid_grant",
            500_133,
            "Assertion is not within its valid time range.",
        )
    }

    pub(crate) fn bad_grant(reason: &str) -> Self {
        Self::new(
            400,
            "invalid_grant",
            70_000,
            format!("The provided grant is invalid or malformed. {reason}"),
        )
    }

    pub(crate) fn code_already_redeemed() -> Self {
        Self::new(
            400,
            "invalid_grant",
            54_005,
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code.",
        )
    }

    pub(crate) fn wrong_redirect() -> Self {
        Self::new(
            400,
            "invalid_grant",
            500_112,
            "The reply address does not match the reply address provided when requesting the authorization code.",
        )
    }

    pub(crate) fn wrong_verifier() -> Self {
        Self::new(
            400,
            "invalid_grant",
            501_481,
            "The Code_Verifier does not match the code_challenge supplied in the authorization request.",
        )
    }
}

impl Service {
    /// The refusal as Entra words it.
    pub(crate) fn refuse(&self, ask: &Ask<'_>, refusal: &Refusal) -> Response<Vec<u8>> {
        let correlation = ask
            .header("client-request-id")
            .map_or_else(|| self.fresh_guid(), str::to_owned);
        let (trace, stamp) = (self.fresh_guid(), clock::stamp(ask.now));
        let Refusal {
            status,
            error,
            code,
            text,
        } = refusal;
        let description = format!(
            "AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {stamp}"
        );
        let mut response = super::json(
            *status,
            &json!({
                "error": error,
                "error_description": description,
                "error_codes": [code],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": format!("https://{}/error?code={code}", ask.host),
            }),
        );
        self.stamp(ask, &mut response);
        response
    }

    /// The headers that go with every answer of the token endpoint.
    pub(crate) fn stamp(&self, ask: &Ask<'_>, response: &mut Response<Vec<u8>>) {
        if let Ok(id) = HeaderValue::from_str(&self.fresh_guid()) {
            response.headers_mut().insert("x-ms-request-id", id);
        }
        let wanted = ask
            .header("return-client-request-id")
            .is_some_and(|value| value.eq_ignore_ascii_case("true"));
        if let (true, Some(id)) = (wanted, ask.request.headers().get("client-request-id")) {
            response
                .headers_mut()
                .insert("client-request-id", id.clone());
        }
    }
}
