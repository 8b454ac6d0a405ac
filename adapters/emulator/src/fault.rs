//! Scripted faults: what goes wrong, where, and how often.
//!
//! A fault of the connection is looked for once for each connection, when the client has named its host; a fault of the
//! request once for each request. Of several that fit, the one that was scripted first is taken.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::service::Route;

/// Kinds of requests that a fault may be meant for.
///
/// A [`Target`] of one is in the example of [`Fault`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Endpoint {
    /// The token endpoints.
    Token,
    /// Instance discovery.
    InstanceDiscovery,
    /// OpenID configuration.
    OpenIdConfiguration,
    /// The published keys.
    Keys,
    /// The protected resource.
    Resource,
    /// The metadata service's description of the machine.
    ImdsCompute,
    /// The metadata service's tokens.
    ImdsToken,
}

/// Where a fault happens.
///
/// [`Fault`] has an example with several.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// Everywhere.
    Any,
    /// On that host; `*.name` means every host below it.
    Host(String),
    /// At that kind of endpoint, whatever the host. No fault of the connection happens there: the path is not known yet.
    Endpoint(Endpoint),
}

impl Target {
    /// On that host; `*.name` means every host below it.
    pub fn host(pattern: impl Into<String>) -> Self {
        Self::Host(pattern.into())
    }

    fn covers(&self, host: &str, endpoint: Option<Endpoint>) -> bool {
        match self {
            Self::Any => true,
            Self::Endpoint(wanted) => endpoint == Some(*wanted),
            Self::Host(pattern) => match pattern.strip_prefix('*') {
                Some(below) => {
                    host.len() > below.len() && host.ends_with(&below.to_ascii_lowercase())
                }
                None => pattern.eq_ignore_ascii_case(host),
            },
        }
    }
}

/// When a connection is cut.
///
/// [`Fault`] has an example with one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cut {
    /// When the client has named its host, before the handshake goes on.
    InHandshake,
    /// After the handshake, before a byte of the request is read.
    BeforeReading,
    /// After the request, before any answer.
    AfterRequest,
    /// In the middle of the status line.
    MidHead,
    /// In the middle of the body.
    MidBody,
    /// After an ordinary answer, which did not announce it: an idle connection that dies.
    AfterResponse,
}

impl Cut {
    fn is_of_connection(self) -> bool {
        matches!(self, Self::InHandshake | Self::BeforeReading)
    }
}

/// An answer from the script instead of the service's.
///
/// ```
/// use std::time::Duration;
/// use entra_emulator::Reply;
///
/// let busy = Reply::new(503).header("retry-after", "1");
/// let refused = Reply::json(400, r#"{"error":"invalid_client"}"#).after(Duration::from_millis(20));
/// # let _ = (busy, refused);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) delay: Duration,
}

impl Reply {
    /// That status, without headers and body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
        }
    }

    /// That status with a body of JSON.
    pub fn json(status: u16, body: impl Into<String>) -> Self {
        Self::new(status)
            .header("content-type", "application/json; charset=utf-8")
            .body(body.into())
    }

    /// Adds a header. One that HTTP does not allow is left out.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Waits so long before it answers.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("body", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What goes wrong.
///
/// ```
/// use entra_emulator::{Cut, Emulator, Endpoint, Fault, Reply, Target};
///
/// let emulator = Emulator::builder().start()?;
/// emulator.fail_next(Target::Endpoint(Endpoint::Token), Fault::Reply(Reply::new(503).header("retry-after", "1")));
/// emulator.fail_times(2, Target::host("login.microsoftonline.com"), Fault::Close(Cut::BeforeReading));
/// emulator.set_fault(Target::Any, Fault::WrongServerName);
/// emulator.clear_faults();
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    // ── of the connection ──
    /// The connection is closed in order (FIN), but too early.
    Close(Cut),
    /// The connection is reset (RST).
    Reset(Cut),
    /// The handshake never goes on.
    StallHandshake,
    /// The TLS port answers in plain HTTP.
    PlainHttp,
    /// The server's certificate is for another name.
    WrongServerName,
    /// The server's certificate expired in 2021.
    ExpiredServerCertificate,
    /// The server's certificate is of an authority that nobody trusts.
    UnknownServerAuthority,
    /// The handshake does not ask for a client certificate where it should.
    NeverAskForCertificate,
    /// The handshake asks for a client certificate where it should not.
    AskForCertificate,
    /// The handshake wants a client certificate and fails without one.
    RequireClientCertificate,
    /// The handshake refuses the client certificate, with an alert.
    RefuseClientCertificate,
    // ── of the request ──
    /// An answer from the script.
    Reply(Reply),
    /// The ordinary answer, so much later.
    Delay(Duration),
    /// A redirect with that status and `Location`.
    Redirect(u16, String),
    /// The ordinary answer with this `token_type`, whatever was asked for.
    TokenType(String),
    /// The ordinary answer, said to be encoded (`gzip`), which it is not.
    ContentEncoding(String),
    /// The ordinary answer with this header besides; `connection: close` ends the connection in order.
    Header(String, String),
    /// A body of blanks that never ends.
    EndlessBody,
    /// The ordinary answer, its body one byte at a time.
    DripBody(Duration),
    /// The ordinary answer, head and body, one byte at a time.
    DripAll(Duration),
    /// These bytes instead of an HTTP response, then the end of the connection.
    Raw(Vec<u8>),
    /// These bytes instead of an HTTP response, then the connection breaks off: TLS does not say that it ends.
    RawCut(Vec<u8>),
}

