//! A text is refused as an authority or leads to requests whose URL is https, has nothing for a parser to repair, and names a host of the closed table.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use support::*;

use certificates::{P256, numbered};
use script::Script;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    let Some(url) = support::text(rest) else {
        return;
    };
    let mtls = first & 1 == 1;
    let listed: &[&str] = if first & 2 == 2 {
        &["login.example.com", "login.usgovcloudapi.net"]
    } else {
        &[]
    };
    let authority = if first & 4 == 4 {
        Authority::oidc(url)
    } else {
        Authority::parse(url)
    };
    let Ok(authority) = authority else {
        return;
    };
    let credential = if mtls {
        Credential::certificate(numbered(P256, 1)).send_over_mtls()
    } else {
        Credential::secret(Secret::new("CANARY"))
    };
    let document = format!(
        "{{\"token_endpoint\":\"https://{}/token\"}}",
        authority.host()
    );
    let built = Client::builder("app", authority, credential)
        .region_policy(RegionPolicy::Optional)
        .known_authorities(listed.iter().copied())
        .build();
    let Ok(client) = built else {
        return;
    };
    let mut script = Script::new();
    if client.authority().kind() == AuthorityKind::Oidc {
        script = script.instances([script::answer(200, document)]);
    }
    let run = script.run(
        &TokenRequest::for_app(["scope"])
            .plan(&client)
            .expect("a plan"),
    );
    for sent in &run.sent {
        assert!(
            hosts::may_receive(&client, listed, mtls, &sent.host),
            "{}",
            sent.url
        );
        let parsed = url::Url::parse(&sent.url).expect("a URL");
        assert_eq!(parsed.host_str(), Some(sent.host.as_str()));
        assert_eq!(
            (parsed.scheme(), parsed.username(), parsed.password()),
            ("https", "", None)
        );
        assert_eq!((parsed.query(), parsed.fragment()), (None, None));
    }
});
