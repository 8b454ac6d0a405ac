//! Whatever bytes a provider or a signer returns, each attempt goes out with one call's pair whole (handshake, body, cache key and result name the same certificate, the body the same assertion), or there is an error that repeats nothing of it and nothing is sent or remembered.
#![no_main]

#[path = "provider_output/output.rs"]
mod output;
#[path = "../support.rs"]
mod support;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_proto::*;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};
use support::*;

use certificates::P256;
use output::{Cut, Output, Provider, Set};
use script::{Record, Script, Sent, answer, name, seconds, seed};

/// No flow of one client without discovery has more steps than this.
const MOST_STEPS: usize = 32;

/// An error says nothing of what was returned that is long enough to be no accident.
fn check_error(error: &Error, output: &Output) {
    let text = format!("{error} {error:?}");
    assert!(text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) && text.len() <= 4_096);
    let leaf = output.leaf.as_deref().unwrap_or_default();
    for part in [output.assertion.as_bytes(), leaf] {
        for window in part.windows(32) {
            let said = std::str::from_utf8(window).is_ok_and(|window| text.contains(window));
            assert!(!said, "{window:?} was returned: {text}");
        }
    }
}

/// The request carries this output whole, and nothing of another.
fn check_sent(set: Set, output: &Output, send: &SendRequest, signature: &[u8]) {
    let sent = Sent::of(send);
    match send.transport() {
        Transport::Plain => assert!(!set.presents() || output.leaf.is_none()),
        Transport::Mtls(certificate) => {
            assert!(set.presents());
            assert_eq!(Some(certificate.der()), output.leaf.as_deref());
            let chain = certificate.chain().skip(1);
            assert!(chain.eq(output.intermediates.iter().map(Vec::as_slice)));
            assert_eq!(Some(certificate.thumbprint()), output.thumbprint());
        }
    }
    assert_eq!(
        sent.certificate.is_some(),
        set.presents() && output.leaf.is_some()
    );
    let assertion = sent.field("client_assertion");
    if !set.signs() {
        let provided = matches!(set.provider, Provider::Assertions | Provider::Pairs);
        assert_eq!(assertion, provided.then_some(output.assertion.as_str()));
        let bound = set.provider == Provider::Pairs && output.leaf.is_some();
        let kind = if bound { "jwt-pop" } else { "jwt-bearer" };
        assert_eq!(sent.assertion_type(), provided.then_some(kind));
        return;
    }
    assert_eq!(sent.assertion_type(), Some("jwt-bearer"));
    let parts: Vec<Vec<u8>> = assertion
        .expect("our own assertion")
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"))
        .collect();
    let [header, claims, signed] = parts.as_slice() else {
        panic!("three parts");
    };
    assert_eq!(signed, signature);
    let read = |json: &[u8]| -> Value { serde_json::from_slice(json).expect("JSON") };
    let (header, claims) = (read(header), read(claims));
    assert_eq!(claims["aud"], sent.url);
    if header["alg"] == "RS256" {
        // SHA-1, for which there is no other digest here.
        assert_eq!(header["x5t"].as_str().map(str::len), Some(27));
    } else {
        let thumbprint = output.thumbprint().expect("a certificate").to_string();
        assert_eq!(header["x5t#S256"], thumbprint);
    }
    let chain = output.leaf.iter().chain(&output.intermediates);
    let chain: Vec<String> = chain.map(|der| STANDARD.encode(der)).collect();
    assert_eq!(header["x5c"], json!(chain));
}

/// Every call of a flow is told the same, whatever came of the one before.
fn check_told(first: &mut Option<ProviderContext>, told: &ProviderContext) {
    assert_eq!(first.get_or_insert_with(|| told.clone()), told);
}

/// One flow: the calls of the provider are answered with these outputs in turn, the signer signs with `signature`.
fn run(
    set: Set,
    plan: Plan,
    script: &mut Script,
    outputs: &[&Output],
    signature: &[u8],
    old_signer: bool,
) -> (Done, usize) {
    let (mut calls, mut attempts, mut signable) = (0_usize, 0, true);
    let mut told = None;
    let mut record = Record::default();
    let mut step = plan.start(seed(7), script.now);
    for _ in 0..MOST_STEPS {
        let latest = outputs[calls.saturating_sub(1)];
        step = match step {
            Step::ObtainAssertion(ask) => {
                calls += 1;
                check_told(&mut told, ask.asked_for());
                canary::assert_silent(&ask);
                ask.resume(Ok(outputs[calls - 1].pair()), script.now)
            }
            Step::ObtainCertificate(ask) => {
                calls += 1;
                check_told(&mut told, ask.asked_for());
                ask.resume(Ok(outputs[calls - 1].chain()), script.now)
            }
            Step::SignAssertion(sign) => {
                assert!(set.signs() && signable);
                let input = sign.input();
                assert_eq!(
                    Some(input.certificate().der()),
                    latest.leaf.as_deref(),
                    "the key of the certificate that goes out"
                );
                if old_signer && input.algorithm() == Algorithm::Ps256 {
                    let failure = Failure::new(FailureKind::UnsupportedAlgorithm);
                    sign.resume(Err(failure), script.now)
                } else {
                    signable = match input.algorithm() {
                        Algorithm::Es256 => signature.len() == 64,
                        _ => (128..=2_048).contains(&signature.len()),
                    };
                    sign.resume(Ok(Signature::new(signature.to_vec())), script.now)
                }
            }
            Step::SendRequest(send) => {
                attempts += 1;
                // I11: one call for each attempt.
                assert!(set.provider == Provider::Nobody || calls == attempts);
                assert!(!set.signs() || signable);
                check_sent(set, latest, &send, signature);
                script.answer(Step::SendRequest(send), &mut record)
            }
            Step::SaveCache(save) => {
                // I10: PoP always, Bearer where it was asked for.
                let keyed = set.presents() && (set.pop || set.isolated);
                if let Some(thumbprint) = latest.thumbprint().filter(|_| keyed)
                    && format!("{:?}", save.key()).starts_with("Tokens")
                {
                    assert!(format!("{:?}", save.key()).contains(&thumbprint.to_string()));
                }
                script.answer(Step::SaveCache(save), &mut record)
            }
            Step::Done(done) => {
                canary::assert_silent(&done);
                if let Err(error) = done.result() {
                    check_error(error, latest);
                    let refused = set.refuses(latest);
                    assert!(
                        refused.as_deref() == Some(error.code())
                            || set.signs() && error.code() == "signing_failed",
                        "{error}"
                    );
                    // Nothing is sent of what was refused.
                    assert!(set.provider == Provider::Nobody || calls == attempts + 1);
                }
                return (done, attempts);
            }
            step => {
                assert!(!name(&step).starts_with("Discover"));
                script.answer(step, &mut record)
            }
        };
    }
    panic!("no end in sight");
}

