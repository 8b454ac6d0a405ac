//! A local token service that behaves like Microsoft Entra and speaks real mutual TLS on loopback: for tests, and for
//! trying things out. It has its own certificate authority, made at every start, and serves the clouds' true host names;
//! clients map these names to its address and trust its authority.
//!
//! ```text
//!  client ── TLS, SNI eastus.mtlsauth.microsoft.com ──▶ server ── request, certificate, time ──▶ service
//!                                                         │  records, scripted faults              │ pure: no sockets, no clock
//!                                                         ◀──────────────── response ──────────────┘
//! ```
//!
//! ```
//! use entra_emulator::{Application, Emulator, KeyKind, TestIdentity};
//!
//! let identity = TestIdentity::generate(KeyKind::P256, "client")?;
//! let emulator = Emulator::builder()
//!     .application(Application::new("11111111-1111-1111-1111-111111111111").certificate(identity.certificate_der()))
//!     .start()?;
//! assert!(emulator.address().ip().is_loopback());
//! assert!(emulator.serves("eastus.mtlsauth.microsoft.com") && !emulator.serves("example.com"));
//! # Ok::<(), entra_emulator::StartError>(())
//! ```
//!
//! It is no security boundary: it listens on loopback only, its keys live in memory, and whoever can reach it may try
//! everything. What it judges, it judges as Entra does: signatures, dates, replay, audiences, and above all whether the
//! certificate of the connection is the one that an assertion or a token names.
//!
//! Reading order: [`service`] is the model; [`Emulator`] puts sockets round it; [`Fault`] and [`ConnectionRecord`] are
//! for tests.
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

// What everything else rests on.
mod clock;
mod digest;
mod error;
mod hosts;

// What is made: certificates, keys, registrations.
mod application;
mod authority;
mod identity;
mod jwt;

// The model.
pub mod service;

// The sockets round it.
mod builder;
mod emulator;
mod fault;
mod record;
mod server;
mod tls;

pub use self::application::{Application, AuthorizationCode, FederatedCredential, ManagedIdentity};
pub use self::builder::{EmulatorBuilder, TENANT_ID};
pub use self::digest::from_base64url;
pub use self::emulator::Emulator;
pub use self::error::StartError;
pub use self::fault::{Cut, Endpoint, Fault, Reply, Target};
pub use self::identity::{KeyKind, TestIdentity};
pub use self::record::{ConnectionId, ConnectionRecord, Handshake, RequestRecord, TlsVersion};
pub use self::service::{AssertionSpec, Caller, Service};
pub use self::tls::TlsVersions;
