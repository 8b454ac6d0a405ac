//! `demo`: the main job shown end to end, against an emulator in this very process: real TLS, real certificates, and for each
//! outcome the server's own record of what it saw.

use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;
use entra_emulator::{
    Application, AssertionSpec, Emulator, Endpoint, Fault, KeyKind, StartError, TENANT_ID, Target,
    TestIdentity,
};
use entra_tokio::{
    AccessToken, Body, Client, ClientIdentity, Credential, EntraClient, Error, Event, Network,
    ProvidedAssertion, ProviderContext, RegionSource, Resolve, Secret, TokenRequest,
};

use self::report::{Outcome, Report};

mod report;

/// Show the main job with real mutual TLS against an embedded token service.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

const CERTIFICATE_APP: &str = "11111111-1111-1111-1111-111111111111";
const FEDERATED_APP: &str = "33333333-3333-3333-3333-333333333333";
const ISSUER: &str = "https://issuer.example/";
const SUBJECT: &str = "workload";
const REGION: &str = "eastus";
const SCOPE: &str = "https://vault.azure.net/.default";

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Demo {
    /// Runs everything; the exit code is 0 only if every outcome was the expected one.
    pub(crate) async fn run(self) -> ExitCode {
        match run(!self.json).await {
            Ok(report) => {
                if self.json {
                    println!("{}", report.json());
                } else {
                    println!("{}", report.table());
                }
                if report.passed() {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                }
            }
            Err(error) => {
                eprintln!("error: the demo could not be set up: {error}");
                ExitCode::from(2)
            }
        }
    }
}

async fn run(print: bool) -> Result<Report, Failure> {
    let stage = Stage::set()?;
    let mut report = Report::new(print);
    report.say(&format!(
        "An emulated Entra listens on {} with a CA of its own; all host names lead there.",
        stage.emulator.address()
    ));
    stage.implicit(&mut report).await?;
    stage.proof_of_possession(&mut report).await?;
    stage.two_legs(&mut report).await?;
    stage.rotation(&mut report).await?;
    stage.refusals(&mut report).await?;
    Ok(report)
}

/// The emulator, the two applications and their certificates.
struct Stage {
    emulator: Arc<Emulator>,
    alpha: TestIdentity,
    beta: TestIdentity,
    steps: Arc<Mutex<Vec<String>>>,
}

/// A client, and how often its provider was asked.
struct Subject {
    entra: EntraClient,
    calls: Arc<AtomicUsize>,
}

impl Stage {
    fn set() -> Result<Self, StartError> {
        let alpha = TestIdentity::generate(KeyKind::P256, "alpha")?;
        let beta = TestIdentity::generate(KeyKind::P256, "beta")?;
        let first = Application::new(CERTIFICATE_APP)
            .certificate(alpha.certificate_der())
            .mtls(true);
        let issuer = format!("https://login.microsoftonline.com/{TENANT_ID}/v2.0");
        let second = Application::new(FEDERATED_APP)
            .federated(ISSUER, SUBJECT)
            .federated(issuer, first.object_id())
            .mtls(true);
        let emulator = Emulator::builder()
            .application(first)
            .application(second)
            .start()?;
        Ok(Self {
            emulator: Arc::new(emulator),
            alpha,
            beta,
            steps: Arc::default(),
        })
    }

    fn network(&self) -> Result<Network, Failure> {
        let everywhere = Resolve {
            host: "*".to_owned(),
            port: None,
            address: self.emulator.address(),
        };
        Ok(Network::new()
            .trust_only(self.emulator.ca_pem())?
            .resolve(everywhere)
            .no_proxy())
    }

    fn builder(&self, client: Client) -> Result<entra_tokio::EntraClientBuilder, Failure> {
        let steps = Arc::clone(&self.steps);
        let observer = move |event: &Event| {
            // The cache's steps say nothing to somebody who watches the wire.
            if !matches!(event.step, "LoadCache" | "SaveCache" | "TakeTurn") {
                steps
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(event.to_string());
            }
        };
        Ok(EntraClient::builder(client)
            .network(self.network()?)
            .observer(observer))
    }

