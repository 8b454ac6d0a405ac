//! Whose tokens are whose: an account gets what the service issued for it, and nobody else does (I15, T07, SEC-01).

use entra_proto::*;

use crate::canary::assert_silent;
use crate::clients::{builder, client, in_region, plan, secret};
use crate::grants::{federated, upn};
use crate::script::{ALICE, BOB, Script, alone, client_info, granting, granting_user, pair};
use crate::users::{GRAPH, VAULT, alice, for_alice, redeeming, refresh_token, refreshing};

/// What the answer does not say, or says badly, nobody guesses.
#[test]
fn t07_an_answer_that_names_no_account_is_remembered_for_nobody() {
    let client = client(secret());
    let silent = granting(
        "Bearer",
        "CANARY",
        ",\"expires_in\":3600,\"refresh_token\":\"CANARY\"",
    );
    let mut script = Script::new().answers([silent]);
    let run = script.run(&plan(redeeming(), &client));
    assert_eq!(run.token().account(), None);
    assert!(script.memory.is_empty() && run.token().refresh_token().is_some());

    // Base64url of `{}`, `[]`, an id that is no text, a part that is empty or has a dot, a name twice; and what is none.
    for odd in [
        "e30",
        "W10",
        "eyJ1aWQiOjEsInV0aWQiOiJ0In0",
        "eyJ1aWQiOiJ1IiwidXRpZCI6IiJ9",
        "eyJ1aWQiOiJ1LngiLCJ1dGlkIjoidCJ9",
        "eyJ1aWQiOiJ1IiwidWlkIjoidiIsInV0aWQiOiJ0In0",
        "%%%",
        "CANARY",
    ] {
        let rest = format!(",\"expires_in\":3600,\"client_info\":\"{odd}\"");
        let mut script = Script::new().answers([granting("Bearer", "CANARY", &rest)]);
        let run = script.run(&plan(redeeming(), &client));
        assert_eq!(run.error().code(), "invalid_token_response", "{odd}");
        assert_silent(run.error());
        assert!(script.memory.is_empty());
    }
    // An application's token is nobody's, whatever the answer says.
    let rest = format!(",\"expires_in\":3600{}", client_info(BOB));
    for odd in [rest.as_str(), ",\"expires_in\":3600,\"client_info\":\"%\""] {
        let mut script = Script::new().answers([granting("Bearer", "CANARY", odd)]);
        let run = script.run(&plan(TokenRequest::for_app([GRAPH]), &client));
        assert_eq!(run.token().account(), None);
    }
}

/// I13's like for users (MSAL.NET's `user_mismatch`): Bob's token is not handed out as Alice's, nor kept for her.
#[test]
fn i15_a_token_of_another_user_is_not_taken_for_the_accounts() {
    let client = client(secret());
    let life = ",\"expires_in\":3600";
    let mut script = Script::new().answers([
        granting_user("Bearer", ALICE, 1, life),
        granting_user("Bearer", BOB, 2, life),
    ]);
    script.run(&plan(redeeming(), &client));
    let run = script.run(&plan(for_alice(VAULT), &client));
    assert_eq!(run.error().code(), "user_mismatch");
    assert_eq!(run.error().fault(), Fault::Garbled);
    assert_eq!(run.seen.last_chunk(), Some(&["SendRequest", "Done"]));
    assert!(!run.error().is_retryable() && run.sent.len() == 1);
    // Neither the one token nor the other is in her place.
    let next = script.run(&plan(for_alice(VAULT), &client));
    assert_eq!(refresh_token(&next), Some("CANARY-refresh-1"));
}

/// The refresh token says whose the token is, where the answer does not; and how it spells the id says nothing.
#[test]
fn an_answer_for_an_account_need_not_name_it_again() {
    let client = client(secret());
    let life = ",\"expires_in\":3600";
    for second in [
        granting("Bearer", "CANARY-2", life),
        granting_user("Bearer", &ALICE.to_uppercase(), 2, life),
    ] {
        let first = granting_user("Bearer", ALICE, 1, life);
        let mut script = Script::new().answers([first, second]);
        script.run(&plan(redeeming(), &client));
        let run = script.run(&plan(for_alice(VAULT), &client));
        assert_eq!(run.token().account(), Some(&alice()));
        let hit = script.run(&plan(for_alice(VAULT), &client));
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        assert_eq!(hit.token().account(), Some(&alice()));
    }
}