fuzz_target!(|data: &[u8]| {
    let mut cut = Cut(data);
    let which = cut.byte();
    let provider = match which & 7 {
        0..=2 => Provider::Pairs,
        3 => Provider::Assertions,
        4 | 5 => Provider::Certificates {
            over_mtls: which & 1 == 1,
        },
        _ => Provider::Nobody,
    };
    let set = Set {
        provider,
        // A provider of assertions alone can't be bound, which is known without asking it.
        pop: which & 8 == 8 && provider != Provider::Assertions,
        isolated: which & 16 == 16,
    };
    let fails_first = which & 32 == 32;
    let old_signer = which & 64 == 64;
    let first = Output::cut(&mut cut);
    let second = Output::cut(&mut cut);
    let signature = cut.bytes();

    let credential = match provider {
        Provider::Pairs => Credential::signed_assertion_provider(),
        Provider::Assertions => Credential::assertion_provider(),
        Provider::Certificates { over_mtls: false } => {
            Credential::certificate_provider().send_x5c()
        }
        Provider::Certificates { over_mtls: true } => {
            Credential::certificate_provider().send_over_mtls()
        }
        Provider::Nobody => match first.chain() {
            Some(chain) => Credential::certificate(chain).send_x5c(),
            None => return,
        },
    };
    let isolation = if set.isolated {
        BearerIsolation::PerCertificate
    } else {
        BearerIsolation::Shared
    };
    let built = Client::builder(
        "app",
        "https://login.microsoftonline.com/t.example",
        credential,
    )
    .region(RegionSource::Named("westus3".to_owned()))
    .bearer_isolation(isolation)
    .build();
    let client = match built {
        Ok(client) => client,
        Err(error) => {
            check_error(&error, &first);
            assert!(provider == Provider::Nobody);
            assert_eq!(set.refuses(&first).as_deref(), Some(error.code()));
            return;
        }
    };
    let request = TokenRequest::for_app(["scope"]);
    let request = if set.pop {
        request.proof_of_possession()
    } else {
        request
    };
    let plan = request.plan(&client).expect("a plan");
    let mut script = Script::new();
    if fails_first {
        script = script.answers([answer(500, "")]);
    }
    let second = if provider == Provider::Nobody {
        &first
    } else {
        &second
    };
    let (done, attempts) = run(
        set,
        plan.clone(),
        &mut script,
        &[&first, second],
        signature,
        old_signer,
    );
    let token = match done.into_result() {
        Ok(token) => token,
        Err(_) => {
            assert!(attempts <= usize::from(fails_first));
            assert!(script.memory.is_empty());
            return;
        }
    };
    let last = if fails_first { second } else { &first };
    assert_eq!(attempts, 1 + usize::from(fails_first));
    assert_eq!(set.refuses(&first), None);
    assert_eq!(set.refuses(last), None);
    let bound = token.binding_certificate().map(Certificate::thumbprint);
    assert_eq!(bound, last.thumbprint().filter(|_| set.pop));
    if token.expires_in() <= seconds(300) {
        return;
    }
    // The same certificate finds the token again, another does not if it is in the key.
    let again = run(
        set,
        plan.clone(),
        &mut script,
        &[last, last],
        signature,
        old_signer,
    );
    let hit = again.0.into_result().expect("a hit");
    assert_eq!((again.1, hit.source()), (0, TokenSource::Cache));
    assert_eq!(hit.secret(), token.secret());
    assert_eq!(hit.binding_certificate(), token.binding_certificate());
    let other = Output {
        assertion: "CANARY.other".to_owned(),
        leaf: Some(P256.to_vec()),
        intermediates: Vec::new(),
        private_key: true,
    };
    let keyed = set.presents() && (set.pop || set.isolated);
    if keyed && provider != Provider::Nobody && other.thumbprint() != last.thumbprint() {
        let signature = [7; 64];
        let elsewhere = run(set, plan, &mut script, &[&other, &other], &signature, false);
        assert_eq!(
            elsewhere.1, 1,
            "a token of another certificate serves nobody"
        );
        assert!(elsewhere.0.result().is_ok());
    }
});
