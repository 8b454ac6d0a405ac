//! The credential: the SDK's question as a request of the core, and the answer as the SDK takes it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::time::OffsetDateTime;
use entra_tokio::{ClaimsChallenge, EntraClient, TokenKind, TokenRequest};

use crate::challenge::Found;

/// An [`EntraClient`] as the Azure SDK's credential.
///
/// ```
/// # fn f(entra: entra_tokio::EntraClient) {
/// use std::sync::Arc;
/// use azure_core::credentials::TokenCredential;
/// use entra_azure::EntraCredential;
///
/// let credential = EntraCredential::new(entra).requesting(|request| request.tenant("fabrikam.onmicrosoft.com"));
/// let shared: Arc<dyn TokenCredential> = Arc::new(credential);
/// # let _ = shared;
/// # }
/// ```
#[derive(Clone)]
pub struct EntraCredential {
    client: EntraClient,
    adjust: Option<Arc<Adjust>>,
}

type Adjust = dyn Fn(TokenRequest) -> TokenRequest + Send + Sync;

impl EntraCredential {
    /// Tokens for the application itself.
    #[must_use]
    pub fn new(client: EntraClient) -> Self {
        Self {
            client,
            adjust: None,
        }
    }

    /// Adds to every request what the SDK has no word for: another tenant, a deadline, a partition, an FMI path.
    #[must_use]
    pub fn requesting(
        self,
        adjust: impl Fn(TokenRequest) -> TokenRequest + Send + Sync + 'static,
    ) -> Self {
        Self {
            adjust: Some(Arc::new(adjust)),
            ..self
        }
    }

    /// The client behind it.
    #[must_use]
    pub fn client(&self) -> &EntraClient {
        &self.client
    }
}

#[async_trait]
impl TokenCredential for EntraCredential {
    /// A token for these scopes: remembered, of whoever is fetching the same right now, or from Entra.
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut request = TokenRequest::for_app(scopes.iter().copied());
        if let Some(adjust) = &self.adjust {
            request = adjust(request);
        }
        if let Some(challenge) = options.as_ref().and_then(claims) {
            request = request.answering(&challenge);
        }
        let token = self.client.token(&request).await.map_err(failed)?;
        if token.token_type() != TokenKind::Bearer {
            return Err(azure_core::Error::with_message(
                ErrorKind::Credential,
                "the SDK sends tokens as Bearer; a proof-of-possession token goes out with EntraClient::send",
            ));
        }
        let ends = i64::try_from(token.expires_at().as_secs()).unwrap_or(i64::MAX);
        let expires_on = OffsetDateTime::from_unix_timestamp(ends)
            .map_err(|error| azure_core::Error::new(ErrorKind::Credential, error))?;
        Ok(AccessToken::new(
            token.secret().expose().to_owned(),
            expires_on,
        ))
    }
}

impl fmt::Debug for EntraCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntraCredential")
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// Of the resource's challenge that this very call met, else those that the caller put into its context.
fn claims(options: &TokenRequestOptions<'_>) -> Option<ClaimsChallenge> {
    let context = &options.method_options.context;
    context
        .value::<Found>()
        .and_then(Found::take)
        .or_else(|| context.value::<ClaimsChallenge>().cloned())
}

/// The core's error inside one of the SDK's, which wraps what its policies fail with more than once: with its code, whose fault it is
/// and what to do.
///
/// ```
/// # fn f(error: &azure_core::Error) {
/// if let Some(error) = entra_azure::cause(error) {
///     println!("{}: {}", error.code(), error.advice());
/// }
/// # }
/// ```
#[must_use]
pub fn cause(error: &azure_core::Error) -> Option<&entra_tokio::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn failed(error: entra_tokio::Error) -> azure_core::Error {
    let message = error.to_string();
    azure_core::Error::with_error(ErrorKind::Credential, error, message)
}
