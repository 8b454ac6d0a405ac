//! What may come back over HTTP, and why nothing may.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{HeaderValue, LOCATION, RETRY_AFTER};
use http::{Response, StatusCode};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::CANARY;
use crate::cache::TokenKind;
use crate::error::{Failure, FailureKind};
use crate::secret::Body;

/// What comes of sending a request.
///
/// [`token_responses`] has an example that scripts some.
pub type Answer = Result<Response<Body>, Failure>;

/// Every way in which the outside can give no answer.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn failures() -> impl Strategy<Value = Failure> {
    let kinds = [
        FailureKind::Connect,
        FailureKind::Timeout,
        FailureKind::Tls,
        FailureKind::Closed,
        FailureKind::Garbled,
        FailureKind::TooLarge,
        FailureKind::CertificateNotRequested,
        FailureKind::CertificateRejected,
        FailureKind::Provider,
        FailureKind::UnsupportedAlgorithm,
        FailureKind::Cache,
    ];
    (select(kinds.to_vec()), any::<bool>()).prop_map(|(kind, reporting)| {
        let failure = Failure::new(kind);
        if reporting {
            failure.reporting(format!("{CANARY} in foreign words"))
        } else {
            failure
        }
    })
}

/// Answers that are tokens of this kind, for requests of an application.
///
/// ```
/// use entra_proto::testing::{Answerer, Script, seeds, token_responses};
/// use entra_proto::{Client, Credential, Secret, TokenKind, TokenRequest};
/// use proptest::prelude::*;
///
/// proptest!(
///     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) },
///     |(response in token_responses(TokenKind::Bearer), seed in seeds())| {
///         let credential = Credential::secret(Secret::new("from a vault"));
///         let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build();
///         let plan = TokenRequest::for_app(["scope"]).plan(&client.expect("a client")).expect("a plan");
///         let mut world = Answerer::new(Script::default().answering([Ok(response)]));
///         prop_assert!(world.run(plan, seed).into_result().is_ok());
///     }
/// );
/// ```
pub fn token_responses(kind: TokenKind) -> impl Strategy<Value = Response<Body>> {
    grants().prop_map(move |grant| grant.response(kind.as_str(), None, 0))
}

/// What a token service grants, whoever asks.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    /// The letter case of the token's type is no matter.
    upper_case: bool,
    token: String,
    expires_in: String,
    refresh_in: Option<u64>,
}

pub(super) fn grants() -> impl Strategy<Value = Grant> {
    let expires_in = prop_oneof![
        4 => (600..90_000_u64).prop_map(|seconds| seconds.to_string()),
        1 => (0..10_000_000_000_u64).prop_map(|seconds| seconds.to_string()),
        1 => (0..10_000_000_000_u64).prop_map(|seconds| format!("\"{seconds}\"")),
    ];
    (
        any::<bool>(),
        "[A-Za-z0-9._-]{1,24}",
        expires_in,
        of(0..90_000_u64),
    )
        .prop_map(|(upper_case, token, expires_in, refresh_in)| Grant {
            upper_case,
            token,
            expires_in,
            refresh_in,
        })
}

impl Default for Grant {
    /// An hour.
    fn default() -> Self {
        Self {
            upper_case: false,
            token: "token".to_owned(),
            expires_in: "3599".to_owned(),
            refresh_in: None,
        }
    }
}

impl Grant {
    /// The answer to a request for this kind: the `number`-th of its service, which makes its token its own. For a user (by home
    /// account id) it has what a user's tokens have.
    pub(super) fn response(&self, kind: &str, user: Option<&str>, number: u32) -> Response<Body> {
        let kind = if self.upper_case {
            kind.to_uppercase()
        } else {
            kind.to_owned()
        };
        let mut body = format!(
            "{{\"token_type\":\"{kind}\",\"access_token\":\"{CANARY}-{number}-{}\",\"expires_in\":{}",
            self.token, self.expires_in
        );
        if let Some(seconds) = self.refresh_in {
            body.push_str(&format!(",\"refresh_in\":{seconds}"));
        }
        if let Some(user) = user {
            let (uid, utid) = user.split_once('.').unwrap_or((user, "home"));
            let about =
                URL_SAFE_NO_PAD.encode(format!("{{\"uid\":\"{uid}\",\"utid\":\"{utid}\"}}"));
            body.push_str(&format!(
                ",\"refresh_token\":\"{CANARY}-{user}-{number}\",\"id_token\":\"{CANARY}.{number}\",\"client_info\":\"{about}\""
            ));
        }
        body.push('}');
        response(200, body)
    }
}

