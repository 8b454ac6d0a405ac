//! Everything that any crate logs, at every level, while a row is looking: what is searched for secrets.
//!
//! `tracing` hands its events to `log` as long as nobody subscribes, so one logger sees both.

use std::fmt::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

static CAPTURED: Mutex<Captured> = Mutex::new(Captured {
    looking: Vec::new(),
    forgotten: 0,
    text: String::new(),
});

struct Captured {
    /// From where on somebody wants to see what was logged, counted from the beginning.
    looking: Vec<usize>,
    /// How much of the beginning nobody wants to see any more.
    forgotten: usize,
    text: String,
}

fn captured() -> MutexGuard<'static, Captured> {
    // One assignment or one line at a time.
    CAPTURED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Captures until it is dropped.
pub(crate) struct Looking {
    from: usize,
}

impl Looking {
    /// Begins.
    pub(crate) fn begin() -> Self {
        static INSTALL: Once = Once::new();
        INSTALL.call_once(|| log::set_logger(&Logger).unwrap());
        let mut captured = captured();
        let from = captured.forgotten + captured.text.len();
        captured.looking.push(from);
        log::set_max_level(LevelFilter::Trace);
        Self { from }
    }

    /// What was logged since.
    pub(crate) fn text(&self) -> String {
        let captured = captured();
        captured.text[self.from - captured.forgotten..].to_owned()
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        let mut captured = captured();
        if let Some(place) = captured.looking.iter().position(|from| *from == self.from) {
            captured.looking.swap_remove(place);
        }
        match captured.looking.iter().min().copied() {
            Some(from) => {
                let unwanted = from - captured.forgotten;
                captured.text.drain(..unwanted);
                captured.forgotten = from;
            }
            None => {
                log::set_max_level(LevelFilter::Off);
                captured.forgotten = 0;
                captured.text = String::new();
            }
        }
    }
}

struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}: {}", record.level(), record.target(), record.args());
        let mut captured = captured();
        if !captured.looking.is_empty() {
            let _ = writeln!(captured.text, "{line}");
        }
    }

    fn flush(&self) {}
}

/// The end of a secret, which is its signature if it is signed, as it would show if it were printed in one of the usual forms.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    let end = &secret[secret.len().saturating_sub(24)..];
    let hex = |byte: u8| format!("{byte:02x}");
    let hex: String = end.bytes().map(hex).collect();
    let mut forms = vec![end.to_owned(), hex.to_uppercase(), hex];
    // Whatever stands before it: three places within a group of three bytes. What touches its neighbours is left out.
    for before in 0..3 {
        let padded = [&b"\0\0\0"[..before], end.as_bytes()].concat();
        let encoded = STANDARD_NO_PAD.encode(padded);
        let inside = &encoded[4..encoded.len() - 4];
        forms.push(inside.to_owned());
        forms.push(inside.replace('+', "-").replace('/', "_"));
    }
    forms.sort();
    forms.dedup();
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    #[test]
    fn a_secret_is_found_in_every_form_and_at_every_place() {
        let secret = "canary-canary-canary-canary-7Q";
        let found = |text: &str| forms(secret).iter().any(|form| text.contains(form));
        for before in ["", "a", "ab", "abc"] {
            let printed = format!("{before}{secret}, and more");
            assert!(found(&printed));
            assert!(found(&STANDARD.encode(&printed)));
            assert!(found(&URL_SAFE_NO_PAD.encode(&printed)));
        }
        assert!(!found("canary-canary"));
    }

    #[test]
    fn what_tracing_and_log_say_is_captured_while_somebody_looks() {
        tracing::info!("before");
        let looking = Looking::begin();
        tracing::trace!(said = "by tracing");
        log::trace!("by log");
        let text = looking.text();
        assert!(
            text.contains("by tracing") && text.contains("by log"),
            "{text}"
        );
        assert!(!text.contains("before"));
    }
}