    /// A client whose provider returns this assertion with this identity.
    fn federated(
        &self,
        tenant: &str,
        region: Option<&str>,
        assertion_for: &TestIdentity,
        shown: &TestIdentity,
    ) -> Result<Subject, Failure> {
        let authority = format!("https://login.microsoftonline.com/{tenant}");
        let mut client = Client::builder(
            FEDERATED_APP,
            authority,
            Credential::signed_assertion_provider(),
        );
        if let Some(region) = region {
            client = client.region(RegionSource::Named(region.to_owned()));
        }
        let calls = Arc::new(AtomicUsize::new(0));
        let (emulator, counted) = (Arc::clone(&self.emulator), Arc::clone(&calls));
        let (der, identity) = (assertion_for.certificate_der().to_vec(), identity(shown)?);
        let provider = move |_: ProviderContext| {
            counted.fetch_add(1, Ordering::SeqCst);
            let spec = AssertionSpec::new(ISSUER, SUBJECT).bound_to(der.clone());
            let provided = ProvidedAssertion::bound(
                Secret::new(emulator.issue_assertion(&spec)),
                identity.clone(),
            );
            async move { Ok(provided) }
        };
        let entra = self
            .builder(client.build()?)?
            .assertion_provider(provider)
            .build()?;
        Ok(Subject { entra, calls })
    }

    /// A client with a fixed certificate.
    fn certified(
        &self,
        tenant: &str,
        region: Option<&str>,
        of: &TestIdentity,
    ) -> Result<EntraClient, Failure> {
        let identity = identity(of)?;
        let authority = format!("https://login.microsoftonline.com/{tenant}");
        let mut client = Client::builder(
            CERTIFICATE_APP,
            authority,
            Credential::certificate(identity.chain()),
        );
        if let Some(region) = region {
            client = client.region(RegionSource::Named(region.to_owned()));
        }
        Ok(self.builder(client.build()?)?.identity(identity).build()?)
    }

    /// Implicit mTLS, and the same again from the cache.
    async fn implicit(&self, report: &mut Report) -> Result<(), Failure> {
        let subject = self.federated(TENANT_ID, Some(REGION), &self.alpha, &self.alpha)?;
        let got = subject.entra.token(&bearer()).await;
        let expected = format!(
            "Bearer token, sent to {REGION}.mtlsauth.microsoft.com over {}, provider asked once",
            self.alpha.thumbprint()
        );
        let got = got.map(|token| {
            format!(
                "{}, provider asked {}",
                self.sent(&token),
                times(subject.calls.load(Ordering::SeqCst))
            )
        });
        report.add(self.outcome("a Bearer token through implicit mTLS", &expected, &got));

        let before = self.emulator.accepted();
        let got = subject.entra.token(&bearer()).await;
        let got = got.map(|token| {
            let connections = self.emulator.accepted() - before;
            format!(
                "Bearer token from {:?}, provider asked {} in all, {connections} new connections",
                token.source(),
                times(subject.calls.load(Ordering::SeqCst))
            )
        });
        report.add(self.outcome(
            "the same again",
            "Bearer token from Cache, provider asked once in all, 0 new connections",
            &got,
        ));
        Ok(())
    }

    /// A bound token, and the resource that takes it over its own certificate only.
    async fn proof_of_possession(&self, report: &mut Report) -> Result<(), Failure> {
        let entra = self.certified(TENANT_ID, Some(REGION), &self.alpha)?;
        let got = entra.token(&pop()).await;
        let expected = format!(
            "mtls_pop token, sent to {REGION}.mtlsauth.microsoft.com over {0}, bound to {0}",
            self.alpha.thumbprint()
        );
        let shown = got
            .as_ref()
            .map(|token| format!("{}, bound to {}", self.sent(token), bound(token)))
            .map_err(Clone::clone);
        report.add(self.outcome(
            "a proof-of-possession token with a certificate",
            &expected,
            &shown,
        ));
        let Ok(token) = got else { return Ok(()) };

        let url = format!("https://{}/secrets/answer", self.emulator.resource_host());
        let answer = entra
            .send(&token, http::Request::get(url).body(Body::empty())?)
            .await;
        let got = match answer {
            Ok(answer) => format!(
                "HTTP {} over {}",
                answer.status().as_u16(),
                self.last_certificate()
            ),
            Err(failure) => format!("no answer: {:?}", failure.kind()),
        };
        let expected = format!("HTTP 200 over {}", self.alpha.thumbprint());
        report.add(self.outcome(
            "a call of the protected resource with it",
            &expected,
            &Ok::<_, Error>(got),
        ));
        Ok(())
    }

