//! What would happen next or instead: the same plan, played again in a world where one thing is different.

use std::time::Duration;

use entra_proto::{FailureKind, Plan};
use entra_tokio::{Error, Fault};

use super::names::Names;
use super::played::{Played, play};
use crate::acquire::metadata::fault;
use crate::outside::{Outside, Provider, Reply};

/// One thing that is different, and what comes of it.
#[derive(Clone, Debug)]
pub(super) struct Afterwards {
    /// What is different.
    pub(super) when: String,
    /// What follows, in one sentence.
    pub(super) then: String,
    /// How many token requests there are in all.
    pub(super) requests: usize,
    /// How often the provider is asked in all.
    pub(super) asked: usize,
    /// How long the pause before the second attempt is, at least and at most.
    pub(super) pause: Option<(Duration, Duration)>,
    /// Whether other callers are told at once for as long as the service asked.
    pub(super) remembered: bool,
    pub(super) error: Option<Error>,
}

/// So many times the dice are thrown to see how long pauses are.
const THROWS: u8 = 64;

/// What everything that is different is measured by.
pub(super) struct World<'a> {
    pub(super) plan: &'a Plan,
    pub(super) names: &'a Names,
    pub(super) outside: &'a Outside,
    /// What was seen where nothing is different.
    pub(super) played: &'a Played,
    /// Whether only the provider knows what it brings.
    pub(super) either: bool,
}

impl World<'_> {
    pub(super) fn afterwards(&self) -> Vec<Afterwards> {
        let mut all = Vec::new();
        if self.played.result.is_ok() {
            all.push(self.again());
        }
        if self.either {
            let (when, brings) = match (&self.outside.brings, self.names.stand_in()) {
                (Provider::Assertion, Some(chain)) => {
                    ("the provider brings a certificate", Provider::Pair(chain))
                }
                _ => ("the provider brings no certificate", Provider::Assertion),
            };
            let outside = Outside {
                brings,
                ..self.outside.clone()
            };
            all.push(self.different(when, &outside));
        }
        if self.played.region_asked {
            let outside = Outside {
                region: None,
                ..self.outside.clone()
            };
            all.push(self.different("no region is found", &outside));
        }
        let Some(sent) = self.played.sent.first() else {
            return all;
        };
        let refusal =
            |when, status, error, retry_after| (when, Reply::Refusal(status, error, retry_after));
        let mut replies = vec![
            refusal("HTTP 401, invalid_client", 401, "invalid_client", None),
            refusal("HTTP 429, Retry-After: 5", 429, "throttled", Some("5")),
            refusal("HTTP 429 without Retry-After", 429, "throttled", None),
            refusal("HTTP 503", 503, "server_error", None),
            (
                "there is no connection",
                Reply::Failure(FailureKind::Connect),
            ),
        ];
        if sent.certificate.is_some() {
            replies.push((
                "the server never asks for the certificate",
                Reply::Failure(FailureKind::CertificateNotRequested),
            ));
            replies.push((
                "the server refuses the certificate",
                Reply::Failure(FailureKind::CertificateRejected),
            ));
        }
        replies.push(("a token of another kind comes", Reply::OtherKind));
        all.extend(replies.into_iter().map(|(when, token)| {
            let outside = Outside {
                token,
                ..self.outside.clone()
            };
            self.different(when, &outside)
        }));
        all
    }

    /// The same request once more, with what the first one left in the cache.
    fn again(&self) -> Afterwards {
        let mut outside = self.outside.clone();
        play(self.plan, &mut outside, self.names, 1);
        let played = play(self.plan, &mut outside, self.names, 2);
        let provider = match played.asked {
            0 => "nobody is asked",
            _ => "only the provider is asked",
        };
        let then = if played.is_hit() {
            format!("the cache has the token; {provider}")
        } else if played.sent.is_empty() {
            told(&played.result)
        } else {
            "the service is asked again".to_owned()
        };
        Afterwards {
            then,
            ..self.summed("the same is asked again", &played, None)
        }
    }

    fn different(&self, when: &str, outside: &Outside) -> Afterwards {
        let played = play(self.plan, &mut outside.clone(), self.names, 1);
        let mut pause = None;
        if !played.pauses.is_empty() {
            for number in 0..THROWS {
                let thrown = play(self.plan, &mut outside.clone(), self.names, number);
                for wait in thrown.pauses {
                    let (least, most) = pause.unwrap_or((wait, wait));
                    pause = Some((wait.min(least), wait.max(most)));
                }
            }
        }
        self.summed(when, &played, pause)
    }

    fn summed(
        &self,
        when: &str,
        played: &Played,
        pause: Option<(Duration, Duration)>,
    ) -> Afterwards {
        Afterwards {
            when: when.to_owned(),
            then: self.sentence(played, pause),
            requests: played.sent.len(),
            asked: played.asked,
            pause,
            remembered: played.throttled,
            error: played.result.as_ref().err().cloned(),
        }
    }

    fn sentence(&self, played: &Played, pause: Option<(Duration, Duration)>) -> String {
        let mut words = Vec::new();
        if let Some((least, most)) = pause {
            let (least, most) = (least.as_secs_f64(), most.as_secs_f64());
            words.push(if most - least < 0.05 {
                format!("after {least:.0} s")
            } else {
                format!("after {least:.1} to {most:.1} s")
            });
            words.push(
                match (played.asked > self.played.asked, played.signed.len()) {
                    (true, _) => "once more, with what the provider brings anew".to_owned(),
                    (false, 2) => "once more, with an assertion signed anew".to_owned(),
                    (false, _) => "once more".to_owned(),
                },
            );
            words.push("; then ".to_owned());
        } else if played.result.is_err() && !played.sent.is_empty() {
            words.push("at once: ".to_owned());
        }
        let lead = words.join(" ").replace(" ; then ", "; then ");
        let different_way = match (played.sent.first(), self.played.sent.first()) {
            (Some(sent), before)
                if before.is_none_or(|before| before.url != sent.url) && played.result.is_ok() =>
            {
                let over = match &sent.certificate {
                    Some(_) => "mutual TLS",
                    None => "plain TLS",
                };
                format!("over {over} to {}: ", sent.host)
            }
            _ => String::new(),
        };
        let remembered = if played.throttled {
            "; whoever asks in that time is told at once"
        } else {
            ""
        };
        format!("{lead}{different_way}{}{remembered}", told(&played.result))
    }
}

fn told(result: &Result<entra_tokio::AccessToken, Error>) -> String {
    match result {
        Ok(token) => format!("a {} token", token.token_type()),
        Err(error) => format!("{} ({})", error.code(), fault(error.fault())),
    }
}

/// Whose fault an error is, for people.
pub(super) const fn whose(fault: Fault) -> &'static str {
    match fault {
        Fault::Caller => "the configuration's or the request's",
        Fault::Refused => "the service refused",
        Fault::Garbled => "the answer makes no sense",
        Fault::Environment | _ => "a provider's, a signer's, the network's or the machine's",
    }
}
