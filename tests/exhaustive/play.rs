//! Plays the flow of one cell through the public API, answering each step as the cell says.

use std::fmt::Write;
use std::time::Duration;

use entra_proto::{
    Algorithm, Done, Error, Memory, Now, Partition, PartitionKey, Plan, Seed, SendRequest,
    Signature, SigningInput, Step, TokenKind, TokenSource, Transport, Turn,
};

use crate::axes::*;
use crate::cell::Cell;
use crate::outcome::{End, Kind, Leaf, Life, Outcome, Pause, Proof, Sent, Source, Text};
use crate::remembered::{Deposit, Deposits};
use crate::world::{Answered, BEGIN, Leaves, instance_document, region_document, request};

/// How many steps the longest flow may take (I04).
const STEPS: usize = 30;

/// Plays the cells of one slice; what they share is made once.
pub(crate) struct Player {
    leaves: Leaves,
    deposits: Deposits,
    /// The latest client and request that were planned, by everything that they are made of.
    planned: Option<(Configuration, Result<Plan, String>)>,
}

/// Of a slice's cells, what the plan depends on.
type Configuration = (Wish, Option<Certificate>, Region, Policy, Isolation);

/// One flow under way.
struct Flow<'a> {
    cell: &'a Cell,
    player: &'a mut Player,
    memory: Memory,
    now: Now,
    jumped: Clock,
    signed: Option<Text>,
    seen: Outcome,
}

impl Player {
    pub(crate) fn new(authority: Authority) -> Self {
        let leaves = Leaves::new();
        Self {
            deposits: Deposits::new(authority, &leaves),
            leaves,
            planned: None,
        }
    }

    pub(crate) fn play(&mut self, cell: &Cell) -> Outcome {
        let plan = match self.plan(cell) {
            Ok(plan) => plan,
            Err(code) => return Outcome::refused(&code),
        };
        let mut flow = Flow {
            cell,
            player: self,
            memory: Memory::default(),
            now: BEGIN,
            jumped: Clock::Steady,
            signed: None,
            seen: Outcome::refused(""),
        };
        let mut step = plan.start(Seed::from_bytes([7; 32]), BEGIN);
        for _ in 0..STEPS {
            step = match step {
                Step::Done(done) => return flow.end(done),
                step => flow.answer(step),
            };
        }
        panic!("{cell}: no end after {STEPS} steps")
    }

    fn plan(&mut self, cell: &Cell) -> Result<Plan, String> {
        let is_fixed = matches!(
            cell.credential(),
            Credential::Certificate | Credential::CertificateWithClaims
        );
        let configuration = (
            cell.wish(),
            is_fixed.then(|| cell.certificate()),
            cell.region(),
            cell.policy(),
            cell.isolation(),
        );
        match &self.planned {
            Some((known, plan)) if *known == configuration => plan.clone(),
            Some(_) | None => {
                let client = self.leaves.client(cell);
                let planned = client
                    .and_then(|client| request(cell.wish().is_pop()).plan(&client))
                    .map_err(|error| error.code().to_owned());
                self.planned = Some((configuration, planned.clone()));
                planned
            }
        }
    }
}

