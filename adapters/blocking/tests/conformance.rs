//! The conformance table, passed by the blocking adapter over real TLS.

#![forbid(unsafe_code)]

mod driver;

use driver::Blocking;

entra_conformance::rows!(Blocking);
