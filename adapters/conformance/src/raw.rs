//! A door in front of the emulator, for the faults below HTTP that its own scripts do not reach: every connection is led through
//! byte for byte, unless the script says what becomes of it instead.
//!
//! ```text
//!  client ──▶ door ── Act::Through ──▶ emulator
//!              └───── otherwise: refused, lost, silent, slow, these bytes, TLS of our own
//! ```

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection};
use socket2::{Domain, SockRef, Socket, Type};

/// What becomes of one connection.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Act {
    /// It is led through to the emulator.
    Through,
    /// It is taken and never answered.
    Silent,
    /// Once the client has spoken it gets these bytes, then the end.
    Say(Vec<u8>),
    /// TLS ends here, and nothing is answered.
    Tls(Arc<ServerConfig>, Manners),
}

/// What a server does when a handshake has failed and its alert is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "it goes or it stays")]
pub enum Manners {
    /// It closes at once, whatever of the client's is unread, so that the client is reset: rude, and usual.
    Leaves,
    /// It says nothing more and stays.
    Stays,
}

/// What the door has seen of one connection.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Visit {
    /// What the client said first, a TLS client its `ClientHello`.
    pub first: Vec<u8>,
    /// How many bytes of HTTP came in where TLS ended here.
    pub application: usize,
}

/// A door; dropping it ends what goes through it.
pub struct Door {
    address: SocketAddr,
    /// Bound and never listening: keeps the port ours while the door is shut.
    _port: Socket,
    inner: Arc<Inner>,
}

