//! A client outlives runtimes: applications and tests keep one in a static while runtimes come and go.

#![forbid(unsafe_code)]

use entra_conformance::world::{World, bearer};
use entra_proto::Credential;
use entra_tokio::EntraClient;
use tokio::runtime::Runtime;

#[test]
fn a_connection_of_a_runtime_that_is_gone_is_not_used() {
    let world = World::new();
    let setup = world.with_certificate(&world.alpha, Credential::send_over_mtls);
    let mut builder = EntraClient::builder(setup.client).network(setup.network);
    for identity in setup.identities {
        builder = builder.identity(identity);
    }
    let client = builder.build().unwrap();
    for round in 1..=3 {
        let runtime = Runtime::new().unwrap();
        let request = bearer().bypassing_cache();
        let first = runtime.block_on(client.token(&request)).unwrap();
        let again = runtime.block_on(client.token(&request)).unwrap();
        assert_eq!((first.attempts(), again.attempts()), (1, 1));
        // One connection for each runtime, used twice.
        assert_eq!(world.emulator.connections().len(), round);
    }
}
