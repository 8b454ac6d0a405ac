//! What the service signs: access tokens, id tokens, refresh tokens, assertions of foreign issuers.
//!
//! Access tokens are version 2.0 and have the claims that Entra issues; `cnf` only if they are bound.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::Service;
use crate::clock;
use crate::digest;
use crate::jwt::Jwt;

/// A signed-in user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) username: String,
    pub(crate) object_id: String,
}

impl User {
    /// A user whose object id follows from the name.
    pub(crate) fn named(username: &str) -> Self {
        Self {
            object_id: digest::guid_from(&format!("user {}", username.to_lowercase())),
            username: username.to_owned(),
        }
    }
}

/// What an access token is to say.
pub(crate) struct AccessToken<'a> {
    pub(crate) issuer_host: &'a str,
    pub(crate) tenant: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) object_id: &'a str,
    /// `0` nothing, `1` a secret, `2` a certificate or an assertion.
    pub(crate) strength: &'a str,
    pub(crate) user: Option<&'a User>,
    pub(crate) scopes: &'a str,
    /// Further claims, which win.
    pub(crate) further: Vec<(&'a str, Value)>,
    /// `x5t#S256` of the certificate that the token is bound to.
    pub(crate) bound_to: Option<String>,
    pub(crate) now: SystemTime,
    pub(crate) lifetime: Duration,
}

impl Service {
    pub(crate) fn sign_access_token(&self, token: AccessToken<'_>) -> String {
        let mut claims = json!({
            "aud": token.audience,
            "iss": issuer(token.issuer_host, token.tenant),
            "tid": token.tenant,
            "appid": token.client_id,
            "azp": token.client_id,
            "appidacr": token.strength,
            "azpacr": token.strength,
            "uti": self.fresh_guid(),
            "rh": "1.",
            "ver": "2.0",
        });
        put_dates(&mut claims, token.now, token.lifetime);
        match token.user {
            Some(user) => {
                put(&mut claims, "oid", json!(user.object_id));
                put(
                    &mut claims,
                    "sub",
                    json!(digest::guid_from(&format!(
                        "{} at {}",
                        user.object_id, token.client_id
                    ))),
                );
                put(&mut claims, "name", json!(user.username));
                put(&mut claims, "preferred_username", json!(user.username));
                put(&mut claims, "scp", json!(token.scopes));
            }
            None => {
                put(&mut claims, "oid", json!(token.object_id));
                put(&mut claims, "sub", json!(token.object_id));
                put(&mut claims, "idtyp", json!("app"));
            }
        }
        if let Some(thumbprint) = token.bound_to {
            put(&mut claims, "cnf", json!({ "x5t#S256": thumbprint }));
            put(&mut claims, "xms_tbflags", json!(2));
        }
        for (name, value) in token.further {
            put(&mut claims, name, value);
        }
        self.token_key.sign(&claims)
    }

    pub(crate) fn sign_id_token(
        &self,
        host: &str,
        tenant: &str,
        client_id: &str,
        user: &User,
        now: SystemTime,
    ) -> String {
        let mut claims = json!({
            "aud": client_id,
            "iss": issuer(host, tenant),
            "tid": tenant,
            "oid": user.object_id,
            "sub": digest::guid_from(&format!("{} at {client_id}", user.object_id)),
            "name": user.username,
            "preferred_username": user.username,
            "uti": self.fresh_guid(),
            "ver": "2.0",
        });
        put_dates(&mut claims, now, Duration::from_secs(3_600));
        self.token_key.sign(&claims)
    }

    /// A refresh token is a signed note to ourselves: nothing is kept, so nothing grows.
    pub(crate) fn sign_refresh_token(
        &self,
        client_id: &str,
        tenant: &str,
        user: &User,
        now: SystemTime,
    ) -> String {
        let mut claims = json!({
            "iss": REFRESH_ISSUER,
            "aud": client_id,
            "tid": tenant,
            "oid": user.object_id,
            "username": user.username,
            "uti": self.fresh_guid(),
        });
        put_dates(&mut claims, now, Duration::from_secs(90 * 86_400));
        self.assertion_key.sign(&claims)
    }

    /// The user of a refresh token that was given to this client in this tenant and has not expired.
    pub(crate) fn read_refresh_token(
        &self,
        text: &str,
        client_id: &str,
        tenant: &str,
        now: SystemTime,
    ) -> Option<User> {
        let jwt = Jwt::parse(text)?;
        let genuine = jwt.is_signed_by(self.assertion_key.public())
            && jwt.claim("iss") == Some(REFRESH_ISSUER)
            && jwt.audience() == Some(client_id)
            && jwt.claim("tid") == Some(tenant)
            && jwt
                .date("exp")
                .is_some_and(|expiry| expiry > clock::unix(now));
        let user = || {
            Some(User {
                object_id: jwt.claim("oid")?.to_owned(),
                username: jwt.claim("username")?.to_owned(),
            })
        };
        genuine.then(user)?
    }

