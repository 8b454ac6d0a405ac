//! Certificates in files that are renewed.

use std::thread;
use std::time::{Duration, Instant};

use entra_emulator::{Emulator, KeyKind, TestIdentity};
use entra_proto::Secret;
use entra_sources::CertificateFiles;
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain,
};

use super::with_certificates;
use crate::Driver;
use crate::folder::Folder;
use crate::world::{CLIENT_ID, World, bearer, pop};

/// What was written a shorter time ago may be half.
const SETTLED: Duration = Duration::from_millis(250);
/// How often somebody renews the folder while others call.
const ROUNDS: usize = 300;
const PASSWORD: &str = "canary of PKCS#12";

/// A renewed certificate with a key of its own, that the application knows.
fn renewed(emulator: &Emulator) -> TestIdentity {
    let identity = TestIdentity::generate(KeyKind::P256, "renewed").unwrap();
    assert!(emulator.register_certificate(CLIENT_ID, identity.certificate_der()));
    identity
}

fn pkcs12(of: &TestIdentity, algorithm: EncryptionAlgorithm) -> Vec<u8> {
    let key = PrivateKey::from_der(of.key_der()).unwrap();
    let certificate = Certificate::from_der(of.certificate_der()).unwrap();
    let chain = PrivateKeyChain::new(vec![1], key, [certificate]);
    let mut store = KeyStore::new();
    store.add_entry("client", KeyStoreEntry::PrivateKeyChain(chain));
    store
        .writer(PASSWORD)
        .encryption_algorithm(algorithm)
        .write()
        .unwrap()
}

fn shown<D: Driver>(world: &World, client: &D::Client) -> String {
    let token = D::token(client, &pop().bypassing_cache()).unwrap();
    let last = world.emulator.token_requests().pop().unwrap();
    let shown = last.client_thumbprint().unwrap();
    let named = token.binding_certificate().unwrap().thumbprint();
    assert_eq!(named.to_string(), shown);
    shown
}

/// SRC-08: in every form, renewed, and picked up by the next request; the Bearer token too is signed with the new key.
pub fn src08_a_renewed_certificate_is_picked_up<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let today = EncryptionAlgorithm::PbeWithHmacSha256AndAes256;
    let write = |of: &TestIdentity| {
        folder.replace("tls.crt", of.certificate_pem());
        folder.replace("tls.key", of.key_pem());
        folder.replace("both.pem", of.pem());
        folder.replace("client.p12", pkcs12(of, today));
    };
    let both = folder.file("both.pem");
    let clients = [
        CertificateFiles::folder(folder.path()),
        CertificateFiles::pem(&both, &both),
        CertificateFiles::pkcs12(folder.file("client.p12"), Secret::new(PASSWORD)),
    ]
    .map(|files| with_certificates::<D>(&world, files));
    for of in [&world.alpha, &renewed(&world.emulator), &world.rsa] {
        write(of);
        for client in &clients {
            assert_eq!(shown::<D>(&world, client), of.thumbprint());
            D::token(client, &bearer().bypassing_cache()).unwrap();
        }
    }
}

/// SRC-08: the form of PKCS#12 from before, and what can't be read.
pub fn src08_pkcs12_of_before_is_read_and_a_wrong_password_is_an_error<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let before = EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc;
    folder.replace("client.p12", pkcs12(&world.alpha, before));
    let files = |password: &str| {
        let files = CertificateFiles::pkcs12(folder.file("client.p12"), Secret::new(password));
        with_certificates::<D>(&world, files)
    };
    assert_eq!(
        shown::<D>(&world, &files(PASSWORD)),
        world.alpha.thumbprint()
    );
    world.emulator.clear_records();
    let error = D::token(&files("another"), &pop()).unwrap_err();
    assert_eq!(error.code(), "certificate_provider_failed");
    assert!(error.reported().unwrap().contains("check the password"));
    assert_eq!(world.emulator.accepted(), 0);
}

/// SRC-08, T18: one file renewed and the other not, one half written, one gone: the pair of before, and never Bearer in place of PoP.
pub fn src08_half_a_pair_is_never_used<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let next = renewed(&world.emulator);
    let client = with_certificates::<D>(&world, CertificateFiles::folder(folder.path()));
    let error = D::token(&client, &pop()).unwrap_err();
    assert_eq!(error.code(), "certificate_provider_failed");
    assert!(error.reported().unwrap().contains("can't be read"));
    folder.replace("tls.crt", world.alpha.certificate_pem());
    folder.replace("tls.key", next.key_pem());
    let error = D::token(&client, &pop()).unwrap_err();
    assert!(
        error
            .reported()
            .unwrap()
            .contains("not that of the first certificate")
    );
    assert_eq!(world.emulator.accepted(), 0);

    folder.replace("tls.key", world.alpha.key_pem());
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    let pem = next.certificate_pem();
    folder.replace("tls.crt", &pem);
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    folder.overwrite("tls.key", "");
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    folder.replace("tls.key", next.key_pem());
    folder.replace("tls.crt", &pem[..pem.len() / 2]);
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    std::fs::remove_file(folder.file("tls.crt")).unwrap();
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    let began = Instant::now();
    folder.overwrite("tls.crt", &pem);
    let now = shown::<D>(&world, &client);
    if began.elapsed() < SETTLED {
        assert_eq!(now, world.alpha.thumbprint(), "written this moment");
    }
    folder.settle("tls.crt");
    assert_eq!(shown::<D>(&world, &client), next.thumbprint());
}

/// SRC-08: while calls go on, somebody renews the folder as fast as the disk allows, a file at a time and in place.
pub fn src08_no_call_fails_while_the_folder_is_renewed<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let identities = [
        renewed(&world.emulator),
        renewed(&world.emulator),
        renewed(&world.emulator),
    ];
    folder.replace("tls.crt", world.alpha.certificate_pem());
    folder.replace("tls.key", world.alpha.key_pem());
    let client = with_certificates::<D>(&world, CertificateFiles::folder(folder.path()));
    assert_eq!(shown::<D>(&world, &client), world.alpha.thumbprint());
    world.emulator.clear_records();
    let (latest, calls) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut latest = String::new();
            for of in identities.iter().cycle().take(ROUNDS) {
                let (certificate, key) = (of.certificate_pem(), of.key_pem());
                folder.overwrite("tls.crt", &certificate[..certificate.len() / 2]);
                folder.overwrite("tls.crt", &certificate);
                folder.overwrite("tls.key", &key[..key.len() / 2]);
                folder.overwrite("tls.key", &key);
                folder.replace("tls.crt", &certificate);
                folder.replace("tls.key", &key);
                latest = of.thumbprint();
            }
            latest
        });
        let mut calls = 0;
        while !writer.is_finished() {
            shown::<D>(&world, &client);
            calls += 1;
        }
        (writer.join().unwrap(), calls)
    });
    assert_eq!(shown::<D>(&world, &client), latest);
    assert_eq!(world.token_requests(), calls + 1, "one attempt each");
    assert!(calls > 1);
}
