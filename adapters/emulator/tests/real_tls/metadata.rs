//! The documents, the keys, and the instance metadata service.

use entra_emulator::{Application, ManagedIdentity, StartError};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use crate::client::{Client, claims, imds};
use crate::*;

#[test]
fn access_tokens_verify_with_the_published_keys() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let configuration = client
        .get(
            "https://login.microsoftonline.com/contoso/v2.0/.well-known/openid-configuration",
            "",
        )
        .json();
    assert_eq!(
        configuration["token_endpoint"],
        "https://login.microsoftonline.com/contoso/oauth2/v2.0/token"
    );
    let keys = client.get(configuration["jwks_uri"].as_str().unwrap(), "");
    let keys: JwkSet = serde_json::from_slice(&keys.body).unwrap();
    let token = client
        .post(LOGIN, &app_form(&[("client_secret", SECRET)]))
        .access_token();
    let kid = jsonwebtoken::decode_header(&token).unwrap().kid.unwrap();
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_audience(&["https://vault.azure.net"]);
    validation.set_issuer(&[configuration["issuer"].as_str().unwrap()]);
    let key = DecodingKey::from_jwk(keys.find(&kid).unwrap()).unwrap();
    jsonwebtoken::decode::<serde_json::Value>(&token, &key, &validation).unwrap();
}

#[test]
fn instance_discovery_knows_the_clouds_and_the_hosts_that_were_added() {
    let emulator = configured(&identity("a"), |builder| {
        builder.login_host("login.fabrikam.example")
    });
    let client = Client::new(&emulator, None);
    for (host, status) in [
        ("login.microsoftonline.us", 200),
        ("login.fabrikam.example", 200),
        ("login.evil.example", 400),
        ("mtlsauth.microsoft.com", 400),
    ] {
        let url = format!(
            "https://login.microsoftonline.com/common/discovery/instance?api-version=1.1&authorization_endpoint=https%3A%2F%2F{host}%2Ft%2Foauth2%2Fv2.0%2Fauthorize"
        );
        let answer = client.get(&url, "");
        assert_eq!(answer.status, status, "{host}");
        if status == 200 {
            let expected = format!("https://{host}/t/v2.0/.well-known/openid-configuration");
            assert_eq!(answer.json()["tenant_discovery_endpoint"], expected);
        } else {
            assert_eq!(
                (answer.json()["error"].as_str(), answer.code()),
                (Some("invalid_instance"), 50_049)
            );
        }
    }
    assert_eq!(
        client.get("https://mtlsauth.fabrikam.example/", "").status,
        404,
        "served"
    );
}

#[test]
fn other_kinds_of_authority_have_their_token_endpoints() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    for url in [
        "https://a.dsts.core.azure-test.net/dstsv2/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token",
        "https://adfs.contoso.example/adfs/oauth2/token",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com/oauth2/v2.0/token",
        "https://contoso.b2clogin.com/tfp/contoso.onmicrosoft.com/policy/oauth2/v2.0/token",
    ] {
        assert_eq!(
            client
                .post(url, &app_form(&[("client_secret", SECRET)]))
                .status,
            200,
            "{url}"
        );
    }
}

#[test]
fn the_metadata_service_names_the_region_to_those_who_send_its_header() {
    let emulator = configured(&identity("a"), |builder| builder.imds_region("westus3"));
    let path = "/metadata/instance/compute?api-version=2021-02-01";
    let answer = imds(&emulator, path, "metadata: true\r\n");
    assert_eq!(
        (answer.status, answer.json()["location"].as_str()),
        (200, Some("westus3"))
    );
    assert_eq!(imds(&emulator, path, "").status, 400);
    for path in [
        "/metadata/instance/compute",
        "/metadata/instance/compute?api-version=1999-01-01",
    ] {
        let answer = imds(&emulator, path, "metadata: true\r\n");
        assert_eq!(answer.status, 400);
        assert!(answer.json()["newest-versions"][0].is_string());
    }
    assert!(
        emulator
            .requests()
            .iter()
            .all(|request| request.host == "169.254.169.254")
    );
}

#[test]
fn a_managed_identity_gets_a_token_that_serves_as_an_assertion() {
    let managed = ManagedIdentity::new("44444444-4444-4444-4444-444444444444");
    let issuer = "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/v2.0";
    let application = Application::new(CLIENT).federated(issuer, managed.object_id());
    let emulator = Emulator::builder()
        .managed_identity(managed)
        .application(application)
        .start()
        .unwrap();
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=api%3A%2F%2FAzureADTokenExchange";
    let answer = imds(&emulator, path, "metadata: true\r\n");
    assert_eq!(
        claims(&answer.access_token())["aud"],
        "api://AzureADTokenExchange"
    );
    let token = answer.access_token();
    let form = app_form(&[
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &token),
    ]);
    assert_eq!(Client::new(&emulator, None).post(LOGIN, &form).status, 200);
    assert_eq!(
        imds(
            &emulator,
            &format!("{path}&client_id=unknown"),
            "metadata: true\r\n"
        )
        .status,
        400
    );
}

#[test]
fn sec13_it_listens_on_loopback_alone() {
    let refused = Emulator::builder()
        .listen("0.0.0.0:0".parse().unwrap())
        .start();
    assert!(matches!(refused, Err(StartError::NotLoopback(_))));
    let refused = Emulator::builder()
        .imds_listen("192.0.2.1:0".parse().unwrap())
        .start();
    assert!(matches!(refused, Err(StartError::NotLoopback(_))));
}

#[test]
fn the_clock_that_was_given_dates_tokens_and_judges_assertions() {
    let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_000_000_000);
    let emulator = configured(&identity("a"), |builder| {
        builder.clock(std::sync::Arc::new(move || at))
    });
    let answer = Client::new(&emulator, None).post(LOGIN, &app_form(&[("client_secret", SECRET)]));
    assert_eq!(answer.claims()["exp"], 2_000_003_599_u64);
}

#[tokio::test]
async fn it_starts_and_stops_inside_an_asynchronous_test() {
    let emulator = emulator(&identity("a"));
    assert!(
        tokio::net::TcpStream::connect(emulator.address())
            .await
            .is_ok()
    );
    drop(emulator);
}
