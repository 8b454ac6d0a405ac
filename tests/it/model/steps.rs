//! What the world outside answers to each step, what has to hold of the question, and what of the step after it.

use std::time::Duration;

use entra_proto::*;

use super::flow::{Answered, Expects, Flow, Granted};
use super::parties::{FIRST, Party, Proof};
use super::program::Outside;
use super::reference::Key;
use super::world::{Number, World};
use crate::certificates::{P256, numbered, thumbprint};
use crate::script::{Answer, Sent, answer, granting, signature, with_header};

const SECOND: Duration = Duration::from_secs(1);

impl World {
    /// Answers one question; what that leads to is expected of the flow from then on.
    pub(super) fn answer(
        &mut self,
        number: Number,
        what: &str,
        step: Step,
        outside: Outside,
    ) -> Step {
        let now = self.reference.now();
        self.flow(number).expects = Expects::NoToken;
        match step {
            Step::LoadCache(load) => {
                let works = !matches!(outside, Outside::CacheFails);
                if works {
                    self.flow(number).expects = self.found(number, what);
                }
                let failed = || Failure::new(FailureKind::Cache);
                let found = works.then(|| self.memory.load(&load));
                load.resume(found.ok_or_else(failed), now)
            }
            Step::DiscoverRegion(ask) => {
                let answered = match outside {
                    Outside::Fails(kind) => Err(Failure::new(kind)),
                    Outside::Refuses => answer(404, ""),
                    Outside::Garbled => answer(200, "CANARY"),
                    _ => answer(200, r#"{"location":"eastus"}"#),
                };
                ask.resume(answered, now)
            }
            Step::ObtainAssertion(ask) => {
                self.check_call(number);
                ask.resume(self.pair(number, outside), now)
            }
            Step::ObtainCertificate(ask) => {
                self.check_call(number);
                ask.resume(self.certificate(number, outside), now)
            }
            Step::SignAssertion(sign) => {
                let algorithm = sign.input().algorithm();
                let signed = match outside {
                    Outside::Fails(kind) => Err(Failure::new(kind)),
                    _ => Ok(signature(algorithm)),
                };
                self.flow(number).expects = match signed {
                    Ok(_) => Expects::Sends,
                    Err(_) => Expects::Error,
                };
                sign.resume(signed, now)
            }
            Step::SendRequest(send) => {
                self.check_request(number, &Sent::of(&send));
                let late = self.reference.time() >= self.flows[&number].deadline();
                let outside = match late {
                    // An adapter reads no answer after the deadline.
                    true => Outside::Fails(FailureKind::Timeout),
                    false => outside,
                };
                send.resume(self.service(number, outside), now)
            }
            Step::Pause(pause) => {
                self.seen.count("pauses");
                // I27.
                assert!(pause.until() < self.deadline(number));
                assert!(pause.wait() <= 3_600 * SECOND);
                if now.monotonic() < pause.until() {
                    self.flow(number).expects = Expects::StillPauses(pause.until());
                }
                pause.resume(now)
            }
            Step::SaveCache(save) => {
                let works = !matches!(outside, Outside::CacheFails);
                if works {
                    self.memory.save(save.key(), save.update(), now);
                }
                self.saved(number, what, works);
                if save.ends_turn() {
                    self.give_back(number);
                }
                let failed = || Failure::new(FailureKind::Cache);
                save.resume(works.then_some(()).ok_or_else(failed), now)
            }
            Step::DiscoverInstance(_) | Step::TakeTurn(_) | Step::Done(_) => {
                panic!("nobody asked for this: {step:?}")
            }
        }
    }

    /// What a look into the memory has to lead to.
    fn found(&self, number: Number, what: &str) -> Expects {
        let flow = &self.flows[&number];
        let party = &self.parties[flow.wish.party];
        match (what, host(flow, party)) {
            ("LoadCache token", _) => flow.looks(party, &self.reference),
            ("LoadCache throttle", Some(host)) => {
                let at = (flow.wish.party, flow.wish.tenant, host);
                match self.reference.throttled(&at) {
                    Some((left, status)) => Expects::LeftAlone(left, status),
                    None => Expects::Sends,
                }
            }
            _ => Expects::NoToken,
        }
    }

    /// I11: once for each attempt, and once more only for an answer that was held for more than a minute; never before a Bearer
    /// hit, so not without the turn.
    fn check_call(&self, number: Number) {
        let flow = &self.flows[&number];
        let party = &self.parties[flow.wish.party];
        assert!(party.proof.asks_provider());
        assert!(!flow.held.is_empty() || flow.wish.answer_names_key(party));
        if let Some(answered) = &flow.answered {
            let held = self.reference.time() - answered.at;
            assert!(answered.sent || held > 60, "asked twice for one attempt");
        }
    }

    /// A pair whose halves were made together.
    fn pair(&mut self, number: Number, outside: Outside) -> Result<ClientAssertion, Failure> {
        self.made += 1;
        let text = format!("CANARY.pair.{}", self.made);
        let current = self.current[self.flows[&number].wish.party];
        let bound = !matches!(outside, Outside::Alone);
        let at = self.reference.time();
        let flow = self.flow(number);
        flow.answered = Some(Answered {
            at,
            certificate: bound.then(|| thumbprint(P256, current)),
            assertion: Some(text.clone()),
            sent: false,
        });
        let assertion = match outside {
            Outside::Fails(kind) => {
                flow.expects = Expects::Error;
                return Err(Failure::new(kind));
            }
            Outside::Blank => " \t".to_owned(),
            _ => text,
        };
        if matches!(outside, Outside::Blank) || (flow.wish.pop && !bound) {
            flow.expects = Expects::Error;
        }
        Ok(match bound {
            true => ClientAssertion::bound(Secret::new(assertion), numbered(P256, current)),
            false => ClientAssertion::new(Secret::new(assertion)),
        })
    }

    fn certificate(
        &mut self,
        number: Number,
        outside: Outside,
    ) -> Result<Option<CertificateChain>, Failure> {
        let current = self.current[self.flows[&number].wish.party];
        let at = self.reference.time();
        let flow = self.flow(number);
        flow.answered = Some(Answered {
            at,
            certificate: Some(thumbprint(P256, current)),
            assertion: None,
            sent: false,
        });
        let answered = match outside {
            Outside::Fails(kind) => Err(Failure::new(kind)),
            Outside::Alone => Ok(None),
            Outside::Blank => Ok(Some(CertificateChain::new("CANARY"))),
            _ => return Ok(Some(numbered(P256, current))),
        };
        flow.expects = Expects::Error;
        answered
    }

    fn check_request(&mut self, number: Number, sent: &Sent) {
        self.seen.count("requests");
        // I22: its flight is nobody else's, and nobody else is on the way with it.
        let same = |flow: &&Flow| flow.flight == self.flows[&number].flight;
        let sending = |flow: &&Flow| matches!(flow.step, Some(Step::SendRequest(_)));
        assert_eq!(self.flows.values().filter(same).filter(sending).count(), 0);
        let flow = self.flows.get_mut(&number).expect("a flow");
        assert!(!flow.held.is_empty(), "without its turn");
        let party = &self.parties[flow.wish.party];
        // I26.
        flow.sent += 1;
        assert!(flow.sent <= 2);
        let assertion = sent.field("client_assertion");
        if let Some(assertion) = assertion {
            let new = self.assertions.insert(assertion.to_owned());
            assert!(new, "the same assertion again");
        }
        // I10: the latest answer of the provider, whole.
        let fixed = || thumbprint(P256, FIRST);
        let certificate = match (party.proof, &flow.answered) {
            (Proof::Pairs, Some(pair)) => {
                assert_eq!(assertion, pair.assertion.as_deref());
                pair.certificate
            }
            (Proof::Certificates, Some(answered)) => answered.certificate,
            (Proof::Certificate, None) => flow.wish.pop.then(fixed),
            (Proof::Secret, None) => None,
            _ => panic!("a request before the provider was asked"),
        };
        assert_eq!(sent.certificate, certificate);
        if let Some(host) = host(flow, party) {
            assert_eq!(sent.host, host);
        }
        let token_type = sent.field("token_type");
        assert_eq!(token_type, flow.wish.pop.then_some("mtls_pop"));
        flow.shown = certificate;
        flow.host.clone_from(&sent.host);
        if let Some(answered) = &mut flow.answered {
            answered.sent = true;
        }
    }

    /// What the service answers, and what that has to lead to.
    fn service(&mut self, number: Number, outside: Outside) -> Answer {
        let (life, refresh) = match outside {
            Outside::Obliges { life, refresh } => (life, refresh),
            Outside::OtherKind => {
                self.flow(number).expects = Expects::Error;
                let other = match self.flows[&number].wish.pop {
                    true => "Bearer",
                    false => "mtls_pop",
                };
                return granting(other, "CANARY-other", ",\"expires_in\":3600");
            }
            Outside::Garbled => {
                self.flow(number).expects = Expects::Error;
                return answer(200, "<html>CANARY</html>");
            }
            Outside::Refuses => {
                self.flow(number).expects = Expects::Error;
                return answer(400, r#"{"error":"invalid_client"}"#);
            }
            Outside::Fails(kind) => {
                let passing = matches!(
                    kind,
                    FailureKind::Connect | FailureKind::Closed | FailureKind::Timeout
                );
                self.flow(number).expects = self.repeats(number, passing, None);
                return Err(Failure::new(kind).reporting("CANARY in foreign words"));
            }
            Outside::Passing {
                status,
                retry_after,
            } => return self.passing(number, status, retry_after),
            Outside::Alone | Outside::Blank | Outside::CacheFails => (3_600, None),
        };
        self.made += 1;
        let token = format!("CANARY-token-{}", self.made);
        let flow = &self.flows[&number];
        let key = Key {
            certificate: flow.shown,
            ..flow.key(&self.parties[flow.wish.party])
        };
        self.reference
            .issue(&token, key, flow.wish.scope_set(), life);
        let flow = self.flow(number);
        flow.expects = match life {
            0 => Expects::Token(token.clone()),
            _ => Expects::Saving,
        };
        let kind = flow.wish.kind();
        let refresh_in = refresh.map_or(String::new(), |age| format!(",\"refresh_in\":{age}"));
        let rest = format!(",\"expires_in\":{life}{refresh_in}");
        let answered = granting(kind.as_str(), &token, &rest);
        flow.granted = Some(Granted { token, refresh });
        answered
    }

    fn passing(&mut self, number: Number, status: u16, retry_after: Option<u64>) -> Answer {
        let wait = retry_after.map(|wait| wait.min(3_600));
        // A 429 that does not say how long is not followed by another request.
        let repeats = self.repeats(number, status != 429 || wait.is_some(), wait);
        let asked = wait.filter(|wait| *wait > 0);
        let asked = asked.map(|wait| (self.reference.span(wait), status));
        let flow = self.flow(number);
        flow.expects = match asked {
            None => repeats,
            Some(_) => {
                flow.asked_to_wait = asked;
                flow.after_note = Some(repeats);
                Expects::Noting
            }
        };
        let answered = answer(status, r#"{"error":"temporarily_unavailable"}"#);
        match retry_after {
            None => answered,
            Some(seconds) => with_header(answered, "retry-after", &seconds.to_string()),
        }
    }

    /// A second attempt, if there may be one: after a second and by chance up to one more where the service does not say.
    fn repeats(&self, number: Number, may: bool, wait: Option<u64>) -> Expects {
        if !may || self.flows[&number].sent > 1 {
            return Expects::Error;
        }
        let now = self.reference.now().monotonic();
        let (earliest, latest) = match wait {
            Some(wait) => (Duration::from_secs(wait), Duration::from_secs(wait)),
            None => (SECOND, 2 * SECOND),
        };
        Expects::Pauses(now + earliest, now + latest, self.deadline(number))
    }

    /// By the driver's clock.
    fn deadline(&self, number: Number) -> Duration {
        let flow = &self.flows[&number];
        let age = self.reference.time() - flow.began;
        let began = self.reference.now().monotonic() - Duration::from_secs(age);
        began + Duration::from_secs(flow.wish.deadline)
    }

    fn saved(&mut self, number: Number, what: &str, works: bool) {
        let flow = self.flows.get_mut(&number).expect("a flow");
        let key = flow.key(&self.parties[flow.wish.party]);
        match what {
            "SaveCache token" => {
                let granted = flow.granted.take().expect("a token");
                // I10: remembered under the certificate that was shown.
                assert!(!flow.wish.pop || key.certificate == flow.shown);
                flow.saved = true;
                if works {
                    self.reference.hold(key, &granted.token, granted.refresh);
                }
                flow.expects = Expects::Token(granted.token);
            }
            "SaveCache throttle" => {
                let (wait, status) = flow.asked_to_wait.take().expect("to be asked to wait");
                if works {
                    let at = (key.party, key.tenant, flow.host.clone());
                    self.reference.throttle(at, wait, status);
                }
                flow.expects = flow.after_note.take().expect("what comes after it");
            }
            _ => {}
        }
    }
}

/// Where a request goes; none if the party has to ask for its region.
fn host(flow: &Flow, party: &Party) -> Option<String> {
    let region = party.region?;
    let certificate = flow
        .answered
        .as_ref()
        .and_then(|answered| answered.certificate);
    let presents = match party.proof {
        Proof::Pairs | Proof::Certificates => certificate.is_some(),
        Proof::Certificate => flow.wish.pop,
        Proof::Secret => false,
    };
    Some(match presents {
        true => format!("{region}.mtlsauth.microsoft.com"),
        false => format!("{region}.login.microsoft.com"),
    })
}
