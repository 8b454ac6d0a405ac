//! Seeing what the core decided: an event for each step, and one for each answer that says something. Never a secret.

use std::fmt;
use std::sync::Arc;

use entra_proto::{Body, Done, Failure, Step, Transport};

/// One thing that happened in a flow.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The step's name, such as `SendRequest`.
    pub step: &'static str,
    /// What was asked or answered, for people.
    pub detail: String,
}

/// Told about every event of a client's flows, on whatever thread they happen.
pub type Observer = Arc<dyn Fn(&Event) + Send + Sync>;

impl Event {
    /// Somebody else has the turn that was asked for.
    #[must_use]
    pub fn waiting() -> Self {
        Self {
            step: "TakeTurn",
            detail: "waits for the flight that is on".to_owned(),
        }
    }

    /// What the service answered.
    #[must_use]
    pub fn answered(answer: &Result<http::Response<Body>, Failure>) -> Self {
        let detail = match answer {
            Ok(response) => format!("HTTP {}", response.status().as_u16()),
            Err(failure) => format!("no answer: {:?}", failure.kind()),
        };
        Self {
            step: "answer",
            detail,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<18}{}", self.step, self.detail)
    }
}

/// What a step asks for.
#[must_use]
pub fn describe(step: &Step) -> Event {
    let sent = |request: &http::Request<Body>, over: &Transport| {
        let over = match over {
            Transport::Plain => "plain TLS".to_owned(),
            Transport::Mtls(certificate) => format!("mutual TLS with {}", certificate.thumbprint()),
        };
        format!("{} {} over {over}", request.method(), request.uri())
    };
    let (step, detail) = match step {
        Step::LoadCache(load) => ("LoadCache", format!("{:?}", load.key())),
        Step::TakeTurn(_) => ("TakeTurn", String::new()),
        Step::DiscoverRegion(discover) => (
            "DiscoverRegion",
            format!("GET {}", discover.request().uri()),
        ),
        Step::DiscoverInstance(discover) => (
            "DiscoverInstance",
            sent(discover.request(), discover.transport()),
        ),
        Step::ObtainAssertion(obtain) => (
            "ObtainAssertion",
            format!("for {}", obtain.asked_for().token_endpoint()),
        ),
        Step::ObtainCertificate(obtain) => (
            "ObtainCertificate",
            format!("for {}", obtain.asked_for().token_endpoint()),
        ),
        Step::SignAssertion(sign) => (
            "SignAssertion",
            format!(
                "{} with {}",
                sign.input().algorithm().as_str(),
                sign.input().certificate().thumbprint()
            ),
        ),
        Step::SendRequest(send) => ("SendRequest", sent(send.request(), send.transport())),
        Step::Pause(pause) => ("Pause", format!("{} ms", pause.wait().as_millis())),
        Step::SaveCache(save) => ("SaveCache", format!("{:?}", save.key())),
        Step::Done(done) => ("Done", ended(done)),
    };
    Event { step, detail }
}

fn ended(done: &Done) -> String {
    match done.result() {
        Ok(token) => {
            let bound = token
                .binding_certificate()
                .map_or(String::new(), |certificate| {
                    format!(", bound to {}", certificate.thumbprint())
                });
            format!(
                "{} token from {:?}{bound}",
                token.token_type(),
                token.source()
            )
        }
        Err(error) => error.to_string(),
    }
}
