//! Second attempts, and services that want to be left alone.

use entra_proto::*;

use crate::certificates::{P256, RSA, numbered, parsed, thumbprint};
use crate::clients::{bearer, client, plan, pop, run, secret};
use crate::script::{Script, alone, answer, failure, pair, seconds, with_header};

/// IMP-21: rule 3.
#[test]
fn i10_a_retry_takes_the_new_pair_whole() {
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
fn i26_a_retry_signs_anew() {
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
fn i28_a_throttled_host_says_nothing_of_another() {
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
fn i27_a_retry_after_that_fits_the_deadline_is_waited_for() {
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

/// A pause that is over after the end of time would never be over.
#[test]
fn at_the_end_of_time_there_is_no_second_attempt() {
    let end = Now::from_nanos(u64::MAX, u64::MAX);
    let begun = plan(bearer(), &client(secret())).start(Seed::from_bytes([7; 32]), end);
    let looked = |step: Step| {
        let Step::LoadCache(load) = step else {
            panic!("the cache is looked into: {step:?}")
        };
        load.resume(Ok(Partition::default()), end)
    };
    let Step::TakeTurn(take) = looked(begun) else {
        panic!("nothing is remembered")
    };
    let Step::SendRequest(send) = looked(looked(take.resume(Turn::Mine, end))) else {
        panic!("nothing keeps it from asking")
    };
    assert_eq!(send.deadline(), end.monotonic());
    let Step::Done(done) = send.resume(answer(500, ""), end) else {
        panic!("there is no time left")
    };
    assert!(done.into_result().is_err());
}
