//! A key whose fetch stalls, and what hits on another key take meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entra_proto::TokenRequest;
use tokio::task::JoinSet;

use super::crowd::{client, threads};
use crate::sampler::quantile;
use crate::server::{Manners, STALLED, Server};
use crate::subjects::{Azure, InstantTransport};
use crate::world::SCOPE;

/// How long hits took, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub struct Latencies {
    /// Half took less.
    pub median: f64,
    /// One in a hundred took more.
    pub p99: f64,
    /// The longest.
    pub most: f64,
    /// How many hits there were.
    pub hits: usize,
}

impl Latencies {
    fn of(mut nanoseconds: Vec<f64>) -> Self {
        nanoseconds.sort_by(f64::total_cmp);
        Self {
            median: quantile(&nanoseconds, 0.5),
            p99: quantile(&nanoseconds, 0.99),
            most: nanoseconds.last().copied().unwrap_or(0.0),
            hits: nanoseconds.len(),
        }
    }
}

/// The scope whose fetch stalls.
fn stalled() -> String {
    format!("https://{STALLED}.example/.default")
}

/// Hits through [`EntraClient::token`](entra_tokio::EntraClient::token) while a hundred callers wait for a key that stalls for so long.
///
/// # Panics
/// If the token is not to be had.
#[must_use]
pub fn stall(server: &Server, time: Duration) -> Latencies {
    server.behave(Manners {
        stall: time,
        ..Manners::PROMPT
    });
    let client = client(server);
    let taken = threads().block_on(async {
        let (prompt, slow) = (
            TokenRequest::for_app([SCOPE]),
            TokenRequest::for_app([stalled()]),
        );
        client.token(&prompt).await.expect("a token");
        let before = server.requests();
        let mut waiting = JoinSet::new();
        for _ in 0..100 {
            let (client, slow) = (client.clone(), slow.clone());
            waiting.spawn(async move { client.token(&slow).await.map(drop) });
        }
        while server.requests() == before {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let begin = Instant::now();
        let mut taken = Vec::new();
        // Until just before the stall ends.
        while begin.elapsed() < time.mul_f64(0.8) {
            let begin = Instant::now();
            client.token(&prompt).await.expect("a hit");
            taken.push(begin.elapsed().as_nanos() as f64);
            tokio::task::yield_now().await;
        }
        waiting.join_all().await;
        taken
    });
    server.behave(Manners::PROMPT);
    Latencies::of(taken)
}

/// The peer's hits while another scope stalls for so long. As many as there is time for, which may be one.
///
/// # Panics
/// If the token is not to be had.
#[must_use]
pub fn azure_stall(time: Duration) -> Latencies {
    let transport = Arc::new(InstantTransport::granting(86_400).delayed(STALLED, time));
    let azure = Azure::over(Arc::clone(&transport), vec![SCOPE.to_owned(), stalled()]);
    Latencies::of(threads().block_on(async {
        azure.token(0).await.expect("a token");
        let waiting = tokio::spawn({
            let azure = azure.clone();
            async move { azure.token(1).await.map(drop) }
        });
        while transport.requests() == 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut taken = Vec::new();
        while !waiting.is_finished() {
            let begin = Instant::now();
            azure.token(0).await.expect("a hit");
            taken.push(begin.elapsed().as_nanos() as f64);
        }
        let _ = waiting.await;
        taken
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_do_not_wait_for_a_key_that_stalls_and_the_peers_do() {
        let server = Server::start(Manners::PROMPT);
        let time = Duration::from_millis(100);
        let ours = stall(&server, time);
        assert!(ours.hits > 10 && ours.median < 5e7, "{ours:?}");
        let peer = azure_stall(time);
        assert!(peer.most > 5e7, "{peer:?}");
    }
}
