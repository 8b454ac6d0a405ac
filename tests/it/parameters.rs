//! Parameters of the caller's own, in the form and in the token endpoint's URL: encoded intact, never one of the protocol's, and
//! a part of the key (rules 7, 9 and 10).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::*;
use serde_json::Value;

use crate::canary::assert_silent;
use crate::certificates::{P256, RSA, numbered, thumbprint};
use crate::clients::{bearer, client, plan, run, secret};
use crate::grants::{federated, upn};
use crate::script::{Script, answer, pair, with_header};
use crate::users::{GRAPH, VAULT, for_alice, redeeming, refresh_token};

const URL: &str = "https://westus3.login.microsoft.com/contoso.com/oauth2/v2.0/token";

/// Values that would be something else if they were not encoded.
const ODD: &[&str] = &[
    "",
    " ",
    "a&client_id=b",
    "a=b",
    "a#b?c",
    "%26",
    "+",
    "/../..",
    "\u{e9}\u{3002}\"'<>",
    "{\"a\":[1]}",
];

#[test]
fn sec08_every_value_arrives_as_it_was_said() {
    let client = client(secret());
    for name in ["attributes", "a&b", "x y", "\u{e9}"] {
        for value in ODD {
            let body = run(
                Script::new(),
                bearer().body_parameter(name, *value),
                &client,
            );
            assert_eq!(body.request().field(name), Some(*value));
            assert_eq!(body.request().url, URL);
            assert_eq!(body.request().form.len(), 5);

            let query = run(
                Script::new(),
                bearer().query_parameter(name, *value),
                &client,
            );
            let url = url::Url::parse(&query.request().url).expect("a URL");
            let pairs: Vec<_> = url.query_pairs().collect();
            assert_eq!(pairs, [(name.into(), (*value).into())]);
            assert_eq!(url.fragment(), None);
            assert_eq!(query.request().url.split('?').next(), Some(URL));
            assert_eq!(query.request().form.len(), 4);
            assert!(query.request().url.is_ascii());
        }
    }
    // In their order, beside each other.
    let both = bearer()
        .query_parameter("dc", "ESTS-PUB-1")
        .query_parameter("slice", "test slice")
        .body_parameter("attributes", "1")
        .body_parameter("slice", "2");
    let run = run(Script::new(), both, &client);
    assert_eq!(
        run.request().url,
        format!("{URL}?dc=ESTS-PUB-1&slice=test+slice")
    );
    assert_eq!(run.request().field("attributes"), Some("1"));
    assert_eq!(run.request().field("slice"), Some("2"));
    // What is told of the endpoint is the endpoint.
    assert_eq!(run.token().token_endpoint(), Some(URL));
}

/// With every grant and at every attempt, over whatever transport.
#[test]
fn parameters_go_with_every_grant_and_every_attempt() {
    let by_pair = client(Credential::signed_assertion_provider());
    let with = |request: TokenRequest| {
        request
            .body_parameter("x-b", "1")
            .query_parameter("x-q", "2")
    };
    for request in [
        bearer(),
        bearer().proof_of_possession(),
        TokenRequest::on_behalf_of(Secret::new("CANARY"), [GRAPH]),
        TokenRequest::refreshing(Secret::new("CANARY"), [GRAPH]),
        redeeming(),
    ] {
        let script = Script::new()
            .pairs([pair(1), pair(2)])
            .answers([answer(503, "")]);
        let run = run(script, with(request), &by_pair);
        assert_eq!(run.sent.len(), 2);
        for (sent, number) in run.sent.iter().zip([1, 2]) {
            assert_eq!(sent.field("x-b"), Some("1"));
            assert!(
                sent.url.ends_with("/contoso.com/oauth2/v2.0/token?x-q=2"),
                "{}",
                sent.url
            );
            assert_eq!(sent.host, "westus3.mtlsauth.microsoft.com");
            assert_eq!(sent.certificate, Some(thumbprint(P256, number)));
        }
    }
    let run = run(Script::new(), with(federated(upn())), &client(secret()));
    assert_eq!(run.request().field("x-b"), Some("1"));
}

/// Rule 9: `aud` is the endpoint, without what the caller adds to its URL.
#[test]
fn d09_the_audience_has_no_query() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    let run = run(Script::new(), bearer().query_parameter("a", "b c"), &client);
    assert_eq!(run.request().url, format!("{URL}?a=b+c"));
    let claims = run.signed[0].message().split(|byte| *byte == b'.').nth(1);
    let claims = URL_SAFE_NO_PAD
        .decode(claims.expect("claims"))
        .expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["aud"], URL);
}

