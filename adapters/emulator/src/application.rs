//! What is registered in the emulator's directory: applications with their credentials, codes, and managed identities.
//!
//! Plain values, made by chaining; the service judges requests against them.

use std::fmt;

use crate::digest;

/// An application registration: a client id and everything that may prove it.
///
/// ```
/// use entra_emulator::{Application, AuthorizationCode, FederatedCredential};
///
/// let application = Application::new("11111111-1111-1111-1111-111111111111")
///     .secret("a client secret")
///     .federated_credential(FederatedCredential::new("https://issuer.example", "system:serviceaccount:default:app"))
///     .code(AuthorizationCode::new("the-code", "https://app.example/callback").user("user@contoso.com"));
/// assert_eq!(application.client_id(), "11111111-1111-1111-1111-111111111111");
/// ```
#[derive(Clone)]
pub struct Application {
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    pub(crate) secrets: Vec<String>,
    pub(crate) certificates: Vec<Vec<u8>>,
    pub(crate) federated: Vec<FederatedCredential>,
    pub(crate) codes: Vec<AuthorizationCode>,
    pub(crate) tenants: Vec<String>,
    pub(crate) mtls: bool,
}

impl Application {
    /// An application without any credential, in every tenant of the emulator, allowed to use mutual TLS.
    pub fn new(client_id: impl Into<String>) -> Self {
        let client_id = client_id.into();
        Self {
            object_id: digest::guid_from(&format!("service principal {client_id}")),
            client_id,
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            codes: Vec::new(),
            tenants: Vec::new(),
            mtls: true,
        }
    }

    /// Adds a client secret.
    #[must_use]
    pub fn secret(mut self, secret: impl Into<String>) -> Self {
        self.secrets.push(secret.into());
        self
    }

    /// Registers a certificate by its DER: for assertions that it signs, and for PoP over mutual TLS.
    #[must_use]
    pub fn certificate(mut self, der: impl Into<Vec<u8>>) -> Self {
        self.certificates.push(der.into());
        self
    }

    /// Trusts assertions of that issuer about that subject, signed by the emulator.
    #[must_use]
    pub fn federated(self, issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        self.federated_credential(FederatedCredential::new(issuer, subject))
    }

    /// Trusts assertions as the federated credential says.
    #[must_use]
    pub fn federated_credential(mut self, credential: FederatedCredential) -> Self {
        self.federated.push(credential);
        self
    }

    /// Adds an authorization code that may be redeemed once.
    #[must_use]
    pub fn code(mut self, code: AuthorizationCode) -> Self {
        self.codes.push(code);
        self
    }

    /// Limits the application to that tenant; may be said of several.
    #[must_use]
    pub fn tenant(mut self, tenant: impl Into<String>) -> Self {
        self.tenants.push(tenant.into());
        self
    }

    /// May the application use mutual TLS at all? If not, AADSTS51000. It may unless told otherwise.
    #[must_use]
    pub fn mtls(mut self, allowed: bool) -> Self {
        self.mtls = allowed;
        self
    }

    /// Sets the object id of its service principal: `oid` and `sub` of its tokens. It follows from the client id otherwise.
    #[must_use]
    pub fn with_object_id(mut self, object_id: impl Into<String>) -> Self {
        self.object_id = object_id.into();
        self
    }

    /// The client id.
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The object id of its service principal: `oid` and `sub` of its tokens.
    pub fn object_id(&self) -> &str {
        &self.object_id
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application")
            .field("client_id", &self.client_id)
            .field("object_id", &self.object_id)
            .field("secrets", &self.secrets.len())
            .field("certificates", &self.certificates.len())
            .field("federated", &self.federated)
            .field("codes", &self.codes.len())
            .field("tenants", &self.tenants)
            .field("mtls", &self.mtls)
            .finish()
    }
}

/// Whose assertions an application trusts instead of a secret of its own.
///
/// [`Application`] has an example with one, [`AssertionSpec`](crate::AssertionSpec) of an assertion that fits it.
#[derive(Clone, Debug)]
pub struct FederatedCredential {
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: Option<String>,
    pub(crate) signer: Option<Vec<u8>>,
}

impl FederatedCredential {
    /// That issuer and that subject, both compared exactly; the audience is the cloud's `api://AzureADTokenExchange…`.
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
            audience: None,
            signer: None,
        }
    }

    /// Wants another audience.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// The issuer signs with the key of this certificate, instead of the emulator's.
    #[must_use]
    pub fn signed_by(mut self, certificate_der: impl Into<Vec<u8>>) -> Self {
        self.signer = Some(certificate_der.into());
        self
    }
}

/// A code as the authorization endpoint would have given it to a user's browser.
///
/// [`Application`] has an example with one.
#[derive(Clone)]
pub struct AuthorizationCode {
    pub(crate) code: String,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: Option<String>,
    pub(crate) username: String,
}

impl AuthorizationCode {
    /// A code for a user of the tenant, bound to that redirect URI.
    pub fn new(code: impl Into<String>, redirect_uri: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            redirect_uri: redirect_uri.into(),
            challenge: None,
            username: "user@contoso.onmicrosoft.com".to_owned(),
        }
    }

    /// Wants the verifier whose base64url SHA-256 this is (RFC 7636 §4.6, `S256`).
    #[must_use]
    pub fn challenge_s256(mut self, challenge: impl Into<String>) -> Self {
        self.challenge = Some(challenge.into());
        self
    }

    /// The user who signed in.
    #[must_use]
    pub fn user(mut self, username: impl Into<String>) -> Self {
        self.username = username.into();
        self
    }
}

impl fmt::Debug for AuthorizationCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationCode")
            .field("redirect_uri", &self.redirect_uri)
            .field("challenge", &self.challenge)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// An identity that the metadata service gives tokens to.
///
/// ```
/// use entra_emulator::{Emulator, ManagedIdentity};
///
/// let identity = ManagedIdentity::new("22222222-0000-0000-0000-000000000000").with_object_id("33333333-0000-0000-0000-000000000000");
/// let emulator = Emulator::builder().managed_identity(identity).start()?;
/// // Here it is asked, as others ask `http://169.254.169.254`:
/// assert!(emulator.imds_address().ip().is_loopback());
/// # Ok::<(), entra_emulator::StartError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    pub(crate) client_id: String,
    pub(crate) object_id: String,
    pub(crate) resource_id: Option<String>,
}

impl ManagedIdentity {
    /// An identity with that client id. The first one of an emulator is also the system-assigned one.
    pub fn new(client_id: impl Into<String>) -> Self {
        let client_id = client_id.into();
        Self {
            object_id: digest::guid_from(&format!("service principal {client_id}")),
            client_id,
            resource_id: None,
        }
    }

    /// Sets the object id: `oid` and `sub` of its tokens.
    #[must_use]
    pub fn with_object_id(mut self, object_id: impl Into<String>) -> Self {
        self.object_id = object_id.into();
        self
    }

    /// Sets the resource id that `msi_res_id` may ask for.
    #[must_use]
    pub fn resource_id(mut self, resource_id: impl Into<String>) -> Self {
        self.resource_id = Some(resource_id.into());
        self
    }

    /// The object id: `oid` and `sub` of its tokens, the subject of a federated credential.
    pub fn object_id(&self) -> &str {
        &self.object_id
    }
}