impl Fault {
    fn is_of_connection(&self) -> bool {
        match self {
            Self::Close(cut) | Self::Reset(cut) => cut.is_of_connection(),
            Self::StallHandshake
            | Self::PlainHttp
            | Self::WrongServerName
            | Self::ExpiredServerCertificate
            | Self::UnknownServerAuthority
            | Self::NeverAskForCertificate
            | Self::AskForCertificate
            | Self::RequireClientCertificate
            | Self::RefuseClientCertificate => true,
            Self::Reply(_)
            | Self::Delay(_)
            | Self::Redirect(..)
            | Self::TokenType(_)
            | Self::ContentEncoding(_)
            | Self::Header(..)
            | Self::EndlessBody
            | Self::DripBody(_)
            | Self::DripAll(_)
            | Self::Raw(_)
            | Self::RawCut(_) => false,
        }
    }
}

/// The script.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Entry>>);

struct Entry {
    target: Target,
    fault: Fault,
    /// How often it still happens; `None` is always.
    left: Option<usize>,
}

impl Faults {
    pub(crate) fn push(&self, target: Target, fault: Fault, times: Option<usize>) {
        if times != Some(0) {
            self.lock().push(Entry {
                target,
                fault,
                left: times,
            });
        }
    }

    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    pub(crate) fn for_connection(&self, host: &str) -> Option<Fault> {
        self.take(|entry| entry.fault.is_of_connection() && entry.target.covers(host, None))
    }

    pub(crate) fn for_request(&self, host: &str, route: &Route) -> Option<Fault> {
        let endpoint = endpoint(route);
        self.take(|entry| !entry.fault.is_of_connection() && entry.target.covers(host, endpoint))
    }

    /// The first entry that fits. One that happens a number of times goes before one that always happens.
    fn take(&self, fits: impl Fn(&Entry) -> bool) -> Option<Fault> {
        let mut entries = self.lock();
        let counted = entries
            .iter()
            .position(|entry| entry.left.is_some() && fits(entry));
        let index = counted.or_else(|| entries.iter().position(&fits))?;
        let entry = entries.get_mut(index)?;
        let fault = entry.fault.clone();
        if let Some(left) = &mut entry.left {
            *left -= 1;
            if *left == 0 {
                entries.remove(index);
            }
        }
        Some(fault)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        // The list is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn endpoint(route: &Route) -> Option<Endpoint> {
    Some(match route {
        Route::Token { .. } => Endpoint::Token,
        Route::OpenIdConfiguration { .. } => Endpoint::OpenIdConfiguration,
        Route::Keys => Endpoint::Keys,
        Route::InstanceDiscovery => Endpoint::InstanceDiscovery,
        Route::Secret { .. } => Endpoint::Resource,
        Route::ImdsCompute { .. } => Endpoint::ImdsCompute,
        Route::ImdsToken => Endpoint::ImdsToken,
        Route::Nowhere => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_taken_in_order_and_so_often_as_they_were_scripted() {
        let faults = Faults::default();
        let token = Route::Token {
            tenant: String::new(),
        };
        faults.push(Target::Any, Fault::EndlessBody, None);
        faults.push(
            Target::Endpoint(Endpoint::Token),
            Fault::Reply(Reply::new(500)),
            Some(1),
        );
        faults.push(Target::host("*.example"), Fault::StallHandshake, Some(1));
        assert_eq!(
            faults.for_request("a.example", &token),
            Some(Fault::Reply(Reply::new(500)))
        );
        assert_eq!(
            faults.for_request("a.example", &token),
            Some(Fault::EndlessBody)
        );
        assert_eq!(faults.for_connection("other"), None);
        assert_eq!(
            faults.for_connection("a.example"),
            Some(Fault::StallHandshake)
        );
        assert_eq!(faults.for_connection("a.example"), None);
    }
}
