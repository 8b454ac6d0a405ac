//! Managed identity: the emulator plays the metadata service, an endpoint on loopback the other hosts.

use std::sync::Arc;
use std::time::Duration;

use entra_emulator::{Application, Emulator, ManagedIdentity as Identity, TENANT_ID};
use entra_proto::{Client, Credential};
use entra_sources::{ManagedIdentity, ManagedIdentityHost, SourceError, UserAssigned};
use rustls::ServerConfig;
use sha1::{Digest, Sha1};

use super::with_assertions;
use crate::endpoint::{Asked, LocalEndpoint, Said};
use crate::world::{World, bearer, issue};
use crate::{Driver, Setup};

const ID: &str = "55555555-5555-5555-5555-555555555555";
pub(super) const SECRET: &str = "canary-of-the-host";
const AUDIENCE: &str = "resource=api%3A%2F%2FAzureADTokenExchange";

/// A host, the identity that is asked for, the variables, and the method, the target and a header that are expected.
type Row<'a> = (
    ManagedIdentityHost,
    Option<UserAssigned>,
    &'a [(&'a str, &'a str)],
    &'a str,
    &'a str,
    &'a str,
);

/// The source of a host with these variables.
pub(super) fn source(variables: &[(&str, &str)]) -> ManagedIdentity {
    let find = |name: &str| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let source = ManagedIdentity::from_variables(find).unwrap();
    source.pause(Duration::from_millis(1))
}

/// An endpoint that gives the world's assertions out as tokens.
pub(super) fn tokens(emulator: &Arc<Emulator>) -> LocalEndpoint {
    let emulator = Arc::clone(emulator);
    LocalEndpoint::serve(None, move |_, _| {
        Said::token(issue(&emulator, None).expose())
    })
}

/// Gets a token with that source, and returns what the endpoint was asked.
pub(super) fn asked<D: Driver>(
    world: &World,
    source: ManagedIdentity,
    endpoint: &LocalEndpoint,
) -> Asked {
    let client = with_assertions::<D>(world, source);
    D::token(&client, &bearer()).unwrap();
    D::token(&client, &bearer().bypassing_cache()).unwrap();
    let mut asked = endpoint.asked();
    assert_eq!(asked.len(), 1, "the identity's token is kept");
    asked.remove(0)
}

