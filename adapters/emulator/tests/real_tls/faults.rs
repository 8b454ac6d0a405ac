//! Each scripted fault, as a client sees it.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use entra_emulator::{Cut, Endpoint, Fault, Handshake, Reply, Target, TlsVersions};

use crate::client::{Client, exchange, imds, read};
use crate::*;

const KEYS: &str = "https://login.microsoftonline.com/common/discovery/v2.0/keys";

fn token(client: &Client) -> std::io::Result<crate::client::Answer> {
    client.try_post(LOGIN, &app_form(&[("client_secret", SECRET)]))
}

#[test]
fn a_scripted_reply_comes_once_and_only_where_it_was_meant_for() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let reply = Reply::json(429, "{}").header("retry-after", "7");
    emulator.fail_next(Target::Endpoint(Endpoint::Token), Fault::Reply(reply));
    assert_eq!(client.get(KEYS, "").status, 200);
    let answer = token(&client).unwrap();
    assert!(answer.status == 429 && answer.head.contains("retry-after: 7"));
    assert_eq!(token(&client).unwrap().status, 200);
    assert_eq!(
        emulator
            .token_requests()
            .iter()
            .map(|request| request.status)
            .collect::<Vec<_>>(),
        [Some(429), Some(200)]
    );
}

#[test]
fn faults_that_were_cleared_do_not_happen() {
    let emulator = emulator(&identity("a"));
    emulator.fail_times(2, Target::Any, Fault::Reply(Reply::new(500)));
    emulator.set_fault(Target::Any, Fault::NeverAskForCertificate);
    emulator.clear_faults();
    assert_eq!(token(&Client::new(&emulator, None)).unwrap().status, 200);
}

#[test]
fn a_connection_is_cut_wherever_the_script_says() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    for cut in [
        Cut::InHandshake,
        Cut::BeforeReading,
        Cut::AfterRequest,
        Cut::MidHead,
        Cut::MidBody,
    ] {
        for fault in [Fault::Close(cut), Fault::Reset(cut)] {
            emulator.clear_records();
            emulator.fail_next(Target::host("login.microsoftonline.com"), fault.clone());
            assert!(token(&client).is_err(), "{fault:?}");
            let seen = emulator.requests().len();
            assert_eq!(
                seen,
                usize::from(!matches!(cut, Cut::InHandshake | Cut::BeforeReading)),
                "{fault:?}"
            );
            assert_eq!(token(&client).unwrap().status, 200, "once only");
        }
    }
}

#[test]
fn an_idle_connection_dies_after_an_answer_that_did_not_say_so() {
    let emulator = emulator(&identity("a"));
    let mut stream = Client::new(&emulator, None).connect("login.microsoftonline.com");
    emulator.fail_next(Target::Any, Fault::Close(Cut::AfterResponse));
    let answer = exchange(
        &mut stream,
        "GET /common/discovery/v2.0/keys HTTP/1.1\r\nhost: login.microsoftonline.com\r\n\r\n",
    )
    .unwrap();
    assert!(answer.status == 200 && !answer.head.contains("connection: close"));
    assert_eq!(
        read(&mut stream).err().map(|error| error.kind()),
        Some(ErrorKind::UnexpectedEof)
    );
}

#[test]
fn a_handshake_that_stalls_never_ends() {
    let emulator = emulator(&identity("a"));
    emulator.set_fault(Target::host("*.microsoftonline.com"), Fault::StallHandshake);
    let mut stream = Client::new(&emulator, None).connect("login.microsoftonline.com");
    stream
        .sock
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let error = exchange(&mut stream, "GET / HTTP/1.1\r\n\r\n")
        .err()
        .unwrap();
    assert!(
        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        "{error:?}"
    );
    assert_eq!(emulator.connections()[0].handshake, Handshake::Pending);
    emulator.clear_faults();
    assert_eq!(token(&Client::new(&emulator, None)).unwrap().status, 200);
}

#[test]
fn a_bad_server_certificate_ends_the_handshake_before_a_byte_of_the_form() {
    for fault in [
        Fault::WrongServerName,
        Fault::ExpiredServerCertificate,
        Fault::UnknownServerAuthority,
        Fault::PlainHttp,
    ] {
        let emulator = emulator(&identity("a"));
        emulator.fail_next(Target::Any, fault.clone());
        let error = token(&Client::new(&emulator, None)).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{fault:?} {error}");
        assert_eq!(emulator.connections()[0].bytes_read, 0);
    }
}

#[test]
fn a_client_certificate_is_not_asked_for_or_refused_if_the_script_says_so() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let known = identity("known");
        let emulator = configured(&known, |builder| builder.tls_versions(versions));
        let pop = app_form(&[("token_type", "mtls_pop")]);
        let client = || Client::new(&emulator, Some(&known));
        emulator.fail_next(Target::Any, Fault::NeverAskForCertificate);
        let unasked = client();
        assert_eq!(
            (unasked.post(MTLS, &pop).code(), unasked.was_asked()),
            (392_200, false)
        );
        emulator.fail_next(Target::Any, Fault::RefuseClientCertificate);
        assert!(client().try_post(MTLS, &pop).is_err());
        emulator.fail_next(Target::Any, Fault::RequireClientCertificate);
        assert!(Client::new(&emulator, None).try_post(MTLS, &pop).is_err());
        emulator.fail_next(Target::Any, Fault::AskForCertificate);
        let asked = client();
        assert_eq!(
            asked
                .post(LOGIN, &app_form(&[("client_secret", SECRET)]))
                .status,
            200
        );
        assert!(asked.was_asked());
        let failed = emulator
            .connections()
            .iter()
            .filter(|record| matches!(record.handshake, Handshake::Failed(_)))
            .count();
        assert_eq!(failed, 2);
    }
}

