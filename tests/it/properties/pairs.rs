//! Rules 3 and 4: pairs, and when their provider is asked.

use entra_proto::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{CONTOSO, bearer, cases, client, code};
use crate::certificates::{P256, thumbprint};
use crate::script::{Script, alone, answer, pair, seconds};

proptest! {
    #![proptest_config(cases(256))]

    /// IMP-20: the provider returns another pair at each call, wherever the flow waits and for however long.
    #[test]
    fn imp20_i10_assertion_handshake_key_and_result_are_of_one_pair(
        waits in vec((select(vec!["TakeTurn token", "LoadCache token", "TakeTurn region", "LoadCache throttle", "SendRequest"]), 0..100_u64), 0..4),
        bound in vec(any::<bool>(), 4),
        retried in any::<bool>(),
        pop in any::<bool>(),
        isolated in any::<bool>(),
    ) {
        let client = Client::builder("app", CONTOSO, Credential::signed_assertion_provider())
            .region(RegionSource::Discover)
            .bearer_isolation(if isolated { BearerIsolation::PerCertificate } else { BearerIsolation::Shared })
            .build()
            .expect("a client");
        let pairs = bound.iter().zip(1..).map(|(bound, number)| if *bound { pair(number) } else { alone(number) });
        let mut script = Script::new().pairs(pairs);
        if retried {
            script = script.answers([answer(500, "")]);
        }
        for (name, time) in waits {
            script = script.takes(name, seconds(time));
        }
        let request = bearer().deadline(seconds(3_600));
        let request = if pop { request.proof_of_possession() } else { request };
        let run = script.run(&request.clone().plan(&client).expect("a plan"));
        for sent in &run.sent {
            let number: u32 = sent.field("client_assertion").expect("it").rsplit('.').next().expect("a number").parse()?;
            let certificate = bound[number as usize - 1].then(|| thumbprint(P256, number));
            prop_assert_eq!(sent.certificate, certificate);
            prop_assert_eq!(sent.assertion_type(), Some(if certificate.is_some() { "jwt-pop" } else { "jwt-bearer" }));
            prop_assert_eq!(sent.host.contains("mtlsauth"), certificate.is_some());
        }
        let Ok(token) = run.done.result() else {
            // The one thing that can go wrong here.
            prop_assert_eq!(code(&run), Some("mtls_certificate_not_provided"));
            prop_assert!(pop);
            return Ok(());
        };
        let last = run.sent.last().expect("a request").certificate;
        let in_result = token.binding_certificate().map(Certificate::thumbprint);
        prop_assert_eq!(in_result, last.filter(|_| pop));
        // The key: whoever offers that certificate, and nobody else, finds it without asking.
        if let Some(certificate) = last.filter(|_| pop || isolated) {
            let hit = script.run(&request.clone().offering(certificate).plan(&client).expect("a plan"));
            prop_assert_eq!(hit.seen, ["LoadCache token", "Done"]);
            let other = request.offering(thumbprint(P256, 99)).plan(&client).expect("a plan");
            let mut script = script.forgetting().pairs([pair(98)]);
            prop_assert_eq!(script.run(&other).sent.len(), 1);
        }
    }

    /// I11 and rule 4: a Bearer hit calls nobody, whoever could be called.
    #[test]
    fn i11_a_bearer_hit_calls_no_provider(credential in 0..3, scopes in vec("[a-c]", 1..4), fewer in 0..3_usize) {
        let credential = match credential {
            0 => Credential::assertion_provider(),
            1 => Credential::signed_assertion_provider(),
            _ => Credential::certificate_provider().send_over_mtls(),
        };
        let client = client(credential);
        let mut script = Script::new().pairs([pair(1)]);
        let first = script.run(&TokenRequest::for_app(scopes.clone()).plan(&client).expect("a plan"));
        prop_assert_eq!(first.asked.len(), 1);
        let fewer = scopes[fewer.min(scopes.len() - 1)..].to_vec();
        let second = script.run(&TokenRequest::for_app(fewer).plan(&client).expect("a plan"));
        prop_assert_eq!(second.seen, ["LoadCache token", "Done"]);
    }
}
