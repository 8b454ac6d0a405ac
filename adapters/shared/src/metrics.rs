//! Measuring: a hook that is told of every token and of every exchange, for whatever counts them.

use std::sync::Arc;
use std::time::Duration;

use entra_proto::{AccessToken, Error, FailureKind};
use http::{Method, StatusCode};

/// Told what to count. Both functions are called where it happens, so they should be quick: add to a counter, record in a histogram.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use entra_adapter::{Exchange, Metrics};
/// use entra_proto::{AccessToken, Error, TokenSource};
///
/// #[derive(Default)]
/// struct Counted {
///     hits: AtomicU64,
///     errors: AtomicU64,
///     exchanges: AtomicU64,
/// }
///
/// impl Metrics for Counted {
///     fn acquired(&self, result: &Result<AccessToken, Error>) {
///         match result {
///             Ok(token) if token.source() == TokenSource::Cache => self.hits.fetch_add(1, Ordering::Relaxed),
///             Ok(_) => 0,
///             Err(_) => self.errors.fetch_add(1, Ordering::Relaxed),
///         };
///     }
///
///     // OpenTelemetry calls this one `http.client.request.duration`, in seconds.
///     fn exchanged(&self, _exchange: &Exchange<'_>) {
///         self.exchanges.fetch_add(1, Ordering::Relaxed);
///     }
/// }
/// # let counted = Counted::default();
/// # counted.acquired(&Err(Error::cancelled()));
/// # assert_eq!(counted.errors.load(Ordering::Relaxed), 1);
/// ```
pub trait Metrics: Send + Sync {
    /// A request for a token ended. How long it took, and how much of that was the network's or the credential's, is in the
    /// [`metadata`](AccessToken::metadata) of both. A token that a held source hands out again is not told.
    fn acquired(&self, result: &Result<AccessToken, Error>) {
        let _ = result;
    }

    /// An exchange with the token service or the metadata service ended.
    fn exchanged(&self, exchange: &Exchange<'_>) {
        let _ = exchange;
    }
}

impl<M: Metrics + ?Sized> Metrics for Arc<M> {
    fn acquired(&self, result: &Result<AccessToken, Error>) {
        (**self).acquired(result);
    }

    fn exchanged(&self, exchange: &Exchange<'_>) {
        (**self).exchanged(exchange);
    }
}

/// One request and what came of it.
///
/// What [`Metrics::exchanged`] is told, in the example there.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Exchange<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The host that it named.
    pub host: &'a str,
    /// Whether it went over mutual TLS.
    pub mutual_tls: bool,
    /// The answer's status, or why there was none.
    pub answer: Result<StatusCode, FailureKind>,
    /// From its beginning, with the connection, to the last byte of the answer.
    pub took: Duration,
}
