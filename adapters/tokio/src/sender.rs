//! Sending, on connections that are driven by the request itself and by nobody else.
//!
//! Clients with a task for each connection lose what that task read last, and under TLS 1.3 that may be the alert by which a
//! server refuses the certificate; and a request that is handed over at the moment when the task ends can wait for ever
//! (<https://github.com/hyperium/hyper/issues/4122>). Here the request polls its connection, so the first thing that goes wrong is
//! what is reported, and nothing is left to wait for.

use std::error::Error;
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use entra_adapter::{Allowance, Network};
use entra_proto::{Body, Failure, FailureKind};
use http::header::HOST;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

use crate::connector::{Connector, Security, Stream};

/// How long a connection may lie idle.
const IDLE: Duration = Duration::from_secs(90);
/// How many may.
const MOST_IDLE: usize = 32;
/// A head with more fields than this is no answer of a token service.
const MOST_HEADERS: usize = 100;

/// Sends over connections of one kind.
pub(crate) struct Sender {
    connector: Connector,
    /// The most recently used last.
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    authority: String,
    since: Instant,
    stream: Box<dyn Stream>,
}

impl Sender {
    pub(crate) fn new(network: &Network, security: Security) -> Self {
        Self {
            connector: Connector::new(network, security),
            idle: Mutex::default(),
        }
    }

    pub(crate) async fn exchange(
        &self,
        request: &Request<Body>,
        allowed: Allowance,
    ) -> Result<Response<Body>, Failure> {
        match tokio::time::timeout(allowed.time, self.attempt(request, allowed.bytes)).await {
            Ok(answer) => answer,
            Err(_) => Err(Failure::new(FailureKind::Timeout)),
        }
    }

    async fn attempt(
        &self,
        request: &Request<Body>,
        most: usize,
    ) -> Result<Response<Body>, Failure> {
        let authority = request.uri().authority().map_or("", |name| name.as_str());
        let stream = match self.take(authority) {
            Some(stream) => stream,
            None => {
                let connected = self.connector.connect(request.uri()).await;
                connected.map_err(|error| failure(&*error))?
            }
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_headers(MOST_HEADERS)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failure(&error))?;
        let mut driven = Driven {
            connection,
            ended: None,
        };
        let sent = converted(request, authority)?;
        let answer = driven
            .during(async {
                let answer = sender.send_request(sent).await?;
                read(answer, most).await
            })
            .await;
        match answer {
            Ok(Ok(response)) => {
                // Ready for another request, or else at an end, as soon as the answer is whole.
                if let Some(Ok(())) = now(driven.during(sender.ready()))
                    && let Some(stream) = driven.into_quiet()
                {
                    self.keep(authority, stream);
                }
                Ok(response)
            }
            Ok(Err(failure)) => Err(failure),
            Err(error) => Err(driven.why(error).await),
        }
    }

    /// An idle connection that may still be used.
    fn take(&self, authority: &str) -> Option<Box<dyn Stream>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|held| held.since.elapsed() < IDLE);
        while let Some(place) = idle.iter().rposition(|held| held.authority == authority) {
            let mut stream = idle.remove(place).stream;
            if is_silent(&mut *stream) {
                return Some(stream);
            }
        }
        None
    }

    fn keep(&self, authority: &str, stream: Box<dyn Stream>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|held| held.since.elapsed() < IDLE);
        if idle.len() >= MOST_IDLE {
            idle.remove(0);
        }
        idle.push(Idle {
            authority: authority.to_owned(),
            since: Instant::now(),
            stream,
        });
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// A connection that is polled by whoever sends over it.
struct Driven {
    connection: http1::Connection<TokioIo<Box<dyn Stream>>, Full<Bytes>>,
    /// How it ended, if it has.
    ended: Option<hyper::Result<()>>,
}

