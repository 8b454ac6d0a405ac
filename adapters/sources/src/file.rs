//! An assertion in a file that somebody else renews: the kubelet, SPIRE, a CI system.

use std::path::PathBuf;

use entra_adapter::{AssertionSource, ProvidedAssertion, ProviderError};
use entra_proto::{ProviderContext, Secret};

use crate::error::SourceError;
use crate::jwt::{Assertion, MOST};
use crate::watched::Watched;

/// An assertion in a file, read again whenever the file changes.
///
/// Whoever renews it should write the new one beside it and rename it. If it is written in place, the old assertion serves until the
/// new one is whole, or until it expires. An assertion that has expired is an error that says so, and never sent.
///
/// ```
/// use entra_sources::{AssertionFile, SourceError};
///
/// let file = AssertionFile::new("/var/run/secrets/tokens/azure");
/// assert!(matches!(file.read(), Err(SourceError::File { .. })));
/// ```
#[derive(Debug)]
pub struct AssertionFile(Watched<Assertion>);

impl AssertionFile {
    /// The file at that path, of at most 64 KiB.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(Watched::new(vec![path.into()], MOST))
    }

    /// The assertion that serves now.
    ///
    /// # Errors
    /// `File`, `FileTooLarge`, `Changing`, `NotAnAssertion`, `Expired`, all only if none that was read before still serves.
    pub fn read(&self) -> Result<Secret, SourceError> {
        let parse = |texts: &[zeroize::Zeroizing<Vec<u8>>]| {
            let text = texts.first().map_or(&[][..], |text| text);
            let read = Assertion::read(text)?;
            if read.serves() {
                Ok(read)
            } else {
                Err(SourceError::Expired)
            }
        };
        let assertion = self.0.get(parse, Assertion::serves)?;
        if assertion.serves() {
            Ok(assertion.text)
        } else {
            Err(SourceError::Expired)
        }
    }
}

impl AssertionSource for AssertionFile {
    fn assertion(&self, _context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        Ok(ProvidedAssertion::new(self.read()?))
    }
}
