//! Managed identity: the token of the machine's own identity, for the exchange's audience, is the assertion.
//!
//! ```text
//! variables ─▶ host ─▶ question ─▶ endpoint ─▶ answer ─▶ assertion
//!                          ▲            │ 401 (Azure Arc)
//!                          └─ key file ◀┘
//! ```
//!
//! What is asked and what an answer means is in `host`, `challenge` and `answer`, which touch no socket; `endpoint` sends.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use entra_adapter::{AssertionSource, ProvidedAssertion, ProviderError};
use entra_proto::{Failure, FailureKind, ProviderContext, Secret};
use http::{HeaderMap, StatusCode};

use crate::EXCHANGE_AUDIENCE;
use crate::error::SourceError;

mod answer;
mod challenge;
mod endpoint;
mod host;

use answer::Token;
use endpoint::Endpoint;
use host::Host;
pub use host::{ManagedIdentityHost, UserAssigned};

/// All questions of one assertion together end before a provider has to.
const LIMIT: Duration = Duration::from_secs(9);
/// How often an endpoint is asked that says that it can't right now.
const TRIES: u32 = 3;
/// A token is not handed out any more when it ends so soon (rule 10's margin).
const MARGIN: Duration = Duration::from_secs(300);

/// The managed identity of the machine or the service as the source of assertions.
///
/// Its token is kept until five minutes before it ends, as the endpoints ask of their callers. An endpoint that can't answer right
/// now (404, 408, 410, 429, 5xx, no connection) is asked up to three times, with a pause between.
///
/// ```
/// use entra_sources::{ManagedIdentity, ManagedIdentityHost, UserAssigned};
///
/// let variables = |name: &str| match name {
///     "IDENTITY_ENDPOINT" => Some("http://127.0.0.1:41741/msi/token".to_owned()),
///     "IDENTITY_HEADER" => Some("canary".to_owned()),
///     _ => None,
/// };
/// let identity = ManagedIdentity::from_variables(variables)?
///     .user_assigned(UserAssigned::ClientId("11111111-1111-1111-1111-111111111111".into()))?;
/// assert_eq!(identity.host(), ManagedIdentityHost::AppService);
/// assert!(!format!("{identity:?}").contains("canary"));
/// # Ok::<(), entra_sources::SourceError>(())
/// ```
pub struct ManagedIdentity {
    host: Host,
    user_assigned: Option<UserAssigned>,
    audience: String,
    pause: Duration,
    key_folder: PathBuf,
    endpoint: Endpoint,
    kept: Mutex<Option<Kept>>,
}

struct Kept {
    token: Secret,
    until: Instant,
}

impl ManagedIdentity {
    /// The one of this process's host, as its variables and, for Azure Arc, the agent's program say: Service Fabric, App Service (and
    /// what has its variables: Functions, Container Apps), Machine Learning, Cloud Shell, Azure Arc, and otherwise the metadata
    /// service of virtual machines, in this order. Nothing is asked yet.
    ///
    /// ```
    /// use entra_sources::ManagedIdentity;
    /// use entra_tokio::{Client, Credential, EntraClient};
    ///
    /// # fn f() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let client = Client::builder(
    ///     "11111111-1111-1111-1111-111111111111",
    ///     "https://login.microsoftonline.com/contoso.onmicrosoft.com",
    ///     Credential::assertion_provider(),
    /// )
    /// .build()?;
    /// let entra = EntraClient::builder(client).assertion_source(ManagedIdentity::from_environment()?).build()?;
    /// # let _ = entra;
    /// # Ok(()) }
    /// # let _ = f;
    /// ```
    ///
    /// # Errors
    /// `InvalidVariable`: an endpoint that is no URL.
    pub fn from_environment() -> Result<Self, SourceError> {
        Self::of(Host::detect(
            crate::variable,
            host::arc_agent_is_installed(),
        )?)
    }

