//! Users: what a code, a refresh token or a federated credential brings is remembered for the user's account, and later requests
//! for the account live on it.

use entra_proto::*;

use crate::certificates::{P256, parsed, thumbprint};
use crate::clients::{client, plan, secret};
use crate::grants::{federated, upn};
use crate::script::{
    ALICE, Run, Script, alone, answer, client_info, failure, granting, granting_user, pair, seconds,
};

pub(crate) const GRAPH: &str = "https://graph.microsoft.com/.default";
pub(crate) const VAULT: &str = "https://vault.azure.net/.default";

pub(crate) fn alice() -> Account {
    Account::from_home_id(ALICE)
}

pub(crate) fn redeeming() -> TokenRequest {
    TokenRequest::redeeming(
        Secret::new("CANARY-code"),
        "https://app.example/cb",
        [GRAPH],
    )
}

pub(crate) fn refreshing() -> TokenRequest {
    TokenRequest::refreshing(Secret::new("CANARY-refresh-0"), [GRAPH])
}

pub(crate) fn for_alice(scope: &str) -> TokenRequest {
    TokenRequest::for_account(alice(), [scope])
}

/// The refresh token that was sent.
pub(crate) fn refresh_token(run: &Run) -> Option<&str> {
    assert_eq!(run.request().field("grant_type"), Some("refresh_token"));
    run.request().field("refresh_token")
}

#[test]
fn what_a_grant_that_works_once_brings_serves_the_account() {
    let client = client(secret());
    for once in [redeeming(), refreshing(), federated(upn())] {
        let mut script = Script::new();
        let first = script.run(&plan(once, &client));
        // Never from the cache, and nobody queues for what works once.
        assert_eq!(
            first.seen,
            [
                "LoadCache throttle",
                "SendRequest",
                "SaveCache refresh token",
                "SaveCache token",
                "Done"
            ]
        );
        assert_eq!(first.ended_turns, ["SaveCache token"]);
        let token = first.token();
        assert_eq!(token.account(), Some(&alice()));
        assert_eq!(
            token.refresh_token().map(Secret::expose),
            Some("CANARY-refresh-1")
        );
        assert_eq!(token.id_token().map(Secret::expose), Some("CANARY.id.1"));

        let hit = script.run(&plan(for_alice(GRAPH), &client));
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        assert_eq!(hit.token().secret(), token.secret());
        assert_eq!(hit.token().source(), TokenSource::Cache);
        assert_eq!(hit.token().account(), Some(&alice()));
        assert_eq!(hit.token().id_token(), token.id_token());
        assert_eq!(hit.token().refresh_token(), None);
    }
}

/// Once more is once more: neither grant reads what it wrote.
#[test]
fn a_grant_that_works_once_never_reads_the_cache() {
    let client = client(secret());
    for once in [redeeming(), refreshing(), federated(upn())] {
        let plan = plan(once, &client);
        let mut script = Script::new();
        let tokens = [0, 1].map(|_| script.run(&plan).token().secret().clone());
        assert_ne!(tokens[0], tokens[1]);
    }
}

#[test]
fn the_refresh_token_serves_other_scopes_and_other_tenants_and_is_rotated() {
    let client = client(secret());
    let mut script = Script::new();
    script.run(&plan(redeeming(), &client));
    let vault = script.run(&plan(for_alice(VAULT), &client));
    assert_eq!(
        vault.seen,
        [
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache refresh token",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache refresh token",
            "SaveCache token",
            "Done"
        ]
    );
    assert_eq!(refresh_token(&vault), Some("CANARY-refresh-1"));
    assert_eq!(vault.request().field("client_info"), Some("1"));
    let scope = "https://vault.azure.net/.default openid profile offline_access";
    assert_eq!(vault.request().field("scope"), Some(scope));
    // The one that came last, whatever for.
    let elsewhere = script.run(&plan(for_alice(GRAPH).tenant("fabrikam.com"), &client));
    assert_eq!(refresh_token(&elsewhere), Some("CANARY-refresh-2"));
    let url = "https://westus3.login.microsoft.com/fabrikam.com/oauth2/v2.0/token";
    assert_eq!(elsewhere.request().url, url);
    // And each token for its own scopes and tenant.
    for (request, number) in [
        (for_alice(GRAPH), 1),
        (for_alice(VAULT), 2),
        (for_alice(GRAPH).tenant("fabrikam.com"), 3),
    ] {
        let hit = script.run(&plan(request, &client));
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        let expected = format!("CANARY-token-{number}");
        assert_eq!(hit.token().secret().expose(), expected);
    }
}

