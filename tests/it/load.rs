//! Ten thousand callers, a thousand flows, a hundred keys: many at once over one memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entra_proto::*;

use crate::certificates::{P256, numbered, thumbprint};
use crate::script::{Answer, answer, failure, granting, seconds};
use crate::turns::Crowd;

fn client(credential: Credential, region: RegionSource) -> Client {
    let authority = "https://login.microsoftonline.com/contoso.com";
    let builder = Client::builder("app", authority, credential).region(region);
    builder.build().expect("a client")
}

fn westus3() -> RegionSource {
    RegionSource::Named("westus3".to_owned())
}

fn secret() -> Credential {
    Credential::secret(Secret::new("CANARY-secret"))
}

fn certificate() -> Credential {
    Credential::certificate(numbered(P256, 1))
}

fn plan(request: TokenRequest, client: &Client) -> Plan {
    request.plan(client).expect("a plan")
}

/// A plan for each of so many scopes: as many flights.
fn plans(count: usize, client: &Client) -> Vec<Plan> {
    (0..count)
        .map(|number| plan(TokenRequest::for_app([format!("scope{number}")]), client))
        .collect()
}

fn no_region() -> Answer {
    answer(404, "")
}

/// RUN-01, and HTTP-04 with one certificate.
#[test]
fn run01_http04_i22_ten_thousand_callers_make_one_request() {
    let bearer = TokenRequest::for_app(["scope"]);
    for (credential, request) in [
        (secret(), bearer.clone()),
        (certificate(), bearer.proof_of_possession()),
    ] {
        let plan = plan(request, &client(credential, westus3()));
        let mut crowd = Crowd::new();
        crowd.join_all(std::iter::repeat_n(&plan, 10_000));
        assert_eq!(crowd.outside.len(), 1, "one of them leads");
        crowd.grant_all(&no_region());
        assert_eq!(crowd.sent.len(), 1);
        let leader = crowd.token(0);
        for number in 1..10_000 {
            let token = crowd.token(number);
            assert_eq!(token.secret(), leader.secret());
            assert_eq!(token.binding_certificate(), leader.binding_certificate());
            assert_eq!((token.source(), token.attempts()), (TokenSource::Cache, 0));
        }
        assert!(crowd.queues.is_empty(), "the key is free");
    }
}