struct Inner {
    emulator: SocketAddr,
    /// How far apart are the bytes that are led back to the client, in milliseconds; nought is at once.
    apart: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    listener: Option<TcpListener>,
    /// Whether somebody takes what connects.
    taking: bool,
    /// Connections that fill the backlog while nobody takes them.
    filling: Vec<TcpStream>,
    act: Option<Act>,
    visits: Vec<Visit>,
    /// How many visits were asked for and forgotten.
    told: usize,
    /// Held by their threads, so that a connection ends with its thread.
    open: Vec<Weak<TcpStream>>,
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Whole between any two statements.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Door {
    /// An open door to the emulator.
    #[must_use]
    pub fn to(emulator: SocketAddr) -> Self {
        let port = reserve();
        let address = port.local_addr().unwrap().as_socket().unwrap();
        let inner = Arc::new(Inner {
            emulator,
            apart: AtomicU64::new(0),
            state: Mutex::default(),
        });
        let door = Self {
            address,
            _port: port,
            inner,
        };
        door.open();
        door
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What becomes of every connection from now on.
    pub fn always(&self, act: Act) {
        self.inner.lock().act = Some(act);
    }

    /// Leads what the emulator says through one byte at a time, so far apart, from now on and also where TLS has begun.
    pub fn slow_down(&self, apart: Duration) {
        let apart = u64::try_from(apart.as_millis()).unwrap_or(u64::MAX);
        self.inner.apart.store(apart, Ordering::Relaxed);
    }

    /// Leads everything through again.
    pub fn clear(&self) {
        self.slow_down(Duration::ZERO);
        self.inner.lock().act = None;
    }

    /// What was seen of each connection since the last time that this was asked.
    pub fn visits(&self) -> Vec<Visit> {
        let mut state = self.inner.lock();
        state.told += state.visits.len();
        std::mem::take(&mut state.visits)
    }

    /// Shuts the port: who connects is refused.
    pub fn shut(&self) {
        let listener = {
            let mut state = self.inner.lock();
            state.filling.clear();
            state.taking = false;
            state.listener.take()
        };
        if let Some(listener) = listener {
            // `accept` returns with an error, and its thread ends.
            let _ = SockRef::from(&listener).shutdown(Shutdown::Both);
        }
    }

    /// Opens a port that was shut or blocked.
    pub fn open(&self) {
        if self.inner.lock().taking {
            return;
        }
        self.shut();
        let listener = listen(self.address);
        let accepting = listener.try_clone().unwrap();
        let mut state = self.inner.lock();
        state.listener = Some(listener);
        state.taking = true;
        drop(state);
        let inner = Arc::clone(&self.inner);
        thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                let inner = Arc::clone(&inner);
                thread::spawn(move || serve(&inner, stream));
            }
        });
    }

    /// Turns the port into a black hole: the backlog is full, and who connects gets no answer at all (Linux drops the SYN).
    pub fn block(&self) {
        self.shut();
        let socket = bound(self.address);
        socket.listen(0).unwrap();
        let mut state = self.inner.lock();
        state.listener = Some(TcpListener::from(socket));
        while let Ok(stream) = TcpStream::connect_timeout(&self.address, Duration::from_millis(100))
        {
            state.filling.push(stream);
        }
    }

    /// Ends every connection that is led through, in order (FIN), as a server ends idle ones.
    pub fn cut(&self) {
        for stream in std::mem::take(&mut self.inner.lock().open) {
            if let Some(stream) = stream.upgrade() {
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut();
        self.cut();
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A port of loopback that is ours and refuses, as long as this is held.
pub(crate) fn reserve() -> Socket {
    bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
}

/// Listens on a port that may be reserved.
pub(crate) fn listen(address: SocketAddr) -> TcpListener {
    let socket = bound(address);
    socket.listen(128).unwrap();
    TcpListener::from(socket)
}

fn bound(address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket
}

fn serve(inner: &Inner, stream: TcpStream) {
    let stream = Arc::new(stream);
    let _ = stream.set_nodelay(true);
    let (act, number) = {
        let mut state = inner.lock();
        let act = state.act.clone().unwrap_or(Act::Through);
        state.visits.push(Visit::default());
        state.open.retain(|stream| stream.strong_count() > 0);
        state.open.push(Arc::downgrade(&stream));
        (act, state.told + state.visits.len() - 1)
    };
    let note = |change: &dyn Fn(&mut Visit)| {
        let mut state = inner.lock();
        let place = number.checked_sub(state.told);
        if let Some(visit) = place.and_then(|place| state.visits.get_mut(place)) {
            change(visit);
        }
    };
    let mut first = [0; 4_096];
    let length = (&*stream).read(&mut first).unwrap_or(0);
    let first = &first[..length];
    note(&|visit| visit.first = first.to_vec());
    match act {
        Act::Through => lead(inner, &stream, first),
        Act::Silent => drain(&stream),
        Act::Say(bytes) => {
            let _ = (&*stream).write_all(&bytes);
            let _ = stream.shutdown(Shutdown::Write);
            // To close while something is unread would be a reset.
            drain(&stream);
        }
        Act::Tls(config, manners) => {
            let Ok(mut tls) = ServerConnection::new(config) else {
                return;
            };
            let mut both = Both(first, &stream);
            if tls.complete_io(&mut both).is_err() {
                if manners == Manners::Stays {
                    drain(&stream);
                }
                return;
            }
            let mut seen = [0; 4_096];
            let mut session = rustls::Stream::new(&mut tls, &mut both);
            while let Ok(count @ 1..) = session.read(&mut seen) {
                note(&|visit| visit.application += count);
            }
        }
    }
}

/// Lets the last owner close with RST instead of FIN.
fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

fn drain(mut stream: &TcpStream) {
    while stream.read(&mut [0; 1_024]).is_ok_and(|count| count > 0) {}
}

/// What was read already, then the rest of the stream.
struct Both<'a>(&'a [u8], &'a TcpStream);

impl Read for Both<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() {
            return self.1.read(buffer);
        }
        self.0.read(buffer)
    }
}

impl Write for Both<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

/// Bytes both ways until either side ends; how the emulator ends, FIN or RST, is how the client sees it end.
fn lead(inner: &Inner, client: &Arc<TcpStream>, first: &[u8]) {
    let Ok(emulator) = TcpStream::connect(inner.emulator) else {
        return;
    };
    let emulator = Arc::new(emulator);
    let _ = emulator.set_nodelay(true);
    if (&*emulator).write_all(first).is_err() {
        return;
    }
    let (from, to) = (Arc::clone(client), Arc::clone(&emulator));
    let up = thread::spawn(move || {
        let _ = io::copy(&mut &*from, &mut &*to);
        let _ = to.shutdown(Shutdown::Write);
    });
    let ended = lead_back(inner, &emulator, client);
    if ended.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset) {
        reset(client);
        let _ = client.shutdown(Shutdown::Read);
    } else {
        let _ = client.shutdown(Shutdown::Write);
    }
    let _ = up.join();
}

fn lead_back(inner: &Inner, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut bytes = [0; 16 * 1_024];
    loop {
        let count = from.read(&mut bytes)?;
        if count == 0 {
            return Ok(());
        }
        match inner.apart.load(Ordering::Relaxed) {
            0 => to.write_all(&bytes[..count])?,
            apart => {
                for byte in &bytes[..count] {
                    to.write_all(&[*byte])?;
                    thread::sleep(Duration::from_millis(apart));
                }
            }
        }
    }
}
