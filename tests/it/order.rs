//! Rule 16 where users, claims and parameters come in: of any two faults the earlier one is reported (RUN-14).

use entra_proto::*;

use crate::certificates::{RSA, numbered};
use crate::clients::{bearer, builder, client, plan, secret};
use crate::script::{Script, alone, pair};
use crate::users::{GRAPH, for_alice, redeeming};

/// A way to spoil a request, and the code that says so.
type Fault = (fn(TokenRequest) -> TokenRequest, &'static str);

/// One class after the other, as they are judged; in one class there may be several ways to be wrong.
fn faults() -> [&'static [Fault]; 4] {
    const CLAIMS: &str = "invalid_json_claims_format";
    const PARAMETER: &str = "invalid_request_parameter";
    [
        &[(|request| request.tenant(".."), "invalid_tenant")],
        &[
            (|request| request.claims("[]"), CLAIMS),
            (|request| request.client_claims("[]"), CLAIMS),
            (|request| request.assertion_claims("[]"), CLAIMS),
        ],
        &[
            (|request| request.fmi_path(""), PARAMETER),
            (|request| request.assertion_fmi_path("\n"), PARAMETER),
            (|request| request.partition(" "), PARAMETER),
            (|request| request.correlation_id("1"), PARAMETER),
            (|request| request.body_parameter("scope", "x"), PARAMETER),
            (|request| request.query_parameter("", "x"), PARAMETER),
        ],
        // The credential: a secret can be bound to nothing.
        &[(
            TokenRequest::proof_of_possession,
            "mtls_certificate_not_provided",
        )],
    ]
}

#[test]
fn run14_of_two_faults_of_a_request_the_earlier_one_is_reported() {
    let client = client(secret());
    let grants = |scope: &'static str| {
        [
            TokenRequest::for_app([scope]),
            TokenRequest::on_behalf_of(Secret::new("CANARY"), [scope]),
            TokenRequest::refreshing(Secret::new("CANARY"), [scope]),
            TokenRequest::redeeming(Secret::new("CANARY"), "https://app.example/cb", [scope]),
            for_alice(scope),
        ]
    };
    for (place, earlier) in faults().iter().enumerate() {
        for later in &faults()[place..] {
            for ((first, code), (second, _)) in earlier
                .iter()
                .flat_map(|first| later.iter().map(move |second| (first, second)))
            {
                for (good, bad) in grants(GRAPH).into_iter().zip(grants("\n")) {
                    // In whichever order they were said.
                    for request in [second(first(good.clone())), first(second(good.clone()))] {
                        assert_eq!(request.plan(&client).unwrap_err().code(), *code);
                    }
                    let error = first(bad).plan(&client).unwrap_err();
                    assert_eq!(error.code(), "invalid_scope");
                }
            }
        }
    }
}

/// What the grant itself stands on is a field like the others.
#[test]
fn run14_a_blank_grant_is_said_before_the_credential() {
    let client = client(Credential::signed_assertion_provider());
    for request in [
        TokenRequest::on_behalf_of(Secret::new(" "), [GRAPH]),
        TokenRequest::for_account(Account::from_home_id(""), [GRAPH]),
        redeeming().code_verifier(Secret::new("")),
    ] {
        let request = request.assertion_claims("{}").proof_of_possession();
        assert_eq!(
            request.plan(&client).unwrap_err().code(),
            "invalid_request_parameter"
        );
    }
}

/// With nothing to redeem nobody is asked and nothing is judged that only a network request needs: neither the credential nor
/// the tenant, the region or the host.
#[test]
fn run14_an_unknown_account_is_said_before_all_that_the_network_needs() {
    let nowhere = [
        builder(Credential::signed_assertion_provider()).build(),
        Client::builder(
            "app",
            "https://login.usgovcloudapi.net/common",
            Credential::certificate_provider().send_over_mtls(),
        )
        .build(),
        Client::builder("app", "https://unknown.example/contoso.com", secret()).build(),
    ];
    for client in nowhere {
        let plan = plan(for_alice(GRAPH), &client.expect("a client"));
        let run = Script::new().pairs([pair(1)]).run(&plan);
        assert_eq!(run.error().code(), "no_tokens_found");
        assert!(run.asked.is_empty() && run.sent.is_empty());
    }
    // For PoP the provider has to be asked first, and what it answered is judged first.
    for (region, answered, code) in [
        (Some("westus3"), alone(1), "mtls_certificate_not_provided"),
        (None, alone(1), "mtls_certificate_not_provided"),
        (None, pair(1), "mtls_pop_without_region"),
        (Some("westus3"), pair(1), "no_tokens_found"),
    ] {
        let source = region.map_or(RegionSource::Unset, |name| {
            RegionSource::Named(name.to_owned())
        });
        let client = builder(Credential::signed_assertion_provider())
            .region(source)
            .build();
        let plan = plan(
            for_alice(GRAPH).proof_of_possession(),
            &client.expect("a client"),
        );
        let run = Script::new().pairs([answered]).run(&plan);
        assert_eq!((run.error().code(), run.asked.len()), (code, 1));
        assert!(run.sent.is_empty());
    }
}

/// A token that is remembered needs none of it either.
#[test]
fn run14_a_hit_for_an_account_comes_before_all_that_the_network_needs() {
    let good = client(Credential::signed_assertion_provider());
    let no_region = builder(Credential::signed_assertion_provider())
        .build()
        .expect("a client");
    let mut script = Script::new().pairs([alone(1)]);
    script.run(&plan(redeeming(), &good));
    let hit = script
        .provider_fails()
        .run(&plan(for_alice(GRAPH), &no_region));
    assert_eq!(hit.seen, ["LoadCache token", "Done"]);
}

/// What is refused in `plan` says nothing of a flow, and a flow's error says that it was one.
#[test]
fn run14_only_a_flow_tells_how_it_went() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    let error = bearer()
        .body_parameter("code", "x")
        .plan(&client)
        .unwrap_err();
    assert!(error.metadata().is_none());
    let run = Script::new().run(&plan(for_alice(GRAPH), &client));
    assert!(run.error().metadata().is_some());
}
