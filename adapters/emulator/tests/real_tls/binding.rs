//! Mutual TLS: who is asked for a certificate, what is bound to it, what the resource takes.

use entra_emulator::{
    Application, AssertionSpec, Handshake, KeyKind, TestIdentity, TlsVersion, TlsVersions,
};
use jsonwebtoken::Algorithm;

use crate::client::{Client, exchange, read};
use crate::*;

const RESOURCE: &str = "https://resource.entra-emulator.test/secrets/one";

fn pop_token(emulator: &Emulator, identity: &TestIdentity) -> String {
    let answer =
        Client::new(emulator, Some(identity)).post(MTLS, &app_form(&[("token_type", "mtls_pop")]));
    assert_eq!(answer.json()["token_type"], "mtls_pop");
    answer.access_token()
}

#[test]
fn a_certificate_is_asked_for_on_mtlsauth_dsts_and_the_resource_alone() {
    let known = identity("known");
    let emulator = emulator(&known);
    for (host, expected) in [
        ("login.microsoftonline.com", false),
        ("eastus.login.microsoft.com", false),
        ("contoso.ciamlogin.com", false),
        ("mtlsauth.microsoft.com", true),
        ("eastus.mtlsauth.microsoft.com", true),
        ("mtlsauth.sovcloud-identity.fr", true),
        ("a.dsts.core.azure-test.net", true),
        ("resource.entra-emulator.test", true),
    ] {
        let client = Client::new(&emulator, Some(&known));
        client.get(&format!("https://{host}/"), "");
        assert_eq!(client.was_asked(), expected, "{host}");
    }
    for record in emulator.connections() {
        assert_eq!(
            record.client_thumbprint(),
            record.asked_for_certificate.then(|| known.thumbprint()),
            "{record:?}"
        );
    }
}

#[test]
fn a_host_outside_the_table_gets_no_handshake() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    assert!(client.try_get("https://example.com/", "").is_err());
    assert_eq!(emulator.accepted(), 1);
    assert!(matches!(
        emulator.connections()[0].handshake,
        Handshake::Pending | Handshake::Failed(_)
    ));
}

#[test]
fn a_pop_token_names_the_certificate_of_the_connection() {
    for kind in [KeyKind::P256, KeyKind::Rsa2048] {
        let known = TestIdentity::generate(kind, "known").unwrap();
        let emulator = emulator(&known);
        let token = pop_token(&emulator, &known);
        assert_eq!(
            crate::client::claims(&token)["cnf"]["x5t#S256"],
            known.thumbprint()
        );
    }
}

#[test]
fn pop_is_for_a_registered_certificate() {
    let (known, other) = (identity("known"), identity("other"));
    let emulator = emulator(&known);
    let pop = app_form(&[("token_type", "mtls_pop")]);
    assert_eq!(
        Client::new(&emulator, Some(&other)).post(MTLS, &pop).code(),
        700_027
    );
    assert_eq!(
        Client::new(&emulator, None).post(MTLS, &pop).code(),
        392_200
    );
    let with_secret = app_form(&[("token_type", "mtls_pop"), ("client_secret", SECRET)]);
    assert_eq!(
        Client::new(&emulator, Some(&known))
            .post(MTLS, &with_secret)
            .code(),
        392_189
    );
    assert_eq!(
        Client::new(&emulator, Some(&known))
            .post(LOGIN, &pop)
            .code(),
        392_200,
        "login hosts do not ask"
    );
}

