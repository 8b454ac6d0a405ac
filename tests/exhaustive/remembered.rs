//! What the cache holds when a flow begins. Tokens get there as they do in life: an earlier flow of another client fetched them,
//! the only way in that the public API has.

use std::collections::BTreeMap;
use std::time::Duration;

use entra_proto::{
    Authority as Issuer, Client, ClientAssertion, Credential as Proof, Memory, Now, PartitionKey,
    Plan, RegionPolicy, Secret, Seed, Step, Turn,
};

use crate::axes::*;
use crate::outcome::{Kind, Leaf, Saved};
use crate::world::{BEGIN, Leaves, document, instance_document, request};

/// A token to be found in the cache.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Deposit {
    pub(crate) pop: bool,
    /// The certificate that it was fetched over.
    pub(crate) over: Option<Leaf>,
    pub(crate) isolation: Isolation,
    /// In seconds, when the flow begins.
    pub(crate) age: u64,
    pub(crate) refresh_in: Option<u64>,
}

/// Everything that a slice of the table finds remembered, fetched when it is first wanted.
pub(crate) struct Deposits {
    authority: Authority,
    fetched: BTreeMap<Deposit, Memory>,
    keys: Vec<(PartitionKey, Saved)>,
}

impl Deposits {
    pub(crate) fn new(authority: Authority, leaves: &Leaves) -> Self {
        let mut deposits = Self {
            authority,
            fetched: BTreeMap::new(),
            keys: Vec::new(),
        };
        let leaves_or_none = [None, Some(Leaf::A), Some(Leaf::B), Some(Leaf::C)];
        for (pop, over) in leaves_or_none
            .iter()
            .flat_map(|over| [(false, *over), (true, *over)])
        {
            let deposit = Deposit {
                pop,
                over,
                isolation: Isolation::PerCertificate,
                age: 0,
                refresh_in: None,
            };
            if let Some((_, key)) = fetch(authority, leaves, deposit) {
                let kind = if pop { Kind::MtlsPop } else { Kind::Bearer };
                deposits.keys.push((key, Saved::As(kind, over)));
            }
        }
        deposits
    }

    /// The memory with that token in it; empty if no flow could fetch it.
    pub(crate) fn with(&mut self, deposit: Deposit, leaves: &Leaves) -> &Memory {
        self.fetched.entry(deposit).or_insert_with(|| {
            let fetched = fetch(self.authority, leaves, deposit);
            fetched.map(|(memory, _)| memory).unwrap_or_default()
        })
    }

    /// What a key of the cache is called in the table.
    pub(crate) fn name(&self, key: &PartitionKey) -> Saved {
        let found = self.keys.iter().find(|(known, _)| known == key);
        found.map_or(Saved::Elsewhere, |(_, name)| *name)
    }
}

/// Nobody gets a token over mutual TLS from `common` (rule 7), and PoP goes over nothing else.
fn can_be_fetched(authority: Authority, deposit: Deposit) -> bool {
    match deposit.over {
        Some(_) => authority != Authority::Common,
        None => !deposit.pop,
    }
}

fn fetch(
    authority: Authority,
    leaves: &Leaves,
    deposit: Deposit,
) -> Option<(Memory, PartitionKey)> {
    can_be_fetched(authority, deposit).then(|| {
        let plan = plan(authority, leaves, deposit);
        let past = Duration::from_secs(deposit.age);
        let then = Now::new(BEGIN.wall() - past, BEGIN.monotonic() - past);
        run(plan, authority, leaves, deposit, then)
    })
}

/// Another client with the same id. An alias of the cloud and the word for a host change no key (rule 10), and let it fetch what
/// the client of the cell may not.
fn plan(authority: Authority, leaves: &Leaves, deposit: Deposit) -> Plan {
    let proof = match deposit.over {
        None => Proof::secret(Secret::new("password")),
        Some(leaf) if deposit.pop => Proof::certificate(leaves.chain(leaf)),
        Some(_) => Proof::signed_assertion_provider(),
    };
    let builder = match authority {
        Authority::Oidc => {
            let issuer = Issuer::oidc(authority.url()).expect("a provider");
            Client::builder("app", issuer, proof)
        }
        Authority::Legacy => {
            Client::builder("app", "https://login.microsoftonline.us/contoso.com", proof)
        }
        _ => Client::builder("app", authority.url(), proof),
    };
    let client = builder
        .known_authorities(["login.example.com"])
        .region_policy(RegionPolicy::Optional)
        .bearer_isolation(deposit.isolation.of_client())
        .build()
        .expect("a client");
    request(deposit.pop).plan(&client).expect("a plan")
}

fn run(
    plan: Plan,
    authority: Authority,
    leaves: &Leaves,
    deposit: Deposit,
    now: Now,
) -> (Memory, PartitionKey) {
    let mut memory = Memory::default();
    let mut saved = None;
    let mut step = plan.start(Seed::from_bytes([1; 32]), now);
    loop {
        step = match step {
            Step::LoadCache(load) => {
                let found = memory.load(&load);
                load.resume(Ok(found), now)
            }
            Step::TakeTurn(turn) => turn.resume(Turn::Mine, now),
            Step::DiscoverInstance(ask) => {
                ask.resume(instance_document(authority, Instance::Vouches), now)
            }
            Step::ObtainAssertion(ask) => {
                let leaf = deposit.over.expect("a pair");
                let pair = ClientAssertion::bound(Secret::new("earlier"), leaves.chain(leaf));
                ask.resume(Ok(pair), now)
            }
            Step::SendRequest(send) => {
                let kind = if deposit.pop {
                    Kind::MtlsPop
                } else {
                    Kind::Bearer
                };
                let refresh_in = deposit
                    .refresh_in
                    .map(|seconds| format!(",\"refresh_in\":{seconds}"));
                let granted = document(&format!(
                    "{{\"token_type\":\"{}\",\"access_token\":\"T0\",\"expires_in\":3600{}}}",
                    kind.token_type(),
                    refresh_in.unwrap_or_default()
                ));
                send.resume(granted, now)
            }
            Step::SaveCache(save) => {
                saved = Some((save.key().clone(), save.update().clone()));
                save.resume(Ok(()), now)
            }
            Step::Done(done) => {
                assert!(done.result().is_ok(), "{deposit:?}: {done:?}");
                // What else the flow remembered is not for the cell to find.
                let (key, update) = saved.expect("the token is saved last");
                memory.save(&key, &update, now);
                return (memory, key);
            }
            other => panic!("{deposit:?} needs no {other:?}"),
        };
    }
}