/// I15: neither user, nor client, nor partition, nor cloud sees what is another's.
#[test]
fn i15_an_accounts_tokens_are_its_own() {
    let ours = client(secret());
    let app =
        |id: &str, authority: &str| in_region(Client::builder(id, authority, secret()), "westus3");
    let mut script = Script::new();
    script.run(&plan(redeeming(), &ours));
    let mut script = script.answers([granting_user("Bearer", BOB, 2, ",\"expires_in\":3600")]);
    script.run(&plan(redeeming(), &ours));
    let bob = TokenRequest::for_account(Account::from_home_id(BOB), [GRAPH]);
    let id = ours.id();
    for (request, client, expected) in [
        (for_alice(GRAPH), ours.clone(), Some("CANARY-token-1")),
        (bob.clone(), ours.clone(), Some("CANARY-token-2")),
        // Another name of the same cloud.
        (
            bob,
            app(id, "https://login.windows.net/contoso.com"),
            Some("CANARY-token-2"),
        ),
        (
            for_alice(GRAPH),
            app("other", "https://login.microsoftonline.com/contoso.com"),
            None,
        ),
        (
            for_alice(GRAPH),
            app(id, "https://login.microsoftonline.us/contoso.com"),
            None,
        ),
        (
            for_alice(GRAPH),
            app(id, "https://contoso.ciamlogin.com"),
            None,
        ),
        (for_alice(GRAPH).partition("mine"), ours.clone(), None),
        (
            TokenRequest::for_account(Account::from_home_id("carol.home-0"), [GRAPH]),
            ours.clone(),
            None,
        ),
    ] {
        let run = script.run(&plan(request, &client));
        assert!(run.sent.is_empty());
        match expected {
            Some(token) => assert_eq!(run.token().secret().expose(), token),
            None => assert_eq!(run.error().code(), "no_tokens_found", "{client:?}"),
        }
    }
    // Each is sent its own user's refresh token.
    let vault = TokenRequest::for_account(Account::from_home_id(BOB), [VAULT]);
    let mut script = script.answers([granting_user("Bearer", BOB, 9, ",\"expires_in\":3600")]);
    assert_eq!(
        refresh_token(&script.run(&plan(vault, &ours))),
        Some("CANARY-refresh-2")
    );
    let run = script.run(&plan(for_alice(VAULT), &ours));
    assert_eq!(refresh_token(&run), Some("CANARY-refresh-1"));
}

/// Rule 15, SEC-01: `Script` looks at every step and result on the way; these are what nobody else prints.
#[test]
fn sec01_the_tokens_of_a_user_are_never_printed() {
    let isolated = builder(Credential::signed_assertion_provider())
        .bearer_isolation(BearerIsolation::PerCertificate);
    let client = in_region(isolated, "westus3");
    let mut script = Script::new().pairs([pair(1), alone(2), pair(1), pair(1)]);
    for request in [
        redeeming(),
        federated(upn()),
        refreshing(),
        for_alice(VAULT),
    ] {
        assert_silent(&request);
        let run = script.run(&plan(request, &client));
        let token = run.token();
        assert!(token.id_token().is_some() && token.refresh_token().is_some());
        assert_silent(&(token, token.id_token(), token.refresh_token()));
        for key in &run.loaded {
            assert_silent(&script.memory.partition(key));
        }
        assert_silent(&script.memory);
    }
}

/// Callers name partitions by session ids and the like: no key prints one, whatever is remembered under it.
#[test]
fn sec01_the_name_of_a_partition_is_never_printed() {
    let client = client(secret());
    let mut script = Script::new();
    for request in [
        redeeming(),
        for_alice(VAULT),
        for_alice(GRAPH).bypassing_cache(),
    ] {
        let request = request.partition("CANARY session");
        let run = script.run(&plan(request, &client));
        assert!(run.done.result().is_ok());
        assert_silent(&(run.loaded, run.flights));
    }
}
