//! One random flow: a random client, a random request, random answers, and everything that must hold on the way whatever they
//! are. The dice decide: a generator of the test's own, or a fuzzer's bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use entra_proto::*;
use http::{Method, Response};

#[path = "journey/checks.rs"]
mod checks;
#[path = "journey/wish.rs"]
mod wish;

use checks::{check_call, check_error, check_metadata, check_request};
use wish::{Principal, USERS, Whose, Wish};

use crate::canary::{CANARY, assert_silent};
use crate::certificates::{P256, P384, RSA, numbered, thumbprint};
use crate::script::{
    Answer, START, Sent, answer, client_info, host, name, seed, signature, with_header,
};

/// No flow has more steps (I04). The longest is for a user's account, with a certificate's provider and a host that nobody knows:
/// it looks, queues, looks, looks for the refresh token (4); asks (1); settles the region: looks, queues, looks, asks three times,
/// saves (7); and the host: looks, queues, looks, asks, saves (5); its certificate grew old: asks (1); looks at the throttling,
/// signs twice, sends, saves, pauses (6); asks, looks, signs twice, sends, saves twice, ends (8). One whose pair names the cache's
/// key looks and asks more often before it sends, but signs nothing, and comes to 31.
pub(crate) const MOST_STEPS: usize = 32;

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
    refresh_tokens: BTreeMap<String, Principal>,
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

/// A client, and what the test knows of it.
struct Party {
    client: Client,
    listed: Vec<&'static str>,
    proof: Proof,
    isolated: bool,
    capable: bool,
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
const FAILURES: &[FailureKind] = &[
    FailureKind::Connect,
    FailureKind::Timeout,
    FailureKind::Tls,
    FailureKind::Closed,
    FailureKind::Garbled,
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
    let capable = dice.one_in(3);
    let client = Client::builder(dice.pick(&["app one", "app-2"]), authority, credential)
        .region(region)
        .environment(environment)
        .region_policy(policy)
        .bearer_isolation(isolation)
        .known_authorities(listed.iter().copied())
        .instance_discovery(!dice.one_in(8))
        .capabilities(capable.then_some("cp1"))
        .build()?;
    Ok(Party {
        client,
        listed,
        proof,
        isolated,
        capable,
    })
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
    /// Where the last request went.
    host: String,
    answered: Option<Answered>,
    assertions: BTreeSet<String>,
    last_certificate: Option<Thumbprint>,
    /// Whose the service said that the token is.
    named: Option<&'static str>,
    saved: bool,
    renewal: bool,
    began: Duration,
    http: Duration,
    credential: Duration,
}

impl Trail {
    fn beginning(now: Now, renewal: bool) -> Self {
        Self {
            sent: 0,
            host: String::new(),
            answered: None,
            assertions: BTreeSet::new(),
            last_certificate: None,
            named: None,
            saved: false,
            renewal,
            began: now.monotonic(),
            http: Duration::ZERO,
            credential: Duration::ZERO,
        }
    }
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
            refresh_tokens: BTreeMap::new(),
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
        let wish = Wish::roll(dice, &party);
        self.follow_often(dice, &party, &wish, &mut step_on);
        // Who signed a user in comes again for the account.
        if dice.roll(4) > 0
            && let Some(later) = wish.later(dice, &party)
        {
            self.follow_often(dice, &party, &later, &mut step_on);
        }
    }

    fn follow_often(
        &mut self,
        dice: &mut impl Dice,
        party: &Party,
        wish: &Wish,
        step_on: &mut impl FnMut(&'static str, &'static str),
    ) {
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
            self.follow(dice, party, wish, plan.clone(), false, step_on);
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
    fn token_answer(&mut self, dice: &mut impl Dice, wish: &Wish, trail: &mut Trail) -> Answer {
        trail.named = None;
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
        let (to, client_info) = self.named(dice, wish, trail);
        let refresh_token = format!("{CANARY}-refresh-{}", self.tokens);
        let brings_refresh_token = match wish.to.whose {
            Whose::Accounts(_) => !dice.one_in(4),
            // Whatever they may be good for, they are not remembered.
            Whose::BehalfOf(_) | Whose::Nobodys => dice.one_in(2),
        };
        let members = match brings_refresh_token {
            true => format!(",\"refresh_token\":\"{refresh_token}\"{client_info}"),
            false => client_info,
        };
        let body = match dice.roll(12) {
            0 => format!("{{\"token_type\":\"{kind}\",\"access_token\":\"{token}\"}}"),
            1 => format!(
                "{{\"token_type\":\"{kind}\",\"access_token\":\"{token}\",\"expires_in\":1}}trailing"
            ),
            _ => format!(
                "{{\"token_type\":\"{kind}\",\"expires_in\":{life},\"access_token\":\"{token}\",\"id_token\":\"{CANARY}.id\"{members}{refresh}}}"
            ),
        };
        self.refresh_tokens.insert(refresh_token, to.clone());
        let issued = Issued {
            to,
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

    /// To whom a token is issued, and the member that says it: nothing, nonsense, or another user's than the account's at times.
    fn named(&self, dice: &mut impl Dice, wish: &Wish, trail: &mut Trail) -> (Principal, String) {
        let mut to = wish.to.clone();
        let Whose::Accounts(user) = to.whose else {
            return (to, String::new());
        };
        match (dice.roll(12), wish.grant.is_once()) {
            (0, _) => (to, String::new()),
            (1, _) => (to, format!(",\"client_info\":\"{CANARY}\"")),
            (2, false) => {
                let other = USERS
                    .iter()
                    .find(|other| **other != user)
                    .expect("two users");
                to.whose = Whose::Accounts(other);
                trail.named = Some(other);
                (to, client_info(other))
            }
            _ => {
                trail.named = Some(user);
                (to, client_info(user))
            }
        }
    }

    /// The refresh token of an account is one that this client was given for that user, in whichever tenant.
    fn check_refresh_token(&self, wish: &Wish, sent: &Sent) {
        if !matches!(wish.grant, wish::Grant::Account(_)) {
            return;
        }
        let token = sent.field("refresh_token").expect("a refresh token");
        let to = self.refresh_tokens.get(token).expect("one that was issued");
        assert_eq!(
            (to.whose, &to.issuer, &to.client, to.partition),
            (
                wish.to.whose,
                &wish.to.issuer,
                &wish.to.client,
                wish.to.partition
            )
        );
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
        let named = match wish.to.whose {
            // The refresh token says whose it is, if the answer does not.
            Whose::Accounts(user) if trail.named.is_some() || !wish.grant.is_once() => Some(user),
            Whose::Accounts(_) | Whose::BehalfOf(_) | Whose::Nobodys => None,
        };
        assert_eq!(token.account().map(Account::home_id), named);
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
        if token.source() == TokenSource::Network {
            assert_eq!(issued.scopes, wish.scopes);
            return;
        }
        assert!(!wish.grant.is_once());
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

fn document(dice: &mut impl Dice, bodies: &[&str]) -> Answer {
    if dice.one_in(8) {
        return Err(failure(dice));
    }
    let status = dice.pick(&[200, 200, 200, 200, 400, 404, 500, 302]);
    let body = dice.pick(bodies);
    answer(status, body).map(|response: Response<Body>| response)
}
