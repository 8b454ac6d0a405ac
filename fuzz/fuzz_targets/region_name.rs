//! A region is accepted exactly if it is `[a-z0-9]{1,32}` after lower-casing ASCII, and then it is the first label of the host, byte for byte; as an answer of the metadata service likewise.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use support::*;

use certificates::{P256, numbered};
use script::{Script, answer};

fn client(region: RegionSource) -> Result<Client, Error> {
    Client::builder(
        "app",
        "https://login.microsoftonline.com/contoso.com",
        Credential::certificate(numbered(P256, 1)),
    )
    .region(region)
    .build()
}

fn host(client: &Client, location: &str) -> Option<String> {
    let plan = TokenRequest::for_app(["scope"])
        .proof_of_possession()
        .plan(client)
        .expect("a plan");
    let document = serde_json::json!({ "location": location }).to_string();
    let run = Script::new().regions([answer(200, document)]).run(&plan);
    let sent = run.sent.first()?;
    let parsed = url::Url::parse(&sent.url).expect("a URL");
    assert_eq!(parsed.host_str(), Some(sent.host.as_str()));
    Some(sent.host.clone())
}

fuzz_target!(|data: &[u8]| {
    let Some(name) = support::text(data) else {
        return;
    };
    let valid =
        (1..=32).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let expected = valid.then(|| format!("{}.mtlsauth.microsoft.com", name.to_ascii_lowercase()));
    assert_eq!(Region::parse(name).is_ok(), valid);
    let word = ["TryAutoDetect", "DisableMsalForceRegion"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(name));
    if !word {
        let configured = client(RegionSource::Named(name.to_owned()));
        let configured = configured
            .ok()
            .and_then(|client| host(&client, "elsewhere"));
        assert_eq!(configured, expected);
    }
    let discovering = client(RegionSource::Discover).expect("a client");
    assert_eq!(host(&discovering, name), expected);
});
