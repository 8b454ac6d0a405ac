//! How the flow went, in words: one line for people, and members of the JSON object for programs.

use std::fmt;
use std::time::Duration;

use entra_tokio::{CacheOutcome, Fault, Metadata, RegionOrigin};
use serde_json::{Value, json};

/// One line.
pub(super) struct Line<'a>(pub(super) &'a Metadata);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let metadata = self.0;
        write!(f, "attempts {}", metadata.attempts())?;
        if let Some(endpoint) = metadata.token_endpoint() {
            write!(f, ", endpoint {endpoint}")?;
        }
        let region = metadata.region().map_or("none", |region| region.as_str());
        write!(f, ", region {region}")?;
        if metadata.region_origin() != RegionOrigin::None {
            write!(f, " ({})", origin(metadata.region_origin()))?;
        }
        write!(f, ", cache {}", cache(metadata.cache()))?;
        let [total, http, credential] = durations(metadata);
        write!(
            f,
            ", {total} ms (HTTP {http} ms, credential {credential} ms)"
        )?;
        match metadata.correlation_id() {
            Some(id) => write!(f, ", correlation id {id}"),
            None => Ok(()),
        }
    }
}

/// The members of the JSON object.
pub(super) fn members(metadata: &Metadata) -> Vec<(&'static str, Value)> {
    let [total, http, credential] = durations(metadata);
    vec![
        ("token_endpoint", json!(metadata.token_endpoint())),
        (
            "region",
            json!(metadata.region().map(|region| region.as_str())),
        ),
        ("region_origin", json!(origin(metadata.region_origin()))),
        ("attempts", json!(metadata.attempts())),
        ("cache", json!(cache(metadata.cache()))),
        ("total_ms", json!(total)),
        ("http_ms", json!(http)),
        ("credential_ms", json!(credential)),
        ("correlation_id", json!(metadata.correlation_id())),
    ]
}

fn durations(metadata: &Metadata) -> [u64; 3] {
    [metadata.total(), metadata.http(), metadata.credential()].map(milliseconds)
}

/// No flow takes longer than this can hold.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// How the region was settled.
pub(crate) fn origin(origin: RegionOrigin) -> &'static str {
    match origin {
        RegionOrigin::None => "none",
        RegionOrigin::Configured => "configured",
        RegionOrigin::Forced => "forced",
        RegionOrigin::Variable => "variable",
        RegionOrigin::MetadataService => "metadata_service",
        RegionOrigin::Remembered => "remembered",
        RegionOrigin::Failed => "failed",
        _ => "another",
    }
}

/// Whose fault an error is.
pub(crate) fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Caller => "caller",
        Fault::Refused => "refused",
        Fault::Garbled => "garbled",
        Fault::Environment => "environment",
        _ => "another",
    }
}

fn cache(outcome: CacheOutcome) -> &'static str {
    match outcome {
        CacheOutcome::NotRead => "not_read",
        CacheOutcome::Hit => "hit",
        CacheOutcome::Missing => "missing",
        CacheOutcome::Expired => "expired",
        CacheOutcome::Renewed => "renewed",
        CacheOutcome::Bypassed => "bypassed",
        _ => "another",
    }
}
