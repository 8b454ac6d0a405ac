//! What clients, plans, steps and errors answer to whoever asks them: a driver's side of the core.

use std::ops::ControlFlow;

use entra_proto::*;

use crate::certificates::{RSA, numbered, parsed};
use crate::clients::{bearer, builder, client, plan, pop, secret};
use crate::script::{START, Script, answer, seconds, seed};

fn app(credential: Credential) -> Client {
    builder(credential).build().expect("a client")
}

/// Why no client could be built.
#[track_caller]
fn refused(builder: ClientBuilder) -> String {
    builder.build().expect_err("an error").code().to_owned()
}

#[test]
fn cred01_a_client_says_what_its_credential_needs() {
    let assertion = Secret::new("h.c.s");
    for (credential, needs) in [
        (secret(), Needs::Nothing),
        (Credential::static_assertion(assertion), Needs::Nothing),
        (Credential::assertion_provider(), Needs::AssertionProvider),
        (
            Credential::signed_assertion_provider(),
            Needs::AssertionProvider,
        ),
        (
            Credential::certificate_provider(),
            Needs::CertificateProvider,
        ),
        (
            Credential::certificate(numbered(RSA, 3)),
            Needs::Key(&parsed(RSA, 3)),
        ),
        (
            Credential::certificate_with_claims(numbered(RSA, 3), "{}"),
            Needs::Key(&parsed(RSA, 3)),
        ),
    ] {
        assert_eq!(app(credential).needs(), needs);
    }
}

#[test]
fn a_client_names_its_region_if_nobody_has_to_be_asked() {
    let with = |source| {
        let client = builder(secret()).region(source).build().expect("a client");
        client.region().map(|region| region.as_str().to_owned())
    };
    assert_eq!(with(RegionSource::Unset), None);
    assert_eq!(with(RegionSource::Discover), None);
    let named = with(RegionSource::Named("WestUS3".to_owned()));
    assert_eq!(named.as_deref(), Some("westus3"));
}

#[test]
fn what_no_credential_or_client_may_be_is_said_when_it_is_built() {
    let assertion = |text: String| builder(Credential::static_assertion(Secret::new(text)));
    let empty = Credential::secret(Secret::new(""));
    assert_eq!(refused(builder(empty)), "invalid_credential_material");
    assert_eq!(
        refused(assertion(String::new())),
        "invalid_client_assertion"
    );
    assert_eq!(
        refused(assertion("h.c s".into())),
        "invalid_client_assertion"
    );
    assert_eq!(
        refused(assertion("h.c.\u{e9}".into())),
        "invalid_client_assertion"
    );
    // As large as an assertion may be, and one byte more.
    assert!(assertion("a".repeat(32 * 1_024)).build().is_ok());
    let too_large = assertion("a".repeat(32 * 1_024 + 1));
    assert_eq!(refused(too_large), "invalid_client_assertion");
    let capability = builder(secret()).capabilities(["cp1", "c\np2"]);
    assert_eq!(refused(capability), "invalid_request_parameter");
}

#[test]
fn a_plan_says_what_it_brings_and_how_long_it_may_take() {
    let bound = client(Credential::certificate(numbered(RSA, 1)));
    let slow = plan(bearer().deadline(seconds(7)), &bound);
    assert_eq!(
        (slow.token_kind(), slow.allowed_time()),
        (TokenKind::Bearer, seconds(7))
    );
    let bound = plan(pop(), &bound);
    assert_eq!(
        (bound.token_kind(), bound.allowed_time()),
        (TokenKind::MtlsPop, seconds(30))
    );
    assert_eq!(bearer().deadline(seconds(7)).allowed_time(), seconds(7));
    assert_eq!(bearer().allowed_time(), seconds(30));
}

/// Plans compare by what they ask, of whom, and whether they renew.
#[test]
fn plans_are_equal_if_client_and_request_are() {
    let (ours, other) = (client(secret()), client(secret()));
    assert_eq!(plan(bearer(), &ours), plan(bearer(), &ours.clone()));
    assert_ne!(plan(bearer(), &ours), plan(bearer(), &other));
    assert_ne!(
        plan(bearer(), &ours),
        plan(bearer().tenant("t.example"), &ours)
    );
    let life = ",\"expires_in\":3600,\"refresh_in\":600";
    let granted = crate::script::granting("Bearer", "CANARY", life);
    let mut script = Script::new().answers([granted]);
    let planned = plan(bearer(), &ours);
    script.run(&planned);
    script.pass(seconds(1_000));
    let renewal = script.run(&planned).done.take_renewal();
    let renewal = renewal.expect("a renewal is due");
    assert_ne!(renewal, planned);
    assert_eq!(renewal, renewal.clone());
}

