//! What values print of themselves: enough to know them by, and nothing secret (rule 15, I34, SEC-01).

use entra_proto::*;

use crate::canary::assert_silent;
use crate::certificates::{P256, RSA, numbered, parsed, thumbprint};
use crate::script::{failure, seed, signature};

#[test]
fn i34_a_credential_prints_its_kind_and_options_alone() {
    let secret = || Secret::new("CANARY.of.somebody");
    let chain = || numbered(RSA, 1);
    for (credential, kind) in [
        (Credential::secret(secret()), "secret"),
        (Credential::certificate(chain()), "certificate"),
        (Credential::certificate_provider(), "certificate provider"),
        (
            Credential::certificate_with_claims(chain(), r#"{"a":"CANARY"}"#),
            "certificate with claims",
        ),
        (Credential::static_assertion(secret()), "static assertion"),
        (Credential::assertion_provider(), "assertion provider"),
        (
            Credential::signed_assertion_provider(),
            "signed-assertion provider",
        ),
    ] {
        assert_silent(&credential);
        let printed = |x5c: bool, mtls: bool| {
            format!("Credential {{ kind: {kind:?}, send_x5c: {x5c}, send_over_mtls: {mtls} }}")
        };
        assert_eq!(format!("{credential:?}"), printed(false, false));
        let with_x5c = credential.clone().send_x5c();
        assert_eq!(format!("{with_x5c:?}"), printed(true, false));
        let over_mtls = credential.send_over_mtls();
        assert_eq!(format!("{over_mtls:?}"), printed(false, true));
    }
}

#[test]
fn i34_a_chain_prints_its_leafs_name_not_its_bytes() {
    let chain = numbered(P256, 7).intermediates(vec![b"CANARY".to_vec(), vec![1]]);
    assert_silent(&chain);
    let leaf = thumbprint(P256, 7);
    assert_eq!(
        format!("{chain:?}"),
        format!("CertificateChain {{ leaf: {leaf:?}, intermediates: 2, private_key: true }}")
    );
    let without = format!("{:?}", chain.without_private_key());
    assert!(without.ends_with("private_key: false }"), "{without}");
    assert_eq!(
        leaf,
        Thumbprint::of(parsed(P256, 7).der()),
        "of the leaf's whole DER"
    );
    assert_ne!(leaf.as_bytes(), thumbprint(P256, 8).as_bytes());
}

#[test]
fn i34_seeds_signatures_and_failures_print_nothing_of_what_they_hold() {
    assert_silent(&seed(1));
    assert_eq!(format!("{:?}", seed(1)), "Seed([redacted])");
    let signed = signature(Algorithm::Es256);
    assert_silent(&signed);
    assert_eq!(format!("{signed:?}"), "Signature([redacted])");
    let failed = failure(FailureKind::Tls);
    assert_silent(&failed);
    assert_eq!(format!("{failed:?}"), "Failure { kind: Tls, .. }");
}

#[test]
fn names_print_as_names() {
    let leaf = thumbprint(P256, 7);
    assert_eq!(format!("{leaf:?}"), format!("Thumbprint({leaf})"));
    let account = Account::from_home_id("a.b");
    assert_eq!(format!("{account:?}"), "Account(\"a.b\")");
}

#[test]
fn a_tenant_prints_as_it_was_written() {
    let tenant = Tenant::parse("Contoso.com").expect("a tenant");
    assert_eq!(tenant.to_string(), "Contoso.com");
}
