//! One random flow: a random client, a random request, random answers, and everything that must hold on the way whatever they
//! are. The dice decide: a generator of the test's own, or a fuzzer's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entra_proto::*;
use http::{Method, Response};

use crate::canary::{CANARY, assert_silent, is_silent};
use crate::certificates::{P256, P384, RSA, numbered, thumbprint};
use crate::hosts;
use crate::script::{Answer, START, Sent, answer, host, name, seed, signature, with_header};

/// No flow has more steps (I04). The longest looks, asks, looks, queues, looks (5); its pair grew old: asks, looks (2); settles the
/// region: looks, queues, looks, asks three times, saves (7); and the host: looks, queues, looks, asks, saves (5); its pair grew
/// old again: asks (1); looks at the throttling, sends, saves, pauses (4); asks, looks, sends, saves, ends (5). Flows that sign, up
/// to twice for each attempt, have no host to ask about and come to 28.
pub(crate) const MOST_STEPS: usize = 29;

/// Where chance comes from.
pub(crate) trait Dice {
    /// A number below `sides`.
    fn roll(&mut self, sides: u32) -> u32;

    fn one_in(&mut self, sides: u32) -> bool {
        self.roll(sides) == 0
    }

    fn pick<T: Copy>(&mut self, values: &[T]) -> T {
        let most = u32::try_from(values.len()).expect("a short list");
        values[self.roll(most) as usize]
    }
}

/// What flows share: a memory, clocks, and what was issued to whom.
pub(crate) struct World {
    memory: Memory,
    now: Now,
    pairs: u32,
    tokens: u32,
    issued: BTreeMap<String, Issued>,
}

/// What the service knows of a token.
struct Issued {
    to: Principal,
    kind: &'static str,
    scopes: BTreeSet<String>,
    /// The certificate of the handshake.
    certificate: Option<Thumbprint>,
    at: Now,
    life: Duration,
}

/// Everything besides the scopes that makes one request's token another's (rule 10, I15).
#[derive(Clone, Debug, Eq, PartialEq)]
struct Principal {
    issuer: String,
    tenant: String,
    client: String,
    kind: TokenKind,
    grant: String,
    fmi_path: Option<&'static str>,
    assertion_fmi_path: Option<&'static str>,
    partition: Option<&'static str>,
}