#[test]
fn a_driver_that_ends_a_flow_itself_has_words_for_it() {
    for (error, code) in [
        (Error::cancelled(), "cancelled"),
        (Error::no_randomness(), "cryptographic_error"),
        (Error::deadline_passed(), "request_timeout"),
    ] {
        assert_eq!(error.code(), code);
        assert!(!error.advice().is_empty() && error.metadata().is_none());
    }
    assert_eq!(Error::cancelled().fault(), Fault::Caller);
}

/// Runs a flow up to its first step of the kind that `pick` knows.
#[track_caller]
fn up_to<T>(script: &mut Script, plan: Plan, pick: impl Fn(Step) -> ControlFlow<T, Step>) -> T {
    let mut record = crate::script::Record::default();
    let mut step = plan.start(seed(7), script.now);
    loop {
        step = match pick(step) {
            ControlFlow::Break(found) => return found,
            ControlFlow::Continue(Step::Done(done)) => panic!("it is over: {done:?}"),
            ControlFlow::Continue(step) => script.answer(step, &mut record),
        };
    }
}

fn discover_region(step: Step) -> ControlFlow<DiscoverRegion, Step> {
    match step {
        Step::DiscoverRegion(ask) => ControlFlow::Break(ask),
        step => ControlFlow::Continue(step),
    }
}

fn discover_instance(step: Step) -> ControlFlow<DiscoverInstance, Step> {
    match step {
        Step::DiscoverInstance(ask) => ControlFlow::Break(ask),
        step => ControlFlow::Continue(step),
    }
}

fn send_request(step: Step) -> ControlFlow<SendRequest, Step> {
    match step {
        Step::SendRequest(send) => ControlFlow::Break(send),
        step => ControlFlow::Continue(step),
    }
}

/// I27: each question says until when its answer is of use, and that is never after the flow's own end.
#[test]
fn i27_every_request_has_its_time_within_the_flows() {
    let began = START.monotonic();
    let asks_region = builder(secret()).region(RegionSource::Discover);
    let asks_region = asks_region.build().expect("a client");
    let somewhere = "https://login.somewhere.example/contoso.com";
    let asks_host = Client::builder("app", somewhere, secret());
    let asks_host = asks_host.build().expect("a client");
    for (allowed, region, host, sending) in [
        (seconds(1), seconds(1), seconds(1), seconds(1)),
        (seconds(30), seconds(2), seconds(10), seconds(30)),
    ] {
        let request = || bearer().deadline(allowed);
        let mut script = Script::new();
        let ask = up_to(&mut script, plan(request(), &asks_region), discover_region);
        assert_eq!(ask.deadline(), began + region);
        let mut script = Script::new();
        let ask = up_to(&mut script, plan(request(), &asks_host), discover_instance);
        assert_eq!(ask.deadline(), began + host);
        assert_eq!(ask.transport(), &Transport::Plain);
        let mut script = Script::new();
        let send = up_to(&mut script, plan(request(), &asks_host), send_request);
        assert_eq!(send.deadline(), began + sending);
        assert_eq!(send.max_response(), 256 * 1_024);
    }
}

/// X25: what is larger than any document may be is not read, at the byte.
#[test]
fn x25_a_document_about_a_host_is_no_larger_than_64_kib() {
    let somewhere = "https://login.somewhere.example/contoso.com";
    let asks = Client::builder("app", somewhere, secret()).build();
    let asks = asks.expect("a client");
    let document = |length: usize| {
        let start = r#"{"tenant_discovery_endpoint":"https://login.microsoftonline.com/x","a":""#;
        let filler = "x".repeat(length - start.len() - 2);
        format!("{start}{filler}\"}}")
    };
    for (length, code) in [(65_536, None), (65_537, Some("invalid_instance"))] {
        let mut script = Script::new().instances([answer(200, document(length))]);
        let run = script.run(&plan(bearer(), &asks));
        let error = run.done.result().as_ref().err();
        assert_eq!(error.map(Error::code), code, "{length}");
    }
}

