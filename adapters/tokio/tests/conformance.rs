//! The conformance table, passed by the tokio adapter over real TLS.

#![forbid(unsafe_code)]

mod driver;

use driver::Tokio;

entra_conformance::rows!(Tokio);
