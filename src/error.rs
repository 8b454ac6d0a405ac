//! Errors: a stable code, whose fault it is, what is wrong and what to do next.
//!
//! Callers branch on [`Error::code`] or [`Error::fault`], never on the text. The text holds nothing of any response body and
//! nothing that a provider said: what may echo a secret is at hand through accessors and stays out of `Display` and `Debug`.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::metadata::Metadata;
use crate::secret::Secret;
use crate::uuid::Uuid;

mod code;
mod failure;

pub(crate) use code::Code;
pub use failure::{Failure, FailureKind};

/// Why there is no token.
///
/// | code | fault | when |
/// |---|---|---|
/// | `invalid_authority`, `invalid_region`, `invalid_credential_material`, `invalid_client_id` | caller | building the client |
/// | `scopes_required_client_credentials`, `invalid_scope`, `invalid_tenant`, `invalid_json_claims_format`, `invalid_request_parameter` | caller | the request's own fields |
/// | `invalid_client_assertion`, `mtls_certificate_not_provided`, `cert_without_private_key`, `cryptographic_error` | caller | the credential |
/// | `assertion_provider_failed`, `certificate_provider_failed`, `signing_failed` | environment | the credential's provider or signer |
/// | `missing_tenanted_authority`, `mtls_bearer_without_region`, `mtls_pop_without_region`, `mtls_pop_not_supported_for_environment` | caller | where to send |
/// | `region_required_for_mtls_pop` | environment | the region was to be discovered and was not |
/// | `invalid_instance` | caller | the authority's host did not pass validation |
/// | `no_tokens_found` | caller | nothing is remembered of the account that the request is for |
/// | `connection_failed`, `request_timeout`, `tls_failed`, `certificate_not_requested`, `client_certificate_rejected`, `response_too_large`, `unexpected_redirect` | environment | the transport |
/// | `token_type_missing`, `token_type_mismatch`, `user_mismatch`, `invalid_token_response` | garbled | an answer that may not be used |
/// | `json_parse_failed` | garbled | a [`PortableCache`](crate::PortableCache) that can't be read |
/// | `request_throttled`, `service_not_available`, or the service's own `error` | refused | Entra said no |
/// | `cancelled` | caller | the caller gave up (adapters only) |
///
/// Codes are the reference's strings where MSAL.NET has one. Those of the service that are met most: `invalid_client`,
/// `invalid_request`, `unauthorized_client`, `invalid_grant`, `interaction_required`.
///
/// ```
/// use entra_proto::{Client, Credential, Fault, Secret};
///
/// let error = Client::builder("app", "https://login.microsoftonline.com/common/..", Credential::secret(Secret::new("s")))
///     .build()
///     .unwrap_err();
/// assert_eq!(error.code(), "invalid_authority");
/// assert_eq!(error.fault(), Fault::Caller);
/// assert!(!error.is_retryable());
/// ```
#[derive(Clone)]
pub struct Error(Arc<Facts>);

#[derive(Clone)]
struct Facts {
    code: Code,
    what: Cow<'static, str>,
    retryable: bool,
    retry_after: Option<Duration>,
    service: Option<Refusal>,
    metadata: Option<Metadata>,
    detail: Option<Secret>,
}

/// Whose fault it is.
///
/// [`Error`] has an example that asks for it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The configuration or the request: it can't work until somebody changes it.
    Caller,
    /// Entra answered, and the answer is no.
    Refused,
    /// Something answered, or was stored, and makes no sense.
    Garbled,
    /// A provider, a signer, the network or the machine.
    Environment,
}

/// What the service said when it refused, parsed and bounded.
#[derive(Clone, Default)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) aadsts: Vec<u32>,
    pub(crate) suberror: Option<String>,
    pub(crate) correlation_id: Option<Uuid>,
    pub(crate) claims: Option<Secret>,
    pub(crate) description: Option<Secret>,
}

