//! Sign an assertion of ours (rule 9): made for the very URL that it goes to, with a fresh `jti` for each attempt.

use crate::certificate::Certificate;
use crate::error::{Code, Error, Failure, FailureKind};
use crate::plan::CertificateUse;
use crate::time::Now;
use crate::wire::assertion::{Algorithm, Claims, Signature, SigningInput};

use super::material::{Material, Prepared};
use super::{Flow, Step, done, send_request};

/// Sign [`input`](Self::input) with the key of its certificate.
///
/// Answered in the loop of the [crate's documentation](crate); what is signed has an example at [`SigningInput`].
#[derive(Debug)]
#[must_use]
pub struct SignAssertion {
    flow: Box<Flow>,
    prepared: Prepared,
    input: SigningInput,
    since: Now,
}

/// Assertions from elsewhere and secrets need no signature; a certificate that is only presented needs none either (rule 8).
pub(super) fn enter(flow: Box<Flow>, prepared: Prepared, now: Now) -> Step {
    let signed = match &prepared.held.material {
        Material::Secret(_)
        | Material::Assertion(..)
        | Material::Certificate(_, CertificateUse::Present) => None,
        Material::Certificate(certificate, _) => Some(certificate.clone()),
    };
    match signed {
        None => send_request::enter(flow, prepared, None, now),
        Some(certificate) => {
            let takes_ps256 = flow.plan.configuration().authority.takes_ps256();
            match Algorithm::first(&certificate, takes_ps256) {
                Ok(algorithm) => ask(flow, prepared, &certificate, algorithm, now),
                Err(error) => done::failed(&flow, error, now),
            }
        }
    }
}

fn ask(
    flow: Box<Flow>,
    prepared: Prepared,
    certificate: &Certificate,
    algorithm: Algorithm,
    now: Now,
) -> Step {
    let use_of = match &prepared.held.material {
        Material::Certificate(_, use_of) => *use_of,
        Material::Secret(_) | Material::Assertion(..) => CertificateUse::Present,
    };
    let x5c = match use_of {
        CertificateUse::Sign { x5c } => x5c,
        CertificateUse::SignAndPresent | CertificateUse::Present => true,
    };
    let id = flow.seed.uuid("jti", flow.attempt_number());
    let claims = Claims {
        audience: &prepared.way.url,
        client: &flow.plan.configuration().id,
        id: id.as_str(),
        now: now.wall(),
        own: flow.decided().own_claims.as_ref(),
    };
    let input = claims.to_sign(certificate, algorithm, x5c);
    Step::SignAssertion(SignAssertion {
        flow,
        prepared,
        input,
        since: now,
    })
}

impl SignAssertion {
    /// What to sign, with which key and by which algorithm.
    #[must_use]
    pub fn input(&self) -> &SigningInput {
        &self.input
    }

    /// Goes on with the signature. A key that can't do PS256 ([`FailureKind::UnsupportedAlgorithm`]) is asked for RS256 once
    /// (MSAL.NET PR 6126).
    pub fn resume(self, signature: Result<Signature, Failure>, now: Now) -> Step {
        let Self {
            mut flow,
            prepared,
            input,
            since,
        } = self;
        flow.spent.on_credential(since, now);
        let failure = match signature {
            Ok(signature) => match input.complete(&signature) {
                Ok(assertion) => {
                    return send_request::enter(flow, prepared, Some(&assertion), now);
                }
                Err(error) => return done::failed(&flow, error, now),
            },
            Err(failure) => failure,
        };
        let fall_back = input
            .algorithm()
            .next()
            .filter(|_| failure.kind() == FailureKind::UnsupportedAlgorithm);
        match fall_back {
            Some(algorithm) => {
                let certificate = input.certificate().clone();
                ask(flow, prepared, &certificate, algorithm, now)
            }
            None => {
                let what = format!(
                    "the signer did not sign with {}",
                    input.algorithm().as_str()
                );
                done::failed(
                    &flow,
                    Error::new(Code::SigningFailed, what).detail(failure.into_detail()),
                    now,
                )
            }
        }
    }
}
