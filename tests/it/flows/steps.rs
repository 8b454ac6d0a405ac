//! Steps as values: their number, dropping them, coming back early, the same ones again.

use entra_proto::*;

use crate::certificates::{P256, numbered, thumbprint};
use crate::clients::{SCOPE, bearer, builder, client, plan, pop, secret};
use crate::journey::MOST_STEPS;
use crate::script::{Record, START, Script, alone, answer, name, pair, seconds, seed, with_header};
use crate::users::{for_alice, redeeming};

/// I04: the bound of the random walks is the length of the second.
#[test]
fn i04_the_longest_flows_end() {
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

/// RUN-15, X45: giving up has nothing to undo.
#[test]
fn run15_i20_a_dropped_step_leaves_the_memory_as_it_was() {
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
fn i02_the_same_seed_gives_the_same_flow() {
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
