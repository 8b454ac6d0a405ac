//! What all flows of a client share outlives a flow that panics with it in its hands.

use entra_proto::{Client, Credential, Secret};

use crate::{Handed, Settings, State, Wake};

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
            let mut sizes = state.memory().sizes();
            state
                .memory()
                .change(&mut sizes, 0, |_| panic!("with the memory held"));
        });
        holder.join().is_err()
    });
    assert!(panicked);
    assert!(state.memory().is_empty());
    assert_eq!(state.import_cache(b"{}"), Ok(0));
    let exported = state.export_cache();
    assert_eq!(exported.expose(), b"{}");
}
