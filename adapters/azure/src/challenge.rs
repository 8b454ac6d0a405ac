//! Claims challenges of resources: how what a resource answered gets to the credential, through the SDK's own policies.
//!
//! ```text
//! per call   Carry ── a place for a challenge, in the context of this call
//!              SDK's bearer policy ── get_token(context) ──▶ credential: takes the challenge
//! per try          Look ── sees the 401, and puts the challenge there
//! ```

#![expect(
    elided_lifetimes_in_paths,
    reason = "the SDK's trait leaves a lifetime out, and so has whoever implements it"
)]

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::http::headers::WWW_AUTHENTICATE;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientOptions, Context, Request, StatusCode};
use entra_tokio::ClaimsChallenge;

/// Lets a client of the SDK answer claims challenges with an [`EntraCredential`](crate::EntraCredential): continuous access
/// evaluation, authentication contexts.
///
/// The client has to be one that repeats a challenged request, as Key Vault's do; it does so once. Others return the 401, and forget
/// their token: the next call may carry the challenge in its context.
///
/// ```
/// use azure_core::http::{ClientMethodOptions, ClientOptions, Context};
/// use entra_tokio::ClaimsChallenge;
///
/// let mut options = ClientOptions::default();
/// entra_azure::answer_challenges(&mut options);
/// assert_eq!((options.per_call_policies.len(), options.per_try_policies.len()), (1, 1));
///
/// // By hand, for one call:
/// let challenge = ClaimsChallenge::from_json(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#)?;
/// let method = ClientMethodOptions { context: Context::new().with_value(challenge) };
/// # let _ = method;
/// # Ok::<(), entra_tokio::Error>(())
/// ```
pub fn answer_challenges(options: &mut ClientOptions) {
    options.per_call_policies.push(Arc::new(Carry));
    options.per_try_policies.push(Arc::new(Look));
}

/// The challenge that a call met, if the credential has not taken it yet.
#[derive(Debug, Default)]
pub(crate) struct Found(Mutex<Option<ClaimsChallenge>>);

impl Found {
    pub(crate) fn take(&self) -> Option<ClaimsChallenge> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn put(&self, challenge: ClaimsChallenge) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(challenge);
    }
}

#[derive(Debug)]
struct Carry;

#[async_trait]
impl Policy for Carry {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let context = context.to_borrowed().with_value(Found::default());
        hand_on(&context, request, next).await
    }
}

#[derive(Debug)]
struct Look;

#[async_trait]
impl Policy for Look {
    async fn send(
        &self,
        context: &Context,
        request: &mut Request,
        next: &[Arc<dyn Policy>],
    ) -> PolicyResult {
        let response = hand_on(context, request, next).await?;
        if response.status() == StatusCode::Unauthorized
            && let Some(found) = context.value::<Found>()
            && let Ok(field) = response.headers().get_str(&WWW_AUTHENTICATE)
            && let Ok(Some(challenge)) = ClaimsChallenge::find([field])
        {
            found.put(challenge);
        }
        Ok(response)
    }
}

async fn hand_on(
    context: &Context<'_>,
    request: &mut Request,
    next: &[Arc<dyn Policy>],
) -> PolicyResult {
    match next.split_first() {
        Some((first, rest)) => first.send(context, request, rest).await,
        // The SDK always puts its transport there.
        None => Err(azure_core::Error::with_message(
            azure_core::error::ErrorKind::Other,
            "a policy without a transport behind it",
        )),
    }
}