/// SRC-04: by the table of hosts.
pub fn src04_each_host_is_asked_in_its_own_way<D: Driver>() {
    use ManagedIdentityHost as Host;
    let world = World::new();
    let client_id = || UserAssigned::ClientId(ID.to_owned());
    let object_id = || UserAssigned::ObjectId(ID.to_owned());
    let resource_id = || UserAssigned::ResourceId("/subscriptions/s".to_owned());
    let hosts: [Row<'_>; 9] = [
        (
            Host::AppService,
            None,
            &[
                ("IDENTITY_ENDPOINT", "/msi/token"),
                ("IDENTITY_HEADER", SECRET),
            ],
            "GET",
            "/msi/token?api-version=2019-08-01&@",
            "x-identity-header",
        ),
        (
            Host::AppService,
            Some(client_id()),
            &[
                ("IDENTITY_ENDPOINT", "/msi/token"),
                ("IDENTITY_HEADER", SECRET),
            ],
            "GET",
            "/msi/token?api-version=2019-08-01&@&client_id=ID",
            "x-identity-header",
        ),
        (
            Host::AppService,
            Some(resource_id()),
            &[
                ("IDENTITY_ENDPOINT", "/"),
                ("IDENTITY_HEADER", SECRET),
                ("IMDS_ENDPOINT", "/x"),
            ],
            "GET",
            "/?api-version=2019-08-01&@&mi_res_id=%2Fsubscriptions%2Fs",
            "x-identity-header",
        ),
        (
            Host::MachineLearning,
            None,
            &[
                ("MSI_ENDPOINT", "/msi"),
                ("MSI_SECRET", SECRET),
                ("DEFAULT_IDENTITY_CLIENT_ID", ID),
            ],
            "GET",
            "/msi?api-version=2017-09-01&@&clientid=ID",
            "secret",
        ),
        (
            Host::MachineLearning,
            Some(client_id()),
            &[("MSI_ENDPOINT", "/msi"), ("MSI_SECRET", SECRET)],
            "GET",
            "/msi?api-version=2017-09-01&@&clientid=ID",
            "secret",
        ),
        (
            Host::CloudShell,
            None,
            &[("MSI_ENDPOINT", "/oauth2/token")],
            "POST",
            "/oauth2/token",
            "metadata",
        ),
        (
            Host::AzureArc,
            None,
            &[
                ("IDENTITY_ENDPOINT", "/metadata/identity/oauth2/token"),
                ("IMDS_ENDPOINT", "/"),
            ],
            "GET",
            "/metadata/identity/oauth2/token?api-version=2020-06-01&@",
            "metadata",
        ),
        (
            Host::VirtualMachine,
            Some(object_id()),
            &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "/ignored")],
            "GET",
            "/metadata/identity/oauth2/token?api-version=2018-02-01&@&object_id=ID",
            "metadata",
        ),
        (
            Host::VirtualMachine,
            Some(resource_id()),
            &[("AZURE_POD_IDENTITY_AUTHORITY_HOST", "")],
            "GET",
            "/metadata/identity/oauth2/token?api-version=2018-02-01&@&msi_res_id=%2Fsubscriptions%2Fs",
            "metadata",
        ),
    ];
    for (host, identity, variables, method, target, header) in hosts {
        let endpoint = tokens(&world.emulator);
        let variables: Vec<(&str, String)> = variables
            .iter()
            .map(
                |(name, value)| match name.contains("ENDPOINT") || name.contains("HOST") {
                    true => (*name, endpoint.url(value)),
                    false => (*name, (*value).to_owned()),
                },
            )
            .collect();
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let mut source = source(&variables);
        assert_eq!(source.host(), host);
        if let Some(identity) = identity {
            source = source.user_assigned(identity).unwrap();
        }
        assert!(!format!("{source:?}").contains(SECRET));
        let asked = asked::<D>(&world, source, &endpoint);
        assert_eq!(asked.method, method, "{host:?}");
        assert_eq!(
            asked.target,
            target.replace('@', AUDIENCE).replace("ID", ID),
            "{host:?}"
        );
        let value = if header == "metadata" { "true" } else { SECRET };
        assert_eq!(asked.header(header), Some(value), "{host:?}");
        let has_metadata = !matches!(host, Host::AppService);
        assert_eq!(asked.header("metadata").is_some(), has_metadata, "{host:?}");
        assert_eq!(asked.header("authorization"), None);
        let is_form = host == Host::CloudShell;
        assert_eq!(asked.body, if is_form { AUDIENCE } else { "" });
        let kind = is_form.then_some("application/x-www-form-urlencoded");
        assert_eq!(asked.header("content-type"), kind);
    }
}

