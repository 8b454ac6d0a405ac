//! The tokens of a memory beside a plain list of them: whatever comes and goes, both hold the same, and nothing stays behind.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::cache::partition::{About, Beside};
use crate::cache::samples;
use crate::cache::{PartitionKey, TokenKind};
use crate::secret::Secret;
use crate::time::{Now, Span};

use super::*;

const CLIENTS: [&str; 2] = ["one", "two"];
/// Two that are held as GUIDs, and two that are not.
const TENANTS: [&str; 4] = [
    "11111111-1111-1111-1111-111111111111",
    "22222222-2222-2222-2222-222222222222",
    "contoso.com",
    "fabrikam.com",
];
const SCOPES: [&[&str]; 4] = [&["a"], &["b"], &["a", "b"], &["a", "c"]];

/// What happens.
#[derive(Clone, Debug)]
enum Op {
    /// A token of this tenant, client and scope comes, which ends after so many halves of a second.
    Put(usize, usize, usize, u64),
    Remove(usize, usize, usize),
    RemoveFirst,
    MakeRoom,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let which = || (0..TENANTS.len(), 0..CLIENTS.len(), 0..SCOPES.len());
    let op = prop_oneof![
        5 => (which(), 1..8_u64).prop_map(|((tenant, client, scope), end)| Op::Put(tenant, client, scope, end)),
        2 => which().prop_map(|(tenant, client, scope)| Op::Remove(tenant, client, scope)),
        1 => Just(Op::RemoveFirst),
        1 => Just(Op::MakeRoom),
    ];
    prop::collection::vec(op, 1..100)
}

/// All keys can have one digest, which is only where a look-up begins.
fn key(tenant: usize, client: usize, collide: bool) -> PartitionKey {
    let key = samples::key(TENANTS[tenant], CLIENTS[client]);
    if collide {
        PartitionKey::of_digest(7, key)
    } else {
        PartitionKey::tokens(key)
    }
}

fn of(key: &PartitionKey) -> KeyRef<'_> {
    key.of_tokens().expect("a key of tokens")
}

fn scopes(scope: usize) -> ScopeSet {
    ScopeSet::of(SCOPES[scope].iter().copied())
}

fn entry(scope: usize, halves: u64, text: &str) -> Entry {
    let life = Duration::from_millis(halves * 500);
    let life = Span::new(Now::new(Duration::ZERO, Duration::ZERO), life);
    let token = Secret::new(text);
    Entry {
        about: Arc::new(About {
            kind: TokenKind::Bearer,
            scopes: scopes(scope),
            target: SCOPES[scope].join(" ").into(),
        }),
        region: None,
        issued: Arc::new(Issued::new(token, life, None, Beside::default())),
    }
}

/// One token in the list, in the order in which they came.
#[derive(Clone)]
struct Listed {
    tenant: usize,
    client: usize,
    scope: usize,
    halves: u64,
    text: String,
}

impl Listed {
    fn second(&self) -> u64 {
        self.halves.div_ceil(2)
    }

    fn entry(&self) -> Entry {
        entry(self.scope, self.halves, &self.text)
    }

    fn shown(&self) -> String {
        format!("{} {}", SCOPES[self.scope].join(" "), self.text)
    }
}

/// How many of the list are this tenant's, if that is more than an eighth.
fn crowd(list: &[Listed], tenant: usize) -> Option<usize> {
    let count = list.iter().filter(|of| of.tenant == tenant).count();
    (count > list.len() / 8).then_some(count)
}

/// The place of the one that ends first, and of those that end in the same second came first.
fn first(list: &[Listed]) -> Option<usize> {
    (0..list.len()).min_by_key(|place| list[*place].second())
}

fn texts<'a>(held: impl Iterator<Item = Held<'a>>) -> Vec<String> {
    let mut texts: Vec<String> = held
        .map(|held| format!("{} {}", held.about.target, held.issued.token.expose()))
        .collect();
    texts.sort();
    texts
}

fn check(tokens: &Tokens, list: &[Listed], collide: bool) -> Result<(), TestCaseError> {
    prop_assert_eq!(tokens.len(), list.len());
    let first = first(list).map(|place| &list[place]);
    let end = first.map(|first| Duration::from_secs(first.second()));
    prop_assert_eq!(tokens.first_end(), end);
    let largest = (0..TENANTS.len())
        .filter_map(|tenant| crowd(list, tenant))
        .max();
    let pays = largest.filter(|_| first.is_some_and(|first| crowd(list, first.tenant).is_none()));
    // Of a copy, since whoever asks has the shares counted from then on.
    prop_assert_eq!(tokens.clone().crowd(), pays);
    for (tenant, in_tenant) in TENANTS.iter().enumerate() {
        for (client, of_client) in CLIENTS.iter().enumerate() {
            let own: Vec<&Listed> = list
                .iter()
                .filter(|listed| (listed.tenant, listed.client) == (tenant, client))
                .collect();
            let shown = |which: &dyn Fn(&Listed) -> bool| {
                let which = own.iter().filter(|listed| which(listed));
                let mut shown: Vec<String> = which.map(|listed| listed.shown()).collect();
                shown.sort();
                shown
            };
            let everything = shown(&|_| true);
            let key = key(tenant, client, collide);
            prop_assert_eq!(&texts(tokens.all_of(of(&key))), &everything);
            let whole = samples::key(in_tenant, of_client);
            let all = tokens.all().filter(|(of, _)| *of == whole);
            prop_assert_eq!(&texts(all.map(|(_, held)| held)), &everything);
            for scope in 0..SCOPES.len() {
                let may_serve = |of: &Listed| of.scope == scope || SCOPES[of.scope].len() > 1;
                prop_assert_eq!(
                    texts(tokens.of(of(&key), &scopes(scope))),
                    shown(&may_serve)
                );
                let exact = tokens.exact(of(&key), &scopes(scope));
                prop_assert_eq!(texts(exact.into_iter()), shown(&|of| of.scope == scope));
            }
        }
    }
    // What they take follows from what is held, not from what was.
    let mut anew = Tokens::default();
    for listed in list {
        let (key, entry) = (key(listed.tenant, listed.client, collide), listed.entry());
        let (before, would) = (anew.bytes(), anew.size_of(of(&key), &entry));
        anew.put(of(&key), &entry);
        prop_assert_eq!(anew.bytes(), before + would);
    }
    prop_assert_eq!(tokens.bytes(), anew.bytes());
    Ok(())
}

