//! Keys behind PKCS#11: an HSM, a smart card, SoftHSM. The key signs there and never leaves it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11 as Module};
use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use entra_adapter::{CertificateSource, ClientIdentity, ProviderError};
use entra_proto::{ProviderContext, Secret};
use x509_parser::parse_x509_certificate;

use crate::error::SourceError;

mod signer;

use signer::TokenKey;

/// An identity in a token: a certificate and the private key that has the same id (`CKA_ID`), the certificate found by its label.
///
/// As a source it looks at the token whenever it is asked, so a certificate that was renewed there is picked up; of several with the
/// same label the one that is valid from the latest moment counts. The key and the certificate are tried together once, before
/// anything is sent. P-256 and RSA keys; not those that want the PIN for each signature (`CKA_ALWAYS_AUTHENTICATE`).
///
/// ```no_run
/// use entra_blocking::{Client, Credential, EntraClient, RegionSource, TokenRequest};
/// use entra_sources::{Pkcs11, Secret};
///
/// # fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let pin = Secret::new(std::env::var("TOKEN_PIN")?);
/// let hsm = Pkcs11::open("/usr/lib/softhsm/libsofthsm2.so", "token", &pin, "client")?;
/// let client = Client::builder(
///     "11111111-1111-1111-1111-111111111111",
///     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
///     Credential::certificate_provider(),
/// )
/// .region(RegionSource::Named("eastus".into()))
/// .build()?;
/// let entra = EntraClient::builder(client).certificate_source(hsm).build()?;
/// let token = entra.token(&TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession())?;
/// # let _ = token;
/// # Ok(()) }
/// ```
pub struct Pkcs11 {
    token: Arc<Token>,
    label: String,
    intermediates: Vec<Vec<u8>>,
    /// The latest identity, so that one certificate is tried once.
    latest: Mutex<Option<(Vec<u8>, ClientIdentity)>>,
}

impl Pkcs11 {
    /// Loads a module (the vendor's library), finds the token of that label, logs in, and looks for nothing yet.
    ///
    /// The module is code that runs in this process: name one that you trust. It is initialized once in a process and stays so.
    ///
    /// # Errors
    /// `Token`: the module can't be loaded, there is no such token, or the PIN is wrong.
    pub fn open(
        module: impl AsRef<Path>,
        token_label: &str,
        pin: &Secret,
        certificate_label: impl Into<String>,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            token: Arc::new(Token::open(module.as_ref(), token_label, pin)?),
            label: certificate_label.into(),
            intermediates: Vec::new(),
            latest: Mutex::new(None),
        })
    }

    /// The rest of the chain (DER), for servers that want it.
    #[must_use]
    pub fn intermediates(self, intermediates: Vec<Vec<u8>>) -> Self {
        Self {
            intermediates,
            ..self
        }
    }

    /// The identity that is in the token now.
    ///
    /// # Errors
    /// `Token`: no such certificate or key, or a key that can't sign for it; `Identity`.
    pub fn identity(&self) -> Result<ClientIdentity, SourceError> {
        let (leaf, id) = self
            .token
            .with(|session| certificate(session, &self.label))?;
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, identity)) = latest.as_ref().filter(|(known, _)| *known == leaf) {
            return Ok(identity.clone());
        }
        let key = TokenKey::new(&self.token, id, &leaf)?;
        let mut chain = vec![leaf.clone()];
        chain.extend(self.intermediates.iter().cloned());
        let identity = ClientIdentity::from_signing_key(chain, Arc::new(key))?;
        *latest = Some((leaf, identity.clone()));
        Ok(identity)
    }
}

impl CertificateSource for Pkcs11 {
    fn certificate(
        &self,
        _context: &ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError> {
        Ok(Some(self.identity()?))
    }
}

impl fmt::Debug for Pkcs11 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11")
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// A token that is logged in to, with sessions that are at rest.
struct Token {
    module: Module,
    slot: Slot,
    pin: AuthPin,
    idle: Mutex<Vec<Session>>,
}

impl Token {
    fn open(module: &Path, label: &str, pin: &Secret) -> Result<Self, SourceError> {
        let module =
            Module::new(module).map_err(|_| SourceError::Token("the module can't be loaded"))?;
        match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
            // By somebody else in this process, or by us for another key.
            Ok(()) | Err(ModuleError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(_) => return Err(SourceError::Token("the module can't be initialized")),
        }
        let slots = module
            .get_slots_with_initialized_token()
            .map_err(|_| SourceError::Token("the module has no slots"))?;
        let slot = slots.into_iter().find(|slot| {
            module
                .get_token_info(*slot)
                .is_ok_and(|token| token.label() == label)
        });
        let token = Self {
            slot: slot.ok_or(SourceError::Token("there is none of that label"))?,
            module,
            pin: AuthPin::new(pin.expose().into()),
            idle: Mutex::default(),
        };
        token.with(|_| Ok(()))?;
        Ok(token)
    }

    /// Does some work in a session. One that broke while it lay idle, because the token was restarted or taken out, is replaced once.
    fn with<T>(&self, work: impl Fn(&Session) -> Result<T, SourceError>) -> Result<T, SourceError> {
        let idle = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if let Some(session) = idle
            && let Ok(done) = work(&session)
        {
            self.keep(session);
            return Ok(done);
        }
        let session = self.session()?;
        let done = work(&session)?;
        self.keep(session);
        Ok(done)
    }

    fn session(&self) -> Result<Session, SourceError> {
        let session = self
            .module
            .open_ro_session(self.slot)
            .map_err(|_| SourceError::Token("no session can be opened"))?;
        match session.login(UserType::User, Some(&self.pin)) {
            // For the whole process at once.
            Ok(()) | Err(ModuleError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(session),
            Err(_) => Err(SourceError::Token("the PIN was not accepted")),
        }
    }

    fn keep(&self, session: Session) {
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(session);
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("slot", &self.slot)
            .finish_non_exhaustive()
    }
}

/// DER and id of the certificate of that label that became valid last.
fn certificate(session: &Session, label: &str) -> Result<(Vec<u8>, Vec<u8>), SourceError> {
    let unread = |_| SourceError::Token("its objects can't be read");
    let wanted = [
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::Label(label.as_bytes().to_vec()),
    ];
    let mut found: Option<(i64, Vec<u8>, Vec<u8>)> = None;
    for object in session.find_objects(&wanted).map_err(unread)? {
        let asked = [AttributeType::Value, AttributeType::Id];
        let (mut der, mut id) = (Vec::new(), Vec::new());
        for attribute in session.get_attributes(object, &asked).map_err(unread)? {
            if let Attribute::Value(value) = attribute {
                der = value;
            } else if let Attribute::Id(value) = attribute {
                id = value;
            }
        }
        let Ok((_, parsed)) = parse_x509_certificate(&der) else {
            continue;
        };
        let since = parsed.validity().not_before.timestamp();
        if found.as_ref().is_none_or(|(latest, ..)| since > *latest) {
            found = Some((since, der, id));
        }
    }
    match found {
        Some((_, der, id)) => Ok((der, id)),
        None => Err(SourceError::Token("it has no certificate of that label")),
    }
}

fn private_key(session: &Session, id: &[u8]) -> Result<ObjectHandle, SourceError> {
    let wanted = [
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::Id(id.to_vec()),
    ];
    session
        .find_objects(&wanted)
        .ok()
        .and_then(|found| found.first().copied())
        .ok_or(SourceError::Token(
            "it has no private key with the certificate's id",
        ))
}
