//! A question to a host: it goes where every request goes, without a token and without a certificate.

use entra_blocking::{Client, Credential, EntraClient, FailureKind, Network, Resolve, Secret};
use entra_emulator::{Emulator, Fault, TENANT_ID, Target};
use http::{HeaderMap, Uri};

fn asking(emulator: &Emulator) -> EntraClient {
    let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
    let client = Client::builder("app", authority, Credential::secret(Secret::new("s")));
    let everywhere = Resolve {
        host: "*".to_owned(),
        port: Some(443),
        address: emulator.address(),
    };
    let network = Network::new().no_proxy().resolve(everywhere);
    EntraClient::builder(client.build().unwrap())
        .network(network.trust_only(emulator.ca_pem()).unwrap())
        .build()
        .unwrap()
}

#[test]
fn a_question_reaches_a_host_over_tls_and_the_metadata_service_without() {
    let emulator = Emulator::builder().start().unwrap();
    let entra = asking(&emulator);
    let uri: Uri =
        "https://login.microsoftonline.com/contoso/v2.0/.well-known/openid-configuration"
            .parse()
            .unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "canary".parse().unwrap());
    let answer = entra.probe(&uri, &headers).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("date"));

    let metadata = format!(
        "http://{}/metadata/instance/compute?api-version=2021-02-01",
        emulator.imds_address()
    );
    headers.insert("metadata", "true".parse().unwrap());
    let answer = entra.probe(&metadata.parse().unwrap(), &headers).unwrap();
    assert_eq!(answer.status(), 200);
    for asked in emulator.requests() {
        assert_eq!(
            (asked.method.as_str(), asked.header("authorization")),
            ("GET", None)
        );
        assert_eq!(asked.client_certificate, None);
    }

    let untrusted = "login.microsoftonline.us";
    emulator.set_fault(Target::host(untrusted), Fault::UnknownServerAuthority);
    let uri: Uri = format!("https://{untrusted}/").parse().unwrap();
    let failure = entra.probe(&uri, &HeaderMap::new()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Tls);
}
