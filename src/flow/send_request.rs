//! Send the token request, and judge what comes back: a token, a refusal, or something to try once more (rules 8, 12, 13).

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_ENCODING;
use http::{HeaderMap, Method, Request, Response, Uri};

use crate::account::{Account, User};
use crate::cache::{Beside, CacheUpdate, Entry, Issued, Note, PartitionKey, TokenKind};
use crate::certificate::Certificate;
use crate::error::{Code, Error, Failure, FailureKind};
use crate::plan::Reading;
use crate::request::Grant;
use crate::secret::{Body, Secret};
use crate::time::{Now, Span, nanos};
use crate::token::{AccessToken, TokenSource};
use crate::wire::form::Form;
use crate::wire::retry_after;
use crate::wire::token::{Granted, refused};

use super::material::{Material, Prepared};
use super::save_cache::After;
use super::{Attempt, Flow, Step, done, pause, save_cache};

/// RFC 7523 §2.2. This and the next two as forms encode them.
const JWT_BEARER: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer";
/// Entra's own: the assertion is bound to the certificate of the connection.
const JWT_POP: &str = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-pop";
/// The grant of RFC 7523 §2.1, which Entra uses for on-behalf-of.
const ON_BEHALF_OF: &str = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";

/// The pause before the second attempt where the service names none, and how much chance adds to it.
const PAUSE: Duration = Duration::from_secs(1);
const PAUSE_JITTER_MILLIS: u64 = 1_000;
/// How much chance adds to `refresh_in` at most.
const RENEWAL_JITTER: u64 = 300;

/// How to open the connection. It says nothing of the token's kind (rule 1).
///
/// Closed on purpose: a driver that can't present a certificate must fail, not leave it out.
///
/// ```
/// use entra_proto::Transport;
///
/// /// Which connections a driver may use: those of one certificate, or those without any.
/// fn pool(transport: &Transport) -> String {
///     match transport {
///         Transport::Plain => "plain".to_owned(),
///         Transport::Mtls(certificate) => format!("{:?}", certificate.thumbprint()),
///     }
/// }
/// assert_eq!(pool(&Transport::Plain), "plain");
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "see above")]
pub enum Transport {
    /// TLS that authenticates the server alone.
    Plain,
    /// TLS with this certificate, over connections that never carried another.
    Mtls(Certificate),
}

/// Send [`request`](Self::request) over [`transport`](Self::transport). Redirects are not followed, bodies not decompressed.
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct SendRequest {
    flow: Box<Flow>,
    transport: Transport,
    request: Request<Body>,
    since: Now,
}

pub(super) fn enter(
    mut flow: Box<Flow>,
    prepared: Prepared,
    signed: Option<&Secret>,
    now: Now,
) -> Step {
    let material = &prepared.held.material;
    let transport = material
        .binding()
        .cloned()
        .map_or(Transport::Plain, Transport::Mtls);
    let body = body(&flow, material, signed);
    match request(&flow, prepared.way.uri.clone(), body) {
        Ok(request) => {
            flow.sent = flow.sent.saturating_add(1);
            flow.went = Some(prepared.way);
            Step::SendRequest(SendRequest {
                flow,
                transport,
                request,
                since: now,
            })
        }
        Err(_) => done::failed(
            &flow,
            Error::new(
                Code::InvalidRequestParameter,
                "the request can't be put into HTTP",
            ),
            now,
        ),
    }
}

