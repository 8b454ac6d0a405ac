//! Foreign errors mapped to the kinds that the core knows, by type and never by text.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "io::ErrorKind is open and most of it means the same here"
)]

use std::error::Error;
use std::{fmt, io};

use entra_proto::{Failure, FailureKind};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use rustls::AlertDescription;

use crate::tls::NotPresented;

/// Why there is no connection: nothing of the request was sent, and no client certificate was shown.
///
/// ```
/// use entra_adapter::{Unconnected, failure};
/// use entra_proto::FailureKind;
///
/// assert_eq!(failure(&Unconnected::new("no route")).kind(), FailureKind::Connect);
/// assert_eq!(failure(&Unconnected::in_time()).kind(), FailureKind::Connect);
/// ```
#[derive(Debug)]
pub struct Unconnected(Box<dyn Error + Send + Sync>);

impl Unconnected {
    /// For this reason.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(reason.into())
    }

    /// Because it took too long.
    #[must_use]
    pub fn in_time() -> Self {
        Self::new(io::Error::from(io::ErrorKind::TimedOut))
    }
}

impl fmt::Display for Unconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no connection")
    }
}

impl Error for Unconnected {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// Finds an error of type `E` among an error and its sources. What hides inside an `io::Error` is no source of it, so that is
/// looked into as well.
///
/// ```
/// use entra_adapter::{NotPresented, find};
///
/// let hidden = std::io::Error::other(NotPresented::NotAsked);
/// assert_eq!(find::<NotPresented>(&hidden), Some(&NotPresented::NotAsked));
/// ```
pub fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find::<E>(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// The failure that an error on the way to an answer stands for: what TLS says before what the operating system says, because a
/// refused certificate is no failure to connect.
///
/// ```
/// use std::io;
/// use entra_proto::FailureKind;
///
/// let refused = io::Error::from(io::ErrorKind::TimedOut);
/// assert_eq!(entra_adapter::failure(&refused).kind(), FailureKind::Timeout);
/// ```
#[must_use]
pub fn failure(error: &(dyn Error + 'static)) -> Failure {
    match find::<NotPresented>(error) {
        Some(NotPresented::NotAsked) => return Failure::new(FailureKind::CertificateNotRequested),
        Some(why @ NotPresented::NoCommonScheme) => {
            return Failure::new(FailureKind::Tls).reporting(why.to_string());
        }
        None => {}
    }
    if let Some(tls) = find::<rustls::Error>(error) {
        let kind = match tls {
            rustls::Error::AlertReceived(alert) if is_about_certificate(*alert) => {
                FailureKind::CertificateRejected
            }
            _ => FailureKind::Tls,
        };
        return Failure::new(kind).reporting(tls.to_string());
    }
    let io = find::<io::Error>(error);
    if find::<Unconnected>(error).is_some() {
        let failure = Failure::new(FailureKind::Connect);
        return match io {
            Some(io) => failure.reporting(io.kind().to_string()),
            None => failure,
        };
    }
    let Some(io) = io else {
        return Failure::new(FailureKind::Closed);
    };
    let kind = match io.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => FailureKind::Timeout,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::NotFound => FailureKind::Connect,
        // What TLS has to say of invalid data was found above: this is HTTP that can't be read, such as a chunk without a size.
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => FailureKind::Garbled,
        // Resets, broken pipes, early ends, and whatever else ends a connection.
        _ => FailureKind::Closed,
    };
    Failure::new(kind).reporting(io.kind().to_string())
}

/// An answer that names both a length and chunks contradicts itself about where it ends; what comes after it may be meant for
/// somebody else (RFC 9112 §6.3).
///
/// ```
/// let answer = http::Response::builder().header("content-length", "5").header("transfer-encoding", "chunked").body(())?;
/// assert!(entra_adapter::contradicts_itself(answer.headers()));
/// # Ok::<(), http::Error>(())
/// ```
#[must_use]
pub fn contradicts_itself(headers: &HeaderMap) -> bool {
    headers.contains_key(TRANSFER_ENCODING) && headers.contains_key(CONTENT_LENGTH)
}

/// The peer refused the certificate that was presented, or wants one (RFC 8446 §6.2).
fn is_about_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::CertificateRequired
    )
}

/// Something that the application was to bring is not there.
///
/// ```
/// use entra_proto::FailureKind;
///
/// let failure = entra_adapter::missing("no assertion provider was given to this client");
/// assert_eq!(failure.kind(), FailureKind::Provider);
/// ```
#[must_use]
pub fn missing(what: &'static str) -> Failure {
    Failure::new(FailureKind::Provider).reporting(what)
}
