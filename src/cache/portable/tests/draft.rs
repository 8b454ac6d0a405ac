//! What keys and entries are made of. They themselves print nothing, which is of no use to a property test.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::account::Account;
use crate::authority::{Authority, Tenant};
use crate::cache::TokenKind;
use crate::cache::partition::{About, Beside, Entry, Issued};
use crate::cache::portable::access_token::AccessToken;
use crate::cache::portable::names;
use crate::cache::samples;
use crate::cache::scopes::ScopeSet;
use crate::cache::token_key::{Further, GrantKey, TokenKey};
use crate::certificate::{Certificate, example};
use crate::region::Region;
use crate::secret::Secret;
use crate::time::{Now, Span};

pub(super) const NOW: Now = Now::new(
    Duration::from_secs(1_798_761_600),
    Duration::from_secs(7_000),
);
pub(super) const CLIENT: &str = "11111111-1111-1111-1111-111111111111";

pub(super) fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// Text in which separators, prefixes and whole parts of names turn up where they do not belong.
pub(super) fn adversarial() -> impl Strategy<Value = String> {
    let part = select(vec![
        "-",
        ":",
        " ",
        ".",
        "a",
        "B",
        "b",
        "1:a",
        "-accesstoken-",
        "-atext-",
        CLIENT,
        "contoso.com",
        "body:",
        "query:",
        "entra_proto:partition",
        "fmi_path",
        "client_claims",
        "-SHA256.",
        "{\"a\":1}",
        "é",
        "\"",
    ]);
    vec(part, 1..4)
        .prop_map(|parts| parts.concat())
        .prop_filter("not blank", |text| !text.trim().is_empty())
}

pub(super) fn authorities() -> Vec<Authority> {
    let urls = [
        "https://login.microsoftonline.com/contoso.com",
        "https://login.microsoftonline.com/Contoso.com",
        "https://sts.windows.net/22222222-2222-2222-2222-222222222222",
        "https://login.microsoftonline.us/contoso.com",
        "https://login-us.microsoftonline.com/con-toso.com",
        "https://login.example.com/contoso.com",
        "https://login.example.com:8443/contoso.com",
        "https://login.example.com/dstsv2/contoso.com",
        "https://login.example.com/adfs",
        "https://login.example.com/tfp/contoso.com/policy",
        "https://login.example.com/tfp/contoso.com/Policy",
        "https://contoso.ciamlogin.com/contoso.com",
    ];
    let oidc = [
        "https://login.example.com",
        "https://login.example.com/adfs",
    ];
    let parsed = urls.iter().map(|url| Authority::parse(url).unwrap());
    let oidc = oidc.iter().map(|url| Authority::oidc(url).unwrap());
    parsed.chain(oidc).collect()
}

pub(super) fn grants() -> Vec<GrantKey> {
    let account = |id: &str| GrantKey::Account(Account::from_home_id(id));
    vec![
        GrantKey::App,
        GrantKey::App,
        GrantKey::OnBehalfOf([1; 32]),
        GrantKey::OnBehalfOf([2; 32]),
        account("uid.utid"),
        account("-login.microsoftonline.com"),
        account(&format!("{CLIENT}.{CLIENT}")),
        account("UID.utid"),
    ]
}

/// What a key is made of. Keys themselves print nothing.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) authority: usize,
    pub(super) client: String,
    pub(super) pop: bool,
    pub(super) bound: Option<u8>,
    pub(super) grant: usize,
    pub(super) paths: [Option<String>; 3],
    pub(super) claims: [Option<&'static str>; 2],
    pub(super) parameters: [BTreeMap<String, String>; 2],
    pub(super) scopes: Vec<&'static str>,
}

pub(super) fn draft() -> impl Strategy<Value = Draft> {
    let seldom = || option::weighted(0.1, adversarial());
    let claims = || option::weighted(0.1, select(vec!["{}", "{\"a\":1}"]));
    let parameters = || {
        prop_oneof![
            3 => Just(BTreeMap::new()),
            1 => btree_map(adversarial(), adversarial(), 1..3),
        ]
    };
    let client = prop_oneof![3 => Just(CLIENT.to_owned()), 1 => adversarial()];
    let scope = select(vec![
        "a",
        "A",
        "b",
        "User.Read",
        "https://vault.azure.net/.default",
        "-accesstoken-",
        "mtls_pop",
    ]);
    (
        (
            0..authorities().len(),
            client,
            any::<bool>(),
            0..grants().len(),
        ),
        select(vec![None, None, Some(1), Some(2)]),
        [seldom(), seldom(), seldom()],
        [claims(), claims()],
        [parameters(), parameters()],
        vec(scope, 1..3),
    )
        .prop_map(
            |((authority, client, pop, grant), bound, paths, claims, parameters, scopes)| Draft {
                authority,
                client,
                pop,
                bound: bound.or_else(|| pop.then_some(3)),
                grant,
                paths,
                claims,
                parameters,
                scopes,
            },
        )
}

