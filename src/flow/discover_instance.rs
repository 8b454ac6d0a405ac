//! Settle where the token endpoint is. Known hosts and listed ones need nobody; an unknown host of Entra's is asked about, and
//! an OpenID provider names its endpoint. Everything but a clear yes fails closed (rule 7).

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use url::Url;

use crate::authority::{AuthorityKind, Endpoints};
use crate::cache::{CacheUpdate, Fact, Note, PartitionKey};
use crate::error::Failure;
use crate::secret::Body;
use crate::time::{Now, Span};
use crate::wire::metadata;

use super::load_cache::{self, Look};
use super::material::{Held, Prepared};
use super::{Flow, Step, Transport, Vetted, done, save_cache, take_turn, throttle};

/// How long a validated host and a fetched endpoint are believed.
const LASTS: Duration = Duration::from_secs(24 * 3_600);
/// How long a document may take.
const TIME_LIMIT: Duration = Duration::from_secs(10);

/// Send [`request`](Self::request): is this host one of Entra's, or where is this provider's token endpoint?
///
/// Answered in the loop of the [crate's documentation](crate).
#[derive(Debug)]
#[must_use]
pub struct DiscoverInstance {
    flow: Box<Flow>,
    key: PartitionKey,
    prepared: Prepared,
    request: Request<Body>,
    asked: Now,
    deadline: Duration,
}

pub(super) fn enter(flow: Box<Flow>, held: Held, now: Now) -> Step {
    let mtls = held.material.binding().is_some();
    let way = match flow.plan.way(mtls, flow.region().as_ref()) {
        Ok(way) => way,
        Err(error) => return done::failed(&flow, error, now),
    };
    let prepared = Prepared { held, way };
    match (key(&flow, &prepared), flow.instance.clone()) {
        (Some(_), Some(vetted)) => settle(flow, prepared, vetted, now),
        (Some(key), None) => load_cache::instance(flow, key, prepared, Look::First),
        (None, _) => throttle::enter(flow, prepared, now),
    }
}

/// Under which key the answer is remembered, if anybody has to be asked.
fn key(flow: &Flow, prepared: &Prepared) -> Option<PartitionKey> {
    let configuration = flow.plan.configuration();
    let authority = &configuration.authority;
    let needed = match authority.kind() {
        AuthorityKind::Oidc => true,
        AuthorityKind::Entra => {
            let plain = prepared.held.material.binding().is_none();
            plain
                && configuration.instance_discovery
                && !configuration.listed
                && !authority.is_known()
        }
        AuthorityKind::Dsts | AuthorityKind::Adfs | AuthorityKind::B2c | AuthorityKind::Ciam => {
            false
        }
    };
    needed.then(|| {
        PartitionKey::fact(Fact::Instance {
            kind: authority.kind(),
            authority: Arc::clone(configuration.plain_key.authority()),
        })
    })
}

/// Goes on with what is remembered of an earlier answer.
pub(super) fn looked(
    flow: Box<Flow>,
    key: PartitionKey,
    prepared: Prepared,
    note: Option<&Arc<Note>>,
    look: Look,
    now: Now,
) -> Step {
    let vetted = remembered(&flow, &prepared, note, now).zip(note);
    match (vetted, look) {
        (Some((vetted, _)), Look::First) => settle(flow, prepared, vetted, now),
        // Written again as it is, for that gives the turn back: who waits for the answer need not wait for this flow's token.
        (Some((vetted, note)), Look::WithTurn) => save_cache::instance(
            flow,
            key,
            CacheUpdate::note(Arc::clone(note)),
            prepared,
            vetted,
        ),
        (None, Look::First) => take_turn::instance(flow, key, prepared),
        (None, Look::WithTurn) => ask(flow, key, prepared, now),
    }
}

/// What a note is worth to this flow's client.
fn remembered(
    flow: &Flow,
    prepared: &Prepared,
    note: Option<&Arc<Note>>,
    now: Now,
) -> Option<Vetted> {
    let lasts = |span: &Span| !span.left(now).is_zero();
    match note.map(Arc::as_ref) {
        Some(Note::ValidInstance(span)) if lasts(span) => Some(Vetted::Host),
        Some(Note::Provider(endpoints, span)) if lasts(span) => Some(endpoints)
            .filter(|endpoints| chosen(flow, prepared, endpoints).is_some())
            .map(|endpoints| Vetted::Provider(endpoints.clone())),
        Some(_) | None => None,
    }
}

