//! Base64url, the thumbprints that name a certificate, and identifiers made from a seed.
//!
//! `x5t#S256` is the SHA-256 of the leaf's DER (RFC 8705 §3.1), `x5t` the SHA-1 (RFC 7515 §4.1.7).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// Base64url without padding.
pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What base64url without padding says, or `None` if it is not that.
///
/// ```
/// assert_eq!(entra_emulator::from_base64url("AQI"), Some(vec![1, 2]));
/// assert_eq!(entra_emulator::from_base64url("AQI="), None);
/// ```
pub fn from_base64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// `x5t#S256` of a certificate.
pub(crate) fn x5t_s256(der: &[u8]) -> String {
    base64url(Sha256::digest(der).as_slice())
}

/// `x5t` of a certificate.
pub(crate) fn x5t(der: &[u8]) -> String {
    base64url(Sha1::digest(der).as_slice())
}

/// A GUID that follows from the text, the same each time.
pub(crate) fn guid_from(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut guid = String::with_capacity(36);
    for (index, byte) in digest.as_slice().iter().take(16).enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            guid.push('-');
        }
        let byte = match index {
            6 => byte & 0x0f | 0x40,
            8 => byte & 0x3f | 0x80,
            _ => *byte,
        };
        // Writing to a `String` cannot fail.
        let _ = write!(guid, "{byte:02x}");
    }
    guid
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guid_has_the_shape_of_version_four() {
        let guid = guid_from("anything");
        assert_eq!(guid.len(), 36);
        assert_eq!(guid.as_bytes().get(14), Some(&b'4'));
        assert_eq!(guid, guid_from("anything"));
        assert_ne!(guid, guid_from("anything else"));
    }
}
