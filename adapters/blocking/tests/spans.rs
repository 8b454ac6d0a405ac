//! What a trace and a counter see (OBS-01 to OBS-03): in a process of its own, for once somebody subscribes to spans, `tracing` hands
//! nothing on to `log` any more, where other tests listen.

#![forbid(unsafe_code)]

mod driver;

use driver::Blocking;
use entra_conformance::spans;

#[test]
fn obs01_a_trace_shows_each_wait_with_the_fields_of_opentelemetry() {
    spans::obs01_a_trace_shows_each_wait_with_the_fields_of_opentelemetry::<Blocking>();
}

#[test]
fn obs02_a_trace_of_a_failure_says_what_failed() {
    spans::obs02_a_trace_of_a_failure_says_what_failed::<Blocking>();
}

#[test]
fn obs03_metrics_are_told_of_every_token_and_every_exchange() {
    spans::obs03_metrics_are_told_of_every_token_and_every_exchange::<Blocking>();
}
