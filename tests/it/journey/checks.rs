//! What must hold of every request that leaves, of every error and of what is told of a flow.

use std::collections::BTreeSet;
use std::time::Duration;

use entra_proto::*;
use http::Method;
use serde_json::Value;

use super::party::{Party, Proof};
use super::trail::Trail;
use super::wish::{Whose, Wish};
use crate::canary::{assert_silent, is_silent};
use crate::hosts;
use crate::script::Sent;

/// A provider is asked once for each attempt, and once more only for a pair that was held for more than a minute (rule 3, I11).
pub(super) fn check_call(party: &Party, wish: &Wish, trail: &Trail, now: Now) {
    let may_ask = matches!(
        party.proof,
        Proof::CertificateProvider { .. } | Proof::AssertionProvider | Proof::PairProvider
    );
    assert!(may_ask, "nobody brought a provider");
    assert!(wish.to.kind == TokenKind::Bearer || party.proof != Proof::AssertionProvider);
    if let Some(before) = &trail.answered {
        let held = now.monotonic().saturating_sub(before.at);
        assert!(
            before.sent || held > Duration::from_secs(60),
            "asked twice for one attempt"
        );
    }
}

pub(super) fn check_request(
    party: &Party,
    wish: &Wish,
    send: &SendRequest,
    trail: &mut Trail,
) -> Sent {
    let request = send.request();
    let sent = Sent::of(send);
    // I06.
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri().scheme_str(), Some("https"));
    // What the caller adds to the URL, and nothing else.
    let query = request.uri().query().map(|query| {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.into_owned().collect::<Vec<_>>()
    });
    let added = |value: &str| vec![("x-query".to_owned(), value.to_owned())];
    assert_eq!(query, wish.to.query.map(added));
    assert!(
        !request
            .uri()
            .authority()
            .expect("a host")
            .as_str()
            .contains('@')
    );
    // I05, I07.
    let mtls = sent.certificate.is_some();
    assert!(
        hosts::may_receive(&party.client, &party.listed, mtls, &sent.host),
        "{} with {:?}",
        sent.host,
        party.client
    );
    assert!(
        is_silent(&sent.url) && !sent.url.contains("evil"),
        "{}",
        sent.url
    );
    for (name, value) in request.headers() {
        assert!(is_silent(value.to_str().expect("plain text")), "{name}");
    }
    check_form(party, wish, &sent, trail);
    check_fields(party, wish, &sent);
    trail.host.clone_from(&sent.host);
    sent
}

/// The fields of the grant and those that the caller added; no field comes twice, and none else is there (I08).
fn check_fields(party: &Party, wish: &Wish, sent: &Sent) {
    for (name, value) in wish.grant.fields() {
        assert_eq!(sent.field(name), Some(value.as_str()));
    }
    let is_about_user = matches!(wish.to.whose, Whose::Accounts(_));
    assert_eq!(sent.field("client_info"), is_about_user.then_some("1"));
    assert_eq!(sent.field("x-body"), wish.to.body);
    let scope: BTreeSet<String> = sent
        .field("scope")
        .expect("scopes")
        .split(' ')
        .map(str::to_ascii_lowercase)
        .collect();
    let mut wanted = wish.scopes.clone();
    if wish.to.whose != Whose::Nobodys {
        wanted.extend(["openid", "profile", "offline_access"].map(str::to_owned));
    }
    assert_eq!(scope, wanted);
    // Rule 11: who says what in the claims.
    let claims = sent.field("claims").map_or(Value::Null, |claims| {
        serde_json::from_str(claims).expect("JSON")
    });
    assert_eq!(!claims["access_token"]["xms_cc"].is_null(), party.capable);
    assert_eq!(!claims["access_token"]["x"].is_null(), wish.challenged);
    let own = wish.to.client_claims.map(|own| {
        let own: Value = serde_json::from_str(own).expect("JSON");
        own["own"].clone()
    });
    assert_eq!(claims.get("own"), own.as_ref());
    // Rule 9: what goes into the assertion stays there.
    assert_eq!(claims.get("more"), None);
    let known = [
        "client_id",
        "client_assertion",
        "client_assertion_type",
        "client_secret",
        "scope",
        "claims",
        "token_type",
        "fmi_path",
        "client_info",
        "refresh_token",
        "x-body",
    ];
    for (name, _) in &sent.form {
        let of_grant = wish.grant.fields().iter().any(|(field, _)| field == name);
        assert!(of_grant || known.contains(&name.as_str()), "{name}");
        assert!(sent.field(name).is_some());
    }
}

