//! How a flow went, told beside its token and beside its error: what came of the cache, where the region came from, how often
//! what was sent where, and how long it took by the script's clock.

use entra_proto::*;

use crate::clients::{SCOPE, bearer, builder, client, plan, pop, run, secret};
use crate::script::{
    ALICE, Run, Script, alone, answer, failure, granting, granting_user, pair, seconds, with_header,
};
use crate::users::{for_alice, redeeming};

/// Of a token or of an error.
#[track_caller]
fn metadata(run: &Run) -> &Metadata {
    match run.done.result() {
        Ok(token) => token.metadata(),
        Err(error) => error.metadata().expect("an error of a flow"),
    }
}

fn durations(run: &Run) -> [u64; 3] {
    let of = metadata(run);
    [of.total(), of.http(), of.credential()].map(|time| time.as_secs())
}

/// D14: the same facts, by every getter.
#[test]
fn d14_token_and_error_tell_how_their_flow_went() {
    let id = "33333333-3333-3333-3333-333333333333";
    let client = client(Credential::signed_assertion_provider());
    let granted = granting("Bearer", "CANARY", ",\"expires_in\":9");
    for second in [granted, answer(400, r#"{"error":"x"}"#)] {
        let script = Script::new()
            .pairs([alone(1), pair(2)])
            .answers([answer(503, ""), second]);
        let run = run(script, bearer().correlation_id(id), &client);
        let of = metadata(&run);
        assert_eq!((of.attempts(), of.correlation_id()), (2, Some(id)));
        // Of the latest attempt.
        let url = "https://westus3.mtlsauth.microsoft.com/contoso.com/oauth2/v2.0/token";
        assert_eq!(of.token_endpoint(), Some(url));
        assert_eq!(of.region().map(Region::as_str), Some("westus3"));
        assert_eq!(of.region_origin(), RegionOrigin::Configured);
        assert_eq!(of.cache(), CacheOutcome::Missing);
        match run.done.result() {
            Ok(token) => {
                assert_eq!((token.attempts(), token.correlation_id()), (2, Some(id)));
                assert_eq!(token.token_endpoint(), Some(url));
                assert_eq!(token.region(), of.region());
            }
            Err(error) => assert_eq!((error.attempts(), error.correlation_id()), (2, Some(id))),
        }
    }
    // Before a flow begins there is nothing to tell.
    let error = TokenRequest::for_app([""]).plan(&client).unwrap_err();
    assert!(error.metadata().is_none() && error.correlation_id().is_none());
}

#[test]
fn what_came_of_the_cache_is_told() {
    let ours = client(secret());
    let plan = |request: TokenRequest| plan(request, &ours);
    let life = ",\"expires_in\":3600,\"refresh_in\":600";
    let mut script = Script::new().answers([granting("Bearer", "CANARY-1", life)]);
    let missing = script.run(&plan(bearer()));
    assert_eq!(metadata(&missing).cache(), CacheOutcome::Missing);
    let hit = script.run(&plan(bearer()));
    assert_eq!(metadata(&hit).cache(), CacheOutcome::Hit);
    assert_eq!(
        (metadata(&hit).attempts(), metadata(&hit).token_endpoint()),
        (0, None)
    );
    // The region that the remembered token came from.
    assert_eq!(metadata(&hit).region().map(Region::as_str), Some("westus3"));
    for request in [
        bearer().bypassing_cache(),
        bearer().claims("{}"),
        redeeming(),
    ] {
        let bypassed = script.run(&plan(request));
        assert_eq!(metadata(&bypassed).cache(), CacheOutcome::Bypassed);
    }
    let mut script = script.answers([granting("Bearer", "CANARY-2", life)]);
    script.run(&plan(bearer().bypassing_cache()));
    script.pass(seconds(1_000));
    let mut due = script.run(&plan(bearer()));
    assert_eq!(metadata(&due).cache(), CacheOutcome::Hit);
    let renewal = due.done.take_renewal().expect("a renewal");
    let mut script = script.answers([granting("Bearer", "CANARY-3", ",\"expires_in\":400")]);
    let renewed = script.run(&renewal);
    assert_eq!(metadata(&renewed).cache(), CacheOutcome::Renewed);
    // Within five minutes of its end.
    script.pass(seconds(101));
    let expired = script.run(&plan(bearer()));
    assert_eq!(metadata(&expired).cache(), CacheOutcome::Expired);
    // Another set of scopes is another token.
    let other = script.run(&plan(TokenRequest::for_app(["other"])));
    assert_eq!(metadata(&other).cache(), CacheOutcome::Missing);
}

/// On errors too; and before the look there is nothing to tell of it.
#[test]
fn what_came_of_the_cache_is_told_beside_an_error() {
    let refused = || answer(400, r#"{"error":"invalid_client"}"#);
    let app = client(secret());
    let missing = run(Script::new().answers([refused()]), bearer(), &app);
    assert_eq!(metadata(&missing).cache(), CacheOutcome::Missing);
    let bypassed = run(Script::new().answers([refused()]), redeeming(), &app);
    assert_eq!(metadata(&bypassed).cache(), CacheOutcome::Bypassed);
    let unknown = run(Script::new(), for_alice(SCOPE), &app);
    assert_eq!(metadata(&unknown).cache(), CacheOutcome::Missing);
    let by_pair = client(Credential::signed_assertion_provider());
    let unread = run(Script::new().provider_fails(), pop(), &by_pair);
    assert_eq!(metadata(&unread).cache(), CacheOutcome::NotRead);
    assert_eq!(metadata(&unread).attempts(), 0);
}

#[test]
fn where_the_region_came_from_is_told() {
    let built = |source: RegionSource, variable: (&'static str, &'static str)| {
        let environment =
            Environment::read(|name| (name == variable.0).then(|| variable.1.to_owned()));
        let builder = builder(secret()).region(source).environment(environment);
        builder.build().expect("a client")
    };
    let named = || RegionSource::Named("WestUS3".to_owned());
    let auto = || RegionSource::Named("TryAutoDetect".to_owned());
    use RegionOrigin as From;
    for (source, variable, origin, region) in [
        (RegionSource::Unset, ("", ""), From::None, None),
        (named(), ("MSAL_DISABLE_REGION", "1"), From::None, None),
        (
            named(),
            ("MSAL_FORCE_REGION", "forced"),
            From::Configured,
            Some("westus3"),
        ),
        (
            RegionSource::Unset,
            ("MSAL_FORCE_REGION", "forced"),
            From::Forced,
            Some("forced"),
        ),
        (
            RegionSource::Discover,
            ("REGION_NAME", "East US 2"),
            From::Variable,
            Some("eastus2"),
        ),
        (
            auto(),
            ("REGION_NAME", "x.y"),
            From::MetadataService,
            Some("eastus"),
        ),
        (
            RegionSource::Discover,
            ("", ""),
            From::MetadataService,
            Some("eastus"),
        ),
    ] {
        let client = built(source.clone(), variable);
        for refused in [false, true] {
            let refusal = answer(401, r#"{"error":"invalid_client"}"#);
            let mut script = Script::new().answers(refused.then_some(refusal));
            let run = script.run(&plan(bearer(), &client));
            assert_eq!(run.done.result().is_err(), refused);
            let of = metadata(&run);
            assert_eq!(of.region_origin(), origin, "{source:?} {variable:?}");
            assert_eq!(of.region().map(Region::as_str), region);
            // Found in an earlier flow.
            let later = script.run(&plan(bearer().bypassing_cache(), &client));
            let expected = match origin {
                From::MetadataService => From::Remembered,
                origin => origin,
            };
            assert_eq!(metadata(&later).region_origin(), expected);
        }
    }
    // Another kind of authority has none.
    let dsts = Client::builder("app", "https://x.example/dstsv2/contoso.com", secret());
    let dsts = dsts.region(named()).build().expect("a client");
    assert_eq!(
        metadata(&run(Script::new(), bearer(), &dsts)).region_origin(),
        From::None
    );
}

#[test]
fn a_region_that_was_not_found_is_told() {
    let builder = builder(secret()).region(RegionSource::Discover);
    let client = builder.build().expect("a client");
    let mut script = Script::new().regions([Err(failure(FailureKind::Timeout))]);
    for _ in 0..2 {
        let run = script.run(&plan(bearer().bypassing_cache(), &client));
        assert_eq!(metadata(&run).region_origin(), RegionOrigin::Failed);
        assert_eq!(metadata(&run).region(), None);
    }
}

/// All attempts and discoveries are in it, and so is waiting in the whole.
#[test]
fn how_long_what_took_is_told() {
    let client = Client::builder(
        "app",
        "https://unknown.example/contoso.com",
        Credential::certificate_provider(),
    );
    let client = client
        .region(RegionSource::Discover)
        .build()
        .expect("a client");
    for refused in [false, true] {
        let last = if refused {
            answer(400, r#"{"error":"x"}"#)
        } else {
            granting("Bearer", "CANARY", ",\"expires_in\":60")
        };
        let script = Script::new()
            .regions([answer(400, ""), answer(404, "")])
            .answers([answer(503, ""), last])
            .signer_fails(FailureKind::UnsupportedAlgorithm)
            .takes("LoadCache token", seconds(1))
            .takes("TakeTurn token", seconds(2))
            .takes("ObtainCertificate", seconds(4))
            .takes("DiscoverRegion", seconds(8))
            .takes("DiscoverRegion", seconds(16))
            .takes("DiscoverInstance", seconds(32))
            .takes("SignAssertion", seconds(64))
            .takes("SignAssertion", seconds(128))
            .takes("SendRequest", seconds(256))
            .takes("ObtainCertificate", seconds(512))
            .takes("SignAssertion", seconds(1_024))
            .takes("SendRequest", seconds(2_048))
            .takes("SaveCache token", seconds(4_096));
        let run = run(script, bearer().deadline(seconds(10_000)), &client);
        let http = 8 + 16 + 32 + 256 + 2_048;
        let credential = 4 + 64 + 128 + 512 + 1_024;
        let [total, of_http, of_credential] = durations(&run);
        assert_eq!((of_http, of_credential), (http, credential));
        let saving = if refused { 0 } else { 4_096 };
        // And by chance a fraction of a second more.
        let pause = 1;
        assert_eq!(
            total,
            1 + 2 + http + credential + saving + pause,
            "{:?}",
            run.waits
        );
    }
}

#[test]
fn a_hit_took_what_its_look_took() {
    let by_pair = client(Credential::signed_assertion_provider());
    let plan = plan(pop(), &by_pair);
    let mut script = Script::new().pairs([pair(1), pair(1)]);
    script.run(&plan);
    let mut script = script
        .takes("ObtainAssertion", seconds(3))
        .takes("LoadCache token", seconds(2));
    assert_eq!(durations(&script.run(&plan)), [5, 0, 3]);
}

/// The service knows nothing of a hit; so it goes by the caller's own id or by none, on the short way as well.
#[test]
fn a_hit_goes_by_the_callers_own_id() {
    let client = client(secret());
    let id = "33333333-3333-3333-3333-333333333333";
    let mut script = Script::new();
    script.run(&plan(bearer(), &client));
    for (request, named) in [(bearer(), None), (bearer().correlation_id(id), Some(id))] {
        let plan = plan(request, &client);
        let short = script.hit(&plan).expect("a hit");
        assert_eq!(short.correlation_id(), named);
        let run = script.run(&plan);
        assert_eq!(metadata(&run).correlation_id(), named);
        assert_eq!(metadata(&run), short.metadata());
        let shown = format!("{:?}", short.metadata());
        assert!(
            shown.contains("Hit") && shown.contains(named.unwrap_or("None")),
            "{shown}"
        );
    }
}

/// RUN-03: whoever waited sent nothing, and waited; the id is that of the flow that failed, which the service's logs know.
#[test]
fn run03_whoever_waited_tells_its_own_flow_and_the_leaders_id() {
    let client = client(secret());
    let id = |digit: char| digit.to_string().repeat(8) + "-3333-3333-3333-333333333333";
    let refused = answer(400, r#"{"error":"invalid_client"}"#);
    let leader = Script::new()
        .answers([refused])
        .run(&plan(bearer().correlation_id(id('1')), &client));
    let waiter = Script::new()
        .waits_for_error(leader.error().clone())
        .takes("TakeTurn token", seconds(7))
        .run(&plan(bearer().correlation_id(id('2')), &client));
    assert_eq!(durations(&waiter), [7, 0, 0]);
    let of = metadata(&waiter);
    assert_eq!((of.attempts(), of.token_endpoint()), (0, None));
    assert_eq!(of.correlation_id(), Some(id('1').as_str()));
    assert_eq!(of.cache(), CacheOutcome::Missing);
    // An error that no flow made is this flow's.
    let given_up = Script::new()
        .waits_for_error(Error::deadline_passed())
        .run(&plan(bearer().correlation_id(id('2')), &client));
    assert_eq!(metadata(&given_up).correlation_id(), Some(id('2').as_str()));

    // Whoever waited for a token has a hit, under an id of its own.
    let leader = plan(bearer().correlation_id(id('1')), &client);
    let mut script = Script::new()
        .waits_for(&leader)
        .takes("SendRequest", seconds(9));
    let waiter = script.run(&plan(bearer().correlation_id(id('2')), &client));
    let of = metadata(&waiter);
    assert_eq!((of.cache(), of.attempts()), (CacheOutcome::Hit, 0));
    assert_eq!(of.correlation_id(), Some(id('2').as_str()));
    assert_eq!(durations(&waiter), [9, 0, 0]);
}

/// What needs no network tells that too.
#[test]
fn an_error_before_the_network_tells_no_endpoint() {
    let nowhere = builder(Credential::signed_assertion_provider())
        .build()
        .expect("a client");
    let script = Script::new()
        .pairs([pair(1)])
        .takes("ObtainAssertion", seconds(5));
    let run = run(script, bearer(), &nowhere);
    assert_eq!(run.error().code(), "mtls_bearer_without_region");
    assert_eq!(metadata(&run).token_endpoint(), None);
    assert_eq!(durations(&run), [5, 0, 5]);
}

/// Whoever is told of a remembered refusal is told the id of the flow that was refused, and everything else of its own.
#[test]
fn run12_whoever_is_told_to_wait_is_told_the_id_that_the_service_knows() {
    let client = client(secret());
    let id = |digit: char| digit.to_string().repeat(8) + "-3333-3333-3333-333333333333";
    let busy = with_header(answer(429, ""), "retry-after", "60");
    let mut script = Script::new().answers([busy]);
    let first = bearer().deadline(seconds(5)).correlation_id(id('1'));
    let first = script.run(&plan(first, &client));
    assert_eq!(
        (first.error().attempts(), metadata(&first).correlation_id()),
        (1, Some(id('1').as_str()))
    );
    let mut script = script.takes("LoadCache throttle", seconds(3));
    let told = script.run(&plan(bearer().correlation_id(id('2')), &client));
    assert_eq!(told.error().code(), "request_throttled");
    assert_eq!(told.error().retry_in(), Some(seconds(57)));
    let of = metadata(&told);
    assert_eq!(of.correlation_id(), Some(id('1').as_str()));
    assert_eq!((of.attempts(), of.token_endpoint()), (0, None));
    assert_eq!(durations(&told), [3, 0, 0]);
}

/// Saving is a part of the flow, also where the refresh token is all that is saved.
#[test]
fn the_whole_time_is_told_though_only_a_refresh_token_was_saved() {
    let client = client(secret());
    let script = Script::new()
        .answers([granting_user("Bearer", ALICE, 1, ",\"expires_in\":0")])
        .takes("SaveCache refresh token", seconds(4));
    let run = run(script, redeeming(), &client);
    assert_eq!(
        run.seen.last_chunk(),
        Some(&["SaveCache refresh token", "Done"])
    );
    assert_eq!(durations(&run), [4, 0, 0]);
}
