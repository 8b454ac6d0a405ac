//! Every grant over every transport: what is in the body follows from the grant and the credential, the transport from the
//! binding certificate, the kind of token from the request (rules 1, 2, 8 and 9 hold for all of them).

use entra_proto::*;

use crate::certificates::{P256, RSA, numbered, parsed, thumbprint};
use crate::clients::{builder, client, in_region, plan, run, secret};
use crate::script::{Run, Script, alone, answer, failure, pair, seconds};

const GRAPH: &str = "https://graph.microsoft.com/.default";
const MTLS: &str = "westus3.mtlsauth.microsoft.com";
pub(crate) const PLAIN: &str = "westus3.login.microsoft.com";

fn on_behalf_of(user: &str) -> TokenRequest {
    TokenRequest::on_behalf_of(Secret::new(format!("CANARY-{user}")), [GRAPH])
}

fn refreshing() -> TokenRequest {
    TokenRequest::refreshing(Secret::new("CANARY-refresh"), [GRAPH])
}

fn redeeming() -> TokenRequest {
    let code = Secret::new("CANARY code&+");
    TokenRequest::redeeming(code, "https://app.example/cb?a=b", [GRAPH])
        .code_verifier(Secret::new("CANARY-verifier~"))
}

pub(crate) fn federated(user: User) -> TokenRequest {
    TokenRequest::federated_user(Secret::new("CANARY.fic"), user, [GRAPH])
}

pub(crate) fn upn() -> User {
    User::PrincipalName("user@contoso.com".to_owned())
}

/// The request, and what its form has that those of other grants have not.
type Row = (TokenRequest, &'static [(&'static str, &'static str)]);

const WITH_OPENID: &str = "https://graph.microsoft.com/.default openid profile offline_access";

/// The grants that may go over mutual TLS.
fn grants() -> [Row; 3] {
    [
        (
            on_behalf_of("user"),
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                ("assertion", "CANARY-user"),
                ("requested_token_use", "on_behalf_of"),
            ],
        ),
        (
            refreshing(),
            &[
                ("grant_type", "refresh_token"),
                ("refresh_token", "CANARY-refresh"),
                ("client_info", "1"),
            ],
        ),
        (
            redeeming(),
            &[
                ("grant_type", "authorization_code"),
                ("code", "CANARY code&+"),
                ("redirect_uri", "https://app.example/cb?a=b"),
                ("code_verifier", "CANARY-verifier~"),
                ("client_info", "1"),
            ],
        ),
    ]
}

/// The form has these fields, those of the grant, and no others.
#[track_caller]
pub(crate) fn assert_form(run: &Run, grant: &[(&str, &str)], others: &[(&str, &str)]) {
    let mut expected = vec![
        ("client_id", "11111111-1111-1111-1111-111111111111"),
        ("scope", WITH_OPENID),
    ];
    expected.extend(grant);
    expected.extend(others);
    expected.sort_unstable();
    let form = &run.request().form;
    let mut seen: Vec<_> = form.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    seen.sort_unstable();
    assert_eq!(seen, expected);
}

/// Rule 2, and MSAL.NET's PR 6009: implicit mTLS is for every grant.
#[test]
fn imp01_imp02_every_grant_goes_where_its_pair_says() {
    let bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let bound = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";
    let client = client(Credential::signed_assertion_provider());
    for (request, grant) in grants() {
        let plain = run(Script::new().pairs([alone(1)]), request.clone(), &client);
        let assertion = ("client_assertion", "CANARY.pair.1");
        assert_form(
            &plain,
            grant,
            &[("client_assertion_type", bearer), assertion],
        );
        assert_eq!(
            (plain.request().host.as_str(), plain.request().certificate),
            (PLAIN, None)
        );

        let implicit = run(Script::new().pairs([pair(1)]), request, &client);
        assert_form(
            &implicit,
            grant,
            &[("client_assertion_type", bound), assertion],
        );
        assert_eq!(implicit.request().host, MTLS);
        assert_eq!(implicit.request().certificate, Some(thumbprint(P256, 1)));
        for token in [plain.token(), implicit.token()] {
            assert_eq!(token.token_type(), TokenKind::Bearer);
            assert_eq!(token.binding_certificate(), None);
        }
    }
}

