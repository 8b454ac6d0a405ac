//! A discovered document adds no host: after any answer of the metadata service, of instance discovery or of an OpenID provider, requests go to hosts of the closed table, or there is an error.
#![no_main]

#[path = "../support.rs"]
mod support;

use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use support::*;

use certificates::{P256, numbered};
use script::{Script, answer};

const STATUSES: &[u16] = &[200, 200, 200, 400, 404, 500, 302];

fuzz_target!(|data: &[u8]| {
    let [which, status, body @ ..] = data else {
        return;
    };
    if !canary::is_silent(&String::from_utf8_lossy(body)) {
        return;
    }
    let authority = match which & 3 {
        0 => Authority::parse("https://login.microsoftonline.com/contoso.com"),
        1 => Authority::parse("https://unknown.example/contoso.com"),
        _ => Authority::oidc("https://unknown.example/path"),
    };
    let listed: &[&str] = if which & 4 == 4 {
        &["tokens.example"]
    } else {
        &[]
    };
    let mtls = which & 8 == 8;
    let credential = if mtls {
        Credential::certificate(numbered(P256, 1)).send_over_mtls()
    } else {
        Credential::secret(Secret::new("CANARY"))
    };
    let policy = if which & 16 == 16 {
        RegionPolicy::Optional
    } else {
        RegionPolicy::Required
    };
    let client = Client::builder("app", authority.expect("an authority"), credential)
        .region(RegionSource::Discover)
        .region_policy(policy)
        .known_authorities(listed.iter().copied())
        .build()
        .expect("a client");
    // An answer to a first question may lead to a second one: the rest after a zero is for that.
    let mut parts = body.splitn(3, |byte| *byte == 0);
    let status = STATUSES[usize::from(*status) % STATUSES.len()];
    let first = parts.next().unwrap_or_default();
    let documents = [answer(status, first)]
        .into_iter()
        .chain(parts.map(|part| answer(200, part)));
    let request = TokenRequest::for_app(["scope"]);
    let script = Script::new()
        .instances([answer(status, first)])
        .regions(documents);
    let mut script = script;
    let run = script.run(&request.plan(&client).expect("a plan"));
    for sent in &run.sent {
        assert_eq!(sent.certificate.is_some(), mtls);
        assert!(
            hosts::may_receive(&client, listed, mtls, &sent.host),
            "{}",
            sent.url
        );
        assert!(sent.url.starts_with("https://"));
    }
    if let Err(error) = run.done.result() {
        assert!(
            [
                "invalid_instance",
                "region_required_for_mtls_pop",
                "mtls_pop_not_supported_for_environment"
            ]
            .contains(&error.code()),
            "{error}"
        );
    }
});
