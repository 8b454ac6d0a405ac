//! Where to send: regions and hosts that have to be asked about.

use entra_proto::*;

use crate::clients::{bearer, builder, plan, run, secret};
use crate::script::{Script, answer, failure, pair, seconds};

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

/// The metadata service's largest answer is read, and a longer one is none, whatever it says.
#[test]
fn a_metadata_service_may_say_as_much_as_the_step_says() {
    let client = builder(secret())
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    for (more, read) in [(0, true), (1, false), (9_000, false)] {
        let mut versions = br#"{"newest-versions":["2025-04-07"]}"#.to_vec();
        versions.resize(64 * 1_024 + more, b' ');
        let script = Script::new().regions([
            answer(400, "{}"),
            answer(400, versions),
            answer(200, r#"{"location":"westeurope"}"#),
        ]);
        let run = { script }.run(&plan(bearer(), &client));
        let region = run.token().region().map(|region| region.as_str());
        assert_eq!(region, read.then_some("westeurope"), "{more} more");
    }
}

/// An OpenID provider's document serves for a day, as an instance does.
#[test]
fn an_openid_document_is_fetched_once_a_day() {
    let authority = Authority::oidc("https://issuer.example").expect("an authority");
    let client = Client::builder("app", authority, secret()).build();
    let plan = plan(bearer().bypassing_cache(), &client.expect("a client"));
    let document = || answer(200, r#"{"token_endpoint":"https://issuer.example/t"}"#);
    let mut script = Script::new().instances([document(), document()]);
    for (passed, fetched) in [(0, true), (86_399, false), (1, true), (86_399, false)] {
        script.pass(seconds(passed));
        let run = script.run(&plan);
        assert_eq!(run.request().host, "issuer.example");
        let seen = run.seen.contains(&"DiscoverInstance");
        assert_eq!(seen, fetched, "after {passed} s");
    }
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