/// MSAL's default: the application's own scopes, for which no other token serves.
#[test]
fn a_request_for_an_account_without_scopes_is_not_served_by_any_token_at_hand() {
    let client = client(secret());
    let mut script = Script::new();
    script.run(&plan(redeeming(), &client));
    let without = |request: fn(Vec<String>) -> TokenRequest| plan(request(vec![]), &client);
    let for_account = without(|scopes| TokenRequest::for_account(alice(), scopes));
    let own = script.run(&for_account);
    assert_eq!(refresh_token(&own), Some("CANARY-refresh-1"));
    let scope = "11111111-1111-1111-1111-111111111111/.default";
    let sent = own.request().field("scope").expect("scopes");
    assert_eq!(sent, format!("{scope} openid profile offline_access"));
    // By whichever name, and whoever brought it.
    let refreshed = script.run(&without(|scopes| {
        TokenRequest::refreshing(Secret::new("CANARY"), scopes)
    }));
    for request in [for_account, plan(for_alice(scope), &client)] {
        let hit = script.run(&request);
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        assert_eq!(hit.token().secret(), refreshed.token().secret());
    }
    let graph = script.run(&plan(for_alice(GRAPH), &client));
    assert_eq!(graph.token().secret().expose(), "CANARY-token-1");
}

/// An answer without one leaves the one before where it is (RFC 6749 §6).
#[test]
fn a_refresh_token_that_is_not_rotated_stays() {
    let client = client(secret());
    let kept = granting(
        "Bearer",
        "CANARY",
        &format!(",\"expires_in\":1{}", client_info(ALICE)),
    );
    let mut script =
        Script::new().answers([granting_user("Bearer", ALICE, 7, ",\"expires_in\":1"), kept]);
    script.run(&plan(redeeming(), &client));
    for _ in 0..2 {
        let run = script.run(&plan(for_alice(VAULT).bypassing_cache(), &client));
        assert_eq!(refresh_token(&run), Some("CANARY-refresh-7"));
    }
}

#[test]
fn an_expired_token_is_fetched_with_the_refresh_token() {
    let client = client(secret());
    let plan = |request: TokenRequest| plan(request, &client);
    let mut script = Script::new();
    script.run(&plan(redeeming()));
    script.pass(seconds(3_299));
    assert!(script.run(&plan(for_alice(GRAPH))).sent.is_empty());
    script.pass(seconds(1));
    let run = script.run(&plan(for_alice(GRAPH)));
    assert_eq!(refresh_token(&run), Some("CANARY-refresh-1"));
    assert_eq!(run.token().account(), Some(&alice()));
    assert_eq!(
        script.run(&plan(for_alice(GRAPH))).token().secret(),
        run.token().secret()
    );
}

/// Rule 11: reading is bypassed for the access token alone.
#[test]
fn bypassing_and_challenged_requests_for_an_account_redeem_its_refresh_token() {
    let client = client(secret());
    let challenge = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    let mut script = Script::new();
    script.run(&plan(redeeming(), &client));
    for (number, request) in [
        (1, for_alice(GRAPH).bypassing_cache()),
        (2, for_alice(GRAPH).claims(challenge)),
    ] {
        let run = script.run(&plan(request, &client));
        assert_eq!(run.seen[..2], ["TakeTurn token", "LoadCache refresh token"]);
        assert_eq!(
            refresh_token(&run),
            Some(format!("CANARY-refresh-{number}").as_str())
        );
        assert_eq!(
            run.request().field("claims"),
            (number == 2).then_some(challenge)
        );
        let hit = script.run(&plan(for_alice(GRAPH), &client));
        assert_eq!(hit.token().secret(), run.token().secret());
    }
}

/// D14: what the service says of a refresh token is its word; nothing is lost by it.
#[test]
fn a_refused_refresh_token_is_told_and_spoils_nothing() {
    let client = client(secret());
    let body = r#"{"error":"invalid_grant","suberror":"bad_token","error_codes":[700082]}"#;
    let mut script = Script::new().answers([
        granting_user("Bearer", ALICE, 1, ",\"expires_in\":7200"),
        answer(400, body),
    ]);
    script.run(&plan(redeeming(), &client));
    let held = script.memory.len();
    let run = script.run(&plan(for_alice(VAULT), &client));
    let error = run.error();
    assert_eq!(
        (error.code(), error.suberror()),
        ("invalid_grant", Some("bad_token"))
    );
    assert_eq!((error.aadsts(), error.attempts()), (&[700_082][..], 1));
    assert_eq!(script.memory.len(), held);
    // The other token still serves, and who signs in again is served again.
    assert!(script.run(&plan(for_alice(GRAPH), &client)).sent.is_empty());
    let again = script.run(&plan(for_alice(VAULT), &client));
    assert_eq!(refresh_token(&again), Some("CANARY-refresh-1"));
    assert!(again.done.result().is_ok());
}

