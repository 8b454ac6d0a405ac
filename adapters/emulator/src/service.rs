//! The model of the token service: a request, who made it, and the time go in, a response comes out.
//!
//! No sockets, no clock. What it remembers (which assertions were used, which codes were redeemed) is behind one lock.
//!
//! ```text
//! Host header ─▶ role of the host ─▶ route ─┬─ token ─▶ form ─▶ credential ─▶ grant ─▶ issue
//!                                           ├─ metadata documents and keys
//!                                           ├─ the protected resource
//!                                           └─ instance metadata (plain HTTP)
//! ```
//!
//! [`Service`] has an example.

mod assertion;
mod credential;
mod documents;
mod form;
mod grant;
mod imds;
mod issue;
mod refusal;
mod resource;
mod route;
mod token;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use http::{Request, Response};
use serde_json::Value;

pub(crate) use self::form::Form;
pub use self::issue::AssertionSpec;
pub(crate) use self::route::{Route, route};

use crate::application::{Application, ManagedIdentity};
use crate::digest;
use crate::hosts::{Hosts, METADATA_HOST, Role, Served};
use crate::jwt::SigningKey;

/// What is known of the connection that a request came over.
///
/// [`Service`] has an example with one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The server name of the handshake; `None` on plain HTTP.
    pub server_name: Option<String>,
    /// DER of the client certificate whose key the handshake proved.
    pub client_certificate: Option<Vec<u8>>,
}

impl Caller {
    /// A connection over TLS to that name, with or without a client certificate.
    pub fn over_tls(server_name: impl Into<String>, client_certificate: Option<Vec<u8>>) -> Self {
        Self {
            server_name: Some(server_name.into()),
            client_certificate,
        }
    }
}

/// Everything that does not change while the service runs.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) hosts: Hosts,
    /// GUID first, then its names; the first tenant is the home of what has no tenant of its own.
    pub(crate) tenants: Vec<Vec<String>>,
    pub(crate) identities: Vec<ManagedIdentity>,
    pub(crate) region: Option<String>,
    pub(crate) lifetime: Duration,
    pub(crate) refresh_in: Option<Duration>,
}

/// The token service without its sockets.
///
/// ```
/// use std::time::SystemTime;
/// use entra_emulator::{Caller, Emulator};
///
/// let service = Emulator::builder().build_service()?;
/// let caller = Caller::over_tls("login.microsoftonline.com", None);
/// let request = http::Request::get("https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0/.well-known/openid-configuration");
/// let request = request.body(Vec::new()).unwrap();
/// let response = service.answer(&request, &caller, SystemTime::now());
/// assert_eq!(response.status(), 200);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
pub struct Service {
    directory: Directory,
    /// Signs access and id tokens.
    token_key: SigningKey,
    /// Signs assertions of foreign issuers, and refresh tokens.
    assertion_key: SigningKey,
    seed: String,
    state: Mutex<State>,
}

/// What the service remembers.
#[derive(Default)]
struct State {
    applications: BTreeMap<String, Application>,
    /// Client and `jti` of used assertions, with their expiry.
    used_assertions: BTreeMap<(String, String), i64>,
    redeemed_codes: Vec<(String, String)>,
    identifiers: u64,
}

/// One request with everything that was found out about it, as the handlers take it.
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request<Vec<u8>>,
    pub(crate) caller: &'a Caller,
    pub(crate) host: String,
    pub(crate) served: Served,
    pub(crate) now: SystemTime,
}

impl Ask<'_> {
    /// A header's value, if it is there and readable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.request.headers().get(name)?.to_str().ok()
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<String> {
        let query = self.request.uri().query()?;
        url::form_urlencoded::parse(query.as_bytes())
            .find_map(|(key, value)| (key == name).then(|| value.into_owned()))
    }
}

impl Service {
    pub(crate) fn new(
        directory: Directory,
        applications: Vec<Application>,
        seed: String,
    ) -> Result<Self, crate::StartError> {
        let applications = applications
            .into_iter()
            .map(|found| (found.client_id.clone(), found))
            .collect();
        Ok(Self {
            directory,
            token_key: SigningKey::rs256()?,
            assertion_key: SigningKey::es256()?,
            seed,
            state: Mutex::new(State {
                applications,
                ..State::default()
            }),
        })
    }

