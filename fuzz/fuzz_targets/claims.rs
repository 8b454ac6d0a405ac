//! Claims are one JSON object, which is sent with the same values and with the capabilities in it, or an error that repeats nothing of them.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use support::*;

use script::Script;

fn sent(claims: &str, capabilities: &[&str]) -> Option<Value> {
    let client = Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::secret(Secret::new("CANARY")),
    )
    .capabilities(capabilities.iter().copied())
    .build()
    .expect("a client");
    match TokenRequest::for_app(["scope"])
        .claims(claims)
        .plan(&client)
    {
        Ok(plan) => {
            let run = Script::new().run(&plan);
            let text = run.request().field("claims").expect("claims").to_owned();
            let read = serde_json::from_str(&text).ok();
            // The other library refuses numbers that it can't hold: it must then refuse the original too.
            assert!(read.is_some() || serde_json::from_str::<Value>(claims).is_err());
            read
        }
        Err(error) => {
            assert_eq!(error.code(), "invalid_json_claims_format");
            let fixed = TokenRequest::for_app(["scope"]).claims("").plan(&client);
            assert_eq!(error.to_string(), fixed.unwrap_err().to_string());
            None
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let Some(claims) = support::text(data) else {
        return;
    };
    let plain = sent(claims, &[]);
    if let Some(plain) = &plain {
        assert_eq!(plain, &serde_json::from_str::<Value>(claims).expect("JSON"));
    }
    let merged = sent(claims, &["cp1", "cp2"]);
    assert_eq!(plain.is_some(), merged.is_some());
    if let (Some(plain), Some(merged)) = (plain, merged) {
        let own = &plain["access_token"]["xms_cc"]["values"];
        if plain.get("access_token").is_none() {
            assert_eq!(
                merged["access_token"]["xms_cc"]["values"],
                json!(["cp1", "cp2"])
            );
        }
        if let Some(own) = own.as_array() {
            let values = merged["access_token"]["xms_cc"]["values"]
                .as_array()
                .expect("united");
            assert!(own.iter().all(|value| values.contains(value)));
            assert!(values.starts_with(&[json!("cp1"), json!("cp2")]));
        }
        for (name, value) in plain.as_object().expect("an object") {
            assert!(name == "access_token" || merged.get(name) == Some(value));
        }
    }
});
