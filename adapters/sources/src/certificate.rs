//! Certificates in files that somebody renews: PEM, a Kubernetes secret's folder, PKCS#12.

use std::path::PathBuf;

use entra_adapter::{CertificateSource, ClientIdentity, ProviderError};
use entra_proto::ProviderContext;
use zeroize::Zeroizing;

use crate::error::SourceError;
use crate::watched::Watched;

/// The largest file with a chain, a key, or both.
const MOST: usize = 256 * 1_024;

/// A certificate chain with its key in files, read again whenever one of them changes: cert-manager, certbot, the CSI driver of Key
/// Vault.
///
/// A pair that does not belong together, because only one of its files has been renewed yet, is never handed out, and neither is one
/// that is half written: the pair of before goes on serving until the new one is whole. Whoever has handed it out keeps it, so a
/// token's certificate and its key stay together whatever happens to the files.
///
/// ```no_run
/// use entra_blocking::{Client, Credential, EntraClient, RegionSource, TokenRequest};
/// use entra_sources::CertificateFiles;
///
/// # fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let client = Client::builder(
///     "11111111-1111-1111-1111-111111111111",
///     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
///     Credential::certificate_provider(),
/// )
/// .region(RegionSource::Named("eastus".into()))
/// .build()?;
/// let entra = EntraClient::builder(client)
///     .certificate_source(CertificateFiles::folder("/etc/tls/client"))
///     .build()?;
/// let token = entra.token(&TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession())?;
/// # let _ = token;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CertificateFiles {
    form: Form,
    files: Watched<ClientIdentity>,
}

#[derive(Debug)]
enum Form {
    /// The chain in the first file; the key in the last, which may be the same.
    Pem,
    #[cfg(feature = "pkcs12")]
    Pkcs12(entra_proto::Secret),
}

impl CertificateFiles {
    /// A chain and its key, both PEM, in one file or in two of at most 256 KiB. The leaf comes first.
    ///
    /// ```
    /// use entra_sources::{CertificateFiles, SourceError};
    ///
    /// let files = CertificateFiles::pem("/etc/letsencrypt/live/contoso.com/fullchain.pem", "/etc/letsencrypt/live/contoso.com/privkey.pem");
    /// assert!(matches!(files.identity(), Err(SourceError::File { .. })));
    /// ```
    pub fn pem(certificates: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        let (certificates, key) = (certificates.into(), key.into());
        let files = if certificates == key {
            vec![key]
        } else {
            vec![certificates, key]
        };
        Self::of(Form::Pem, files)
    }

    /// A folder with `tls.crt` and `tls.key`, as Kubernetes mounts secrets of type `kubernetes.io/tls`.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        let folder = folder.into();
        Self::pem(folder.join("tls.crt"), folder.join("tls.key"))
    }

    /// A PKCS#12 file and its password, which may be empty.
    ///
    /// ```
    /// use entra_sources::{CertificateFiles, Secret, SourceError};
    ///
    /// let file = CertificateFiles::pkcs12("/etc/tls/client.pfx", Secret::new("password"));
    /// assert!(matches!(file.identity(), Err(SourceError::File { .. })));
    /// ```
    #[cfg(feature = "pkcs12")]
    pub fn pkcs12(file: impl Into<PathBuf>, password: entra_proto::Secret) -> Self {
        Self::of(Form::Pkcs12(password), vec![file.into()])
    }

    fn of(form: Form, files: Vec<PathBuf>) -> Self {
        Self {
            form,
            files: Watched::new(files, MOST),
        }
    }

    /// The identity that serves now.
    ///
    /// # Errors
    /// `File`, `FileTooLarge`, `Changing`, `Identity`, `Pkcs12`, all only if none was read before.
    pub fn identity(&self) -> Result<ClientIdentity, SourceError> {
        self.files.get(|texts| self.parse(texts), |_| true)
    }

    fn parse(&self, texts: &[Zeroizing<Vec<u8>>]) -> Result<ClientIdentity, SourceError> {
        let first = texts.first().map_or(&[][..], |text| text);
        match &self.form {
            Form::Pem => {
                let key = texts.last().map_or(&[][..], |text| text);
                Ok(ClientIdentity::from_pem(first, key)?)
            }
            #[cfg(feature = "pkcs12")]
            Form::Pkcs12(password) => crate::pkcs12::identity_from_pkcs12(first, password),
        }
    }
}

impl CertificateSource for CertificateFiles {
    fn certificate(
        &self,
        _context: &ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError> {
        Ok(Some(self.identity()?))
    }
}