/// The endpoint of an OpenID provider that this flow may use.
fn chosen<'a>(flow: &Flow, prepared: &Prepared, endpoints: &'a Endpoints) -> Option<&'a Url> {
    let configuration = flow.plan.configuration();
    endpoints.chosen(
        prepared.held.material.binding().is_some(),
        &configuration.authority,
        &configuration.known_authorities,
    )
}

/// Goes on, and does not ask again in this flow: a pair that grew old on the way, or a second attempt, comes by here once more.
pub(super) fn settle(
    mut flow: Box<Flow>,
    mut prepared: Prepared,
    vetted: Vetted,
    now: Now,
) -> Step {
    if let Vetted::Provider(endpoints) = &vetted {
        match chosen(&flow, &prepared, endpoints) {
            Some(url) => match flow.decided().way_to(url.clone()) {
                Ok(way) => prepared.way = way,
                Err(error) => return done::failed(&flow, error, now),
            },
            None => {
                let error = metadata::invalid_instance(
                    "the OpenID configuration's endpoint for mutual TLS is on a host that is not the authority's",
                );
                return done::failed(&flow, error, now);
            }
        }
    }
    flow.instance = Some(vetted);
    throttle::enter(flow, prepared, now)
}

fn ask(flow: Box<Flow>, key: PartitionKey, prepared: Prepared, now: Now) -> Step {
    let authority = &flow.plan.configuration().authority;
    let url = match authority.kind() {
        AuthorityKind::Oidc => authority.configuration_url(),
        AuthorityKind::Entra
        | AuthorityKind::Dsts
        | AuthorityKind::Adfs
        | AuthorityKind::B2c
        | AuthorityKind::Ciam => metadata::instance_url(authority, flow.decided().tenant.as_ref()),
    };
    let request = Request::get(url)
        .header("accept", "application/json")
        .header("client-request-id", flow.correlation_id().as_str())
        .body(Body::empty());
    match request {
        Ok(request) => Step::DiscoverInstance(DiscoverInstance {
            deadline: now.after(TIME_LIMIT).monotonic().min(flow.deadline()),
            flow,
            key,
            prepared,
            request,
            asked: now,
        }),
        Err(_) => done::failed(
            &flow,
            metadata::invalid_instance("the authority gives no URL to ask"),
            now,
        ),
    }
}

impl DiscoverInstance {
    /// The largest answer worth reading, in bytes.
    pub const MAX_RESPONSE: usize = 64 * 1_024;

    /// What to send.
    #[must_use]
    pub fn request(&self) -> &Request<Body> {
        &self.request
    }

    /// How to connect: always without a client certificate.
    #[must_use]
    pub fn transport(&self) -> &Transport {
        &Transport::Plain
    }

    /// When to give up, on the monotonic clock.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        self.deadline
    }

    /// Goes on if the answer is a clear yes; anything else, or none, ends the flow with `invalid_instance`.
    pub fn resume(self, answer: Result<Response<Body>, Failure>, now: Now) -> Step {
        let (mut flow, prepared) = (self.flow, self.prepared);
        flow.spent.on_http(self.asked, now);
        let configuration = flow.plan.configuration();
        let span = Span::new(now, LASTS);
        let judged = match &answer {
            Err(_) => Err(metadata::invalid_instance(
                "nobody answered the question about the authority's host",
            )),
            Ok(response) if response.body().expose().len() > Self::MAX_RESPONSE => Err(
                metadata::invalid_instance("the answer about the authority's host is too large"),
            ),
            Ok(response) => {
                let (status, body) = (response.status().as_u16(), response.body().expose());
                match configuration.authority.kind() {
                    AuthorityKind::Oidc => metadata::endpoints(
                        status,
                        body,
                        &configuration.authority,
                        &configuration.known_authorities,
                    )
                    .map(|endpoints| Note::Provider(endpoints, span)),
                    AuthorityKind::Entra
                    | AuthorityKind::Dsts
                    | AuthorityKind::Adfs
                    | AuthorityKind::B2c
                    | AuthorityKind::Ciam => {
                        metadata::check_instance(status, body).map(|()| Note::ValidInstance(span))
                    }
                }
            }
        };
        match judged {
            Err(error) => done::failed(&flow, error, now),
            Ok(note) => {
                let vetted = match &note {
                    Note::Provider(endpoints, _) => Vetted::Provider(endpoints.clone()),
                    Note::ValidInstance(_)
                    | Note::Region(_)
                    | Note::NoRegion(_)
                    | Note::RefreshToken(..)
                    | Note::Throttled(..) => Vetted::Host,
                };
                save_cache::instance(flow, self.key, CacheUpdate::note(note), prepared, vetted)
            }
        }
    }
}
