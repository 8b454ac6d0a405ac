//! What an application's provider returns, sources that serve every adapter, and how a failure is handed on.

use std::sync::Arc;

use entra_proto::{
    AccessToken, ClientAssertion, Failure, FailureKind, ProviderContext, Secret, TokenRequest,
};

use crate::identity::ClientIdentity;

/// What a provider fails with: any error. It is at hand through [`Error::reported`](entra_proto::Error::reported) and never printed.
///
/// What providers return it from: [`AssertionSource`].
pub type ProviderError = Box<dyn std::error::Error + Send + Sync>;

/// An assertion and, maybe, the identity that it is bound to: one value from one call (rule 3).
///
/// ```
/// use entra_adapter::{ClientIdentity, ProvidedAssertion};
/// use entra_proto::Secret;
///
/// /// With its certificate, if the issuer bound the assertion to one.
/// fn provided(assertion: Secret, bound_to: Option<ClientIdentity>) -> ProvidedAssertion {
///     match bound_to {
///         Some(identity) => ProvidedAssertion::bound(assertion, identity),
///         None => ProvidedAssertion::new(assertion),
///     }
/// }
/// let (assertion, identity) = provided(Secret::new("header.claims.signature"), None).into_core();
/// assert!(identity.is_none());
/// # let _ = assertion;
/// ```
#[derive(Clone, Debug)]
pub struct ProvidedAssertion {
    assertion: Secret,
    identity: Option<ClientIdentity>,
}

impl ProvidedAssertion {
    /// An assertion alone.
    #[must_use]
    pub const fn new(assertion: Secret) -> Self {
        Self {
            assertion,
            identity: None,
        }
    }

    /// An assertion that is bound to this identity's certificate.
    #[must_use]
    pub const fn bound(assertion: Secret, identity: ClientIdentity) -> Self {
        Self {
            assertion,
            identity: Some(identity),
        }
    }

    /// The token that another client got, as the assertion of the second leg of a federation, with the identity that holds its
    /// binding certificate: a PoP token is only ever handed on together with it. `identity` looks it up by its certificate.
    ///
    /// ```
    /// use entra_adapter::{Identities, ProvidedAssertion, ProviderError};
    /// use entra_proto::AccessToken;
    ///
    /// fn second_leg(token: &AccessToken, held: &Identities<()>) -> Result<ProvidedAssertion, ProviderError> {
    ///     ProvidedAssertion::from_token(token, |thumbprint| held.get(thumbprint))
    /// }
    /// # let _ = second_leg;
    /// ```
    ///
    /// # Errors
    /// The token is bound to a certificate whose identity the first client no longer holds.
    pub fn from_token(
        token: &AccessToken,
        identity: impl FnOnce(entra_proto::Thumbprint) -> Option<ClientIdentity>,
    ) -> Result<Self, ProviderError> {
        let assertion = token.secret().clone();
        match token.binding_certificate() {
            None => Ok(Self::new(assertion)),
            Some(certificate) => match identity(certificate.thumbprint()) {
                Some(identity) => Ok(Self::bound(assertion, identity)),
                None => Err("the first leg no longer holds the key of its token".into()),
            },
        }
    }

    /// Takes it apart for the core, whole: the identity stays with the adapter, its certificate goes in.
    #[must_use]
    pub fn into_core(self) -> (ClientAssertion, Option<ClientIdentity>) {
        let assertion = match &self.identity {
            None => ClientAssertion::new(self.assertion),
            Some(identity) => ClientAssertion::bound(self.assertion, identity.chain()),
        };
        (assertion, self.identity)
    }
}

/// Where assertions come from, in whatever runtime: a file, a program, a metadata service. Every adapter takes it, each in its own
/// way, with `assertion_source`; there are ready ones in `entra-sources`.
///
/// ```
/// use entra_adapter::{AssertionSource, ProvidedAssertion, ProviderError};
/// use entra_proto::{ProviderContext, Secret};
///
/// struct Vault;
///
/// impl AssertionSource for Vault {
///     fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
///         let signed = format!("header.{}.signature", context.client_id().len());
///         Ok(ProvidedAssertion::new(Secret::new(signed)))
///     }
/// }
/// ```
pub trait AssertionSource: Send + Sync + 'static {
    /// An assertion for this context and, maybe, the identity that it is bound to. It is called where it may block, and it ends by
    /// itself: whoever waits longer than [`Network::provider_timeout`](crate::Network::provider_timeout) goes away.
    ///
    /// # Errors
    /// Whatever the source fails with; no secret is in its text.
    fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError>;
}

/// Where certificates come from, in whatever runtime: files, a token behind PKCS#11. Every adapter takes it with
/// `certificate_source`.
///
/// ```
/// use entra_adapter::{CertificateSource, ClientIdentity, ProviderError};
/// use entra_proto::ProviderContext;
///
/// struct Folder(std::path::PathBuf);
///
/// impl CertificateSource for Folder {
///     fn certificate(&self, _: &ProviderContext) -> Result<Option<ClientIdentity>, ProviderError> {
///         let pem = std::fs::read(self.0.join("client.pem"))?;
///         Ok(Some(ClientIdentity::from_pem(&pem, &pem)?))
///     }
/// }
/// ```
pub trait CertificateSource: Send + Sync + 'static {
    /// The identity to use now, if there is one; otherwise as [`AssertionSource::assertion`].
    ///
    /// # Errors
    /// Whatever the source fails with; no secret is in its text.
    fn certificate(
        &self,
        context: &ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError>;
}

impl<S: AssertionSource + ?Sized> AssertionSource for Arc<S> {
    fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        (**self).assertion(context)
    }
}

impl<S: CertificateSource + ?Sized> CertificateSource for Arc<S> {
    fn certificate(
        &self,
        context: &ProviderContext,
    ) -> Result<Option<ClientIdentity>, ProviderError> {
        (**self).certificate(context)
    }
}

/// The first leg's request as the second leg's context wants it: for its FMI path, and logged under its correlation id.
///
/// ```
/// use entra_adapter::{ProviderError, first_leg};
/// use entra_proto::{AccessToken, Error, ProviderContext, TokenRequest};
///
/// /// What an adapter's `FirstLeg` asks its client for.
/// fn ask(
///     token: impl Fn(&TokenRequest) -> Result<AccessToken, Error>,
///     exchange: &TokenRequest,
///     context: &ProviderContext,
/// ) -> Result<AccessToken, ProviderError> {
///     Ok(token(&first_leg(exchange, context))?)
/// }
/// # let _ = |exchange: &TokenRequest, context: &ProviderContext| ask(|_| Err(Error::cancelled()), exchange, context);
/// ```
#[must_use]
pub fn first_leg(request: &TokenRequest, context: &ProviderContext) -> TokenRequest {
    let request = request.clone().correlation_id(context.correlation_id());
    match context.fmi_path() {
        None => request,
        Some(path) => request.fmi_path(path),
    }
}

/// A provider's error as the core takes it.
///
/// ```
/// use entra_adapter::{ProviderError, provider_failure};
/// use entra_proto::FailureKind;
///
/// let error: ProviderError = "the vault is sealed".into();
/// assert_eq!(provider_failure(&error).kind(), FailureKind::Provider);
/// ```
#[must_use]
pub fn provider_failure(error: &ProviderError) -> Failure {
    Failure::new(FailureKind::Provider).reporting(error.to_string())
}
