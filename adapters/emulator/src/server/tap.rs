//! A stream that counts what goes through it and, when a fault says so, spoils what goes out.
//!
//! It sits between HTTP and TLS, so it can cut an answer at any byte, slow it down, or replace it.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Shared;
use crate::record::ConnectionId;

/// What happens to the bytes that go out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Spoil {
    /// Nothing.
    #[default]
    Nothing,
    /// So many bytes go out, then the connection fails.
    CutAfter(usize),
    /// So many bytes go out in one piece, all others one at a time, that far apart.
    Drip(usize, Duration),
    /// These go out instead, then the connection ends.
    Replace(Vec<u8>, Ending),
}

/// Does TLS say that a connection ends?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Said,
    Cut,
}

/// How the HTTP side tells the tap what to do.
#[derive(Default)]
pub(crate) struct TapControl {
    spoil: Mutex<Spoil>,
    reset: AtomicBool,
}

impl TapControl {
    pub(crate) fn spoil(&self, how: Spoil) {
        *self.lock() = how;
    }

    pub(crate) fn want_reset(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    pub(crate) fn wants_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Spoil> {
        // Each change is one assignment.
        self.spoil.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) struct Tap<'a, S> {
    stream: &'a mut S,
    control: Arc<TapControl>,
    shared: Arc<Shared>,
    id: ConnectionId,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<'a, S: AsyncWrite + Unpin> Tap<'a, S> {
    pub(crate) fn new(
        stream: &'a mut S,
        control: Arc<TapControl>,
        shared: Arc<Shared>,
        id: ConnectionId,
    ) -> Self {
        Self {
            stream,
            control,
            shared,
            id,
            pause: None,
        }
    }

    /// Writes some of the bytes. They are counted first: whoever has read an answer finds it in the record.
    fn write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let offered = bytes.len() as u64;
        self.shared
            .records
            .update(self.id, |record| record.bytes_written += offered);
        let outcome = Pin::new(&mut *self.stream).poll_write(cx, bytes);
        let written = match &outcome {
            Poll::Ready(Ok(count)) => *count as u64,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        let left = offered.saturating_sub(written);
        self.shared.records.update(self.id, |record| {
            record.bytes_written = record.bytes_written.saturating_sub(left);
        });
        outcome
    }

    /// Flushes what went out, then fails.
    fn cut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let _ = ready!(Pin::new(&mut *self.stream).poll_flush(cx));
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut *this.stream).poll_read(cx, buffer))?;
        let count = buffer.filled().len() - before;
        this.shared
            .records
            .update(this.id, |record| record.bytes_read += count as u64);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tap<'_, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let how = this.control.lock().clone();
        match how {
            Spoil::Nothing => this.write(cx, bytes),
            Spoil::CutAfter(0) => this.cut(cx),
            Spoil::CutAfter(left) => {
                let piece = bytes.get(..left).unwrap_or(bytes);
                let written = ready!(this.write(cx, piece))?;
                this.control
                    .spoil(Spoil::CutAfter(left.saturating_sub(written)));
                Poll::Ready(Ok(written))
            }
            Spoil::Replace(text, Ending::Cut) if text.is_empty() => this.cut(cx),
            Spoil::Replace(text, Ending::Said) if text.is_empty() => {
                // An end in order, so that a body without a length is whole.
                let _ = ready!(Pin::new(&mut *this.stream).poll_shutdown(cx));
                Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
            }
            Spoil::Replace(mut text, ending) => {
                let written = ready!(this.write(cx, &text))?;
                text.drain(..written.min(text.len()));
                this.control.spoil(Spoil::Replace(text, ending));
                // Nothing of what HTTP wanted to say went out, so it will be asked again.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Spoil::Drip(0, apart) => {
                ready!(Pin::new(&mut *this.stream).poll_flush(cx))?;
                let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(apart)));
                ready!(pause.as_mut().poll(cx));
                let written = ready!(this.write(cx, bytes.get(..1).unwrap_or(bytes)))?;
                this.pause = None;
                Poll::Ready(Ok(written))
            }
            Spoil::Drip(left, apart) => {
                let written = ready!(this.write(cx, bytes.get(..left).unwrap_or(bytes)))?;
                this.control
                    .spoil(Spoil::Drip(left.saturating_sub(written), apart));
                Poll::Ready(Ok(written))
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().stream).poll_shutdown(cx)
    }
}
