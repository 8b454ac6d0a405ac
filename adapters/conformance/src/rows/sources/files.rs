//! Assertions in files: workload identity, replaced and written in place.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use entra_emulator::{AssertionSpec, TENANT_ID};
use entra_sources::{AssertionFile, WorkloadIdentity};

use super::with_assertions;
use crate::folder::Folder;
use crate::world::{CLIENT_ID, ISSUER, SUBJECT, World, bearer};
use crate::{Driver, Setup};

/// What was written a shorter time ago may be half.
const SETTLED: Duration = Duration::from_millis(250);
/// How often somebody writes while others call.
const ROUNDS: usize = 300;

/// The assertion of the latest token request.
fn sent(world: &World) -> String {
    let last = world.emulator.token_requests().pop().unwrap();
    assert_eq!(last.client_certificate, None);
    last.form_value("client_assertion").unwrap().to_owned()
}

/// SRC-01: what the webhook of AKS sets up, and what the kubelet does with it, which is to point a link elsewhere.
pub fn src01_a_workload_gets_its_tokens_across_rotations<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let fresh = || world.assertion(None).expose().to_owned();
    let path = folder.file("azure-identity-token").display().to_string();
    let variables = |name: &str| match name {
        "AZURE_CLIENT_ID" => Some(CLIENT_ID.to_owned()),
        "AZURE_TENANT_ID" => Some(TENANT_ID.to_owned()),
        "AZURE_FEDERATED_TOKEN_FILE" => Some(path.clone()),
        "AZURE_AUTHORITY_HOST" => Some("https://login.microsoftonline.com/".to_owned()),
        _ => None,
    };
    folder.replace("azure-identity-token", fresh());
    let workload = WorkloadIdentity::from_variables(variables).unwrap();
    let client = workload.client().build().unwrap();
    let client = D::build(Setup {
        assertion_source: Some(Arc::new(workload)),
        ..world.setup(client)
    })
    .unwrap();
    for _ in 0..5 {
        let renewed = fresh();
        folder.replace("azure-identity-token", &renewed);
        D::token(&client, &bearer().bypassing_cache()).unwrap();
        assert_eq!(sent(&world), renewed);
    }
    assert_eq!(world.token_requests(), 5);

    // A Bearer token that is remembered asks nobody, not even when the file is gone (rule 4).
    fs::remove_file(&path).unwrap();
    D::token(&client, &bearer()).unwrap();
    // And the assertion that was read last serves until it ends.
    D::token(&client, &bearer().bypassing_cache()).unwrap();
}

/// SRC-01, SRC-02: somebody replaces the file, and writes it in place a piece at a time, as fast as the disk allows.
pub fn src01_src02_no_call_fails_while_the_file_is_written<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    folder.replace("token", world.assertion(None).expose());
    let client = with_assertions::<D>(&world, AssertionFile::new(folder.file("token")));
    D::token(&client, &bearer()).unwrap();
    world.emulator.clear_records();
    let (latest, calls) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut latest = String::new();
            for _ in 0..ROUNDS {
                latest = world.assertion(None).expose().to_owned();
                for end in [0, latest.len() / 3, latest.len() - 5, latest.len()] {
                    folder.overwrite("token", &latest[..end]);
                }
                folder.replace("token", &latest);
            }
            latest
        });
        let mut calls = 0;
        while !writer.is_finished() {
            D::token(&client, &bearer().bypassing_cache()).unwrap();
            calls += 1;
        }
        (writer.join().unwrap(), calls)
    });
    D::token(&client, &bearer().bypassing_cache()).unwrap();
    assert_eq!(sent(&world), latest);
    assert_eq!(world.token_requests(), calls + 1, "one attempt each");
    assert!(calls > 1);
}

/// SRC-02: what is no whole assertion, and one that has ended.
pub fn src02_half_an_assertion_and_an_expired_one_are_not_sent<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let whole = world.assertion(None).expose().to_owned();
    let fails = |text: &str, says: &str| {
        folder.replace("token", text);
        let client = with_assertions::<D>(&world, AssertionFile::new(folder.file("token")));
        let error = D::token(&client, &bearer()).unwrap_err();
        assert_eq!(error.code(), "assertion_provider_failed");
        assert!(
            error.reported().unwrap().contains(says),
            "{:?}",
            error.reported()
        );
    };
    fails("", "no whole JWT");
    fails(&whole[..whole.len() / 2], "no whole JWT");
    fails(&"A".repeat(64 * 1_024 + 1), "too large");
    let spec = AssertionSpec::new(ISSUER, SUBJECT).expired();
    fails(&world.emulator.issue_assertion(&spec), "has expired");
    let nowhere = AssertionFile::new(folder.file("nowhere"));
    let client = with_assertions::<D>(&world, nowhere);
    let error = D::token(&client, &bearer()).unwrap_err();
    assert!(error.reported().unwrap().contains("can't be read"));
    assert_eq!(world.emulator.accepted(), 0);

    // Written in place: the old one until the new one has settled.
    folder.replace("token", &whole);
    let client = with_assertions::<D>(&world, AssertionFile::new(folder.file("token")));
    D::token(&client, &bearer()).unwrap();
    let renewed = world.assertion(None).expose().to_owned();
    for written in [
        "",
        &renewed[..renewed.len() / 2],
        &renewed[..renewed.len() - 5],
    ] {
        folder.overwrite("token", written);
        D::token(&client, &bearer().bypassing_cache()).unwrap();
        assert_eq!(sent(&world), whole);
    }
    let began = Instant::now();
    folder.overwrite("token", &renewed);
    D::token(&client, &bearer().bypassing_cache()).unwrap();
    if began.elapsed() < SETTLED {
        assert_eq!(sent(&world), whole);
    }
    folder.settle("token");
    D::token(&client, &bearer().bypassing_cache()).unwrap();
    assert_eq!(sent(&world), renewed);
}
