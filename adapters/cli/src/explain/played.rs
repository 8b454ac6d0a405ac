//! A flow of the core, played without a network: its steps as scenes, and what was seen of it.

use std::time::Duration;

use entra_proto::{PartitionKey, Plan, Remembered, Step};
use entra_tokio::{AccessToken, Error, TokenSource};

use super::names::Names;
use super::sent::{Sent, Signed};
use crate::outside::{Outside, Provider, dice};

/// Who takes part.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Party {
    Application,
    Core,
    Cache,
    Provider,
    Imds,
    Service,
}

impl Party {
    pub(super) const ALL: [Self; 6] = [
        Self::Application,
        Self::Core,
        Self::Cache,
        Self::Provider,
        Self::Imds,
        Self::Service,
    ];

    /// As programs read it.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::Core => "core",
            Self::Cache => "cache",
            Self::Provider => "provider",
            Self::Imds => "imds",
            Self::Service => "entra",
        }
    }
}

/// One step: what the core asks of whom, and the answer.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// The step's name, such as `SendRequest`.
    pub(super) step: &'static str,
    /// Whom the core asks; itself where it waits.
    pub(super) to: Party,
    /// What is asked, in a few words.
    pub(super) asks: String,
    /// What there is to say besides, such as a URL.
    pub(super) detail: Option<String>,
    /// The answer; none where nothing comes back.
    pub(super) answer: Option<String>,
    /// Whether the connection is one with the client's certificate.
    pub(super) is_mtls: bool,
}

/// What was seen of a flow.
#[derive(Clone, Debug)]
pub(super) struct Played {
    pub(super) scenes: Vec<Scene>,
    pub(super) sent: Vec<Sent>,
    pub(super) signed: Vec<Signed>,
    /// The key under which the token is remembered, as it was when the flow used it last.
    pub(super) key: Option<PartitionKey>,
    /// How often the provider was asked, and whether that was before the first look into the cache.
    pub(super) asked: usize,
    pub(super) asked_first: bool,
    /// Who was asked about the host.
    pub(super) instance: Option<String>,
    pub(super) region_asked: bool,
    pub(super) pauses: Vec<Duration>,
    /// Whether the service's wish to be left alone was remembered.
    pub(super) throttled: bool,
    pub(super) result: Result<AccessToken, Error>,
}

/// Plays the plan's flow to its end.
pub(super) fn play(plan: &Plan, outside: &mut Outside, names: &Names, number: u8) -> Played {
    let mut played = Played {
        scenes: Vec::new(),
        sent: Vec::new(),
        signed: Vec::new(),
        key: None,
        asked: 0,
        asked_first: false,
        instance: None,
        region_asked: false,
        pauses: Vec::new(),
        throttled: false,
        result: Err(Error::cancelled()),
    };
    let mut step = plan.clone().start(dice(number), outside.now);
    loop {
        if let Step::Done(done) = step {
            played.scenes.push(ended(done.result(), names));
            played.result = done.into_result();
            return played;
        }
        let scene = played.note(&step, outside, names);
        let place = played.scenes.len();
        let sends = matches!(step, Step::SendRequest(_));
        played.scenes.extend(scene);
        step = outside.answer(step);
        if sends && let Some(scene) = played.scenes.get_mut(place) {
            scene.answer = Some(answered(&step, outside));
        }
    }
}