    /// The same, with the variables' values from elsewhere. An empty value counts as none, and the agent's program is not looked
    /// for.
    ///
    /// # Errors
    /// `InvalidVariable`.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SourceError> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self::of(Host::detect(given, false)?)
    }

    fn of(host: Host) -> Result<Self, SourceError> {
        Ok(Self {
            endpoint: Endpoint::new(host.is_over_tls(), host.pinned())?,
            host,
            user_assigned: None,
            audience: EXCHANGE_AUDIENCE.to_owned(),
            pause: Duration::from_secs(1),
            key_folder: challenge::key_folder(),
            kept: Mutex::new(None),
        })
    }

    /// A user-assigned identity instead of the system's.
    ///
    /// # Errors
    /// `NoSuchIdentityHere`: Azure Arc and Cloud Shell have none, Machine Learning knows them by client id, Service Fabric by object
    /// id.
    pub fn user_assigned(self, identity: UserAssigned) -> Result<Self, SourceError> {
        if self.host.parameter(&identity).is_none() {
            return Err(SourceError::NoSuchIdentityHere);
        }
        Ok(Self {
            user_assigned: Some(identity),
            ..self
        })
    }

    /// The audience of another cloud's exchange, such as `api://AzureADTokenExchangeUSGov`;
    /// [`EXCHANGE_AUDIENCE`] unless said. `/.default` behind it does not count.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        let audience = audience.into();
        Self {
            audience: match audience.strip_suffix("/.default") {
                Some(audience) => audience.to_owned(),
                None => audience,
            },
            ..self
        }
    }

    /// How long to wait before an endpoint is asked again, and twice that before the last time; 1 s unless said.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Where the keys of Azure Arc's agent are, for containers that see them elsewhere. No key from another folder is ever read.
    #[must_use]
    pub fn arc_key_folder(self, folder: impl Into<PathBuf>) -> Self {
        Self {
            key_folder: folder.into(),
            ..self
        }
    }

    /// Which host it is.
    #[must_use]
    pub fn host(&self) -> ManagedIdentityHost {
        self.host.kind()
    }

    /// The token that serves now.
    ///
    /// # Errors
    /// `Unreachable`, `Refused`, `NotAToken`, `TooSlow`, `TooMuch`, `Challenge`.
    pub fn token(&self) -> Result<Secret, SourceError> {
        self.token_under(None)
    }

    /// The same; the metadata service logs its part under the correlation id.
    fn token_under(&self, correlation_id: Option<&str>) -> Result<Secret, SourceError> {
        let now = Instant::now();
        {
            let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(kept) = kept.as_ref().filter(|kept| now < kept.until) {
                return Ok(kept.token.clone());
            }
        }
        // Not while the lock is held: an endpoint that stalls keeps nobody else waiting.
        let token = self.ask(now, correlation_id)?;
        let until = token
            .lives
            .and_then(|lives| lives.checked_sub(MARGIN))
            .and_then(|serves| now.checked_add(serves));
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = until.map(|until| Kept {
            token: token.text.clone(),
            until,
        });
        Ok(token.text)
    }

    fn ask(&self, began: Instant, correlation_id: Option<&str>) -> Result<Token, SourceError> {
        let mut pause = self.pause;
        let mut tried = 1;
        loop {
            let left = LIMIT.saturating_sub(began.elapsed());
            let (error, is_passing) = match self.attempt(left, correlation_id) {
                Ok(token) => return Ok(token),
                Err(SourceError::Refused(status)) => (SourceError::Refused(status), passes(status)),
                Err(SourceError::Unreachable) => (SourceError::Unreachable, true),
                Err(error) => (error, false),
            };
            if !is_passing || tried >= TRIES || pause >= left {
                return Err(error);
            }
            thread::sleep(pause);
            pause = pause.saturating_mul(2);
            tried += 1;
        }
    }

    fn attempt(&self, left: Duration, correlation_id: Option<&str>) -> Result<Token, SourceError> {
        let request = |key| {
            let identity = self.user_assigned.as_ref();
            let mut request = self.host.question(&self.audience, identity, key)?;
            self.host.name_request(&mut request, correlation_id);
            Ok::<_, SourceError>(request)
        };
        let answer = self.endpoint.send(&request(None)?, left).map_err(unsent)?;
        if self.host.kind() == ManagedIdentityHost::AzureArc
            && answer.status() == StatusCode::UNAUTHORIZED
        {
            let key = self.key(answer.headers())?;
            let answer = self.endpoint.send(&request(Some(key))?, left);
            return answer::read(&answer.map_err(unsent)?);
        }
        answer::read(&answer)
    }

    fn key(&self, headers: &HeaderMap) -> Result<Secret, SourceError> {
        challenge::read_key(&challenge::named_file(headers)?, &self.key_folder)
    }
}

impl AssertionSource for ManagedIdentity {
    fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        let token = self.token_under(Some(context.correlation_id()))?;
        Ok(ProvidedAssertion::new(token))
    }
}

impl fmt::Debug for ManagedIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagedIdentity")
            .field("host", &self.host.kind())
            .field("user_assigned", &self.user_assigned)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

/// An endpoint that starts, is updated or is asked too often says one of these for a while.
fn passes(status: u16) -> bool {
    matches!(status, 404 | 408 | 410 | 429 | 500..=599)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever else fails on the way is no connection"
)]
fn unsent(failure: Failure) -> SourceError {
    match failure.kind() {
        FailureKind::Timeout => SourceError::TooSlow,
        FailureKind::TooLarge => SourceError::TooMuch,
        FailureKind::Garbled => SourceError::NotAToken,
        _ => SourceError::Unreachable,
    }
}
