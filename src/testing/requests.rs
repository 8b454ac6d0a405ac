//! What a caller may want, and the challenges that make it want more.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use super::CANARY;
use super::material::{P256, RSA, numbered, secrets};
use crate::account::{Account, User};
use crate::certificate::Thumbprint;
use crate::request::TokenRequest;
use crate::secret::Secret;

/// The users of whom there are tokens.
pub(super) const USERS: &[&str] = &["user-1.home-1", "user-2.home-1", "user-1.home-2"];

/// Accounts of a few users.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn accounts() -> impl Strategy<Value = Account> {
    select(USERS).prop_map(Account::from_home_id)
}

/// One to three scopes; few in all, so that requests ask for the same, for less and for more.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn scopes() -> impl Strategy<Value = Vec<String>> {
    let scope = select(vec![
        "https://vault.azure.net/.default",
        "HTTPS://vault.azure.net/.default",
        "https://graph.microsoft.com/.default",
        "api://one/read",
        "api://one/write",
    ]);
    vec(scope.prop_map(str::to_owned), 1..4)
}

/// Claims: the text of a JSON object.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn claims() -> impl Strategy<Value = String> {
    let name = || select(vec!["access_token", "id_token", "nbf", "acrs", "xms_cc"]);
    prop_oneof![
        Just("{}".to_owned()),
        name().prop_map(|name| format!("{{\"{name}\":null}}")),
        (name(), name(), "[a-z0-9]{0,8}").prop_map(|(outer, inner, value)| {
            format!("{{ \"{outer}\" : {{\"{inner}\":{{\"essential\":true,\"value\":\"{CANARY}{value}\"}}}}}}")
        }),
    ]
}

/// Values of `WWW-Authenticate`: with a challenge in them or without one, as they should be or not. For
/// [`ClaimsChallenge::find`](crate::ClaimsChallenge::find).
pub fn challenge_fields() -> impl Strategy<Value = String> {
    let scheme = || select(vec!["Bearer", "bearer", "mtls_pop", "Basic", "Negotiate"]);
    let challenge = (scheme(), claims(), any::<bool>()).prop_map(|(scheme, claims, encoded)| {
        let claims = if encoded {
            STANDARD.encode(claims)
        } else {
            claims.replace('\\', "\\\\").replace('"', "\\\"")
        };
        format!("{scheme} realm=\"\", error=\"insufficient_claims\", claims=\"{claims}\"")
    });
    prop_oneof![
        6 => challenge,
        2 => scheme().prop_map(|scheme| format!("{scheme} realm=\"x\"")),
        1 => scheme().prop_map(str::to_owned),
        1 => "[ -~]{0,40}",
    ]
}

/// What an application may want for itself.
///
/// ```
/// use entra_proto::testing::{app_requests, clients};
/// use entra_proto::TokenKind;
/// use proptest::prelude::*;
///
/// proptest!(
///     ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) },
///     |(client in clients(), request in app_requests())| {
///         if let Ok(plan) = request.proof_of_possession().plan(&client) {
///             prop_assert_eq!(plan.token_kind(), TokenKind::MtlsPop);
///         }
///     }
/// );
/// ```
pub fn app_requests() -> impl Strategy<Value = TokenRequest> {
    with_options(scopes().prop_map(TokenRequest::for_app))
}

/// What a caller may want: every grant, with every option of a request. All fields are well-formed; whether a client can do it
/// is for [`TokenRequest::plan`] to say.
pub fn token_requests() -> impl Strategy<Value = TokenRequest> {
    let redirect = "https://app.example/callback";
    with_options(prop_oneof![
        6 => scopes().prop_map(TokenRequest::for_app),
        2 => (secrets(), scopes()).prop_map(|(token, scopes)| TokenRequest::on_behalf_of(token, scopes)),
        1 => (of_user(), scopes()).prop_map(|(token, scopes)| TokenRequest::refreshing(token, scopes)),
        1 => (of_user(), scopes(), of(secrets())).prop_map(move |(code, scopes, verifier)| {
            let request = TokenRequest::redeeming(code, redirect, scopes);
            match verifier {
                None => request,
                Some(verifier) => request.code_verifier(verifier),
            }
        }),
        1 => (of_user(), scopes(), any::<bool>()).prop_map(|(assertion, scopes, by_id)| {
            let user = if by_id {
                User::ObjectId("33333333-3333-3333-3333-333333333333".to_owned())
            } else {
                User::PrincipalName("someone@contoso.com".to_owned())
            };
            TokenRequest::federated_user(assertion, user, scopes)
        }),
        2 => (accounts(), scopes()).prop_map(|(account, scopes)| TokenRequest::for_account(account, scopes)),
    ])
}