    /// The PoP token of the first leg is the bound assertion of the second.
    async fn two_legs(&self, report: &mut Report) -> Result<(), Failure> {
        let first = self.certified(TENANT_ID, Some(REGION), &self.alpha)?;
        let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
        let client = Client::builder(
            FEDERATED_APP,
            authority,
            Credential::signed_assertion_provider(),
        )
        .region(RegionSource::Named(REGION.to_owned()))
        .build()?;
        let provider = move |_: ProviderContext| {
            let first = first.clone();
            async move {
                let exchange = TokenRequest::for_app(["api://AzureADTokenExchange/.default"])
                    .proof_of_possession();
                let token = first.token(&exchange).await?;
                let bound_to = token
                    .binding_certificate()
                    .ok_or("the first leg's token is not bound")?;
                let identity = first
                    .identity(bound_to.thumbprint())
                    .ok_or("the first leg's identity is gone")?;
                Ok(ProvidedAssertion::bound(token.secret().clone(), identity))
            }
        };
        let second = self.builder(client)?.assertion_provider(provider).build()?;
        for (request, kind) in [(bearer(), "Bearer"), (pop(), "mtls_pop")] {
            let got = second.token(&request).await;
            let expected = format!(
                "{kind} token, sent to {REGION}.mtlsauth.microsoft.com over {}",
                self.alpha.thumbprint()
            );
            let got = got.map(|token| self.sent(&token));
            report.add(self.outcome(
                &format!("two legs, ending in a {kind} token"),
                &expected,
                &got,
            ));
        }
        Ok(())
    }

    /// One client, whose provider returns another certificate from the second call on: another connection, another token.
    async fn rotation(&self, report: &mut Report) -> Result<(), Failure> {
        let shown = [&self.alpha, &self.beta];
        let pairs =
            shown.map(|of| identity(of).map(|identity| (of.certificate_der().to_vec(), identity)));
        let [old, new] = pairs;
        let (old, new) = (old?, new?);
        let (emulator, calls) = (Arc::clone(&self.emulator), AtomicUsize::new(0));
        let provider = move |_: ProviderContext| {
            let (der, identity) = if calls.fetch_add(1, Ordering::SeqCst) == 0 {
                &old
            } else {
                &new
            };
            let spec = AssertionSpec::new(ISSUER, SUBJECT).bound_to(der.clone());
            let provided = ProvidedAssertion::bound(
                Secret::new(emulator.issue_assertion(&spec)),
                identity.clone(),
            );
            async move { Ok(provided) }
        };
        let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
        let client = Client::builder(
            FEDERATED_APP,
            authority,
            Credential::signed_assertion_provider(),
        );
        let client = client
            .region(RegionSource::Named(REGION.to_owned()))
            .build()?;
        let entra = self.builder(client)?.assertion_provider(provider).build()?;
        for (name, of) in ["before a rotation of the certificate", "after it"]
            .into_iter()
            .zip(shown)
        {
            let before = self.emulator.accepted();
            let got = entra.token(&pop()).await;
            let expected = format!(
                "mtls_pop token, sent to {REGION}.mtlsauth.microsoft.com over {0}, bound to {0}, 1 new connection",
                of.thumbprint()
            );
            let got = got.map(|token| {
                let connections = self.emulator.accepted() - before;
                format!(
                    "{}, bound to {}, {connections} new connection",
                    self.sent(&token),
                    bound(&token)
                )
            });
            report.add(self.outcome(name, &expected, &got));
        }
        Ok(())
    }

