//! I44: every kind of error has a script that ends in it, and every script ends in one kind.

use std::collections::{BTreeMap, BTreeSet};

use entra_proto::testing::{Answerer, clients, scripts, seeds, token_requests};
use entra_proto::*;
use proptest::prelude::*;

use super::{CONTOSO, bearer, cases, client, secret_client};
use crate::certificates::{RSA, numbered};
use crate::script::{
    ALICE, BOB, Run, Script, alone, answer, failure, granting, granting_user, pair, with_header,
};

/// The codes of the core's own, as its table has them: what stands after `=> (`.
fn table() -> BTreeSet<String> {
    let source = include_str!("../../../src/error/code.rs");
    let rows = source.split("=> (").skip(1).map(str::trim_start);
    // The service's own code has no text here.
    rows.filter_map(|row| row.strip_prefix('"')?.split('"').next())
        .map(str::to_owned)
        .collect()
}

fn error(run: Run) -> Error {
    run.error().clone()
}

/// How a flow ends.
fn of(script: Script, request: TokenRequest, client: &Client) -> Error {
    error(super::run(script, request, client))
}

/// What building a client ends in.
fn building(builder: ClientBuilder) -> Error {
    builder.build().expect_err("no client")
}

fn planning(request: TokenRequest) -> Error {
    request.plan(&secret_client()).expect_err("no plan")
}

/// How the token endpoint's answers end a flow.
fn answered(answers: impl IntoIterator<Item = crate::script::Answer>) -> Error {
    of(Script::new().answers(answers), bearer(), &secret_client())
}

fn failed(kind: FailureKind) -> Error {
    answered([Err(failure(kind)), Err(failure(kind))])
}

fn without_region(credential: Credential) -> ClientBuilder {
    Client::builder("app", CONTOSO, credential)
}

fn on(url: &str, credential: Credential) -> ClientBuilder {
    Client::builder("app", url, credential).region(RegionSource::Named("eastus".to_owned()))
}

fn built(builder: ClientBuilder) -> Client {
    builder.build().expect("a client")
}

