//! The outcomes that are refusals, and who refuses: the client before it sends anything, the service, or the client again.

use entra_emulator::{Endpoint, Fault, TENANT_ID, Target};
use entra_tokio::{AccessToken, Error};

use super::report::Report;
use super::stage::{Stage, bearer, pop};
use super::{Failure, REGION};

impl Stage {
    /// Mutual TLS without a region: nothing is sent.
    pub(super) async fn no_region(&self, report: &mut Report) -> Result<(), Failure> {
        let asked = self.with_pairs(None, self.pairs(&self.alpha, &self.alpha)?)?;
        for (name, request, code) in [
            (
                "no region, implicit mTLS",
                bearer(),
                "mtls_bearer_without_region",
            ),
            ("no region, PoP", pop(), "mtls_pop_without_region"),
        ] {
            let before = self.emulator.accepted();
            let got = asked.entra.token(&request).await;
            report.add(self.outcome(
                name,
                format!("{code}, 0 connections"),
                self.before_sending(&got, before),
            ))?;
        }
        Ok(())
    }

    /// Mutual TLS at a tenant that is none: nothing is sent.
    pub(super) async fn common(&self, report: &mut Report) -> Result<(), Failure> {
        let before = self.emulator.accepted();
        let entra = self.certified("common", &self.alpha, 0)?;
        let got = entra.token(&pop()).await;
        report.add(self.outcome(
            "PoP at common",
            "missing_tenanted_authority, 0 connections",
            self.before_sending(&got, before),
        ))?;
        Ok(())
    }

    /// The service refuses a pair that does not belong together.
    pub(super) async fn mixed_pair(&self, report: &mut Report) -> Result<(), Failure> {
        let pairs = self.pairs(&self.alpha, &self.beta)?;
        let got = self
            .with_pairs(Some(REGION), pairs)?
            .entra
            .token(&bearer())
            .await;
        self.steps().ended(&got, 0);
        let refused = refusal(&got);
        let numbers: Vec<String> = got
            .err()
            .iter()
            .flat_map(|error| error.aadsts())
            .map(|number| format!(", AADSTS{number}"))
            .collect();
        report.add(self.outcome(
            "an assertion bound to alpha, sent over beta",
            "invalid_request, AADSTS500181",
            format!("{refused}{}", numbers.concat()),
        ))?;
        Ok(())
    }

    /// The client refuses a token of another kind than it asked for.
    pub(super) async fn other_kind(&self, report: &mut Report) -> Result<(), Failure> {
        self.emulator.fail_next(
            Target::Endpoint(Endpoint::Token),
            Fault::TokenType("Bearer".to_owned()),
        );
        let entra = self.certified(TENANT_ID, &self.alpha, 0)?;
        let got = entra.token(&pop()).await;
        self.steps().ended(&got, 0);
        report.add(self.outcome(
            "a PoP request answered with Bearer",
            "token_type_mismatch",
            refusal(&got),
        ))?;
        Ok(())
    }

    /// A refusal's code, and how many connections there were all the same.
    fn before_sending(&self, got: &Result<AccessToken, Error>, before: usize) -> String {
        self.steps().ended(got, 0);
        let connections = self.emulator.accepted() - before;
        format!("{}, {connections} connections", refusal(got))
    }
}

/// The code of a refusal that was expected; a token is what goes wrong here.
fn refusal(got: &Result<AccessToken, Error>) -> String {
    match got {
        Ok(token) => format!("a token of type {}", token.token_type()),
        Err(error) => error.code().to_owned(),
    }
}
