//! PKCS#12 as another program writes it: OpenSSL 3 with its defaults, and with `-legacy`, as older ones and Windows do.
#![cfg(feature = "pkcs12")]

use entra_sources::{CertificateFiles, ClientIdentity, Secret, SourceError, identity_from_pkcs12};

const TODAY: &[u8] = include_bytes!("fixtures/openssl.p12");
const BEFORE: &[u8] = include_bytes!("fixtures/openssl-legacy.p12");
const CERTIFICATE: &str = include_str!("fixtures/openssl.pem");

#[test]
fn src08_what_openssl_writes_is_read() {
    let password = Secret::new("password");
    for file in [TODAY, BEFORE] {
        let identity = identity_from_pkcs12(file, &password).unwrap();
        let body = CERTIFICATE.lines().filter(|line| !line.starts_with('-'));
        let der =
            base64::Engine::decode(&base64::prelude::BASE64_STANDARD, body.collect::<String>());
        let chain = entra_proto::CertificateChain::new(der.unwrap());
        assert_eq!(identity.chain(), chain);
    }
}

#[test]
fn src08_a_wrong_password_and_a_broken_file_are_errors() {
    for file in [TODAY, BEFORE] {
        for password in ["", "Password", "passwor"] {
            let error = identity_from_pkcs12(file, &Secret::new(password)).unwrap_err();
            assert_eq!(error, SourceError::Pkcs12);
        }
        let right = Secret::new("password");
        for end in 0..file.len() {
            assert!(identity_from_pkcs12(&file[..end], &right).is_err(), "{end}");
        }
    }
}

#[test]
fn a_source_prints_nothing_of_its_secrets() {
    let files = CertificateFiles::pkcs12("client.p12", Secret::new("canary"));
    let printed = format!("{files:?}");
    assert!(
        printed.contains("client.p12") && !printed.contains("canary"),
        "{printed}"
    );
    fn is_shared<T: Send + Sync>() {}
    is_shared::<ClientIdentity>();
    is_shared::<CertificateFiles>();
}