    /// A federated assertion, signed by the key of foreign issuers, or by the token key for a tenant of ours.
    pub(crate) fn sign_assertion(&self, spec: &AssertionSpec, now: SystemTime) -> String {
        let mut claims = json!({
            "iss": spec.issuer,
            "sub": spec.subject,
            "aud": spec.audience,
            "jti": spec.jti.clone().unwrap_or_else(|| self.fresh_guid()),
        });
        let start = if spec.expired {
            now.checked_sub(spec.lifetime.saturating_add(Duration::from_secs(60)))
                .unwrap_or(now)
        } else {
            now
        };
        put_dates(&mut claims, start, spec.lifetime);
        if let Some(der) = &spec.bound_to {
            put(
                &mut claims,
                "cnf",
                json!({ "x5t#S256": digest::x5t_s256(der) }),
            );
        }
        for (name, value) in &spec.claims {
            put(&mut claims, name, json!(value));
        }
        let key = if self.is_own_issuer(&spec.issuer) {
            &self.token_key
        } else {
            &self.assertion_key
        };
        key.sign(&claims)
    }

    /// A user's access token for the application itself, in the home tenant of the public cloud.
    pub(crate) fn user_token(&self, client_id: &str, username: &str, now: SystemTime) -> String {
        self.sign_access_token(AccessToken {
            issuer_host: "login.microsoftonline.com",
            tenant: self.home_tenant(),
            audience: client_id,
            client_id,
            object_id: "",
            strength: "0",
            user: Some(&User::named(username)),
            scopes: "access_as_user",
            further: Vec::new(),
            bound_to: None,
            now,
            lifetime: self.directory.lifetime,
        })
    }

    /// A user's refresh token for the application, in the home tenant.
    pub(crate) fn refresh_token(&self, client_id: &str, username: &str, now: SystemTime) -> String {
        self.sign_refresh_token(client_id, self.home_tenant(), &User::named(username), now)
    }

    /// Is this the issuer of one of the emulator's own tenants?
    pub(crate) fn is_own_issuer(&self, candidate: &str) -> bool {
        let Ok(url) = url::Url::parse(candidate) else {
            return false;
        };
        let (Some(host), Some(mut segments)) = (url.host_str(), url.path_segments()) else {
            return false;
        };
        let tenant = segments.next().unwrap_or_default();
        self.directory.hosts.look_up(host).is_some() && self.tenant(tenant) == Some(tenant)
    }
}

/// `iss` of refresh tokens, which no application can trust by mistake: it is no URL.
const REFRESH_ISSUER: &str = "urn:entra-emulator:refresh";

/// The issuer of a tenant, version 2.0.
pub(crate) fn issuer(host: &str, tenant: &str) -> String {
    format!("https://{host}/{tenant}/v2.0")
}

fn put(claims: &mut Value, name: &str, value: Value) {
    if let Some(members) = claims.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

fn put_dates(claims: &mut Value, now: SystemTime, lifetime: Duration) {
    let start = clock::unix(now);
    let lifetime = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
    put(claims, "iat", json!(start));
    put(claims, "nbf", json!(start));
    put(claims, "exp", json!(start.saturating_add(lifetime)));
}

/// What a federated assertion is to say; see `Emulator::issue_assertion`.
///
/// ```
/// use std::time::Duration;
/// use entra_emulator::{AssertionSpec, Emulator, KeyKind, TestIdentity};
///
/// let emulator = Emulator::builder().start()?;
/// let identity = TestIdentity::generate(KeyKind::P256, "binding")?;
/// let spec = AssertionSpec::new("https://issuer.example", "system:serviceaccount:default:app")
///     .bound_to(identity.certificate_der())
///     .lifetime(Duration::from_secs(60));
/// assert_eq!(emulator.issue_assertion(&spec).split('.').count(), 3);
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone)]
pub struct AssertionSpec {
    issuer: String,
    subject: String,
    audience: String,
    bound_to: Option<Vec<u8>>,
    lifetime: Duration,
    expired: bool,
    jti: Option<String>,
    claims: Vec<(String, String)>,
}

impl AssertionSpec {
    /// An assertion of that issuer about that subject, for `api://AzureADTokenExchange`, good for ten minutes, bound to nothing.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            audience: "api://AzureADTokenExchange".to_owned(),
            bound_to: None,
            lifetime: Duration::from_secs(600),
            expired: false,
            jti: None,
            claims: Vec::new(),
        }
    }

    /// Sets `aud`.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Binds the assertion to the certificate with that DER: `cnf` → `x5t#S256`.
    #[must_use]
    pub fn bound_to(mut self, certificate_der: impl Into<Vec<u8>>) -> Self {
        self.bound_to = Some(certificate_der.into());
        self
    }

    /// Sets the time from `nbf` to `exp`.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Makes it an assertion that expired a minute ago.
    #[must_use]
    pub fn expired(mut self) -> Self {
        self.expired = true;
        self
    }

    /// Sets `jti`, which is fresh otherwise.
    #[must_use]
    pub fn jti(mut self, jti: impl Into<String>) -> Self {
        self.jti = Some(jti.into());
        self
    }

    /// Adds a claim, or replaces one.
    #[must_use]
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.claims.push((name.into(), value.into()));
        self
    }
}

impl fmt::Debug for AssertionSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionSpec")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("audience", &self.audience)
            .field("bound_to", &self.bound_to.as_deref().map(digest::x5t_s256))
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}
