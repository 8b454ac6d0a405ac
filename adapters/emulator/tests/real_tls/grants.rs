//! The grants that act for a user.

use entra_emulator::AuthorizationCode;
use serde_json::Value;

use crate::client::{Client, claims};
use crate::*;

const REDIRECT: &str = "https://app.example/back";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

fn form<'a>(grant: &'a str, further: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("grant_type", grant),
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("client_info", "1"),
    ];
    form.extend_from_slice(further);
    form
}

fn has_user_tokens(answer: &Value) -> bool {
    [
        "access_token",
        "refresh_token",
        "id_token",
        "client_info",
        "scope",
    ]
    .iter()
    .all(|name| answer[name].is_string())
}

#[test]
fn a_code_is_redeemed_once_with_its_redirect_and_its_verifier() {
    let code = AuthorizationCode::new("the-code", REDIRECT)
        .challenge_s256(CHALLENGE)
        .user("ada@contoso.onmicrosoft.com");
    let known = identity("known");
    let emulator = emulator(&known);
    emulator.register(application(&known).code(code));
    let client = Client::new(&emulator, None);
    let redeem = |code, redirect, verifier| {
        let further = [
            ("code", code),
            ("redirect_uri", redirect),
            ("code_verifier", verifier),
            ("scope", "openid User.Read"),
        ];
        client.post(LOGIN, &form("authorization_code", &further))
    };
    assert_eq!(redeem("other", REDIRECT, VERIFIER).code(), 70_000);
    assert_eq!(
        redeem("the-code", "https://other.example", VERIFIER).code(),
        500_112
    );
    assert_eq!(redeem("the-code", REDIRECT, "wrong").code(), 501_481);
    let answer = redeem("the-code", REDIRECT, VERIFIER);
    assert!(has_user_tokens(&answer.json()), "{}", answer.json());
    assert_eq!(
        answer.claims()["preferred_username"],
        "ada@contoso.onmicrosoft.com"
    );
    assert_eq!(redeem("the-code", REDIRECT, VERIFIER).code(), 54_005);
}

#[test]
fn a_refresh_token_serves_the_client_that_got_it() {
    let known = identity("known");
    let emulator = emulator(&known);
    emulator.register(application(&known).code(AuthorizationCode::new("the-code", REDIRECT)));
    let client = Client::new(&emulator, None);
    let first = client
        .post(
            LOGIN,
            &form(
                "authorization_code",
                &[("code", "the-code"), ("redirect_uri", REDIRECT)],
            ),
        )
        .json();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let answer = client.post(
        LOGIN,
        &form(
            "refresh_token",
            &[("refresh_token", refresh_token), ("scope", "User.Read")],
        ),
    );
    assert!(has_user_tokens(&answer.json()));
    let access_token = first["access_token"].as_str().unwrap();
    assert_eq!(
        client
            .post(
                LOGIN,
                &form("refresh_token", &[("refresh_token", access_token)])
            )
            .code(),
        70_000
    );
}

#[test]
fn on_behalf_of_takes_a_users_token_for_this_application() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    let exchange = |assertion: &str| {
        let further = [
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "api://downstream/read"),
        ];
        client.post(LOGIN, &form(grant, &further))
    };
    let answer = exchange(&emulator.issue_user_token(CLIENT, "ada@contoso.onmicrosoft.com"));
    assert!(has_user_tokens(&answer.json()), "{}", answer.json());
    assert_eq!(answer.claims()["aud"], "api://downstream");
    assert_eq!(
        exchange(&emulator.issue_user_token("another", "ada")).code(),
        50_013
    );
    let of_the_application = client
        .post(LOGIN, &app_form(&[("client_secret", SECRET)]))
        .access_token();
    assert_eq!(exchange(&of_the_application).code(), 50_013);
    assert_eq!(exchange("nonsense").code(), 50_013);
}

#[test]
fn user_fic_acts_for_the_user_that_it_names() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let mut exchange = app_form(&[("client_secret", SECRET)]);
    exchange[2].1 = "api://AzureADTokenExchange/.default";
    let assertion = client.post(LOGIN, &exchange).access_token();
    let name = "user_federated_identity_credential";
    let answer = client.post(
        LOGIN,
        &form(
            "user_fic",
            &[
                (name, &assertion),
                ("username", "ada@contoso.example"),
                ("scope", VAULT),
            ],
        ),
    );
    assert_eq!(
        claims(&answer.access_token())["preferred_username"],
        "ada@contoso.example"
    );
    // A user who is named by object id is that user still when the refresh token is redeemed.
    let id = "33333333-3333-3333-3333-333333333333";
    let by_id = [
        (name, assertion.as_str()),
        ("user_id", id),
        ("scope", VAULT),
    ];
    let first = client.post(LOGIN, &form("user_fic", &by_id)).json();
    let refresh_token = first["refresh_token"].as_str().unwrap();
    let again = [("refresh_token", refresh_token), ("scope", VAULT)];
    let again = client.post(LOGIN, &form("refresh_token", &again));
    assert_eq!(again.claims()["oid"], id);
    assert_eq!(
        client
            .post(LOGIN, &form("user_fic", &[(name, &assertion)]))
            .code(),
        900_144
    );
}

#[test]
fn an_issued_refresh_token_is_as_good_as_one_that_a_sign_in_brought() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let refresh = |token: &str| {
        let further = [("refresh_token", token), ("scope", "User.Read")];
        client.post(LOGIN, &form("refresh_token", &further))
    };
    let answer = refresh(&emulator.issue_refresh_token(CLIENT, "ada@contoso.onmicrosoft.com"));
    assert!(has_user_tokens(&answer.json()), "{}", answer.json());
    assert_eq!(
        answer.claims()["preferred_username"],
        "ada@contoso.onmicrosoft.com"
    );
    let another = emulator.issue_refresh_token("another", "ada@contoso.onmicrosoft.com");
    assert_eq!(refresh(&another).code(), 70_000);
}