fn body(flow: &Flow, material: &Material, signed: Option<&Secret>) -> Body {
    let decided = flow.decided();
    let asked = &decided.request;
    let mut form = Form::default();
    form.field("client_id", &flow.plan.configuration().id);
    match (material, signed) {
        (_, Some(signed)) => {
            form.fixed("client_assertion_type", JWT_BEARER);
            form.field("client_assertion", signed.expose());
        }
        (Material::Assertion(assertion, binding), None) => {
            let kind = binding.as_ref().map_or(JWT_BEARER, |_| JWT_POP);
            form.fixed("client_assertion_type", kind);
            form.judged("client_assertion", assertion.expose(), assertion.is_plain());
        }
        (Material::Secret(secret), None) => form.field("client_secret", secret.expose()),
        (Material::Certificate(..), None) => {}
    }
    form.encoded("scope", &decided.scope_text);
    form.optional("claims", decided.claims.as_deref());
    match &asked.grant {
        Grant::ClientCredentials => form.fixed("grant_type", "client_credentials"),
        Grant::OnBehalfOf(user_assertion) => {
            form.fixed("grant_type", ON_BEHALF_OF);
            form.field("assertion", user_assertion.expose());
            form.fixed("requested_token_use", "on_behalf_of");
        }
        Grant::RefreshToken(token) => {
            form.fixed("grant_type", "refresh_token");
            form.field("refresh_token", token.expose());
        }
        Grant::AuthorizationCode {
            code,
            redirect_uri,
            verifier,
        } => {
            form.fixed("grant_type", "authorization_code");
            form.field("code", code.expose());
            form.field("redirect_uri", redirect_uri);
            form.optional("code_verifier", verifier.as_ref().map(Secret::expose));
        }
        Grant::FederatedUser { assertion, user } => {
            form.fixed("grant_type", "user_fic");
            form.field("user_federated_identity_credential", assertion.expose());
            match user {
                User::ObjectId(id) => form.field("user_id", id),
                User::PrincipalName(name) => form.field("username", name),
            }
        }
        Grant::Account(_) => {
            form.fixed("grant_type", "refresh_token");
            form.optional(
                "refresh_token",
                flow.refresh_token.as_ref().map(Secret::expose),
            );
        }
    }
    if asked.grant.names_account() {
        // Asks for `client_info`, which names the account that the tokens are remembered for.
        form.fixed("client_info", "1");
    }
    if decided.kind == TokenKind::MtlsPop {
        form.fixed("token_type", TokenKind::MtlsPop.as_str());
    }
    let options = asked.options();
    form.optional("fmi_path", options.fmi_path.as_deref());
    for (name, value) in &options.body_parameters {
        form.other(name, value);
    }
    form.encode()
}

fn request(flow: &Flow, uri: Uri, body: Body) -> Result<Request<Body>, http::Error> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    let headers = &flow.plan.configuration().headers;
    *request.headers_mut() = headers.of(flow.correlation_id().as_str())?;
    Ok(request)
}

impl SendRequest {
    /// The largest answer worth reading, in bytes.
    pub const MAX_RESPONSE: usize = 256 * 1_024;

    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request<Body> {
        &self.request
    }

