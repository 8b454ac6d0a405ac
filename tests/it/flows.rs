//! The main flows, step by step: a plan, a script, the steps seen, the result.

use std::time::Duration;

use entra_proto::*;

use crate::canary::assert_silent;
use crate::certificates::{P256, P384, RSA, ending, numbered, parsed, thumbprint};
use crate::clients::{SCOPE, bearer, builder, client, in_region, plan, pop, run, secret};
use crate::journey::MOST_STEPS;
use crate::script::{
    Record, Run, START, Script, alone, answer, failure, granting, name, pair, seconds, seed,
    with_header,
};
use crate::users::{for_alice, redeeming};

#[test]
fn a_fresh_token_costs_one_request() {
    let run = run(Script::new(), bearer(), &client(secret()));
    assert_eq!(
        run.seen,
        [
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    let sent = run.request();
    assert_eq!(
        sent.url,
        "https://westus3.login.microsoft.com/contoso.com/oauth2/v2.0/token"
    );
    assert_eq!(sent.field("client_secret"), Some("CANARY&secret=1 %"));
    assert_eq!(sent.certificate, None);
    let token = run.token();
    assert_eq!(token.source(), TokenSource::Network);
    assert_eq!(token.token_type(), TokenKind::Bearer);
    assert_eq!(token.expires_in(), seconds(3_600));
    assert_eq!(token.expires_at(), START.wall() + seconds(3_600));
    assert_eq!(token.attempts(), 1);
}

#[test]
fn a_remembered_token_costs_nothing() {
    let plan = plan(bearer(), &client(secret()));
    let mut script = Script::new();
    let first = script.run(&plan);
    let second = script.run(&plan);
    assert_eq!(second.seen, ["LoadCache token", "Done"]);
    assert_eq!(second.token().secret(), first.token().secret());
    assert_eq!(second.token().source(), TokenSource::Cache);
}

#[test]
fn whoever_waited_looks_again_and_sends_nothing() {
    let plan = plan(bearer(), &client(secret()));
    let mut script = Script::new().waits_for(&plan);
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
    assert_eq!(run.token().source(), TokenSource::Cache);
}

#[test]
fn whoever_bypassed_the_cache_and_waited_takes_what_was_fetched_meanwhile() {
    let client = client(secret());
    let bypassing = plan(bearer().bypassing_cache(), &client);
    let mut script = Script::new();
    script.run(&plan(bearer(), &client));
    script.pass(seconds(10));
    // Not the token of ten seconds ago, though it would serve (rule 11).
    let mut script = script.waits_for(&bypassing);
    let run = script.run(&bypassing);
    assert_eq!(run.seen, ["TakeTurn token", "LoadCache token", "Done"]);
    assert_eq!(run.token().secret().expose(), "CANARY-token-2");
}

/// IMP-19, RUN-10: rule 11.
#[test]
fn what_bypasses_reading_is_remembered_all_the_same() {
    let client = client(secret());
    let ordinary = plan(bearer(), &client);
    let mut script = Script::new();
    script.run(&ordinary);
    let challenge = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    for (number, request) in [
        (2, bearer().claims(challenge)),
        (3, bearer().bypassing_cache()),
    ] {
        let run = script.run(&plan(request, &client));
        assert_eq!(
            run.seen,
            [
                "TakeTurn token",
                "LoadCache throttle",
                "SendRequest",
                "SaveCache token",
                "Done"
            ]
        );
        let expected = (number == 2).then_some(challenge);
        assert_eq!(run.request().field("claims"), expected);
        let hit = script.run(&ordinary);
        assert_eq!(hit.seen, ["LoadCache token", "Done"]);
        assert_eq!(
            hit.token().secret().expose(),
            format!("CANARY-token-{number}")
        );
    }
}

/// SNI-02, SNI-03, IMP-14: rule 10, also where both kinds are kept by certificate.
#[test]
fn no_kind_of_token_answers_for_the_other() {
    for isolation in [BearerIsolation::Shared, BearerIsolation::PerCertificate] {
        for pop_first in [true, false] {
            let builder = builder(Credential::signed_assertion_provider());
            let client = in_region(builder.bearer_isolation(isolation), "westus3");
            let mut plans = [plan(bearer(), &client), plan(pop(), &client)];
            if pop_first {
                plans.reverse();
            }
            let mut script = Script::new().pairs([pair(1), pair(1), pair(1), pair(1)]);
            let fetched = plans.each_ref().map(|plan| script.run(plan));
            let found = plans.each_ref().map(|plan| script.run(plan));
            for (fetched, found) in fetched.iter().zip(&found) {
                assert_eq!(fetched.sent.len(), 1);
                assert!(found.sent.is_empty());
                assert_eq!(found.token().secret(), fetched.token().secret());
                assert_eq!(found.token().token_type(), fetched.token().token_type());
                assert_eq!(
                    found.token().binding_certificate(),
                    fetched.token().binding_certificate()
                );
            }
        }
    }
}

/// RUN-03: one failure is not followed by as many more as there were waiters.
#[test]
fn whoever_waited_for_a_flight_that_failed_gets_its_error() {
    let plan = plan(bearer(), &client(secret()));
    let refused = answer(400, r#"{"error":"invalid_client","error_codes":[7000215]}"#);
    let leader = Script::new().answers([refused]).run(&plan);
    let run = Script::new()
        .waits_for_error(leader.error().clone())
        .run(&plan);
    assert_eq!(run.seen, ["LoadCache token", "TakeTurn token", "Done"]);
    assert_eq!(run.error(), leader.error());
    assert_eq!(run.error().aadsts(), [7_000_215]);
}

#[test]
fn an_ageing_token_is_returned_at_once_with_its_renewal() {
    let plan = plan(bearer(), &client(secret()));
    let mut script = Script::new().answers([granting(
        "Bearer",
        "CANARY-old",
        ",\"expires_in\":7200,\"refresh_in\":3600",
    )]);
    script.run(&plan);
    // `refresh_in` and the most that chance adds to it.
    script.pass(seconds(3_600 + 300));
    let mut hit = script.run(&plan);
    assert_eq!(hit.seen, ["LoadCache token", "Done"]);
    assert_eq!(hit.token().secret().expose(), "CANARY-old");
    assert!(hit.token().renewal_is_due());

    let renewal = hit.done.take_renewal().expect("a renewal");
    assert!(hit.done.take_renewal().is_none());
    let renewed = script.run(&renewal);
    assert_eq!(
        renewed.seen,
        [
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    // Whoever starts the same renewal later finds it done.
    let again = script.run(&renewal);
    assert_eq!(again.seen, ["LoadCache token", "Done"]);
    assert_eq!(again.token().secret(), renewed.token().secret());
    assert!(!again.token().renewal_is_due());
}

/// RUN-07, I21.
#[test]
fn a_failed_renewal_hides_nothing() {
    let plan = plan(bearer(), &client(secret()));
    let mut script = Script::new().answers([
        granting(
            "Bearer",
            "CANARY-old",
            ",\"expires_in\":7200,\"refresh_in\":60",
        ),
        answer(400, r#"{"error":"invalid_client"}"#),
        answer(500, ""),
        answer(500, ""),
        Err(failure(FailureKind::Tls)),
    ]);
    script.run(&plan);
    script.pass(seconds(120));
    for code in ["invalid_client", "service_not_available", "tls_failed"] {
        let mut hit = script.run(&plan);
        assert_eq!(hit.token().secret().expose(), "CANARY-old");
        let renewal = hit.done.take_renewal().expect("a renewal");
        assert_eq!(script.run(&renewal).error().code(), code);
    }
    assert_eq!(script.run(&plan).token().secret().expose(), "CANARY-old");
}

/// IMP-01, IMP-02: rule 2.
#[test]
fn a_bound_assertion_decides_the_transport() {
    let client = client(Credential::signed_assertion_provider());
    let steps = [
        "LoadCache token",
        "TakeTurn token",
        "LoadCache token",
        "ObtainAssertion",
        "LoadCache throttle",
        "SendRequest",
        "SaveCache token",
        "Done",
    ];

    let bound = run(Script::new().pairs([pair(1)]), bearer(), &client);
    assert_eq!(bound.seen, steps);
    let sent = bound.request();
    assert_eq!(sent.host, "westus3.mtlsauth.microsoft.com");
    assert_eq!(sent.certificate, Some(thumbprint(P256, 1)));
    assert_eq!(sent.assertion_type(), Some("jwt-pop"));
    assert_eq!(sent.field("client_assertion"), Some("CANARY.pair.1"));
    assert_eq!(sent.field("token_type"), None);
    assert_eq!(bound.token().token_type(), TokenKind::Bearer);
    assert_eq!(bound.token().binding_certificate(), None);

    let plain = run(Script::new().pairs([alone(1)]), bearer(), &client);
    assert_eq!(plain.seen, steps);
    let sent = plain.request();
    assert_eq!(sent.host, "westus3.login.microsoft.com");
    assert_eq!(sent.certificate, None);
    assert_eq!(sent.assertion_type(), Some("jwt-bearer"));
}

/// IMP-16: rule 2.
#[test]
fn a_provider_of_assertions_alone_never_causes_mutual_tls() {
    let client = client(Credential::assertion_provider());
    let run = run(Script::new().pairs([pair(1)]), bearer(), &client);
    assert_eq!(run.request().certificate, None);
    assert_eq!(run.request().assertion_type(), Some("jwt-bearer"));
    let error = pop().plan(&client).unwrap_err();
    assert_eq!(error.code(), "mtls_certificate_not_provided");
}

/// IMP-11, IMP-12: rule 4.
#[test]
fn a_bearer_hit_asks_nobody_whatever_the_certificate() {
    let plan = plan(bearer(), &client(Credential::signed_assertion_provider()));
    let mut script = Script::new().pairs([pair(1)]);
    script.run(&plan);
    let mut script = script.pairs([pair(2)]);
    assert_eq!(script.run(&plan).seen, ["LoadCache token", "Done"]);
}

/// IMP-13.
#[test]
fn bearer_tokens_are_kept_by_certificate_where_that_is_asked_for() {
    let builder = builder(Credential::signed_assertion_provider())
        .bearer_isolation(BearerIsolation::PerCertificate);
    let plan = plan(bearer(), &in_region(builder, "westus3"));
    let mut script = Script::new().pairs([pair(1), pair(2), pair(1)]);
    let first = script.run(&plan);
    let other = script.run(&plan);
    let again = script.run(&plan);
    assert_eq!(other.sent.len(), 1);
    assert_eq!(again.seen, ["ObtainAssertion", "LoadCache token", "Done"]);
    assert_eq!(again.token().secret(), first.token().secret());
    assert_ne!(other.token().secret(), first.token().secret());
}

/// Rule 4, I11: only the provider can name the certificate that keys the cache.
#[test]
fn a_pop_request_asks_before_the_cache_and_once() {
    let client = client(Credential::signed_assertion_provider());
    let run = run(Script::new().pairs([pair(1)]), pop(), &client);
    assert_eq!(
        run.seen,
        [
            "ObtainAssertion",
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    assert_eq!(run.request().field("token_type"), Some("mtls_pop"));
    assert_eq!(run.request().field("req_cnf"), None);
    assert_eq!(run.token().token_type(), TokenKind::MtlsPop);
    assert_eq!(run.token().binding_certificate(), Some(&parsed(P256, 1)));
}

#[test]
fn a_certificate_that_is_only_presented_signs_nothing() {
    // A key that could not sign an assertion serves for the handshake.
    let client = client(Credential::certificate(numbered(P384, 1)));
    let run = run(Script::new(), pop(), &client);
    assert!(!run.seen.contains(&"SignAssertion"));
    assert_eq!(run.request().assertion_type(), None);
    assert_eq!(run.request().field("client_assertion"), None);
    assert_eq!(run.request().certificate, Some(thumbprint(P384, 1)));
}

/// IMP-29: the offered certificate spares the provider a call when it hits.
#[test]
fn an_offered_certificate_is_looked_up_before_the_provider_is_asked() {
    let client = client(Credential::signed_assertion_provider());
    let mut script = Script::new().pairs([pair(1)]);
    script.run(&plan(pop(), &client));
    let offering = |number| plan(pop().offering(thumbprint(P256, number)), &client);

    let hit = script.run(&offering(1));
    assert_eq!(hit.seen, ["LoadCache token", "Done"]);
    assert_eq!(hit.token().binding_certificate(), Some(&parsed(P256, 1)));

    // Another was offered than the pair's: one look more, under the pair's.
    let mut script = script.pairs([pair(1)]);
    let other = script.run(&offering(2));
    assert_eq!(
        other.seen,
        [
            "LoadCache token",
            "ObtainAssertion",
            "LoadCache token",
            "Done"
        ]
    );
    assert_eq!(other.token().binding_certificate(), Some(&parsed(P256, 1)));

    // The offered one is the pair's, and was not found: no second look before the turn.
    let mut script = script.pairs([pair(3)]);
    let missed = script.run(&offering(3));
    assert_eq!(
        missed.seen[..4],
        [
            "LoadCache token",
            "ObtainAssertion",
            "TakeTurn token",
            "LoadCache token"
        ]
    );

    // What was offered never reaches the wire (rule 4).
    let mut script = script.pairs([pair(4)]);
    let rotated = script.run(&offering(5));
    assert_eq!(rotated.request().certificate, Some(thumbprint(P256, 4)));
    assert_eq!(
        rotated.token().binding_certificate(),
        Some(&parsed(P256, 4))
    );
}

/// Rule 3.
#[test]
fn a_pair_that_was_held_for_more_than_a_minute_is_asked_for_anew() {
    let client = client(Credential::signed_assertion_provider());
    let patient = || pop().deadline(seconds(600));
    let held = |time| {
        let script = Script::new()
            .pairs([pair(1), pair(2)])
            .takes("TakeTurn token", time);
        run(script, patient(), &client)
    };
    let kept = held(seconds(60));
    assert_eq!(kept.asked.len(), 1);
    assert_eq!(kept.request().certificate, Some(thumbprint(P256, 1)));

    let dropped = held(Duration::from_millis(60_001));
    assert_eq!(
        dropped.seen,
        [
            "ObtainAssertion",
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "ObtainAssertion",
            // The pair's certificate is another one, so its token may be there already.
            "LoadCache token",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    let sent = dropped.request();
    assert_eq!(sent.certificate, Some(thumbprint(P256, 2)));
    assert_eq!(sent.field("client_assertion"), Some("CANARY.pair.2"));
    assert_eq!(
        dropped.token().binding_certificate(),
        Some(&parsed(P256, 2))
    );
}

/// Rule 3, where the wait is for the region and the pair decides the transport.
#[test]
fn a_pair_that_waited_for_the_region_is_not_sent_old() {
    let client = builder(Credential::signed_assertion_provider())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let script = Script::new()
        .pairs([pair(1), alone(2)])
        .takes("TakeTurn region", seconds(61));
    let run = run(script, bearer().deadline(seconds(600)), &client);
    assert_eq!(run.asked.len(), 2);
    assert_eq!(run.request().host, "eastus.login.microsoft.com");
    assert_eq!(run.request().assertion_type(), Some("jwt-bearer"));
    assert_eq!(run.request().certificate, None);
}

/// However often a pair grows old on its way, the flow ends (I04).
#[test]
fn the_host_is_settled_once_though_every_pair_grows_old() {
    let client = Client::builder(
        "app",
        "https://unknown.example/contoso.com",
        Credential::assertion_provider(),
    )
    .build()
    .expect("a client");
    let mut script = Script::new().cache_fails();
    for _ in 0..20 {
        script = script
            .takes("TakeTurn instance", seconds(61))
            .takes("DiscoverInstance", seconds(61));
    }
    let run = run(script, bearer().deadline(seconds(86_400)), &client);
    let count = |name| run.seen.iter().filter(|seen| **seen == name).count();
    assert_eq!(count("DiscoverInstance"), 1);
    assert_eq!(count("ObtainAssertion"), 2);
    assert_eq!(run.sent.len(), 1);
}

/// I04: the bound of the random walks is the length of the second.
#[test]
fn the_longest_flows_end() {
    let builder =
        |credential| Client::builder("app", "https://unknown.example/contoso.com", credential);
    // Nothing is known but the user's refresh token.
    let incurious = builder(secret()).instance_discovery(false).build();
    let incurious = plan(redeeming(), &incurious.expect("a client"));
    let prepared = || {
        let mut script = Script::new();
        script.run(&incurious);
        script
            .regions([
                answer(400, ""),
                answer(200, r#"{"newest-versions":["2025-04-07"]}"#),
            ])
            .takes("SaveCache instance", seconds(61))
            .answers([with_header(answer(503, ""), "retry-after", "1")])
    };
    let request = || for_alice(SCOPE).deadline(seconds(600));

    let isolated = builder(Credential::signed_assertion_provider())
        .region(RegionSource::Discover)
        .bearer_isolation(BearerIsolation::PerCertificate)
        .build()
        .expect("a client");
    let mut script = prepared()
        .pairs([pair(1), alone(2), alone(3), alone(4)])
        .takes("TakeTurn token", seconds(61));
    let offering = request().offering(thumbprint(P256, 9));
    let by_pairs = script.run(&plan(offering, &isolated));

    let signing = builder(Credential::certificate_provider())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let mut script = prepared()
        .signer_fails(FailureKind::UnsupportedAlgorithm)
        .signer_works()
        .signer_fails(FailureKind::UnsupportedAlgorithm);
    let by_signing = script.run(&plan(request(), &signing));
    for (run, length) in [(by_pairs, MOST_STEPS - 1), (by_signing, MOST_STEPS)] {
        assert_eq!(run.token().attempts(), 2);
        assert_eq!(run.seen.len(), length, "{:#?}", run.seen);
    }
}

/// IMP-21: rule 3.
#[test]
fn a_retry_takes_the_new_pair_whole() {
    let client = client(Credential::signed_assertion_provider());
    let script = Script::new()
        .pairs([pair(1), pair(2)])
        .answers([answer(500, "")]);
    let mut script = script;
    let run = script.run(&plan(pop(), &client));
    assert_eq!(
        run.seen,
        [
            "ObtainAssertion",
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache throttle",
            "SendRequest",
            "Pause",
            "ObtainAssertion",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    for (sent, number) in run.sent.iter().zip([1, 2]) {
        assert_eq!(sent.certificate, Some(thumbprint(P256, number)));
        let assertion = format!("CANARY.pair.{number}");
        assert_eq!(sent.field("client_assertion"), Some(assertion.as_str()));
    }
    assert_eq!(run.token().binding_certificate(), Some(&parsed(P256, 2)));
    assert_eq!(run.token().attempts(), 2);
    // Remembered under the second certificate, and not under the first.
    let offering = |number| plan(pop().offering(thumbprint(P256, number)), &client);
    assert_eq!(script.run(&offering(2)).seen, ["LoadCache token", "Done"]);
    let mut script = script.pairs([pair(1)]);
    assert_eq!(script.run(&offering(1)).sent.len(), 1);
}

/// IMP-22: host, transport and type follow the pair that is sent.
#[test]
fn a_retry_goes_from_mutual_tls_to_plain_and_back_with_its_pair() {
    let client = client(Credential::signed_assertion_provider());
    let both = [
        (
            "westus3.mtlsauth.microsoft.com",
            Some(thumbprint(P256, 7)),
            "jwt-pop",
        ),
        ("westus3.login.microsoft.com", None, "jwt-bearer"),
    ];
    for (pairs, order) in [([pair(7), alone(8)], [0, 1]), ([alone(8), pair(7)], [1, 0])] {
        let script = Script::new().pairs(pairs).answers([answer(503, "")]);
        let run = run(script, bearer(), &client);
        let seen = run.sent.iter().map(|sent| {
            let kind = sent.assertion_type().expect("an assertion");
            (sent.host.as_str(), sent.certificate, kind)
        });
        assert!(seen.eq(order.map(|place: usize| both[place])), "{run:?}");
        assert_eq!(run.token().binding_certificate(), None);
    }
}

/// IMP-22, the PoP half: never a weaker request.
#[test]
fn a_pop_retry_whose_pair_has_no_certificate_fails() {
    let client = client(Credential::signed_assertion_provider());
    let script = Script::new()
        .pairs([pair(1), alone(2)])
        .answers([answer(500, "")]);
    let run = run(script, pop(), &client);
    assert_eq!(run.error().code(), "mtls_certificate_not_provided");
    assert_eq!(run.sent.len(), 1);
    assert_eq!(run.error().attempts(), 1);
}

/// RUN-11, I26.
#[test]
fn a_retry_signs_anew() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    for first in [
        answer(500, ""),
        answer(408, ""),
        Err(failure(FailureKind::Connect)),
        Err(failure(FailureKind::Closed)),
        Err(failure(FailureKind::Timeout)),
    ] {
        let run = run(Script::new().answers([first]), bearer(), &client);
        assert_eq!(run.signed.len(), 2);
        assert_ne!(run.signed[0].message(), run.signed[1].message());
        assert_ne!(
            run.sent[0].field("client_assertion"),
            run.sent[1].field("client_assertion")
        );
        assert_eq!(run.waits.len(), 1);
        assert!(run.waits[0] >= seconds(1) && run.waits[0] < seconds(2));
        assert_eq!(run.token().attempts(), 2);
    }
}

/// IMP-30: rule 9.
#[test]
fn send_over_mtls_presents_and_signs_with_one_certificate() {
    let client = client(Credential::certificate_provider().send_over_mtls());
    let script = Script::new().certificates([Some(numbered(RSA, 5))]);
    let run = run(script, bearer(), &client);
    assert_eq!(run.asked.len(), 1);
    assert_eq!(run.signed.len(), 1);
    assert_eq!(run.signed[0].certificate().thumbprint(), thumbprint(RSA, 5));
    let sent = run.request();
    assert_eq!(sent.host, "westus3.mtlsauth.microsoft.com");
    assert_eq!(sent.certificate, Some(thumbprint(RSA, 5)));
    assert_eq!(sent.assertion_type(), Some("jwt-bearer"));
    assert_eq!(sent.field("token_type"), None);
    assert_eq!(run.token().token_type(), TokenKind::Bearer);
    assert_eq!(run.token().binding_certificate(), None);
}

/// Rule 9: once.
#[test]
fn a_signer_that_cannot_do_ps256_is_asked_for_rs256_once() {
    let client = client(Credential::certificate(numbered(RSA, 1)));
    let algorithms = |run: &Run| -> Vec<_> {
        let name = |input: &SigningInput| input.algorithm().as_str();
        run.signed.iter().map(name).collect()
    };
    let script = Script::new().signer_fails(FailureKind::UnsupportedAlgorithm);
    let second = run(script, bearer(), &client);
    assert_eq!(algorithms(&second), ["PS256", "RS256"]);
    assert!(second.done.result().is_ok());

    let script = Script::new()
        .signer_fails(FailureKind::UnsupportedAlgorithm)
        .signer_fails(FailureKind::UnsupportedAlgorithm);
    let neither = run(script, bearer(), &client);
    assert_eq!(algorithms(&neither), ["PS256", "RS256"]);
    assert_eq!(neither.error().code(), "signing_failed");

    let broken = run(
        Script::new().signer_fails(FailureKind::Provider),
        bearer(),
        &client,
    );
    assert_eq!(algorithms(&broken), ["PS256"]);
    assert_eq!(broken.error().code(), "signing_failed");
    assert!(broken.sent.is_empty());
}

/// RUN-13: whoever waits for the region does not wait for this flow's token.
#[test]
fn region_discovery_gives_its_turn_back_early() {
    let client = builder(secret())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let mut script = Script::new();
    let first = script.run(&plan(bearer(), &client));
    assert_eq!(
        first.seen,
        [
            "LoadCache token",
            "TakeTurn token",
            "LoadCache token",
            "LoadCache region",
            "TakeTurn region",
            "LoadCache region",
            "DiscoverRegion",
            "SaveCache region",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    assert_eq!(first.ended_turns, ["SaveCache region", "SaveCache token"]);
    assert_eq!(first.request().host, "eastus.login.microsoft.com");
    // For the life of the client: a year later nobody is asked.
    script.pass(seconds(365 * 86_400));
    let later = script.run(&plan(bearer(), &client));
    assert!(!later.seen.contains(&"DiscoverRegion"));
    assert_eq!(later.request().host, "eastus.login.microsoft.com");
}

/// Rules 5 and 6, ROUTE-04, IMP-09.
#[test]
fn a_failed_discovery_is_remembered_for_five_minutes() {
    let client = builder(Credential::signed_assertion_provider())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let plan = plan(bearer(), &client);
    let mut script = Script::new()
        .pairs([pair(1), pair(2), pair(3)])
        .regions([Err(failure(FailureKind::Timeout))]);
    let failed = script.run(&plan);
    assert_eq!(failed.error().code(), "region_required_for_mtls_pop");
    assert!(failed.sent.is_empty());
    script.pass(seconds(299));
    let soon = script.run(&plan);
    assert!(!soon.seen.contains(&"DiscoverRegion"));
    assert_eq!(soon.error().code(), "region_required_for_mtls_pop");
    script.pass(seconds(1));
    let later = script.run(&plan);
    assert!(later.seen.contains(&"DiscoverRegion"));
    assert_eq!(later.request().host, "eastus.mtlsauth.microsoft.com");
}

/// Rule 6: a 400 means that IMDS does not know the version.
#[test]
fn a_metadata_service_of_another_version_is_asked_for_its_newest() {
    let client = builder(secret())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let script = Script::new().regions([
        answer(400, ""),
        answer(400, r#"{"newest-versions":["2025-04-07","2020-01-01"]}"#),
        answer(200, r#"{"location":"WestEurope"}"#),
    ]);
    let run = run(script, bearer(), &client);
    assert_eq!(
        run.seen
            .iter()
            .filter(|name| **name == "DiscoverRegion")
            .count(),
        3
    );
    assert_eq!(run.request().host, "westeurope.login.microsoft.com");
}

/// Rule 7.
#[test]
fn an_unknown_host_is_asked_about_once_a_day() {
    let client = Client::builder("app", "https://sts.example/contoso.com", secret())
        .build()
        .expect("a client");
    let plan = plan(bearer().bypassing_cache(), &client);
    let mut script = Script::new();
    let first = script.run(&plan);
    assert_eq!(
        first.seen,
        [
            "TakeTurn token",
            "LoadCache instance",
            "TakeTurn instance",
            "LoadCache instance",
            "DiscoverInstance",
            "SaveCache instance",
            "LoadCache throttle",
            "SendRequest",
            "SaveCache token",
            "Done"
        ]
    );
    assert_eq!(first.request().host, "sts.example");
    script.pass(seconds(86_399));
    assert!(!script.run(&plan).seen.contains(&"DiscoverInstance"));
    script.pass(seconds(1));
    let no = answer(400, r#"{"error":"invalid_instance"}"#);
    let mut script = script.instances([no]);
    let refused = script.run(&plan);
    assert_eq!(refused.error().code(), "invalid_instance");
    assert!(refused.sent.is_empty());
}

/// Rule 7, I05: what one client's list allows is not allowed to another that shares the memory.
#[test]
fn a_remembered_token_endpoint_is_judged_by_each_client_for_itself() {
    let oidc = |listed: &[&str]| {
        let authority = Authority::oidc("https://issuer.example").expect("an authority");
        Client::builder("app", authority, secret())
            .known_authorities(listed.iter().copied())
            .build()
            .expect("a client")
    };
    let document = || answer(200, r#"{"token_endpoint":"https://tokens.example/t"}"#);
    let mut script = Script::new().instances([document(), document()]);
    let trusting = script.run(&plan(bearer(), &oidc(&["tokens.example"])));
    assert_eq!(trusting.request().host, "tokens.example");
    let careful = script.run(&plan(bearer().bypassing_cache(), &oidc(&[])));
    assert_eq!(careful.error().code(), "invalid_instance");
    assert!(careful.sent.is_empty());

    // Nor does it say anything about an Entra authority on that host.
    let entra = Client::builder("app", "https://issuer.example/contoso.com", secret())
        .build()
        .expect("a client");
    let run = script.run(&plan(bearer(), &entra));
    assert!(run.seen.contains(&"DiscoverInstance"));
    assert_eq!(run.request().host, "issuer.example");
}

/// Rule 12, I28: the note is for that client, tenant and host only.
#[test]
fn a_service_that_wants_to_be_left_alone_is_left_alone() {
    let client = client(secret());
    let plan = |request: TokenRequest| plan(request.deadline(seconds(5)), &client);
    let busy = with_header(answer(429, r#"{"error":"x"}"#), "retry-after", "60");
    let mut script = Script::new().answers([busy]);
    let first = script.run(&plan(bearer()));
    assert_eq!(
        first.seen[4..],
        ["SendRequest", "SaveCache throttle", "Done"]
    );
    assert!(first.ended_turns.is_empty());
    assert_eq!(first.error().code(), "request_throttled");
    assert_eq!(first.error().retry_in(), Some(seconds(60)));
    assert_eq!(first.error().attempts(), 1);

    script.pass(seconds(59));
    let told = script.run(&plan(bearer()));
    assert_eq!(
        told.seen.last_chunk(),
        Some(&["LoadCache throttle", "Done"])
    );
    assert_eq!(told.error().code(), "request_throttled");
    assert_eq!(told.error().retry_in(), Some(seconds(1)));
    assert_eq!(told.error().attempts(), 0);
    let elsewhere = script.run(&plan(bearer().tenant("fabrikam.com")));
    assert!(elsewhere.done.result().is_ok());

    script.pass(seconds(1));
    assert!(script.run(&plan(bearer())).done.result().is_ok());
}

/// I28: the host of the POST is a part of the note.
#[test]
fn a_throttled_host_says_nothing_of_another() {
    let client = client(Credential::signed_assertion_provider());
    let plan = plan(bearer().bypassing_cache(), &client);
    let busy = || with_header(answer(429, ""), "retry-after", "60");
    let mut script = Script::new()
        .pairs([alone(1), pair(2), alone(3)])
        .answers([busy()]);
    assert_eq!(script.run(&plan).error().code(), "request_throttled");
    let bound = script.run(&plan);
    assert_eq!(bound.request().host, "westus3.mtlsauth.microsoft.com");
    let plain = script.run(&plan);
    assert_eq!(plain.error().code(), "request_throttled");
    assert!(plain.sent.is_empty());
}

/// Rule 12, X32: a `Retry-After` that fits is waited for.
#[test]
fn a_retry_after_that_fits_the_deadline_is_waited_for() {
    for status in [429, 500, 503, 408] {
        let busy = with_header(answer(status, ""), "retry-after", "7");
        let run = run(Script::new().answers([busy]), bearer(), &client(secret()));
        assert_eq!(
            run.seen[4..],
            [
                "SendRequest",
                "SaveCache throttle",
                "Pause",
                "LoadCache throttle",
                "SendRequest",
                "SaveCache token",
                "Done"
            ]
        );
        assert_eq!(run.waits, [seconds(7)]);
        assert_eq!(run.token().attempts(), 2);
    }
}

/// IMP-05, IMP-06: credential before region (rule 16), and nothing is sent.
#[test]
fn mutual_tls_without_a_region_is_an_error_after_the_provider_was_asked_once() {
    let client = builder(Credential::signed_assertion_provider())
        .build()
        .expect("a client");
    for (request, code) in [
        (bearer(), "mtls_bearer_without_region"),
        (pop(), "mtls_pop_without_region"),
    ] {
        let run = run(Script::new().pairs([pair(1)]), request, &client);
        assert_eq!(run.error().code(), code);
        assert_eq!(run.asked.len(), 1);
        assert!(run.sent.is_empty());
    }
    // IMP-04, IMP-07: without a certificate the region is no matter.
    let unbound = run(Script::new(), pop(), &client);
    assert_eq!(unbound.error().code(), "mtls_certificate_not_provided");
    let plain = run(Script::new(), bearer(), &client);
    assert_eq!(plain.request().host, "login.microsoftonline.com");
}

/// IMP-08.
#[test]
fn the_optional_policy_goes_to_the_global_host() {
    let client = builder(Credential::signed_assertion_provider())
        .region_policy(RegionPolicy::Optional)
        .build()
        .expect("a client");
    for request in [bearer(), pop()] {
        let run = run(Script::new().pairs([pair(1)]), request, &client);
        assert_eq!(run.request().host, "mtlsauth.microsoft.com");
        assert_eq!(run.request().certificate, Some(thumbprint(P256, 1)));
    }
}

/// IMP-23: rule 14.
#[test]
fn a_provider_that_fails_is_named_and_asked_again_next_time() {
    let client = client(Credential::signed_assertion_provider());
    let mut script = Script::new().provider_fails();
    let failed = script.run(&plan(bearer(), &client));
    assert_eq!(failed.error().code(), "assertion_provider_failed");
    assert_eq!(failed.error().reported(), Some("CANARY in foreign words"));
    assert_silent(&failed.error().to_string());
    assert!(script.memory.is_empty());
    let next = script.run(&plan(bearer(), &client));
    assert_eq!(next.asked.len(), 1);
    assert!(next.done.result().is_ok());
}

/// IMP-25: judged before a missing certificate.
#[test]
fn a_blank_assertion_is_said_first() {
    let client = client(Credential::signed_assertion_provider());
    for text in ["", " ", "\t\n"] {
        for request in [bearer(), pop()] {
            let blank = ClientAssertion::new(Secret::new(text));
            let bound = ClientAssertion::bound(Secret::new(text), numbered(P256, 1));
            for answer in [blank, bound] {
                let run = run(Script::new().pairs([answer]), request.clone(), &client);
                assert_eq!(run.error().code(), "invalid_client_assertion");
                assert!(run.sent.is_empty());
            }
        }
    }
}

/// CFG-06, CFG-07, in a pair: found out before anything is sent.
#[test]
fn a_pair_with_an_unusable_certificate_is_refused() {
    let client = client(Credential::signed_assertion_provider());
    let rows = [
        (
            numbered(P256, 1).without_private_key(),
            "cert_without_private_key",
        ),
        (CertificateChain::new(vec![]), "cryptographic_error"),
        (CertificateChain::new(&P256[..300]), "cryptographic_error"),
        (
            CertificateChain::new([P256, &[0]].concat()),
            "cryptographic_error",
        ),
    ];
    for (chain, code) in rows {
        let pair = ClientAssertion::bound(Secret::new("CANARY.jwt"), chain);
        let run = run(Script::new().pairs([pair]), bearer(), &client);
        assert_eq!(run.error().code(), code);
        assert!(run.sent.is_empty());
    }
}

/// IMP-18: rule 3.
#[test]
fn every_call_of_the_provider_is_told_the_same() {
    let builder = builder(Credential::signed_assertion_provider()).capabilities(["cp1"]);
    let client = in_region(builder, "westus3");
    let request = bearer()
        .claims(r#"{"access_token":{"nbf":{"essential":true}}}"#)
        .assertion_fmi_path("a/path")
        .tenant("fabrikam.com")
        .correlation_id("33333333-3333-3333-3333-333333333333");
    let script = Script::new()
        .pairs([alone(1), pair(2)])
        .answers([answer(500, "")]);
    let run = run(script, request, &client);
    assert_eq!(run.asked.len(), 2);
    assert_eq!(run.asked[0], run.asked[1]);
    let told = &run.asked[0];
    assert_eq!(told.client_id(), "11111111-1111-1111-1111-111111111111");
    assert_eq!(told.tenant(), Some("fabrikam.com"));
    assert_eq!(
        told.authority(),
        "https://login.microsoftonline.com/fabrikam.com"
    );
    assert_eq!(
        told.token_endpoint(),
        "https://login.microsoftonline.com/fabrikam.com/oauth2/v2.0/token"
    );
    assert_eq!(told.capabilities(), ["cp1"]);
    assert_eq!(
        told.claims(),
        Some(r#"{"access_token":{"nbf":{"essential":true}}}"#)
    );
    assert_eq!(told.fmi_path(), Some("a/path"));
    assert_eq!(
        told.correlation_id(),
        "33333333-3333-3333-3333-333333333333"
    );
    // The path is the provider's alone; the claims are merged for the service (rule 11).
    for sent in &run.sent {
        assert_eq!(sent.field("fmi_path"), None);
        assert!(sent.field("claims").expect("claims").contains("cp1"));
    }
}

/// Rule 13: handed out, and not remembered for longer than it could serve.
#[test]
fn a_pop_token_ends_with_its_certificate() {
    // An hour after the script begins.
    let pair = ClientAssertion::bound(Secret::new("CANARY.jwt"), ending(P256, b"270101010000Z"));
    let client = client(Credential::signed_assertion_provider());
    for (request, life) in [(pop(), 3_600), (bearer(), 86_400)] {
        let script = Script::new().pairs([pair.clone()]).answers([granting(
            if life == 3_600 { "mtls_pop" } else { "Bearer" },
            "CANARY",
            ",\"expires_in\":86400",
        )]);
        assert_eq!(
            run(script, request, &client).token().expires_in(),
            seconds(life)
        );
    }
}

/// I20.
#[test]
fn a_cache_that_fails_spoils_nothing() {
    let run = run(Script::new().cache_fails(), bearer(), &client(secret()));
    assert!(run.done.result().is_ok());
    assert_eq!(run.sent.len(), 1);
}

/// RUN-15, X45: giving up has nothing to undo.
#[test]
fn run15_a_dropped_step_leaves_the_memory_as_it_was() {
    let client = builder(Credential::signed_assertion_provider())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    let plan = plan(pop(), &client);
    let whole = Script::new()
        .pairs([pair(1), pair(1)])
        .answers([answer(500, "")])
        .run(&plan);
    for length in 0..whole.seen.len() {
        let mut script = Script::new()
            .pairs([pair(1), pair(1)])
            .answers([answer(500, "")]);
        let mut record = Record::default();
        let mut step = plan.clone().start(seed(7), START);
        for _ in 0..length {
            step = script.answer(step, &mut record);
        }
        let before = (script.memory.len(), script.memory.bytes());
        let saves = whole.seen[..length]
            .iter()
            .filter(|name| name.starts_with("SaveCache"))
            .count();
        assert_eq!(before.0, saves, "nothing is remembered but by saving");
        drop(step);
        assert_eq!((script.memory.len(), script.memory.bytes()), before);
        // The next flow is not hindered.
        let mut script = script.pairs([pair(1), pair(1)]);
        assert!(
            script.run(&plan).done.result().is_ok(),
            "dropped after {length}"
        );
    }
}

#[test]
fn coming_back_early_from_a_pause_gives_the_same_pause() {
    let plan = plan(bearer(), &client(secret()));
    let mut script = Script::new().answers([answer(500, "")]);
    let mut record = Record::default();
    let mut step = plan.start(seed(7), START);
    while name(&step) != "Pause" {
        step = script.answer(step, &mut record);
    }
    let Step::Pause(pause) = step else {
        unreachable!()
    };
    let until = pause.until();
    let Step::Pause(again) = pause.resume(START) else {
        panic!("it was too early to go on")
    };
    assert_eq!(again.until(), until);
}

/// I02.
#[test]
fn the_same_seed_gives_the_same_flow() {
    let client = client(Credential::certificate(numbered(P256, 1)));
    let flow = |number| {
        let mut step = plan(bearer(), &client).start(seed(number), START);
        let (mut script, mut record) = (Script::new(), Record::default());
        loop {
            step = match step {
                Step::SendRequest(send) => {
                    return (
                        send.request().headers().clone(),
                        send.request().body().clone(),
                    );
                }
                step => script.answer(step, &mut record),
            };
        }
    };
    assert_eq!(flow(1), flow(1));
    assert_ne!(flow(1), flow(2));
}

#[test]
fn a_step_is_an_ordinary_value() {
    fn ordinary<T: Send + Sync + Unpin + std::fmt::Debug + 'static>() {}
    ordinary::<Step>();
    ordinary::<Plan>();
    ordinary::<Done>();
    ordinary::<Error>();
    ordinary::<Memory>();
    // It is moved at every turn of a driver's loop.
    assert!(size_of::<Step>() <= 512, "{} bytes", size_of::<Step>());
}
