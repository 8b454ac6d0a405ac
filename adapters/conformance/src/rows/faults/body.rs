//! The body of the answer: cut off, too large, too slow, packed, or longer than it says.

use std::time::Duration;

use entra_emulator::{Cut, Fault, Reply};

use crate::Driver;

use super::row::{Row, short, side_by_side};

const HIDDEN: &str = "canary-in-the-raw-answer";

fn raw<D: Driver>(row: Row, times: usize, answer: &str) {
    let answer = answer.as_bytes().to_vec();
    row.hiding(HIDDEN)
        .run::<D>(move |bench| bench.fault(times, Fault::Raw(answer.clone())));
}

/// X16: a hundred bytes were announced.
pub fn x16_a_body_that_ends_early_is_tried_once_more<D: Driver>() {
    let cut = |fault: Fault| {
        Row::fails("connection_failed", 2).run::<D>(move |bench| bench.fault(2, fault.clone()));
    };
    side_by_side(&[
        &|| {
            raw::<D>(
                Row::fails("connection_failed", 2),
                2,
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"access_token\":\"canary-in-the-raw-answer\"",
            );
        },
        &|| cut(Fault::Close(Cut::MidBody)),
        &|| cut(Fault::Reset(Cut::MidBody)),
    ]);
}

/// X17: the last chunk never comes; and chunks that are none.
pub fn x17_chunks_that_end_early_are_tried_once_more<D: Driver>() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    side_by_side(&[
        &|| {
            let answer = format!("{head}2\r\n{{}}\r\n");
            raw::<D>(Row::fails("connection_failed", 2), 2, &answer);
        },
        &|| {
            let answer = format!("{head}2\r\n{{}}\r\n20\r\n{HIDDEN}");
            raw::<D>(Row::fails("connection_failed", 2), 2, &answer);
        },
        &|| {
            let answer = format!("{head}two\r\n{HIDDEN}\r\n");
            raw::<D>(Row::fails("invalid_token_response", 1), 1, &answer);
        },
    ]);
}

/// X18: without a length the end of the connection is the end of the answer, if TLS says that it is the end (RFC 9112 §9.8).
/// Where TLS does, the JSON is cut off; where it does not, the connection is.
pub fn x18_an_answer_without_a_length_counts_only_if_tls_ends_it<D: Driver>() {
    let whole = format!(
        "HTTP/1.1 200 OK\r\n\r\n{{\"token_type\":\"Bearer\",\"access_token\":\"{HIDDEN}\",\"expires_in\":3599}}"
    );
    let half = &whole[..whole.len() / 2];
    side_by_side(&[
        &|| raw::<D>(Row::fails("invalid_token_response", 1), 1, half),
        &|| {
            Row::fails("connection_failed", 2)
                .hiding(HIDDEN)
                .run::<D>(|bench| bench.fault(2, Fault::RawCut(whole.as_bytes().to_vec())));
        },
    ]);
}

/// X19: what comes after the end is nobody's answer, least of all the next one's.
pub fn x19_bytes_after_the_end_cost_the_connection<D: Driver>() {
    let extra = format!("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{{}}{HIDDEN}");
    raw::<D>(Row::fails("token_type_missing", 1), 1, &extra);
}

/// X23: the deadline covers the body too.
pub fn x23_a_body_that_drips_ends_with_the_deadline<D: Driver>() {
    Row::fails("request_timeout", 1)
        .deadline(short())
        .run::<D>(|bench| bench.fault(1, Fault::DripBody(Duration::from_millis(100))));
}

/// X25: a length that is too large, a body that turns out to be, and one without end.
pub fn x25_a_body_that_is_too_large_is_not_read_on<D: Driver>() {
    let large = |fault: Fault| {
        Row::fails("response_too_large", 1).run::<D>(move |bench| bench.fault(1, fault.clone()));
    };
    side_by_side(&[
        &|| large(Fault::Reply(Reply::new(200).body(vec![b' '; 300 * 1_024]))),
        &|| {
            large(Fault::Raw(
                b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n{".to_vec(),
            ))
        },
        &|| large(Fault::EndlessBody),
    ]);
}

/// X26: 250 KB that would unpack to 258 MB are not unpacked; nor is anything else that says it is packed.
pub fn x26_a_packed_body_is_not_unpacked<D: Driver>() {
    let packed = |coding: &'static str, body: Vec<u8>| {
        let reply = Reply::new(200)
            .header("content-type", "application/json")
            .header("content-encoding", coding)
            .body(body);
        Row::fails("invalid_token_response", 1)
            .reusable()
            .run::<D>(move |bench| bench.fault(1, Fault::Reply(reply.clone())));
    };
    let bomb = bomb();
    assert!(bomb.len() < 256 * 1_024, "it fits into what is read");
    side_by_side(&[
        &|| packed("gzip", bomb.clone()),
        &|| packed("br", b"{}".to_vec()),
        &|| packed("identity, gzip", b"{}".to_vec()),
    ]);
}

/// 258,000,260 zeros, as gzip packs them and then cut off: a head, a block whose codes take one bit each, and copies of 258 zeros,
/// four to a byte (RFC 1951 §3.2.7).
fn bomb() -> Vec<u8> {
    let head = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xec, 0xc1, 1, 1, 0, 0, 0, 0x80, 0x90, 0xfe, 0xaf,
        0xee, 8, 0x0a,
    ];
    [&head[..], &[0; 250_000]].concat()
}
