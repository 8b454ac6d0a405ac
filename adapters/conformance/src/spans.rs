//! What a trace and a counter see of a client (OBS-01 to OBS-03). An adapter runs these in a test binary of their own, for they
//! subscribe to spans.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use entra_adapter::{AssertionSource, Exchange, Metrics, ProvidedAssertion, ProviderError};
use entra_emulator::{Endpoint, Fault, Reply, Target};
use entra_proto::{
    AccessToken, Credential, Error, ProviderContext, RegionSource, Secret, TokenSource,
};
use tracing::field::{Field, Visit};
use tracing::info_span;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::set_global_default;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::world::{CLIENT_ID, SECRET, World, bearer, identity, pop};
use crate::{Driver, Setup};

/// A span that was begun: its name, its parent's, and its fields.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Seen {
    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }
}

impl Visit for Seen {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.fields.insert(field.name(), format!("{value:?}"));
    }
}

/// Collects spans in the order in which they begin, with all fields that they get.
#[derive(Clone, Default)]
struct Trace(Arc<Mutex<Vec<Begun>>>);

/// A span, and the outermost one that it is in.
struct Begun {
    id: Id,
    root: Id,
    seen: Seen,
}

impl<S: tracing::Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Trace {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut seen = Seen {
            name: span.name(),
            parent: span.parent().map(|parent| parent.name()),
            ..Seen::default()
        };
        attributes.record(&mut seen);
        let root = span.scope().from_root().next().unwrap().id();
        let id = id.clone();
        self.0.lock().unwrap().push(Begun { id, root, seen });
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        // An id may come again once its span is closed: the latest has it.
        let mut spans = self.0.lock().unwrap();
        let begun = spans.iter_mut().rev().find(|begun| begun.id == *id);
        values.record(&mut begun.unwrap().seen);
    }
}

/// What `work` on this thread begins, on whatever thread that is.
fn traced<T>(work: impl FnOnce() -> T) -> (T, Vec<Seen>) {
    static TRACE: LazyLock<Trace> = LazyLock::new(|| {
        let trace = Trace::default();
        // Spans alone: where steps are logged as well, a hit takes them.
        let spans = Registry::default()
            .with(LevelFilter::INFO)
            .with(trace.clone());
        set_global_default(spans).unwrap();
        trace
    });
    let trace = &*TRACE;
    let root = info_span!("test");
    let done = root.in_scope(work);
    let (root, spans) = (root.id().unwrap(), trace.0.lock().unwrap());
    let below = spans
        .iter()
        .filter(|begun| begun.root == root && begun.id != root);
    let below = below.map(|begun| begun.seen.clone());
    let ours = |seen: &Seen| seen.name.starts_with("entra.") || seen.name == "provider";
    (done, below.filter(ours).collect())
}

/// A source that has a span of its own.
#[derive(Debug)]
struct Traced(Arc<World>);

impl AssertionSource for Traced {
    fn assertion(&self, _: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        let _entered = info_span!("provider").entered();
        let alpha = &self.0.alpha;
        let assertion = self.0.assertion(Some(alpha));
        Ok(ProvidedAssertion::bound(assertion, identity(alpha)))
    }
}

/// OBS-01: each wait of a flow is a span below the flow's own, with the fields of OpenTelemetry's conventions, and so is what the
/// provider does; a token that is remembered has none.
pub fn obs01_a_trace_shows_each_wait_with_the_fields_of_opentelemetry<D: Driver>() {
    let world = Arc::new(World::new());
    let client = world
        .client(Credential::signed_assertion_provider())
        .region(RegionSource::Discover)
        .build()
        .unwrap();
    let client = D::build(Setup {
        assertion_source: Some(Arc::new(Traced(Arc::clone(&world)))),
        ..world.setup(client)
    })
    .unwrap();
    let request = bearer().query_parameter("dc", "canary-in-a-query");
    let (token, spans) = traced(|| D::token(&client, &request).unwrap());

    let names: Vec<_> = spans.iter().map(|span| (span.name, span.parent)).collect();
    let flow = Some("entra.token");
    assert_eq!(
        names,
        [
            ("entra.token", Some("test")),
            ("entra.obtain_assertion", flow),
            ("provider", Some("entra.obtain_assertion")),
            ("entra.exchange", flow),
            ("entra.exchange", flow),
        ]
    );
    let endpoint = token.token_endpoint().unwrap();
    let of_flow = &spans[0];
    for (field, expected) in [
        ("otel.kind", "internal"),
        ("entra.client_id", CLIENT_ID),
        ("entra.token_type", "Bearer"),
        ("entra.token_source", "network"),
        ("entra.token_endpoint", endpoint),
        ("entra.region", "westus3"),
        ("entra.attempts", "1"),
        ("entra.correlation_id", token.correlation_id().unwrap()),
    ] {
        assert_eq!(of_flow.field(field), Some(expected), "{field}");
    }
    let exchanges: Vec<_> = spans
        .iter()
        .filter(|span| span.name == "entra.exchange")
        .collect();
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02X}"))
            .collect::<String>()
    };
    let thumbprint = hex(identity(&world.alpha).thumbprint().as_bytes());
    for (span, method, host, port, certificate) in [
        (exchanges[0], "GET", "169.254.169.254", "80", None),
        (
            exchanges[1],
            "POST",
            "westus3.mtlsauth.microsoft.com",
            "443",
            Some(thumbprint.as_str()),
        ),
    ] {
        assert_eq!(span.field("otel.kind"), Some("client"));
        assert_eq!(span.field("otel.name"), Some(method));
        assert_eq!(span.field("http.request.method"), Some(method));
        assert_eq!(span.field("server.address"), Some(host));
        assert_eq!(span.field("server.port"), Some(port));
        assert_eq!(span.field("http.response.status_code"), Some("200"));
        assert_eq!(span.field("tls.client.hash.sha256"), certificate);
        assert_eq!(span.field("error.type"), None);
    }
    assert_eq!(
        exchanges[1].field("url.full"),
        Some(endpoint.split('?').next().unwrap())
    );
    assert!(!format!("{spans:?}").contains("canary"), "{spans:?}");

    let (again, spans) = traced(|| D::token(&client, &request).unwrap());
    assert_eq!(again.source(), TokenSource::Cache);
    assert!(spans.is_empty(), "{spans:?}");

    let (bound, spans) = traced(|| D::token(&client, &pop()).unwrap());
    assert_eq!(
        spans[0].field("entra.token_type"),
        Some(bound.token_type().as_str())
    );
    assert_eq!(
        spans[0].field("tls.client.hash.sha256"),
        Some(thumbprint.as_str())
    );
}

