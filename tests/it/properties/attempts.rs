//! Rule 12: second attempts, and `Retry-After`.

use std::time::Duration;

use entra_proto::*;
use http::HeaderValue;
use http::header::RETRY_AFTER;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{bearer, cases, code, run, secret_client};
use crate::canary::assert_silent;
use crate::script::{Answer, START, Script, answer, failure, seconds, with_header};

/// Every status, with and without a `Retry-After`.
#[test]
fn r12_exactly_what_may_pass_is_tried_once_more() {
    let client = secret_client();
    for status in 201..=599_u16 {
        for retry_after in [None, Some("1"), Some("3600")] {
            let refused = answer(status, r#"{"error":"some_error"}"#);
            let refused = match retry_after {
                None => refused,
                Some(value) => with_header(refused, "retry-after", value),
            };
            let run = run(Script::new().answers([refused]), bearer(), &client);
            let passing = status == 408 || status == 429 || status >= 500;
            let repeated = match retry_after {
                None => passing && status != 429,
                Some("1") => passing,
                // An hour does not fit into thirty seconds.
                Some(_) => false,
            };
            assert_eq!(
                run.sent.len(),
                if repeated { 2 } else { 1 },
                "{status} {retry_after:?}"
            );
            assert_eq!(run.done.result().is_ok(), repeated);
            if let Err(error) = run.done.result() {
                assert_eq!(error.http_status(), Some(status));
                let wait = retry_after
                    .filter(|_| passing)
                    .map(|_| seconds(if retry_after == Some("1") { 1 } else { 3_600 }));
                assert_eq!(error.retry_in(), wait, "{status}");
                let code = match status {
                    300..=399 => "unexpected_redirect",
                    429 => "request_throttled",
                    500.. => "service_not_available",
                    _ => "some_error",
                };
                assert_eq!(error.code(), code, "{status}");
            }
        }
    }
}

#[test]
fn r12_exactly_what_may_pass_is_tried_once_more_without_an_answer() {
    use FailureKind::*;
    let rows: &[(FailureKind, Option<&str>)] = &[
        (Connect, None),
        (Closed, None),
        (Timeout, None),
        (Tls, Some("tls_failed")),
        (TooLarge, Some("response_too_large")),
        (Garbled, Some("invalid_token_response")),
        (CertificateNotRequested, Some("certificate_not_requested")),
        (CertificateRejected, Some("client_certificate_rejected")),
    ];
    for (kind, code_of) in rows {
        let script = || Script::new().answers([Err(failure(*kind)), Err(failure(*kind))]);
        let run = run(script(), bearer(), &secret_client());
        let sent = if code_of.is_none() { 2 } else { 1 };
        assert_eq!(run.sent.len(), sent, "{kind:?}");
        let twice = if *kind == Timeout {
            "request_timeout"
        } else {
            "connection_failed"
        };
        assert_eq!(code(&run), Some(code_of.unwrap_or(twice)), "{kind:?}");
        // What the transport said is at hand and not in the text (rule 14).
        let reported = (*kind != TooLarge).then_some("CANARY in foreign words");
        assert_eq!(run.error().reported(), reported);
        assert_silent(&run.error().to_string());
    }
}

/// What a 429 with this field asks for.
fn wait(values: &[HeaderValue]) -> Option<Duration> {
    let refused = answer(429, "").map(|mut response| {
        for value in values {
            response.headers_mut().append(RETRY_AFTER, value.clone());
        }
        response
    });
    let again = refused.clone();
    let request = bearer().deadline(Duration::from_millis(1));
    run(
        Script::new().answers([refused, again]),
        request,
        &secret_client(),
    )
    .error()
    .retry_in()
}

proptest! {
    #![proptest_config(cases(256))]

    /// Total and clamped; and all but the first field are ignored.
    #[test]
    fn i38_retry_after_is_read_whatever_it_is(
        first in prop_oneof![
            vec(any::<u8>(), 0..40),
            "[0-9 +.-]{0,25}".prop_map(String::into_bytes),
            "[A-Z][a-z]{2,8}, [0-9]{2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT".prop_map(String::into_bytes),
        ],
        second in 0..9_u32,
    ) {
        let Ok(value) = HeaderValue::from_bytes(&first) else { return Ok(()) };
        let alone = wait(std::slice::from_ref(&value));
        prop_assert!(alone.is_none_or(|wait| wait <= seconds(3_600)));
        prop_assert_eq!(wait(&[value, HeaderValue::from(second)]), alone);
    }

    #[test]
    fn i38_retry_after_in_seconds_is_monotone_within_the_clamp(one in any::<u128>(), other in 0..10_000_u128, digits in 0..5_usize) {
        let value = |seconds: u128| {
            let text = format!("{}{seconds}", "0".repeat(digits));
            wait(&[text.parse().expect("digits")]).expect("a wait")
        };
        prop_assert_eq!(value(one) <= value(other), one.min(3_600) <= other.min(3_600));
        prop_assert_eq!(value(other), seconds(u64::try_from(other.min(3_600))?));
    }

    /// No wait goes beyond the deadline, and no flow does in which answers come at once.
    #[test]
    fn i27_a_flow_ends_within_its_deadline(deadline in 0..100_000_u64, retry_after in proptest::option::of(0..4_000_u64), status in select(vec![408_u16, 429, 500, 503])) {
        let refused = || -> Answer {
            match retry_after {
                None => answer(status, ""),
                Some(seconds) => with_header(answer(status, ""), "retry-after", &seconds.to_string()),
            }
        };
        let deadline = Duration::from_millis(deadline);
        let mut script = Script::new().answers([refused(), refused()]);
        let run = script.run(&bearer().deadline(deadline).plan(&secret_client()).expect("a plan"));
        prop_assert!(script.now.monotonic() <= START.monotonic() + deadline);
        prop_assert!(run.sent.len() <= 2);
    }
}
