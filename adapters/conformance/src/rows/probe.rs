//! A question to a host: it goes where every request goes, without a token and without a certificate.

use entra_emulator::{Fault, Target};
use entra_proto::FailureKind;
use http::HeaderMap;

use crate::Driver;
use crate::world::World;

/// Over TLS to a host, without TLS to the metadata service, and not past a certificate that nobody trusts.
pub fn a_question_reaches_a_host_over_tls_and_the_metadata_service_without<D: Driver>() {
    let world = World::new();
    let client = D::build(world.with_certificate(&world.alpha, |of| of)).unwrap();
    let host = "https://login.microsoftonline.com/contoso/v2.0/.well-known/openid-configuration";
    let mut headers = HeaderMap::new();
    headers.insert("authorization", "canary".parse().unwrap());
    let answer = D::probe(&client, &host.parse().unwrap(), &headers).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.headers().contains_key("date"));

    let metadata = format!(
        "http://{}/metadata/instance/compute?api-version=2021-02-01",
        world.emulator.imds_address()
    );
    headers.insert("metadata", "true".parse().unwrap());
    let answer = D::probe(&client, &metadata.parse().unwrap(), &headers).unwrap();
    assert_eq!(answer.status(), 200);
    let asked = world.emulator.requests();
    assert_eq!(asked.len(), 2);
    for asked in asked {
        assert_eq!(asked.method.as_str(), "GET");
        assert_eq!(asked.header("authorization"), None);
        assert_eq!(asked.client_certificate, None);
    }

    let untrusted = "login.microsoftonline.us";
    let fault = Fault::UnknownServerAuthority;
    world.emulator.set_fault(Target::host(untrusted), fault);
    let host = format!("https://{untrusted}/").parse().unwrap();
    let failure = D::probe(&client, &host, &HeaderMap::new()).unwrap_err();
    assert_eq!(failure.kind(), FailureKind::Tls);
}
