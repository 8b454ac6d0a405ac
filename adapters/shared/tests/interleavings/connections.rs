//! What is built for an identity, such as its connections: once, and for nobody else.

use std::convert::Infallible;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_adapter::ClientIdentity;
use entra_proto::Thumbprint;
use loom::sync::Arc;

use crate::identities::Identities;
use crate::{explore, spawn};

static SOME: LazyLock<[ClientIdentity; 3]> = LazyLock::new(|| {
    [0, 1, 2].map(|_| {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        ClientIdentity::from_pem(certificate.pem(), key.serialize_pem()).unwrap()
    })
});

/// Connections, as far as it matters whose they are.
struct Built(Thumbprint);

/// Each of the threads asks for the connections of one of the identities, where so many have room; says how often some were built.
fn together(most: usize, asked: &'static [usize], check: impl Fn(usize) + Send + Sync + 'static) {
    LazyLock::force(&SOME);
    explore(move || {
        let identities = Arc::new(Identities::new(most));
        let builds = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = asked
            .iter()
            .map(|which| {
                let (identities, builds) = (Arc::clone(&identities), Arc::clone(&builds));
                spawn(move || {
                    let identity = &SOME[*which];
                    let built = identities.built(identity, |identity| {
                        builds.fetch_add(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(Built(identity.thumbprint()))
                    });
                    let Ok(built) = built;
                    assert!(built.0 == identity.thumbprint(), "somebody else's");
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert!(identities.len() <= most);
        check(builds.load(Ordering::SeqCst));
    });
}

#[test]
fn http04_connections_are_made_once_whoever_asks_at_the_same_time() {
    together(2, &[0, 0, 1], |builds| assert_eq!(builds, 2));
}

#[test]
fn http05_whoever_pushes_whom_out_nobody_gets_the_connections_of_another() {
    together(1, &[0, 1, 2], |builds| assert_eq!(builds, 3));
    together(1, &[0, 1, 0], |builds| assert!((2..=3).contains(&builds)));
}