impl Error {
    pub(crate) fn new(code: Code, what: impl Into<Cow<'static, str>>) -> Self {
        let retryable = matches!(
            code,
            Code::ConnectionFailed
                | Code::RequestTimeout
                | Code::RequestThrottled
                | Code::ServiceNotAvailable
                | Code::RegionRequired
        );
        Self(Arc::new(Facts {
            code,
            what: what.into(),
            retryable,
            retry_after: None,
            service: None,
            metadata: None,
            detail: None,
        }))
    }

    /// The overall deadline passed while an adapter waited for something other than the service's answer.
    ///
    /// ```
    /// let error = entra_proto::Error::deadline_passed();
    /// assert_eq!(error.code(), "request_timeout");
    /// assert!(error.is_retryable());
    /// ```
    #[must_use]
    pub fn deadline_passed() -> Self {
        Self::new(Code::RequestTimeout, "the request's deadline passed")
    }

    /// The caller gave the request up: for adapters that report it; a dropped step is silent.
    ///
    /// ```
    /// assert_eq!(entra_proto::Error::cancelled().code(), "cancelled");
    /// ```
    #[must_use]
    pub fn cancelled() -> Self {
        Self::new(Code::Cancelled, "the request was given up")
    }

    /// The driver could not draw a seed, so the flow never began; there is no default seed.
    ///
    /// ```
    /// assert_eq!(entra_proto::Error::no_randomness().code(), "cryptographic_error");
    /// ```
    #[must_use]
    pub fn no_randomness() -> Self {
        Self::new(Code::CryptographicError, "the system gave no randomness")
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    pub(crate) fn retryable(self, retryable: bool) -> Self {
        self.with(|facts| facts.retryable = retryable)
    }

    pub(crate) fn retry_after(self, wait: Option<Duration>) -> Self {
        self.with(|facts| facts.retry_after = wait)
    }

    pub(crate) fn refusal(self, refusal: Refusal) -> Self {
        self.with(|facts| facts.service = Some(refusal))
    }

    pub(crate) fn detail(self, detail: Option<Secret>) -> Self {
        self.with(|facts| facts.detail = detail)
    }

    /// Whoever waited for another flow, or is told what was remembered of one, keeps the id of the flow that failed: that is the
    /// one which the service's logs know.
    pub(crate) fn in_flow(self, metadata: Metadata) -> Self {
        self.with(|facts| {
            facts.metadata = Some(match &facts.metadata {
                Some(first) => metadata.under_id_of(first),
                None => metadata,
            });
        })
    }

    /// The stable code: one of the table above, or the service's own `error` member (RFC 6749 §5.2).
    #[must_use]
    pub fn code(&self) -> &str {
        self.0.code.row().0
    }

    /// Whose fault it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        self.0.code.row().1
    }

