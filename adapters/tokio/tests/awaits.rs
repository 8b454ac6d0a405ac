//! Cancelling: a call that is dropped at whatever await leaves nothing behind (X45, T28).

#![forbid(unsafe_code)]

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use entra_conformance::world::{World, pop};
use entra_proto::TokenSource;
use entra_tokio::{EntraClient, TokenRequest};

/// Polls a future so many times at most, and drops it.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = times;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => {
            left -= 1;
            if left == 0 {
                Poll::Ready(None)
            } else {
                Poll::Pending
            }
        }
    })
    .await
}

fn client(world: &World) -> EntraClient {
    let setup = world.with_certificate(&world.alpha, |credential| credential);
    let mut builder = EntraClient::builder(setup.client).network(setup.network);
    for identity in setup.identities {
        builder = builder.identity(identity);
    }
    builder.build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn x45_a_call_dropped_at_any_await_leaves_the_turn_and_the_cache_as_they_were() {
    let world = World::new();
    let other = TokenRequest::for_app(["https://storage.azure.com/.default"]);
    let requests = [
        ("mutual TLS, cold", pop()),
        ("mutual TLS, past the cache", pop().bypassing_cache()),
        ("signed, cold", TokenRequest::for_app(["a/.default"])),
    ];
    // How often a call waits depends on who is faster, so each is dropped at all its awaits several times.
    for (what, request) in requests.iter().cycle().take(10 * requests.len()) {
        let mut dropped = 0;
        loop {
            // A new client each time: connections are made, so that the handshake is cancelled too.
            let client = client(&world);
            let kept = client.token(&other).await.unwrap();
            let waiting = {
                let (client, request) = (client.clone(), request.clone());
                async move { client.token(&request).await }
            };
            // Whoever waits joins while the first has the turn, and goes on when it is given up.
            let first = polled(client.token(request), dropped + 1);
            let (first, second) = tokio::join!(first, waiting);
            let second = second.unwrap();
            assert!(second.attempts() <= 1, "{what}, dropped after {dropped}");
            let served = client.token(&other).await.unwrap();
            assert_eq!(
                (served.source(), served.secret()),
                (TokenSource::Cache, kept.secret())
            );
            let Some(whole) = first else {
                assert_eq!(second.source(), TokenSource::Network);
                dropped += 1;
                continue;
            };
            assert_eq!(whole.unwrap().secret(), second.secret());
            break;
        }
        assert!(dropped >= 1, "{what}: there is an await to be dropped at");
    }
}
