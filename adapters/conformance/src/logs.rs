//! The whole log of a process, from TRACE up, those of the libraries below included: no secret is in it (SEC-01). The log is
//! the process's own, so an adapter runs this in a test binary with nothing beside it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use crate::Driver;
use crate::rows::secrets::{assert_silent, secrets_and_what_was_printed};

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs every credential through good and bad answers with every log on, and searches it.
pub fn no_secret_in_any_log_at_trace<D: Driver>() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    let (canaries, _) = secrets_and_what_was_printed::<D>();
    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    for expected in [
        "DEBUG entra.token{",
        "entra_adapter",
        "SendRequest",
        "DEBUG rustls",
        "TRACE ",
    ] {
        assert!(log.contains(expected), "nobody logged {expected:?}");
    }
    assert_silent(&canaries, &log);
}
