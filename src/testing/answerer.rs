//! Answers every step from a script: an outside without sockets, clocks and threads.

use std::time::Duration;

use http::{Method, Request};

use super::answers::{Answer, response};
use super::material::{P256, RSA, numbered};
use super::requests::USERS;
use super::script::{Reply, Script, Signed};
use super::{CANARY, answers};
use crate::cache::{Memory, TokenKind};
use crate::certificate::CertificateChain;
use crate::error::Failure;
use crate::flow::{ClientAssertion, Done, Step, Transport, Turn};
use crate::plan::Plan;
use crate::secret::{Body, Secret, Seed};
use crate::time::Now;
use crate::wire::{Algorithm, Signature, SigningInput};

/// The outside of a few flows: a memory that they share, two clocks, and a [`Script`] of what everybody in it answers.
///
/// Where the script has run out, everything works: services grant what they are asked for and to the user that they are asked
/// about, the region is `eastus`, hosts are known, providers and signers do their duty, nobody is ahead in any queue, the memory
/// remembers, and nothing takes any time.
///
/// [`run`](Self::run) plays a whole flow. A driver of your own calls [`answer`](Self::answer) for the steps that it is not about,
/// and for the others the function of that effect, such as [`send`](Self::send).
///
/// ```
/// use entra_proto::testing::{Answerer, Script};
/// use entra_proto::{Client, Credential, Seed, TokenRequest, TokenSource};
///
/// let client = Client::builder("app", "https://login.microsoftonline.com/contoso.com", Credential::certificate_provider()).build()?;
/// let plan = TokenRequest::for_app(["scope"]).plan(&client)?;
/// let mut world = Answerer::new(Script::default());
/// let sources = [7, 8].map(|number| {
///     let done = world.run(plan.clone(), Seed::from_bytes([number; 32]));
///     done.into_result().map(|token| token.source())
/// });
/// assert_eq!(sources, [Ok(TokenSource::Network), Ok(TokenSource::Cache)]);
/// # Ok::<(), entra_proto::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Answerer {
    script: Script,
    now: Now,
    memory: Memory,
    granted: u32,
}

impl Answerer {
    /// An outside that answers so, with an empty memory.
    #[must_use]
    pub fn new(script: Script) -> Self {
        Self::remembering(script, Memory::default())
    }

    /// An outside that answers so, with this memory.
    ///
    /// ```
    /// use entra_proto::Memory;
    /// use entra_proto::testing::{Answerer, Script};
    ///
    /// let mut before = Answerer::new(Script::default());
    /// // … some flows, and then another outside with what they left behind:
    /// let after = Answerer::remembering(Script::default(), std::mem::take(before.memory_mut()));
    /// # let _: (&Memory, _) = (before.memory(), after.now());
    /// ```
    #[must_use]
    pub fn remembering(script: Script, memory: Memory) -> Self {
        Self {
            now: script.begins,
            script,
            memory,
            granted: 0,
        }
    }

    /// What the clocks say.
    #[must_use]
    pub fn now(&self) -> Now {
        self.now
    }

    /// Sets the clocks.
    pub fn set(&mut self, now: Now) {
        self.now = now;
    }

