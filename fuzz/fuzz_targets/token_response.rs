//! A token comes only from an answer in which every field is valid, with the values that another JSON library reads; anything else is an error that repeats nothing of the body, and nothing is remembered.
#![no_main]

#[path = "../support.rs"]
mod support;

use std::collections::BTreeMap;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use support::*;

use certificates::{RSA, numbered};
use script::{Script, answer, seconds, with_header};

const STATUSES: &[u16] = &[200, 200, 200, 201, 302, 400, 401, 408, 429, 500, 503, 599];

fuzz_target!(|data: &[u8]| {
    let [first, second, body @ ..] = data else {
        return;
    };
    let pop = first & 1 == 1;
    let status = STATUSES[usize::from(*second) % STATUSES.len()];
    let answers = || {
        let answered = answer(status, body);
        match first >> 1 & 3 {
            1 => with_header(answered, "retry-after", "1"),
            2 => with_header(answered, "content-encoding", "gzip"),
            _ => answered,
        }
    };
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::certificate(numbered(RSA, 1)),
    )
    .region(RegionSource::Named("westus3".to_owned()))
    .build()
    .expect("a client");
    let request = TokenRequest::for_app(["scope"]);
    let request = if pop {
        request.proof_of_possession()
    } else {
        request
    };
    let mut script = Script::new().answers([answers(), answers()]);
    let run = script.run(&request.plan(&client).expect("a plan"));
    let asked = if pop { "mtls_pop" } else { "Bearer" };
    match run.done.result() {
        Ok(token) => {
            assert_eq!(status, 200);
            // Only the fields that matter are looked into: a number elsewhere may be larger than that library can hold.
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_slice(body).expect("what we read is JSON");
            let field = |name: &str| -> Value {
                serde_json::from_str(members[name].get()).expect("a value")
            };
            let life = match field("expires_in") {
                Value::String(text) => text.parse().ok(),
                number => number.as_u64(),
            };
            let life = life.expect("seconds");
            assert!(life <= 9_999_999_999);
            assert!(token.expires_in() <= seconds(life.min(48 * 3_600)));
            assert_eq!(field("access_token"), token.secret().expose());
            assert!(
                token
                    .secret()
                    .expose()
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic())
            );
            assert!(
                field("token_type")
                    .as_str()
                    .expect("a kind")
                    .eq_ignore_ascii_case(asked)
            );
            assert_eq!(run.seen.contains(&"SaveCache token"), life > 0);
        }
        Err(error) => {
            assert!(!run.seen.contains(&"SaveCache token"));
            let text = error.to_string();
            assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() <= 2_048);
            check_silence(error, &text, body);
        }
    }
});

/// Nothing that is long enough to be no accident, but for what an error may show: a checked code and suberror, an id, and what
/// kind of token came instead.
fn check_silence(error: &Error, text: &str, body: &[u8]) {
    const LONG: usize = 32;
    let allowed = [
        error.code(),
        error.suberror().unwrap_or_default(),
        error.correlation_id().unwrap_or_default(),
    ];
    if error.code() == "token_type_mismatch" {
        return;
    }
    let mut text = text.to_owned();
    for part in allowed.into_iter().filter(|part| !part.is_empty()) {
        text = text.replace(part, "");
    }
    for window in body.windows(LONG) {
        if let Ok(window) = std::str::from_utf8(window) {
            assert!(!text.contains(window), "{window:?} is of the body: {text}");
        }
    }
}
