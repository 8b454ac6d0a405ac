//! A token comes only from an answer in which every field is valid, with the values that another JSON library reads; anything else is an error that repeats nothing of the body, and nothing is remembered.
#![no_main]

#[path = "../support.rs"]
mod support;

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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
    // The numbers of a refusal are shown, and six of them can be the letters of the word that nothing may print.
    let numbers: Vec<u8> = body
        .iter()
        .copied()
        .filter(|byte| byte.is_ascii_digit() || *byte == b',')
        .collect();
    if numbers
        .windows(17)
        .any(|window| window == b"67,65,78,65,82,89")
    {
        return;
    }
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
    let user = first >> 3 & 1 == 1;
    let request = if user {
        TokenRequest::refreshing(Secret::new("CANARY"), ["scope"])
    } else {
        TokenRequest::for_app(["scope"])
    };
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
            // More than fits is as much as fits; as text it has at most ten digits.
            let life = match field("expires_in") {
                Value::String(text) => Some(text).filter(|text| text.len() <= 10),
                _ => Some(members["expires_in"].get().to_owned()),
            };
            let life = life.expect("ten digits");
            assert!(life.bytes().all(|byte| byte.is_ascii_digit()));
            let life: u64 = life.parse().unwrap_or(u64::MAX);
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
            // An application's token is nobody's; a user's is remembered for whom the answer names, with what came beside it.
            let named = token.account().is_some();
            assert!(user || !named);
            assert_eq!(
                run.seen.contains(&"SaveCache token"),
                life > 0 && (named || !user)
            );
            assert_eq!(
                run.seen.contains(&"SaveCache refresh token"),
                named && token.refresh_token().is_some()
            );
            for (name, secret) in [
                ("refresh_token", token.refresh_token()),
                ("id_token", token.id_token()),
            ] {
                if let Some(secret) = secret {
                    assert_eq!(field(name), secret.expose());
                }
            }
            if let Some(account) = token.account() {
                let client_info = field("client_info");
                let encoded = client_info.as_str().expect("text").trim_end_matches('=');
                let decoded = URL_SAFE_NO_PAD.decode(encoded).expect("base64url");
                // Its other members may be what that library can't hold.
                if let Ok(read) = serde_json::from_slice::<Value>(&decoded) {
                    let id = format!("{}.{}", part(&read["uid"]), part(&read["utid"]));
                    assert_eq!(account.home_id(), id);
                }
            }
        }
        Err(error) => {
            assert!(!run.seen.contains(&"SaveCache token"));
            assert!(!run.seen.contains(&"SaveCache refresh token"));
            let text = error.to_string();
            assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() <= 2_048);
            check_silence(error, &text, body);
        }
    }
});

fn part(value: &Value) -> &str {
    value.as_str().expect("text")
}

/// Nothing that is long enough to be no accident, but for what an error may show: a checked code and suberror, an id, and what
/// kind of token came instead.
fn check_silence(error: &Error, text: &str, body: &[u8]) {
    const LONG: usize = 32;
    let mut allowed = [
        error.code(),
        error.suberror().unwrap_or_default(),
        error.correlation_id().unwrap_or_default(),
    ];
    // The longest first: a code may be a letter that another of them has.
    allowed.sort_by_key(|part| std::cmp::Reverse(part.len()));
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
