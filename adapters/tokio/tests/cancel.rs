//! Dropping the future of an acquisition: before the handshake, during it, after sending, while reading. Over real TLS; what
//! the server has seen says how far each one was.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use entra_conformance::World;
use entra_conformance::world::{SECRET, bearer};
use entra_emulator::{Endpoint, Fault, Handshake, Target};
use entra_proto::{Credential, Secret, TokenSource};
use entra_tokio::EntraClient;
use tokio::task::JoinHandle;

/// A client, and how many of its flows have asked for a turn.
fn client(world: &World) -> (EntraClient, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let credential = Credential::secret(Secret::new(SECRET));
    let client = EntraClient::builder(world.client(credential).build().unwrap())
        .network(world.network())
        .observer(move |event| {
            // Asking says nothing more; waiting does, and comes after it.
            let asks = event.step == "TakeTurn" && event.detail.is_empty();
            counted.fetch_add(usize::from(asks), Ordering::SeqCst);
        })
        .build()
        .unwrap();
    (client, asked)
}

fn token_endpoint() -> Target {
    Target::Endpoint(Endpoint::Token)
}

async fn until(so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(20), "it never was so");
        tokio::task::yield_now().await;
    }
}

/// Gives up, and says how long that took.
async fn give_up<T>(task: JoinHandle<T>) -> Duration {
    let began = Instant::now();
    task.abort();
    assert!(task.await.is_err_and(|error| error.is_cancelled()));
    began.elapsed()
}

type Reached = fn(&World) -> bool;

#[tokio::test(flavor = "multi_thread")]
async fn http06_giving_up_at_any_point_is_over_at_once_and_leaves_nothing() {
    let drip = || Fault::DripBody(Duration::from_millis(300));
    let points: [(&str, Target, Fault, Reached); 4] = [
        (
            "before the handshake",
            Target::Any,
            Fault::StallHandshake,
            |world| world.emulator.accepted() == 1,
        ),
        ("during it", Target::Any, Fault::StallHandshake, |world| {
            let connections = world.emulator.connections();
            connections.first().is_some_and(|connection| {
                connection.server_name.is_some() && connection.handshake == Handshake::Pending
            })
        }),
        (
            "after sending",
            token_endpoint(),
            Fault::Delay(Duration::from_secs(60)),
            |world| world.token_requests() == 1,
        ),
        ("while reading", token_endpoint(), drip(), |world| {
            let connections = world.emulator.connections();
            connections
                .first()
                .is_some_and(|connection| connection.bytes_written > 100)
        }),
    ];
    for (point, target, fault, reached) in points {
        let world = World::new();
        world.emulator.set_fault(target, fault);
        let (client, _) = client(&world);
        let one = client.clone();
        let task = tokio::spawn(async move { one.token(&bearer()).await });
        until(|| reached(&world)).await;
        let took = give_up(task).await;
        assert!(took < Duration::from_millis(100), "{point}: {took:?}");
        world.emulator.clear_faults();
        let before = world.token_requests();
        let token = client.token(&bearer()).await.unwrap();
        assert_eq!(
            (token.source(), world.token_requests()),
            (TokenSource::Network, before + 1),
            "{point}: nothing was remembered"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn run04_one_of_those_who_wait_leads_when_the_leader_gives_up() {
    let world = World::new();
    world
        .emulator
        .fail_next(token_endpoint(), Fault::Delay(Duration::from_secs(60)));
    let (client, asked) = client(&world);
    let spawn = || {
        let one = client.clone();
        tokio::spawn(async move { one.token(&bearer()).await })
    };
    let leader = spawn();
    until(|| world.token_requests() == 1).await;
    let waiting: Vec<_> = (0..100).map(|_| spawn()).collect();
    until(|| asked.load(Ordering::SeqCst) == 101).await;
    give_up(leader).await;
    let mut sources = Vec::new();
    for task in waiting {
        sources.push(task.await.unwrap().unwrap().source());
    }
    let led = |source: &&TokenSource| **source == TokenSource::Network;
    assert_eq!(sources.iter().filter(led).count(), 1);
    assert_eq!(world.token_requests(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn run04_the_key_is_free_when_all_give_up() {
    let world = World::new();
    world
        .emulator
        .set_fault(token_endpoint(), Fault::Delay(Duration::from_secs(60)));
    let (client, asked) = client(&world);
    let tasks: Vec<_> = (0..100)
        .map(|_| {
            let one = client.clone();
            tokio::spawn(async move { one.token(&bearer()).await })
        })
        .collect();
    until(|| world.token_requests() == 1).await;
    until(|| asked.load(Ordering::SeqCst) == 100).await;
    for task in tasks {
        give_up(task).await;
    }
    world.emulator.clear_faults();
    let token = client.token(&bearer()).await.unwrap();
    assert_eq!(token.source(), TokenSource::Network);
}
