//! Crowds: thousands of callers at once for one key, whose fetch ends well or not, and callers of as many keys as there are callers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use entra_proto::{Client, Credential, Secret, TokenRequest};
use entra_tokio::EntraClient;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::acquisition::runtime;
use crate::sampler::{Effort, Sampled};
use crate::server::{Manners, Server};
use crate::subjects::{Azure, InstantTransport};
use crate::world::{CLIENT_ID, SCOPE, TENANT};

/// What became of a crowd.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// How many requests were sent.
    pub requests: usize,
    /// How many callers got a token.
    pub served: usize,
    /// How long it took until the last of them had an answer.
    pub took: Duration,
}

pub(super) fn client(server: &Server) -> EntraClient {
    let authority = format!("https://login.microsoftonline.com/{TENANT}");
    let credential = Credential::secret(Secret::new("a secret"));
    let client = Client::builder(CLIENT_ID, authority, credential).build();
    EntraClient::builder(client.expect("a client"))
        .network(server.network())
        .build()
        .expect("a client")
}

pub(super) fn threads() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// So many cold callers for one token at once.
#[must_use]
pub fn crowd(server: &Server, callers: usize, refused: bool) -> Crowd {
    server.behave(Manners {
        // For as long as it takes until all of them have asked.
        delay: Duration::from_millis(500),
        refuses: refused,
        ..Manners::PROMPT
    });
    let client = client(server);
    let before = server.requests();
    let request = Arc::new(TokenRequest::for_app([SCOPE]));
    let begin = Instant::now();
    let served = threads().block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let (client, request) = (client.clone(), Arc::clone(&request));
            tasks.spawn(async move { client.token(&request).await.is_ok() });
        }
        served(tasks).await
    });
    let took = begin.elapsed();
    server.behave(Manners::PROMPT);
    Crowd {
        requests: server.requests() - before,
        served,
        took,
    }
}

async fn served(tasks: JoinSet<bool>) -> usize {
    tasks.join_all().await.into_iter().filter(|ok| *ok).count()
}

/// The peer's crowd, whose fetch is refused after so long.
#[must_use]
pub fn azure_refused(callers: usize, delay: Duration) -> Crowd {
    let transport = Arc::new(InstantTransport::refusing().delayed("", delay));
    let azure = Azure::over(Arc::clone(&transport), vec![SCOPE.to_owned()]);
    let begin = Instant::now();
    let served = threads().block_on(async {
        let mut tasks = JoinSet::new();
        for _ in 0..callers {
            let azure = azure.clone();
            tasks.spawn(async move { azure.token(0).await.is_ok() });
        }
        served(tasks).await
    });
    Crowd {
        requests: transport.requests(),
        served,
        took: begin.elapsed(),
    }
}

/// How long, in nanoseconds, so many keys take that are asked for at once, where the service takes so long for each answer:
/// over new connections, and over connections that are there.
#[must_use]
pub fn side_by_side(
    server: &Server,
    keys: usize,
    delay: Duration,
    effort: Effort,
) -> (Sampled, Sampled) {
    let mut cold = Vec::new();
    let mut warm = Vec::new();
    let runtime = runtime();
    for round in 0..effort.samples {
        let client = client(server);
        server.behave(Manners {
            delay,
            ..Manners::PROMPT
        });
        // Each time other keys; the second time over the connections of the first.
        for (half, taken) in [&mut cold, &mut warm].into_iter().enumerate() {
            let requests: Vec<_> = (0..keys)
                .map(|key| format!("https://resource{round}-{half}-{key}.example/.default"))
                .map(|scope| TokenRequest::for_app([scope]))
                .collect();
            let begin = Instant::now();
            let served = runtime.block_on(at_once_over(&client, requests));
            assert_eq!(served, keys);
            taken.push(begin.elapsed().as_nanos() as f64);
        }
    }
    server.behave(Manners::PROMPT);
    (Sampled::of(cold), Sampled::of(warm))
}

/// Asks for all of them at once; how many were served.
pub async fn at_once_over(client: &EntraClient, requests: Vec<TokenRequest>) -> usize {
    let mut tasks = JoinSet::new();
    for request in requests {
        let client = client.clone();
        tasks.spawn(async move { client.token(&request).await.is_ok() });
    }
    served(tasks).await
}

/// How long, in nanoseconds, as many scopes take the peer.
#[must_use]
pub fn azure_side_by_side(keys: usize, delay: Duration, effort: Effort) -> Sampled {
    let runtime = runtime();
    let one = |_| {
        let transport = Arc::new(InstantTransport::granting(3_599).delayed("", delay));
        let azure = Azure::over(transport, (0..keys).map(crate::world::scope).collect());
        let begin = Instant::now();
        let served = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            for key in 0..keys {
                let azure = azure.clone();
                tasks.spawn(async move { azure.token(key).await.is_ok() });
            }
            served(tasks).await
        });
        assert_eq!(served, keys);
        begin.elapsed().as_nanos() as f64
    };
    Sampled::of((0..effort.samples).map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_makes_one_request_whether_it_ends_well_or_not() {
        let server = Server::start(Manners::PROMPT);
        for (refused, served) in [(false, 200), (true, 0)] {
            let crowd = crowd(&server, 200, refused);
            assert_eq!((crowd.requests, crowd.served), (1, served), "{refused}");
        }
    }

    #[test]
    fn the_peers_crowd_makes_a_request_for_each_caller() {
        let crowd = azure_refused(5, Duration::from_millis(1));
        assert_eq!((crowd.requests, crowd.served), (5, 0));
    }

    #[test]
    fn keys_are_fetched_side_by_side() {
        let server = Server::start(Manners::PROMPT);
        let delay = Duration::from_millis(2);
        let (cold, warm) = side_by_side(&server, 4, delay, Effort::QUICK);
        assert!(cold.median >= 2e6 && warm.median >= 2e6);
        assert_eq!(server.requests(), 2 * 4 * Effort::QUICK.samples);
        let azure = azure_side_by_side(4, delay, Effort::QUICK);
        assert!(azure.median >= 8e6, "one after another");
    }
}
