//! Answers every step from a script with readable defaults, and writes down what was asked. Nothing waits: time is what the
//! script says.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use entra_proto::*;
use http::{Request, Response};

use crate::canary::assert_silent;
use crate::certificates::{P256, RSA, numbered};

/// The start of 2027.
pub(crate) const START: Now = Now::new(
    Duration::from_secs(1_798_761_600),
    Duration::from_secs(1_000),
);

/// What an answer to a token request or to a document's request is.
pub(crate) type Answer = Result<Response<Body>, Failure>;

/// The outside world of a few flows: a memory that they share, and what everybody in it says.
///
/// Unsaid, providers answer with a plain assertion or with certificate 1, services grant what they are asked for and say that
/// every user is Alice, IMDS says `eastus`, every host is known, signers sign, nobody waits and nothing takes any time.
pub(crate) struct Script {
    pub(crate) memory: Memory,
    pub(crate) now: Now,
    pairs: VecDeque<Result<ClientAssertion, Failure>>,
    certificates: VecDeque<Result<Option<CertificateChain>, Failure>>,
    answers: VecDeque<Answer>,
    regions: VecDeque<Answer>,
    instances: VecDeque<Answer>,
    signatures: VecDeque<Result<(), Failure>>,
    turns: VecDeque<Ahead>,
    takes: HashMap<&'static str, VecDeque<Duration>>,
    cache_works: bool,
    granted: u32,
}

/// Who was ahead in the queue.
enum Ahead {
    /// A flow of this plan, which ran to its end.
    Flow(Plan),
    Failed(Error),
}

/// What was seen of one flow.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) seen: Vec<&'static str>,
    pub(crate) sent: Vec<Sent>,
    pub(crate) asked: Vec<ProviderContext>,
    pub(crate) signed: Vec<SigningInput>,
    pub(crate) loaded: Vec<PartitionKey>,
    pub(crate) flights: Vec<FlightKey>,
    /// Which saving steps gave a turn back.
    pub(crate) ended_turns: Vec<&'static str>,
    pub(crate) waits: Vec<Duration>,
    pub(crate) done: Done,
}

/// A request as it left.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) url: String,
    pub(crate) host: String,
    /// The certificate of the handshake.
    pub(crate) certificate: Option<Thumbprint>,
    pub(crate) form: Vec<(String, String)>,
}

impl Sent {
    pub(crate) fn of(send: &SendRequest) -> Self {
        Self {
            url: send.request().uri().to_string(),
            host: host(send.request()),
            certificate: match send.transport() {
                Transport::Plain => None,
                Transport::Mtls(certificate) => Some(certificate.thumbprint()),
            },
            form: url::form_urlencoded::parse(send.request().body().expose())
                .into_owned()
                .collect(),
        }
    }

    /// The one value of a field; a field that comes twice is a failure of its own (I08).
    #[track_caller]
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.form.iter().filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} comes twice");
        value
    }

    /// `jwt-pop`, `jwt-bearer` or nothing.
    pub(crate) fn assertion_type(&self) -> Option<&str> {
        let prefix = "urn:ietf:params:oauth:client-assertion-type:";
        self.field("client_assertion_type")
            .map(|kind| kind.strip_prefix(prefix).expect("Entra's prefix"))
    }
}

pub(crate) fn host(request: &Request<Body>) -> String {
    request.uri().host().unwrap_or_default().to_owned()
}

/// An answer with a body.
pub(crate) fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Ok(Response::builder()
        .status(status)
        .body(Body::from(body.into()))
        .expect("a status"))
}

/// The same with one header field more.
pub(crate) fn with_header(answer: Answer, name: &'static str, value: &str) -> Answer {
    answer.map(|mut response| {
        let value = value.parse().expect("a header's value");
        response.headers_mut().append(name, value);
        response
    })
}

/// The home account ids of two users.
pub(crate) const ALICE: &str = "alice-0.home-0";
pub(crate) const BOB: &str = "bob-0.home-0";

/// `client_info` of the user with this home account id, as a member of a token response.
pub(crate) fn client_info(home_id: &str) -> String {
    use base64::Engine;
    let (uid, utid) = home_id.split_once('.').expect("uid.utid");
    let json = format!("{{\"uid\":\"{uid}\",\"utid\":\"{utid}\"}}");
    let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json);
    format!(",\"client_info\":\"{encoded}\"")
}