impl Driven {
    /// Does some work that needs the connection.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|context| {
            if self.ended.is_none()
                && let Poll::Ready(ended) = self.connection.poll_without_shutdown(context)
            {
                self.ended = Some(ended);
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// The stream, if the connection has not ended and everything that came was asked for.
    fn into_quiet(self) -> Option<Box<dyn Stream>> {
        if self.ended.is_some() {
            return None;
        }
        let parts = self.connection.into_parts();
        let mut stream = parts.io.into_inner();
        (parts.read_buf.is_empty() && is_silent(&mut *stream)).then_some(stream)
    }

    /// What failed: what the connection ended with says more than what the request was told. When it broke because the other side
    /// was gone, why it went may still be there to be read (F6).
    async fn why(self, told: hyper::Error) -> Failure {
        let error = match self.ended {
            Some(Err(error)) => error,
            Some(Ok(())) | None => told,
        };
        if broke(&error) {
            let mut stream = self.connection.into_parts().io.into_inner();
            let mut rest = [0; 1_024];
            loop {
                match stream.read(&mut rest).await {
                    Ok(1..) => {}
                    Err(why) if entra_adapter::find::<rustls::Error>(&why).is_some() => {
                        return failure(&why);
                    }
                    Ok(0) | Err(_) => break,
                }
            }
        }
        failure(&error)
    }
}

fn broke(error: &hyper::Error) -> bool {
    let kind = entra_adapter::find::<io::Error>(error).map(io::Error::kind);
    matches!(
        kind,
        Some(
            io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
        )
    )
}

/// Nothing has come that nobody asked for, not even the end; and the runtime that the stream belongs to is still there.
fn is_silent(mut stream: &mut dyn Stream) -> bool {
    let mut unasked = [0];
    let mut unasked = ReadBuf::new(&mut unasked);
    let waiting = Pin::new(&mut stream)
        .poll_read(&mut Context::from_waker(Waker::noop()), &mut unasked)
        .is_pending();
    // The socket is asked too: what the runtime knows of it may be older.
    let peeked = SockRef::from(stream.socket()).peek(&mut [MaybeUninit::uninit()]);
    waiting && peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

/// What a future says without waiting.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(said) => Some(said),
        Poll::Pending => None,
    }
}

fn converted(request: &Request<Body>, authority: &str) -> Result<Request<Full<Bytes>>, Failure> {
    let unusable = || Failure::new(FailureKind::Connect).reporting("the URL can't be used");
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let body = Bytes::copy_from_slice(request.body().expose());
    let mut converted = Request::builder()
        .method(request.method())
        .uri(path)
        .body(Full::new(body))
        .map_err(|_| unusable())?;
    converted.headers_mut().clone_from(request.headers());
    let host = HeaderValue::from_str(authority).map_err(|_| unusable())?;
    converted.headers_mut().insert(HOST, host);
    Ok(converted)
}

/// The whole answer, if it is not too large.
async fn read(
    answer: Response<Incoming>,
    most: usize,
) -> hyper::Result<Result<Response<Body>, Failure>> {
    let (head, mut body) = answer.into_parts();
    if entra_adapter::contradicts_itself(&head.headers) {
        return Ok(Err(Failure::new(FailureKind::Garbled)));
    }
    let announced = hyper::body::Body::size_hint(&body).lower();
    if announced > u64::try_from(most).unwrap_or(u64::MAX) {
        return Ok(Err(too_large()));
    }
    // Room for what was announced, so that a token is not left behind in smaller buffers.
    let mut bytes = Vec::with_capacity(usize::try_from(announced).unwrap_or(0));
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame?.into_data() else {
            continue;
        };
        if bytes.len().saturating_add(chunk.len()) > most {
            return Ok(Err(too_large()));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Ok(Response::from_parts(head, Body::from(bytes))))
}

fn too_large() -> Failure {
    Failure::new(FailureKind::TooLarge)
}

/// What HTTP says before what the rest of the chain says.
fn failure(error: &(dyn Error + 'static)) -> Failure {
    match entra_adapter::find::<hyper::Error>(error) {
        Some(error) if error.is_parse_too_large() => too_large(),
        Some(error) if error.is_parse() => Failure::new(FailureKind::Garbled),
        Some(_) | None => entra_adapter::failure(error),
    }
}