/// A client, and what the test knows of it.
struct Party {
    client: Client,
    listed: Vec<&'static str>,
    proof: Proof,
    isolated: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Proof {
    Secret,
    Certificate { over_mtls: bool },
    CertificateProvider { over_mtls: bool },
    OwnClaims,
    StaticAssertion,
    AssertionProvider,
    PairProvider,
}

const AUTHORITIES: &[&str] = &[
    "https://login.microsoftonline.com/contoso.com",
    "https://login.microsoftonline.com/contoso.com",
    "https://login.microsoftonline.com/Contoso.com",
    "https://login.windows.net/contoso.com",
    "https://login.microsoft.com/contoso.com",
    "https://login.microsoftonline.com/common",
    "https://login.microsoftonline.us/fabrikam.com",
    "https://login.chinacloudapi.cn/contoso.com",
    "https://login.sovcloud-identity.fr/contoso.com",
    "https://sts.windows.net/contoso.com",
    "https://login.example.com/contoso.com",
    "https://unknown.example/contoso.com",
    "https://unknown.example/dstsv2/contoso.com",
    "https://unknown.example/adfs",
    "https://contoso.b2clogin.com/tfp/contoso.com/policy",
    "https://contoso.ciamlogin.com",
];
const OIDC: &[&str] = &["https://unknown.example", "https://unknown.example/adfs"];
const SCOPES: &[&[&str]] = &[
    &["https://vault.azure.net/.default"],
    &["HTTPS://vault.azure.net/.default"],
    &["a", "b"],
    &["b", "A", "a"],
    &["a"],
];
const TENANTS: &[&str] = &["fabrikam.com", "Contoso.com", "organizations", "consumers"];
const FAILURES: &[FailureKind] = &[
    FailureKind::Connect,
    FailureKind::Timeout,
    FailureKind::Tls,
    FailureKind::Closed,
    FailureKind::TooLarge,
    FailureKind::CertificateNotRequested,
    FailureKind::CertificateRejected,
    FailureKind::Provider,
    FailureKind::UnsupportedAlgorithm,
    FailureKind::Cache,
];
const STATUSES: &[u16] = &[
    200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 201, 302, 307, 400, 401, 404, 408,
    429, 429, 500, 503, 599,
];
const REFUSALS: &[&str] = &[
    "",
    "{}",
    "<html>CANARY</html>",
    r#"{"error":"invalid_client","error_description":"CANARY","error_codes":[7000215]}"#,
    r#"{"error":"invalid_grant","suberror":"basic_action","claims":"{\"CANARY\":1}"}"#,
    r#"{"error":"CANARY says no","error_description":"CANARY"}"#,
];
const REGIONS: &[&str] = &[
    r#"{"location":"eastus"}"#,
    r#"{"location":"WestUS3"}"#,
    r#"{"location":"evil.example/CANARY"}"#,
    r#"{"newest-versions":["2025-04-07"]}"#,
    r#"{"location":1}"#,
    "CANARY",
];
/// A yes to both questions.
const BOTH: &str = r#"{"tenant_discovery_endpoint":"https://evil.example/CANARY","token_endpoint":"https://unknown.example/oauth/token"}"#;
const INSTANCES: &[&str] = &[
    BOTH,
    BOTH,
    BOTH,
    BOTH,
    r#"{"token_endpoint":"https://tokens.example/token"}"#,
    r#"{"token_endpoint":"https://evil.example/token"}"#,
    r#"{"token_endpoint":"http://unknown.example/token"}"#,
    "[]",
];

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

fn failure(dice: &mut impl Dice) -> Failure {
    Failure::new(dice.pick(FAILURES)).reporting(format!("{CANARY} in foreign words"))
}

fn secret(what: &str) -> Secret {
    Secret::new(format!("{CANARY}-{what}"))
}

fn party(dice: &mut impl Dice) -> Result<Party, Error> {
    let over_mtls = dice.one_in(2);
    let chain = || numbered(RSA, 1);
    let proof = match dice.roll(10) {
        0 => Proof::Secret,
        1 => Proof::Certificate { over_mtls },
        2 => Proof::CertificateProvider { over_mtls },
        3 => Proof::OwnClaims,
        4 => Proof::StaticAssertion,
        5 => Proof::AssertionProvider,
        _ => Proof::PairProvider,
    };
    let credential = match proof {
        Proof::Secret => Credential::secret(secret("client & secret")),
        Proof::Certificate { .. } if dice.one_in(8) => Credential::certificate(numbered(P384, 1)),
        Proof::Certificate { .. } => Credential::certificate(chain()),
        Proof::CertificateProvider { .. } => Credential::certificate_provider(),
        Proof::OwnClaims => {
            Credential::certificate_with_claims(chain(), format!("{{\"own\":\"{CANARY}\"}}"))
        }
        Proof::StaticAssertion => Credential::static_assertion(secret("static")),
        Proof::AssertionProvider => Credential::assertion_provider(),
        Proof::PairProvider => Credential::signed_assertion_provider(),
    };
    let credential = match proof {
        Proof::Certificate { over_mtls: true } | Proof::CertificateProvider { over_mtls: true } => {
            credential.send_over_mtls()
        }
        // A build error (rule 9).
        Proof::Secret | Proof::PairProvider if dice.one_in(40) => credential.send_over_mtls(),
        _ => credential.send_x5c(),
    };
    let authority = if dice.one_in(10) {
        Authority::oidc(dice.pick(OIDC))?
    } else {
        Authority::parse(dice.pick(AUTHORITIES))?
    };
    let listed = match dice.roll(4) {
        0 => vec!["login.example.com", "tokens.example", "unknown.example"],
        1 => vec!["tokens.example"],
        _ => vec![],
    };
    let region = match dice.roll(6) {
        0 => RegionSource::Unset,
        1 | 2 => RegionSource::Discover,
        3 => RegionSource::Named("TryAutoDetect".to_owned()),
        4 if dice.one_in(8) => RegionSource::Named("fake.com/x".to_owned()),
        _ => RegionSource::Named("WestUS3".to_owned()),
    };
    let (name, force, disable) = (dice.one_in(4), dice.one_in(8), dice.one_in(16));
    let environment = Environment::read(|variable| match variable {
        "REGION_NAME" => name.then(|| "East US 2".to_owned()),
        "MSAL_FORCE_REGION" => force.then(|| "forced1".to_owned()),
        "MSAL_DISABLE_REGION" => disable.then(|| "1".to_owned()),
        _ => None,
    });
    let isolated = dice.one_in(4);
    let policy = if dice.one_in(2) {
        RegionPolicy::Optional
    } else {
        RegionPolicy::Required
    };
    let isolation = if isolated {
        BearerIsolation::PerCertificate
    } else {
        BearerIsolation::Shared
    };
    let client = Client::builder(dice.pick(&["app one", "app-2"]), authority, credential)
        .region(region)
        .environment(environment)
        .region_policy(policy)
        .bearer_isolation(isolation)
        .known_authorities(listed.iter().copied())
        .instance_discovery(!dice.one_in(8))
        .capabilities(if dice.one_in(3) { vec!["cp1"] } else { vec![] })
        .build()?;
    Ok(Party {
        client,
        listed,
        proof,
        isolated,
    })
}

/// What was asked for, as far as the checks need it.
struct Wish {
    request: TokenRequest,
    to: Principal,
    scopes: BTreeSet<String>,
    offered: Option<Thumbprint>,
    /// The answer is for this request alone.
    once: bool,
    bypass: bool,
}

fn wish(dice: &mut impl Dice, party: &Party) -> Wish {
    let scopes: &[&str] = dice.pick(SCOPES);
    let owned = || scopes.iter().copied();
    let (request, grant, once) = match dice.roll(12) {
        0 | 1 => {
            let user = dice.pick(&["user one", "user two"]);
            let request = TokenRequest::on_behalf_of(secret(user), owned());
            (request, user.to_owned(), false)
        }
        2 => {
            let request = TokenRequest::refreshing(secret("refresh"), owned());
            (request, "refresh".to_owned(), true)
        }
        3 => {
            let request =
                TokenRequest::redeeming(secret("code"), "https://app.example/cb", owned())
                    .code_verifier(secret("verifier"));
            (request, "code".to_owned(), true)
        }
        _ => (TokenRequest::for_app(owned()), "app".to_owned(), false),
    };
    let mut wish = Wish {
        request,
        to: Principal {
            issuer: hosts::issuer(&party.client),
            tenant: party
                .client
                .authority()
                .tenant()
                .map_or(String::new(), |tenant| tenant.as_str().to_ascii_lowercase()),
            client: party.client.id().to_owned(),
            kind: TokenKind::Bearer,
            grant,
            fmi_path: None,
            assertion_fmi_path: None,
            partition: None,
        },
        scopes: scopes
            .iter()
            .map(|scope| scope.to_ascii_lowercase())
            .collect(),
        offered: None,
        once,
        bypass: false,
    };
    if dice.one_in(2) {
        wish.request = wish.request.proof_of_possession();
        wish.to.kind = TokenKind::MtlsPop;
    }
    if dice.one_in(12) {
        let tenant = dice.pick(TENANTS);
        wish.request = wish.request.tenant(tenant);
        wish.to.tenant = tenant.to_ascii_lowercase();
    }
    if dice.one_in(12) {
        wish.request = wish.request.bypassing_cache();
        wish.bypass = true;
    }
    if dice.one_in(12) {
        wish.request = wish
            .request
            .claims(r#"{"access_token":{"x":{"value":"CANARY"}}}"#);
        wish.bypass = true;
    }
    if dice.one_in(12) {
        wish.request = wish.request.fmi_path("a/path");
        wish.to.fmi_path = Some("a/path");
    }
    if dice.one_in(12) {
        wish.request = wish.request.assertion_fmi_path("a/path");
        wish.to.assertion_fmi_path = Some("a/path");
    }
    if dice.one_in(12) {
        wish.request = wish.request.partition("mine");
        wish.to.partition = Some("mine");
    }
    if dice.one_in(2) {
        let (template, number) = dice.pick(&[(P256, 1), (P256, 2), (RSA, 1), (RSA, 2)]);
        wish.offered = Some(thumbprint(template, number));
        wish.request = wish.request.offering(thumbprint(template, number));
    }
    let deadline = dice.pick(&[3_600, 30, 30, 1, 0]);
    wish.request = wish.request.deadline(Duration::from_secs(deadline));
    wish
}

/// What a provider has answered.
struct Answered {
    at: Duration,
    certificate: Option<Thumbprint>,
    assertion: Option<String>,
    /// Whether a token request has gone out with it.
    sent: bool,
}

/// What the checks remember of one flow.
struct Trail {
    sent: usize,
    answered: Option<Answered>,
    assertions: BTreeSet<String>,
    last_certificate: Option<Thumbprint>,
    saved_token: bool,
    began: Duration,
}

/// So small that it overflows (I33: losing an entry changes only latency).
const SMALL: Limits = Limits {
    entries: 12,
    bytes: 64 * 1_024,
};

impl World {
    pub(crate) fn new() -> Self {
        Self {
            memory: Memory::new(SMALL),
            now: START,
            pairs: 0,
            tokens: 0,
            issued: BTreeMap::new(),
        }
    }

    /// A few flows from the building of their client to their ends, and what they step on.
    pub(crate) fn walk(
        &mut self,
        dice: &mut impl Dice,
        mut step_on: impl FnMut(&'static str, &'static str),
    ) {
        let party = match party(dice) {
            Ok(party) => party,
            Err(error) => return check_error(&error),
        };
        let wish = wish(dice, &party);
        let plan = match wish.request.clone().plan(&party.client) {
            Ok(plan) => plan,
            Err(error) => return check_error(&error),
        };
        assert_silent(&(&plan, &wish.request, &party.client));
        // The same again, so that the cache has something to do.
        for _ in 0..=dice.roll(4) {
            if dice.one_in(16) {
                self.restart();
            }
            self.follow(dice, &party, &wish, plan.clone(), false, &mut step_on);
        }
    }

    /// What is remembered goes through its portable form, as from one process to the next: notes are lost, and whatever holds of
    /// tokens holds as before.
    fn restart(&mut self) {
        let mut cache = PortableCache::empty();
        cache.add_from(&self.memory, self.now);
        assert_silent(&cache);
        let stored = cache.write();
        let cache = PortableCache::read(stored.expose()).expect("what was written");
        assert_eq!(cache.write(), stored);
        self.memory = Memory::new(SMALL);
        cache.load_into(&mut self.memory, self.now);
    }

    fn follow(
        &mut self,
        dice: &mut impl Dice,
        party: &Party,
        wish: &Wish,
        plan: Plan,
        renewal: bool,
        step_on: &mut impl FnMut(&'static str, &'static str),
    ) {
        let mut trail = Trail {
            sent: 0,
            answered: None,
            assertions: BTreeSet::new(),
            last_certificate: None,
            saved_token: false,
            began: self.now.monotonic(),
        };
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
            step = match step {
                Step::LoadCache(load) => {
                    let found = self.memory.load(load.key());
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
                    check_request(party, wish, &send, &mut trail);
                    let answer = self.token_answer(dice, wish, &trail);
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
                    if to == "SaveCache token" {
                        assert!(!wish.once, "what can be used once is not remembered");
                        trail.saved_token = true;
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
                        Ok(token) => self.check_token(wish, party, token, &trail, decided),
                        Err(error) => {
                            // I20.
                            assert!(!trail.saved_token, "what failed is not remembered");
                            assert_eq!(usize::from(error.attempts()), trail.sent);
                            check_error(error);
                        }
                    }
                    if let Some(plan) = done.take_renewal() {
                        assert!(!renewal, "a renewal takes nothing that is due");
                        // As everybody does who is handed one.
                        self.follow(dice, party, wish, plan, true, step_on);
                    }
                    return;
                }
            };
        }
    }

    /// A pair with one number in both halves; or one of everything that can be wrong with it.
    fn pair(
        &mut self,
        dice: &mut impl Dice,
        trail: &mut Trail,
    ) -> Result<ClientAssertion, Failure> {
        self.pairs += 1;
        let text = format!("{CANARY}.pair.{}", self.pairs);
        let number = dice.roll(2) + 1;
        let bound = !dice.one_in(3);
        trail.answered = Some(Answered {
            at: self.now.monotonic(),
            certificate: bound.then(|| thumbprint(P256, number)),
            assertion: Some(text.clone()),
            sent: false,
        });
        match (dice.roll(16), bound) {
            (0, _) => Err(failure(dice)),
            (1, _) => Ok(ClientAssertion::bound(
                Secret::new(" \t"),
                numbered(P256, number),
            )),
            (2, _) => Ok(ClientAssertion::bound(
                Secret::new(text),
                CertificateChain::new(CANARY),
            )),
            (_, true) => Ok(ClientAssertion::bound(
                Secret::new(text),
                numbered(P256, number),
            )),
            (_, false) => Ok(ClientAssertion::new(Secret::new(text))),
        }
    }

    /// What the service says, and what it will know of it.
    fn token_answer(&mut self, dice: &mut impl Dice, wish: &Wish, trail: &Trail) -> Answer {
        if dice.one_in(12) {
            return Err(failure(dice));
        }
        let status = dice.pick(STATUSES);
        if status != 200 {
            let answered = answer(status, dice.pick(REFUSALS));
            let retry_after = dice.pick(&[
                "",
                "1",
                "7",
                "100000",
                "-1",
                "Thu, 01 Jan 2099 00:00:00 GMT",
            ]);
            let answered = with_header(answered, "location", "https://evil.example/CANARY");
            return match retry_after {
                "" => answered,
                value => with_header(answered, "retry-after", value),
            };
        }
        self.tokens += 1;
        let token = format!("{CANARY}-token-{}", self.tokens);
        let kind = match dice.roll(12) {
            0 => "Bearer",
            1 => "mtls_pop",
            _ => wish.to.kind.as_str(),
        };
        let life = dice.pick(&[3_600, 3_600, 90_000, 86_400_000, 200, 0]);
        let refresh = match dice.roll(12) {
            0 => ",\"refresh_in\":\"x\"",
            1..=3 => ",\"refresh_in\":1800",
            4..=6 => ",\"refresh_in\":1",
            _ => "",
        };
        let body = match dice.roll(12) {
            0 => format!("{{\"token_type\":\"{kind}\",\"access_token\":\"{token}\"}}"),
            1 => format!(
                "{{\"token_type\":\"{kind}\",\"access_token\":\"{token}\",\"expires_in\":1}}trailing"
            ),
            _ => format!(
                "{{\"token_type\":\"{kind}\",\"expires_in\":{life},\"access_token\":\"{token}\",\"id_token\":\"{CANARY}.id\",\"refresh_token\":\"{CANARY}.rt\"{refresh}}}"
            ),
        };
        let issued = Issued {
            to: wish.to.clone(),
            kind,
            scopes: wish.scopes.clone(),
            certificate: trail.last_certificate,
            at: self.now,
            // I19.
            life: Duration::from_secs(life.min(48 * 3_600)),
        };
        self.issued.insert(token, issued);
        let answered = answer(200, body);
        match dice.roll(16) {
            0 => with_header(answered, "content-encoding", "gzip"),
            _ => answered,
        }
    }

    /// A token is handed out only to whom it was issued, only while it serves, and only with its own certificate.
    fn check_token(
        &self,
        wish: &Wish,
        party: &Party,
        token: &AccessToken,
        trail: &Trail,
        now: Now,
    ) {
        assert_silent(token);
        let issued = self
            .issued
            .get(token.secret().expose())
            .expect("a token that was issued");
        assert_eq!(issued.to, wish.to);
        // I13: what it is, what it was answered as, and what was asked for.
        assert_eq!(issued.kind, wish.to.kind.as_str());
        assert_eq!(token.token_type(), wish.to.kind);
        let binding = token.binding_certificate().map(Certificate::thumbprint);
        match wish.to.kind {
            // I10: and it is the certificate that the flow was given.
            TokenKind::MtlsPop => {
                assert!(binding.is_some());
                assert_eq!(binding, issued.certificate);
            }
            _ => assert_eq!(binding, None),
        }
        assert_eq!(
            usize::from(token.attempts()),
            if token.source() == TokenSource::Cache {
                0
            } else {
                trail.sent
            }
        );
        if token.source() == TokenSource::Network {
            assert_eq!(issued.scopes, wish.scopes);
            return;
        }
        assert!(!wish.once);
        // Rule 11: nothing older than the request, for whoever bypasses reading.
        assert!(!wish.bypass || issued.at.monotonic() >= trail.began);
        assert!(issued.scopes.is_superset(&wish.scopes));
        let named = [
            wish.offered,
            trail.answered.as_ref().and_then(|pair| pair.certificate),
            Some(thumbprint(RSA, 1)),
            Some(thumbprint(P384, 1)),
        ];
        if wish.to.kind == TokenKind::MtlsPop {
            assert!(named.contains(&binding), "a certificate that nobody named");
        }
        if wish.to.kind == TokenKind::Bearer && !party.isolated {
            // I11: never asked before a Bearer hit, unless there was a turn to wait for.
            assert_eq!(trail.sent, 0);
        }
        // I17 and I18: by whichever clock went further, it has more than five minutes left.
        let margin = Duration::from_secs(300);
        assert!(now.monotonic() - issued.at.monotonic() + margin < issued.life);
        assert!(now.wall() + margin < issued.at.wall() + issued.life);
        assert!(token.expires_in() <= issued.life);
    }
}

/// A provider is asked once for each attempt, and once more only for a pair that was held for more than a minute (rule 3, I11).
fn check_call(party: &Party, wish: &Wish, trail: &Trail, now: Now) {
    let may_ask = matches!(
        party.proof,
        Proof::CertificateProvider { .. } | Proof::AssertionProvider | Proof::PairProvider
    );
    assert!(may_ask, "nobody brought a provider");
    assert!(wish.to.kind == TokenKind::Bearer || party.proof != Proof::AssertionProvider);
    if let Some(before) = &trail.answered {
        let held = now.monotonic().saturating_sub(before.at);
        assert!(
            before.sent || held > Duration::from_secs(60),
            "asked twice for one attempt"
        );
    }
}

fn check_request(party: &Party, wish: &Wish, send: &SendRequest, trail: &mut Trail) {
    let request = send.request();
    let sent = Sent::of(send);
    // I06.
    assert_eq!(request.method(), Method::POST);
    assert_eq!(request.uri().scheme_str(), Some("https"));
    assert_eq!(request.uri().query(), None);
    assert!(
        !request
            .uri()
            .authority()
            .expect("a host")
            .as_str()
            .contains('@')
    );
    // I05, I07.
    let mtls = sent.certificate.is_some();
    assert!(
        hosts::may_receive(&party.client, &party.listed, mtls, &sent.host),
        "{} with {:?}",
        sent.host,
        party.client
    );
    assert!(
        is_silent(&sent.url) && !sent.url.contains("evil"),
        "{}",
        sent.url
    );
    for (name, value) in request.headers() {
        assert!(is_silent(value.to_str().expect("plain text")), "{name}");
    }
    check_form(party, wish, &sent, trail);
}

fn check_form(party: &Party, wish: &Wish, sent: &Sent, trail: &mut Trail) {
    let pop = wish.to.kind == TokenKind::MtlsPop;
    // Rule 8.
    assert_eq!(sent.field("token_type"), pop.then_some("mtls_pop"));
    assert_eq!(sent.field("req_cnf"), None);
    assert_eq!(sent.field("client_id"), Some(party.client.id()));
    assert_eq!(sent.field("fmi_path"), wish.to.fmi_path);
    assert!(
        !pop || sent.certificate.is_some(),
        "PoP is never sent over plain TLS"
    );
    // I09, and rule 1: what is in the body follows from the credential, what is in the handshake from the binding certificate.
    let answered = trail.answered.as_ref();
    let assertion = sent.field("client_assertion");
    let kind = sent.assertion_type();
    match party.proof {
        Proof::Secret => {
            assert_eq!((kind, sent.certificate), (None, None));
            assert!(sent.field("client_secret").is_some());
        }
        Proof::StaticAssertion => assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None)),
        Proof::OwnClaims => assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None)),
        Proof::AssertionProvider => {
            let pair = answered.expect("asked");
            assert_eq!((kind, sent.certificate), (Some("jwt-bearer"), None));
            assert_eq!(assertion, pair.assertion.as_deref());
        }
        // I10: both halves are of the latest pair.
        Proof::PairProvider => {
            let pair = answered.expect("asked");
            assert_eq!(assertion, pair.assertion.as_deref());
            assert_eq!(sent.certificate, pair.certificate);
            let expected = if pair.certificate.is_some() {
                "jwt-pop"
            } else {
                "jwt-bearer"
            };
            assert_eq!(kind, Some(expected));
        }
        Proof::Certificate { over_mtls } | Proof::CertificateProvider { over_mtls } => {
            assert_eq!(kind, (!pop).then_some("jwt-bearer"));
            assert_eq!(sent.certificate.is_some(), pop || over_mtls);
            if let Some(pair) = answered
                && sent.certificate.is_some()
            {
                assert_eq!(sent.certificate, pair.certificate);
            }
        }
    }
    // I26: no assertion of ours, and none of a provider's, goes out twice.
    let fixed = party.proof == Proof::StaticAssertion;
    if let Some(assertion) = assertion.filter(|_| !fixed) {
        assert!(
            trail.assertions.insert(assertion.to_owned()),
            "the same assertion again"
        );
    }
    trail.last_certificate = sent.certificate;
    if let Some(pair) = &mut trail.answered {
        pair.sent = true;
    }
}

fn document(dice: &mut impl Dice, bodies: &[&str]) -> Answer {
    if dice.one_in(8) {
        return Err(failure(dice));
    }
    let status = dice.pick(&[200, 200, 200, 200, 400, 404, 500, 302]);
    let body = dice.pick(bodies);
    answer(status, body).map(|response: Response<Body>| response)
}

/// I34 and I36: an error says nothing that it should not, in printable ASCII, and not much.
fn check_error(error: &Error) {
    let text = error.to_string();
    assert!(is_silent(&text), "{text}");
    assert_silent(error);
    assert!(
        text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)),
        "{text:?}"
    );
    assert!(text.len() <= 2_048);
    assert!(!error.code().is_empty() && !error.advice().is_empty());
}