/// SRC-04: the emulator's metadata service, whose tokens its own tenant signs.
pub fn src04_the_token_of_the_metadata_service_is_the_assertion<D: Driver>() {
    const SECOND: &str = "33333333-3333-3333-3333-333333333333";
    let machine = Identity::new(ID);
    let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
    let application = Application::new(SECOND).federated(issuer, machine.object_id());
    let world = World::with(|builder| builder.managed_identity(machine).application(application));
    let metadata = format!("http://{}", world.emulator.imds_address());
    let variables = [("AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.as_str())];
    let own = source(&variables).audience("api://AzureADTokenExchange/.default");
    let named = source(&variables)
        .user_assigned(UserAssigned::ClientId(ID.to_owned()))
        .unwrap();
    let stranger = source(&variables)
        .user_assigned(UserAssigned::ClientId(SECOND.to_owned()))
        .unwrap();
    let elsewhere = source(&variables).audience("api://AzureADTokenExchangeChina");
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let client = |source: ManagedIdentity| {
        let credential = Credential::assertion_provider();
        let client = Client::builder(SECOND, authority.as_str(), credential);
        D::build(Setup {
            assertion_source: Some(Arc::new(source)),
            ..world.setup(client.build().unwrap())
        })
        .unwrap()
    };
    let token = D::token(&client(own), &bearer()).unwrap();
    let asked = world.emulator.requests_to("169.254.169.254").remove(0);
    let id = asked.header("x-ms-client-request-id");
    assert!(id.is_some() && id == token.correlation_id());
    D::token(&client(named), &bearer()).unwrap();
    let error = D::token(&client(stranger), &bearer()).unwrap_err();
    assert_eq!(error.code(), "assertion_provider_failed");
    assert!(error.reported().unwrap().contains("answered 400"));
    let error = D::token(&client(elsewhere), &bearer()).unwrap_err();
    assert_eq!(error.aadsts(), [700_212], "another cloud's audience");
}

/// SRC-04: what a host has no word for, and variables that can't be meant.
pub fn src04_an_identity_that_a_host_has_not_is_refused_at_once<D: Driver>() {
    let world = World::new();
    let endpoint = tokens(&world.emulator);
    let url = endpoint.url("/");
    let (arc, shell) = (
        [("IDENTITY_ENDPOINT", url.as_str()), ("IMDS_ENDPOINT", "x")],
        [("MSI_ENDPOINT", url.as_str())],
    );
    let learning = [("MSI_ENDPOINT", url.as_str()), ("MSI_SECRET", SECRET)];
    let thumbprint = "a9993e364706816aba3e25717850c26c9cd0d89d";
    let fabric = [
        ("IDENTITY_ENDPOINT", url.as_str()),
        ("IDENTITY_HEADER", SECRET),
        ("IDENTITY_SERVER_THUMBPRINT", thumbprint),
    ];
    let (client, object) = (
        UserAssigned::ClientId(ID.into()),
        UserAssigned::ObjectId(ID.into()),
    );
    for (variables, identity) in [
        (&arc[..], &client),
        (&shell[..], &client),
        (&learning[..], &object),
        (&fabric[..], &client),
    ] {
        let refused = source(variables).user_assigned(identity.clone());
        assert_eq!(refused.unwrap_err(), SourceError::NoSuchIdentityHere);
    }
    for (name, wrong) in [
        ("MSI_ENDPOINT", "localhost:50342"),
        ("MSI_ENDPOINT", "ftp://localhost"),
        ("MSI_ENDPOINT", "http://user:canary@localhost"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", "169.254.169.254"),
        ("IDENTITY_SERVER_THUMBPRINT", "a9993e36"),
        ("IDENTITY_SERVER_THUMBPRINT", &"\u{e4}".repeat(20)),
    ] {
        let find = |asked: &str| match asked {
            asked if asked == name => Some(wrong.to_owned()),
            "IDENTITY_ENDPOINT" | "IDENTITY_HEADER" if name.contains("THUMB") => Some(url.clone()),
            _ => None,
        };
        let error = ManagedIdentity::from_variables(find).unwrap_err();
        assert_eq!(error, SourceError::InvalidVariable(name), "{wrong}");
        assert!(!error.to_string().contains("canary"));
    }
    assert!(endpoint.asked().is_empty());
    // The default of all: nothing is set, and nothing is probed.
    assert_eq!(source(&[]).host(), ManagedIdentityHost::VirtualMachine);
}

/// SRC-04: Service Fabric's endpoint has a certificate that nobody vouches for; its SHA-1 is in a variable.
pub fn src04_service_fabric_is_known_by_its_certificate_alone<D: Driver>() {
    let world = World::new();
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["fabric.test".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let thumbprint = hex(&Sha1::digest(certificate.der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let emulator = Arc::clone(&world.emulator);
    let endpoint = LocalEndpoint::serve(Some(Arc::new(tls)), move |_, _| {
        Said::token(issue(&emulator, None).expose())
    });
    let url = endpoint.url("/metadata/identity/oauth2/token");
    let fabric = |thumbprint: &str| {
        source(&[
            ("IDENTITY_ENDPOINT", &url),
            ("IDENTITY_HEADER", SECRET),
            ("IDENTITY_SERVER_THUMBPRINT", thumbprint),
        ])
        .user_assigned(UserAssigned::ObjectId(ID.to_owned()))
        .unwrap()
    };
    let client = with_assertions::<D>(&world, fabric(&hex(&Sha1::digest("another"))));
    let error = D::token(&client, &bearer()).unwrap_err();
    assert!(error.reported().unwrap().contains("no connection"));
    assert!(endpoint.asked().is_empty(), "the secret went to a stranger");
    let source = fabric(&thumbprint.to_ascii_lowercase());
    assert_eq!(source.host(), ManagedIdentityHost::ServiceFabric);
    let asked = asked::<D>(&world, source, &endpoint);
    let target = format!(
        "/metadata/identity/oauth2/token?api-version=2020-05-01&{AUDIENCE}&principalId={ID}"
    );
    assert_eq!(asked.method, "GET");
    assert_eq!(asked.target, target);
    assert_eq!(asked.header("secret"), Some(SECRET));
}
