//! Random requests, and what the service and the cache have to make of them.

use std::collections::BTreeSet;
use std::time::Duration;

use entra_proto::*;

use super::party::Party;
use super::{Dice, secret};
use crate::certificates::{P256, RSA, thumbprint};
use crate::hosts;

/// Everything besides the scopes that makes one request's token another's (rule 10, I15).
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Principal {
    pub(super) issuer: String,
    pub(super) tenant: String,
    pub(super) client: String,
    pub(super) kind: TokenKind,
    /// Whose token it is: a user's by account, by the user's assertion, or nobody's.
    pub(super) whose: Whose,
    pub(super) fmi_path: Option<&'static str>,
    pub(super) assertion_fmi_path: Option<&'static str>,
    pub(super) partition: Option<&'static str>,
    pub(super) client_claims: Option<&'static str>,
    pub(super) assertion_claims: Option<&'static str>,
    pub(super) body: Option<&'static str>,
    pub(super) query: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    Nobodys,
    BehalfOf(&'static str),
    Accounts(&'static str),
}

/// What stands behind a request: the application, or one of a few users.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Grant {
    App,
    OnBehalfOf(&'static str),
    Refresh(&'static str),
    Code(&'static str),
    Federated(&'static str),
    Account(&'static str),
}

pub(super) const USERS: &[&str] = &["user-1.home-1", "user-2.home-1"];

impl Grant {
    fn roll(dice: &mut impl Dice) -> Self {
        let user = dice.pick(USERS);
        match dice.roll(12) {
            0 | 1 => Self::OnBehalfOf(user),
            2 => Self::Refresh(user),
            3 => Self::Code(user),
            4 => Self::Federated(user),
            5 | 6 => Self::Account(user),
            _ => Self::App,
        }
    }

    /// The answer is for this request alone.
    pub(super) fn is_once(self) -> bool {
        matches!(self, Self::Refresh(_) | Self::Code(_) | Self::Federated(_))
    }

    pub(super) fn whose(self) -> Whose {
        match self {
            Self::App => Whose::Nobodys,
            Self::OnBehalfOf(user) => Whose::BehalfOf(user),
            Self::Refresh(user)
            | Self::Code(user)
            | Self::Federated(user)
            | Self::Account(user) => Whose::Accounts(user),
        }
    }

    /// What the form has for it, but for the refresh token of an account, which the cache knows.
    pub(super) fn fields(self) -> Vec<(&'static str, String)> {
        let text = |name, text: &str| (name, text.to_owned());
        let canary = |name, what: &str| (name, secret(what).expose().to_owned());
        match self {
            Self::App => vec![text("grant_type", "client_credentials")],
            Self::OnBehalfOf(user) => vec![
                text("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
                text("requested_token_use", "on_behalf_of"),
                canary("assertion", user),
            ],
            Self::Refresh(user) => vec![
                text("grant_type", "refresh_token"),
                canary("refresh_token", user),
            ],
            Self::Code(user) => vec![
                text("grant_type", "authorization_code"),
                text("redirect_uri", "https://app.example/cb"),
                canary("code", user),
                canary("code_verifier", "verifier"),
            ],
            Self::Federated(user) => vec![
                text("grant_type", "user_fic"),
                text("username", user),
                canary("user_federated_identity_credential", user),
            ],
            Self::Account(_) => vec![text("grant_type", "refresh_token")],
        }
    }

    fn request(self, scopes: &[&str]) -> TokenRequest {
        let scopes = scopes.iter().copied();
        match self {
            Self::App => TokenRequest::for_app(scopes),
            Self::OnBehalfOf(user) => TokenRequest::on_behalf_of(secret(user), scopes),
            Self::Refresh(user) => TokenRequest::refreshing(secret(user), scopes),
            Self::Code(user) => {
                TokenRequest::redeeming(secret(user), "https://app.example/cb", scopes)
                    .code_verifier(secret("verifier"))
            }
            Self::Federated(user) => {
                let name = User::PrincipalName(user.to_owned());
                TokenRequest::federated_user(secret(user), name, scopes)
            }
            Self::Account(user) => TokenRequest::for_account(Account::from_home_id(user), scopes),
        }
    }
}

/// Everything about a request but its grant.
#[derive(Clone)]
struct Options {
    scopes: &'static [&'static str],
    pop: bool,
    tenant: Option<&'static str>,
    bypass: bool,
    claims: Option<&'static str>,
    client_claims: Option<(&'static str, &'static str)>,
    assertion_claims: Option<&'static str>,
    body: Option<&'static str>,
    query: Option<&'static str>,
    fmi_path: Option<&'static str>,
    assertion_fmi_path: Option<&'static str>,
    partition: Option<&'static str>,
    offered: Option<Thumbprint>,
    deadline: Duration,
}

const SCOPES: &[&[&str]] = &[
    &["https://vault.azure.net/.default"],
    &["HTTPS://vault.azure.net/.default"],
    &["a", "b"],
    &["b", "A", "a"],
    &["a"],
];
const TENANTS: &[&str] = &["fabrikam.com", "Contoso.com", "organizations", "consumers"];
pub(super) const CHALLENGE: &str = r#"{"access_token":{"x":{"value":"CANARY"}}}"#;
/// As callers write them, and as they are sent.
const CLIENT_CLAIMS: &[(&str, &str)] = &[
    (
        r#"{"own":{"value":"CANARY"}}"#,
        r#"{"own":{"value":"CANARY"}}"#,
    ),
    (
        r#"{ "own" : {"value" : "CANARY"} }"#,
        r#"{"own":{"value":"CANARY"}}"#,
    ),
    (r#"{"own":null}"#, r#"{"own":null}"#),
];

impl Options {
    fn roll(dice: &mut impl Dice) -> Self {
        let scopes = dice.pick(SCOPES);
        let mut rarely = |values: &[&'static str]| dice.one_in(12).then(|| dice.pick(values));
        Self {
            scopes,
            tenant: rarely(TENANTS),
            claims: rarely(&[CHALLENGE]),
            assertion_claims: rarely(&[r#"{"more":"CANARY"}"#]),
            body: rarely(&["CANARY&client_id=x", ""]),
            query: rarely(&["a b&c"]),
            fmi_path: rarely(&["a/path"]),
            assertion_fmi_path: rarely(&["a/path"]),
            partition: rarely(&["CANARY's own"]),
            bypass: dice.one_in(12),
            client_claims: dice.one_in(12).then(|| dice.pick(CLIENT_CLAIMS)),
            pop: dice.one_in(2),
            offered: dice.one_in(2).then(|| {
                let (template, number) = dice.pick(&[(P256, 1), (P256, 2), (RSA, 1), (RSA, 2)]);
                thumbprint(template, number)
            }),
            deadline: Duration::from_secs(dice.pick(&[3_600, 30, 30, 1, 0])),
        }
    }

    /// What somebody who holds an account asks for next: often the same again.
    fn later(&self, dice: &mut impl Dice) -> Self {
        let mut later = self.clone();
        if dice.one_in(3) {
            later.scopes = dice.pick(SCOPES);
        }
        if dice.one_in(4) {
            later.pop = !later.pop;
        }
        if dice.one_in(4) {
            later.tenant = Some(dice.pick(TENANTS));
        }
        if dice.one_in(8) {
            later.partition = dice.pick(&[None, Some("CANARY's own")]);
        }
        later.bypass = dice.one_in(4);
        later
    }
}

/// A request, and what was asked for, as far as the checks need it.
pub(super) struct Wish {
    pub(super) request: TokenRequest,
    pub(super) to: Principal,
    pub(super) grant: Grant,
    pub(super) scopes: BTreeSet<String>,
    pub(super) offered: Option<Thumbprint>,
    pub(super) challenged: bool,
    pub(super) bypass: bool,
    options: Options,
}

impl Wish {
    pub(super) fn roll(dice: &mut impl Dice, party: &Party) -> Self {
        let grant = Grant::roll(dice);
        Self::of(grant, Options::roll(dice), party)
    }

    /// What may follow a grant that works once: a request for the user's account.
    pub(super) fn later(&self, dice: &mut impl Dice, party: &Party) -> Option<Self> {
        match self.to.whose {
            Whose::Accounts(user) => {
                let options = self.options.later(dice);
                Some(Self::of(Grant::Account(user), options, party))
            }
            Whose::Nobodys | Whose::BehalfOf(_) => None,
        }
    }

    fn of(grant: Grant, options: Options, party: &Party) -> Self {
        let own = party.client.authority().tenant();
        let tenant = match options.tenant {
            Some(tenant) => tenant.to_ascii_lowercase(),
            None => own.map_or(String::new(), |tenant| tenant.as_str().to_ascii_lowercase()),
        };
        let kind = match options.pop {
            true => TokenKind::MtlsPop,
            false => TokenKind::Bearer,
        };
        let scopes = options
            .scopes
            .iter()
            .map(|scope| scope.to_ascii_lowercase());
        Self {
            request: dressed(grant.request(options.scopes), &options),
            to: Principal {
                issuer: hosts::issuer(&party.client),
                tenant,
                client: party.client.id().to_owned(),
                kind,
                whose: grant.whose(),
                fmi_path: options.fmi_path,
                assertion_fmi_path: options.assertion_fmi_path,
                partition: options.partition,
                client_claims: options.client_claims.map(|(_, sent)| sent),
                assertion_claims: options.assertion_claims,
                body: options.body,
                query: options.query,
            },
            grant,
            scopes: scopes.collect(),
            offered: options.offered,
            challenged: options.claims.is_some(),
            bypass: options.bypass || options.claims.is_some(),
            options,
        }
    }
}

fn dressed(request: TokenRequest, options: &Options) -> TokenRequest {
    let mut request = request.deadline(options.deadline);
    if options.pop {
        request = request.proof_of_possession();
    }
    if options.bypass {
        request = request.bypassing_cache();
    }
    if let Some(tenant) = options.tenant {
        request = request.tenant(tenant);
    }
    if let Some(claims) = options.claims {
        request = request.claims(claims);
    }
    if let Some((claims, _)) = options.client_claims {
        request = request.client_claims(claims);
    }
    if let Some(claims) = options.assertion_claims {
        request = request.assertion_claims(claims);
    }
    if let Some(value) = options.body {
        request = request.body_parameter("x-body", value);
    }
    if let Some(value) = options.query {
        request = request.query_parameter("x-query", value);
    }
    if let Some(path) = options.fmi_path {
        request = request.fmi_path(path);
    }
    if let Some(path) = options.assertion_fmi_path {
        request = request.assertion_fmi_path(path);
    }
    if let Some(name) = options.partition {
        request = request.partition(name);
    }
    if let Some(certificate) = options.offered {
        request = request.offering(certificate);
    }
    request
}