impl Draft {
    /// An application's, of the public cloud.
    pub(super) fn plain() -> Self {
        Self {
            authority: 0,
            client: "app".to_owned(),
            pop: false,
            bound: None,
            grant: 0,
            paths: [None, None, None],
            claims: [None, None],
            parameters: [BTreeMap::new(), BTreeMap::new()],
            scopes: vec!["a"],
        }
    }

    pub(super) fn key(&self) -> TokenKey {
        let authority = &authorities()[self.authority];
        let tenant = authority.tenant().map_or("", Tenant::as_str);
        let [fmi_path, assertion_fmi_path, partition] = self.paths.clone();
        let [client_claims, assertion_claims] = self.claims.map(|text| text.map(str::to_owned));
        let [body, query] = self.parameters.clone();
        let further = Further {
            client_claims,
            assertion_claims,
            body,
            query,
        };
        TokenKey {
            authority_kind: authority.kind(),
            authority: authority.cache_name(),
            tenant: tenant.to_ascii_lowercase(),
            client: self.client.as_str().into(),
            kind: match self.pop {
                true => TokenKind::MtlsPop,
                false => TokenKind::Bearer,
            },
            certificate: self.bound.map(|serial| example(serial).thumbprint()),
            grant: grants()[self.grant].clone(),
            fmi_path,
            assertion_fmi_path,
            partition,
            further: (further != Further::default()).then(|| Box::new(further)),
        }
    }

    pub(super) fn target(&self) -> String {
        let mut scopes = self.scopes.clone();
        scopes.dedup_by_key(|scope| scope.to_ascii_lowercase());
        scopes.join(" ")
    }

    pub(super) fn scopes(&self) -> ScopeSet {
        ScopeSet::of(self.scopes.iter().copied())
    }

    pub(super) fn name(&self) -> String {
        names::access_token_name(&self.key(), &self.scopes())
    }
}

/// What an entry is made of besides.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub(super) draft: Draft,
    token: String,
    age: Duration,
    life: Duration,
    renew_at_age: Option<Duration>,
    region: Option<&'static str>,
    pub(super) id_token: Option<String>,
}

pub(super) fn remembered() -> impl Strategy<Value = Remembered> {
    let seconds = |range: std::ops::Range<u64>| range.prop_map(Duration::from_secs);
    (
        draft(),
        "[!-~]{1,40}",
        seconds(0..5_000),
        seconds(400..100_000),
        option::of(seconds(1..100_000)),
        option::of(Just("westus3")),
        option::of("[!-~]{1,9}"),
    )
        .prop_map(
            |(draft, token, age, left, renew_at_age, region, id_token)| {
                let life = age + left;
                Remembered {
                    draft,
                    token,
                    age,
                    life,
                    renew_at_age: renew_at_age.filter(|at| *at < life),
                    region,
                    id_token,
                }
            },
        )
}

impl Remembered {
    /// An hour's, from now on.
    pub(super) fn plain(draft: Draft) -> Self {
        Self {
            draft,
            token: "token".to_owned(),
            age: Duration::ZERO,
            life: Duration::from_secs(3_600),
            renew_at_age: None,
            region: None,
            id_token: None,
        }
    }

    pub(super) fn entry(&self) -> Entry {
        self.bound_to(self.draft.bound.filter(|_| self.draft.pop).map(example))
    }

    pub(super) fn bound_to(&self, certificate: Option<Certificate>) -> Entry {
        let start = Now::new(NOW.wall() - self.age, NOW.monotonic() - self.age);
        let key = self.draft.key();
        let beside = Beside {
            certificate,
            id_token: self.id_token.as_deref().map(Secret::new),
            account: match key.grant {
                GrantKey::Account(account) => Some(account),
                GrantKey::App | GrantKey::OnBehalfOf(_) | GrantKey::Once => None,
            },
        };
        let token = Secret::new(self.token.as_str());
        let life = Span::new(start, self.life);
        Entry {
            about: Arc::new(About {
                kind: key.kind,
                scopes: self.draft.scopes(),
                target: self.draft.target().into(),
            }),
            region: self.region.map(|name| Region::parse(name).unwrap()),
            issued: Arc::new(Issued::new(token, life, self.renew_at_age, beside)),
        }
    }

    pub(super) fn stored(&self) -> AccessToken<'static> {
        let entry = Box::leak(Box::new(self.entry()));
        AccessToken::of(&self.draft.key(), entry.held(), NOW).unwrap()
    }
}

pub(super) fn plain_key() -> TokenKey {
    samples::key("contoso.com", CLIENT)
}
