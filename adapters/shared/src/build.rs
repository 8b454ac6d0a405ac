//! Building an adapter's client: what the credential needs has to be there, or it is said at once and not at the first request.

use std::fmt;

use entra_proto::{Client, Needs};

use crate::identity::ClientIdentity;
use crate::network::NetworkError;

/// Why a client can't be built.
///
/// ```
/// use entra_adapter::{BuildError, Settings, State, Wake};
/// use entra_proto::{Client, Credential};
///
/// fn state<W: Wake>() -> Result<State<W>, BuildError> {
///     let builder = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::assertion_provider());
///     let client = builder.build().expect("a client that makes sense");
///     State::new(Settings::new(client), false, false)
/// }
/// # struct Never;
/// # impl Wake for Never {
/// #     fn wake(self, handed: entra_adapter::Handed<Self>) -> Result<(), entra_adapter::Handed<Self>> { Err(handed) }
/// # }
/// # let state = state::<Never>;
/// assert!(matches!(state(), Err(BuildError::MissingAssertionProvider)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BuildError {
    /// The network's settings.
    Network(NetworkError),
    /// The credential's certificate has no identity among those given.
    MissingIdentity,
    /// The credential needs a provider of assertions, and none was given.
    MissingAssertionProvider,
    /// The credential needs a provider of certificates, and none was given.
    MissingCertificateProvider,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(error) => error.fmt(f),
            Self::MissingIdentity => f.write_str("the credential is a certificate; give the identity with its private key with identity()"),
            Self::MissingAssertionProvider => f.write_str("the credential is a provider of assertions; give it with assertion_provider()"),
            Self::MissingCertificateProvider => f.write_str("the credential is a provider of certificates; give it with certificate_provider()"),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<NetworkError> for BuildError {
    fn from(error: NetworkError) -> Self {
        Self::Network(error)
    }
}

/// Compares what the credential needs with what was given.
///
/// # Errors
/// What is missing.
pub(crate) fn check_needs(
    client: &Client,
    identities: &[ClientIdentity],
    assertions: bool,
    certificates: bool,
) -> Result<(), BuildError> {
    match client.needs() {
        Needs::Key(certificate)
            if !identities
                .iter()
                .any(|identity| identity.thumbprint() == certificate.thumbprint()) =>
        {
            Err(BuildError::MissingIdentity)
        }
        Needs::AssertionProvider if !assertions => Err(BuildError::MissingAssertionProvider),
        Needs::CertificateProvider if !certificates => Err(BuildError::MissingCertificateProvider),
        Needs::Nothing | Needs::Key(_) | Needs::AssertionProvider | Needs::CertificateProvider => {
            Ok(())
        }
    }
}

/// The options that the builders of all adapters have, over their field `settings`: written once, so that they can't differ.
///
/// ```
/// use entra_adapter::{Network, Settings};
/// use entra_proto::{Client, Credential, Secret};
///
/// pub struct Builder {
///     settings: Settings,
/// }
///
/// impl Builder {
///     entra_adapter::builder_options!();
/// }
///
/// # let credential = Credential::secret(Secret::new("s"));
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", credential).build()?;
/// let builder = Builder { settings: Settings::new(client) }.network(Network::new().no_proxy()).background_renewal(false);
/// assert!(!builder.settings.background_renewal);
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[macro_export]
macro_rules! builder_options {
    () => {
        /// The identity behind a fixed certificate.
        pub fn identity(mut self, identity: $crate::ClientIdentity) -> Self {
            self.settings.identities.push(identity);
            self
        }

        /// How to reach the network.
        pub fn network(mut self, network: $crate::Network) -> Self {
            self.settings.network = network;
            self
        }

        /// How much to remember.
        pub fn memory(mut self, limits: entra_proto::Limits) -> Self {
            self.settings.limits = limits;
            self
        }

        /// Who is told about every step.
        pub fn observer(
            mut self,
            observer: impl Fn(&$crate::Event) + Send + Sync + 'static,
        ) -> Self {
            self.settings.observer = Some(std::sync::Arc::new(observer));
            self
        }

        /// Who counts tokens and exchanges.
        pub fn metrics(mut self, metrics: impl $crate::Metrics + 'static) -> Self {
            self.settings.metrics = Some(std::sync::Arc::new(metrics));
            self
        }

        /// Whether a token that is getting old is renewed in the background while it still serves; so it is unless turned off.
        /// One renewal of a token goes on at a time, those that fail less and less often.
        pub fn background_renewal(mut self, background_renewal: bool) -> Self {
            self.settings.background_renewal = background_renewal;
            self
        }
    };
}
