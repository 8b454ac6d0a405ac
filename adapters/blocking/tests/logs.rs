//! SEC-01 with every log at TRACE, those of the libraries below included: what the rows of secrets do, in a process of its own
//! whose whole log is searched.

#![forbid(unsafe_code)]

mod driver;

use driver::Blocking;

#[test]
fn sec01_no_secret_in_any_log_at_trace() {
    entra_conformance::logs::no_secret_in_any_log_at_trace::<Blocking>();
}
