//! Spans of `tracing` for what takes time in a flow, with the fields of OpenTelemetry's conventions where they have one, so that
//! `tracing-opentelemetry` makes traces of them without more. Never a secret, and no query of a URL.
//!
//! A token that is remembered has no span, unless its steps are logged too: nothing takes time then.
//!
//! The loop of the [crate's documentation](crate) has all of them.

use std::fmt::Write;
use std::time::Instant;

use entra_proto::{
    AccessToken, Body, Client, Error, Failure, Plan, Step, Thumbprint, TokenSource, Transport,
};
use http::{Request, Response};
use tracing::field::{Empty, debug};
use tracing::{Span, info_span};

use crate::metrics::{Exchange, Metrics};

/// The span of one flow, from its plan to its end.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[must_use]
pub fn of_flow(client: &Client, plan: &Plan) -> Span {
    info_span!(
        "entra.token",
        otel.kind = "internal",
        otel.status_code = Empty,
        entra.client_id = client.id(),
        entra.token_type = plan.token_kind().as_str(),
        entra.token_source = Empty,
        entra.token_endpoint = Empty,
        entra.region = Empty,
        entra.region_origin = Empty,
        entra.attempts = Empty,
        entra.correlation_id = Empty,
        entra.aadsts = Empty,
        tls.client.hash.sha256 = Empty,
        error.type = Empty,
    )
}

/// How a flow ended.
///
/// The loop of the [crate's documentation](crate) has it in use.
pub fn ended(span: &Span, result: &Result<AccessToken, Error>) {
    if span.is_disabled() {
        return;
    }
    let metadata = match result {
        Ok(token) => {
            let remembered = token.source() == TokenSource::Cache;
            let source = if remembered { "cache" } else { "network" };
            span.record("entra.token_source", source);
            if let Some(certificate) = token.binding_certificate() {
                span.record("tls.client.hash.sha256", hex(certificate.thumbprint()));
            }
            Some(token.metadata())
        }
        Err(error) => {
            failed(span, error.code());
            if !error.aadsts().is_empty() {
                span.record("entra.aadsts", debug(error.aadsts()));
            }
            error.metadata()
        }
    };
    let Some(metadata) = metadata else {
        return;
    };
    span.record("entra.attempts", metadata.attempts());
    span.record("entra.region_origin", debug(metadata.region_origin()));
    let texts = [
        ("entra.token_endpoint", metadata.token_endpoint()),
        (
            "entra.region",
            metadata.region().map(|region| region.as_str()),
        ),
        ("entra.correlation_id", metadata.correlation_id()),
    ];
    for (name, text) in texts {
        if let Some(text) = text {
            span.record(name, text);
        }
    }
}

/// The span of waiting for a flight that is on.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[must_use]
pub fn of_waiting() -> Span {
    info_span!("entra.wait", otel.kind = "internal")
}

/// The span of what a step waits for, unless that is an answer over HTTP ([`Exchanging`]), somebody else's flight
/// ([`of_waiting`]) or nothing.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[must_use]
pub fn of_step(step: &Step) -> Span {
    match step {
        Step::ObtainAssertion(_) => info_span!("entra.obtain_assertion", otel.kind = "internal"),
        Step::ObtainCertificate(_) => {
            info_span!("entra.obtain_certificate", otel.kind = "internal")
        }
        Step::SignAssertion(sign) => info_span!(
            "entra.sign_assertion",
            otel.kind = "internal",
            entra.algorithm = sign.input().algorithm().as_str(),
        ),
        Step::Pause(pause) => info_span!(
            "entra.pause",
            otel.kind = "internal",
            entra.milliseconds = %pause.wait().as_millis(),
        ),
        Step::TakeTurn(_)
        | Step::DiscoverRegion(_)
        | Step::DiscoverInstance(_)
        | Step::SendRequest(_)
        | Step::LoadCache(_)
        | Step::SaveCache(_)
        | Step::Done(_) => Span::none(),
    }
}

/// One exchange over HTTP, until it is answered: its span, and what [`Metrics`] are told of it.
///
/// The loop of the [crate's documentation](crate) has it in use.
#[must_use = "an exchange that nobody ends is told to nobody"]
pub struct Exchanging<'a> {
    span: Span,
    request: &'a Request<Body>,
    over: &'a Transport,
    began: Instant,
}

impl<'a> Exchanging<'a> {
    /// The exchange begins.
    pub fn begin(request: &'a Request<Body>, over: &'a Transport) -> Self {
        let uri = request.uri();
        let span = info_span!(
            "entra.exchange",
            otel.kind = "client",
            otel.name = request.method().as_str(),
            otel.status_code = Empty,
            http.request.method = request.method().as_str(),
            http.response.status_code = Empty,
            server.address = uri.host().unwrap_or_default(),
            server.port = Empty,
            url.full = Empty,
            tls.client.hash.sha256 = Empty,
            error.type = Empty,
        );
        if !span.is_disabled() {
            let secure = uri.scheme_str() != Some("http");
            let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
            span.record("server.port", port);
            span.record("url.full", without_query(uri));
            if let Transport::Mtls(certificate) = over {
                span.record("tls.client.hash.sha256", hex(certificate.thumbprint()));
            }
        }
        Self {
            span,
            request,
            over,
            began: Instant::now(),
        }
    }

    /// To be entered while the answer is awaited.
    #[must_use]
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// What came of it.
    pub fn end(self, answer: &Result<Response<Body>, Failure>, metrics: Option<&dyn Metrics>) {
        match answer {
            Ok(response) => {
                let status = response.status();
                self.span
                    .record("http.response.status_code", status.as_u16());
                if status.is_client_error() || status.is_server_error() {
                    failed(&self.span, status.as_str());
                }
            }
            Err(failure) => failed(&self.span, &format!("{:?}", failure.kind())),
        }
        if let Some(metrics) = metrics {
            metrics.exchanged(&Exchange {
                method: self.request.method(),
                host: self.request.uri().host().unwrap_or_default(),
                mutual_tls: matches!(self.over, Transport::Mtls(_)),
                answer: match answer {
                    Ok(response) => Ok(response.status()),
                    Err(failure) => Err(failure.kind()),
                },
                took: self.began.elapsed(),
            });
        }
    }
}

fn failed(span: &Span, kind: &str) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}

fn without_query(uri: &http::Uri) -> String {
    let (scheme, host) = (uri.scheme_str(), uri.authority());
    let host = host.map_or("", |host| host.as_str());
    format!("{}://{host}{}", scheme.unwrap_or("https"), uri.path())
}

/// As the conventions have it: upper case, without separators.
fn hex(thumbprint: Thumbprint) -> String {
    let mut text = String::with_capacity(64);
    for byte in thumbprint.as_bytes() {
        let _ = write!(text, "{byte:02X}");
    }
    text
}