fn remove(list: &mut Vec<Listed>, tenant: usize, client: usize, scope: usize) {
    list.retain(|listed| (listed.tenant, listed.client, listed.scope) != (tenant, client, scope));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0),
        ..ProptestConfig::with_cases(200)
    })]

    #[test]
    fn i15_run09_tokens_are_what_a_list_of_them_is(ops in ops(), collide in any::<bool>()) {
        let (mut tokens, mut list) = (Tokens::default(), Vec::new());
        let mut most = 0;
        for (number, op) in ops.into_iter().enumerate() {
            match op {
                Op::Put(tenant, client, scope, halves) => {
                    let text = format!("token {number}");
                    let listed = Listed { tenant, client, scope, halves, text };
                    tokens.put(of(&key(tenant, client, collide)), &listed.entry());
                    remove(&mut list, tenant, client, scope);
                    list.push(listed);
                }
                Op::Remove(tenant, client, scope) => {
                    let place = tokens.place(of(&key(tenant, client, collide)), &scopes(scope));
                    place.into_iter().for_each(|place| tokens.take(place));
                    remove(&mut list, tenant, client, scope);
                }
                Op::RemoveFirst => {
                    tokens.remove_first();
                    first(&list).map(|place| list.remove(place));
                }
                Op::MakeRoom => {
                    let pays = tokens.clone().crowd().is_some();
                    tokens.make_room();
                    let left = texts(tokens.all().map(|(_, held)| held));
                    let gone = (0..list.len()).find(|place| !left.contains(&list[*place].shown()));
                    // Whoever is a crowd pays with any of its own, and else the one that ends first goes.
                    match gone {
                        Some(place) if pays => prop_assert!(crowd(&list, list[place].tenant).is_some()),
                        gone => prop_assert_eq!(gone, first(&list)),
                    }
                    gone.map(|place| list.remove(place));
                }
            }
            most = most.max(list.len());
            check(&tokens, &list, collide)?;
            // Places are used again.
            prop_assert!(tokens.table.len() <= places(most));
        }
        while tokens.len() > 0 {
            tokens.remove_first();
        }
        prop_assert_eq!(tokens.bytes(), 0);
        prop_assert!(tokens.ends.is_empty() && tokens.kins.is_empty());
        prop_assert_eq!(tokens.counted_shares().largest_crowd(0), None);
    }
}

/// So that one among a million is found without a look at the others; those for several scopes, of which any may serve, are together.
#[test]
fn other_keys_and_other_scopes_are_looked_for_elsewhere() {
    let place = |tenant, client, scope| digest(of(&key(tenant, client, false)), &scopes(scope));
    let mut places = BTreeSet::new();
    for tenant in 0..TENANTS.len() {
        for client in 0..CLIENTS.len() {
            places.extend((0..SCOPES.len()).map(|scope| place(tenant, client, scope)));
            assert_eq!(place(tenant, client, 2), place(tenant, client, 3));
        }
    }
    assert_eq!(places.len(), TENANTS.len() * CLIENTS.len() * 3);
}

/// The most places that so many tokens are given: an eighth more than they are, and a quarter of that beside.
fn places(tokens: usize) -> usize {
    let room = tokens + tokens / 8;
    room + room / 4 + 5
}

/// Room for those to come is made for many at once, and not for as many as there are.
#[test]
fn tokens_make_room_by_the_eighth() {
    let mut tokens = Tokens::default();
    let mut grown = 0;
    for number in 0..1_000 {
        let before = tokens.table.len();
        let tenant = format!("t{number}.example");
        let key = samples::key(&tenant, CLIENTS[0]);
        tokens.put(of(&PartitionKey::tokens(key)), &entry(0, 1, "token"));
        let (held, room) = (tokens.table.held(), tokens.table.len());
        assert!(
            room <= places(held) && held * 5 <= room * 4,
            "{room} for {held}"
        );
        grown += usize::from(room != before);
    }
    assert!(grown < 50, "{grown} times");
}
