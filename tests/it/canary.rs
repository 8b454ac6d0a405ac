//! Secrets that betray themselves: each holds one word, and whatever is printed is searched for that word in every encoding
//! (rule 15, I34, SEC-01).

use std::fmt::Debug;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

/// In every secret of these tests. Letters alone: base64 and base64url agree on it.
pub(crate) const CANARY: &str = "CANARY";

static TRACES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let each = |show: fn(u8) -> String, between: &str| {
        let shown: Vec<String> = CANARY.bytes().map(show).collect();
        shown.join(between)
    };
    // Base64 shifts with what stands before: three shifts, without the characters that the neighbours change.
    let shifted = |before: usize| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{CANARY}", "x".repeat(before)));
        let first = (before * 8).div_ceil(6);
        let last = (before + CANARY.len()) * 8 / 6;
        encoded[first..last].to_owned()
    };
    vec![
        CANARY.to_owned(),
        each(|byte| format!("{byte:02x}"), ""),
        each(|byte| format!("{byte:02X}"), ""),
        each(|byte| format!("%{byte:02x}"), ""),
        each(|byte| format!("%{byte:02X}"), ""),
        // `[67, 65, …]` is how `Debug` prints bytes.
        each(|byte| byte.to_string(), ", "),
        shifted(0),
        shifted(1),
        shifted(2),
    ]
});

pub(crate) fn is_silent(text: &str) -> bool {
    !TRACES.iter().any(|trace| text.contains(trace.as_str()))
}

#[track_caller]
pub(crate) fn assert_silent(value: &impl Debug) {
    let text = format!("{value:?}");
    assert!(is_silent(&text), "this tells a secret: {text}");
}

#[test]
fn every_encoding_of_a_secret_is_seen() {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    for before in ["", "a", "ab", "abc", "?>"] {
        let secret = format!("{before}{CANARY}~?>");
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        for text in [
            secret.clone(),
            STANDARD.encode(&secret),
            URL_SAFE_NO_PAD.encode(&secret),
            hex.clone(),
            hex.to_uppercase(),
            format!("{:?}", secret.as_bytes()),
            secret.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        ] {
            assert!(!is_silent(&format!("<{text}>")), "{text}");
        }
    }
    assert!(is_silent("[redacted] canary C-A-N-A-R-Y"));
}