/// A token response about a user, with the tokens of this number.
pub(crate) fn granting_user(kind: &str, home_id: &str, number: u32, rest: &str) -> Answer {
    let client_info = client_info(home_id);
    granting(
        kind,
        &format!("CANARY-token-{number}"),
        &format!(
            ",\"refresh_token\":\"CANARY-refresh-{number}\",\"id_token\":\"CANARY.id.{number}\"{client_info}{rest}"
        ),
    )
}

/// A token response.
pub(crate) fn granting(kind: &str, token: &str, rest: &str) -> Answer {
    answer(
        200,
        format!("{{\"token_type\":\"{kind}\",\"access_token\":\"{token}\"{rest}}}"),
    )
}

pub(crate) fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind).reporting("CANARY in foreign words")
}

/// A pair whose two halves say the same number.
pub(crate) fn pair(number: u32) -> ClientAssertion {
    ClientAssertion::bound(assertion(number), numbered(P256, number))
}

/// An assertion alone.
pub(crate) fn alone(number: u32) -> ClientAssertion {
    ClientAssertion::new(assertion(number))
}

fn assertion(number: u32) -> Secret {
    Secret::new(format!("CANARY.pair.{number}"))
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::default(),
            now: START,
            pairs: VecDeque::new(),
            certificates: VecDeque::new(),
            answers: VecDeque::new(),
            regions: VecDeque::new(),
            instances: VecDeque::new(),
            signatures: VecDeque::new(),
            turns: VecDeque::new(),
            takes: HashMap::new(),
            cache_works: true,
            granted: 0,
        }
    }

    /// The next pairs of the assertion's provider.
    pub(crate) fn pairs(mut self, pairs: impl IntoIterator<Item = ClientAssertion>) -> Self {
        self.pairs.extend(pairs.into_iter().map(Ok));
        self
    }

    /// The provider, asked next, fails.
    pub(crate) fn provider_fails(mut self) -> Self {
        self.pairs.push_back(Err(failure(FailureKind::Provider)));
        self.certificates
            .push_back(Err(failure(FailureKind::Provider)));
        self
    }

    /// The next answers of the certificate's provider.
    pub(crate) fn certificates(
        mut self,
        certificates: impl IntoIterator<Item = Option<CertificateChain>>,
    ) -> Self {
        self.certificates.extend(certificates.into_iter().map(Ok));
        self
    }

    /// The next answers of the token endpoint.
    pub(crate) fn answers(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.answers.extend(answers);
        self
    }

    /// The next answers of the instance metadata service.
    pub(crate) fn regions(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.regions.extend(answers);
        self
    }

    /// The next answers about hosts.
    pub(crate) fn instances(mut self, answers: impl IntoIterator<Item = Answer>) -> Self {
        self.instances.extend(answers);
        self
    }

    /// The signer, asked next, fails.
    pub(crate) fn signer_fails(mut self, kind: FailureKind) -> Self {
        self.signatures.push_back(Err(failure(kind)));
        self
    }

    /// The signer, asked next, signs.
    pub(crate) fn signer_works(mut self) -> Self {
        self.signatures.push_back(Ok(()));
        self
    }

    /// At the next turn a flow of this plan was ahead, and has ended well.
    pub(crate) fn waits_for(mut self, plan: &Plan) -> Self {
        self.turns.push_back(Ahead::Flow(plan.clone()));
        self
    }

    /// At the next turn somebody was ahead, and ended with this error.
    pub(crate) fn waits_for_error(mut self, error: Error) -> Self {
        self.turns.push_back(Ahead::Failed(error));
        self
    }

    /// The next step of this name takes so long.
    pub(crate) fn takes(mut self, name: &'static str, time: Duration) -> Self {
        self.takes.entry(name).or_default().push_back(time);
        self
    }

    /// The cache can neither be read nor written.
    pub(crate) fn cache_fails(mut self) -> Self {
        self.cache_works = false;
        self
    }

    /// The rest of the script is not for what follows; memory and clocks stay.
    pub(crate) fn forgetting(self) -> Self {
        Self {
            memory: self.memory,
            now: self.now,
            granted: self.granted,
            ..Self::new()
        }
    }

    /// Time goes by on both clocks.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    pub(crate) fn run(&mut self, plan: &Plan) -> Run {
        assert_silent(plan);
        let (hit, began) = (self.hit(plan), self.now);
        let run = self.run_by_steps(plan);
        if self.cache_works && began == self.now {
            check_short_way(hit.as_ref(), &run);
        }
        run
    }

    /// The short way.
    pub(crate) fn hit(&self, plan: &Plan) -> Option<AccessToken> {
        self.memory.hit(&plan.look()?, self.now)
    }

    fn run_by_steps(&mut self, plan: &Plan) -> Run {
        let mut step = plan.clone().start(seed(7), self.now);
        let mut run = Record::default();
        loop {
            step = match self.answer(step, &mut run) {
                Step::Done(done) => {
                    assert_silent(&done);
                    run.seen.push("Done");
                    return run.finish(done);
                }
                step => step,
            };
        }
    }

    /// Answers one step, after a look at what it prints.
    pub(crate) fn answer(&mut self, step: Step, run: &mut Record) -> Step {
        assert_silent(&step);
        let name = name(&step);
        run.seen.push(name);
        if let Some(time) = self.takes.get_mut(name).and_then(VecDeque::pop_front) {
            self.pass(time);
        }
        match step {
            Step::LoadCache(load) => {
                run.loaded.push(load.key().clone());
                let found = self.memory.load(&load);
                let found = self.if_cache_works(found);
                load.resume(found, self.now)
            }
            Step::TakeTurn(wait) => {
                run.flights.push(wait.key().clone());
                let turn = match self.turns.pop_front() {
                    None => Turn::Mine,
                    Some(Ahead::Failed(error)) => Turn::Failed(error),
                    Some(Ahead::Flow(plan)) => {
                        let ahead = self.run(&plan);
                        assert!(ahead.done.result().is_ok(), "{ahead:?}");
                        Turn::Waited
                    }
                };
                wait.resume(turn, self.now)
            }
            Step::DiscoverRegion(ask) => {
                let found = answer(200, r#"{"location":"eastus"}"#);
                let found = self.regions.pop_front().unwrap_or(found);
                ask.resume(found, self.now)
            }
            Step::DiscoverInstance(ask) => {
                let known = answer(
                    200,
                    r#"{"tenant_discovery_endpoint":"https://login.microsoftonline.com/x"}"#,
                );
                let known = self.instances.pop_front().unwrap_or(known);
                ask.resume(known, self.now)
            }
            Step::ObtainAssertion(ask) => {
                run.asked.push(ask.asked_for().clone());
                let pair = self.pairs.pop_front().unwrap_or_else(|| Ok(alone(0)));
                ask.resume(pair, self.now)
            }
            Step::ObtainCertificate(ask) => {
                run.asked.push(ask.asked_for().clone());
                let first = || Ok(Some(numbered(RSA, 1)));
                let chain = self.certificates.pop_front().unwrap_or_else(first);
                ask.resume(chain, self.now)
            }
            Step::SignAssertion(sign) => {
                run.signed.push(sign.input().clone());
                let signed = self.signatures.pop_front().unwrap_or(Ok(()));
                let signature = signed.map(|()| signature(sign.input().algorithm()));
                sign.resume(signature, self.now)
            }
            Step::SendRequest(send) => {
                let sent = Sent::of(&send);
                let kind = sent.field("token_type").unwrap_or("Bearer").to_owned();
                let names_user = sent.field("client_info") == Some("1");
                run.sent.push(sent);
                self.granted += 1;
                let (number, life) = (self.granted, ",\"expires_in\":3600");
                let granted = if names_user {
                    granting_user(&kind, ALICE, number, life)
                } else {
                    granting(&kind, &format!("CANARY-token-{number}"), life)
                };
                let answer = self.answers.pop_front().unwrap_or(granted);
                send.resume(answer, self.now)
            }
            Step::Pause(pause) => {
                run.waits.push(pause.wait());
                let left = pause.until().saturating_sub(self.now.monotonic());
                self.pass(left);
                pause.resume(self.now)
            }
            Step::SaveCache(save) => {
                if save.ends_turn() {
                    run.ended_turns.push(name);
                }
                if self.cache_works {
                    self.memory.save(save.key(), save.update(), self.now);
                }
                let saved = self.if_cache_works(());
                save.resume(saved, self.now)
            }
            done @ Step::Done(_) => done,
        }
    }

    fn if_cache_works<T>(&self, value: T) -> Result<T, Failure> {
        if self.cache_works {
            Ok(value)
        } else {
            Err(failure(FailureKind::Cache))
        }
    }
}

