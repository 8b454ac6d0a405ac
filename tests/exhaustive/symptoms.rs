//! What was wrong once, by its symptom.

use std::time::Duration;

use entra_proto::*;
use http::Response;

use crate::certificates::{RSA, numbered};

const BEGIN: Now = Now::new(
    Duration::from_secs(1_798_761_600),
    Duration::from_secs(1_000),
);

/// A client of a provider of pairs that keeps Bearer tokens so.
fn client(authority: &str, region: RegionSource, isolation: BearerIsolation) -> Client {
    Client::builder("app", authority, Credential::signed_assertion_provider())
        .region(region)
        .bearer_isolation(isolation)
        .build()
        .expect("a client")
}

/// A flow for a Bearer token. The provider returns certificates of these numbers, one at each call; the flow waits that long for
/// its turn; the token is granted, and nothing else is answered. How it ended, and how many requests were sent.
fn run(
    client: &Client,
    memory: &mut Memory,
    numbers: &[u32],
    wait: Duration,
) -> (Result<AccessToken, Error>, u32) {
    let request = TokenRequest::for_app(["https://vault.azure.net/.default"]);
    let plan = request.plan(client).expect("a plan");
    let mut numbers = numbers.iter();
    let (mut now, mut sent) = (BEGIN, 0);
    let mut step = plan.start(Seed::from_bytes([7; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(turn) => {
                now = now.after(wait);
                turn.resume(Turn::Waited, now)
            }
            Step::ObtainAssertion(ask) => {
                let number = numbers.next().expect("no more calls than that");
                let pair = ClientAssertion::bound(Secret::new("pair"), numbered(RSA, *number));
                ask.resume(Ok(pair), now)
            }
            Step::SendRequest(send) => {
                sent += 1;
                let granted = r#"{"token_type":"Bearer","access_token":"T","expires_in":3600}"#;
                let granted = Response::new(Body::from(granted.as_bytes().to_vec()));
                send.resume(Ok(granted), now)
            }
            Step::SaveCache(save) => {
                memory.save(save.key(), save.update(), now);
                save.resume(Ok(()), now)
            }
            Step::Done(done) => {
                assert_eq!(numbers.next(), None, "every pair was asked for");
                return (done.into_result(), sent);
            }
            other => panic!("nobody answers {other:?}"),
        };
    }
}

/// Where Bearer tokens are kept by certificate, the provider is asked before the cache is looked at, and after the miss nobody
/// judged whether mutual TLS was possible: the certificate was shown to `common`, a region was missed that nobody had asked
/// for, and the metadata service was asked although the host had no mTLS name.
#[test]
fn d16_mutual_tls_is_refused_alike_however_bearer_tokens_are_kept() {
    let named = RegionSource::Named("eastus".to_owned());
    for (authority, region, code) in [
        (
            "https://login.microsoftonline.com/common",
            named,
            "missing_tenanted_authority",
        ),
        (
            "https://login.microsoftonline.com/contoso.com",
            RegionSource::Unset,
            "mtls_bearer_without_region",
        ),
        (
            "https://login.usgovcloudapi.net/contoso.com",
            RegionSource::Discover,
            "mtls_pop_not_supported_for_environment",
        ),
    ] {
        for isolation in [BearerIsolation::Shared, BearerIsolation::PerCertificate] {
            let client = client(authority, region.clone(), isolation);
            let (end, sent) = run(&client, &mut Memory::default(), &[1], Duration::ZERO);
            let error = end.expect_err("mutual TLS is not possible");
            assert_eq!((error.code(), sent), (code, 0), "{authority} {isolation:?}");
        }
    }
}

/// The same flow with a pair that grew old in the queue: the next one names another certificate, whose token is remembered, and a
/// Bearer hit comes before the region that only a request needs.
#[test]
fn d16_a_bearer_hit_under_another_certificate_comes_before_the_region() {
    let public = "https://login.microsoftonline.com/contoso.com";
    let by_certificate = BearerIsolation::PerCertificate;
    let mut memory = Memory::default();

    let in_region = client(
        public,
        RegionSource::Named("eastus".to_owned()),
        by_certificate,
    );
    let (end, sent) = run(&in_region, &mut memory, &[2], Duration::ZERO);
    assert_eq!((end.is_ok(), sent), (true, 1));

    let nowhere = client(public, RegionSource::Unset, by_certificate);
    let (end, sent) = run(&nowhere, &mut memory, &[1, 2], Duration::from_secs(61));
    let token = end.expect("the token of certificate 2");
    assert_eq!((token.source(), sent), (TokenSource::Cache, 0));
}