/// Rule 8: PoP for every grant, by a pair and by a certificate, which sends no assertion.
#[test]
fn imp03_every_grant_can_ask_for_proof_of_possession() {
    let kind = (
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-pop",
    );
    let pop = ("token_type", "mtls_pop");
    for (request, grant) in grants() {
        let request = || request.clone().proof_of_possession();
        let by_pair = client(Credential::signed_assertion_provider());
        let by_pair = run(Script::new().pairs([pair(1)]), request(), &by_pair);
        assert_form(
            &by_pair,
            grant,
            &[kind, ("client_assertion", "CANARY.pair.1"), pop],
        );
        let by_certificate = client(Credential::certificate(numbered(P256, 1)));
        let by_certificate = run(Script::new(), request(), &by_certificate);
        assert_form(&by_certificate, grant, &[pop]);
        assert!(by_certificate.signed.is_empty());
        for run in [by_pair, by_certificate] {
            assert_eq!(run.request().host, MTLS);
            assert_eq!(run.request().certificate, Some(thumbprint(P256, 1)));
            assert_eq!(run.token().token_type(), TokenKind::MtlsPop);
            assert_eq!(run.token().binding_certificate(), Some(&parsed(P256, 1)));
        }
        let error = request().plan(&client(secret())).unwrap_err();
        assert_eq!(error.code(), "mtls_certificate_not_provided");
        let unbound = client(Credential::signed_assertion_provider());
        let unbound = run(Script::new().pairs([alone(1)]), request(), &unbound);
        assert_eq!(unbound.error().code(), "mtls_certificate_not_provided");
        assert!(unbound.sent.is_empty());
    }
}

/// Rule 9.
#[test]
fn imp30_every_grant_can_be_sent_over_mtls() {
    let kind = (
        "client_assertion_type",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    );
    let client = client(Credential::certificate_provider().send_over_mtls());
    for (request, grant) in grants() {
        let script = Script::new().certificates([Some(numbered(RSA, 5))]);
        let run = run(script, request, &client);
        let assertion = run
            .request()
            .field("client_assertion")
            .expect("an assertion")
            .to_owned();
        assert_form(&run, grant, &[kind, ("client_assertion", &assertion)]);
        assert_eq!(run.asked.len(), 1);
        assert_eq!(run.request().host, MTLS);
        assert_eq!(run.request().certificate, Some(thumbprint(RSA, 5)));
        assert_eq!(run.token().binding_certificate(), None);
    }
}

/// IMP-05, IMP-27: where mutual TLS can't go, no grant goes.
#[test]
fn imp05_imp27_no_grant_is_sent_where_mutual_tls_can_not_go() {
    let nowhere = builder(Credential::signed_assertion_provider())
        .build()
        .expect("a client");
    let somewhere = client(Credential::signed_assertion_provider());
    for (request, _) in grants() {
        let refused = run(Script::new().pairs([pair(1)]), request.clone(), &nowhere);
        assert_eq!(refused.error().code(), "mtls_bearer_without_region");
        assert!(refused.sent.is_empty() && refused.asked.len() == 1);
        for door in ["common", "organizations", "Common"] {
            let shared = request.clone().tenant(door);
            let refused = run(Script::new().pairs([pair(1)]), shared, &somewhere);
            assert_eq!(refused.error().code(), "missing_tenanted_authority");
            assert!(refused.sent.is_empty(), "{door}");
        }
    }
}

/// IMP-21: what works once is sent again as it was, with a fresh pair.
#[test]
fn imp21_a_retry_of_any_grant_takes_the_new_pair_whole() {
    let client = client(Credential::signed_assertion_provider());
    for (request, grant) in grants() {
        for first in [answer(503, ""), Err(failure(FailureKind::Timeout))] {
            let script = Script::new().pairs([pair(1), alone(2)]).answers([first]);
            let run = run(script, request.clone(), &client);
            assert_eq!(run.token().attempts(), 2);
            for (sent, (host, number)) in run.sent.iter().zip([(MTLS, 1), (PLAIN, 2)]) {
                assert_eq!(sent.host, host);
                let assertion = format!("CANARY.pair.{number}");
                assert_eq!(sent.field("client_assertion"), Some(assertion.as_str()));
                for (name, value) in grant {
                    assert_eq!(sent.field(name), Some(*value));
                }
            }
        }
    }
}

