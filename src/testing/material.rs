//! What a credential is made of: secrets, assertions and certificates, as they should be and as they should not.

use proptest::prelude::*;
use proptest::sample::select;

use super::CANARY;
use crate::certificate::CertificateChain;
use crate::flow::ClientAssertion;
use crate::secret::Secret;

pub(super) const RSA: &[u8] = include_bytes!("certificates/rsa.der");
pub(super) const P256: &[u8] = include_bytes!("certificates/p256.der");
/// A key that signs no assertions, but shakes hands.
const P384: &[u8] = include_bytes!("certificates/p384.der");
/// In each of them, once.
const SERIAL: &[u8] = b"\x01\x02\x03\x04\x05\x06\x07\x08";

/// A secret of 8 to 40 characters, any of which may have to be escaped in a form.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn secrets() -> impl Strategy<Value = Secret> {
    "[!-~]{1,16}".prop_flat_map(|before| {
        "[!-~]{1,16}".prop_map(move |after| Secret::new(format!("{before}{CANARY}{after}")))
    })
}

/// What a certificate's provider should answer: a certificate (RSA, P-256 or P-384; of public test material) whose key the
/// driver holds, some of them with intermediates. Often one that came before, as from a provider that is asked again.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn certificate_chains() -> impl Strategy<Value = CertificateChain> {
    let template = prop_oneof![4 => Just(RSA), 4 => Just(P256), 1 => Just(P384)];
    let number = prop_oneof![4 => 0..4_u32, 1 => any::<u32>()];
    (template, number, any::<bool>()).prop_map(|(template, number, with_issuer)| {
        let chain = CertificateChain::new(numbered(template, number));
        if with_issuer {
            chain.intermediates(vec![P384.to_vec()])
        } else {
            chain
        }
    })
}

/// What it should not answer: a certificate without its key, bytes that are none, a certificate and something after it.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn odd_certificate_chains() -> impl Strategy<Value = CertificateChain> {
    prop_oneof![
        certificate_chains().prop_map(CertificateChain::without_private_key),
        proptest::collection::vec(any::<u8>(), 0..64).prop_map(CertificateChain::new),
        Just(CertificateChain::new(CANARY)),
        (0..P256.len()).prop_map(|length| {
            CertificateChain::new(P256.iter().copied().take(length).collect::<Vec<_>>())
        }),
        any::<u8>().prop_map(|byte| CertificateChain::new([P256, &[byte]].concat())),
    ]
}

/// What an assertion's provider should answer: an assertion, alone or with the certificate that it is bound to.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn client_assertions() -> impl Strategy<Value = ClientAssertion> {
    (assertions(), proptest::option::of(certificate_chains())).prop_map(|(assertion, bound_to)| {
        match bound_to {
            None => ClientAssertion::new(assertion),
            Some(chain) => ClientAssertion::bound(assertion, chain),
        }
    })
}

/// What it should not answer: an assertion that is blank, that no JWT could be, or that comes with what is no certificate.
///
/// Drawn as those in the example of the [module](crate::testing) are.
pub fn odd_client_assertions() -> impl Strategy<Value = ClientAssertion> {
    let blank = select(vec!["", " ", "\t\r\n"]).prop_map(Secret::new);
    let no_jwt = select(vec![" ", "\r\n", "\u{e9}", "\0"])
        .prop_map(|odd| Secret::new(format!("{CANARY}{odd}{CANARY}")));
    let long = (32_769..40_000_usize)
        .prop_map(|length| Secret::new(CANARY.chars().cycle().take(length).collect::<String>()));
    prop_oneof![
        prop_oneof![blank, no_jwt, long].prop_map(ClientAssertion::new),
        (assertions(), odd_certificate_chains())
            .prop_map(|(assertion, chain)| ClientAssertion::bound(assertion, chain)),
    ]
}

/// Three parts, as a JWT has.
pub(super) fn assertions() -> impl Strategy<Value = Secret> {
    "[A-Za-z0-9_-]{4,24}\\.[A-Za-z0-9_-]{4,24}"
        .prop_map(|parts| Secret::new(format!("{CANARY}.{parts}")))
}

/// Another certificate for the same key: what a renewal brings.
pub(super) fn numbered(template: &[u8], number: u32) -> Vec<u8> {
    let place = template
        .windows(SERIAL.len())
        .position(|bytes| bytes == SERIAL)
        .unwrap_or_default();
    // The first half stays: a serial number that begins with zeros would be no DER.
    let (kept, written) = (SERIAL.len() / 2, number.to_be_bytes());
    let mut der = template.to_vec();
    let serial = der.iter_mut().skip(place.saturating_add(kept));
    for (to, from) in serial.zip(written) {
        *to = from;
    }
    der
}
