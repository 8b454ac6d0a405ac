//! TLS for ureq: rustls with our own configuration, and a connection over mutual TLS that counts only if the server asked for
//! the certificate and got it.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "ureq::Error is open, and most of it passes through here as it is"
)]

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use entra_adapter::{CertificateWatch, Unconnected};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport,
    TransportAdapter,
};
use ureq::{Error, Timeout};

/// Says of every other connector's errors that nothing was sent.
#[derive(Debug)]
pub(crate) struct Connecting<C>(pub(crate) C);

impl<In: Transport, C: Connector<In>> Connector<In> for Connecting<C> {
    type Out = C::Out;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        self.0
            .connect(details, chained)
            .map_err(|error| match error {
                Error::Io(error) => Error::Other(Box::new(Unconnected::new(error))),
                Error::Timeout(Timeout::Connect) => Error::Other(Box::new(Unconnected::in_time())),
                error => error,
            })
    }
}

/// Wraps connections in TLS.
pub(crate) struct TlsConnector {
    pub(crate) config: Arc<ClientConfig>,
    /// Whether the certificate has to be presented.
    pub(crate) mutual: bool,
}

impl<In: Transport> Connector<In> for TlsConnector {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = details.uri.host().unwrap_or_default();
        let name = ServerName::try_from(host)
            .map_err(|_| Error::Tls("the host is no name to verify"))?
            .to_owned();
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        let mut socket =
            TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        socket.set_timeout(details.timeout);
        let watch = CertificateWatch::new();
        let shaken = watch.during(|| connection.complete_io(&mut socket));
        shaken.map_err(|error| {
            match explained(error, &mut connection, &mut socket).into() {
                // The certificate was shown, and may be why.
                Error::Io(error) if watch.verdict().is_ok() => Error::Other(Box::new(error)),
                error => error,
            }
        })?;
        if self.mutual {
            watch.verdict().map_err(io::Error::other)?;
        }
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(Either::B(TlsTransport {
            buffers,
            stream: StreamOwned::new(connection, socket),
        })))
    }
}

impl fmt::Debug for TlsConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsConnector")
            .field("mutual", &self.mutual)
            .finish_non_exhaustive()
    }
}

/// A connection in TLS.
pub(crate) struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        let sent = self.stream.write_all(output);
        let StreamOwned { conn, sock } = &mut self.stream;
        sent.map_err(|error| explained(error, conn, sock).into())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let input = self.buffers.input_append_buf();
        let read = self.stream.read(input);
        let StreamOwned { conn, sock } = &mut self.stream;
        // What could not be written is tried again before reading, so that error may come here.
        let amount = read.map_err(|error| no_end(explained(error, conn, sock)))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// ureq takes an end without TLS's own for the end of a body that has no length, but such a body is incomplete (RFC 9112 §9.8).
/// A broken pipe is one kind of error that it does not take for that.
fn no_end(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted => io::ErrorKind::BrokenPipe.into(),
        _ => error,
    }
}

/// When a connection breaks because the other side is gone, why it went may still be there to be read: under TLS 1.3 a server
/// refuses the certificate after our side of the handshake is over, under TLS 1.2 while we still write.
fn explained(
    error: io::Error,
    connection: &mut ClientConnection,
    socket: &mut TransportAdapter,
) -> io::Error {
    let gone = matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
    );
    // Nobody is there to keep us waiting: what was received is read, and then the end.
    while gone && connection.read_tls(socket).is_ok_and(|count| count > 0) {
        if let Err(why) = connection.process_new_packets() {
            return io::Error::new(io::ErrorKind::InvalidData, why);
        }
    }
    error
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("inner", &self.stream.sock.inner())
            .finish_non_exhaustive()
    }
}