/// OBS-02: a failure is an error of its spans, by its code; what is tried again is a pause between two exchanges.
pub fn obs02_a_trace_of_a_failure_says_what_failed<D: Driver>() {
    let world = World::new();
    let credential = Credential::secret(Secret::new(SECRET));
    let client = D::build(world.setup(world.client(credential).build().unwrap())).unwrap();
    for (status, body, code) in [
        (503, "{}", "service_not_available"),
        (
            401,
            r#"{"error":"invalid_client","error_codes":[7000215]}"#,
            "invalid_client",
        ),
    ] {
        let fault = Fault::Reply(Reply::json(status, body));
        world
            .emulator
            .fail_times(2, Target::Endpoint(Endpoint::Token), fault);
        let (result, spans) = traced(|| D::token(&client, &bearer()));
        assert_eq!(result.unwrap_err().code(), code);
        let failed: Vec<_> = spans
            .iter()
            .filter_map(|span| Some((span.name, span.field("error.type")?)))
            .collect();
        let status = status.to_string();
        let exchange = ("entra.exchange", status.as_str());
        let expected = match code {
            "service_not_available" => vec![("entra.token", code), exchange, exchange],
            _ => vec![("entra.token", code), exchange],
        };
        assert_eq!(failed, expected);
        let pauses = spans.iter().filter(|span| span.name == "entra.pause");
        assert_eq!(pauses.count(), expected.len() - 2);
        for span in spans
            .iter()
            .filter(|span| span.field("error.type").is_some())
        {
            assert_eq!(span.field("otel.status_code"), Some("ERROR"));
        }
        let numbers = spans[0].field("entra.aadsts");
        assert_eq!(numbers, (code == "invalid_client").then_some("[7000215]"));
        world.emulator.clear_faults();
    }
}

/// What was told.
#[derive(Default)]
struct Counted(Mutex<Vec<String>>);

impl Metrics for Counted {
    fn acquired(&self, result: &Result<AccessToken, Error>) {
        self.0.lock().unwrap().push(match result {
            Ok(token) => format!("{:?}", token.source()),
            Err(error) => error.code().to_owned(),
        });
    }

    fn exchanged(&self, exchange: &Exchange<'_>) {
        let Exchange {
            method,
            host,
            mutual_tls,
            answer,
            ..
        } = *exchange;
        let answer = match answer {
            Ok(status) => status.as_str().to_owned(),
            Err(kind) => format!("{kind:?}"),
        };
        let over = if mutual_tls { "mutual TLS" } else { "plain" };
        self.0
            .lock()
            .unwrap()
            .push(format!("{method} {host} {over} {answer}"));
    }
}

/// OBS-03: whoever counts is told of every token, remembered or not, of every failure, and of every exchange.
pub fn obs03_metrics_are_told_of_every_token_and_every_exchange<D: Driver>() {
    let world = World::new();
    let (pairs, _) = world.pairs(&world.alpha);
    let counted = Arc::new(Counted::default());
    let client = D::build(Setup {
        metrics: Some(Arc::clone(&counted) as Arc<dyn Metrics>),
        ..world.with_provider(pairs)
    })
    .unwrap();
    for _ in 0..2 {
        D::token(&client, &bearer()).unwrap();
    }
    let refused = Fault::Reply(Reply::json(400, r#"{"error":"invalid_scope"}"#));
    world
        .emulator
        .fail_times(1, Target::Endpoint(Endpoint::Token), refused);
    D::token(&client, &pop()).unwrap_err();
    let exchange = "POST westus3.mtlsauth.microsoft.com mutual TLS";
    assert_eq!(
        *counted.0.lock().unwrap(),
        [
            &format!("{exchange} 200"),
            "Network",
            "Cache",
            &format!("{exchange} 400"),
            "invalid_scope",
        ]
    );
}