impl Flow<'_> {
    fn now(&self) -> Now {
        self.jumped.read(self.now)
    }

    fn answer(&mut self, step: Step) -> Step {
        let cell = self.cell;
        match step {
            Step::LoadCache(load) => {
                let found = self.load(load.key());
                load.resume(Ok(found), self.now())
            }
            Step::TakeTurn(turn) => turn.resume(Turn::Mine, self.now()),
            Step::DiscoverRegion(ask) => {
                self.seen.asked_for_region = true;
                ask.resume(region_document(cell.discovery()), self.now())
            }
            Step::DiscoverInstance(ask) => {
                self.seen.asked_about_host = true;
                let document = instance_document(cell.authority(), cell.instance());
                ask.resume(document, self.now())
            }
            Step::ObtainAssertion(ask) => {
                self.seen.provider_calls += 1;
                let pair = self.player.leaves.pair(cell, self.seen.provider_calls);
                ask.resume(Ok(pair), self.now())
            }
            Step::ObtainCertificate(ask) => {
                self.seen.provider_calls += 1;
                let chain = self.player.leaves.provided(cell, self.seen.provider_calls);
                ask.resume(Ok(chain), self.now())
            }
            Step::SignAssertion(sign) => {
                self.signed = Some(self.signed(sign.input()));
                sign.resume(Ok(Signature::new(vec![7; 256])), self.now())
            }
            Step::SendRequest(send) => {
                let sent = self.sent(&send);
                let asked = kind(sent.asks_pop);
                self.seen.sent.push(sent);
                let answer = self.served(asked);
                send.resume(answer, self.now())
            }
            Step::Pause(pause) => {
                self.seen.pause = Some(paused(pause.wait()));
                let wait = pause.until().saturating_sub(self.now.monotonic());
                self.now = self.now.after(wait);
                pause.resume(self.now())
            }
            Step::SaveCache(save) => {
                match Subject::of(save.key()) {
                    Subject::Token => self.seen.saved = self.player.deposits.name(save.key()),
                    Subject::Throttle => self.seen.throttled = true,
                    Subject::Fact => {}
                }
                self.memory.save(save.key(), save.update(), self.now());
                save.resume(Ok(()), self.now())
            }
            Step::Done(_) => unreachable!("it is over"),
        }
    }

    fn load(&mut self, key: &PartitionKey) -> Partition {
        match Subject::of(key) {
            Subject::Throttle | Subject::Fact => self.memory.partition(key),
            Subject::Token => match self.deposit() {
                None => Partition::default(),
                Some(deposit) => {
                    let Player {
                        deposits, leaves, ..
                    } = &mut *self.player;
                    let found = deposits.with(deposit, leaves).partition(key);
                    if !found.is_empty() {
                        self.jumped = self.cell.clock();
                    }
                    found
                }
            },
        }
    }

    /// What the cell says is remembered.
    fn deposit(&self) -> Option<Deposit> {
        let cell = self.cell;
        let remembered = cell.remembered();
        let (pop, isolation) = (cell.wish().is_pop(), cell.isolation());
        let own = Deposit {
            pop,
            over: (pop || self.is_kept_by_certificate()).then_some(Leaf::A),
            isolation,
            age: 100,
            refresh_in: None,
        };
        Some(match remembered {
            Remembered::Nothing => return None,
            Remembered::Fresh => Deposit { age: 3_299, ..own },
            Remembered::Due => Deposit {
                age: 1_000,
                refresh_in: Some(600),
                ..own
            },
            Remembered::Ending => Deposit { age: 3_300, ..own },
            Remembered::OtherCertificate => Deposit {
                over: Some(Leaf::B),
                ..own
            },
            Remembered::OtherKind => Deposit {
                pop: !pop,
                over: (!pop || self.is_kept_by_certificate()).then_some(Leaf::A),
                ..own
            },
        })
    }

    /// Whether a Bearer token of this client is kept by its certificate.
    fn is_kept_by_certificate(&self) -> bool {
        let cell = self.cell;
        let presents = || match cell.credential() {
            Credential::PairProvider => cell.certificate() == Certificate::Usable,
            Credential::Certificate | Credential::CertificateProvider => {
                cell.wish() != Wish::Bearer
            }
            Credential::Secret
            | Credential::CertificateWithClaims
            | Credential::StaticAssertion
            | Credential::AssertionProvider => false,
        };
        cell.isolation() == Isolation::PerCertificate && presents()
    }

    fn signed(&self, input: &SigningInput) -> Text {
        // The certificate is larger than all else that an assertion says.
        let x5c = input.message().len() > input.certificate().der().len();
        Text::Signed {
            by: self.player.leaves.which(input.certificate()),
            algorithm: match input.algorithm() {
                Algorithm::Ps256 => "PS256",
                Algorithm::Rs256 => "RS256",
                _ => "another",
            },
            x5c,
        }
    }

    fn sent(&mut self, send: &SendRequest) -> Sent {
        let form = std::str::from_utf8(send.request().body().expose()).expect("a form");
        let field = |name: &str| {
            let mut values = form
                .split('&')
                .filter_map(|field| field.strip_prefix(name)?.strip_prefix('='));
            let value = values.next();
            assert_eq!(values.next(), None, "{}: {name} comes twice", self.cell);
            value
        };
        assert_eq!(field("req_cnf"), None, "{}", self.cell);
        let text = |assertion: &str| match (assertion, &self.signed) {
            (signed, Some(text)) if signed.contains(".BwcHBwcH") => *text,
            ("configured", None) => Text::Configured,
            (text, None) => {
                let call = text
                    .strip_prefix("call.")
                    .and_then(|call| call.parse().ok());
                Text::OfCall(call.expect("the text of a provider"))
            }
            (_, Some(_)) => panic!("{}: signed for nothing", self.cell),
        };
        let kind = field("client_assertion_type").map(|kind| {
            kind.strip_prefix("urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3A")
                .expect("Entra's prefix")
        });
        let proof = match (kind, field("client_assertion"), field("client_secret")) {
            (None, None, None) => Proof::Nothing,
            (None, None, Some("password")) => Proof::Secret,
            (Some("jwt-bearer"), Some(assertion), None) => Proof::JwtBearer(text(assertion)),
            (Some("jwt-pop"), Some(assertion), None) => Proof::JwtPop(text(assertion)),
            other => panic!("{}: {other:?}", self.cell),
        };
        let sent = Sent {
            url: send.request().uri().to_string(),
            over: match send.transport() {
                Transport::Plain => None,
                Transport::Mtls(certificate) => Some(self.player.leaves.which(certificate)),
            },
            proof,
            asks_pop: match field("token_type") {
                None => false,
                Some(kind) => {
                    assert_eq!(kind, "mtls_pop", "{}", self.cell);
                    true
                }
            },
        };
        self.signed = None;
        sent
    }

    fn served(&self, asked: Kind) -> Answered {
        let number = self.seen.sent.len();
        let response = match (self.cell.attempt(), number) {
            (Attempt::First, 1) | (Attempt::Second, 2) => self.cell.response(),
            (Attempt::First, _) => Response::Granted,
            (Attempt::Second, _) => Response::Broken500,
        };
        response.answer(asked, number)
    }

    fn end(mut self, mut done: Done) -> Outcome {
        let renewal_offered = done.take_renewal().is_some();
        let token = match done.into_result() {
            Ok(token) => token,
            Err(error) => return self.refused(&error),
        };
        let (text, from) = match token.source() {
            TokenSource::Cache => ("T0".to_owned(), Source::Cache { renewal_offered }),
            _ => (format!("T{}", self.seen.sent.len()), Source::Network),
        };
        assert_eq!(token.secret().expose(), text, "{}", self.cell);
        let end = token.binding_certificate().map(|leaf| leaf.not_after());
        self.seen.end = End::Token {
            kind: kind(token.token_type() == TokenKind::MtlsPop),
            from,
            bound_to: token
                .binding_certificate()
                .map(|leaf| self.player.leaves.which(leaf)),
            life: match token.expires_in() {
                life if end == Some(self.now().wall() + life) => Life::Certificate,
                life => Life::Seconds(life.as_secs()),
            },
        };
        self.seen
    }

    fn refused(mut self, error: &Error) -> Outcome {
        assert_eq!(usize::from(error.attempts()), self.seen.sent.len());
        self.seen.end = End::Refused(error.code().to_owned());
        self.seen
    }
}

fn kind(pop: bool) -> Kind {
    if pop { Kind::MtlsPop } else { Kind::Bearer }
}

fn paused(wait: Duration) -> Pause {
    let usual = Duration::from_secs(1)..Duration::from_secs(2);
    if usual.contains(&wait) {
        Pause::Usual
    } else {
        Pause::Told(wait.as_secs())
    }
}

/// What a key of the cache is for.
enum Subject {
    Token,
    Throttle,
    Fact,
}

impl Subject {
    /// A key does not say it, except to whoever prints it. Only its first word is printed, because there are many.
    fn of(key: &PartitionKey) -> Self {
        struct FirstWord(Option<Subject>);
        impl Write for FirstWord {
            fn write_str(&mut self, word: &str) -> std::fmt::Result {
                self.0 = Some(match word {
                    "Tokens" => Subject::Token,
                    "Throttle" => Subject::Throttle,
                    _ => Subject::Fact,
                });
                Err(std::fmt::Error)
            }
        }
        let mut first = FirstWord(None);
        // It fails on purpose, after the first word.
        let _ = write!(first, "{key:?}");
        first.0.expect("a key prints its name first")
    }
}
