//! Seeing what the core decided: an event for each step, and one for each answer that says something. Never a secret.

use std::fmt;
use std::sync::Arc;

use entra_proto::{Body, Done, Failure, Step, TokenSource, Transport};

/// One thing that happened in a flow.
///
/// ```
/// use entra_adapter::Event;
///
/// assert_eq!(Event::waiting().step, "TakeTurn");
/// let answer = Ok(http::Response::new(entra_proto::Body::empty()));
/// assert!(Event::answered(&answer).detail.contains("200"));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Event {
    /// The step's name, such as `SendRequest`.
    pub step: &'static str,
    /// What was asked or answered, for people.
    pub detail: String,
}

/// Told about every event of a client's flows, on whatever thread they happen.
///
/// ```
/// use std::sync::{Arc, Mutex};
/// use entra_adapter::{Event, Observer};
///
/// let lines = Arc::new(Mutex::new(Vec::new()));
/// let kept = Arc::clone(&lines);
/// let observer: Observer = Arc::new(move |event: &Event| kept.lock().unwrap().push(event.to_string()));
/// observer(&Event::waiting());
/// assert_eq!(lines.lock().unwrap().len(), 1);
/// ```
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
        match self.detail.as_str() {
            "" => f.write_str(self.step),
            detail => write!(f, "{:<18}{detail}", self.step),
        }
    }
}

/// What a step asks for.
///
/// The loop of the [crate's documentation](crate) tells it before each step.
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

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not remembered was fetched"
)]
fn ended(done: &Done) -> String {
    match done.result() {
        Ok(token) => {
            let bound = token
                .binding_certificate()
                .map_or(String::new(), |certificate| {
                    format!(", bound to {}", certificate.thumbprint())
                });
            let source = match token.source() {
                TokenSource::Cache => "the cache",
                _ => "the service",
            };
            format!("{} token from {source}{bound}", token.token_type())
        }
        Err(error) => error.to_string(),
    }
}