#[test]
fn a_bound_assertion_needs_its_certificate_on_the_connection() {
    let (bound, other) = (identity("bound"), identity("other"));
    let emulator = emulator(&bound);
    let assertion = emulator
        .issue_assertion(&AssertionSpec::new(ISSUER, "subject").bound_to(bound.certificate_der()));
    let form = app_form(&[
        ("client_assertion_type", JWT_POP),
        ("client_assertion", &assertion),
    ]);
    let answer = Client::new(&emulator, Some(&bound)).post(MTLS, &form);
    assert_eq!(
        (answer.status, answer.json()["token_type"].as_str()),
        (200, Some("Bearer"))
    );
    assert!(answer.claims()["cnf"].is_null());
    for (client, url) in [(Some(&other), MTLS), (None, MTLS), (Some(&bound), LOGIN)] {
        let answer = Client::new(&emulator, client).post(url, &form);
        assert_eq!((answer.status, answer.code()), (400, 500_181), "{url}");
    }
    let as_bearer = app_form(&[
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", &assertion),
    ]);
    assert_eq!(
        Client::new(&emulator, None).post(LOGIN, &as_bearer).code(),
        500_181
    );
    let unbound = emulator.issue_assertion(&AssertionSpec::new(ISSUER, "subject"));
    let form = app_form(&[
        ("client_assertion_type", JWT_POP),
        ("client_assertion", &unbound),
    ]);
    assert_eq!(
        Client::new(&emulator, Some(&bound))
            .post(MTLS, &form)
            .code(),
        500_181
    );
}

#[test]
fn a_bound_assertion_gets_a_pop_token_when_it_asks_for_one() {
    let bound = identity("bound");
    let emulator = emulator(&bound);
    let assertion = emulator
        .issue_assertion(&AssertionSpec::new(ISSUER, "subject").bound_to(bound.certificate_der()));
    let form = app_form(&[
        ("client_assertion_type", JWT_POP),
        ("client_assertion", &assertion),
        ("token_type", "mtls_pop"),
    ]);
    let answer = Client::new(&emulator, Some(&bound)).post(MTLS, &form);
    assert_eq!(answer.json()["token_type"], "mtls_pop");
    assert_eq!(answer.claims()["cnf"]["x5t#S256"], bound.thumbprint());
}

#[test]
fn an_assertion_sent_over_mutual_tls_was_signed_by_the_same_certificate() {
    let (known, other) = (identity("known"), identity("other"));
    let emulator = emulator(&known);
    for (client, jti, code) in [(&known, "1", 0), (&other, "2", 500_181)] {
        let assertion = sign_own(&known, Algorithm::ES256, &own_claims(MTLS, jti));
        let form = app_form(&[
            ("client_assertion_type", JWT_BEARER),
            ("client_assertion", &assertion),
        ]);
        let answer = Client::new(&emulator, Some(client)).post(MTLS, &form);
        assert_eq!(answer.code(), code);
        if code == 0 {
            assert_eq!(answer.json()["token_type"], "Bearer");
        }
    }
}

#[test]
fn a_token_of_the_emulator_is_a_bound_assertion_for_another_application() {
    let first = identity("first");
    let issuer = "https://login.microsoftonline.com/22222222-2222-2222-2222-222222222222/v2.0";
    let (first_application, second) = (application(&first), "33333333-3333-3333-3333-333333333333");
    let emulator = configured(&first, |builder| {
        builder
            .application(Application::new(second).federated(issuer, first_application.object_id()))
    });
    let client = Client::new(&emulator, Some(&first));
    let mut form = app_form(&[("token_type", "mtls_pop")]);
    form[2].1 = "api://AzureADTokenExchange/.default";
    let leg_one = client.post(MTLS, &form).access_token();
    let mut form = app_form(&[
        ("client_assertion_type", JWT_POP),
        ("client_assertion", &leg_one),
    ]);
    form[1].1 = second;
    assert_eq!(client.post(MTLS, &form).status, 200);
    let other = identity("other");
    assert_eq!(
        Client::new(&emulator, Some(&other))
            .post(MTLS, &form)
            .code(),
        500_181
    );
}

