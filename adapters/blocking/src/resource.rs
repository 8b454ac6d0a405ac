//! Calling a resource with the tokens that are meant for it: the blocking twin of the tokio adapter's.

use entra_adapter::{Audience, ResourceError, challenged};
use entra_proto::{AccessToken, Body, TokenRequest};
use http::{Request, Response};

use crate::client::EntraClient;

/// A resource: what to ask Entra for, and which hosts its token may go to. Cheap to clone.
///
/// Its token goes out in its own scheme, a bound one over connections with its own certificate alone (with
/// `x-ms-tokenboundauth: true` to Key Vault). A claims challenge is answered once. Redirects are not followed.
///
/// ```no_run
/// use entra_blocking::{Audience, Body, EntraClient, TokenRequest};
///
/// # fn f(entra: EntraClient) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let bound = TokenRequest::for_app(["https://vault.azure.net/.default"]).proof_of_possession();
/// let vault = entra.resource(bound, Audience::below("vault.azure.net"));
/// let request = http::Request::get("https://contoso.vault.azure.net/secrets/password?api-version=7.6").body(Body::empty())?;
/// let answer = vault.send(request)?;
/// # let _ = answer;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Resource {
    client: EntraClient,
    request: TokenRequest,
    audience: Audience,
}

impl Resource {
    pub(crate) const fn new(
        client: EntraClient,
        request: TokenRequest,
        audience: Audience,
    ) -> Self {
        Self {
            client,
            request,
            audience,
        }
    }

    /// Sends a request with a token, in place of any `Authorization` that it has. The request is sent once more, with another token,
    /// if the resource refuses it with a claims challenge; what it answers then is the answer.
    ///
    /// # Errors
    /// [`ResourceError`]: `OutsideAudience`, before a token is asked for; `Token`, also if the challenge can't be answered without the
    /// user; `Send`.
    pub fn send(&self, request: Request<Body>) -> Result<Response<Body>, ResourceError> {
        if !self.audience.covers(request.uri()) {
            return Err(ResourceError::OutsideAudience);
        }
        let token = self.client.token(&self.request)?;
        let answer = self.once(&token, request.clone())?;
        let Some(challenge) = challenged(&answer) else {
            return Ok(answer);
        };
        let answering = self.request.clone().answering(&challenge);
        let token = self.client.token(&answering)?;
        self.once(&token, request)
    }

    fn once(
        &self,
        token: &AccessToken,
        request: Request<Body>,
    ) -> Result<Response<Body>, ResourceError> {
        Ok(self.client.send(token, request)?)
    }
}
