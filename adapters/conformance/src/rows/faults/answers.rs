//! Whole answers that bring no token: pages, refusals, failures, throttling, redirects, and a token of another kind.

use std::time::{Duration, SystemTime};

use entra_emulator::{Fault, Reply};

use crate::Driver;
use crate::world::World;

use super::bench::Bench;
use super::row::{Row, Way, short, side_by_side};

const HIDDEN: &str = "canary-in-the-scripted-answer";
const PLACE: &str = "canary-place-of-the-redirect";

/// These answers to the requests that come next.
fn answers(bench: &Bench, replies: &[Reply]) {
    for reply in replies {
        bench.fault(1, Fault::Reply(reply.clone()));
    }
}

fn page(status: u16) -> Reply {
    Reply::new(status)
        .header("content-type", "text/html")
        .body(format!("<html><p>{HIDDEN}</p></html>"))
}

fn refusal(status: u16, error: &str) -> Reply {
    Reply::json(
        status,
        format!(
            "{{\"error\":\"{error}\",\"error_description\":\"{HIDDEN}\",\"error_codes\":[7000215],\"correlation_id\":\"c5d1fa94-0ad1-4a67-a689-e7cfbfff7306\"}}"
        ),
    )
}

/// X27: the page of a guest network.
pub fn x27_a_page_is_no_token<D: Driver>() {
    Row::fails("invalid_token_response", 1)
        .reusable()
        .hiding(HIDDEN)
        .run::<D>(|bench| answers(bench, &[page(200)]));
}

/// X28: the page of a proxy that can't reach the service may pass.
pub fn x28_a_page_that_says_unavailable_is_tried_once_more<D: Driver>() {
    Row::fails("service_not_available", 2)
        .reusable()
        .hiding(HIDDEN)
        .run::<D>(|bench| answers(bench, &[page(502), page(503)]));
}

/// X29: a refusal is final.
pub fn x29_a_refusal_is_not_tried_again<D: Driver>() {
    Row::fails("invalid_client", 1)
        .reusable()
        .hiding(HIDDEN)
        .run::<D>(|bench| answers(bench, &[refusal(400, "invalid_client")]));
}

/// X30: so is one that names another scheme, which is not followed.
pub fn x30_a_challenge_is_not_followed<D: Driver>() {
    let challenge = "Bearer authorization_uri=\"https://canary.example/\"";
    Row::fails("invalid_client", 1)
        .reusable()
        .hiding(HIDDEN)
        .run::<D>(|bench| {
            let reply = refusal(401, "invalid_client").header("www-authenticate", challenge);
            answers(bench, &[reply]);
        });
}

/// X31: the server gave up waiting, and closes (RFC 9110 §15.5.9); the second attempt has a connection of its own.
pub fn x31_a_request_timeout_is_tried_once_more<D: Driver>() {
    Row::recovers().run::<D>(|bench| {
        let reply = Reply::new(408).header("connection", "close");
        answers(bench, &[reply]);
    });
}

/// X32: waits as long as the service says, if the deadline allows it; otherwise fails at once. What was said is remembered.
pub fn x32_a_429_is_waited_for_if_it_fits<D: Driver>() {
    side_by_side(&[&|| wait_fits::<D>(429, || "1".to_owned()), &|| {
        wait_does_not_fit::<D>(429, "request_throttled");
    }]);
}

/// X33: the three forms of a date; one that is past counts as none; one that is far off is an hour.
pub fn x33_a_429_may_name_a_date<D: Driver>() {
    // Of the moment when the fault comes; a date knows whole seconds only.
    let soon = || httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3));
    side_by_side(&[
        &|| wait_fits::<D>(429, soon),
        &|| {
            let past = [
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "Sunday, 06-Nov-94 08:49:37 GMT",
                "Sun Nov  6 08:49:37 1994",
            ];
            for date in past {
                no_wait::<D>(&Reply::new(429).header("retry-after", date));
            }
        },
        &|| far_off::<D>("Fri, 31 Dec 9999 23:59:59 GMT"),
        &|| far_off::<D>("99999999999"),
    ]);
}

/// X34: nothing is waited for, and nothing tried.
pub fn x34_a_429_without_a_time_is_not_tried_again<D: Driver>() {
    side_by_side(&[&|| no_wait::<D>(&Reply::new(429)), &|| {
        no_wait::<D>(&Reply::new(429).header("retry-after", "soon"));
    }]);
}

