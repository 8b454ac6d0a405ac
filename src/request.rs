//! Requests: what a caller wants, before anything is decided.

use std::fmt;
use std::time::Duration;

use crate::account::{Account, User};
use crate::cache::TenantPart;
use crate::certificate::Thumbprint;
use crate::secret::Secret;
use crate::wire::challenge::ClaimsChallenge;

mod scopes;

pub(crate) use scopes::Scopes;

/// How long an acquisition may take unless the request says otherwise.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a caller wants. Whoever asks for the same in many tenants clones one: clones share what was made of its scopes.
///
/// ```
/// use entra_proto::TokenRequest;
///
/// let bearer = TokenRequest::for_app(["https://vault.azure.net/.default"]);
/// let bound = bearer.clone().proof_of_possession();
/// assert_ne!(bearer, bound);
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct TokenRequest {
    pub(crate) grant: Grant,
    pub(crate) scopes: Scopes,
    pub(crate) pop: bool,
    pub(crate) bypass: bool,
    pub(crate) tenant: Option<NamedTenant>,
    /// None where the caller chose nothing of it, as most: so that little has to come from memory to look for what a request is for.
    pub(crate) options: Option<Box<Options>>,
    pub(crate) offered: Option<Thumbprint>,
    pub(crate) deadline: Duration,
}

/// What few requests have.
#[derive(Clone, Default, Eq, PartialEq)]
pub(crate) struct Options {
    pub(crate) claims: Option<String>,
    pub(crate) client_claims: Option<String>,
    pub(crate) assertion_claims: Option<String>,
    pub(crate) body_parameters: Vec<(String, String)>,
    pub(crate) query_parameters: Vec<(String, String)>,
    pub(crate) fmi_path: Option<String>,
    pub(crate) assertion_fmi_path: Option<String>,
    pub(crate) partition: Option<String>,
    pub(crate) correlation_id: Option<String>,
}

/// A tenant as it was named. It is looked at once, because the request is used for each call.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct NamedTenant {
    pub(crate) name: String,
    /// What it brings to the key of a token, if the name is a GUID.
    pub(crate) part: TenantPart,
}

/// What stands behind the request: the application itself, or a user.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum Grant {
    ClientCredentials,
    OnBehalfOf(Secret),
    RefreshToken(Secret),
    AuthorizationCode {
        code: Secret,
        redirect_uri: String,
        verifier: Option<Secret>,
    },
    FederatedUser {
        assertion: Secret,
        user: User,
    },
    Account(Account),
}

impl Grant {
    /// Whether the answer says whose token it is: the user's account, which neither an application nor whoever acts on a user's
    /// behalf has to know.
    pub(crate) const fn names_account(&self) -> bool {
        match self {
            Self::ClientCredentials | Self::OnBehalfOf(_) => false,
            Self::RefreshToken(_)
            | Self::AuthorizationCode { .. }
            | Self::FederatedUser { .. }
            | Self::Account(_) => true,
        }
    }
}

impl TokenRequest {
    fn of<T: Into<String>>(grant: Grant, scopes: impl IntoIterator<Item = T>) -> Self {
        let spelled = scopes.into_iter().map(Into::into).collect();
        Self {
            scopes: Scopes::named(spelled, &grant),
            grant,
            pop: false,
            bypass: false,
            tenant: None,
            options: None,
            offered: None,
            deadline: DEADLINE,
        }
    }

    /// A token for the application itself (RFC 6749 §4.4).
    #[must_use]
    pub fn for_app<T: Into<String>>(scopes: impl IntoIterator<Item = T>) -> Self {
        Self::of(Grant::ClientCredentials, scopes)
    }

    /// A token for the user whose access token (for this application) is `user_assertion`. Remembered for that token alone.
    ///
    /// ```
    /// use entra_proto::{Secret, TokenRequest};
    ///
    /// // What the user's browser sent to this service in `Authorization`, without the word `Bearer`.
    /// let incoming = Secret::new("header.claims.signature");
    /// let request = TokenRequest::on_behalf_of(incoming, ["https://graph.microsoft.com/User.Read"]);
    /// # let _ = request;
    /// ```
    #[must_use]
    pub fn on_behalf_of<T: Into<String>>(
        user_assertion: Secret,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::of(Grant::OnBehalfOf(user_assertion), scopes)
    }

    /// A token for a refresh token (RFC 6749 §6). It always asks the service; what comes is remembered for the user's
    /// [`Account`].
    #[must_use]
    pub fn refreshing<T: Into<String>>(
        refresh_token: Secret,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::of(Grant::RefreshToken(refresh_token), scopes)
    }

    /// A token for an authorization code (RFC 6749 §4.1.3), which was sent to `redirect_uri`. It always asks the service; what
    /// comes is remembered for the user's [`Account`].
    #[must_use]
    pub fn redeeming<T: Into<String>>(
        code: Secret,
        redirect_uri: impl Into<String>,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        let grant = Grant::AuthorizationCode {
            code,
            redirect_uri: redirect_uri.into(),
            verifier: None,
        };
        Self::of(grant, scopes)
    }

    /// A token for a user by a federated identity credential (Entra's `user_fic`): `assertion` says that this application may act
    /// for `user`. It always asks the service, over plain transport only; what comes is remembered for the user's [`Account`].
    #[must_use]
    pub fn federated_user<T: Into<String>>(
        assertion: Secret,
        user: User,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::of(Grant::FederatedUser { assertion, user }, scopes)
    }

