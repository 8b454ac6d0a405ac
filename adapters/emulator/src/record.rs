//! What the emulator has seen, for tests to read: one record for each connection, one for each request.
//!
//! Records are copies. Secrets in them do not show in `Debug`.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::service::Form;

/// Numbers connections in the order in which they were accepted, from 1.
///
/// It ties a [`RequestRecord`] to its [`ConnectionRecord`].
pub type ConnectionId = u64;

/// The version of TLS that a handshake settled on.
///
/// [`ConnectionRecord`] has an example that asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// How far a connection's handshake went.
///
/// [`ConnectionRecord`] has an example that asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handshake {
    /// It has not ended yet, or the client went away before it did.
    Pending,
    /// It ended well.
    Done,
    /// It failed, with the TLS library's reason.
    Failed(String),
    /// There is none: plain HTTP.
    Plain,
}

/// One TCP connection.
///
/// ```
/// use entra_emulator::{Emulator, Handshake, TlsVersion};
///
/// /// Whether every connection to that host that came to an end of its handshake had a client certificate.
/// fn all_mutual(emulator: &Emulator, host: &str) -> bool {
///     let connections = emulator.connections_to(host);
///     let mut done = connections.iter().filter(|connection| connection.handshake == Handshake::Done);
///     done.all(|connection| connection.client_thumbprint().is_some() && connection.tls_version == Some(TlsVersion::Tls13))
/// }
/// let emulator = Emulator::builder().start()?;
/// assert!(all_mutual(&emulator, "eastus.mtlsauth.microsoft.com"));
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionRecord {
    /// Its number.
    pub id: ConnectionId,
    /// The server name that the client sent.
    pub server_name: Option<String>,
    /// How far the handshake went.
    pub handshake: Handshake,
    /// The version of TLS, once the handshake is done.
    pub tls_version: Option<TlsVersion>,
    /// Was an earlier session resumed? Then the certificate is that session's.
    pub resumed: bool,
    /// Did the handshake offer to take a client certificate?
    pub asked_for_certificate: bool,
    /// DER of the client's leaf certificate.
    pub client_certificate: Option<Vec<u8>>,
    /// How many bytes of HTTP came in.
    pub bytes_read: u64,
    /// How many bytes of HTTP went out.
    pub bytes_written: u64,
    /// How many requests came in whole.
    pub requests: usize,
    /// Has it been closed?
    pub closed: bool,
}

impl ConnectionRecord {
    pub(crate) fn new(id: ConnectionId) -> Self {
        Self {
            id,
            server_name: None,
            handshake: Handshake::Pending,
            tls_version: None,
            resumed: false,
            asked_for_certificate: false,
            client_certificate: None,
            bytes_read: 0,
            bytes_written: 0,
            requests: 0,
            closed: false,
        }
    }

    /// `x5t#S256` of the client certificate.
    pub fn client_thumbprint(&self) -> Option<String> {
        self.client_certificate
            .as_deref()
            .map(crate::digest::x5t_s256)
    }
}

/// One HTTP request that came in whole.
///
/// ```
/// use entra_emulator::Emulator;
///
/// let emulator = Emulator::builder().start()?;
/// for request in emulator.token_requests() {
///     println!("{} {:?} -> {:?}", request.url(), request.form_value("grant_type"), request.status);
/// }
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct RequestRecord {
    /// The connection that it came over.
    pub connection: ConnectionId,
    /// When it came, by the emulator's clock.
    pub at: SystemTime,
    /// `GET`, `POST`, …
    pub method: String,
    /// The host that it named, without port.
    pub host: String,
    /// The path, as sent.
    pub path: String,
    /// The query, as sent.
    pub query: Option<String>,
    /// The headers in the order of arrival, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The decoded form; empty if the body was none.
    pub form: Vec<(String, String)>,
    /// DER of the client certificate of the connection.
    pub client_certificate: Option<Vec<u8>>,
    /// The status that was answered, or would have been if a fault had not cut it off; `None` if no answer was tried.
    pub status: Option<u16>,
}

impl RequestRecord {
    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// A parameter of the form.
    pub fn form_value(&self, name: &str) -> Option<&str> {
        self.form
            .iter()
            .find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }

