//! When a provider is asked, what it is told, and what can be wrong with its answer.

use std::time::Duration;

use entra_proto::*;

use crate::canary::assert_silent;
use crate::certificates::{P256, numbered, parsed, thumbprint};
use crate::clients::{bearer, builder, client, in_region, plan, pop, run};
use crate::script::{Script, alone, answer, pair, seconds};

/// IMP-11, IMP-12: rule 4.
#[test]
fn i11_a_bearer_hit_asks_nobody_whatever_the_certificate() {
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
fn i11_a_pop_request_asks_before_the_cache_and_once() {
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

/// IMP-29: the offered certificate spares the provider a call when it hits.
#[test]
fn i11_an_offered_certificate_is_looked_up_before_the_provider_is_asked() {
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
fn what_providers_are_told_is_the_same_only_if_all_of_it_is() {
    let of = |capabilities: &[&str]| {
        let credential = Credential::signed_assertion_provider();
        in_region(
            builder(credential).capabilities(capabilities.iter().copied()),
            "westus3",
        )
    };
    let (plain, capable) = (of(&[]), of(&["cp1"]));
    let id = |digit: char| digit.to_string().repeat(8) + "-3333-3333-3333-333333333333";
    let request = || bearer().correlation_id(id('1'));
    let told = |client: &Client, request| run(Script::new(), request, client).asked.remove(0);
    let same = told(&plain, request());
    assert_eq!(same, told(&plain, request()));
    let claims = r#"{"access_token":{"nbf":{"essential":true}}}"#;
    for (client, request) in [
        (&capable, request()),
        (&plain, request().tenant("fabrikam.com")),
        (&plain, request().claims(claims)),
        (&plain, request().assertion_fmi_path("a/path")),
        (&plain, request().correlation_id(id('2'))),
    ] {
        assert_ne!(same, told(client, request));
    }
}

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
