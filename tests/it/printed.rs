//! What values print of themselves: enough to know them by, and nothing secret (rule 15, I34, SEC-01).

use entra_proto::*;

use crate::canary::assert_silent;
use crate::certificates::{P256, RSA, numbered, parsed, thumbprint};
use crate::clients::{bearer, client, plan, secret};
use crate::script::{START, Script, answer, failure, seed, signature};

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

#[test]
fn i34_secrets_and_bodies_print_that_they_are_redacted() {
    assert_eq!(format!("{:?}", Secret::new("CANARY")), "Secret([redacted])");
    let body = Body::from(b"CANARY".to_vec());
    assert_eq!(format!("{body:?}"), "Body([redacted])");
    assert!(Body::empty().expose().is_empty());
}

/// Whoever reads a log finds in each value what it is, for whom, and nothing of what it holds.
#[test]
fn i34_what_a_flow_goes_through_prints_what_it_is() {
    let client = client(secret());
    let printed = format!("{client:?}");
    assert!(
        printed.contains("11111111")
            && printed.contains("contoso.com")
            && printed.contains("westus3")
    );
    let plan = plan(bearer().tenant("fabrikam.com"), &client);
    let printed = format!("{plan:?}");
    assert!(
        printed.contains("Plan")
            && printed.contains("\"secret\"")
            && printed.contains("fabrikam.com")
    );
    let step = plan.clone().start(seed(1), START);
    let printed = format!("{step:?}");
    assert!(
        printed.contains("correlation_id") && printed.contains("First"),
        "{printed}"
    );
    let run = Script::new().run(&plan);
    let printed = format!("{:?}", run.token());
    assert!(
        printed.contains("Bearer") && printed.contains("Network"),
        "{printed}"
    );
    let by_pair = crate::clients::client(Credential::signed_assertion_provider());
    let run = Script::new().run(&crate::clients::plan(bearer(), &by_pair));
    let printed = format!("{:?}", run.asked[0]);
    assert!(
        printed.starts_with("ProviderContext") && printed.contains("token_endpoint"),
        "{printed}"
    );
    assert_eq!(TokenKind::Bearer.to_string(), "Bearer");
    assert_eq!(TokenKind::MtlsPop.to_string(), "mtls_pop");
    let certificate = parsed(P256, 7);
    assert_eq!(
        format!("{certificate:?}"),
        format!("Certificate({})", certificate.thumbprint())
    );
    for (request, bypasses) in [(bearer(), false), (bearer().bypassing_cache(), true)] {
        let run = Script::new().run(&crate::clients::plan(request, &client));
        let printed = format!("{:?}", run.flights[0]);
        assert!(
            printed.contains(&format!("bypass: {bypasses}")),
            "{printed}"
        );
    }
}

#[test]
fn an_error_prints_its_facts_and_equals_one_with_the_same() {
    let refused = |status, error: &str| {
        let answer = answer(status, format!(r#"{{"error":"{error}"}}"#));
        let run = Script::new()
            .answers([answer])
            .run(&plan(bearer(), &client(secret())));
        run.error().clone()
    };
    let printed = format!("{:?}", refused(400, "invalid_client"));
    assert!(
        printed.contains("invalid_client") && printed.contains("400"),
        "{printed}"
    );
    assert_eq!(
        refused(400, "invalid_client"),
        refused(400, "invalid_client")
    );
    // By code, by what is said, and by status.
    assert_ne!(
        refused(400, "invalid_client"),
        refused(400, "invalid_grant")
    );
    assert_ne!(
        refused(400, "invalid_client"),
        refused(401, "invalid_client")
    );
    let tenant = |name: &str| Tenant::parse(name).expect_err("an error");
    assert_ne!(tenant("a_b"), tenant("a_c"));
}

/// What is remembered prints how much it is, never what.
#[test]
fn i34_what_is_remembered_prints_how_much_it_is() {
    let client = client(secret());
    let mut script = Script::new();
    let plan = plan(bearer(), &client);
    let run = script.run(&plan);
    run.token();
    let memory = &script.memory;
    assert_eq!(
        format!("{memory:?}"),
        format!(
            "Memory {{ entries: 1, bytes: {}, limits: {:?} }}",
            memory.bytes(),
            Limits::default()
        )
    );
    let partition = memory.partition(&run.loaded[0]);
    assert_eq!(
        format!("{partition:?}"),
        "Partition { entries: 1, note: false }"
    );
    let mut cache = PortableCache::empty();
    cache.add_from(memory, script.now);
    assert_eq!(
        format!("{cache:?}"),
        "PortableCache { access_tokens: 1, refresh_tokens: 0, .. }"
    );
    assert_silent(&(memory, &partition, &cache));
    let mut saved = Vec::new();
    let mut step = plan.start(seed(1), START);
    let mut record = crate::script::Record::default();
    let mut script = Script::new();
    while !matches!(step, Step::Done(_)) {
        if let Step::SaveCache(save) = &step {
            saved.push(format!("{:?}", save.update()));
        }
        step = script.answer(step, &mut record);
    }
    assert_eq!(saved, ["CacheUpdate(an entry)"]);
}

/// Whoever reads of a step in a log finds how the flow goes on: with which certificate, where to, and after what.
#[test]
fn i34_a_step_prints_how_the_flow_goes_on() {
    let printed = |script: Script, plan: Plan| {
        let (mut script, mut record) = (script, crate::script::Record::default());
        let (mut printed, mut step) = (Vec::new(), plan.start(seed(1), START));
        while !matches!(step, Step::Done(_)) {
            printed.push(format!("{step:?}"));
            step = script.answer(step, &mut record);
        }
        printed
    };
    let shown = |printed: &[String], step: &str, what: &str| {
        let found = printed
            .iter()
            .any(|text| text.starts_with(step) && text.contains(what));
        assert!(found, "{step} does not print {what}: {printed:#?}");
    };
    let chain = || numbered(RSA, 1);
    let signing = Credential::certificate(chain()).send_over_mtls();
    let steps = printed(Script::new(), plan(bearer(), &client(signing)));
    let leaf = thumbprint(RSA, 1);
    shown(
        &steps,
        "SignAssertion",
        &format!("Held {{ binding: Some(Certificate({leaf}))"),
    );
    shown(
        &steps,
        "SignAssertion",
        "Way(\"https://westus3.mtlsauth.microsoft.com/",
    );
    shown(&steps, "SaveCache", "hand the token out");

    let discovering = crate::clients::builder(secret()).region(RegionSource::Discover);
    let discovering = discovering.build().expect("a client");
    let steps = printed(Script::new(), plan(crate::users::redeeming(), &discovering));
    shown(&steps, "SaveCache", "go on with the region");
    shown(&steps, "SaveCache", "save the token");

    let elsewhere = Client::builder("app", "https://login.example.com/contoso.com", secret());
    let elsewhere = elsewhere.build().expect("a client");
    let steps = printed(Script::new(), plan(bearer(), &elsewhere));
    shown(&steps, "SaveCache", "go on with the endpoint");

    let busy = crate::script::with_header(answer(429, ""), "retry-after", "7");
    let steps = printed(
        Script::new().answers([busy]),
        plan(bearer(), &client(secret())),
    );
    shown(&steps, "SaveCache", "go on after the refusal");
}
