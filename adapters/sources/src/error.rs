//! Why a source has nothing to give: which file, variable, program or service, and what is wrong. Never what was in it.

use std::path::PathBuf;
use std::{fmt, io};

use entra_adapter::IdentityError;

/// Why a source has no assertion or no certificate. Nothing that was read is in its text.
///
/// ```
/// use entra_sources::{SourceError, WorkloadIdentity};
///
/// let error = WorkloadIdentity::from_variables(|_| None).unwrap_err();
/// assert!(matches!(error, SourceError::MissingVariable(_)));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourceError {
    /// A variable is not set, or empty.
    MissingVariable(&'static str),
    /// A variable's value can't be used.
    InvalidVariable(&'static str),
    /// A file can't be read.
    File {
        /// Which one.
        path: PathBuf,
        /// Why.
        kind: io::ErrorKind,
    },
    /// A file is larger than anything that belongs there.
    FileTooLarge(PathBuf),
    /// The files change faster than they can be read.
    Changing(PathBuf),
    /// What a file, a program or a service has is no whole JWT.
    NotAnAssertion,
    /// The assertion has expired, so whoever renews it does not.
    Expired,
    /// The certificate or its key can't be used.
    Identity(IdentityError),
    /// The file is no PKCS#12, its password is another, or it has no key with a certificate.
    Pkcs12,
    /// The program did not start.
    NotStarted(io::ErrorKind),
    /// The program ended otherwise than well: with this code, or by a signal.
    Ended(Option<i32>),
    /// The program, or the service, took too long.
    TooSlow,
    /// The program, or the service, said more than any assertion needs.
    TooMuch,
    /// The program printed something else than a JWT or a JSON object with `assertion`, `certificate` and `key`.
    Unreadable,
    /// Identities of the user's choice do not exist at this host, or not by this kind of name.
    NoSuchIdentityHere,
    /// There is no connection to the managed identity's endpoint.
    Unreachable,
    /// The managed identity's endpoint refused, with this status.
    Refused(u16),
    /// The managed identity's endpoint answered with something else than a token.
    NotAToken,
    /// The challenge of Azure Arc's agent is not what it should be: no header, another folder, or a file that is no key.
    Challenge(&'static str),
    /// The token behind PKCS#11: what could not be done with it.
    Token(&'static str),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingVariable(name) => write!(f, "the variable {name} is not set; is the identity assigned to this workload?"),
            Self::InvalidVariable(name) => write!(f, "the variable {name} has a value that can't be used"),
            Self::File { path, kind } => write!(f, "{} can't be read: {kind}", path.display()),
            Self::FileTooLarge(path) => write!(f, "{} is too large for what should be in it", path.display()),
            Self::Changing(path) => write!(f, "{} changes while it is read", path.display()),
            Self::NotAnAssertion => f.write_str("that is no whole JWT; write it beside its place and rename it"),
            Self::Expired => f.write_str("the assertion has expired; look at whoever is to renew it"),
            Self::Identity(error) => error.fmt(f),
            Self::Pkcs12 => f.write_str("no certificate with its key could be read from PKCS#12; check the password and that the file has the key"),
            Self::NotStarted(kind) => write!(f, "the assertion command did not start: {kind}"),
            Self::Ended(Some(code)) => write!(f, "the assertion command ended with {code}; run it by hand to see why"),
            Self::Ended(None) => f.write_str("the assertion command was ended by a signal"),
            Self::TooSlow => f.write_str("no answer in time"),
            Self::TooMuch => f.write_str("the answer is larger than any assertion"),
            Self::Unreadable => f.write_str("the assertion command printed neither a JWT nor {\"assertion\",\"certificate\",\"key\"}"),
            Self::NoSuchIdentityHere => f.write_str("this host has no user-assigned identities, or knows them by another kind of id"),
            Self::Unreachable => f.write_str("no connection to the managed identity's endpoint; does this machine have one?"),
            Self::Refused(status) => write!(f, "the managed identity's endpoint answered {status}; is the identity assigned?"),
            Self::NotAToken => f.write_str("the managed identity's endpoint answered with something else than a token"),
            Self::Challenge(what) => write!(f, "the challenge of the Azure Arc agent is not acceptable: {what}"),
            Self::Token(what) => write!(f, "the PKCS#11 token: {what}"),
        }
    }
}

impl std::error::Error for SourceError {}

impl From<IdentityError> for SourceError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}