/// How the flow went, counted a second time.
pub(super) fn check_metadata(
    metadata: &Metadata,
    source: Option<TokenSource>,
    wish: &Wish,
    trail: &Trail,
    ended: Now,
) {
    assert_silent(metadata);
    assert_eq!(usize::from(metadata.attempts()), trail.sent);
    assert_eq!(metadata.token_endpoint().is_some(), trail.sent > 0);
    assert_eq!(metadata.total(), ended.monotonic() - trail.began);
    assert_eq!(metadata.http(), trail.http);
    assert_eq!(metadata.credential(), trail.credential);
    let never_reads = wish.bypass || wish.grant.is_once();
    match metadata.cache() {
        CacheOutcome::Hit => assert_eq!(source, Some(TokenSource::Cache)),
        CacheOutcome::NotRead => assert!(source.is_none() && trail.sent == 0),
        CacheOutcome::Bypassed => assert!(never_reads),
        CacheOutcome::Renewed => assert!(trail.renewal),
        CacheOutcome::Missing | CacheOutcome::Expired => assert!(!never_reads && !trail.renewal),
        _ => panic!("an outcome that nobody knows"),
    }
    if let (Some(region), Some(TokenSource::Network)) = (metadata.region(), source) {
        assert!(trail.host.starts_with(&format!("{region}.")));
        assert_ne!(metadata.region_origin(), RegionOrigin::None);
    }
}

fn check_form(party: &Party, wish: &Wish, sent: &Sent, trail: &mut Trail) {
    let pop = wish.to.kind == TokenKind::MtlsPop;
    // Rule 8.
    assert_eq!(sent.field("token_type"), pop.then_some("mtls_pop"));
    assert_eq!(sent.field("req_cnf"), None);
    assert_eq!(sent.field("client_id"), Some(party.client.id()));
    assert_eq!(sent.field("fmi_path"), wish.to.fmi_path);
    assert!(
        !pop || sent.certificate.is_some(),
        "PoP is never sent over plain TLS"
    );
    // I09, and rule 1: what is in the body follows from the credential, what is in the handshake from the binding certificate.
    let answered = trail.answered.as_ref();
    let assertion = sent.field("client_assertion");
    let kind = sent.assertion_type();
    match party.proof {
        Proof::Secret => {
            assert_eq!((kind, sent.certificate), (None, None));
            assert!(sent.field("client_secret").is_some());
        }
        Proof::StaticAssertion => assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None)),
        Proof::OwnClaims => assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None)),
        Proof::AssertionProvider => {
            let pair = answered.expect("asked");
            assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None));
            assert_eq!(assertion, pair.assertion.as_deref());
        }
        // I10: both halves are of the latest pair.
        Proof::PairProvider => {
            let pair = answered.expect("asked");
            assert_eq!(assertion, pair.assertion.as_deref());
            assert_eq!(sent.certificate, pair.certificate);
            let expected = if pair.certificate.is_some() {
                "jwt-pop"
            } else {
                "jwt-bearer"
            };
            assert_eq!(kind, Some(expected));
        }
        Proof::Certificate { over_mtls } | Proof::CertificateProvider { over_mtls } => {
            assert_eq!(kind, (!pop).then_some("jwt-bearer"));
            assert_eq!(sent.certificate.is_some(), pop || over_mtls);
            if let Some(pair) = answered
                && sent.certificate.is_some()
            {
                assert_eq!(sent.certificate, pair.certificate);
            }
        }
    }
    // I26: no assertion of ours, and none of a provider's, goes out twice.
    let fixed = party.proof == Proof::StaticAssertion;
    if let Some(assertion) = assertion.filter(|_| !fixed) {
        assert!(
            trail.assertions.insert(assertion.to_owned()),
            "the same assertion again"
        );
    }
    trail.last_certificate = sent.certificate;
    if let Some(pair) = &mut trail.answered {
        pair.sent = true;
    }
}

/// I34 and I36: an error says nothing that it should not, in printable ASCII, and not much.
pub(super) fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(is_silent(&text), "{text}");
    assert_silent(error);
    assert!(
        text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
        "{text:?}"
    );
    assert!(text.len() <= 2_048);
    assert!(!error.code().is_empty() && !error.advice().is_empty());
}