/// IMP-28, D14: a refusal of what works once is the service's own word, with what it says to do.
#[test]
fn d14_a_refused_grant_is_told_as_the_service_told_it() {
    let body = r#"{"error":"invalid_grant","suberror":"consent_required","error_codes":[65001],
        "claims":"{\"access_token\":{\"acrs\":{\"essential\":true}}}"}"#;
    let client = client(Credential::signed_assertion_provider());
    for (request, _) in grants() {
        let mut script = Script::new().pairs([pair(1)]).answers([answer(400, body)]);
        let run = script.run(&plan(request, &client));
        let error = run.error();
        assert_eq!(
            (error.code(), error.suberror()),
            ("invalid_grant", Some("consent_required"))
        );
        assert_eq!((error.aadsts(), error.attempts()), (&[65_001][..], 1));
        let claims = Some(r#"{"access_token":{"acrs":{"essential":true}}}"#);
        assert_eq!(error.claims(), claims);
        assert!(!error.is_retryable() && script.memory.is_empty());
    }
}

/// Rule 10, RUN-02: kept for that user's assertion, tenant and kind; an expired one is exchanged anew, not refreshed.
#[test]
fn run02_what_is_on_behalf_of_a_user_is_kept_for_that_assertion() {
    let client = client(Credential::signed_assertion_provider());
    let plan = |request: TokenRequest| plan(request, &client);
    let one = plan(on_behalf_of("one"));
    let mut script = Script::new().pairs([pair(1), pair(2), alone(3), pair(4), pair(5)]);
    let first = script.run(&one);
    assert_eq!(first.seen.last_chunk(), Some(&["SaveCache token", "Done"]));
    assert!(first.token().account().is_none());
    for other in [
        on_behalf_of("two"),
        on_behalf_of("one").tenant("fabrikam.com"),
        TokenRequest::for_app([GRAPH]),
        on_behalf_of("one").proof_of_possession(),
    ] {
        let other = script.run(&plan(other));
        assert_eq!(other.sent.len(), 1);
        assert_ne!(other.token().secret(), first.token().secret());
    }
    let hit = script.run(&one);
    assert_eq!(hit.seen, ["LoadCache token", "Done"]);
    assert_eq!(hit.token().secret(), first.token().secret());
    script.pass(seconds(3_300));
    let again = script.run(&one);
    assert_eq!(again.request().field("assertion"), Some("CANARY-one"));
    assert_eq!(again.request().field("refresh_token"), None);
}

#[test]
fn sec08_what_a_grant_stands_on_is_never_blank_nor_broken() {
    let client = in_region(builder(secret()), "westus3");
    for odd in ["", " ", "\t", "a\nb", "a\u{0}"] {
        let secret = || Secret::new(odd);
        let whole = || Secret::new("CANARY");
        for request in [
            TokenRequest::on_behalf_of(secret(), [GRAPH]),
            TokenRequest::refreshing(secret(), [GRAPH]),
            TokenRequest::redeeming(secret(), "https://app.example/cb", [GRAPH]),
            TokenRequest::redeeming(whole(), odd, [GRAPH]),
            TokenRequest::redeeming(whole(), "https://app.example/cb", [GRAPH])
                .code_verifier(secret()),
            TokenRequest::federated_user(secret(), upn(), [GRAPH]),
            federated(User::PrincipalName(odd.to_owned())),
            federated(User::ObjectId(odd.to_owned())),
            TokenRequest::for_account(Account::from_home_id(odd), [GRAPH]),
        ] {
            let error = request.plan(&client).unwrap_err();
            assert_eq!(error.code(), "invalid_request_parameter", "{odd:?}");
        }
    }
    let no_guid = federated(User::ObjectId("user@contoso.com".to_owned()));
    assert_eq!(
        no_guid.plan(&client).unwrap_err().code(),
        "invalid_request_parameter"
    );
    // Scopes are needed but where a code or a refresh token has its own.
    for (request, code) in [
        (
            TokenRequest::on_behalf_of(Secret::new("a"), [""; 0]),
            Some("scopes_required_client_credentials"),
        ),
        (
            TokenRequest::federated_user(Secret::new("a"), upn(), [""; 0]),
            Some("scopes_required_client_credentials"),
        ),
        (TokenRequest::refreshing(Secret::new("a"), [""; 0]), None),
        (
            TokenRequest::redeeming(Secret::new("a"), "https://app.example/cb", [""; 0]),
            None,
        ),
        (
            TokenRequest::for_account(Account::from_home_id("a.b"), [""; 0]),
            None,
        ),
    ] {
        let error = request.plan(&client).err();
        assert_eq!(error.as_ref().map(Error::code), code);
    }
}
