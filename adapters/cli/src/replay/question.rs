//! Questions: the steps that only a script can answer.

use entra_proto::{
    Body, DiscoverInstance, DiscoverRegion, Failure, FailureKind, Now, ObtainAssertion,
    ObtainCertificate, Pause, SendRequest, SignAssertion, Step, Transport,
};

use super::input::{AssertionAnswer, CertificateAnswer, Response, SignatureAnswer};
use super::output::{Output, Sent, Signing};
use super::scenario::Certificates;
use super::setup;

/// What a flow asked, and waits for.
pub(crate) enum Question {
    Assertion(ObtainAssertion),
    Certificate(ObtainCertificate),
    Signature(SignAssertion),
    Token(SendRequest),
    Region(DiscoverRegion),
    Instance(DiscoverInstance),
    Pause(Pause),
}

/// An answer to whatever a flow asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer<'a> {
    Assertion(&'a AssertionAnswer),
    Certificate(&'a CertificateAnswer),
    Signature(&'a SignatureAnswer),
    Network(Network<'a>),
    /// Enough time has passed.
    Time,
}

/// What came of something that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Network<'a> {
    Response(&'a Response),
    Failed(FailureKind),
}

impl Question {
    /// What the script sees of it.
    pub(crate) fn output(&self) -> Output {
        match self {
            Self::Assertion(step) => Output::WantsAssertion(step.asked_for().clone()),
            Self::Certificate(step) => Output::WantsCertificate(step.asked_for().clone()),
            Self::Signature(step) => Output::WantsSignature(Signing::of(step.input())),
            Self::Token(step) => Output::Sends(Sent::of(step.request(), step.transport())),
            Self::Region(step) => Output::Sends(Sent::of(step.request(), &Transport::Plain)),
            Self::Instance(step) => Output::Sends(Sent::of(step.request(), step.transport())),
            Self::Pause(step) => Output::Waits(step.wait()),
        }
    }

    /// What an answer leads to; the question itself, if it is no answer to it.
    pub(crate) fn answer(
        self: Box<Self>,
        answer: Answer<'_>,
        certificates: &Certificates,
        now: Now,
    ) -> Result<Step, Box<Self>> {
        match (*self, answer) {
            (Self::Assertion(step), Answer::Assertion(answer)) => {
                Ok(step.resume(setup::assertion(answer, certificates), now))
            }
            (Self::Certificate(step), Answer::Certificate(answer)) => {
                Ok(step.resume(setup::certificate(answer, certificates), now))
            }
            (Self::Signature(step), Answer::Signature(answer)) => {
                Ok(step.resume(setup::signature(answer), now))
            }
            (Self::Token(step), Answer::Network(answer)) => Ok(step.resume(answer.received(), now)),
            (Self::Region(step), Answer::Network(answer)) => {
                Ok(step.resume(answer.received(), now))
            }
            (Self::Instance(step), Answer::Network(answer)) => {
                Ok(step.resume(answer.received(), now))
            }
            (Self::Pause(step), Answer::Time) => Ok(step.resume(now)),
            (question, _) => Err(Box::new(question)),
        }
    }

    /// Whether time alone answers it now.
    pub(crate) fn is_due(&self, now: Now) -> bool {
        matches!(self, Self::Pause(pause) if pause.until() <= now.monotonic())
    }

    /// The input that answers it.
    pub(crate) const fn awaits(&self) -> &'static str {
        match self {
            Self::Assertion(_) => "a flow that awaits `assertion`",
            Self::Certificate(_) => "a flow that awaits `certificate`",
            Self::Signature(_) => "a flow that awaits `signature`",
            Self::Token(_) | Self::Region(_) | Self::Instance(_) => "a flow that awaits `response`",
            Self::Pause(_) => "a flow that awaits `advance`",
        }
    }
}

impl Network<'_> {
    fn received(self) -> Result<http::Response<Body>, Failure> {
        match self {
            Self::Response(file) => {
                let mut response = http::Response::new(Body::from(file.body.clone()));
                *response.status_mut() = file.status;
                *response.headers_mut() = file.headers.clone();
                Ok(response)
            }
            Self::Failed(kind) => Err(Failure::new(kind)),
        }
    }
}
