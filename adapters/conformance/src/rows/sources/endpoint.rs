//! What an identity's endpoint may do wrong, and who else may stand in its place.

use std::path::Path;
use std::sync::Arc;

use super::super::child;
use super::identity::{SECRET, asked, source, tokens};
use super::with_assertions;
use crate::Driver;
use crate::endpoint::{LocalEndpoint, Said};
use crate::folder::Folder;
use crate::world::{World, bearer, issue};

/// SRC-05: the challenge names a file; the second request carries what is in it. Who names another file gets nothing.
pub fn src05_the_key_of_azure_arc_goes_to_the_agent_alone<D: Driver>() {
    let (world, folder, other) = (World::new(), Folder::new(), Folder::new());
    folder.replace("agent.key", "key-of-the-agent");
    other.replace("other.key", "canary-of-another");
    let arc = |challenge: String| {
        let emulator = Arc::clone(&world.emulator);
        LocalEndpoint::serve(None, move |_, asked| match asked.header("authorization") {
            None => Said(401, Some(challenge.clone()), String::new()),
            Some("Basic key-of-the-agent") => Said::token(issue(&emulator, None).expose()),
            Some(_) => Said(403, None, String::new()),
        })
    };
    let client = |endpoint: &LocalEndpoint, keys: &Path| {
        let url = endpoint.url("/metadata/identity/oauth2/token");
        let source = source(&[("IDENTITY_ENDPOINT", &url), ("IMDS_ENDPOINT", "x")]);
        with_assertions::<D>(&world, source.arc_key_folder(keys))
    };
    let named = |file: &Path| format!("WWW-Authenticate: Basic realm={}", file.display());
    let endpoint = arc(named(&folder.file("agent.key")));
    D::token(&client(&endpoint, folder.path()), &bearer()).unwrap();
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 2);
    assert!(
        asked
            .iter()
            .all(|asked| asked.header("metadata") == Some("true"))
    );
    assert_eq!(asked[0].target, asked[1].target);

    for challenge in [
        named(&other.file("other.key")),
        named(&folder.file("nothing.key")),
        "X-Nothing: here".to_owned(),
        "WWW-Authenticate: Bearer realm=x".to_owned(),
    ] {
        let endpoint = arc(challenge);
        let error = D::token(&client(&endpoint, folder.path()), &bearer()).unwrap_err();
        assert_eq!(error.code(), "assertion_provider_failed");
        let asked = endpoint.asked();
        assert_eq!(asked.len(), 1, "{:?}", error.reported());
        assert!(!error.reported().unwrap().contains("canary"));
    }
}

/// SRC-06: and again with success, whether it refuses, or nobody is there.
pub fn src06_an_endpoint_that_can_not_answer_is_asked_three_times<D: Driver>() {
    let world = World::new();
    let appservice = |url: &str| source(&[("IDENTITY_ENDPOINT", url), ("IDENTITY_HEADER", SECRET)]);
    for status in [404, 408, 410, 429, 500, 503] {
        let emulator = Arc::clone(&world.emulator);
        let endpoint = LocalEndpoint::serve(None, move |number, _| match number {
            0 | 1 => Said(status, None, "{\"error\":\"busy\"}".to_owned()),
            _ => Said::token(issue(&emulator, None).expose()),
        });
        let client = with_assertions::<D>(&world, appservice(&endpoint.url("/")));
        D::token(&client, &bearer()).unwrap();
        assert_eq!(endpoint.asked().len(), 3, "{status}");
    }
    world.emulator.clear_records();
    let endpoint = LocalEndpoint::serve(None, |_, _| Said(500, None, String::new()));
    let client = with_assertions::<D>(&world, appservice(&endpoint.url("/")));
    let error = D::token(&client, &bearer()).unwrap_err();
    assert!(error.reported().unwrap().contains("answered 500"));
    assert_eq!(endpoint.asked().len(), 3);
    // Bound and never listening.
    let held = crate::raw::reserve();
    let nobody = format!(
        "http://{}/",
        held.local_addr().unwrap().as_socket().unwrap()
    );
    let client = with_assertions::<D>(&world, appservice(&nobody));
    let error = D::token(&client, &bearer()).unwrap_err();
    assert!(error.reported().unwrap().contains("no connection"));
    assert_eq!(world.emulator.accepted(), 0);
}

/// SRC-06, SEC-03, SEC-04.
pub fn src06_sec03_sec04_other_answers_are_errors_that_say_nothing_of_them<D: Driver>() {
    let world = World::new();
    let target = tokens(&world.emulator);
    let elsewhere = format!("Location: {}", target.url("/"));
    for (said, says) in [
        (Said(302, Some(elsewhere), String::new()), "answered 302"),
        (
            Said(400, None, "{\"error\":\"canary\"}".into()),
            "answered 400",
        ),
        (
            Said(200, None, "canary".into()),
            "something else than a token",
        ),
        (
            Said(
                200,
                None,
                "{\"access_token\":\"canary\",\"access_token\":\"x\"}".into(),
            ),
            "something else",
        ),
        (
            Said(
                200,
                None,
                "{\"access_token\":\"canary\",\"expires_on\":1}".into(),
            ),
            "expired",
        ),
        (Said(200, None, "canary".repeat(20_000)), "larger than"),
    ] {
        let endpoint = LocalEndpoint::serve(None, move |_, _| said.clone());
        let url = endpoint.url("/");
        let source = source(&[("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", SECRET)]);
        let client = with_assertions::<D>(&world, source);
        let error = D::token(&client, &bearer()).unwrap_err();
        let reported = error.reported().unwrap();
        assert!(reported.contains(says), "{reported}");
        assert!(!format!("{reported}{error:?}").contains("canary"));
        assert_eq!(endpoint.asked().len(), 1);
    }
    assert!(target.asked().is_empty());
    assert_eq!(world.emulator.accepted(), 0);
}

/// SRC-06, T37: the proxy that the environment names sees nothing of it.
pub fn src06_no_proxy_is_asked_for_an_identity<D: Driver>() {
    if !child::is_inside() {
        let row = "src06_no_proxy_is_asked_for_an_identity";
        let proxy = LocalEndpoint::serve(None, |_, _| Said(502, None, String::new()));
        let url = proxy.url("");
        let names = [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
        ];
        child::run(row, None, &names.map(|name| (name, url.as_str())));
        assert!(proxy.asked().is_empty());
        return;
    }
    let world = World::new();
    let endpoint = tokens(&world.emulator);
    let url = endpoint.url("/");
    let source = source(&[("IDENTITY_ENDPOINT", &url), ("IDENTITY_HEADER", SECRET)]);
    asked::<D>(&world, source, &endpoint);
}
