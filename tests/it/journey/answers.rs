//! Random answers of providers, of the service and of whoever publishes documents.

use std::time::Duration;

use entra_proto::*;
use http::Response;

use super::trail::{Answered, Trail};
use super::wish::{Principal, USERS, Whose, Wish};
use super::{Dice, Issued, World};
use crate::canary::CANARY;
use crate::certificates::{P256, numbered, thumbprint};
use crate::script::{Answer, answer, client_info, with_header};

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
pub(super) const REGIONS: &[&str] = &[
    r#"{"location":"eastus"}"#,
    r#"{"location":"WestUS3"}"#,
    r#"{"location":"evil.example/CANARY"}"#,
    r#"{"newest-versions":["2025-04-07"]}"#,
    r#"{"location":1}"#,
    "CANARY",
];
/// A yes to both questions.
const BOTH: &str = r#"{"tenant_discovery_endpoint":"https://evil.example/CANARY","token_endpoint":"https://unknown.example/oauth/token"}"#;
pub(super) const INSTANCES: &[&str] = &[
    BOTH,
    BOTH,
    BOTH,
    BOTH,
    r#"{"token_endpoint":"https://tokens.example/token"}"#,
    r#"{"token_endpoint":"https://evil.example/token"}"#,
    r#"{"token_endpoint":"http://unknown.example/token"}"#,
    "[]",
];

impl World {
    /// A pair with one number in both halves; or one of everything that can be wrong with it.
    pub(super) fn pair(
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
    pub(super) fn token_answer(
        &mut self,
        dice: &mut impl Dice,
        wish: &Wish,
        trail: &mut Trail,
    ) -> Answer {
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
}

pub(super) fn failure(dice: &mut impl Dice) -> Failure {
    Failure::new(dice.pick(FAILURES)).reporting(format!("{CANARY} in foreign words"))
}

pub(super) fn document(dice: &mut impl Dice, bodies: &[&str]) -> Answer {
    if dice.one_in(8) {
        return Err(failure(dice));
    }
    let status = dice.pick(&[200, 200, 200, 200, 400, 404, 500, 302]);
    let body = dice.pick(bodies);
    answer(status, body).map(|response: Response<Body>| response)
}