    /// How to connect.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// When to give up, on the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.flow.deadline()
    }

    /// The largest answer worth reading, in bytes; more is [`FailureKind::TooLarge`].
    #[must_use]
    pub fn max_response(&self) -> usize {
        Self::MAX_RESPONSE
    }

    /// Goes on: a token is remembered and ends the flow; what may pass is tried once more after a pause; all else is an error.
    pub fn resume(mut self, answer: Result<Response<Body>, Failure>, now: Now) -> Step {
        self.flow.spent.on_http(self.since, now);
        let response = match answer {
            Ok(response) => response,
            Err(failure) => return self.transport_failed(failure, now),
        };
        let (status, headers) = (response.status().as_u16(), response.headers());
        let body = response.body().expose();
        let judged = if body.len() > Self::MAX_RESPONSE {
            Err(too_large())
        } else if is_encoded(headers) {
            Err(Error::new(
                Code::InvalidTokenResponse,
                "the answer is compressed, which was not asked for",
            ))
        } else if status == 200 {
            let decided = self.flow.decided();
            Granted::read(body, decided.kind).and_then(|granted| {
                let account = granted.account(&decided.request.grant)?;
                Ok((granted, account))
            })
        } else {
            return self.refused(refused(status, body), headers, now);
        };
        match judged {
            Ok((granted, account)) => self.granted(granted, account, now),
            Err(error) => done::failed(&self.flow, error, now),
        }
    }

    fn granted(self, granted: Granted, account: Option<Account>, now: Now) -> Step {
        let Self {
            flow, transport, ..
        } = self;
        let decided = flow.decided();
        let certificate = match (decided.kind, transport) {
            (TokenKind::MtlsPop, Transport::Mtls(certificate)) => Some(certificate),
            (TokenKind::MtlsPop | TokenKind::Bearer, Transport::Plain | Transport::Mtls(_)) => None,
        };
        // A PoP token is of no use once its certificate has ended (rule 13).
        let certificate_left = certificate.as_ref().map_or(Duration::MAX, |certificate| {
            certificate.not_after().saturating_sub(now.wall())
        });
        let life = granted.life.min(certificate_left);
        let renew_at_age = granted
            .renew_in
            .map(|renew_in| jittered(&flow, renew_in))
            .filter(|age| *age < life);
        let beside = Beside {
            certificate,
            id_token: granted.id_token,
            account,
        };
        let issued = Issued::new(granted.token, Span::new(now, life), renew_at_age, beside);
        let entry = Entry {
            about: Arc::clone(&decided.about),
            region: flow.region(),
            issued: Arc::new(issued),
        };
        let token = AccessToken {
            issued: Arc::clone(&entry.issued),
            kind: decided.kind,
            source: TokenSource::Network,
            expires_in: nanos(life),
            expires_at: now.wall_nanos().saturating_add(nanos(life)),
            renewal_due: false,
            refresh_token: granted.refresh_token,
            metadata: flow.metadata(now),
        };
        let Some(key) = remembered_under(&flow, &token) else {
            return done::granted(token);
        };
        let refresh_token = token.refresh_token.as_ref().zip(key.refresh_token());
        let update = refresh_token.map(|(secret, key)| {
            let note =
                Note::RefreshToken(secret.clone(), Span::new(now, Note::REFRESH_TOKEN_LASTS));
            (key, CacheUpdate::note(note))
        });
        if life.is_zero() {
            return save_cache::granted(&flow, update, None, token);
        }
        let entry = (key, CacheUpdate::entry(entry));
        save_cache::granted(&flow, update, Some(entry), token)
    }

    fn refused(self, error: Error, headers: &HeaderMap, now: Now) -> Step {
        let passing = matches!(error.http_status(), Some(408 | 429 | 500..=599));
        if !passing {
            return done::failed(&self.flow, error, now);
        }
        let wait = retry_after::read(headers, now.wall());
        // A 429 that does not say how long is not followed by another request.
        let may_repeat = wait.is_some() || error.http_status() != Some(429);
        let error = error.retry_after(wait);
        let after = self.after(error.clone(), wait, may_repeat, now);
        let key = self.flow.went.as_ref().map(|way| way.throttle.clone());
        match wait.filter(|wait| !wait.is_zero()).zip(key) {
            None => after.go_on(self.flow, now),
            Some((wait, key)) => {
                // With the id under which the service logged it, for whoever is told of it later.
                let error = error.in_flow(self.flow.metadata(now));
                let note = Note::Throttled(error, Span::new(now, wait));
                save_cache::throttle(self.flow, key, CacheUpdate::note(note), after)
            }
        }
    }

    fn transport_failed(self, failure: Failure, now: Now) -> Step {
        let (code, what, may_repeat) = match failure.kind() {
            FailureKind::Connect => (
                Code::ConnectionFailed,
                "no connection to the token endpoint could be made",
                true,
            ),
            FailureKind::Closed => {
                let error = self.closed().detail(failure.into_detail());
                return self.after(error, None, true, now).go_on(self.flow, now);
            }
            FailureKind::Timeout => (
                Code::RequestTimeout,
                "the token endpoint did not answer in time",
                true,
            ),
            FailureKind::Garbled => (
                Code::InvalidTokenResponse,
                "what the token endpoint's port answered is no HTTP",
                false,
            ),
            FailureKind::TooLarge => return done::failed(&self.flow, too_large(), now),
            FailureKind::CertificateNotRequested => (
                Code::CertificateNotRequested,
                "the server never asked for the client certificate, so nothing was sent",
                false,
            ),
            FailureKind::CertificateRejected => {
                let error = self.rejected().detail(failure.into_detail());
                return done::failed(&self.flow, error, now);
            }
            FailureKind::Provider => (
                Code::CertificateWithoutPrivateKey,
                "the driver does not hold the private key of the certificate",
                false,
            ),
            FailureKind::Tls | FailureKind::UnsupportedAlgorithm | FailureKind::Cache => (
                Code::TlsFailed,
                "no trusted TLS connection to the token endpoint could be made",
                false,
            ),
        };
        let error = Error::new(code, what).detail(failure.into_detail());
        self.after(error, None, may_repeat, now)
            .go_on(self.flow, now)
    }

    /// Under TLS 1.3 a server refuses a certificate after the client's side of the handshake is over, and the alert can be lost
    /// with the connection (a third of the time with some HTTP clients); so over mutual TLS the error says that too.
    fn closed(&self) -> Error {
        let what = match &self.transport {
            Transport::Plain => "the connection ended before the answer was whole".to_owned(),
            Transport::Mtls(certificate) => format!(
                "the connection ended before the answer was whole, as it may when the server refuses the client certificate {}",
                certificate.thumbprint()
            ),
        };
        Error::new(Code::ConnectionFailed, what)
    }

    fn rejected(&self) -> Error {
        let which = match &self.transport {
            Transport::Mtls(certificate) => format!(
                "the server refused the client certificate {}",
                certificate.thumbprint()
            ),
            Transport::Plain => {
                "the server wants a client certificate, and this request has none".to_owned()
            }
        };
        Error::new(Code::ClientCertificateRejected, which)
    }

    /// Decides between the second attempt and the end (rule 12): the pause has to fit into the deadline.
    fn after(&self, error: Error, wait: Option<Duration>, may_repeat: bool, now: Now) -> After {
        let pause = wait.unwrap_or_else(|| {
            let chance = self.flow.seed.derive("pause", self.flow.attempt_number());
            let millis = u128::from_be_bytes(chance)
                .checked_rem(u128::from(PAUSE_JITTER_MILLIS))
                .unwrap_or(0);
            PAUSE.saturating_add(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
        });
        let until = now.after(pause).monotonic();
        if may_repeat && self.flow.attempt == Attempt::First && until < self.flow.deadline() {
            After::TryAgain { until }
        } else {
            After::Fail(error)
        }
    }
}

