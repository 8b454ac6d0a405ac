//! What all flows of a client share outlives a flow that panics with it in its hands.

use std::time::Duration;

use entra_proto::{Client, Credential, Error, Now, Secret, TokenRequest};

use crate::renewals::Renewals;
use crate::{Handed, Settings, State, Wake};

/// Nobody waits in these tests.
struct Nobody;

impl Wake for Nobody {
    fn wake(self, handed: Handed<Self>) -> Result<(), Handed<Self>> {
        Err(handed)
    }
}

fn client() -> Client {
    let secret = Credential::secret(Secret::new("s"));
    let client = Client::builder("c", "https://login.microsoftonline.com/t", secret);
    client.build().unwrap()
}

#[test]
fn t29_a_panic_that_held_the_memory_costs_nobody_else_a_token() {
    let state = State::<Nobody>::new(Settings::new(client()), false, false).unwrap();
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

#[test]
fn run06_a_renewal_is_over_when_whoever_runs_it_panics() {
    let renewals = Renewals::default();
    let offered = TokenRequest::for_app(["scope"]).plan(&client()).unwrap();
    let begin = |seconds| {
        let began = Duration::from_secs(1_798_761_600);
        renewals.begin(
            offered.clone(),
            Now::new(began, Duration::from_secs(seconds)),
        )
    };
    let renewal = begin(0).unwrap();
    assert_eq!(*renewal.plan(), offered);
    assert!(begin(60).is_none());
    let panicked = std::thread::spawn(move || panic!("with {renewal:?}")).join();
    assert!(panicked.is_err());
    let next = begin(60).unwrap();
    next.end(&Err(Error::deadline_passed()));
    // Both have failed.
    assert!(begin(61).is_none() && begin(62).is_some());
}
