//! PKCS#12 (RFC 7292): the files that Windows, Key Vault and OpenSSL export.

use entra_adapter::ClientIdentity;
use entra_proto::Secret;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};

use crate::error::SourceError;

/// Reads the first private key with its chain from PKCS#12, in today's form (PBES2, AES, SHA-256) or the one of before (RC2, 3DES,
/// SHA-1). The library that reads it does not wipe its copies of the key.
///
/// ```
/// use entra_sources::{Secret, SourceError, identity_from_pkcs12};
///
/// let error = identity_from_pkcs12(b"no such file", &Secret::new("password")).unwrap_err();
/// assert_eq!(error, SourceError::Pkcs12);
/// ```
///
/// # Errors
/// `Pkcs12`: another password, no key with a certificate, or no such file; `Identity`: the key is of no kind that is known.
pub fn identity_from_pkcs12(file: &[u8], password: &Secret) -> Result<ClientIdentity, SourceError> {
    let store = KeyStore::from_pkcs12(file, password.expose(), Pkcs12ImportPolicy::Relaxed)
        .map_err(|_| SourceError::Pkcs12)?;
    let (_, found) = store.private_key_chain().ok_or(SourceError::Pkcs12)?;
    let chain: Vec<Vec<u8>> = found
        .certs()
        .iter()
        .map(|certificate| certificate.as_der().to_vec())
        .collect();
    Ok(ClientIdentity::from_der(
        chain,
        found.key().as_der().to_vec(),
    )?)
}
