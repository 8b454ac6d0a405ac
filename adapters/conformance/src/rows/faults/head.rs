//! The head of the answer: cut off, too large, too slow, or contradicting itself.

use std::time::Duration;

use entra_emulator::{Cut, Fault};

use crate::Driver;

use super::row::{Row, short, side_by_side};

/// X13: reset after the request, once: the second attempt, with an assertion of its own, brings the token.
pub fn x13_a_connection_that_is_reset_is_tried_once_more<D: Driver>() {
    side_by_side(&[
        &|| Row::recovers().run::<D>(|bench| bench.fault(1, Fault::Reset(Cut::AfterRequest))),
        &|| {
            Row::fails("connection_failed", 2)
                .run::<D>(|bench| bench.fault(2, Fault::Reset(Cut::AfterRequest)));
        },
    ]);
}

/// X14: reset in the middle of the status line.
pub fn x14_a_reset_within_the_status_line_is_tried_once_more<D: Driver>() {
    Row::fails("connection_failed", 2).run::<D>(|bench| bench.fault(2, Fault::Reset(Cut::MidHead)));
}

/// X15: closed in order, but too early: before the answer, within the status line, within the fields.
pub fn x15_a_head_that_ends_early_is_tried_once_more<D: Driver>() {
    let ends = |fault: Fault| {
        Row::fails("connection_failed", 2).run::<D>(move |bench| bench.fault(2, fault.clone()));
    };
    let fields = b"HTTP/1.1 200 OK\r\ncontent-type: applica".to_vec();
    side_by_side(&[
        &|| ends(Fault::Close(Cut::AfterRequest)),
        &|| ends(Fault::Close(Cut::MidHead)),
        &|| ends(Fault::Raw(fields.clone())),
    ]);
}

fn raw<D: Driver>(code: &'static str, answer: &[u8]) {
    Row::fails(code, 1)
        .hiding("canary-in-the-raw-answer")
        .run::<D>(|bench| bench.fault(1, Fault::Raw(answer.to_vec())));
}

/// X20: no one can say where this answer ends.
pub fn x20_two_lengths_are_no_answer<D: Driver>() {
    raw::<D>(
        "invalid_token_response",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\n{  }",
    );
}

/// X21: where a length and chunks contradict each other, whoever reads the one smuggles what the other hides (RFC 9112 §6.3).
pub fn x21_a_length_beside_chunks_is_no_answer<D: Driver>() {
    raw::<D>(
        "invalid_token_response",
        b"HTTP/1.1 200 OK\r\ncontent-length: 40\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    );
}

/// X20: nor is what is no HTTP at all, or only nearly.
pub fn x20_what_is_no_http_is_no_answer<D: Driver>() {
    let says = |bytes: &'static [u8]| raw::<D>("invalid_token_response", bytes);
    side_by_side(&[
        &|| {
            says(b"{\"token_type\":\"Bearer\",\"access_token\":\"canary-in-the-raw-answer\"}\r\n\r\n")
        },
        &|| says(b"HTTP/1.1 2OO OK\r\ncontent-length: 2\r\n\r\n{}"),
        &|| says(b"HTTP/1.1 200 OK\r\nno field\r\n\r\n{}"),
    ]);
}

/// X22: the deadline covers every byte, within TLS and below it.
pub fn x22_a_head_that_drips_ends_with_the_deadline<D: Driver>() {
    let apart = Duration::from_millis(100);
    side_by_side(&[
        &|| {
            Row::fails("request_timeout", 1)
                .deadline(short())
                .run::<D>(|bench| bench.fault(1, Fault::DripAll(apart)));
        },
        &|| {
            Row::fails("request_timeout", 1)
                .kept_alive()
                .connections(0)
                .deadline(short())
                .run::<D>(|bench| bench.door.slow_down(apart));
        },
    ]);
}

/// X22: where the time for one attempt is shorter than the deadline, there is a second one.
pub fn x22_an_attempt_that_takes_too_long_is_made_once_more<D: Driver>() {
    let short = short();
    Row::fails("request_timeout", 2)
        .waits(2 * short)
        .limiting(move |network| network.request_timeout(short))
        .run::<D>(|bench| bench.fault(2, Fault::Delay(Duration::from_secs(60))));
}

/// X24: larger than any head of a token service.
pub fn x24_a_head_that_is_too_large_is_not_read_on<D: Driver>() {
    let large = |field: &str, times: usize| {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n".to_owned();
        let head = head + &field.repeat(times) + "\r\n{}";
        raw::<D>("response_too_large", head.as_bytes());
    };
    side_by_side(&[
        &|| large("x-filler: canary-in-the-raw-answer\r\n", 150),
        &|| large(&format!("x-filler: {}\r\n", "y".repeat(16_000)), 64),
    ]);
}