#[test]
fn bind03_to_bind06_the_resource_takes_a_pop_token_with_its_scheme_and_its_certificate_alone() {
    let known = identity("known");
    let emulator = emulator(&known);
    let token = pop_token(&emulator, &known);
    let renewed = known.renew().unwrap();
    for (client, scheme, status) in [
        (Some(&known), "mtls_pop", 200),
        (Some(&known), "Bearer", 401),
        (None, "mtls_pop", 401),
        (Some(&renewed), "mtls_pop", 401),
    ] {
        let answer = Client::new(&emulator, client)
            .get(RESOURCE, &format!("authorization: {scheme} {token}\r\n"));
        assert_eq!(answer.status, status, "{scheme}");
        assert_eq!(answer.head.contains("www-authenticate: "), status == 401);
    }
    let bearer = Client::new(&emulator, None)
        .post(LOGIN, &app_form(&[("client_secret", SECRET)]))
        .access_token();
    let client = Client::new(&emulator, None);
    assert_eq!(
        client
            .get(RESOURCE, &format!("authorization: Bearer {bearer}\r\n"))
            .status,
        200
    );
    assert_eq!(
        client
            .get(RESOURCE, &format!("authorization: mtls_pop {bearer}\r\n"))
            .status,
        401
    );
    assert_eq!(client.get(RESOURCE, "").status, 401);
}

#[test]
fn both_versions_of_tls_are_spoken_and_sessions_are_resumed_with_their_certificate() {
    for (versions, expected) in [
        (TlsVersions::Only12, TlsVersion::Tls12),
        (TlsVersions::Only13, TlsVersion::Tls13),
    ] {
        let known = identity("known");
        let emulator = configured(&known, |builder| builder.tls_versions(versions));
        let client = Client::new(&emulator, Some(&known));
        for _ in 0..2 {
            assert_eq!(
                client
                    .post(MTLS, &app_form(&[("token_type", "mtls_pop")]))
                    .status,
                200
            );
        }
        let records = emulator.connections();
        assert_eq!(
            records
                .iter()
                .map(|record| record.resumed)
                .collect::<Vec<_>>(),
            [false, true],
            "{expected:?}"
        );
        for record in records {
            assert_eq!(
                (record.tls_version, record.client_thumbprint()),
                (Some(expected), Some(known.thumbprint()))
            );
            assert!(record.requests == 1 && record.bytes_read > 0 && record.bytes_written > 0);
        }
    }
}

#[test]
fn without_resumption_every_handshake_is_full() {
    let known = identity("known");
    let emulator = configured(&known, |builder| builder.resumption(false));
    let client = Client::new(&emulator, Some(&known));
    for _ in 0..2 {
        client.post(MTLS, &app_form(&[("token_type", "mtls_pop")]));
    }
    assert!(emulator.connections().iter().all(|record| !record.resumed));
}

#[test]
fn a_host_header_that_is_not_the_server_name_is_misdirected() {
    let emulator = emulator(&identity("a"));
    let mut stream = Client::new(&emulator, None).connect("login.microsoftonline.com");
    let answer = exchange(
        &mut stream,
        "GET / HTTP/1.1\r\nhost: mtlsauth.microsoft.com\r\n\r\n",
    )
    .unwrap();
    assert_eq!(answer.status, 421);
}

#[test]
fn a_connection_is_kept_alive_and_its_requests_are_counted() {
    let emulator = emulator(&identity("a"));
    let mut stream = Client::new(&emulator, None).connect("login.microsoftonline.com");
    for _ in 0..3 {
        exchange(
            &mut stream,
            "GET /common/discovery/v2.0/keys HTTP/1.1\r\nhost: login.microsoftonline.com\r\n\r\n",
        )
        .unwrap();
    }
    assert_eq!(
        (emulator.accepted(), emulator.connections()[0].requests),
        (1, 3)
    );
    emulator.clear_records();
    assert_eq!(
        (
            emulator.accepted(),
            emulator.requests().len(),
            emulator.connections().len()
        ),
        (0, 0, 1)
    );
    stream
        .sock
        .set_read_timeout(Some(std::time::Duration::from_millis(50)))
        .unwrap();
    assert!(read(&mut stream).is_err(), "nothing more comes");
}