/// A secret that stands for one of the users, so that an [`Answerer`](super::Answerer) knows whose token it is.
fn of_user() -> impl Strategy<Value = Secret> {
    (select(USERS), "[a-z0-9]{1,8}")
        .prop_map(|(user, text)| Secret::new(format!("{CANARY}-{user}-{text}")))
}

/// Everything about a request but its grant. Each option is rare, but for PoP.
fn with_options(
    requests: impl Strategy<Value = TokenRequest>,
) -> impl Strategy<Value = TokenRequest> {
    let rare = |values: &[&'static str]| prop_oneof![11 => Just(None), 1 => select(values.to_vec()).prop_map(Some)];
    let rare_claims = || prop_oneof![11 => Just(None), 1 => claims().prop_map(Some)];
    let names = (
        rare(&[
            "fabrikam.com",
            "Contoso.com",
            "organizations",
            "22222222-2222-4222-8222-22222222222a",
            "22222222-2222-4222-8222-22222222222A",
        ]),
        rare(&["a/path", "another"]),
        rare(&["a/path", "another"]),
        rare(&["CANARY's own", "another"]),
    );
    let further = (
        rare_claims(),
        rare_claims(),
        rare_claims(),
        rare(&["CANARY&client_id=x", ""]),
        rare(&["a b&c", ""]),
    );
    let offered = of((select(vec![RSA, P256]), 0..4_u32)
        .prop_map(|(template, number)| Thumbprint::of(&numbered(template, number))));
    let id = rare(&["44444444-4444-4444-8444-444444444444"]);
    let times = (
        prop::bool::weighted(0.1),
        offered,
        id,
        select(vec![30_u64, 30, 30, 3_600, 1, 0]),
    );
    (requests, any::<bool>(), names, further, times).prop_map(
        |(request, pop, names, further, (bypass, offered, id, deadline))| {
            let (tenant, fmi_path, assertion_fmi_path, partition) = names;
            let (claims, client_claims, assertion_claims, body, query) = further;
            let set =
                |request,
                 value: Option<&'static str>,
                 with: fn(TokenRequest, &'static str) -> TokenRequest| match value {
                    None => request,
                    Some(value) => with(request, value),
                };
            let set_claims =
                |request, value: Option<String>, with: fn(TokenRequest, String) -> TokenRequest| {
                    match value {
                        None => request,
                        Some(value) => with(request, value),
                    }
                };
            let mut request: TokenRequest = request.deadline(Duration::from_secs(deadline));
            request = set(request, tenant, TokenRequest::tenant);
            request = set(request, fmi_path, TokenRequest::fmi_path);
            request = set(
                request,
                assertion_fmi_path,
                TokenRequest::assertion_fmi_path,
            );
            request = set(request, partition, TokenRequest::partition);
            request = set(request, id, TokenRequest::correlation_id);
            request = set(request, body, |request, value| {
                request.body_parameter("x-body", value)
            });
            request = set(request, query, |request, value| {
                request.query_parameter("x-query", value)
            });
            request = set_claims(request, claims, TokenRequest::claims);
            request = set_claims(request, client_claims, TokenRequest::client_claims);
            request = set_claims(request, assertion_claims, TokenRequest::assertion_claims);
            if let Some(offered) = offered {
                request = request.offering(offered);
            }
            if bypass {
                request = request.bypassing_cache();
            }
            if pop {
                request = request.proof_of_possession();
            }
            request
        },
    )
}