    /// What to do next, in one sentence.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        self.0.code.row().2
    }

    /// Whether the same request may succeed later without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable
    }

    /// How long the service asked to wait, at most one hour.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The HTTP status of the service's answer, if it answered.
    #[must_use]
    pub fn http_status(&self) -> Option<u16> {
        self.0.service.as_ref().map(|refusal| refusal.status)
    }

    /// Entra's error numbers, the main one first.
    #[must_use]
    pub fn aadsts(&self) -> &[u32] {
        self.0
            .service
            .as_ref()
            .map_or(&[], |refusal| &refusal.aadsts)
    }

    /// The service's `suberror`.
    #[must_use]
    pub fn suberror(&self) -> Option<&str> {
        self.0.service.as_ref()?.suberror.as_deref()
    }

    /// The claims challenge that came with the refusal: JSON for [`TokenRequest::claims`](crate::TokenRequest::claims).
    #[must_use]
    pub fn claims(&self) -> Option<&str> {
        self.0.service.as_ref()?.claims.as_ref().map(Secret::expose)
    }

    /// The service's own words. They may echo what was sent, so they are not part of the error's text.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.0
            .service
            .as_ref()?
            .description
            .as_ref()
            .map(Secret::expose)
    }

    /// The id to quote to support: the service's, else the request's own.
    #[must_use]
    pub fn correlation_id(&self) -> Option<&str> {
        let named = self
            .0
            .service
            .as_ref()
            .and_then(|refusal| refusal.correlation_id.as_ref().map(Uuid::as_str));
        named.or_else(|| self.metadata().and_then(Metadata::correlation_id))
    }

    /// How many token requests were sent.
    #[must_use]
    pub fn attempts(&self) -> u8 {
        self.metadata().map_or(0, Metadata::attempts)
    }

    /// How the flow went that ended with it; none for what was refused before a flow began.
    #[must_use]
    pub fn metadata(&self) -> Option<&Metadata> {
        self.0.metadata.as_ref()
    }

    /// What a provider, a signer or a transport reported in its own words. It may hold anything, so it is not part of the
    /// error's text.
    #[must_use]
    pub fn reported(&self) -> Option<&str> {
        self.0.detail.as_ref().map(Secret::expose)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = &self.0;
        write!(f, "{}: {}", self.code(), facts.what)?;
        if let Some(refusal) = &facts.service {
            write!(f, " (HTTP {}", refusal.status)?;
            for number in &refusal.aadsts {
                write!(f, ", AADSTS{number}")?;
            }
            if let Some(suberror) = &refusal.suberror {
                write!(f, ", suberror {suberror}")?;
            }
            f.write_str(")")?;
        }
        if let Some(wait) = facts.retry_after {
            write!(f, ", to be retried in {} s", wait.as_secs())?;
        }
        write!(f, "; {}", self.advice())?;
        if let Some(id) = self.correlation_id() {
            write!(f, " [correlation id {id}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("code", &self.code())
            .field("fault", &self.fault())
            .field("what", &self.0.what)
            .field("retryable", &self.is_retryable())
            .field("retry_in", &self.retry_in())
            .field("http_status", &self.http_status())
            .field("aadsts", &self.aadsts())
            .field("suberror", &self.suberror())
            .field("correlation_id", &self.correlation_id())
            .field("attempts", &self.attempts())
            .finish_non_exhaustive()
    }
}

impl PartialEq for Error {
    /// Equal if a caller could not tell them apart by code, fault facts and text.
    fn eq(&self, other: &Self) -> bool {
        self.0.code == other.0.code
            && self.0.what == other.0.what
            && self.http_status() == other.http_status()
    }
}

impl Eq for Error {}

impl std::error::Error for Error {}

/// Shows foreign text in an error: at most 32 characters, everything but printable ASCII escaped.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 32;
    let mut short: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_default)
        .collect();
    if text.chars().nth(MOST).is_some() {
        short.push_str("...");
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t09_foreign_text_is_shown_short_and_escaped() {
        assert_eq!(shown("Bearer\r\n\u{1b}[31m"), "Bearer\\r\\n\\u{1b}[31m");
        assert_eq!(shown(&"x".repeat(40)), format!("{}...", "x".repeat(32)));
    }

    #[test]
    fn what_to_do_about_the_services_own_codes_is_said_too() {
        let advice =
            |code: &str| Error::new(Code::Service(code.into()), "the service refused").advice();
        let general = advice("invalid_scope");
        assert!(general.contains("AADSTS number"));
        for code in [
            "invalid_client",
            "unauthorized_client",
            "invalid_grant",
            "interaction_required",
        ] {
            assert_ne!(advice(code), general, "{code}");
        }
        assert!(advice("interaction_required").contains("sign in again"));
    }

    #[test]
    fn d14_the_text_says_what_and_what_next_and_hides_what_may_echo() {
        let error = Error::new(
            Code::Service("invalid_client".into()),
            "the service refused the request",
        )
        .refusal(Refusal {
            status: 401,
            aadsts: vec![7_000_215],
            description: Some(Secret::new("AADSTS7000215: secret hunter2")),
            ..Refusal::default()
        });
        let text = format!("{error} {error:?}");
        assert!(text.contains("AADSTS7000215") && text.contains("HTTP 401"));
        assert!(!text.contains("hunter2"));
        assert_eq!(error.description(), Some("AADSTS7000215: secret hunter2"));
    }
}
