//! Where the service runs, and how the identity's endpoint is asked there.

use std::path::Path;

use entra_proto::{Body, Secret};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use url::form_urlencoded::Serializer;
use url::{Host as Name, Url};

use crate::error::SourceError;

const METADATA_SERVICE: &str = "http://169.254.169.254";
const TOKEN_PATH: &str = "/metadata/identity/oauth2/token";
const ARC: &str = "http://127.0.0.1:40342/metadata/identity/oauth2/token";

/// Where a managed identity lives.
///
/// What [`ManagedIdentity::host`](super::ManagedIdentity::host) says in the example there.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ManagedIdentityHost {
    /// A cluster of Service Fabric.
    ServiceFabric,
    /// App Service, Functions, Container Apps, Automation.
    AppService,
    /// A compute of Machine Learning.
    MachineLearning,
    /// Cloud Shell.
    CloudShell,
    /// A machine outside Azure with the agent of Azure Arc.
    AzureArc,
    /// A virtual machine, a scale set, or a pod on one: the instance metadata service.
    VirtualMachine,
}

/// An identity of the user's choice, by one of its names.
///
/// [`ManagedIdentity`](super::ManagedIdentity) has an example with one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an identity has these names")]
pub enum UserAssigned {
    /// Its client id.
    ClientId(String),
    /// Its object (principal) id.
    ObjectId(String),
    /// Its resource id, which begins with `/subscriptions/`.
    ResourceId(String),
}

impl UserAssigned {
    fn value(&self) -> &str {
        match self {
            Self::ClientId(id) | Self::ObjectId(id) | Self::ResourceId(id) => id,
        }
    }
}

/// A host with what its variables said.
pub(super) struct Host {
    kind: ManagedIdentityHost,
    endpoint: Url,
    /// What proves to the endpoint that the caller is on this host.
    secret: Option<Secret>,
    /// The SHA-1 of the endpoint's certificate (Service Fabric).
    pinned: Option<[u8; 20]>,
    /// The client id that Machine Learning is asked for if no other is (`DEFAULT_IDENTITY_CLIENT_ID`).
    usual: Option<String>,
}

impl Host {
    pub(super) fn detect(
        variable: impl Fn(&str) -> Option<String>,
        arc_agent: bool,
    ) -> Result<Self, SourceError> {
        use ManagedIdentityHost as Kind;
        let endpoint = variable("IDENTITY_ENDPOINT");
        let header = variable("IDENTITY_HEADER").map(Secret::new);
        let older = variable("MSI_ENDPOINT");
        let plain = |kind, name, url: &str| {
            Ok(Self {
                kind,
                endpoint: parse(name, url)?,
                secret: None,
                pinned: None,
                usual: None,
            })
        };
        if let (Some(endpoint), Some(header)) = (&endpoint, header) {
            let host = plain(Kind::AppService, "IDENTITY_ENDPOINT", endpoint)?;
            let thumbprint = variable("IDENTITY_SERVER_THUMBPRINT");
            return Ok(Self {
                kind: match thumbprint {
                    Some(_) => Kind::ServiceFabric,
                    None => Kind::AppService,
                },
                secret: Some(header),
                pinned: thumbprint.map(|hex| unhex(&hex)).transpose()?,
                ..host
            });
        }
        if let Some(older) = &older {
            let secret = variable("MSI_SECRET").map(Secret::new);
            return Ok(Self {
                kind: match secret {
                    Some(_) => Kind::MachineLearning,
                    None => Kind::CloudShell,
                },
                secret,
                usual: variable("DEFAULT_IDENTITY_CLIENT_ID"),
                ..plain(Kind::CloudShell, "MSI_ENDPOINT", older)?
            });
        }
        match (&endpoint, variable("IMDS_ENDPOINT")) {
            (Some(endpoint), Some(_)) => plain(Kind::AzureArc, "IDENTITY_ENDPOINT", endpoint),
            _ if arc_agent => plain(Kind::AzureArc, "IDENTITY_ENDPOINT", ARC),
            _ => {
                let name = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
                let base = variable(name);
                let mut host = plain(
                    Kind::VirtualMachine,
                    name,
                    base.as_deref().unwrap_or(METADATA_SERVICE),
                )?;
                host.endpoint.set_path(TOKEN_PATH);
                Ok(host)
            }
        }
    }

    pub(super) const fn kind(&self) -> ManagedIdentityHost {
        self.kind
    }

    pub(super) fn is_over_tls(&self) -> bool {
        self.endpoint.scheme() == "https"
    }

    pub(super) const fn pinned(&self) -> Option<[u8; 20]> {
        self.pinned
    }

