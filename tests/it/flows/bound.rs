//! Mutual TLS: which certificate is presented, which signs, and how long what is bound to it lives.

use entra_proto::*;

use crate::certificates::{P256, P384, RSA, ending, numbered, thumbprint};
use crate::clients::{bearer, builder, client, pop, run};
use crate::script::{Run, Script, alone, granting, pair, seconds};

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

/// Rule 13: handed out, and not remembered for longer than it could serve.
#[test]
fn i19_a_pop_token_ends_with_its_certificate() {
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