/// The document's endpoint for mutual TLS is judged when a request goes over mutual TLS: it has to be on the authority's own host or a
/// listed one (rule 7).
#[test]
fn route17_t02_an_mtls_endpoint_elsewhere_is_refused_once_it_is_needed() {
    let issuer = "https://issuer.example/tenant";
    let authority = Authority::oidc(issuer).expect("an authority");
    let by_pair = Credential::signed_assertion_provider();
    let client = Client::builder("app", authority, by_pair).build();
    let client = client.expect("a client");
    let document = format!(
        r#"{{"issuer":"{issuer}","token_endpoint":"https://issuer.example/token","mtls_endpoint_aliases":{{"token_endpoint":"https://evil.example/token"}}}}"#
    );
    let script = || Script::new().instances([answer(200, document.clone())]);
    let plain = script()
        .pairs([crate::script::alone(1)])
        .run(&plan(bearer(), &client));
    assert_eq!(plain.request().host, "issuer.example");
    let bound = script()
        .pairs([crate::script::pair(1)])
        .run(&plan(bearer(), &client));
    assert_eq!(bound.error().code(), "invalid_instance");
    assert!(bound.sent.is_empty());
}

/// The largest answer that is read is read; one byte more is none.
#[test]
fn an_answer_may_be_as_large_as_the_step_says() {
    for (more, accepted) in [(0, true), (1, false)] {
        let token = r#"{"token_type":"Bearer","access_token":"CANARY","expires_in":3599}"#;
        let mut body = token.as_bytes().to_vec();
        body.resize(SendRequest::MAX_RESPONSE + more, b' ');
        let run = Script::new()
            .answers([answer(200, body)])
            .run(&plan(bearer(), &client(secret())));
        match run.done.result() {
            Ok(_) => assert!(accepted),
            Err(error) => assert_eq!((error.code(), accepted), ("response_too_large", false)),
        }
    }
}

#[test]
fn an_answer_is_handed_over_by_value_or_looked_at() {
    let mut script = Script::new();
    let run = script.run(&plan(bearer(), &client(secret())));
    let shown = run.token().clone();
    assert_eq!(run.done.into_result(), Ok(shown));
}

/// Rule 9: RSA and P-256 sign; a certificate of another key shakes hands and no more.
#[test]
fn a_key_of_another_curve_signs_no_assertion() {
    use crate::certificates::P384;
    let by_p384 = client(Credential::certificate(numbered(P384, 1)));
    let run = Script::new().run(&plan(bearer(), &by_p384));
    assert_eq!(run.error().code(), "signing_failed");
    assert!(run.signed.is_empty() && run.sent.is_empty());
}

/// A provider without a certificate: whoever wanted to show it is told so, and whoever wanted a signature as well.
#[test]
fn cfg06_a_provider_that_names_no_certificate_ends_the_flow() {
    for (credential, request, code) in [
        (
            Credential::certificate_provider(),
            bearer(),
            "invalid_client_assertion",
        ),
        (
            Credential::certificate_provider(),
            pop(),
            "mtls_certificate_not_provided",
        ),
        (
            Credential::certificate_provider().send_over_mtls(),
            bearer(),
            "mtls_certificate_not_provided",
        ),
    ] {
        let run = Script::new()
            .certificates([None])
            .run(&plan(request, &client(credential)));
        assert_eq!(run.error().code(), code);
        assert!(run.sent.is_empty());
    }
}

/// Rule 10, RUN-17: whoever holds on to a token may use it for as long as the memory would hand it out as it is.
#[test]
fn run17_a_token_serves_whoever_holds_it_until_its_margin_or_its_renewal() {
    let granted = |rest: &str| {
        let text =
            format!(r#"{{"token_type":"Bearer","access_token":"CANARY","expires_in":3600{rest}}}"#);
        let run = Script::new()
            .answers([answer(200, text)])
            .run(&plan(bearer(), &client(secret())));
        run.token().clone()
    };
    let lasting = granted("");
    for (passed, serves) in [(0, true), (3_299, true), (3_300, false), (3_601, false)] {
        let now = START.after(seconds(passed));
        assert_eq!(
            now.precedes(lasting.serves_until()),
            serves,
            "after {passed} s"
        );
    }
    let renewed = granted(",\"refresh_in\":60");
    let until = renewed.serves_until();
    assert!(START.precedes(until) && !START.after(seconds(3_000)).precedes(until));
    // Its renewal was due when it came: no clock may say otherwise, not even one that was set back.
    let old = granted(",\"refresh_in\":0");
    assert!(!Now::from_nanos(0, 0).precedes(old.serves_until()));
}