#[test]
fn the_alert_that_refuses_a_certificate_is_never_lost() {
    for versions in [TlsVersions::Only12, TlsVersions::Only13] {
        let known = identity("known");
        let emulator = configured(&known, |builder| builder.tls_versions(versions));
        emulator.set_fault(Target::Any, Fault::RefuseClientCertificate);
        for _ in 0..50 {
            let answer = Client::new(&emulator, Some(&known))
                .try_post(MTLS, &app_form(&[("token_type", "mtls_pop")]));
            let error = answer.err().unwrap();
            assert!(error.to_string().contains("CertificateRevoked"), "{error}");
        }
    }
}

#[test]
fn answers_are_spoiled_in_every_other_way() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let next = |fault| {
        emulator.fail_next(Target::Any, fault);
        token(&client)
    };
    assert_eq!(
        next(Fault::TokenType("Bearer ".to_owned())).unwrap().json()["token_type"],
        "Bearer "
    );
    assert!(
        next(Fault::ContentEncoding("gzip".to_owned()))
            .unwrap()
            .head
            .contains("content-encoding: gzip")
    );
    let redirect = next(Fault::Redirect(307, "https://canary.example/".to_owned())).unwrap();
    assert!(redirect.status == 307 && redirect.head.contains("location: https://canary.example/"));
    assert_eq!(
        next(Fault::Raw(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}EXTRA".to_vec()
        ))
        .unwrap()
        .body,
        b"{}EXTRA"
    );
    let started = Instant::now();
    assert_eq!(
        next(Fault::Delay(Duration::from_millis(100)))
            .unwrap()
            .status,
        200
    );
    assert!(started.elapsed() >= Duration::from_millis(100));
    emulator.fail_next(Target::Any, Fault::EndlessBody);
    assert!(client.get(KEYS, "").body.len() > 1_000_000);
}

#[test]
fn raw_bytes_end_in_order_or_break_off() {
    let emulator = emulator(&identity("a"));
    let text = b"HTTP/1.1 200 OK\r\n\r\n{\"token_type".to_vec();
    for (fault, ends) in [
        (Fault::Raw(text.clone()), true),
        (Fault::RawCut(text), false),
    ] {
        emulator.fail_next(Target::Any, fault);
        let mut stream = Client::new(&emulator, None).connect("login.microsoftonline.com");
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: login.microsoftonline.com\r\n\r\n")
            .unwrap();
        let mut all = Vec::new();
        assert_eq!(stream.read_to_end(&mut all).is_ok(), ends);
        assert!(all.ends_with(b"{\"token_type"));
    }
}

#[test]
fn a_header_is_added_to_the_ordinary_answer() {
    let emulator = emulator(&identity("a"));
    let client = Client::new(&emulator, None);
    let close = Fault::Header("connection".to_owned(), "close".to_owned());
    emulator.fail_next(Target::host("login.microsoftonline.com"), close);
    let answer = token(&client).unwrap();
    assert!(answer.status == 200 && answer.head.contains("connection: close"));
    assert_eq!(emulator.requests_to("login.microsoftonline.com").len(), 1);
    assert_eq!(
        emulator.connections_to("login.microsoftonline.com").len(),
        1
    );
    assert!(emulator.requests_to("login.microsoftonline.us").is_empty());
    assert!(
        emulator
            .connections_to("login.microsoftonline.us")
            .is_empty()
    );
}

#[test]
fn an_answer_drips_one_byte_at_a_time() {
    let emulator = emulator(&identity("a"));
    for (fault, least) in [
        (Fault::DripBody(Duration::from_millis(2)), 2 * 2),
        (Fault::DripAll(Duration::from_millis(2)), 2 * 38),
    ] {
        let started = Instant::now();
        emulator.fail_next(Target::Any, fault);
        let url = "https://resource.entra-emulator.test/elsewhere";
        assert_eq!(
            Client::new(&emulator, None).get(url, "").body,
            b"nothing here"
        );
        assert!(started.elapsed() >= Duration::from_millis(least));
    }
}

#[test]
fn the_answer_to_a_pop_request_may_be_said_to_be_bearer() {
    let known = identity("known");
    let emulator = emulator(&known);
    emulator.fail_next(
        Target::Endpoint(Endpoint::Token),
        Fault::TokenType("Bearer".to_owned()),
    );
    let answer =
        Client::new(&emulator, Some(&known)).post(MTLS, &app_form(&[("token_type", "mtls_pop")]));
    assert_eq!(answer.json()["token_type"], "Bearer");
}

#[test]
fn the_metadata_service_fails_as_well() {
    let emulator = emulator(&identity("a"));
    emulator.fail_next(
        Target::Endpoint(Endpoint::ImdsCompute),
        Fault::Reply(Reply::new(500)),
    );
    let path = "/metadata/instance/compute?api-version=2021-02-01";
    assert_eq!(imds(&emulator, path, "metadata: true\r\n").status, 500);
    assert_eq!(imds(&emulator, path, "metadata: true\r\n").status, 200);
}
