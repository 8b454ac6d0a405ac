//! An outside without a network: whoever is asked answers as the play says, and everything works where it says nothing. What it answers
//! are the core's own steps; nothing is decided here.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_proto::{
    Algorithm, Body, ClientAssertion, Failure, FailureKind, Memory, Now, Seed, Signature, Step,
    Turn,
};
use entra_tokio::{CertificateChain, Secret, TokenKind};
use http::{Request, Response};

use crate::options::Brings;

/// What the metadata service says where nobody asks it.
pub(crate) const SOME_REGION: &str = "someregion";
/// How long the tokens of a play live.
const LIFE: u64 = 3_599;

/// What the token service answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// The token that was asked for.
    Token,
    /// A token of the other kind.
    OtherKind,
    /// A refusal: status, `error`, and `Retry-After`.
    Refusal(u16, &'static str, Option<&'static str>),
    /// Nothing.
    Failure(FailureKind),
}

/// Everybody but the core and the application.
#[derive(Clone)]
pub(crate) struct Outside {
    pub(crate) memory: Memory,
    pub(crate) now: Now,
    /// What the provider of assertions brings.
    pub(crate) brings: Provider,
    /// The region that the metadata service names, if it answers.
    pub(crate) region: Option<&'static str>,
    pub(crate) token: Reply,
}

/// What the provider of assertions brings.
#[derive(Clone, Debug)]
pub(crate) enum Provider {
    Assertion,
    Pair(CertificateChain),
}

impl Provider {
    /// As far as the options say; where only the source knows, `either`.
    pub(crate) fn of(brings: &Brings, either: &Self) -> Self {
        match brings {
            Brings::Nothing | Brings::Assertion => Self::Assertion,
            Brings::Pair(chain) => Self::Pair(chain.clone()),
            Brings::Either => either.clone(),
        }
    }
}

/// The dice of a play: the same in every run.
pub(crate) fn dice(number: u8) -> Seed {
    Seed::from_bytes([number; 32])
}

impl Outside {
    /// One that remembers nothing, at this moment.
    pub(crate) fn new(now: Now, brings: Provider) -> Self {
        Self {
            memory: Memory::default(),
            now,
            brings,
            region: Some(SOME_REGION),
            token: Reply::Token,
        }
    }

    /// Whether anything is remembered there.
    pub(crate) fn remembers(&self, key: &entra_proto::PartitionKey) -> bool {
        !self.memory.partition(key).is_empty()
    }

    /// Answers a step. Only a pause takes time.
    pub(crate) fn answer(&mut self, step: Step) -> Step {
        match step {
            Step::LoadCache(load) => {
                let found = self.memory.load(&load);
                load.resume(Ok(found), self.now)
            }
            Step::TakeTurn(take) => take.resume(Turn::Mine, self.now),
            Step::DiscoverRegion(ask) => {
                let answer = match self.region {
                    Some(region) => Ok(json(200, &format!("{{\"location\":\"{region}\"}}"))),
                    None => Err(Failure::new(FailureKind::Timeout)),
                };
                ask.resume(answer, self.now)
            }
            Step::DiscoverInstance(ask) => {
                // An OpenID provider is asked for its configuration, and has its endpoint on its own host.
                let host = ask.request().uri().host().unwrap_or_default();
                let document = format!(
                    "{{\"tenant_discovery_endpoint\":\"https://{host}/\",\"token_endpoint\":\"https://{host}/token\"}}"
                );
                ask.resume(Ok(json(200, &document)), self.now)
            }
            Step::ObtainAssertion(ask) => {
                let assertion = Secret::new("stand.in.assertion");
                let answer = match &self.brings {
                    Provider::Assertion => ClientAssertion::new(assertion),
                    Provider::Pair(chain) => ClientAssertion::bound(assertion, chain.clone()),
                };
                ask.resume(Ok(answer), self.now)
            }
            Step::ObtainCertificate(ask) => {
                let answer = match &self.brings {
                    Provider::Assertion => None,
                    Provider::Pair(chain) => Some(chain.clone()),
                };
                ask.resume(Ok(answer), self.now)
            }
            Step::SignAssertion(sign) => {
                let length = match sign.input().algorithm() {
                    Algorithm::Es256 => 64,
                    Algorithm::Ps256 | Algorithm::Rs256 | _ => 256,
                };
                sign.resume(Ok(Signature::new(vec![0; length])), self.now)
            }
            Step::SendRequest(send) => {
                let answer = self.reply(send.request());
                send.resume(answer, self.now)
            }
            Step::Pause(pause) => {
                self.now = self.now.after(pause.wait());
                pause.resume(self.now)
            }
            Step::SaveCache(save) => {
                self.memory.save(save.key(), save.update(), self.now);
                save.resume(Ok(()), self.now)
            }
            Step::Done(done) => Step::Done(done),
        }
    }

    fn reply(&self, request: &Request<Body>) -> Result<Response<Body>, Failure> {
        let (asked, other, names_user) = kinds(request);
        match self.token {
            Reply::Token => Ok(json(200, &granted(asked, names_user))),
            Reply::OtherKind => Ok(json(200, &granted(other, names_user))),
            Reply::Refusal(status, error, retry_after) => {
                let mut response = json(status, &format!("{{\"error\":\"{error}\"}}"));
                if let Some(value) = retry_after {
                    let value = http::HeaderValue::from_static(value);
                    response
                        .headers_mut()
                        .insert(http::header::RETRY_AFTER, value);
                }
                Ok(response)
            }
            Reply::Failure(kind) => Err(Failure::new(kind)),
        }
    }
}

/// The kind of token that a form asks for, the other kind, and whether it asks for the user's name.
fn kinds(request: &Request<Body>) -> (TokenKind, TokenKind, bool) {
    let (mut bound, mut names_user) = (false, false);
    for (name, _) in url::form_urlencoded::parse(request.body().expose()) {
        bound |= name == "token_type";
        names_user |= name == "client_info";
    }
    match bound {
        true => (TokenKind::MtlsPop, TokenKind::Bearer, names_user),
        false => (TokenKind::Bearer, TokenKind::MtlsPop, names_user),
    }
}

fn granted(kind: TokenKind, names_user: bool) -> String {
    let kind = kind.as_str();
    let user = if names_user {
        let info = URL_SAFE_NO_PAD.encode(r#"{"uid":"user","utid":"tenant"}"#);
        format!(",\"refresh_token\":\"stand-in\",\"client_info\":\"{info}\"")
    } else {
        String::new()
    };
    format!(
        "{{\"token_type\":\"{kind}\",\"access_token\":\"stand-in\",\"expires_in\":{LIFE}{user}}}"
    )
}

fn json(status: u16, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.as_bytes().to_vec()));
    if let Ok(status) = http::StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response
}

/// Now, by the system's wall clock; a play needs no other.
pub(crate) fn now() -> Now {
    let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Now::new(wall.unwrap_or_default(), Duration::ZERO)
}