/// The short way gives what the flow gives, and gives it wherever the flow has nothing to do but to look once.
#[track_caller]
fn check_short_way(hit: Option<&AccessToken>, run: &Run) {
    let at_once = run.seen == ["LoadCache token", "Done"];
    match (hit, run.done.result()) {
        (Some(hit), Ok(token)) if at_once => assert_eq!(hit, token),
        (Some(_), _) => panic!("a hit, and the flow went on: {:?}", run.seen),
        (None, Ok(token)) if at_once => assert!(token.renewal_is_due(), "{token:?}"),
        (None, _) => {}
    }
}

/// A [`Run`] that has not ended yet.
#[derive(Default)]
pub(crate) struct Record {
    seen: Vec<&'static str>,
    sent: Vec<Sent>,
    asked: Vec<ProviderContext>,
    signed: Vec<SigningInput>,
    loaded: Vec<PartitionKey>,
    flights: Vec<FlightKey>,
    ended_turns: Vec<&'static str>,
    waits: Vec<Duration>,
}

impl Record {
    fn finish(self, done: Done) -> Run {
        Run {
            seen: self.seen,
            sent: self.sent,
            asked: self.asked,
            signed: self.signed,
            loaded: self.loaded,
            flights: self.flights,
            ended_turns: self.ended_turns,
            waits: self.waits,
            done,
        }
    }
}