    /// Answers one request. It never fails and never panics: what cannot be served is refused as Entra would.
    pub fn answer(
        &self,
        request: &Request<Vec<u8>>,
        caller: &Caller,
        now: SystemTime,
    ) -> Response<Vec<u8>> {
        let host = host_of(request);
        if caller
            .server_name
            .as_ref()
            .is_some_and(|name| !name.eq_ignore_ascii_case(&host))
        {
            // The server name decided whether a certificate was asked for; another `Host` would go past that.
            return plain(421, "misdirected request");
        }
        // What comes without TLS is the metadata service's, whatever name it used.
        let served = match &caller.server_name {
            Some(name) => self.directory.hosts.look_up(name),
            None => Some(Served::alone(Role::Metadata, METADATA_HOST)),
        };
        let Some(served) = served else {
            return plain(404, "no such host");
        };
        let route = route(served.role, request.uri().path());
        let ask = Ask {
            request,
            caller,
            host,
            served,
            now,
        };
        match route {
            Route::Token { tenant } => self.token(&ask, &tenant),
            Route::OpenIdConfiguration { tenant } => self.openid_configuration(&ask, &tenant),
            Route::Keys => self.keys(),
            Route::InstanceDiscovery => self.instance_discovery(&ask),
            Route::Secret { name } => self.secret(&ask, &name),
            Route::ImdsCompute { text } => self.compute(&ask, text),
            Route::ImdsToken => self.managed_identity_token(&ask),
            Route::Nowhere => plain(404, "nothing here"),
        }
    }

    /// Adds an application, in place of one with the same client id.
    pub(crate) fn register(&self, application: Application) {
        self.state()
            .applications
            .insert(application.client_id.clone(), application);
    }

    /// Adds a certificate to an application; says whether there is such an application.
    pub(crate) fn add_certificate(&self, client_id: &str, der: Vec<u8>) -> bool {
        let mut state = self.state();
        let found = state.applications.get_mut(client_id);
        found
            .map(|application| application.certificates.push(der))
            .is_some()
    }

    pub(crate) fn directory(&self) -> &Directory {
        &self.directory
    }

    /// A tenant as its GUID, given that or one of its names, without case.
    fn tenant(&self, name: &str) -> Option<&str> {
        let found = self
            .directory
            .tenants
            .iter()
            .find(|names| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
        found.and_then(|names| names.first()).map(String::as_str)
    }

    /// The GUID of the first tenant.
    fn home_tenant(&self) -> &str {
        self.directory
            .tenants
            .first()
            .and_then(|names| names.first())
            .map_or("", String::as_str)
    }

    /// A GUID that was not used before.
    fn fresh_guid(&self) -> String {
        let mut state = self.state();
        state.identifiers += 1;
        digest::guid_from(&format!("{} {}", self.seed, state.identifiers))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A thread that panicked while it held the lock left plain values behind, which are as good as before.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// The host that the request names, in lower case and without its port.
pub(crate) fn host_of(request: &Request<Vec<u8>>) -> String {
    let header = request
        .headers()
        .get(http::header::HOST)
        .and_then(|value| value.to_str().ok());
    let authority = header
        .or_else(|| request.uri().authority().map(http::uri::Authority::as_str))
        .unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    host.to_ascii_lowercase()
}

/// A JSON answer that nobody may store.
fn json(status: u16, body: &Value) -> Response<Vec<u8>> {
    respond(status, "application/json; charset=utf-8", body.to_string())
}

fn plain(status: u16, text: &str) -> Response<Vec<u8>> {
    respond(status, "text/plain; charset=utf-8", text.to_owned())
}

fn respond(status: u16, content_type: &'static str, body: String) -> Response<Vec<u8>> {
    let mut response = Response::new(body.into_bytes());
    *response.status_mut() =
        http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static(content_type),
    );
    headers.insert(
        http::header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store, no-cache"),
    );
    headers.insert(
        http::header::PRAGMA,
        http::HeaderValue::from_static("no-cache"),
    );
    response
}