/// RUN-03: those who waited for a failure neither hang nor send; RUN-04: those who waited for a leader that gave up go on.
#[test]
fn run03_run04_i23_i25_a_thousand_wait_for_a_leader_that_fails_or_gives_up() {
    let plan = plan(
        TokenRequest::for_app(["scope"]),
        &client(secret(), westus3()),
    );
    let mut crowd = Crowd::new();
    crowd.join_all(std::iter::repeat_n(&plan, 1_000));
    crowd.answer(0, answer(400, r#"{"error":"invalid_scope"}"#));
    let codes: BTreeSet<&str> = (0..1_000)
        .map(|number| crowd.result(number).as_ref().expect_err("refused").code())
        .collect();
    assert_eq!((codes, crowd.sent.len()), (["invalid_scope"].into(), 1));

    let mut crowd = Crowd::new();
    crowd.join_all(std::iter::repeat_n(&plan, 1_000));
    for number in 0..999 {
        assert_eq!(crowd.outside, [number].into(), "one leads at a time");
        crowd.give_up(number);
    }
    crowd.grant_all(&no_region());
    assert!(crowd.token(999).source() == TokenSource::Network && crowd.queues.is_empty());
}

/// RUN-05: one of a hundred keys stalls. The others end, and hits do not wait, not even for the stalled key's tokens.
#[test]
fn run05_i24_a_stalled_key_delays_no_other() {
    let client = client(secret(), westus3());
    let plans = plans(100, &client);
    let mut crowd = Crowd::new();
    crowd.join_all(&plans);
    let region = no_region();
    let stalled = 17;
    for number in (0..100).filter(|number| *number != stalled) {
        let granted = granting("Bearer", "CANARY", ",\"expires_in\":3600");
        crowd.answer(number, granted);
    }
    for (number, plan) in plans.iter().enumerate() {
        assert_eq!(crowd.is_over(number), number != stalled);
        let again = crowd.join(plan);
        assert_eq!(crowd.is_over(again), number != stalled, "a hit at once");
    }
    assert_eq!(crowd.sent.len(), 100);
    crowd.grant_all(&region);
    assert!((0..200).all(|number| crowd.is_over(number)));
    assert_eq!(crowd.sent.len(), 100);
}

/// RUN-06: ten thousand hits on a token that gets old are served at once, and all that renew become one.
#[test]
fn run06_ten_thousand_hits_make_one_renewal() {
    let plan = plan(
        TokenRequest::for_app(["scope"]),
        &client(secret(), westus3()),
    );
    let mut crowd = Crowd::new();
    crowd.join(&plan);
    let old = granting(
        "Bearer",
        "CANARY-old",
        ",\"expires_in\":3600,\"refresh_in\":1800",
    );
    crowd.answer(0, old);
    // Past `refresh_in` and its jitter, which is a tenth of it at most.
    crowd.now = crowd.now.after(seconds(1_981));
    crowd.join_all(std::iter::repeat_n(&plan, 10_000));
    let mut renewals = Vec::new();
    for flow in &mut crowd.flows[1..] {
        let done = flow.over.as_mut().expect("a hit at once");
        let token = done.result().as_ref().expect("a token");
        assert_eq!(token.secret().expose(), "CANARY-old");
        assert!(token.renewal_is_due());
        renewals.extend(done.take_renewal());
    }
    assert_eq!((renewals.len(), crowd.sent.len()), (10_000, 1));
    crowd.join_all(&renewals);
    assert_eq!(crowd.outside.len(), 1);
    crowd.grant_all(&no_region());
    assert_eq!(crowd.sent.len(), 2);
    let fresh = crowd.join(&plan);
    let token = crowd.token(fresh);
    assert!(token.secret().expose() != "CANARY-old" && !token.renewal_is_due());
}

/// RUN-06: a renewal ends with none, also where it bypasses the cache and waited for a token that was due when it came. Whoever
/// follows every renewal comes to an end.
#[test]
fn run06_a_renewal_ends_without_another() {
    let request = TokenRequest::for_app(["scope"]).bypassing_cache();
    let plan = plan(request, &client(secret(), westus3()));
    let due = |token: &str| {
        let rest = ",\"expires_in\":3600,\"refresh_in\":0";
        granting("Bearer", token, rest)
    };
    let mut crowd = Crowd::new();
    crowd.join_all([&plan, &plan, &plan]);
    crowd.answer(0, due("CANARY-first"));
    let mut renewals = Vec::new();
    for waited in [1, 2] {
        assert!(crowd.token(waited).renewal_is_due());
        let done = crowd.flows[waited]
            .over
            .as_mut()
            .expect("what it waited for");
        renewals.extend(done.take_renewal());
    }
    assert_eq!((renewals.len(), crowd.sent.len()), (2, 1));
    crowd.join_all(&renewals);
    crowd.answer(3, due("CANARY-second"));
    let token = crowd.token(4);
    assert!(token.secret().expose() == "CANARY-second" && token.renewal_is_due());
    let done = crowd.flows[4].over.as_mut().expect("what it waited for");
    assert!(done.take_renewal().is_none());
    assert_eq!(crowd.sent.len(), 2);
}

/// RUN-06: when renewal is due is chance, and the same chance for the same seed.
#[test]
fn run06_the_jitter_follows_from_the_seed() {
    let plan = plan(
        TokenRequest::for_app(["scope"]),
        &client(secret(), westus3()),
    );
    let due = |seed: u8| {
        let mut crowd = Crowd::new();
        crowd.seed = seed;
        crowd.join(&plan);
        let rest = ",\"expires_in\":3600,\"refresh_in\":1800";
        crowd.answer(0, granting("Bearer", "CANARY", rest));
        let begin = crowd.now;
        (0..3_300)
            .find(|age| {
                crowd.now = begin.after(seconds(*age));
                let hit = crowd.join(&plan);
                crowd.token(hit).renewal_is_due()
            })
            .expect("due before the end")
    };
    let found: Vec<u64> = (0..8).map(due).collect();
    let again: Vec<u64> = (0..8).map(due).collect();
    assert_eq!(found, again);
    assert!(found.iter().all(|age| (1_800..=1_980).contains(age)));
    assert!(found.iter().collect::<BTreeSet<_>>().len() > 4, "{found:?}");
}

/// RUN-13: a thousand flows of as many keys need the region.
#[test]
fn run13_a_thousand_flows_discover_one_at_a_time() {
    let client = client(certificate().send_over_mtls(), RegionSource::Discover);
    let plans = plans(1_000, &client);
    let mut crowd = Crowd::new();
    let round = |crowd: &mut Crowd, region: Answer| {
        let first = crowd.flows.len();
        let (asked, sent) = (crowd.discoveries, crowd.sent.len());
        crowd.join_all(&plans);
        crowd.grant_all(&region);
        let failed = (first..crowd.flows.len())
            .filter_map(|number| crowd.result(number).as_ref().err())
            .filter(|error| error.code() == "region_required_for_mtls_pop")
            .count();
        (crowd.discoveries - asked, crowd.sent.len() - sent, failed)
    };
    assert_eq!(round(&mut crowd, no_region()), (1, 0, 1_000));
    crowd.now = crowd.now.after(seconds(299));
    assert_eq!(round(&mut crowd, no_region()), (0, 0, 1_000));
    crowd.now = crowd.now.after(seconds(1));
    let found = answer(200, r#"{"location":"eastus"}"#);
    assert_eq!(round(&mut crowd, found), (1, 1_000, 0));
    let host = &crowd.sent.last().expect("a request").1.host;
    assert_eq!(host, "eastus.mtlsauth.microsoft.com");
    // The tokens have ended, the region has not.
    crowd.now = crowd.now.after(Duration::from_secs(24 * 3_600));
    assert_eq!(round(&mut crowd, no_region()), (0, 1_000, 0));
    assert_eq!(crowd.at_once, 1);
}

/// IMP-20: another pair at each call, ten thousand acquisitions in bunches that wait for each other at region and turn, some of
/// them with a second attempt.
#[test]
fn imp20_ten_thousand_acquisitions_never_mix_two_pairs() {
    let client = client(
        Credential::signed_assertion_provider(),
        RegionSource::Discover,
    );
    let mut crowd = Crowd::new();
    let mut attempts = 0;
    let mut results = BTreeMap::new();
    for bunch in 0..100_usize {
        for number in 0..100_usize {
            let request = TokenRequest::for_app([format!("scope{number}")])
                .tenant(format!("tenant{bunch}.example"));
            let request = if number % 2 == 0 {
                request.proof_of_possession()
            } else {
                request
            };
            crowd.join(&plan(request, &client));
        }
        // The last comes first, so that nobody is answered in the order of asking.
        while let Some(number) = crowd.outside.last().copied() {
            if let Some(Step::DiscoverRegion(_)) = &crowd.flows[number].step {
                crowd.answer(number, answer(200, r#"{"location":"eastus"}"#));
                continue;
            }
            attempts += 1;
            let (_, sent) = crowd
                .sent
                .iter()
                .rev()
                .find(|(by, _)| *by == number)
                .expect("it");
            let kind = sent.field("token_type").unwrap_or("Bearer").to_owned();
            let failed_before = results.contains_key(&number);
            results.insert(number, sent.certificate);
            if number % 7 == 0 && !failed_before {
                crowd.answer(number, Err(failure(FailureKind::Closed)));
            } else {
                crowd.answer(number, granting(&kind, "CANARY", ",\"expires_in\":3600"));
            }
        }
    }
    for (_, sent) in &crowd.sent {
        let assertion = sent.field("client_assertion").expect("an assertion");
        let number: u32 = assertion
            .rsplit('.')
            .next()
            .expect("it")
            .parse()
            .expect("it");
        assert_eq!(sent.certificate, Some(thumbprint(P256, number)));
        assert_eq!(sent.assertion_type(), Some("jwt-pop"));
    }
    // A result names the certificate of its own last attempt.
    for (number, last) in &results {
        let bound = crowd.token(*number).binding_certificate();
        let bound = bound.map(Certificate::thumbprint);
        assert_eq!(bound, last.filter(|_| number % 2 == 0), "flow {number}");
    }
    assert_eq!(results.len(), 10_000);
    assert!(attempts > 11_000 && crowd.sent.len() == attempts);
    assert_eq!(
        usize::try_from(crowd.calls),
        Ok(attempts),
        "one call for each attempt"
    );
}
