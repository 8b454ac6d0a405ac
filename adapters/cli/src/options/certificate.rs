//! Certificates with their keys: in files, as `entra-sources` reads them, or behind PKCS#11.

use std::path::{Path, PathBuf};

use entra_sources::{CertificateFiles, IdentityError, Pkcs11, SourceError};
use entra_tokio::{CertificateChain, ClientIdentity, Secret};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::failed::Failed;
use super::input::{Input, Named, shown};

/// A chain and its key in one file or two.
#[derive(Clone, Debug)]
pub(crate) struct CertificateFile {
    /// The option or the variable that names it.
    pub(crate) option: &'static str,
    pub(crate) path: PathBuf,
    /// The file of the key, if it is another.
    pub(crate) key: Option<(&'static str, PathBuf)>,
    /// The password of PKCS#12.
    pub(crate) password: Option<(&'static str, Input)>,
}

/// A certificate whose key stays in a token.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) module: PathBuf,
    pub(crate) label: String,
    pub(crate) certificate: String,
    pub(crate) pin: Input,
}

/// What a source could not do, with the option that named the file.
pub(crate) fn at(option: &str, path: &Path, error: &SourceError) -> Failed {
    // The path is said already, and in a way that shows no secret which somebody wrote in its place.
    let what = if let SourceError::File { kind, .. } = error {
        kind.to_string()
    } else {
        error.to_string()
    };
    Failed::usage(format_args!("{option} {}: {what}", shown(path)))
}

impl CertificateFile {
    pub(crate) fn is_pkcs12(&self) -> bool {
        self.path.extension().is_some_and(|extension| {
            ["pfx", "p12"]
                .iter()
                .any(|known| extension.eq_ignore_ascii_case(known))
        })
    }

    /// The files themselves. Where the key has none of its own, it is in the certificate's.
    pub(crate) fn files(&self) -> Vec<Named> {
        let certificate = Named {
            option: self.option,
            path: self.path.clone(),
            is_secret: self.key.is_none(),
        };
        let key = self.key.as_ref().map(|(option, path)| Named {
            option,
            path: path.clone(),
            is_secret: true,
        });
        let password = self
            .password
            .as_ref()
            .and_then(|(option, input)| Named::of((option, &Some(input.clone()))));
        std::iter::once(certificate)
            .chain(key)
            .chain(password)
            .collect()
    }

    /// The source that reads them.
    pub(crate) fn source(&self) -> Result<CertificateFiles, Failed> {
        match (&self.key, &self.password, self.is_pkcs12()) {
            (Some((option, _)), _, true) => Err(Failed::usage(format_args!(
                "{option} goes with PEM only; in PKCS#12 the key is in {} {}",
                self.option,
                shown(&self.path)
            ))),
            (_, Some((option, _)), false) if option.starts_with('-') => Err(Failed::usage(
                format_args!("{option} goes with PKCS#12 only (.pfx, .p12)"),
            )),
            (None, password, true) => {
                let password = match password {
                    Some((option, input)) => input.read(option)?,
                    None => Secret::new(""),
                };
                Ok(CertificateFiles::pkcs12(&self.path, password))
            }
            (key, _, false) => {
                let key = key.as_ref().map_or(&self.path, |(_, path)| path);
                Ok(CertificateFiles::pem(&self.path, key))
            }
        }
    }

    /// The chain with its key.
    pub(crate) fn identity(&self) -> Result<ClientIdentity, Failed> {
        self.source()?
            .identity()
            .map_err(|error| self.explained(&error))
    }

    /// The chain alone. The key is not looked at, unless one can't be had without the other.
    pub(crate) fn chain(&self) -> Result<CertificateChain, Failed> {
        if self.is_pkcs12() {
            return self.identity().map(|identity| identity.chain());
        }
        // The same complaints about options as when the key is read.
        self.source()?;
        let unread = |kind| {
            let path = self.path.clone();
            at(self.option, &self.path, &SourceError::File { path, kind })
        };
        let pem = std::fs::read(&self.path).map_err(|error| unread(error.kind()))?;
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&zeroize::Zeroizing::new(pem)).collect();
        let mut chain = chain
            .unwrap_or_default()
            .into_iter()
            .map(|der| der.as_ref().to_vec());
        let Some(leaf) = chain.next() else {
            let none = SourceError::Identity(IdentityError::NoCertificate);
            return Err(at(self.option, &self.path, &none));
        };
        Ok(CertificateChain::new(leaf).intermediates(chain.collect()))
    }

    /// The error names the file that it is about.
    fn explained(&self, error: &SourceError) -> Failed {
        let of_certificate = || at(self.option, &self.path, error);
        let of_key = || match &self.key {
            Some((option, path)) => at(option, path, error),
            None => of_certificate(),
        };
        if let SourceError::File { path, .. } | SourceError::FileTooLarge(path) = error
            && self.key.as_ref().is_some_and(|(_, key)| key == path)
        {
            return of_key();
        }
        match (error, &self.key) {
            (SourceError::Identity(IdentityError::NoPrivateKey), None) => {
                Failed::usage(format_args!(
                    "{} {}: no private key found, and no other file is named for it",
                    self.option,
                    shown(&self.path)
                ))
            }
            (SourceError::Identity(error), Some(_)) if *error != IdentityError::NoCertificate => {
                of_key()
            }
            (_, _) => of_certificate(),
        }
    }
}

impl Token {
    /// The certificate with the key behind it.
    pub(crate) fn identity(&self) -> Result<ClientIdentity, Failed> {
        let pin = self.pin.read("--pkcs11-pin-file")?;
        Pkcs11::open(&self.module, &self.label, &pin, self.certificate.as_str())
            .and_then(|token| token.identity())
            .map_err(|error| at("--pkcs11-module", &self.module, &error))
    }
}