/// X35: as X32, for a service that is not available.
pub fn x35_a_503_is_waited_for_if_it_fits<D: Driver>() {
    side_by_side(&[&|| wait_fits::<D>(503, || "1".to_owned()), &|| {
        wait_does_not_fit::<D>(503, "service_not_available");
    }]);
}

fn wait_fits<D: Driver>(status: u16, when: impl Fn() -> String + Sync) {
    Row::recovers()
        .reusable()
        .throttled(1)
        .run::<D>(|bench| answers(bench, &[Reply::new(status).header("retry-after", when())]));
}

fn wait_does_not_fit<D: Driver>(status: u16, code: &'static str) {
    let short = short();
    let longer = short.as_secs() + 1;
    Row::fails(code, 1)
        .reusable()
        .throttled(1)
        .deadline(short)
        .waits(Duration::ZERO)
        .run::<D>(|bench| {
            let reply = Reply::new(status).header("retry-after", longer.to_string());
            answers(bench, &[reply]);
        });
}

fn no_wait<D: Driver>(reply: &Reply) {
    Row::fails("request_throttled", 1)
        .reusable()
        .run::<D>(|bench| answers(bench, std::slice::from_ref(reply)));
}

/// Nobody waits an hour here, so this is no row of the bench: the error says how long, and until then nothing is sent for this
/// tenant, while another is served.
fn far_off<D: Driver>(when: &str) {
    use entra_emulator::{Endpoint, Target};
    let other = "33333333-3333-3333-3333-333333333333";
    let world = World::with(|builder| builder.tenant(entra_emulator::TENANT_ID).tenant(other));
    let client = D::build(world.with_certificate(&world.alpha, |credential| credential)).unwrap();
    let reply = Reply::new(429).header("retry-after", when);
    world
        .emulator
        .fail_next(Target::Endpoint(Endpoint::Token), Fault::Reply(reply));
    let request = crate::world::pop();
    for (call, attempts) in [(1, 1), (2, 0)] {
        let error = D::token(&client, &request).unwrap_err();
        assert_eq!(error.code(), "request_throttled", "call {call}");
        assert_eq!(error.attempts(), attempts, "call {call}");
        let wait = error.retry_in().unwrap();
        let hour = Duration::from_secs(3_600);
        assert!(
            wait <= hour && wait > hour - Duration::from_secs(60),
            "{wait:?}"
        );
    }
    assert_eq!(world.token_requests(), 1);
    D::token(&client, &request.clone().tenant(other)).unwrap();
    assert_eq!(world.token_requests(), 2);
}

/// X36: one failure.
pub fn x36_a_server_error_is_tried_once_more<D: Driver>() {
    Row::recovers()
        .reusable()
        .run::<D>(|bench| answers(bench, &[Reply::new(500)]));
}

/// X37: two failures are the end.
pub fn x37_two_server_errors_are_the_end<D: Driver>() {
    Row::fails("service_not_available", 2)
        .reusable()
        .hiding(HIDDEN)
        .run::<D>(|bench| answers(bench, &[Reply::new(500).body(HIDDEN), page(500)]));
}

/// X38: nobody goes to the place that is named, and no error or event says it. (ureq logs it at trace level; it is no secret.)
pub fn x38_redirects_are_not_followed<D: Driver>() {
    let canary = World::new();
    let place = format!("https://{}/{PLACE}", canary.emulator.address());
    let redirected = |status: u16| {
        Row::fails("unexpected_redirect", 1)
            .reusable()
            .not_saying(PLACE)
            .run::<D>(|bench| bench.fault(1, Fault::Redirect(status, place.clone())));
    };
    side_by_side(&[
        &|| redirected(301),
        &|| redirected(302),
        &|| redirected(303),
        &|| redirected(307),
        &|| redirected(308),
    ]);
    assert_eq!(canary.emulator.accepted(), 0);
}

/// X44: a Bearer token is no answer to a request for proof of possession, nor the other way round.
pub fn x44_a_token_of_another_kind_is_not_taken<D: Driver>() {
    let another = |ways, kind: &'static str| {
        Row::fails("token_type_mismatch", 1)
            .over(ways)
            .reusable()
            .run::<D>(|bench| bench.fault(1, Fault::TokenType(kind.to_owned())));
    };
    side_by_side(&[&|| another(&[Way::Pop], "Bearer"), &|| {
        another(&[Way::Secret, Way::Pair], "mtls_pop")
    }]);
}
