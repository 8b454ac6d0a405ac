//! What is remembered, what serves and what is renewed.

use entra_proto::*;

use crate::certificates::{P256, thumbprint};
use crate::clients::{SCOPE, bearer, builder, client, in_region, plan, pop, run, secret};
use crate::script::{START, Script, answer, failure, granting, pair, seconds, seed};
use crate::users::{for_alice, redeeming, refreshing};

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

/// Rules 4 and 11: a driver may hold on to what every flow would find where it looks first, and to nothing else.
#[test]
fn only_what_every_flow_would_find_may_be_held() {
    let asking = client(Credential::signed_assertion_provider());
    let isolated = builder(Credential::signed_assertion_provider())
        .bearer_isolation(BearerIsolation::PerCertificate);
    let isolated = in_region(isolated, "westus3");
    let by_secret = client(secret());
    for (request, client, may_be_held) in [
        (bearer(), &by_secret, true),
        (bearer(), &asking, true),
        (for_alice(SCOPE), &by_secret, true),
        (bearer().claims("{}"), &by_secret, false),
        (bearer().bypassing_cache(), &by_secret, false),
        (redeeming(), &by_secret, false),
        (refreshing(), &by_secret, false),
        (pop(), &asking, false),
        (pop().offering(thumbprint(P256, 1)), &asking, false),
        (bearer(), &isolated, false),
    ] {
        let plan = plan(request, client);
        let held_under = plan.held_under().cloned();
        assert_eq!(held_under.is_some(), may_be_held, "{plan:?}");
        if may_be_held {
            let Step::LoadCache(load) = plan.start(seed(7), START) else {
                panic!("it looks first");
            };
            assert_eq!(held_under.as_ref(), Some(load.key()));
        }
    }
}

/// I15: a token is found without a plan where nothing but tenant and scopes is in its key, and it is the one that the plan finds.
#[test]
fn i15_the_plainest_requests_are_looked_for_without_a_plan() {
    const GUID: &str = "22222222-2222-4222-8222-22222222222a";
    let by_secret = client(secret());
    let isolated = builder(secret()).bearer_isolation(BearerIsolation::PerCertificate);
    let isolated = in_region(isolated, "westus3");
    let at = |authority: &str| Client::builder("app", authority, secret()).build();
    let adfs = at("https://adfs.example.com/adfs").expect("a client");
    let in_guid = at(&format!("https://login.microsoftonline.com/{GUID}")).expect("a client");
    for (request, client, is_plain) in [
        (bearer(), &by_secret, true),
        (bearer(), &in_guid, true),
        (bearer(), &adfs, true),
        (bearer().tenant(GUID), &by_secret, true),
        (bearer().deadline(seconds(1)), &by_secret, true),
        (bearer().offering(thumbprint(P256, 1)), &by_secret, true),
        (TokenRequest::for_app(["b A", "a"]), &by_secret, true),
        // These are none.
        (TokenRequest::for_app([" "]), &by_secret, false),
        (bearer().tenant("a/b"), &by_secret, false),
        (bearer().tenant(GUID), &adfs, false),
        // These are, and it takes a plan to say of what key.
        (bearer().tenant("fabrikam.com"), &by_secret, false),
        (bearer().tenant(GUID.to_uppercase()), &by_secret, false),
        (bearer(), &isolated, false),
        (for_alice(SCOPE), &by_secret, false),
        (bearer().fmi_path("a"), &by_secret, false),
        (bearer().assertion_fmi_path("a"), &by_secret, false),
        (bearer().partition("a"), &by_secret, false),
        (bearer().client_claims("{}"), &by_secret, false),
        (bearer().assertion_claims("{}"), &by_secret, false),
        (bearer().body_parameter("a", "b"), &by_secret, false),
        (bearer().query_parameter("a", "b"), &by_secret, false),
        (bearer().correlation_id(GUID), &by_secret, false),
        // These are not remembered, or not where everybody finds them.
        (bearer().claims("{}"), &by_secret, false),
        (bearer().bypassing_cache(), &by_secret, false),
        (pop(), &by_secret, false),
        (redeeming(), &by_secret, false),
        (refreshing(), &by_secret, false),
    ] {
        let look = request.look(client);
        assert_eq!(look.is_some(), is_plain, "{request:?}");
        let Some(look) = look else { continue };
        let plan = plan(request.clone(), client);
        assert_eq!(plan.look(), Some(look));
        let mut script = Script::new();
        assert!(script.memory.hit(&look, script.now).is_none());
        let fetched = script.run(&plan);
        let hit = script.memory.hit(&look, script.now).expect("a hit");
        assert_eq!(hit.secret(), fetched.token().secret());
        assert_eq!(script.hit(&plan), Some(hit));
    }
    // It says where, and nothing that callers keep to themselves.
    let request = bearer().tenant(GUID);
    let shown = format!("{:?}", request.look(&by_secret));
    assert!(shown.contains(GUID) && shown.contains(SCOPE), "{shown}");
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
fn i13_no_kind_of_token_answers_for_the_other() {
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
fn i25_whoever_waited_for_a_flight_that_failed_gets_its_error() {
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
fn i21_a_failed_renewal_hides_nothing() {
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

/// I20.
#[test]
fn a_cache_that_fails_spoils_nothing() {
    let run = run(Script::new().cache_fails(), bearer(), &client(secret()));
    assert!(run.done.result().is_ok());
    assert_eq!(run.sent.len(), 1);
}
