//! The stable codes, each with its fault and its advice, in one table.

use super::Fault;

/// The codes, each with its fault and advice in one table.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Code {
    InvalidAuthority,
    InvalidRegion,
    InvalidCredentialMaterial,
    InvalidClientId,
    ScopesRequired,
    InvalidScope,
    InvalidTenant,
    InvalidClaims,
    InvalidRequestParameter,
    InvalidClientAssertion,
    CertificateNotProvided,
    CertificateWithoutPrivateKey,
    CryptographicError,
    AssertionProviderFailed,
    CertificateProviderFailed,
    SigningFailed,
    MissingTenantedAuthority,
    BearerWithoutRegion,
    PopWithoutRegion,
    RegionRequired,
    MtlsNotSupportedForEnvironment,
    InvalidInstance,
    NoTokensFound,
    ConnectionFailed,
    RequestTimeout,
    TlsFailed,
    CertificateNotRequested,
    ClientCertificateRejected,
    ResponseTooLarge,
    UnexpectedRedirect,
    TokenTypeMissing,
    TokenTypeMismatch,
    UserMismatch,
    InvalidTokenResponse,
    JsonParseFailed,
    RequestThrottled,
    ServiceNotAvailable,
    Cancelled,
    /// The service's own `error` member, checked for its characters and length.
    Service(String),
}

