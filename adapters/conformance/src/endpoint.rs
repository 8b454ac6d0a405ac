//! An endpoint of HTTP on loopback that says what a row tells it to, and remembers what it was asked: for the hosts of managed
//! identities that the emulator does not play.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find_map(|(known, value)| (known == name).then_some(value.as_str()))
    }
}

/// What is said to a request: a status, a further header, a body.
#[derive(Clone, Debug)]
pub(crate) struct Said(pub(crate) u16, pub(crate) Option<String>, pub(crate) String);

impl Said {
    pub(crate) fn token(token: &str) -> Self {
        let body = format!(
            "{{\"access_token\":\"{token}\",\"expires_in\":\"86399\",\"token_type\":\"Bearer\"}}"
        );
        Self(200, None, body)
    }
}

type Answer = Box<dyn Fn(usize, &Asked) -> Said + Send + Sync>;

/// See above. Dropping it ends it.
pub(crate) struct LocalEndpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    answer: Answer,
    tls: Option<Arc<ServerConfig>>,
    asked: Mutex<Vec<Asked>>,
    over: AtomicBool,
}

impl LocalEndpoint {
    /// Answers with what `answer` says to the number of the request, from nought, and the request.
    pub(crate) fn serve(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(usize, &Asked) -> Said + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            answer: Box::new(answer),
            tls,
            asked: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.over.load(Ordering::Acquire) {
                    break;
                }
                let Ok(stream) = stream else { continue };
                let serving = Arc::clone(&serving);
                thread::spawn(move || serving.connection(stream));
            }
        });
        Self { address, shared }
    }

    /// Its URL with that path.
    pub(crate) fn url(&self, path: &str) -> String {
        let scheme = match self.shared.tls {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}{path}", self.address)
    }

    /// What it was asked.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared
            .asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for LocalEndpoint {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn connection(&self, stream: TcpStream) {
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        match &self.tls {
            None => self.exchange(&stream),
            Some(config) => {
                let connection = ServerConnection::new(Arc::clone(config)).unwrap();
                let mut stream = StreamOwned::new(connection, stream);
                self.exchange(&mut stream);
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    }

    fn exchange(&self, stream: impl Read + Write) {
        let mut stream = BufReader::new(stream);
        let Some(asked) = read(&mut stream) else {
            return;
        };
        let number = {
            let mut all = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            all.push(asked.clone());
            all.len() - 1
        };
        let Said(status, header, body) = (self.answer)(number, &asked);
        let header = header
            .map(|header| format!("{header}\r\n"))
            .unwrap_or_default();
        let said = format!(
            "HTTP/1.1 {status} Said\r\n{header}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.get_mut().write_all(said.as_bytes());
        let _ = stream.get_mut().flush();
    }
}

fn read(stream: &mut impl BufRead) -> Option<Asked> {
    let mut line = || {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .ok()
            .filter(|count| *count > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = Vec::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let mut asked = Asked {
        method,
        target,
        headers,
        body: String::new(),
    };
    let length = asked
        .header("content-length")
        .and_then(|text| text.parse().ok());
    stream
        .take(length.unwrap_or(0))
        .read_to_string(&mut asked.body)
        .ok()?;
    Some(asked)
}