    /// What the flows share.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What the flows share: to lose some of it, or all.
    pub fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memory
    }

    /// Plays a flow to its end.
    pub fn run(&mut self, plan: Plan, seed: Seed) -> Done {
        let mut step = plan.start(seed, self.now);
        loop {
            step = self.answer(step);
            if let Step::Done(done) = step {
                return done;
            }
        }
    }

    /// Answers a step, after some time. What is done stays done.
    pub fn answer(&mut self, step: Step) -> Step {
        match step {
            Step::LoadCache(load) => {
                let found = self.memory.load(&load);
                let found = self.of_memory().map(|()| found);
                load.resume(found, self.now)
            }
            Step::TakeTurn(take) => {
                let turn = self.turn();
                take.resume(turn, self.now)
            }
            Step::DiscoverRegion(ask) => {
                let answer = self.send(ask.request(), &Transport::Plain);
                ask.resume(answer, self.now)
            }
            Step::DiscoverInstance(ask) => {
                let answer = self.send(ask.request(), ask.transport());
                ask.resume(answer, self.now)
            }
            Step::ObtainAssertion(ask) => {
                let answer = self.assertion();
                ask.resume(answer, self.now)
            }
            Step::ObtainCertificate(ask) => {
                let answer = self.certificate();
                ask.resume(answer, self.now)
            }
            Step::SignAssertion(sign) => {
                let signature = self.sign(sign.input());
                sign.resume(signature, self.now)
            }
            Step::SendRequest(send) => {
                let answer = self.send(send.request(), send.transport());
                send.resume(answer, self.now)
            }
            Step::Pause(pause) => {
                let left = pause.until().saturating_sub(self.now.monotonic());
                self.now = self.now.after(left);
                pause.resume(self.now)
            }
            Step::SaveCache(save) => {
                let saved = self.of_memory();
                if saved.is_ok() {
                    self.memory.save(save.key(), save.update(), self.now);
                }
                save.resume(saved, self.now)
            }
            Step::Done(done) => Step::Done(done),
        }
    }

    /// What comes back for a request, be it for a token, a region or about a host. The transport is not looked at: whether the
    /// certificate was presented is for the driver's own tests.
    pub fn send(&mut self, request: &Request<Body>, transport: &Transport) -> Answer {
        let _ = transport;
        self.pass();
        if request.method() == Method::POST {
            return match self.script.tokens.pop_front() {
                Some(Reply::Other(answer)) => answer,
                Some(Reply::Grant(grant)) => Ok(self.grant(&grant, request)),
                None => Ok(self.grant(&answers::Grant::default(), request)),
            };
        }
        if request.headers().contains_key("metadata") {
            let region = || Ok(response(200, r#"{"location":"eastus"}"#.to_owned()));
            return self.script.regions.pop_front().unwrap_or_else(region);
        }
        let known = || {
            // An OpenID provider is asked for its configuration, and has its endpoint on its own host.
            let host = request.uri().host().unwrap_or_default();
            let body = format!(
                "{{\"tenant_discovery_endpoint\":\"https://{host}/x\",\"token_endpoint\":\"https://{host}/token\"}}"
            );
            Ok(response(200, body))
        };
        self.script.instances.pop_front().unwrap_or_else(known)
    }

    /// What the application's provider of assertions answers.
    ///
    /// # Errors
    /// As the script says.
    pub fn assertion(&mut self) -> Result<ClientAssertion, Failure> {
        self.pass();
        let number = self.granted;
        let bound = || {
            let assertion = Secret::new(format!("{CANARY}.pair.{number}"));
            Ok(ClientAssertion::bound(
                assertion,
                CertificateChain::new(numbered(P256, 0)),
            ))
        };
        self.script.assertions.pop_front().unwrap_or_else(bound)
    }

    /// What the application's provider of certificates answers.
    ///
    /// # Errors
    /// As the script says.
    pub fn certificate(&mut self) -> Result<Option<CertificateChain>, Failure> {
        self.pass();
        let first = || Ok(Some(CertificateChain::new(numbered(RSA, 0))));
        self.script.certificates.pop_front().unwrap_or_else(first)
    }

    /// What the signer answers: bytes that could be a signature; nothing is signed.
    ///
    /// # Errors
    /// As the script says.
    pub fn sign(&mut self, input: &SigningInput) -> Result<Signature, Failure> {
        self.pass();
        match self.script.signatures.pop_front() {
            None | Some(Signed::Well) => {
                let length = match input.algorithm() {
                    Algorithm::Es256 => 64,
                    Algorithm::Ps256 | Algorithm::Rs256 => 256,
                };
                let bytes = CANARY.bytes().cycle().take(length);
                Ok(Signature::new(bytes.collect()))
            }
            Some(Signed::Oddly(bytes)) => Ok(Signature::new(bytes)),
            Some(Signed::Not(failure)) => Err(failure),
        }
    }

    /// How the wait for a turn went.
    pub fn turn(&mut self) -> Turn {
        self.pass();
        self.script.turns.pop_front().unwrap_or(Turn::Mine)
    }

    /// Whether the memory can be reached.
    fn of_memory(&mut self) -> Result<(), Failure> {
        self.pass();
        self.script.memory.pop_front().unwrap_or(Ok(()))
    }

    /// Lets the time pass that the next answer takes.
    fn pass(&mut self) {
        let time = self.script.delays.pop_front().unwrap_or(Duration::ZERO);
        self.now = self.now.after(time);
    }

    /// What was asked for, as the form says it.
    fn grant(&mut self, grant: &answers::Grant, request: &Request<Body>) -> http::Response<Body> {
        self.granted = self.granted.saturating_add(1);
        let form = request.body().expose();
        let (mut kind, mut names_user, mut user) =
            (TokenKind::Bearer.as_str(), false, USERS.first());
        for (name, value) in url::form_urlencoded::parse(form) {
            match &*name {
                "token_type" if value == TokenKind::MtlsPop.as_str() => {
                    kind = TokenKind::MtlsPop.as_str()
                }
                "client_info" => names_user = true,
                "refresh_token" | "code" | "user_federated_identity_credential" => {
                    let named = USERS.iter().find(|user| value.contains(**user));
                    user = named.or(user);
                }
                _ => {}
            }
        }
        grant.response(kind, user.copied().filter(|_| names_user), self.granted)
    }
}