impl Run {
    #[track_caller]
    pub(crate) fn token(&self) -> &AccessToken {
        match self.done.result() {
            Ok(token) => token,
            Err(error) => panic!("{error}; seen: {:?}", self.seen),
        }
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &Error {
        match self.done.result() {
            Ok(_) => panic!("a token; seen: {:?}", self.seen),
            Err(error) => error,
        }
    }

    /// The one token request.
    #[track_caller]
    pub(crate) fn request(&self) -> &Sent {
        assert_eq!(self.sent.len(), 1, "seen: {:?}", self.seen);
        &self.sent[0]
    }
}

/// What a step is called here: its kind and, where a kind serves more than one end, which.
pub(crate) fn name(step: &Step) -> &'static str {
    match step {
        Step::LoadCache(load) => {
            let names = [
                "LoadCache token",
                "LoadCache region",
                "LoadCache instance",
                "LoadCache throttle",
                "LoadCache refresh token",
            ];
            names[subject(load.key())]
        }
        Step::TakeTurn(wait) => {
            let key = format!("{:?}", wait.key());
            match () {
                () if key.contains("partition: Region") => "TakeTurn region",
                () if key.contains("partition: Instance") => "TakeTurn instance",
                () => "TakeTurn token",
            }
        }
        Step::DiscoverRegion(_) => "DiscoverRegion",
        Step::DiscoverInstance(_) => "DiscoverInstance",
        Step::ObtainAssertion(_) => "ObtainAssertion",
        Step::ObtainCertificate(_) => "ObtainCertificate",
        Step::SignAssertion(_) => "SignAssertion",
        Step::SendRequest(_) => "SendRequest",
        Step::Pause(_) => "Pause",
        Step::SaveCache(save) => {
            let names = [
                "SaveCache token",
                "SaveCache region",
                "SaveCache instance",
                "SaveCache throttle",
                "SaveCache refresh token",
            ];
            names[subject(save.key())]
        }
        Step::Done(_) => "Done",
    }
}

/// A key does not say what it is for, except to whoever prints it.
fn subject(key: &PartitionKey) -> usize {
    let key = format!("{key:?}");
    let kinds = [
        "Tokens {",
        "Region {",
        "Instance {",
        "Throttle {",
        "RefreshToken {",
    ];
    let found = kinds.iter().position(|kind| key.starts_with(kind));
    found.expect("one of the five kinds of key")
}

pub(crate) fn seed(number: u8) -> Seed {
    let mut bytes = *b"CANARY seed: thirty-two bytes...";
    bytes[31] = number;
    Seed::from_bytes(bytes)
}

/// Bytes that could be a signature.
pub(crate) fn signature(algorithm: Algorithm) -> Signature {
    let length = if algorithm == Algorithm::Es256 {
        64
    } else {
        256
    };
    Signature::new(b"CANARY..".iter().copied().cycle().take(length).collect())
}