/// Under which key the token is remembered: what a grant that works once brings belongs to its account, if that is known.
fn remembered_under(flow: &Flow, token: &AccessToken) -> Option<PartitionKey> {
    match flow.decided().reading {
        Reading::Cache | Reading::Bypass => Some(flow.key.clone()),
        Reading::Never => token
            .account()
            .map(|account| flow.key.with_account(account)),
    }
}

impl After {
    pub(super) fn go_on(self, flow: Box<Flow>, now: Now) -> Step {
        match self {
            Self::Fail(error) => done::failed(&flow, error, now),
            Self::TryAgain { until } => pause::enter(flow, until, now),
        }
    }
}

fn too_large() -> Error {
    Error::new(
        Code::ResponseTooLarge,
        "the answer is larger than any token response",
    )
}

/// A `Content-Encoding` that was not asked for: a small answer that unpacks to a large one (CWE-409).
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// The age from which renewing is due: `refresh_in` and by chance up to five minutes more, so that a fleet that started together
/// does not renew together; never so much that renewing would begin only after the token has stopped to serve.
fn jittered(flow: &Flow, renew_in: Duration) -> Duration {
    let most = renew_in
        .as_secs()
        .checked_div(10)
        .unwrap_or(0)
        .min(RENEWAL_JITTER);
    let chance = u128::from_be_bytes(flow.seed.derive("renewal", 0));
    let seconds = chance
        .checked_rem(u128::from(most).saturating_add(1))
        .unwrap_or(0);
    renew_in.saturating_add(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