/// How a token service says no: its errors, with and without `Retry-After`, and statuses that mean that somebody else answered.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn refusals() -> impl Strategy<Value = Response<Body>> {
    let status = select(vec![
        400_u16, 400, 401, 403, 404, 408, 429, 429, 500, 502, 503, 504,
    ]);
    let code = select(vec![
        "invalid_client",
        "invalid_grant",
        "interaction_required",
        "unauthorized_client",
        "temporarily_unavailable",
    ]);
    let numbers = vec(
        select(vec![
            7_000_215_u32,
            700_027,
            500_181,
            51_000,
            700_016,
            90_009,
        ]),
        0..3,
    );
    let said = (code, numbers, of(super::claims()), of(Just("basic_action"))).prop_map(
        |(code, numbers, claims, suberror)| {
            let mut body = format!("{{\"error\":\"{code}\",\"error_description\":\"{CANARY}\",\"error_codes\":{numbers:?}");
            if let Some(claims) = claims {
                let claims = claims.replace('"', "\\\"");
                body.push_str(&format!(",\"claims\":\"{claims}\""));
            }
            if let Some(suberror) = suberror {
                body.push_str(&format!(",\"suberror\":\"{suberror}\""));
            }
            body.push('}');
            body
        },
    );
    let body = prop_oneof![4 => said, 1 => bodies_of_nobody()];
    let retry_after = of(prop_oneof![
        (0..4_000_u32).prop_map(|seconds| seconds.to_string()),
        Just("Fri, 31 Dec 2027 23:59:59 GMT".to_owned()),
        "[ -~]{0,20}",
    ]);
    (status, body, retry_after).prop_map(|(status, body, retry_after)| {
        let mut response = response(status, body);
        let value = retry_after.and_then(|value| HeaderValue::from_str(&value).ok());
        if let Some(value) = value {
            response.headers_mut().insert(RETRY_AFTER, value);
        }
        response
    })
}

/// Answers that no token service gives, with any status: redirects, documents that are no token or nearly one, pages of
/// whoever stands between, bytes.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn odd_responses() -> impl Strategy<Value = Response<Body>> {
    let nearly = select(vec![
        "{}",
        "[]",
        r#"{"token_type":"Bearer"}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY"}"#,
        r#"{"access_token":"CANARY","expires_in":3599}"#,
        r#"{"token_type":"pop","access_token":"CANARY","expires_in":3599}"#,
        r#"{"token_type":"","access_token":"CANARY","expires_in":3599}"#,
        r#"{"token_type":"Bearer","access_token":"","expires_in":3599}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":-1}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":1e9}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":3599,"expires_in":3599}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":3599}{}"#,
        r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":3599"#,
    ]);
    let status = prop_oneof![6 => Just(200_u16), 1 => 201..=599_u16];
    let body = prop_oneof![nearly.prop_map(str::to_owned), bodies_of_nobody()];
    let text = (status, body, any::<bool>()).prop_map(|(status, body, with_location)| {
        let mut response = response(status, body);
        if with_location {
            let elsewhere = HeaderValue::from_static("https://evil.example/");
            response.headers_mut().insert(LOCATION, elsewhere);
        }
        response
    });
    let bytes = vec(any::<u8>(), 0..64).prop_map(|bytes| Response::new(Body::from(bytes)));
    let large = (1..3_usize).prop_map(|times| {
        let length = crate::flow::SendRequest::MAX_RESPONSE.saturating_mul(times);
        response(200, " ".repeat(length.saturating_add(1)))
    });
    prop_oneof![16 => text, 4 => bytes, 1 => large]
}

/// Answers of the instance metadata service: a region, one that is none, other versions, other statuses.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn region_documents() -> impl Strategy<Value = Response<Body>> {
    let region = prop_oneof![
        6 => select(vec!["eastus", "WestUS3"]).prop_map(str::to_owned),
        1 => "[a-zA-Z0-9]{1,34}",
        1 => select(vec!["", "evil.example/CANARY", "east us", "TryAutoDetect"]).prop_map(str::to_owned),
    ];
    let found = region.prop_map(|region| response(200, format!("{{\"location\":\"{region}\"}}")));
    let versions = select(vec![200_u16, 400])
        .prop_map(|status| response(status, r#"{"newest-versions":["2025-04-07"]}"#.to_owned()));
    let other =
        (100..=599_u16, bodies_of_nobody()).prop_map(|(status, body)| response(status, body));
    prop_oneof![6 => found, 1 => versions, 2 => other]
}

/// Answers about hosts: that Entra knows one, that it does not, an OpenID provider's document, and documents that send the
/// reader elsewhere.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn instance_documents() -> impl Strategy<Value = Response<Body>> {
    let known = Just(response(
        200,
        r#"{"tenant_discovery_endpoint":"https://login.microsoftonline.com/x"}"#.to_owned(),
    ));
    let unknown = Just(response(
        400,
        format!("{{\"error\":\"invalid_instance\",\"error_description\":\"{CANARY}\"}}"),
    ));
    let endpoint = select(vec![
        "https://issuer.example/token",
        "https://tokens.example/token",
        "https://evil.example/CANARY",
        "http://issuer.example/token",
        "https://issuer.example@evil.example/",
        "//issuer.example/token",
    ]);
    let openid = endpoint.prop_map(|endpoint| {
        response(200, format!("{{\"token_endpoint\":\"{endpoint}\",\"mtls_endpoint_aliases\":{{\"token_endpoint\":\"{endpoint}\"}}}}"))
    });
    let other =
        (100..=599_u16, bodies_of_nobody()).prop_map(|(status, body)| response(status, body));
    prop_oneof![6 => known, 1 => unknown, 4 => openid, 2 => other]
}

/// Documents of whoever stands between.
fn bodies_of_nobody() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just(format!("<html>{CANARY}</html>")),
        Just(format!("\"{CANARY}\"")),
        "[ -~]{0,40}",
    ]
}

/// A status below 100 or above 999 is none, and comes out as 200.
pub(super) fn response(status: u16, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body.into_bytes()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    response
}