/// Rules 3 and 12: the same refresh token, with a fresh pair.
#[test]
fn a_retry_for_an_account_takes_a_fresh_pair_and_the_same_refresh_token() {
    let client = client(Credential::signed_assertion_provider());
    let mut script = Script::new().pairs([alone(1), pair(2), alone(3)]);
    script.run(&plan(redeeming(), &client));
    let mut script = script.answers([Err(failure(FailureKind::Closed))]);
    let run = script.run(&plan(for_alice(VAULT), &client));
    let hosts = [
        "westus3.mtlsauth.microsoft.com",
        "westus3.login.microsoft.com",
    ];
    for (sent, (host, number)) in run.sent.iter().zip(hosts.into_iter().zip([2, 3])) {
        assert_eq!(sent.host, host);
        assert_eq!(sent.field("refresh_token"), Some("CANARY-refresh-1"));
        let assertion = format!("CANARY.pair.{number}");
        assert_eq!(sent.field("client_assertion"), Some(assertion.as_str()));
    }
    assert_eq!(run.token().attempts(), 2);
}

/// Rule 8: the refresh token serves both kinds, the access tokens do not serve each other.
#[test]
fn an_account_has_tokens_of_both_kinds() {
    let client = client(Credential::signed_assertion_provider());
    let mut script = Script::new().pairs([pair(1), pair(2), pair(2), pair(3)]);
    script.run(&plan(redeeming(), &client));
    let pop = plan(for_alice(GRAPH).proof_of_possession(), &client);
    let bound = script.run(&pop);
    assert_eq!(
        bound.seen[..5],
        [
            "ObtainAssertion",
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache refresh token"
        ]
    );
    assert_eq!(refresh_token(&bound), Some("CANARY-refresh-1"));
    assert_eq!(bound.request().field("token_type"), Some("mtls_pop"));
    assert_eq!(bound.request().certificate, Some(thumbprint(P256, 2)));
    assert_eq!(bound.token().binding_certificate(), Some(&parsed(P256, 2)));
    let hit = script.run(&pop);
    assert_eq!(hit.seen, ["ObtainAssertion", "LoadCache token", "Done"]);
    assert_eq!(hit.token().secret(), bound.token().secret());
    // Another certificate is another token, by the refresh token that came with the PoP token.
    let other = script.run(&pop);
    assert_eq!(refresh_token(&other), Some("CANARY-refresh-2"));
    let bearer = script.run(&plan(for_alice(GRAPH), &client));
    assert_eq!(bearer.token().secret().expose(), "CANARY-token-1");
}

/// Rule 10: one request for whoever wants the same, of the same user.
#[test]
fn requests_for_an_account_share_a_flight() {
    let client = client(secret());
    let mut script = Script::new();
    script.run(&plan(redeeming(), &client));
    let plan = plan(for_alice(VAULT), &client);
    let mut script = script.waits_for(&plan);
    let run = script.run(&plan);
    assert_eq!(
        run.seen,
        [
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "Done"
        ]
    );
    assert_eq!(run.token().secret().expose(), "CANARY-token-2");
}

#[test]
fn an_ageing_token_of_an_account_is_renewed_with_the_refresh_token() {
    let client = client(secret());
    let life = ",\"expires_in\":7200,\"refresh_in\":60";
    let mut script = Script::new().answers([granting_user("Bearer", ALICE, 9, life)]);
    script.run(&plan(redeeming(), &client));
    script.pass(seconds(120));
    let mut hit = script.run(&plan(for_alice(GRAPH), &client));
    assert_eq!(hit.token().secret().expose(), "CANARY-token-9");
    let renewal = hit.done.take_renewal().expect("a renewal");
    assert_eq!(
        refresh_token(&script.run(&renewal)),
        Some("CANARY-refresh-9")
    );
    assert!(
        !script
            .run(&plan(for_alice(GRAPH), &client))
            .token()
            .renewal_is_due()
    );
}

/// Nothing to go by: an error before the provider is asked and before anything is sent.
#[test]
fn an_account_of_which_nothing_is_remembered_is_an_error() {
    let client = client(Credential::signed_assertion_provider());
    let mut script = Script::new().pairs([pair(1)]);
    for request in [for_alice(GRAPH), for_alice(GRAPH).bypassing_cache()] {
        let run = script.run(&plan(request, &client));
        assert_eq!(run.error().code(), "no_tokens_found");
        assert_eq!(run.error().fault(), Fault::Caller);
        assert!(run.sent.is_empty() && run.asked.is_empty());
        assert_eq!(
            run.seen.last_chunk(),
            Some(&["LoadCache refresh token", "Done"])
        );
    }
    // PoP has to ask first (rule 4).
    let run = script.run(&plan(for_alice(GRAPH).proof_of_possession(), &client));
    assert_eq!(
        (run.error().code(), run.asked.len()),
        ("no_tokens_found", 1)
    );
    // A refresh token is kept for 90 days.
    script.run(&plan(redeeming(), &client));
    script.pass(seconds(90 * 86_400 - 1));
    let mut last = script.forgetting();
    assert!(
        last.run(&plan(for_alice(VAULT), &client))
            .done
            .result()
            .is_ok()
    );
    last.pass(seconds(90 * 86_400));
    let over = last.run(&plan(for_alice(VAULT), &client));
    assert_eq!(over.error().code(), "no_tokens_found");
}
