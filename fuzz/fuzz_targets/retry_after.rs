//! Whatever a `Retry-After` holds, it is a wait of at most an hour or none, and all fields but the first count for nothing.
#![no_main]

#[path = "../support.rs"]
mod support;

use std::time::Duration;

use entra_proto::*;
use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use support::*;

use script::{Script, answer, seconds};

fn wait(values: &[&[u8]], wall: Duration) -> Option<Duration> {
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::secret(Secret::new("CANARY")),
    );
    let plan = TokenRequest::for_app(["scope"])
        .deadline(Duration::from_millis(1))
        .plan(&client.build().expect("a client"))
        .expect("a plan");
    let busy = || {
        answer(429, "").map(|mut response| {
            for value in values {
                let value = HeaderValue::from_bytes(value).expect("checked");
                response.headers_mut().append("retry-after", value);
            }
            response
        })
    };
    let mut script = Script::new().answers([busy(), busy()]);
    script.now = Now::new(wall, Duration::ZERO);
    let run = script.run(&plan);
    run.error().retry_in()
}

fuzz_target!(|data: &[u8]| {
    let Some((clock, value)) = data.split_first_chunk::<4>() else {
        return;
    };
    if HeaderValue::from_bytes(value).is_err() {
        return;
    }
    let wall = Duration::from_secs(u64::from(u32::from_le_bytes(*clock)));
    let first = wait(&[value], wall);
    assert!(first.is_none_or(|wait| wait <= seconds(3_600)));
    assert_eq!(wait(&[value, b"17"], wall), first);
    // Blanks and tabs may stand around it (RFC 9110 §5.5), and no other space that Unicode has.
    let digits = str::from_utf8(value)
        .map(str::trim_ascii)
        .unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let asked = digits.parse().unwrap_or(u64::MAX);
        assert_eq!(first, Some(seconds(asked.min(3_600))));
    }
});