    /// A token for a user who has signed in before: remembered, or fetched with the refresh token that is.
    ///
    /// ```
    /// # fn f(earlier: &entra_proto::AccessToken) -> Option<entra_proto::TokenRequest> {
    /// let account = earlier.account()?.clone();
    /// Some(entra_proto::TokenRequest::for_account(account, ["https://graph.microsoft.com/.default"]))
    /// # }
    /// ```
    #[must_use]
    pub fn for_account<T: Into<String>>(
        account: Account,
        scopes: impl IntoIterator<Item = T>,
    ) -> Self {
        Self::of(Grant::Account(account), scopes)
    }

    /// With the verifier whose challenge went out with the authorization request (RFC 7636 §4.5). Other grants ignore it.
    #[must_use]
    pub fn code_verifier(mut self, code_verifier: Secret) -> Self {
        if let Grant::AuthorizationCode { verifier, .. } = &mut self.grant {
            *verifier = Some(code_verifier);
        }
        self
    }

    /// A token that only the holder of the certificate can use: `mtls_pop` (rule 8).
    #[must_use]
    pub fn proof_of_possession(self) -> Self {
        Self { pop: true, ..self }
    }

    /// In another tenant than the authority's.
    #[must_use]
    pub fn tenant(self, tenant: impl Into<String>) -> Self {
        let name = tenant.into();
        let part = TenantPart::named(&name);
        Self {
            tenant: Some(NamedTenant { name, part }),
            ..self
        }
    }

    /// Answers a claims challenge (a JSON object): the cache is not read, but written (rule 11).
    #[must_use]
    pub fn claims(self, claims: impl Into<String>) -> Self {
        self.with(|options| options.claims = Some(claims.into()))
    }

    /// Answers a challenge that came from a resource or with an error, as [`claims`](Self::claims) does.
    #[must_use]
    pub fn answering(self, challenge: &ClaimsChallenge) -> Self {
        self.claims(challenge.claims())
    }

    /// Claims that the client adds of its own accord (a JSON object): merged into what is sent, and the token is kept apart from
    /// those without them (rule 10). Where a challenge says otherwise, these count.
    #[must_use]
    pub fn client_claims(self, claims: impl Into<String>) -> Self {
        self.with(|options| options.client_claims = Some(claims.into()))
    }

    /// Further claims (a JSON object) for the assertion that the client's certificate signs; they count where the credential
    /// has some of the same name. The token is kept apart from those without them.
    #[must_use]
    pub fn assertion_claims(self, claims: impl Into<String>) -> Self {
        self.with(|options| options.assertion_claims = Some(claims.into()))
    }

    /// A further parameter of the form. The token is kept apart from those without it. Names that the protocol uses are refused.
    #[must_use]
    pub fn body_parameter(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|options| options.body_parameters.push((name.into(), value.into())))
    }

    /// A further parameter of the token endpoint's URL, likewise.
    #[must_use]
    pub fn query_parameter(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.with(|options| options.query_parameters.push((name.into(), value.into())))
    }

    /// Straight from the service; what it answers is remembered.
    #[must_use]
    pub fn bypassing_cache(self) -> Self {
        Self {
            bypass: true,
            ..self
        }
    }

    /// For a federated managed identity's path, which goes into the body and the cache key.
    #[must_use]
    pub fn fmi_path(self, path: impl Into<String>) -> Self {
        self.with(|options| options.fmi_path = Some(path.into()))
    }

    /// The path that the assertion's provider is told; it goes into the cache key but not into the body.
    #[must_use]
    pub fn assertion_fmi_path(self, path: impl Into<String>) -> Self {
        self.with(|options| options.assertion_fmi_path = Some(path.into()))
    }

    /// Keeps this token apart under a name of the caller's own.
    #[must_use]
    pub fn partition(self, name: impl Into<String>) -> Self {
        self.with(|options| options.partition = Some(name.into()))
    }

    /// The id under which the service logs the request: a UUID. Without it one is made from the seed.
    #[must_use]
    pub fn correlation_id(self, id: impl Into<String>) -> Self {
        self.with(|options| options.correlation_id = Some(id.into()))
    }

    /// Names the certificate that the provider will most likely return, so that the cache can be looked at before it is asked
    /// (rule 4). It never reaches the wire.
    #[must_use]
    pub fn offering(self, certificate: Thumbprint) -> Self {
        Self {
            offered: Some(certificate),
            ..self
        }
    }

    /// How long the whole acquisition may take; 30 s unless said.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How long the whole acquisition may take: the driver gives up then.
    #[must_use]
    pub fn allowed_time(&self) -> Duration {
        self.deadline
    }

    /// What few have, if this one has it.
    pub(crate) fn options(&self) -> &Options {
        const NONE: &Options = &Options {
            claims: None,
            client_claims: None,
            assertion_claims: None,
            body_parameters: Vec::new(),
            query_parameters: Vec::new(),
            fmi_path: None,
            assertion_fmi_path: None,
            partition: None,
            correlation_id: None,
        };
        self.options.as_deref().unwrap_or(NONE)
    }

    fn with(mut self, choose: impl FnOnce(&mut Options)) -> Self {
        choose(self.options.get_or_insert_default());
        self
    }
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let grant = match self.grant {
            Grant::ClientCredentials => "client credentials",
            Grant::OnBehalfOf(_) => "on-behalf-of",
            Grant::RefreshToken(_) => "refresh token",
            Grant::AuthorizationCode { .. } => "authorization code",
            Grant::FederatedUser { .. } => "federated user",
            Grant::Account(_) => "account",
        };
        f.debug_struct("TokenRequest")
            .field("grant", &grant)
            .field("scopes", &self.scopes)
            .field("pop", &self.pop)
            .field("tenant", &self.tenant.as_ref().map(|tenant| &tenant.name))
            .field("bypass", &self.bypass)
            .finish_non_exhaustive()
    }
}
