//! Foreign errors mapped to the kinds that the core knows, by type and never by text.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "io::ErrorKind is open and most of it means the same here"
)]

use std::error::Error;
use std::io;

use entra_proto::{Failure, FailureKind};
use rustls::AlertDescription;

use crate::tls::NotPresented;

/// Finds an error of type `E` among an error and its sources. What hides inside an `io::Error` is no source of it, so that is
/// looked into as well.
fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
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
    let Some(io) = find::<io::Error>(error) else {
        return Failure::new(FailureKind::Closed);
    };
    let kind = match io.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => FailureKind::Timeout,
        io::ErrorKind::ConnectionRefused
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::AddrNotAvailable
        | io::ErrorKind::NotFound => FailureKind::Connect,
        // Resets, broken pipes, early ends, and whatever else ends a connection.
        _ => FailureKind::Closed,
    };
    Failure::new(kind).reporting(io.kind().to_string())
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
