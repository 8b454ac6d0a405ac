//! One flow from its beginning to its end.

use std::time::Duration;

use entra_proto::*;
use http::Method;

use super::answers::{INSTANCES, REGIONS, document, failure};
use super::checks::{check_call, check_error, check_metadata, check_request};
use super::party::Party;
use super::trail::{Answered, Trail};
use super::wish::{Whose, Wish};
use super::{Dice, MOST_STEPS, World};
use crate::canary::{CANARY, assert_silent};
use crate::certificates::{RSA, numbered, thumbprint};
use crate::script::{host, name, seed, signature};

impl World {
    pub(super) fn follow(
        &mut self,
        dice: &mut impl Dice,
        party: &Party,
        wish: &Wish,
        plan: Plan,
        renewal: bool,
        step_on: &mut impl FnMut(&'static str, &'static str),
    ) {
        let mut trail = Trail::beginning(self.now, renewal);
        let deadline = trail.began.saturating_add(plan.allowed_time());
        let mut step = plan.start(seed(u8::try_from(dice.roll(256)).unwrap_or(0)), self.now);
        let mut from = "start";
        for length in 1.. {
            assert!(length <= MOST_STEPS, "no end in sight");
            assert_silent(&step);
            let to = name(&step);
            step_on(from, to);
            from = to;
            let decided = self.now;
            self.now = self.now.after(delay(dice));
            if dice.one_in(64) {
                // Somebody sets the wall clock.
                let wall = self.now.wall() + Duration::from_secs(86_400) * dice.roll(2);
                self.now = Now::new(wall - Duration::from_secs(43_200), self.now.monotonic());
            }
            let now = self.now;
            let took = now.monotonic() - decided.monotonic();
            match to {
                "SendRequest" | "DiscoverRegion" | "DiscoverInstance" => trail.http += took,
                "ObtainAssertion" | "ObtainCertificate" | "SignAssertion" => {
                    trail.credential += took;
                }
                _ => {}
            }
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.memory.load(&load);
                    load.resume(
                        if dice.one_in(8) {
                            Err(failure(dice))
                        } else {
                            Ok(found)
                        },
                        now,
                    )
                }
                Step::TakeTurn(wait) => {
                    let turn = match dice.roll(8) {
                        0 => Turn::Failed(Error::deadline_passed()),
                        1 | 2 => Turn::Waited,
                        _ => Turn::Mine,
                    };
                    wait.resume(turn, now)
                }
                Step::DiscoverRegion(ask) => {
                    assert_eq!(ask.request().method(), Method::GET);
                    assert!(
                        ask.request()
                            .uri()
                            .to_string()
                            .starts_with("http://169.254.169.254/metadata/instance/compute")
                    );
                    assert_eq!(ask.request().headers()["metadata"], "true");
                    ask.resume(document(dice, REGIONS), now)
                }
                Step::DiscoverInstance(ask) => {
                    assert_eq!(ask.request().method(), Method::GET);
                    assert_eq!(ask.request().uri().scheme_str(), Some("https"));
                    let asked = match party.client.authority().kind() {
                        AuthorityKind::Oidc => party.client.authority().host(),
                        _ => "login.microsoftonline.com",
                    };
                    assert_eq!(host(ask.request()), asked);
                    ask.resume(document(dice, INSTANCES), now)
                }
                Step::ObtainAssertion(ask) => {
                    check_call(party, wish, &trail, now);
                    let answer = self.pair(dice, &mut trail);
                    ask.resume(answer, now)
                }
                Step::ObtainCertificate(ask) => {
                    check_call(party, wish, &trail, now);
                    let number = dice.roll(2) + 1;
                    trail.answered = Some(Answered {
                        at: now.monotonic(),
                        certificate: Some(thumbprint(RSA, number)),
                        assertion: None,
                        sent: false,
                    });
                    let chain = match dice.roll(12) {
                        0 => Err(failure(dice)),
                        1 => Ok(None),
                        2 => Ok(Some(CertificateChain::new(CANARY))),
                        3 => Ok(Some(numbered(RSA, number).without_private_key())),
                        _ => Ok(Some(numbered(RSA, number))),
                    };
                    ask.resume(chain, now)
                }
                Step::SignAssertion(sign) => {
                    let algorithm = sign.input().algorithm();
                    let signature = match dice.roll(8) {
                        0 => Err(failure(dice)),
                        1 => Ok(Signature::new(CANARY.as_bytes().to_vec())),
                        _ => Ok(signature(algorithm)),
                    };
                    sign.resume(signature, now)
                }
                Step::SendRequest(send) => {
                    trail.sent += 1;
                    assert!(trail.sent <= 2, "rule 12: two attempts at most");
                    assert!(send.deadline() == deadline);
                    let sent = check_request(party, wish, &send, &mut trail);
                    self.check_refresh_token(wish, &sent);
                    let answer = self.token_answer(dice, wish, &mut trail);
                    send.resume(answer, now)
                }
                Step::Pause(pause) => {
                    // I27: no wait goes beyond the deadline.
                    assert!(pause.until() < deadline);
                    assert!(pause.wait() <= Duration::from_secs(3_600));
                    let left = pause.until().saturating_sub(now.monotonic());
                    self.now = now.after(left);
                    pause.resume(self.now)
                }
                Step::SaveCache(save) => {
                    if to == "SaveCache token" || to == "SaveCache refresh token" {
                        assert!(
                            !wish.grant.is_once() || trail.named.is_some(),
                            "what is nobody's is not remembered"
                        );
                        trail.saved = true;
                    }
                    if to == "SaveCache refresh token" {
                        assert!(matches!(wish.to.whose, Whose::Accounts(_)));
                        assert!(!save.ends_turn());
                    }
                    if !dice.one_in(8) {
                        self.memory.save(save.key(), save.update(), now);
                        assert!(self.memory.len() <= 12 && self.memory.bytes() <= 64 * 1_024);
                    }
                    save.resume(
                        if dice.one_in(8) {
                            Err(failure(dice))
                        } else {
                            Ok(())
                        },
                        now,
                    )
                }
                Step::Done(mut done) => {
                    match done.result() {
                        Ok(token) => {
                            check_metadata(
                                token.metadata(),
                                Some(token.source()),
                                wish,
                                &trail,
                                decided,
                            );
                            self.check_token(wish, party, token, &trail, decided);
                        }
                        Err(error) => {
                            // I20.
                            assert!(!trail.saved, "what failed is not remembered");
                            let metadata = error.metadata().expect("an error of a flow");
                            check_metadata(metadata, None, wish, &trail, decided);
                            check_error(error);
                        }
                    }
                    if let Some(plan) = done.take_renewal() {
                        assert!(!renewal, "a renewal ends with none");
                        // As everybody does who is handed one.
                        self.follow(dice, party, wish, plan, true, step_on);
                    }
                    return;
                }
            };
        }
    }
}

/// Next to nothing most of the time; now and then what makes pairs and tokens grow old.
fn delay(dice: &mut impl Dice) -> Duration {
    let seconds = match dice.roll(40) {
        0 => 1_000,
        1..=3 => 61,
        4 => 8,
        5..=15 => 1,
        _ => 0,
    };
    Duration::from_secs(seconds)
}
