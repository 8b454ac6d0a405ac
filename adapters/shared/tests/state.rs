//! What all flows of a client share outlives a flow that panics with it in its hands.

#![forbid(unsafe_code)]

use entra_adapter::{Handed, Settings, State, Wake};
use entra_proto::{Client, Credential, Secret};

/// Nobody waits in these tests.
struct Nobody;

impl Wake for Nobody {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        Err(handed)
    }
}

#[test]
fn t29_a_panic_that_held_the_memory_costs_nobody_else_a_token() {
    let secret = Credential::secret(Secret::new("s"));
    let client = Client::builder("c", "https://login.microsoftonline.com/t", secret)
        .build()
        .unwrap();
    let state = State::<Nobody>::new(Settings::new(client), false, false).unwrap();
    let panicked = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let _held = state.memory();
            panic!("with the memory held");
        });
        holder.join().is_err()
    });
    assert!(panicked);
    assert!(state.memory().is_empty());
    assert_eq!(state.import_cache(b"{}"), Ok(0));
}
