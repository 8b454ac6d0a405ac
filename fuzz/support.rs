//! What the targets share with the tests of the core.

#![allow(dead_code)]

#[path = "../tests/it/canary.rs"]
pub(crate) mod canary;
#[path = "../tests/it/certificates.rs"]
pub(crate) mod certificates;
#[path = "../tests/it/hosts.rs"]
pub(crate) mod hosts;
#[path = "../tests/it/journey.rs"]
pub(crate) mod journey;
#[path = "../tests/it/script.rs"]
pub(crate) mod script;
#[path = "tree.rs"]
pub(crate) mod tree;

/// The bytes as text, unless they hold the word that nothing may print.
pub(crate) fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes)
        .ok()
        .filter(|text| canary::is_silent(text))
}