    /// `https://host/path`, or `http://…` for the metadata service.
    pub fn url(&self) -> String {
        let scheme = if self.host == crate::hosts::METADATA_HOST {
            "http"
        } else {
            "https"
        };
        let query = self
            .query
            .as_ref()
            .map(|query| format!("?{query}"))
            .unwrap_or_default();
        format!("{scheme}://{}{}{query}", self.host, self.path)
    }

    /// `x5t#S256` of the client certificate of the connection.
    pub fn client_thumbprint(&self) -> Option<String> {
        self.client_certificate
            .as_deref()
            .map(crate::digest::x5t_s256)
    }
}

impl fmt::Debug for RequestRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secret =
            |name: &str| matches!(name, "authorization" | "cookie" | "proxy-authorization");
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.as_str(),
                    if secret(name) {
                        "[redacted]"
                    } else {
                        value.as_str()
                    },
                )
            })
            .collect();
        f.debug_struct("RequestRecord")
            .field("connection", &self.connection)
            .field("method", &self.method)
            .field("host", &self.host)
            .field("path", &self.path)
            .field("query", &self.query)
            .field("headers", &headers)
            .field("form", &Form(self.form.clone()))
            .field("client_thumbprint", &self.client_thumbprint())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// All records, bounded: the oldest go first.
pub(crate) struct Records {
    limit: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    accepted: usize,
    last_id: ConnectionId,
    connections: BTreeMap<ConnectionId, ConnectionRecord>,
    requests: VecDeque<(u64, RequestRecord)>,
    last_request: u64,
}

impl Records {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            inner: Mutex::new(Inner::default()),
        }
    }

    pub(crate) fn accept(&self) -> ConnectionId {
        let mut inner = self.lock();
        inner.accepted += 1;
        inner.last_id += 1;
        let id = inner.last_id;
        inner.connections.insert(id, ConnectionRecord::new(id));
        if inner.connections.len() > self.limit {
            inner.connections.pop_first();
        }
        id
    }

    /// Changes a connection's record, if it is still kept.
    pub(crate) fn update(&self, id: ConnectionId, change: impl FnOnce(&mut ConnectionRecord)) {
        if let Some(record) = self.lock().connections.get_mut(&id) {
            change(record);
        }
    }

    /// Keeps a request; the number is for [`answered`](Self::answered).
    pub(crate) fn request(&self, record: RequestRecord) -> u64 {
        let mut inner = self.lock();
        if let Some(connection) = inner.connections.get_mut(&record.connection) {
            connection.requests += 1;
        }
        inner.last_request += 1;
        let number = inner.last_request;
        inner.requests.push_back((number, record));
        if inner.requests.len() > self.limit {
            inner.requests.pop_front();
        }
        number
    }

    pub(crate) fn answered(&self, number: u64, status: u16) {
        let mut inner = self.lock();
        if let Ok(index) = inner
            .requests
            .binary_search_by_key(&number, |(number, _)| *number)
            && let Some((_, record)) = inner.requests.get_mut(index)
        {
            record.status = Some(status);
        }
    }

    pub(crate) fn connections(&self) -> Vec<ConnectionRecord> {
        self.lock().connections.values().cloned().collect()
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.lock()
            .requests
            .iter()
            .map(|(_, record)| record.clone())
            .collect()
    }

    pub(crate) fn requests_to(&self, host: &str) -> Vec<RequestRecord> {
        let inner = self.lock();
        let requests = inner.requests.iter().map(|(_, record)| record);
        requests
            .filter(|record| record.host == host)
            .cloned()
            .collect()
    }

    pub(crate) fn connections_to(&self, host: &str) -> Vec<ConnectionRecord> {
        let inner = self.lock();
        let to_host = |record: &&ConnectionRecord| record.server_name.as_deref() == Some(host);
        inner
            .connections
            .values()
            .filter(to_host)
            .cloned()
            .collect()
    }

    pub(crate) fn accepted(&self) -> usize {
        self.lock().accepted
    }

    /// Forgets all requests and closed connections and sets the counts to nought; open connections stay known.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        inner.accepted = 0;
        inner.requests.clear();
        inner.connections.retain(|_, record| !record.closed);
        for record in inner.connections.values_mut() {
            (record.requests, record.bytes_read, record.bytes_written) = (0, 0, 0);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Each change leaves the records whole, so a panic elsewhere does not spoil them.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
