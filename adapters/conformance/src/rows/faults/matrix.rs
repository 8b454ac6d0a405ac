//! The fault matrix of the threat model: which faults have a row here, and why the others have none.
//!
//! What a row expects is what the design says of retries where the matrix says otherwise: a time-out is tried once more if the
//! deadline allows it, and the time for connections covers TCP and TLS alike, so that what was not connected in it has failed to
//! connect.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

/// Does a fault have a row?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Applies {
    Yes,
    No(&'static str),
}
use Applies::{No, Yes};

/// The faults by number, in the words of the matrix.
const MATRIX: [(&str, Applies); 50] = [
    ("connection refused", Yes),
    ("DNS failure", Yes),
    ("connect black hole", Yes),
    ("TLS handshake stall", Yes),
    ("plain HTTP on the TLS port", Yes),
    ("alert about the certificate, TLS 1.2", Yes),
    ("the same, TLS 1.3", Yes),
    ("server never asks for the certificate", Yes),
    ("expired server certificate", Yes),
    ("wrong host name", Yes),
    ("unknown authority", Yes),
    ("TLS 1.1 only", Yes),
    ("RST after the request", Yes),
    ("RST within the status line", Yes),
    ("FIN within the head", Yes),
    ("truncated body with a length", Yes),
    ("truncated chunks", Yes),
    ("truncated, delimited by the end", Yes),
    ("length too small", Yes),
    ("two lengths", Yes),
    ("length beside chunks", Yes),
    ("dripping head", Yes),
    ("dripping body", Yes),
    ("1 MB head, 150 fields", Yes),
    ("300 KiB body, endless body", Yes),
    ("gzip bomb", Yes),
    ("HTML 200", Yes),
    ("HTML 502 and 503", Yes),
    ("400 invalid_client", Yes),
    ("401 with WWW-Authenticate", Yes),
    ("408", Yes),
    ("429 with seconds", Yes),
    ("429 with a date", Yes),
    ("429 without a time", Yes),
    ("503 with Retry-After", Yes),
    ("500, then 200", Yes),
    ("500, 500", Yes),
    ("redirects", Yes),
    ("idle connection closed before reuse", Yes),
    ("reused connection closed", Yes),
    ("reuse with a rotated certificate", Yes),
    // HTTP/2 itself is off: the row shows that it is not offered.
    ("HTTP/2", Yes),
    ("resumption with a rotated certificate", Yes),
    ("token_type Bearer for PoP", Yes),
    // Dropping at every await is a test of the tokio adapter.
    ("cancelled", Yes),
    ("provider hangs, panics, swaps", Yes),
    // Our own clock is the core's argument, and its tests turn it.
    ("clock off by ten years", Yes),
    (
        "shared store",
        No("there is no shared store: the memory is the process's"),
    ),
    ("cache on disk", No("there is no cache on disk")),
    ("no descriptors", Yes),
];

/// Every fault that applies has a row, and every row has a fault that applies.
pub fn check_matrix(rows: &[&str]) {
    let numbers = |row: &str| -> Vec<usize> {
        row.split('_')
            .map_while(|word| word.strip_prefix('x')?.parse().ok())
            .collect()
    };
    let with_rows: Vec<usize> = rows.iter().flat_map(|row| numbers(row)).collect();
    for (place, (fault, applies)) in MATRIX.iter().enumerate() {
        let number = place + 1;
        match applies {
            Yes => assert!(
                with_rows.contains(&number),
                "X{number:02} ({fault}) has no row"
            ),
            No(reason) => assert!(
                !with_rows.contains(&number),
                "X{number:02} ({fault}) has a row, but: {reason}"
            ),
        }
    }
    assert!(rows.iter().all(|row| !numbers(row).is_empty()));
    assert!(with_rows.iter().all(|&number| number <= MATRIX.len()));
}

/// How many rows run at once.
const AT_ONCE: usize = 2;

/// Runs every row many times, twenty unless `ENTRA_FAULT_RUNS` says otherwise, and reports figures: one run shows little of what
/// depends on who is faster.
pub fn long_run(rows: &[(&str, fn())]) {
    let runs: usize = std::env::var("ENTRA_FAULT_RUNS")
        .ok()
        .and_then(|runs| runs.parse().ok())
        .unwrap_or(20);
    let began = Instant::now();
    let queue = Mutex::new((0..runs).flat_map(|_| rows.iter()));
    let failed: Mutex<BTreeMap<String, usize>> = Mutex::default();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, row)) = queue.lock().unwrap().next() else {
                        return;
                    };
                    if let Err(panic) = catch_unwind(AssertUnwindSafe(row)) {
                        let text = panic
                            .downcast_ref::<String>()
                            .map(String::as_str)
                            .or_else(|| panic.downcast_ref::<&str>().copied())
                            .unwrap_or_default();
                        let kind = sort(text);
                        println!("{name}: {kind}: {text}");
                        *failed.lock().unwrap().entry(kind.to_owned()).or_default() += 1;
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    let count = |kind: &str| failed.get(kind).copied().unwrap_or(0);
    println!(
        "{} rows, {runs} times each, {} cases: {} wrong kinds, {} hangs, {} tokens lost or mixed, {} other failures, in {:.0?}",
        rows.len(),
        super::bench::cases(),
        count("wrong kind"),
        count("hang"),
        count("lost or mixed"),
        count("other"),
        began.elapsed()
    );
    assert!(failed.is_empty());
}