    /// How an identity of the user's choice is named here, if it can be.
    pub(super) const fn parameter(&self, identity: &UserAssigned) -> Option<&'static str> {
        use ManagedIdentityHost as Kind;
        use UserAssigned as Id;
        match (self.kind, identity) {
            (Kind::VirtualMachine | Kind::AppService, Id::ClientId(_)) => Some("client_id"),
            (Kind::VirtualMachine | Kind::AppService, Id::ObjectId(_)) => Some("object_id"),
            (Kind::VirtualMachine, Id::ResourceId(_)) => Some("msi_res_id"),
            (Kind::AppService, Id::ResourceId(_)) => Some("mi_res_id"),
            (Kind::MachineLearning, Id::ClientId(_)) => Some("clientid"),
            (Kind::ServiceFabric, Id::ObjectId(_)) => Some("principalId"),
            (
                Kind::MachineLearning | Kind::ServiceFabric | Kind::CloudShell | Kind::AzureArc,
                Id::ClientId(_) | Id::ObjectId(_) | Id::ResourceId(_),
            ) => None,
        }
    }

    /// The request for a token. `key` is what Azure Arc's challenge asked for.
    pub(super) fn question(
        &self,
        audience: &str,
        identity: Option<&UserAssigned>,
        key: Option<Secret>,
    ) -> Result<Request<Body>, SourceError> {
        use ManagedIdentityHost as Kind;
        let mut parameters = Serializer::new(String::new());
        let version = match self.kind {
            Kind::ServiceFabric => Some("2020-05-01"),
            Kind::AppService => Some("2019-08-01"),
            Kind::MachineLearning => Some("2017-09-01"),
            Kind::AzureArc => Some("2020-06-01"),
            Kind::VirtualMachine => Some("2018-02-01"),
            Kind::CloudShell => None,
        };
        if let Some(version) = version {
            parameters.append_pair("api-version", version);
        }
        parameters.append_pair("resource", audience);
        match (identity, &self.usual) {
            (Some(identity), _) => {
                let name = self
                    .parameter(identity)
                    .ok_or(SourceError::NoSuchIdentityHere)?;
                parameters.append_pair(name, identity.value());
            }
            (None, Some(usual)) if self.kind == Kind::MachineLearning => {
                parameters.append_pair("clientid", usual);
            }
            (None, _) => {}
        }
        let parameters = parameters.finish();
        let mut request = Request::new(Body::empty());
        let headers = request.headers_mut();
        match self.kind {
            Kind::ServiceFabric | Kind::AppService => {}
            Kind::MachineLearning | Kind::CloudShell | Kind::AzureArc | Kind::VirtualMachine => {
                headers.insert("metadata", HeaderValue::from_static("true"));
            }
        }
        if let Some(secret) = &self.secret {
            let name = match self.kind {
                Kind::AppService => "x-identity-header",
                Kind::ServiceFabric
                | Kind::MachineLearning
                | Kind::CloudShell
                | Kind::AzureArc
                | Kind::VirtualMachine => "secret",
            };
            let variable = match self.kind {
                Kind::MachineLearning => "MSI_SECRET",
                Kind::ServiceFabric
                | Kind::AppService
                | Kind::CloudShell
                | Kind::AzureArc
                | Kind::VirtualMachine => "IDENTITY_HEADER",
            };
            headers.insert(
                HeaderName::from_static(name),
                hidden(secret.expose()).ok_or(SourceError::InvalidVariable(variable))?,
            );
        }
        if let Some(key) = key {
            let value = hidden(&format!("Basic {}", key.expose()));
            headers.insert(
                http::header::AUTHORIZATION,
                value.ok_or(SourceError::Challenge(
                    "the key has characters that no key has",
                ))?,
            );
        }
        let mut url = self.endpoint.clone();
        if self.kind == Kind::CloudShell {
            headers.insert(
                http::header::CONTENT_TYPE,
                HeaderValue::from_static("application/x-www-form-urlencoded"),
            );
            *request.method_mut() = Method::POST;
            *request.body_mut() = Body::from(parameters.into_bytes());
        } else {
            url.set_query(Some(&parameters));
        }
        *request.uri_mut() = Uri::try_from(url.as_str())
            .map_err(|_| SourceError::InvalidVariable("IDENTITY_ENDPOINT"))?;
        Ok(request)
    }

    /// Under which id the metadata service logs the request; the other hosts have no word for it.
    pub(super) fn name_request(&self, request: &mut Request<Body>, id: Option<&str>) {
        let value = id.and_then(|id| HeaderValue::from_str(id).ok());
        if let Some(value) = value.filter(|_| self.kind == ManagedIdentityHost::VirtualMachine) {
            request
                .headers_mut()
                .insert("x-ms-client-request-id", value);
        }
    }
}

/// Whether the agent of Azure Arc is on this machine, whose variables a service may not have.
pub(super) fn arc_agent_is_installed() -> bool {
    let program = match crate::variable("ProgramFiles") {
        Some(folder) if cfg!(windows) => {
            Path::new(&folder).join("AzureConnectedMachineAgent\\himds.exe")
        }
        _ => Path::new("/opt/azcmagent/bin/himds").to_owned(),
    };
    program.is_file()
}

/// `http` and `https` alone, and without user information, which would go out as a header.
fn parse(name: &'static str, url: &str) -> Result<Url, SourceError> {
    let invalid = SourceError::InvalidVariable(name);
    let url = Url::parse(url).map_err(|_| invalid.clone())?;
    let has_host = matches!(&url.host(), Some(Name::Domain(name)) if !name.is_empty())
        || matches!(&url.host(), Some(Name::Ipv4(_) | Name::Ipv6(_)));
    let is_plain = url.username().is_empty() && url.password().is_none();
    if matches!(url.scheme(), "http" | "https") && has_host && is_plain {
        Ok(url)
    } else {
        Err(invalid)
    }
}

fn hidden(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn unhex(text: &str) -> Result<[u8; 20], SourceError> {
    let invalid = || SourceError::InvalidVariable("IDENTITY_SERVER_THUMBPRINT");
    let digits: Option<Vec<u8>> = text
        .chars()
        .map(|digit| {
            digit
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect();
    let digits = digits.ok_or_else(invalid)?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    match (digits.len(), <[u8; 20]>::try_from(bytes)) {
        (40, Ok(bytes)) => Ok(bytes),
        _ => Err(invalid()),
    }
}