/// One script for each.
fn scripted() -> BTreeMap<String, Error> {
    let secret = || Credential::secret(Secret::new("CANARY"));
    let certificate = || Credential::certificate(numbered(RSA, 1));
    let pairs = Credential::signed_assertion_provider;
    let pop = || bearer().proof_of_possession();
    let bound = || Script::new().pairs([pair(1)]);
    let unusable = |leaf: CertificateChain| without_region(Credential::certificate(leaf));
    let for_alice = || TokenRequest::for_account(Account::from_home_id(ALICE), ["scope"]);
    let legacy = built(on(
        "https://login.usgovcloudapi.net/contoso.com",
        certificate(),
    ));
    let nobody = built(on("https://unknown.example/contoso.com", secret()));
    let undiscovered = built(without_region(pairs()).region(RegionSource::Discover));
    let common = built(on(
        "https://login.microsoftonline.com/common",
        certificate(),
    ));
    let of_bob = || {
        let mut script =
            Script::new().answers([granting_user("Bearer", ALICE, 1, ",\"expires_in\":3600")]);
        let signs_in = TokenRequest::refreshing(Secret::new("CANARY"), ["scope"]);
        script.run(&signs_in.plan(&secret_client()).expect("a plan"));
        let mut script = script.answers([granting_user("Bearer", BOB, 2, ",\"expires_in\":3600")]);
        error(
            script.run(
                &for_alice()
                    .bypassing_cache()
                    .plan(&secret_client())
                    .expect("a plan"),
            ),
        )
    };
    let errors = [
        building(Client::builder(
            "app",
            "http://login.microsoftonline.com/x.example",
            secret(),
        )),
        building(without_region(secret()).region(RegionSource::Named("a.b".to_owned()))),
        building(without_region(secret().send_over_mtls())),
        building(Client::builder("", CONTOSO, secret())),
        building(unusable(numbered(RSA, 1).without_private_key())),
        building(unusable(CertificateChain::new("CANARY"))),
        planning(TokenRequest::for_app([""; 0])),
        planning(TokenRequest::for_app(["\n"])),
        planning(bearer().tenant("..")),
        planning(bearer().claims("[]")),
        planning(bearer().correlation_id("1")),
        of(
            Script::new().pairs([ClientAssertion::new(Secret::new(" "))]),
            bearer(),
            &client(pairs()),
        ),
        of(Script::new().pairs([alone(1)]), pop(), &client(pairs())),
        of(Script::new().provider_fails(), bearer(), &client(pairs())),
        of(
            Script::new().provider_fails(),
            bearer(),
            &client(Credential::certificate_provider()),
        ),
        of(
            Script::new().signer_fails(FailureKind::Provider),
            bearer(),
            &client(certificate()),
        ),
        pop().plan(&common).expect_err("no plan"),
        of(bound(), bearer(), &built(without_region(pairs()))),
        of(bound(), pop(), &built(without_region(pairs()))),
        of(bound().regions([answer(404, "")]), bearer(), &undiscovered),
        pop().plan(&legacy).expect_err("no plan"),
        of(
            Script::new().instances([answer(400, "")]),
            bearer(),
            &nobody,
        ),
        of(Script::new(), for_alice(), &secret_client()),
        failed(FailureKind::Connect),
        failed(FailureKind::Timeout),
        failed(FailureKind::Tls),
        failed(FailureKind::CertificateNotRequested),
        failed(FailureKind::CertificateRejected),
        failed(FailureKind::TooLarge),
        answered([with_header(
            answer(302, ""),
            "location",
            "https://evil.example/",
        )]),
        answered([answer(200, r#"{"access_token":"CANARY","expires_in":1}"#)]),
        answered([granting("mtls_pop", "CANARY", ",\"expires_in\":1")]),
        of_bob(),
        answered([answer(200, "<html>CANARY</html>")]),
        PortableCache::read(b"CANARY").expect_err("no cache"),
        answered([answer(429, "")]),
        answered([answer(500, ""), answer(500, "")]),
        Error::cancelled(),
        answered([answer(400, r#"{"error":"invalid_client"}"#)]),
    ];
    errors.map(|error| (error.code().to_owned(), error)).into()
}

#[test]
fn i44_every_code_is_the_end_of_a_script() {
    let scripted = scripted();
    let mut expected = table();
    assert!(expected.len() > 30);
    // One of the service's.
    expected.insert("invalid_client".to_owned());
    let seen: BTreeSet<String> = scripted.keys().cloned().collect();
    let missing: Vec<_> = expected.symmetric_difference(&seen).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let faults: BTreeSet<String> = scripted
        .values()
        .map(|error| format!("{:?}", error.fault()))
        .collect();
    assert_eq!(faults.len(), 4, "each sort of fault: {faults:?}");
    for error in scripted.values() {
        assert!(!error.advice().is_empty());
    }
}

proptest! {
    #![proptest_config(cases(512))]

    /// A token or one code of the table or of the service, and for a code of ours always the same fault.
    #[test]
    fn i44_every_script_ends_in_one_kind(
        client in clients(),
        request in token_requests(),
        script in scripts(),
        seed in seeds(),
    ) {
        let error = match request.plan(&client) {
            Err(error) => error,
            Ok(plan) => match Answerer::new(script).run(plan, seed).into_result() {
                Err(error) => error,
                Ok(token) => {
                    prop_assert!(!token.secret().expose().is_empty());
                    return Ok(());
                }
            },
        };
        let own = table().contains(error.code());
        prop_assert!(own || error.fault() == Fault::Refused, "{}", error);
        prop_assert!(!error.advice().is_empty());
        let kinds = [error.http_status().is_some(), error.reported().is_some()];
        prop_assert!(error.fault() != Fault::Caller || !kinds[0], "{} with a status", error);
    }
}