fn sort(failure: &str) -> &'static str {
    if failure.contains("wrong kind") {
        "wrong kind"
    } else if failure.contains("hang") {
        "hang"
    } else if ["lost", "mixed", "N1", "N2", "N7"]
        .iter()
        .any(|word| failure.contains(word))
    {
        "lost or mixed"
    } else {
        "other"
    }
}

/// Makes a test of each row of the fault matrix for a driver, a test that none is missing, and the long run.
#[macro_export]
macro_rules! fault_rows {
    ($driver:ty) => {
        $crate::fault_rows!(@each $driver:
            x01_a_refused_connection_is_tried_once_more
            x02_an_unknown_name_is_tried_once_more
            x03_a_black_hole_costs_the_time_for_connections_and_no_more
            x04_a_handshake_that_stalls_costs_the_time_for_connections
            x04_a_handshake_that_breaks_off_is_tried_once_more
            x05_a_port_that_speaks_no_tls_is_not_tried_again
            x06_a_certificate_refused_under_tls12_is_named
            x07_a_certificate_refused_under_tls13_is_named
            x07_a_certificate_demanded_of_a_plain_request_is_said
            x08_a_server_that_never_asks_for_the_certificate_gets_nothing
            x09_x10_x11_a_server_that_is_not_who_it_should_be_gets_nothing
            x12_a_server_that_speaks_only_tls11_gets_nothing
            x13_a_connection_that_is_reset_is_tried_once_more
            x14_a_reset_within_the_status_line_is_tried_once_more
            x15_a_head_that_ends_early_is_tried_once_more
            x16_a_body_that_ends_early_is_tried_once_more
            x17_chunks_that_end_early_are_tried_once_more
            x18_an_answer_without_a_length_counts_only_if_tls_ends_it
            x19_bytes_after_the_end_cost_the_connection
            x20_two_lengths_are_no_answer
            x20_what_is_no_http_is_no_answer
            x21_a_length_beside_chunks_is_no_answer
            x22_a_head_that_drips_ends_with_the_deadline
            x22_an_attempt_that_takes_too_long_is_made_once_more
            x23_a_body_that_drips_ends_with_the_deadline
            x24_a_head_that_is_too_large_is_not_read_on
            x25_a_body_that_is_too_large_is_not_read_on
            x26_a_packed_body_is_not_unpacked
            x27_a_page_is_no_token
            x28_a_page_that_says_unavailable_is_tried_once_more
            x29_a_refusal_is_not_tried_again
            x30_a_challenge_is_not_followed
            x31_a_request_timeout_is_tried_once_more
            x32_a_429_is_waited_for_if_it_fits
            x33_a_429_may_name_a_date
            x34_a_429_without_a_time_is_not_tried_again
            x35_a_503_is_waited_for_if_it_fits
            x36_a_server_error_is_tried_once_more
            x37_two_server_errors_are_the_end
            x38_redirects_are_not_followed
            x39_an_idle_connection_that_has_ended_costs_no_attempt
            x40_a_reused_connection_that_ends_is_tried_once_more
            x41_a_rotated_certificate_gets_a_connection_of_its_own
            x42_http2_is_not_offered
            x43_a_rotated_certificate_gets_a_handshake_of_its_own
            x44_a_token_of_another_kind_is_not_taken
            x45_whoever_gives_up_takes_nobody_along
            x46_a_provider_that_misbehaves_ends_its_own_flight
            x46_a_provider_that_panics_poisons_nothing
            x47_a_service_whose_clock_jumps_refuses_and_that_is_all
            x50_a_process_without_descriptors_fails_to_connect
        );
    };
    (@each $driver:ty: $($row:ident)*) => {
        $(
            #[test]
            fn $row() {
                $crate::rows::$row::<$driver>();
            }
        )*

        #[test]
        fn every_fault_that_applies_has_a_row() {
            $crate::rows::check_matrix(&[$(stringify!($row)),*]);
        }

        #[test]
        #[ignore = "takes many minutes; see CONTRIBUTING.md"]
        fn long_run_of_every_fault() {
            $crate::rows::long_run(&[$((stringify!($row), $crate::rows::$row::<$driver> as fn())),*]);
        }
    };
}
