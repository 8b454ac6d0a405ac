//! What can go wrong before the emulator runs.
//!
//! Once it runs, whatever a client sends is answered; there are no errors then.

use std::fmt;
use std::io;
use std::net::SocketAddr;

/// Why the emulator did not start.
///
/// ```
/// use entra_emulator::{Emulator, StartError};
///
/// let error = Emulator::builder().listen("192.0.2.1:443".parse().unwrap()).start().unwrap_err();
/// assert!(matches!(error, StartError::NotLoopback(_)));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// It was asked to listen elsewhere than on loopback. Its keys and rules are for tests, so it refuses.
    NotLoopback(SocketAddr),
    /// The address cannot be listened on, or the threads cannot be started.
    Listen(io::Error),
    /// Keys or certificates cannot be made.
    Keys(String),
}

impl StartError {
    pub(crate) fn keys(error: impl fmt::Display) -> Self {
        Self::Keys(error.to_string())
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLoopback(address) => write!(
                f,
                "{address} is not a loopback address, and the emulator listens on nothing else"
            ),
            Self::Listen(error) => write!(f, "cannot listen: {error}"),
            Self::Keys(reason) => write!(f, "cannot make keys or certificates: {reason}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Listen(error) => Some(error),
            Self::NotLoopback(_) | Self::Keys(_) => None,
        }
    }
}
