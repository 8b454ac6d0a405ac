//! Where assertions and certificates come from: every source of `entra-sources`, driven by the adapter under test.

mod certificates;
mod command;
mod endpoint;
mod files;
mod identity;
mod legs;
mod token;

pub use certificates::*;
pub use command::*;
pub use endpoint::*;
pub use files::*;
pub use identity::*;
pub use legs::*;
pub use token::*;

use std::sync::Arc;

use entra_adapter::{AssertionSource, CertificateSource};
use entra_proto::Credential;

use crate::world::World;
use crate::{Driver, Setup};

/// A client whose assertions, with their certificates, come from a source.
fn with_assertions<D: Driver>(world: &World, source: impl AssertionSource) -> D::Client {
    let client = world.client(Credential::signed_assertion_provider());
    let setup = world.setup(client.build().unwrap());
    D::build(Setup {
        assertion_source: Some(Arc::new(source)),
        ..setup
    })
    .unwrap()
}

/// A client whose certificates come from a source.
fn with_certificates<D: Driver>(world: &World, source: impl CertificateSource) -> D::Client {
    let client = world.client(Credential::certificate_provider());
    let setup = world.setup(client.build().unwrap());
    D::build(Setup {
        certificate_source: Some(Arc::new(source)),
        ..setup
    })
    .unwrap()
}