    /// What is refused, and by whom.
    async fn refusals(&self, report: &mut Report) -> Result<(), Failure> {
        let before = self.emulator.accepted();
        let no_region = self
            .federated(TENANT_ID, None, &self.alpha, &self.alpha)?
            .entra;
        let got = refusal(no_region.token(&bearer()).await)
            .map(|code| format!("{code}, {} connections", self.emulator.accepted() - before));
        report.add(self.outcome(
            "no region, Bearer",
            "mtls_bearer_without_region, 0 connections",
            &got,
        ));
        let got = refusal(no_region.token(&pop()).await)
            .map(|code| format!("{code}, {} connections", self.emulator.accepted() - before));
        report.add(self.outcome(
            "no region, PoP",
            "mtls_pop_without_region, 0 connections",
            &got,
        ));

        let common = self.certified("common", Some(REGION), &self.alpha)?;
        let got = refusal(common.token(&pop()).await)
            .map(|code| format!("{code}, {} connections", self.emulator.accepted() - before));
        report.add(self.outcome(
            "PoP at common",
            "missing_tenanted_authority, 0 connections",
            &got,
        ));

        let mixed = self
            .federated(TENANT_ID, Some(REGION), &self.alpha, &self.beta)?
            .entra;
        let got = match mixed.token(&bearer()).await {
            Ok(token) => Err(format!("a {} token", token.token_type())),
            Err(error) => Ok(error
                .aadsts()
                .iter()
                .map(|number| format!("AADSTS{number}"))
                .collect::<Vec<_>>()
                .join(", ")),
        };
        report.add(self.outcome(
            "an assertion bound to one certificate, sent over another",
            "AADSTS500181",
            &got,
        ));

        self.emulator.fail_next(
            Target::Endpoint(Endpoint::Token),
            Fault::TokenType("Bearer".to_owned()),
        );
        let entra = self.certified(TENANT_ID, Some(REGION), &self.alpha)?;
        let got = refusal(entra.token(&pop()).await);
        report.add(self.outcome(
            "a PoP request answered with Bearer",
            "token_type_mismatch",
            &got,
        ));
        Ok(())
    }

    /// Where the last token request went and with which certificate, by the emulator's record.
    fn sent(&self, token: &AccessToken) -> String {
        let last = self.emulator.token_requests().pop();
        let host = last.as_ref().map_or("nowhere", |request| &request.host);
        let over = last
            .as_ref()
            .and_then(|request| request.client_thumbprint())
            .unwrap_or_else(|| "no certificate".to_owned());
        format!("{} token, sent to {host} over {over}", token.token_type())
    }

    fn last_certificate(&self) -> String {
        let last = self.emulator.requests().pop();
        last.and_then(|request| request.client_thumbprint())
            .unwrap_or_else(|| "no certificate".to_owned())
    }

    fn outcome<E: std::fmt::Display>(
        &self,
        name: &str,
        expected: &str,
        got: &Result<String, E>,
    ) -> Outcome {
        let steps = std::mem::take(&mut *self.steps.lock().unwrap_or_else(PoisonError::into_inner));
        let got = match got {
            Ok(got) => got.clone(),
            Err(error) => error.to_string(),
        };
        Outcome {
            name: name.to_owned(),
            expected: expected.to_owned(),
            got,
            steps,
        }
    }
}

fn identity(of: &TestIdentity) -> Result<ClientIdentity, entra_tokio::IdentityError> {
    ClientIdentity::from_pem(of.certificate_pem(), of.key_pem())
}

fn bearer() -> TokenRequest {
    TokenRequest::for_app([SCOPE])
}

fn pop() -> TokenRequest {
    bearer().proof_of_possession()
}

fn bound(token: &AccessToken) -> String {
    token.binding_certificate().map_or_else(
        || "nothing".to_owned(),
        |certificate| certificate.thumbprint().to_string(),
    )
}

/// The code of a refusal that was expected; a token is what goes wrong here.
fn refusal(got: Result<AccessToken, Error>) -> Result<String, String> {
    match got {
        Ok(token) => Err(format!("a {} token", token.token_type())),
        Err(error) => Ok(error.code().to_owned()),
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    }
}