impl Played {
    fn note(&mut self, step: &Step, outside: &Outside, names: &Names) -> Option<Scene> {
        let scene = |step, to, asks: &str, answer: &str| Scene {
            step,
            to,
            asks: asks.to_owned(),
            detail: None,
            answer: (!answer.is_empty()).then(|| answer.to_owned()),
            is_mtls: false,
        };
        Some(match step {
            Step::LoadCache(load) => {
                let key = load.key();
                if key.remembers() == Remembered::Tokens {
                    self.key = Some(key.clone());
                }
                let found = if outside.remembers(key) { "yes" } else { "no" };
                scene("LoadCache", Party::Cache, looks_for(key.remembers()), found)
            }
            Step::TakeTurn(_) => scene("TakeTurn", Party::Core, "waits for its turn", ""),
            Step::DiscoverRegion(ask) => {
                self.region_asked = true;
                let answer = outside.region.unwrap_or("no answer");
                let url = format!("GET {}", ask.request().uri());
                Scene {
                    detail: Some(url),
                    ..scene(
                        "DiscoverRegion",
                        Party::Imds,
                        "which region is this?",
                        answer,
                    )
                }
            }
            Step::DiscoverInstance(ask) => {
                let uri = ask.request().uri();
                self.instance = uri.host().map(str::to_owned);
                Scene {
                    detail: Some(format!("GET {uri}")),
                    ..scene(
                        "DiscoverInstance",
                        Party::Service,
                        "is this host to be trusted?",
                        "yes",
                    )
                }
            }
            Step::ObtainAssertion(ask) => {
                self.asked_first |= self.scenes.is_empty();
                self.asked += 1;
                let answer = match &outside.brings {
                    Provider::Assertion => "an assertion alone".to_owned(),
                    Provider::Pair(chain) => {
                        format!("an assertion, bound to {}", names.of_chain(chain))
                    }
                };
                Scene {
                    detail: Some(format!("for {}", ask.asked_for().token_endpoint())),
                    ..scene(
                        "ObtainAssertion",
                        Party::Provider,
                        "an assertion, please",
                        &answer,
                    )
                }
            }
            Step::ObtainCertificate(_) => {
                self.asked_first |= self.scenes.is_empty();
                self.asked += 1;
                let asks = "a certificate, please";
                scene("ObtainCertificate", Party::Provider, asks, "a certificate")
            }
            Step::SignAssertion(sign) => {
                let signed = Signed::of(sign.input(), names);
                let asks = format!("sign, {}", signed.algorithm);
                let detail = format!("with the key of {}", signed.certificate);
                self.signed.push(signed);
                Scene {
                    detail: Some(detail),
                    ..scene("SignAssertion", Party::Provider, &asks, "a signature")
                }
            }
            Step::SendRequest(send) => {
                let sent = Sent::of(
                    send.request(),
                    send.transport(),
                    names,
                    !self.signed.is_empty(),
                );
                let over = match &sent.certificate {
                    Some(certificate) => format!("over mutual TLS with {certificate}"),
                    None => "over plain TLS".to_owned(),
                };
                let scene = Scene {
                    detail: Some(format!("POST {} {over}", sent.url)),
                    is_mtls: sent.certificate.is_some(),
                    ..scene(
                        "SendRequest",
                        Party::Service,
                        &format!("token request to {}", sent.host),
                        "",
                    )
                };
                self.sent.push(sent);
                scene
            }
            Step::Pause(pause) => {
                self.pauses.push(pause.wait());
                let asks = format!("waits {:.1} s", pause.wait().as_secs_f64());
                scene("Pause", Party::Core, &asks, "")
            }
            Step::SaveCache(save) => {
                let remembers = save.key().remembers();
                self.throttled |= remembers == Remembered::Throttle;
                if remembers == Remembered::Tokens {
                    self.key = Some(save.key().clone());
                }
                scene("SaveCache", Party::Cache, keeps(remembers), "")
            }
            Step::Done(_) => return None,
        })
    }

    /// Whether the token comes from the cache.
    pub(super) fn is_hit(&self) -> bool {
        let token = self.result.as_ref();
        token.is_ok_and(|token| token.source() == TokenSource::Cache)
    }
}

fn looks_for(remembered: Remembered) -> &'static str {
    match remembered {
        Remembered::Tokens => "a token under this key?",
        Remembered::RefreshToken => "the user's refresh token?",
        Remembered::Region => "the region?",
        Remembered::Instance => "is the host known?",
        Remembered::Throttle | _ => "asked to wait?",
    }
}

fn keeps(remembered: Remembered) -> &'static str {
    match remembered {
        Remembered::Tokens => "keeps the token",
        Remembered::RefreshToken => "keeps the refresh token",
        Remembered::Region => "keeps the region",
        Remembered::Instance => "keeps that host",
        Remembered::Throttle | _ => "keeps: asked to wait",
    }
}

/// The answer to a token request, as the step that follows tells.
fn answered(next: &Step, outside: &Outside) -> String {
    use crate::outside::Reply;
    match (outside.token, next) {
        (Reply::Token, Step::SaveCache(_)) => "200: the token".to_owned(),
        (Reply::Token | Reply::OtherKind, _) => "200: a token".to_owned(),
        (Reply::Refusal(status, error, _), _) => format!("{status}: {error}"),
        (Reply::Failure(_), _) => "no answer".to_owned(),
    }
}

fn ended(result: &Result<AccessToken, Error>, names: &Names) -> Scene {
    let asks = match result {
        Ok(token) => {
            let bound = token.binding_certificate();
            let bound = bound.map_or(String::new(), |certificate| {
                format!(", bound to {}", names.of(certificate.thumbprint()))
            });
            format!("{} token{bound}", token.token_type())
        }
        Err(error) => error.code().to_owned(),
    };
    Scene {
        step: "Done",
        to: Party::Application,
        asks,
        detail: None,
        answer: None,
        is_mtls: false,
    }
}
