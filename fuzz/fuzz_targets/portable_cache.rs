//! A document of the portable cache is kept as it is or is an error that repeats nothing of it; what serves of it serves again after one more trip, for no longer, and any part of it that is no token of ours is still there.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use support::*;

use canary::assert_silent;
use script::{START, Script};

fn check_error(error: &Error) {
    assert_eq!(error.code(), "json_parse_failed");
    let text: String = error
        .to_string()
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect();
    let other = PortableCache::read(b"[")
        .expect_err("no object")
        .to_string();
    let other: String = other
        .chars()
        .filter(|letter| !letter.is_ascii_digit())
        .collect();
    assert_eq!(text, other, "it says where, and nothing else");
}

/// What serves a client of the corpus.
fn served(script: &mut Script) -> Option<AccessToken> {
    let client = Client::builder(
        "11111111-1111-1111-1111-111111111111",
        "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222",
        Credential::secret(Secret::new("CANARY")),
    )
    .build()
    .expect("a client");
    let plan = TokenRequest::for_app(["https://vault.azure.net/.default"])
        .plan(&client)
        .expect("a plan");
    let run = script.run(&plan);
    run.sent.is_empty().then(|| run.token().clone())
}

fn members(document: &Value, name: &str) -> usize {
    document[name].as_object().map_or(0, |items| items.len())
}

fuzz_target!(|data: &[u8]| {
    let cache = match PortableCache::read(data) {
        Ok(cache) => cache,
        Err(error) => return check_error(&error),
    };
    // Its items' names may hold anything; what is printed holds none of them.
    assert_silent(&cache);
    let written = cache.write();
    assert!(PortableCache::read(written.expose()).expect("what was written") == cache);
    // The other library knows no comma after the last member, and no number that is too large for it.
    let before: Option<Value> = serde_json::from_slice(data).ok();
    if let Some(before) = &before {
        let after: Value = serde_json::from_slice(written.expose()).expect("JSON");
        assert_eq!(*before, after);
    }
    let mut first = Script::new();
    let found = cache.load_into(&mut first.memory, START);
    assert!(found >= first.memory.len());
    let (mut fresh, mut again) = (PortableCache::empty(), Script::new());
    fresh.add_from(&first.memory, START);
    assert_silent(&fresh);
    assert_eq!(
        fresh.load_into(&mut again.memory, START),
        first.memory.len()
    );
    let mut merged = cache.clone();
    merged.add_from(&first.memory, START);
    let after: Option<Value> = serde_json::from_slice(merged.write().expose()).ok();
    if let (Some(before), Some(after)) = (before, after) {
        for (name, root) in before.as_object().expect("an object") {
            let section =
                ["AccessToken", "RefreshToken", "IdToken", "Account"].contains(&name.as_str());
            assert!(section || after[name] == *root);
        }
        assert!(members(&before, "RefreshToken") >= members(&after, "RefreshToken"));
    }
    match (served(&mut first), served(&mut again)) {
        (Some(one), Some(other)) => {
            assert_eq!(one.secret(), other.secret());
            assert!(
                one.secret()
                    .expose()
                    .bytes()
                    .all(|byte| byte.is_ascii_graphic())
            );
            assert!(other.expires_in() <= one.expires_in());
            assert!(one.expires_in() <= script::seconds(48 * 3_600));
        }
        (None, None) => {}
        (one, other) => panic!("one trip more changed what serves: {one:?} {other:?}"),
    }
});
