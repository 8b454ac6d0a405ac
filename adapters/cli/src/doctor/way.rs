//! The way to the token request: the core's own steps, up to the moment before a credential would be sent. Where a step asks something
//! that needs no credential, such as the region, it is really asked; where the key is to sign, it really signs, for nobody.

use entra_proto::{Body, Failure, Plan, Step, Transport};
use entra_tokio::{Client, ClientIdentity, EntraClient};
use http::{Request, Response, Uri};

use super::report::Check;
use crate::options::{Brings, Loaded, advice, what};
use crate::outside::{Outside, Provider, dice, now};

/// Where the token request would go.
#[derive(Clone, Debug)]
pub(super) struct Goal {
    pub(super) uri: Uri,
    pub(super) is_mtls: bool,
}

pub(super) struct Way {
    pub(super) checks: Vec<Check>,
    /// None if it does not get there.
    pub(super) goal: Option<Goal>,
}

pub(super) async fn walk(
    client: &Client,
    plan: &Plan,
    loaded: &Loaded,
    asks: Option<&EntraClient>,
) -> Way {
    let mut outside = Outside::new(now(), Provider::of(&loaded.brings, &Provider::Assertion));
    let mut checks = Vec::new();
    if let Some(region) = client.region() {
        checks.push(Check::ok(
            "region",
            format!("{region}; it need not be discovered"),
        ));
    }
    let mut step = plan.clone().start(dice(1), outside.now);
    loop {
        step = match (step, asks) {
            (Step::DiscoverRegion(ask), Some(asks)) => {
                let answer = put(asks, ask.request()).await;
                checks.push(of_region(&answer));
                ask.resume(answer, outside.now)
            }
            (Step::DiscoverRegion(ask), None) => {
                checks.push(Check::skipped(
                    "region",
                    "to be discovered; nobody is asked",
                ));
                outside.answer(Step::DiscoverRegion(ask))
            }
            (Step::DiscoverInstance(ask), Some(asks)) => {
                let answer = put(asks, ask.request()).await;
                checks.push(of_instance(ask.request(), &answer));
                ask.resume(answer, outside.now)
            }
            (Step::SignAssertion(sign), _) => match &loaded.identity {
                Some(identity) => {
                    let algorithm = sign.input().algorithm().as_str();
                    let signature = identity.sign(sign.input());
                    checks.push(of_signature(algorithm, signature.as_ref().err(), identity));
                    sign.resume(signature, outside.now)
                }
                None => outside.answer(Step::SignAssertion(sign)),
            },
            (Step::SendRequest(send), _) => {
                let goal = Goal {
                    uri: send.request().uri().clone(),
                    is_mtls: matches!(send.transport(), Transport::Mtls(_)),
                };
                let over = if goal.is_mtls {
                    "mutual TLS"
                } else {
                    "plain TLS"
                };
                let mut says =
                    format!("{} token over {over}, POST {}", plan.token_kind(), goal.uri);
                if matches!(loaded.brings, Brings::Either) {
                    says.push_str("; with a certificate from the command over mutual TLS");
                }
                checks.push(Check::ok("configuration", says));
                return Way {
                    checks,
                    goal: Some(goal),
                };
            }
            (Step::Done(done), _) => {
                if let Err(error) = done.result() {
                    checks.push(Check::failed("configuration", what(error), advice(error)));
                }
                return Way { checks, goal: None };
            }
            (other, _) => outside.answer(other),
        };
    }
}

async fn put(asks: &EntraClient, request: &Request<Body>) -> Result<Response<Body>, Failure> {
    asks.probe(request.uri(), request.headers()).await
}

fn of_region(answer: &Result<Response<Body>, Failure>) -> Check {
    let advice = "name the region with --region; the metadata service is on Azure's machines alone";
    match answer {
        Ok(response) if response.status() == 200 => {
            Check::ok("region", "the metadata service answers")
        }
        Ok(response) => Check::warning(
            "region",
            format!(
                "the metadata service answers HTTP {}",
                response.status().as_u16()
            ),
            advice,
        ),
        Err(failure) => Check::warning(
            "region",
            format!("the metadata service does not answer: {:?}", failure.kind()),
            advice,
        ),
    }
}

fn of_instance(request: &Request<Body>, answer: &Result<Response<Body>, Failure>) -> Check {
    let host = request.uri().host().unwrap_or_default();
    match answer {
        Ok(response) => Check::ok(
            "authority's host",
            format!(
                "{host} was asked about it: HTTP {}",
                response.status().as_u16()
            ),
        ),
        Err(failure) => Check::warning(
            "authority's host",
            format!(
                "{host} was asked about it, and did not answer: {:?}",
                failure.kind()
            ),
            "check name resolution, proxy and firewall",
        ),
    }
}

fn of_signature(algorithm: &str, failure: Option<&Failure>, identity: &ClientIdentity) -> Check {
    let certificate = identity.thumbprint();
    match failure {
        None => Check::ok(
            "key",
            format!("it signs {algorithm}, as assertions are to be signed"),
        ),
        Some(_) => Check::warning(
            "key",
            format!("the key of {certificate} does not sign {algorithm}"),
            "use a key that does; RS256 is tried in its place",
        ),
    }
}
