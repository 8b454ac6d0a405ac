//! The sockets round the service: accepting, the handshake, and HTTP/1.1 on what it leads to.
//!
//! ```text
//! accept ─▶ ClientHello ─▶ fault? ─▶ configuration for the name ─▶ handshake ─▶ requests, one after another
//! ```

mod answer;
mod tap;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::{HandshakeKind, ProtocolVersion};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;

use self::answer::Connection;
use self::tap::{Tap, TapControl};
use crate::authority::ServerCertificate;
use crate::fault::{Cut, Fault, Faults};
use crate::hosts::METADATA_HOST;
use crate::record::{ConnectionId, Handshake, Records, TlsVersion};
use crate::service::{Caller, Service};
use crate::tls::{ClientAuthentication, TlsConfigs};

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) service: Service,
    pub(crate) tls: TlsConfigs,
    pub(crate) faults: Faults,
    pub(crate) records: Records,
    pub(crate) clock: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

/// A handshake that takes longer has been given up by its client.
const HANDSHAKE_TIME: Duration = Duration::from_secs(60);

/// Accepts for ever. `secure` is the TLS port; the other one is the metadata service.
pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>, secure: bool) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: others will be closed.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let id = shared.records.accept();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // Answers are short and wait for nothing.
            let _ = stream.set_nodelay(true);
            if secure {
                serve_tls(stream, &shared, id).await;
            } else {
                serve_plain(stream, &shared, id).await;
            }
            shared.records.update(id, |record| record.closed = true);
        });
    }
}

async fn serve_plain(mut stream: TcpStream, shared: &Arc<Shared>, id: ConnectionId) {
    shared
        .records
        .update(id, |record| record.handshake = Handshake::Plain);
    match shared.faults.for_connection(METADATA_HOST) {
        Some(Fault::Close(_)) => return,
        Some(Fault::Reset(_)) => return reset(&stream),
        Some(Fault::StallHandshake) => return stall(&mut stream).await,
        _ => {}
    }
    if serve_http(&mut stream, shared, id, Caller::default()).await {
        reset(&stream);
    }
}

async fn serve_tls(mut stream: TcpStream, shared: &Arc<Shared>, id: ConnectionId) {
    let hello = LazyConfigAcceptor::new(rustls::server::Acceptor::default(), &mut stream);
    let start = match timeout(HANDSHAKE_TIME, hello).await {
        Ok(Ok(start)) => start,
        Ok(Err(error)) => return failed(shared, id, &error),
        Err(_) => return,
    };
    let name = start
        .client_hello()
        .server_name()
        .map(str::to_ascii_lowercase);
    shared
        .records
        .update(id, |record| record.server_name.clone_from(&name));
    let host = name.unwrap_or_default();
    let role = shared
        .service
        .directory()
        .hosts
        .look_up(&host)
        .map(|served| served.role);
    let mut shown = ServerCertificate::Good;
    let mut client = match role {
        Some(role) if role.asks_for_certificate() => ClientAuthentication::Asked,
        _ => ClientAuthentication::NotAsked,
    };
    let fault = shared.faults.for_connection(&host);
    match &fault {
        Some(Fault::Close(Cut::InHandshake)) => return,
        Some(Fault::Reset(Cut::InHandshake)) => return reset(start.io),
        Some(Fault::StallHandshake) => return stall(start.io).await,
        Some(Fault::PlainHttp) => return speak_plainly(start.io).await,
        Some(Fault::WrongServerName) => shown = ServerCertificate::WrongName,
        Some(Fault::ExpiredServerCertificate) => shown = ServerCertificate::Expired,
        Some(Fault::UnknownServerAuthority) => shown = ServerCertificate::UnknownIssuer,
        Some(Fault::NeverAskForCertificate) => client = ClientAuthentication::NotAsked,
        Some(Fault::AskForCertificate) => client = ClientAuthentication::Asked,
        Some(Fault::RequireClientCertificate) => client = ClientAuthentication::Required,
        Some(Fault::RefuseClientCertificate) => client = ClientAuthentication::Refused,
        _ => {}
    }
    let config = if role.is_some() {
        shared.tls.for_host(&host, shown, client)
    } else {
        shared.tls.for_nobody()
    };
    let Ok(config) = config else { return };
    let asked = role.is_some() && client != ClientAuthentication::NotAsked;
    shared
        .records
        .update(id, |record| record.asked_for_certificate = asked);
    let mut tls = match timeout(HANDSHAKE_TIME, start.into_stream(config)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => {
            failed(shared, id, &error);
            return linger(&mut stream).await;
        }
        Err(_) => return,
    };
    let session = tls.get_ref().1;
    let leaf = session
        .peer_certificates()
        .and_then(|chain| chain.first())
        .map(|leaf| leaf.to_vec());
    let version = match session.protocol_version() {
        Some(ProtocolVersion::TLSv1_2) => Some(TlsVersion::Tls12),
        Some(ProtocolVersion::TLSv1_3) => Some(TlsVersion::Tls13),
        _ => None,
    };
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    shared.records.update(id, |record| {
        record.handshake = Handshake::Done;
        record.tls_version = version;
        record.resumed = resumed;
        record.client_certificate.clone_from(&leaf);
    });
    match fault {
        Some(Fault::Close(Cut::BeforeReading)) => {
            let _ = tls.shutdown().await;
            return;
        }
        Some(Fault::Reset(Cut::BeforeReading)) => return reset(tls.get_ref().0),
        _ => {}
    }
    if serve_http(&mut tls, shared, id, Caller::over_tls(host, leaf)).await {
        reset(tls.get_ref().0);
    }
}

/// Serves requests until the connection ends. Says whether it is to be reset instead of closed.
async fn serve_http<S>(
    stream: &mut S,
    shared: &Arc<Shared>,
    id: ConnectionId,
    caller: Caller,
) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let control = Arc::new(TapControl::default());
    let finish = Arc::new(Notify::new());
    let tap = Tap::new(stream, Arc::clone(&control), Arc::clone(shared), id);
    let connection = Arc::new(Connection {
        shared: Arc::clone(shared),
        id,
        caller,
        control: Arc::clone(&control),
        finish: Arc::clone(&finish),
    });
    let service = service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { connection.answer(request).await }
    });
    let http = http1::Builder::new().serve_connection(TokioIo::new(tap), service);
    tokio::pin!(http);
    // An error is the client's going away, or a fault that was scripted; both are in the records.
    tokio::select! {
        _ = http.as_mut() => {}
        () = finish.notified() => {
            http.as_mut().graceful_shutdown();
            let _ = http.await;
        }
    }
    control.wants_reset()
}

/// Closes with RST instead of FIN.
fn reset(stream: &TcpStream) {
    let _ = stream.set_zero_linger();
}

/// Lets the alert arrive: to close while the client's bytes are unread is a reset, which destroys what was sent before.
async fn linger(stream: &mut TcpStream) {
    let _ = stream.shutdown().await;
    let _ = timeout(Duration::from_secs(1), stall(stream)).await;
}

/// Says nothing more until the client goes away.
async fn stall(stream: &mut TcpStream) {
    let mut ignored = [0_u8; 1_024];
    while stream.read(&mut ignored).await.is_ok_and(|count| count > 0) {}
}

async fn speak_plainly(stream: &mut TcpStream) {
    let text = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let _ = stream.write_all(text).await;
    let _ = stream.shutdown().await;
}

fn failed(shared: &Shared, id: ConnectionId, error: &std::io::Error) {
    let reason = error.to_string();
    shared
        .records
        .update(id, |record| record.handshake = Handshake::Failed(reason));
}
