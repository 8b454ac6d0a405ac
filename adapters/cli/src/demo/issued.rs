//! The outcomes that are tokens: implicit mutual TLS, proof of possession, two legs, a rotated certificate.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use entra_emulator::TENANT_ID;
use entra_tokio::{Body, Error, ProvidedAssertion, ProviderContext, TokenRequest};

use super::report::Report;
use super::stage::{Stage, bearer, pop, source};
use super::{Failure, REGION};

/// Where mutual TLS with the region goes.
const HOST: &str = "eastus.mtlsauth.microsoft.com";

impl Stage {
    /// A Bearer token through implicit mTLS, and the same again from the cache.
    pub(super) async fn implicit(&self, report: &mut Report) -> Result<(), Failure> {
        let asked = self.with_pairs(Some(REGION), self.pairs(&self.alpha, &self.alpha)?)?;
        let calls = || match asked.calls.load(Ordering::SeqCst) {
            1 => "once".to_owned(),
            calls => format!("{calls} times"),
        };
        let got = asked.entra.token(&bearer()).await;
        self.steps().ended(&got, 0);
        report.add(self.outcome(
            "a Bearer token through implicit mTLS",
            format!("Bearer token, sent to {HOST} over alpha, provider asked once"),
            told(got.map(|token| format!("{}, provider asked {}", self.sent(&token), calls()))),
        ))?;

        let before = self.emulator.accepted();
        let got = asked.entra.token(&bearer()).await;
        self.steps().ended(&got, 0);
        report.add(self.outcome(
            "the same again",
            "Bearer token from the cache, provider not asked again, 0 new connections",
            told(got.map(|token| {
                let again = match asked.calls.load(Ordering::SeqCst) {
                    1 => "not asked again".to_owned(),
                    _ => format!("asked {}", calls()),
                };
                format!(
                    "{} token from {}, provider {again}, {} new connections",
                    token.token_type(),
                    source(&token),
                    self.emulator.accepted() - before
                )
            })),
        ))?;
        Ok(())
    }

    /// A bound token, and the resource that takes it over its own certificate only.
    pub(super) async fn proof_of_possession(&self, report: &mut Report) -> Result<(), Failure> {
        let entra = self.certified(TENANT_ID, &self.alpha, 0)?;
        let got = entra.token(&pop()).await;
        self.steps().ended(&got, 0);
        let shown = got
            .as_ref()
            .map(|token| format!("{}, bound to {}", self.sent(token), self.bound(token)))
            .map_err(Clone::clone);
        report.add(self.outcome(
            "a PoP token with a certificate",
            format!("mtls_pop token, sent to {HOST} over alpha, bound to alpha"),
            told(shown),
        ))?;

        let got = match &got {
            Err(_) => "no token to call it with".to_owned(),
            Ok(token) => {
                let url = format!("https://{}/secrets/answer", self.emulator.resource_host());
                let request = http::Request::get(url).body(Body::empty())?;
                match entra.send(token, request).await {
                    Ok(answer) => {
                        let (scheme, over) = self.called();
                        let status = answer.status().as_u16();
                        self.steps().add(&format!("{:<18}HTTP {status}", "answer"));
                        format!("HTTP {status} for {scheme} over {over}")
                    }
                    Err(failure) => format!("no answer: {:?}", failure.kind()),
                }
            }
        };
        report.add(self.outcome(
            "a call of the protected resource with it",
            "HTTP 200 for mtls_pop over alpha",
            got,
        ))?;
        Ok(())
    }

    /// The scheme and the certificate of the last request, by the emulator's record, which is noted as a step.
    fn called(&self) -> (String, String) {
        let Some(request) = self.emulator.requests().pop() else {
            return ("nothing".to_owned(), "nothing".to_owned());
        };
        let scheme = request
            .header("authorization")
            .and_then(|value| value.split_whitespace().next())
            .unwrap_or("nothing")
            .to_owned();
        let thumbprint = request.client_thumbprint();
        self.steps().add(&format!(
            "{:<18}{} {} with {scheme} over mutual TLS with {}",
            "send",
            request.method,
            request.url(),
            thumbprint.as_deref().unwrap_or("no certificate"),
        ));
        (scheme, self.name(thumbprint))
    }

    /// The PoP token of the first leg is the bound assertion of the second.
    pub(super) async fn two_legs(&self, report: &mut Report) -> Result<(), Failure> {
        let first = self.certified(TENANT_ID, &self.alpha, 1)?;
        let steps = self.steps().clone();
        let provider = move |_: ProviderContext| {
            let (first, steps) = (first.clone(), steps.clone());
            async move {
                let exchange = TokenRequest::for_app(["api://AzureADTokenExchange/.default"])
                    .proof_of_possession();
                let got = first.token(&exchange).await;
                steps.ended(&got, 1);
                let token = got?;
                let bound_to = token
                    .binding_certificate()
                    .ok_or("the first leg's token is not bound")?;
                let identity = first
                    .identity(bound_to.thumbprint())
                    .ok_or("the first leg's identity is gone")?;
                Ok(ProvidedAssertion::bound(token.secret().clone(), identity))
            }
        };
        let second = self
            .seen(Self::federated(Some(REGION))?, 0)?
            .assertion_provider(provider)
            .build()?;
        for (name, request, expected) in [
            (
                "two legs, ending in a Bearer token",
                bearer(),
                format!("Bearer token, sent to {HOST} over alpha, bound to no certificate"),
            ),
            (
                "two legs, ending in a PoP token",
                pop(),
                format!("mtls_pop token, sent to {HOST} over alpha, bound to alpha"),
            ),
        ] {
            let got = second.token(&request).await;
            self.steps().ended(&got, 0);
            let got =
                got.map(|token| format!("{}, bound to {}", self.sent(&token), self.bound(&token)));
            report.add(self.outcome(name, expected, told(got)))?;
        }
        Ok(())
    }

    /// One client, whose provider returns another certificate from the second call on: another connection, another token.
    pub(super) async fn rotation(&self, report: &mut Report) -> Result<(), Failure> {
        let old = self.pairs(&self.alpha, &self.alpha)?;
        let new = self.pairs(&self.beta, &self.beta)?;
        let calls = Arc::new(AtomicUsize::new(0));
        let provider = move |_: ProviderContext| {
            let is_first = calls.fetch_add(1, Ordering::SeqCst) == 0;
            let provided = if is_first { old.next() } else { new.next() };
            async move { Ok(provided) }
        };
        let entra = self
            .seen(Self::federated(Some(REGION))?, 0)?
            .assertion_provider(provider)
            .build()?;
        for (name, certificate) in [
            ("before a rotation of the certificate", "alpha"),
            ("after it", "beta"),
        ] {
            let before = self.emulator.accepted();
            let got = entra.token(&pop()).await;
            self.steps().ended(&got, 0);
            report.add(self.outcome(
                name,
                format!("mtls_pop token, sent to {HOST} over {certificate}, bound to {certificate}, 1 new connection"),
                told(got.map(|token| {
                    let connections = self.emulator.accepted() - before;
                    let plural = if connections == 1 { "" } else { "s" };
                    format!(
                        "{}, bound to {}, {connections} new connection{plural}",
                        self.sent(&token),
                        self.bound(&token)
                    )
                })),
            ))?;
        }
        Ok(())
    }
}

/// What came of it, or why nothing did.
fn told(got: Result<String, Error>) -> String {
    got.unwrap_or_else(|error| error.to_string())
}
