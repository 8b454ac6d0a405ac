//! From a file to what the core takes: clients, requests, answers.

use entra_proto::{
    Authority, AuthorityUrl, BearerIsolation, CertificateChain, Client, ClientAssertion,
    Credential, Environment, Error, Failure, FailureKind, RegionPolicy, RegionSource, Secret,
    Signature, Thumbprint, TokenRequest,
};

use super::input::{Acquire, AssertionAnswer, CertificateAnswer, Grant, SignatureAnswer};
use super::scenario::{
    AuthorityKind, Certificates, ClientFile, CredentialFile, CredentialKind, Isolation, Policy,
    Scenario, Variables,
};

/// Builds the scenario's client, as an application would.
pub(crate) fn client(scenario: &Scenario) -> Result<Client, Error> {
    let file = &scenario.client;
    let authority: AuthorityUrl = match file.authority_kind {
        None => file.authority.as_str().into(),
        Some(AuthorityKind::Oidc) => Authority::oidc(&file.authority)?.into(),
    };
    let credential = credential(&file.credential, &scenario.certificates);
    Client::builder(&file.client_id, authority, credential)
        .region(region(file))
        .region_policy(match file.region_policy {
            Policy::Required => RegionPolicy::Required,
            Policy::Optional => RegionPolicy::Optional,
        })
        .bearer_isolation(match file.bearer_isolation {
            Isolation::Shared => BearerIsolation::Shared,
            Isolation::PerCertificate => BearerIsolation::PerCertificate,
        })
        .environment(environment(&file.environment))
        .capabilities(file.capabilities.iter().map(String::as_str))
        .known_authorities(file.known_authorities.iter().map(String::as_str))
        .instance_discovery(file.instance_discovery)
        .build()
}

fn region(file: &ClientFile) -> RegionSource {
    match file.region.as_deref() {
        None => RegionSource::Unset,
        Some("discover") => RegionSource::Discover,
        Some(name) => RegionSource::Named(name.to_owned()),
    }
}

fn environment(variables: &Variables) -> Environment {
    Environment::read(|name| match name {
        "REGION_NAME" => variables.region_name.clone(),
        "MSAL_FORCE_REGION" => variables.msal_force_region.clone(),
        "MSAL_DISABLE_REGION" => variables.msal_disable_region.clone(),
        _ => None,
    })
}

fn credential(file: &CredentialFile, certificates: &Certificates) -> Credential {
    let secret = |text: &str| Secret::new(text);
    let credential = match &file.kind {
        CredentialKind::Secret(text) => Credential::secret(secret(text)),
        CredentialKind::Certificate(name) => Credential::certificate(chain(certificates, name)),
        CredentialKind::CertificateProvider => Credential::certificate_provider(),
        CredentialKind::CertificateWithClaims(name, claims) => {
            let claims = serde_json::Value::Object(claims.clone()).to_string();
            Credential::certificate_with_claims(chain(certificates, name), claims)
        }
        CredentialKind::StaticAssertion(text) => Credential::static_assertion(secret(text)),
        CredentialKind::Assertion => Credential::assertion_provider(),
        CredentialKind::SignedAssertion => Credential::signed_assertion_provider(),
    };
    let credential = if file.send_x5c {
        credential.send_x5c()
    } else {
        credential
    };
    if file.send_over_mtls {
        credential.send_over_mtls()
    } else {
        credential
    }
}

/// The certificate of this name, as the driver hands it over: its bytes unchecked.
fn chain(certificates: &Certificates, name: &str) -> CertificateChain {
    // Names are checked when the file is read; were one missing all the same, no bytes are no certificate.
    let (der, private_key) = certificates.get(name).map_or((Vec::new(), true), |file| {
        (file.der.0.clone(), file.private_key)
    });
    let chain = CertificateChain::new(der);
    if private_key {
        chain
    } else {
        chain.without_private_key()
    }
}

/// What `acquire` asks for.
pub(crate) fn request(acquire: &Acquire, certificates: &Certificates) -> TokenRequest {
    let scopes = acquire.scopes.iter().map(String::as_str);
    let mut request = match &acquire.grant {
        Grant::ClientCredentials => TokenRequest::for_app(scopes),
        Grant::OnBehalfOf(token) => TokenRequest::on_behalf_of(Secret::new(token.as_str()), scopes),
        Grant::RefreshToken(token) => TokenRequest::refreshing(Secret::new(token.as_str()), scopes),
        Grant::AuthorizationCode { code, redirect_uri } => {
            TokenRequest::redeeming(Secret::new(code.as_str()), redirect_uri, scopes)
        }
    };
    if acquire.pop {
        request = request.proof_of_possession();
    }
    if acquire.force_refresh {
        request = request.bypassing_cache();
    }
    if let Some(tenant) = &acquire.tenant {
        request = request.tenant(tenant);
    }
    if let Some(claims) = &acquire.claims {
        request = request.claims(claims);
    }
    if let Some(path) = &acquire.fmi_path {
        request = request.fmi_path(path);
    }
    if let Some(path) = &acquire.assertion_fmi_path {
        request = request.assertion_fmi_path(path);
    }
    if let Some(id) = &acquire.correlation_id {
        request = request.correlation_id(id);
    }
    if let Some(seconds) = acquire.deadline_seconds {
        request = request.deadline(seconds.0);
    }
    let offered = acquire.offers_certificate.as_deref();
    match offered.and_then(|name| certificates.get(name)) {
        Some(file) => request.offering(Thumbprint::of(&file.der.0)),
        None => request,
    }
}

/// What the provider of assertions answers.
pub(crate) fn assertion(
    answer: &AssertionAnswer,
    certificates: &Certificates,
) -> Result<ClientAssertion, Failure> {
    match answer {
        AssertionAnswer::Pair(text, None) => Ok(ClientAssertion::new(Secret::new(text.as_str()))),
        AssertionAnswer::Pair(text, Some(name)) => {
            let chain = chain(certificates, name);
            Ok(ClientAssertion::bound(Secret::new(text.as_str()), chain))
        }
        AssertionAnswer::Failed(message) => Err(failed(message)),
    }
}

/// What the provider of certificates answers.
pub(crate) fn certificate(
    answer: &CertificateAnswer,
    certificates: &Certificates,
) -> Result<Option<CertificateChain>, Failure> {
    match answer {
        CertificateAnswer::Named(name) => Ok(name.as_deref().map(|name| chain(certificates, name))),
        CertificateAnswer::Failed(message) => Err(failed(message)),
    }
}

/// What the signer answers.
pub(crate) fn signature(answer: &SignatureAnswer) -> Result<Signature, Failure> {
    match answer {
        SignatureAnswer::Bytes(bytes) => Ok(Signature::new(bytes.clone())),
        SignatureAnswer::Unsupported => Err(Failure::new(FailureKind::UnsupportedAlgorithm)),
        SignatureAnswer::Failed(message) => Err(failed(message)),
    }
}

fn failed(message: &str) -> Failure {
    Failure::new(FailureKind::Provider).reporting(message)
}
