//! The hosts on the way: whether they answer over trusted TLS, whether the tenant is known there, and how late it is there.

use std::time::{Duration, SystemTime};

use entra_proto::{Body, Failure, FailureKind};
use entra_tokio::{AuthorityKind, Client, EntraClient};
use http::{HeaderMap, Response, Uri};

use super::report::Check;
use super::way::Goal;
use crate::options::Options;
use crate::options::authority::variable;

/// So much a clock may be wrong before somebody should look at it.
const DOUBTFUL: u64 = 60;
/// So much, and assertions are refused: what Entra allows between two clocks.
const WRONG: u64 = 300;

/// How Entra's refusal begins where the tenant is not known.
const UNKNOWN_TENANT: &str = "AADSTS90002:";

pub(super) async fn check(client: &Client, goal: &Goal, asks: &EntraClient) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut clock = None;
    let mut hosts = vec![document(client, &goal.uri)];
    let own = client.authority().host();
    // The login host serves the documents in any case; the token request may go elsewhere.
    if goal.uri.host() != Some(own)
        && let Some(uri) = document_at(own, &goal.uri)
    {
        hosts.insert(0, Some(uri));
    }
    for (place, uri) in hosts.into_iter().flatten().enumerate() {
        let before = SystemTime::now();
        let answer = asks.probe(&uri, &HeaderMap::new()).await;
        let took = before.elapsed().unwrap_or_default();
        let name = if place == 0 { "authority" } else { "endpoint" };
        let is_goal = uri.host() == goal.uri.host();
        checks.push(of(name, &uri, &answer, goal.is_mtls && is_goal));
        if let (None, Ok(response)) = (&clock, &answer) {
            clock = of_clock(response, before, took);
        }
    }
    checks.extend(clock);
    checks
}

/// What anybody may read at the endpoint's host: the OpenID document, where the endpoint's path tells where it is.
fn document(client: &Client, endpoint: &Uri) -> Option<Uri> {
    let host = endpoint.authority()?.as_str();
    match client.authority().kind() {
        AuthorityKind::Oidc => format!("https://{host}/").parse().ok(),
        AuthorityKind::Entra
        | AuthorityKind::Dsts
        | AuthorityKind::Adfs
        | AuthorityKind::B2c
        | AuthorityKind::Ciam
        | _ => document_at(host, endpoint),
    }
}

fn document_at(host: &str, endpoint: &Uri) -> Option<Uri> {
    let path = endpoint.path();
    let (base, version) = match path.strip_suffix("/oauth2/v2.0/token") {
        Some(base) => (base, "/v2.0"),
        None => (path.strip_suffix("/oauth2/token")?, ""),
    };
    format!("https://{host}{base}{version}/.well-known/openid-configuration")
        .parse()
        .ok()
}

fn of(
    name: &'static str,
    uri: &Uri,
    answer: &Result<Response<Body>, Failure>,
    may_want_certificate: bool,
) -> Check {
    let host = uri.host().unwrap_or_default();
    let response = match answer {
        Ok(response) => response,
        Err(failure)
            if may_want_certificate && failure.kind() == FailureKind::CertificateRejected =>
        {
            return Check::ok(
                name,
                format!("{host} answers, and wants a client certificate"),
            );
        }
        Err(failure) => return unreachable(name, host, failure),
    };
    let status = response.status().as_u16();
    let refusal: serde_json::Value =
        serde_json::from_slice(response.body().expose()).unwrap_or_default();
    let description = refusal["error_description"].as_str().unwrap_or_default();
    if status == 400 && description.starts_with(UNKNOWN_TENANT) {
        return Check::failed(
            name,
            format!("{host} answers, and does not know the tenant"),
            "check the tenant, and that it is in this cloud",
        );
    }
    if status >= 500 {
        return Check::warning(
            name,
            format!("{host} answers HTTP {status}"),
            "try again later",
        );
    }
    Check::ok(
        name,
        format!("{host} answers over trusted TLS: HTTP {status}"),
    )
}

fn unreachable(name: &'static str, host: &str, failure: &Failure) -> Check {
    let (what, advice) = match failure.kind() {
        FailureKind::Tls => (
            "is not trusted, or TLS fails",
            "check the trusted roots (--ca-file), the clock, and whatever inspects TLS on the way",
        ),
        FailureKind::Timeout => ("does not answer in time", "check proxy and firewall"),
        FailureKind::Connect => (
            "can't be reached",
            "check name resolution, proxy and firewall",
        ),
        FailureKind::Closed
        | FailureKind::Garbled
        | FailureKind::TooLarge
        | FailureKind::CertificateNotRequested
        | FailureKind::CertificateRejected
        | FailureKind::Provider
        | FailureKind::UnsupportedAlgorithm
        | FailureKind::Cache
        | _ => (
            "does not answer as a token service does",
            "find out what answers in its place",
        ),
    };
    Check::failed(name, format!("{host} {what}"), advice)
}

/// How far this machine's clock is from the service's, as its `Date` tells it: to the second, so no closer than that.
fn of_clock(response: &Response<Body>, before: SystemTime, took: Duration) -> Option<Check> {
    let date = response.headers().get(http::header::DATE)?.to_str().ok()?;
    let theirs = httpdate::parse_http_date(date).ok()?;
    let ours = before.checked_add(took / 2)?;
    let (off, which) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    // Half a second for what `Date` does not tell, and half for the way.
    let off = off
        .saturating_sub(Duration::from_secs(1) + took / 2)
        .as_secs();
    let advice = "set the clock, or let it be set (NTP)";
    Some(match off {
        0 => Check::ok("clock", "as the service's, to the second"),
        off if off > WRONG => {
            let says = format!("{off} s {which} the service's: assertions would be refused");
            Check::failed("clock", says, advice)
        }
        off if off > DOUBTFUL => {
            Check::warning("clock", format!("{off} s {which} the service's"), advice)
        }
        off => Check::ok("clock", format!("{off} s {which} the service's")),
    })
}

/// Which proxies the environment names, without what they want for a password.
pub(super) fn proxies(options: &Options, goal: Option<&Goal>) -> Check {
    const NAME: &str = "proxy";
    let set: Vec<_> = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]
        .into_iter()
        .filter(|name| variable(name).is_some())
        .collect();
    let Some(first) = set.first() else {
        return Check::ok(NAME, "none is named");
    };
    if options.ignores_proxies() {
        return Check::ok(
            NAME,
            format!("{first} is set and not used, for --no-proxy is given"),
        );
    }
    let except = ["NO_PROXY", "no_proxy"]
        .into_iter()
        .find(|name| variable(name).is_some());
    let except = except.map_or(String::new(), |name| format!(", but for what {name} names"));
    let says = format!("requests go through what {first} names{except}");
    match goal {
        Some(goal) if goal.is_mtls => Check::warning(
            NAME,
            says,
            "mutual TLS passes only through a proxy that does not open TLS; if it fails, name the host in NO_PROXY",
        ),
        Some(_) | None => Check::ok(NAME, says),
    }
}
