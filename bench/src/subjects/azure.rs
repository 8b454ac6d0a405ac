//! The peer: `azure_identity`, with a provider of assertions like ours and a transport that answers at once, or after a while.

use std::fmt;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use azure_core::Bytes;
use azure_core::credentials::TokenCredential;
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, ClientMethodOptions, ClientOptions, HttpClient, Request, StatusCode,
    Transport,
};
use azure_identity::{
    ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions,
};

use crate::at_once;
use crate::sampler::{PORTION, Subject};
use crate::world::{self, Scattered, TEXT};

/// A transport without a network.
pub struct InstantTransport {
    status: StatusCode,
    body: Bytes,
    /// A request whose body has this text waits for so long; every one, if it is empty.
    delay: Option<(&'static str, Duration)>,
    requests: AtomicUsize,
}

impl fmt::Debug for InstantTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstantTransport")
    }
}

impl InstantTransport {
    /// Grants a token that lives so many seconds.
    #[must_use]
    pub fn granting(lives: u64) -> Self {
        Self::saying(StatusCode::Ok, world::granting("Bearer", lives, TEXT))
    }

    /// Refuses, with a status that is not tried again.
    #[must_use]
    pub fn refusing() -> Self {
        Self::saying(StatusCode::Unauthorized, world::refusing())
    }

    fn saying(status: StatusCode, body: String) -> Self {
        Self {
            status,
            body: Bytes::from(body),
            delay: None,
            requests: AtomicUsize::new(0),
        }
    }

    /// Waits before it answers requests whose body has this text.
    #[must_use]
    pub fn delayed(self, whose: &'static str, delay: Duration) -> Self {
        Self {
            delay: Some((whose, delay)),
            ..self
        }
    }

    /// How many requests came.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait::async_trait]
impl HttpClient for InstantTransport {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if let Some((whose, delay)) = self.delay {
            let body = Bytes::from(request.body());
            if String::from_utf8_lossy(&body).contains(whose) {
                tokio::time::sleep(delay).await;
            }
        }
        Ok(AsyncRawResponse::from_bytes(
            self.status,
            Headers::new(),
            self.body.clone(),
        ))
    }
}

/// Assertions that were made before the measurement.
#[derive(Clone, Debug, Default)]
struct Prepared(Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl ClientAssertion for Prepared {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let mut prepared = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(prepared.pop().unwrap_or_else(|| world::jwt(TEXT)))
    }
}

/// A credential of the peer, over so many scopes: its only key.
#[derive(Clone, Debug)]
pub struct Azure {
    credential: Arc<dyn TokenCredential>,
    assertions: Prepared,
    scopes: Arc<Vec<String>>,
    order: Scattered,
}

impl Azure {
    /// Behind this transport.
    ///
    /// # Panics
    /// Never: tenant and application are well-formed.
    #[must_use]
    pub fn over(transport: Arc<InstantTransport>, scopes: Vec<String>) -> Self {
        let client_options = ClientOptions {
            transport: Some(Transport::new(transport)),
            ..ClientOptions::default()
        };
        let assertions = Prepared::default();
        let credential = ClientAssertionCredential::new(
            world::TENANT.to_owned(),
            world::CLIENT_ID.to_owned(),
            assertions.clone(),
            Some(ClientAssertionCredentialOptions { client_options }),
        );
        Self {
            credential: credential.expect("a credential"),
            assertions,
            order: Scattered::over(scopes.len()),
            scopes: Arc::new(scopes),
        }
    }

    /// With so many tokens in its cache, all of which are asked for.
    ///
    /// # Panics
    /// If one of them can't be had.
    #[must_use]
    pub fn cached(entries: usize) -> Self {
        let transport = Arc::new(InstantTransport::granting(86_400));
        let azure = Self::over(transport, (0..entries).map(world::scope).collect());
        for number in 0..entries {
            at_once!(azure.token(number)).expect("a token");
        }
        azure
    }

    /// With a token that never lives for long enough to be handed out twice, beside so many others.
    ///
    /// # Panics
    /// If one of them can't be had.
    #[must_use]
    pub fn missing(entries: usize) -> Self {
        // A token of that scope alone is asked for; the others are there, and their age does not matter.
        let transport = Arc::new(InstantTransport::granting(60));
        let azure = Self::over(transport, (0..entries).map(world::scope).collect());
        for number in 0..entries {
            at_once!(azure.token(number)).expect("a token");
        }
        Self {
            order: Scattered::over(1),
            ..azure
        }
    }

    /// The same credential for whoever asks for the scope of this number alone.
    #[must_use]
    pub fn only(&self, number: usize) -> Self {
        Self {
            scopes: Arc::new(vec![self.scopes[number].clone()]),
            order: Scattered::over(1),
            ..self.clone()
        }
    }

    /// A token for the scope of this number.
    ///
    /// # Errors
    /// The peer's.
    pub async fn token(
        &self,
        number: usize,
    ) -> azure_core::Result<azure_core::credentials::AccessToken> {
        self.credential
            .get_token(&[&self.scopes[number]], None)
            .await
    }
}

impl Subject for Azure {
    fn portion(&self) -> u64 {
        PORTION
    }

    fn prepare(&mut self, times: u64) {
        let mut prepared = self
            .assertions
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        prepared.resize_with(times as usize, || world::jwt(TEXT));
    }

    fn run(&mut self, times: u64) {
        for _ in 0..times {
            let number = self.order.number();
            black_box(at_once!(self.token(number)).expect("a token"));
        }
    }
}