/// Rule 7: an OpenID provider's endpoint keeps what it had.
#[test]
fn parameters_are_added_to_what_the_endpoint_has() {
    let authority = Authority::oidc("https://issuer.example").expect("an authority");
    let client = Client::builder("app", authority, secret())
        .build()
        .expect("a client");
    let document = answer(200, r#"{"token_endpoint":"https://issuer.example/t?p=1"}"#);
    let script = Script::new().instances([document]);
    let run = run(script, bearer().query_parameter("q", "2"), &client);
    assert_eq!(run.request().url, "https://issuer.example/t?p=1&q=2");
}

/// Rule 10: each name and each value tells tokens apart, the order does not.
#[test]
fn r10_parameters_key_what_they_bring() {
    let client = client(secret());
    let mut script = Script::new();
    let two = |a: &str, b: &str| bearer().body_parameter(a, "1").body_parameter(b, "2");
    for request in [
        bearer(),
        bearer().body_parameter("a", "1"),
        bearer().body_parameter("a", "2"),
        bearer().body_parameter("A", "1"),
        bearer().body_parameter("a", ""),
        bearer().query_parameter("a", "1"),
        bearer().query_parameter("a", "1").body_parameter("a", "1"),
        two("a", "b"),
        bearer().body_parameter("a", "1&b=2"),
        bearer().body_parameter("a=1", "b=2"),
    ] {
        assert_eq!(
            script.run(&plan(request.clone(), &client)).sent.len(),
            1,
            "{request:?}"
        );
        assert!(script.run(&plan(request, &client)).sent.is_empty());
    }
    let swapped = bearer().body_parameter("b", "2").body_parameter("a", "1");
    assert!(script.run(&plan(swapped, &client)).sent.is_empty());
}

/// The refresh token is one for them all; the access tokens are not.
#[test]
fn r10_parameters_of_an_account_share_its_refresh_token() {
    let client = client(secret());
    let mut script = Script::new();
    script.run(&plan(redeeming().body_parameter("a", "1"), &client));
    let with = for_alice(GRAPH).body_parameter("a", "1");
    assert!(script.run(&plan(with, &client)).sent.is_empty());
    let without = script.run(&plan(for_alice(GRAPH), &client));
    assert_eq!(refresh_token(&without), Some("CANARY-refresh-1"));
    let challenged = for_alice(VAULT).client_claims("{}");
    let challenged = script.run(&plan(challenged, &client));
    assert_eq!(refresh_token(&challenged), Some("CANARY-refresh-2"));
}

/// Rule 12: whoever is to be left alone is left alone with parameters too.
#[test]
fn run12_parameters_do_not_get_around_a_retry_after() {
    let client = client(secret());
    let busy = with_header(answer(429, ""), "retry-after", "60");
    let mut script = Script::new().answers([busy]);
    let with = bearer().query_parameter("a", "b");
    assert_eq!(
        script.run(&plan(with, &client)).error().code(),
        "request_throttled"
    );
    let without = script.run(&plan(bearer(), &client));
    assert_eq!(without.error().code(), "request_throttled");
    assert!(without.sent.is_empty());
}

/// What the protocol says is not for callers to say: no field comes twice (I08), none is changed.
#[test]
fn i08_names_of_the_protocol_are_refused() {
    let clients = [
        client(secret()),
        client(Credential::signed_assertion_provider()),
        client(Credential::certificate(numbered(RSA, 1))),
    ];
    // All that any grant sends, with any credential and of either kind.
    let mut sent = std::collections::BTreeSet::from(["user_id".to_owned(), "req_cnf".to_owned()]);
    let pair = || Script::new().pairs([pair(1)]);
    for client in &clients {
        for request in [
            bearer().claims("{}").fmi_path("a"),
            TokenRequest::on_behalf_of(Secret::new("CANARY"), [GRAPH]),
            TokenRequest::refreshing(Secret::new("CANARY"), [GRAPH]),
            redeeming().code_verifier(Secret::new("CANARY")),
        ] {
            let run = run(pair(), request.clone(), client);
            sent.extend(run.request().form.iter().map(|(name, _)| name.clone()));
            if let Ok(pop) = request.proof_of_possession().plan(client) {
                let run = pair().run(&pop);
                sent.extend(run.request().form.iter().map(|(name, _)| name.clone()));
            }
        }
    }
    let run = run(Script::new(), federated(upn()), &clients[0]);
    sent.extend(run.request().form.iter().map(|(name, _)| name.clone()));
    assert!(sent.len() >= 20, "{sent:?}");
    for name in &sent {
        let spelled = [name.clone(), name.to_uppercase(), format!(" {name}\u{20}")];
        for name in spelled {
            for request in [
                bearer().body_parameter(&*name, "x"),
                bearer().query_parameter(&*name, "x"),
            ] {
                let error = request.plan(&clients[0]).unwrap_err();
                assert_eq!(error.code(), "invalid_request_parameter", "{name}");
            }
        }
    }
}

/// Rule 16, SEC-08: no name, a name twice, control characters.
#[test]
fn sec08_parameters_that_say_nothing_or_two_things_are_refused() {
    let client = client(secret());
    let body = |name: &str, value: &str| bearer().body_parameter(name, value);
    let query = |name: &str, value: &str| bearer().query_parameter(name, value);
    for (name, value) in [
        ("", "x"),
        (" ", "x"),
        ("\t", "x"),
        ("a\nb", "x"),
        ("a", "x\r\ny"),
        ("a", "\u{0}CANARY"),
        ("\u{7f}", ""),
    ] {
        for request in [body(name, value), query(name, value)] {
            let error = request.plan(&client).unwrap_err();
            assert_eq!(
                error.code(),
                "invalid_request_parameter",
                "{name:?} {value:?}"
            );
            assert_silent(&error);
            assert!(error.to_string().is_ascii());
        }
    }
    for (one, other) in [("a", "a"), ("a", "A"), ("x-Y", "X-y")] {
        for request in [
            body(one, "1").body_parameter(other, "2"),
            query(one, "1").query_parameter(other, "1"),
        ] {
            let error = request.plan(&client).unwrap_err();
            assert_eq!(error.code(), "invalid_request_parameter");
        }
    }
    // Values are for nobody's eyes.
    assert_silent(&body("a", "CANARY"));
    assert_silent(&plan(body("a", "CANARY"), &client));
}