impl Code {
    pub(super) fn row(&self) -> (&str, Fault, &'static str) {
        use Fault::{Caller, Environment, Garbled, Refused};
        match self {
            Self::InvalidAuthority => (
                "invalid_authority",
                Caller,
                "give https://HOST/TENANT, as shown in the portal",
            ),
            Self::InvalidRegion => (
                "invalid_region",
                Caller,
                "give a region's short name, such as eastus, or ask for discovery",
            ),
            Self::InvalidCredentialMaterial => (
                "invalid_credential_material",
                Caller,
                "choose a credential that has what the options ask for",
            ),
            Self::InvalidClientId => (
                "invalid_client_id",
                Caller,
                "give the application (client) id of the registration",
            ),
            Self::ScopesRequired => (
                "scopes_required_client_credentials",
                Caller,
                "ask for one scope, such as https://vault.azure.net/.default",
            ),
            Self::InvalidScope => (
                "invalid_scope",
                Caller,
                "use the characters of RFC 6749 section 3.3, one scope an item",
            ),
            Self::InvalidTenant => (
                "invalid_tenant",
                Caller,
                "give the tenant's GUID or one of its domain names",
            ),
            Self::InvalidClaims => (
                "invalid_json_claims_format",
                Caller,
                "pass the claims as one JSON object, as the challenge gave them",
            ),
            Self::InvalidRequestParameter => (
                "invalid_request_parameter",
                Caller,
                "correct or leave out that field of the request",
            ),
            Self::InvalidClientAssertion => (
                "invalid_client_assertion",
                Caller,
                "let the provider return a signed JWT and nothing around it",
            ),
            Self::CertificateNotProvided => (
                "mtls_certificate_not_provided",
                Caller,
                "use a certificate, or a provider that returns one with its assertion",
            ),
            Self::CertificateWithoutPrivateKey => (
                "cert_without_private_key",
                Caller,
                "give the certificate together with its private key or signer",
            ),
            Self::CryptographicError => (
                "cryptographic_error",
                Caller,
                "give the DER of one X.509 certificate, the leaf of its key, and nothing after it",
            ),
            Self::AssertionProviderFailed => (
                "assertion_provider_failed",
                Environment,
                "look at what the assertion provider reported; the next request asks it again",
            ),
            Self::CertificateProviderFailed => (
                "certificate_provider_failed",
                Environment,
                "look at what the certificate provider reported; the next request asks it again",
            ),
            Self::SigningFailed => (
                "signing_failed",
                Environment,
                "check that the signer can use the certificate's key",
            ),
            Self::MissingTenantedAuthority => (
                "missing_tenanted_authority",
                Caller,
                "name one tenant; mutual TLS works with neither common nor organizations",
            ),
            Self::BearerWithoutRegion => (
                "mtls_bearer_without_region",
                Caller,
                "configure a region or discovery, or allow the global host with RegionPolicy::Optional",
            ),
            Self::PopWithoutRegion => (
                "mtls_pop_without_region",
                Caller,
                "configure a region or discovery, or allow the global host with RegionPolicy::Optional",
            ),
            Self::RegionRequired => (
                "region_required_for_mtls_pop",
                Environment,
                "configure the region by name, or allow the global host with RegionPolicy::Optional",
            ),
            Self::MtlsNotSupportedForEnvironment => (
                "mtls_pop_not_supported_for_environment",
                Caller,
                "use the cloud's login host, or list your own login host in known_authorities",
            ),
            Self::InvalidInstance => (
                "invalid_instance",
                Caller,
                "check the authority's host, or list it in known_authorities if you vouch for it",
            ),
            Self::NoTokensFound => (
                "no_tokens_found",
                Caller,
                "let the user sign in again, or redeem a refresh token that you kept",
            ),
            Self::ConnectionFailed => (
                "connection_failed",
                Environment,
                "check name resolution, proxy and firewall, then try again",
            ),
            Self::RequestTimeout => (
                "request_timeout",
                Environment,
                "try again, or allow a longer deadline",
            ),
            Self::TlsFailed => (
                "tls_failed",
                Environment,
                "check the trusted roots, the clock, and whatever inspects TLS on the way",
            ),
            Self::CertificateNotRequested => (
                "certificate_not_requested",
                Environment,
                "find out what ends TLS between here and the service: it never asked for the client certificate",
            ),
            Self::ClientCertificateRejected => (
                "client_certificate_rejected",
                Environment,
                "check that this certificate is valid and registered for the application",
            ),
            Self::ResponseTooLarge => (
                "response_too_large",
                Environment,
                "find out what answers in the service's place",
            ),
            Self::UnexpectedRedirect => (
                "unexpected_redirect",
                Environment,
                "find out what redirects; credentials are never sent after a redirect",
            ),
            Self::TokenTypeMissing => (
                "token_type_missing",
                Garbled,
                "report it to the service's owner; the answer was discarded",
            ),
            Self::TokenTypeMismatch => (
                "token_type_mismatch",
                Garbled,
                "check that the tenant and region support the token type; the answer was discarded",
            ),
            Self::UserMismatch => (
                "user_mismatch",
                Garbled,
                "let the user sign in again; the answer was discarded",
            ),
            Self::InvalidTokenResponse => (
                "invalid_token_response",
                Garbled,
                "find out what answers in the service's place; the answer was discarded",
            ),
            Self::JsonParseFailed => (
                "json_parse_failed",
                Garbled,
                "keep the stored cache, go on without it, and find out who wrote it",
            ),
            Self::RequestThrottled => (
                "request_throttled",
                Refused,
                "wait as long as the error says before the next request",
            ),
            Self::ServiceNotAvailable => ("service_not_available", Refused, "try again later"),
            Self::Cancelled => (
                "cancelled",
                Caller,
                "nothing to do: the caller gave the request up",
            ),
            Self::Service(code) => (code, Refused, advice_of_service(code)),
        }
    }
}

/// What to do about the service's own codes that are met most (RFC 6749 §5.2; Entra's "Handle errors and exceptions"); they are open,
/// and the numbers beside them say more.
fn advice_of_service(code: &str) -> &'static str {
    match code {
        "invalid_client" => {
            "check the secret, or that the certificate or the assertion's issuer is registered for the application; the AADSTS number says which"
        }
        "unauthorized_client" => {
            "check the client id and the tenant, and what the registration allows"
        }
        "invalid_grant" => {
            "let the user sign in again for a fresh one: codes work once, and tokens end or are revoked; the AADSTS number says why"
        }
        "interaction_required" | "consent_required" | "login_required" => {
            "let the user sign in again, with the claims that came with the error if there are any"
        }
        _ => "look the AADSTS number up in Entra's error reference",
    }
}
