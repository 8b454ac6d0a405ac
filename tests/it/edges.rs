//! Edges, to the byte and to the second: of what the service says, of what a signer returns, of what is remembered.

use entra_proto::*;
use serde_json::json;

use crate::certificates::{P256, RSA, numbered};
use crate::clients::{bearer, builder, client, plan, pop, secret};
use crate::script::{START, Script, answer, granting, name, seconds, seed, with_header};

/// SEC-09: an answer may say that it is not encoded, and nothing else of that kind.
#[test]
fn sec09_an_encoded_answer_is_no_answer() {
    for (coding, accepted) in [
        ("identity", true),
        ("IDENTITY", true),
        ("gzip", false),
        ("", false),
    ] {
        let granted = granting("Bearer", "CANARY", ",\"expires_in\":3600");
        let run = Script::new()
            .answers([with_header(granted, "content-encoding", coding)])
            .run(&plan(bearer(), &client(secret())));
        match run.done.result() {
            Ok(_) => assert!(accepted, "{coding:?}"),
            Err(error) => assert_eq!(
                (error.code(), accepted),
                ("invalid_token_response", false),
                "{coding:?}"
            ),
        }
    }
}

/// A challenge of the token endpoint is handed on if a request would take it, and a description as far as people read.
#[test]
fn what_a_refusal_says_is_handed_on_within_bounds() {
    let refused = |claims: &str, description: &str| {
        let body = json!({
            "error": "interaction_required",
            "error_description": description,
            "claims": claims,
        });
        let run = Script::new()
            .answers([answer(400, body.to_string())])
            .run(&plan(bearer(), &client(secret())));
        run.error().clone()
    };
    let claims = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
    for (claims, handed_on) in [
        (claims(20), true),
        (claims(8_192), true),
        (claims(8_193), false),
        ("no JSON".to_owned(), false),
        ("[1]".to_owned(), false),
    ] {
        let error = refused(&claims, "");
        assert_eq!(error.claims(), handed_on.then_some(claims.as_str()));
    }
    for (said, shown) in [(12, 12), (1_000, 1_000), (1_001, 1_000), (4_000, 1_000)] {
        let error = refused("{}", &"é".repeat(said));
        assert_eq!(error.description(), Some("é".repeat(shown).as_str()));
    }
}

/// Rule 9: what can be no signature of the algorithm is none.
#[test]
fn a_signature_has_the_length_of_its_algorithm() {
    for (credential, lengths) in [
        (numbered(P256, 1), [(63, false), (64, true), (65, false)]),
        (
            numbered(RSA, 1),
            [(127, false), (128, true), (2_049, false)],
        ),
    ] {
        let client = client(Credential::certificate(credential));
        for (length, fits) in lengths {
            let mut script = Script::new();
            let mut record = crate::script::Record::default();
            let mut step = plan(bearer(), &client).start(seed(1), START);
            while !matches!(step, Step::SignAssertion(_)) {
                step = script.answer(step, &mut record);
            }
            let Step::SignAssertion(sign) = step else {
                panic!("the loop ends with this step");
            };
            let printed = format!("{:?}", sign.input());
            assert!(
                printed.starts_with("SigningInput") && printed.contains("algorithm"),
                "{printed}"
            );
            let next = sign.resume(Ok(Signature::new(vec![7; length])), START);
            assert_eq!(name(&next) == "SendRequest", fits, "{length} bytes");
        }
    }
}

/// Rule 10: `PerCertificate` parts Bearer tokens by the certificate of the handshake; one that only signs parts nothing.
#[test]
fn cache05_a_certificate_that_only_signs_parts_no_bearer_tokens() {
    for (over_mtls, requests) in [(false, 1), (true, 2)] {
        let mut script = Script::new();
        let mut sent = 0;
        for number in [1, 2] {
            let credential = Credential::certificate(numbered(P256, number));
            let credential = if over_mtls {
                credential.send_over_mtls()
            } else {
                credential
            };
            let client = builder(credential)
                .bearer_isolation(BearerIsolation::PerCertificate)
                .region(RegionSource::Named("eastus".to_owned()))
                .build()
                .expect("a client");
            sent += script.run(&plan(bearer(), &client)).sent.len();
        }
        assert_eq!(sent, requests, "over mutual TLS: {over_mtls}");
    }
}

/// A plan with everything worked out does what it would do without: host, form, certificate and steps.
#[test]
fn a_ready_plan_does_what_it_would_do_anyway() {
    let authorities = [
        "https://login.microsoftonline.com/contoso.com",
        "https://login.microsoftonline.us/contoso.com",
        "https://test-dsts.dsts.core.windows.net/dstsv2/contoso.com",
        "https://fs.contoso.com/adfs",
        "https://contoso.ciamlogin.com/contoso.onmicrosoft.com",
    ];
    let credentials = || {
        [
            secret(),
            Credential::signed_assertion_provider(),
            Credential::certificate(numbered(P256, 1)),
            Credential::certificate(numbered(P256, 1)).send_over_mtls(),
            Credential::certificate_provider(),
        ]
    };
    let mut same = 0;
    for authority in authorities {
        for credential in credentials() {
            for region in [
                RegionSource::Unset,
                RegionSource::Named("eastus".to_owned()),
                RegionSource::Discover,
            ] {
                let client = Client::builder("app", authority, credential.clone())
                    .region(region)
                    .region_policy(RegionPolicy::Optional)
                    .known_authorities(["fs.contoso.com"])
                    .build()
                    .expect("a client");
                for request in [bearer(), pop()] {
                    let Ok(plan) = request.plan(&client) else {
                        continue;
                    };
                    let seen = |plan: &Plan| {
                        let run = Script::new().run(plan);
                        let sent: Vec<_> = run
                            .sent
                            .iter()
                            .map(|sent| (sent.url.clone(), sent.certificate, sent.form.clone()))
                            .collect();
                        (run.seen.clone(), format!("{sent:?}"))
                    };
                    assert_eq!(seen(&plan), seen(&plan.clone().ready()));
                    same += 1;
                }
            }
        }
    }
    assert!(same > 100, "{same}");
}

/// Rule 10 and the portable cache: a token is written while a whole second is left of it, and read likewise.
#[test]
fn a_token_leaves_the_process_while_a_second_is_left_of_it() {
    let client = client(secret());
    let plan = plan(bearer(), &client);
    let mut script = Script::new().answers([granting("Bearer", "CANARY", ",\"expires_in\":3600")]);
    script.run(&plan).token();
    for (passed, written) in [(0, 1), (3_599, 1), (3_600, 0), (3_601, 0)] {
        let now = START.after(seconds(passed));
        let mut cache = PortableCache::empty();
        cache.add_from(&script.memory, now);
        let text = String::from_utf8(cache.write().expose().to_vec()).expect("UTF-8");
        assert_eq!(
            text.matches("\"AccessToken\":{\"").count(),
            written,
            "{passed}"
        );
    }
}
