//! As many certificates as a test needs, made from three (see `fixtures/README.md`).

use entra_proto::{Certificate, CertificateChain, Thumbprint};

pub(crate) const RSA: &[u8] = include_bytes!("fixtures/rsa.der");
pub(crate) const P256: &[u8] = include_bytes!("fixtures/p256.der");
/// A key that signs no assertions, but shakes hands.
pub(crate) const P384: &[u8] = include_bytes!("fixtures/p384.der");

/// Another certificate for the same key: what a renewal brings.
pub(crate) fn numbered(template: &[u8], number: u32) -> CertificateChain {
    CertificateChain::new(with_number(template, number))
}

pub(crate) fn thumbprint(template: &[u8], number: u32) -> Thumbprint {
    Thumbprint::of(&with_number(template, number))
}

/// The same certificate, ending at another time: `YYMMDDHHMMSSZ`.
pub(crate) fn ending(template: &[u8], end: &[u8; 13]) -> CertificateChain {
    CertificateChain::new(replaced(template, b"360101000000Z", end))
}

pub(crate) fn parsed(template: &[u8], number: u32) -> Certificate {
    Certificate::parse(numbered(template, number)).expect("the fixture is a certificate")
}

fn with_number(template: &[u8], number: u32) -> Vec<u8> {
    let mut serial = *b"\x01\x02\x03\x04\x00\x00\x00\x00";
    serial[4..].copy_from_slice(&number.to_be_bytes());
    replaced(template, b"\x01\x02\x03\x04\x05\x06\x07\x08", &serial)
}

fn replaced(template: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let place = template
        .windows(old.len())
        .position(|window| window == old)
        .expect("the fixture has it");
    let mut der = template.to_vec();
    der[place..place + new.len()].copy_from_slice(new);
    der
}
