//! Programs for a driver, as data. Nothing in them happens at the same time as anything else, so that every run of one is the same.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// One thing that happens.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Somebody asks for a token and waits for it, while this happens.
    Acquire(Wish, Trouble),
    /// The providers name the next certificate from now on.
    Rotate,
    /// The program ends, and begins again with other connections; its tokens go with it or not.
    Restart { portable: bool },
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) party: Party,
    pub(crate) pop: bool,
    pub(crate) bypass: bool,
    /// The provider's certificate of the moment is named to the cache.
    pub(crate) offers: bool,
    pub(crate) scopes: &'static [&'static str],
}

/// Who asks.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Party {
    /// With a provider of pairs.
    Pairs,
    /// The same, but its Bearer tokens are kept apart by certificate, and it asks for its region.
    Isolated,
    /// With a provider of certificates that go over mutual TLS.
    Certificates,
    /// With a fixed certificate.
    Certificate,
    Secret,
}

pub(crate) const PARTIES: [Party; 5] = [
    Party::Pairs,
    Party::Isolated,
    Party::Certificates,
    Party::Certificate,
    Party::Secret,
];

/// What goes wrong during one acquisition.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    Nothing,
    // ── at the token endpoint ──
    Status(u16),
    /// A status with a `Retry-After`.
    Wait(u16, &'static str),
    Redirect,
    OtherKind,
    Compressed,
    Garbage,
    Endless,
    /// The connection ends instead of the first answer.
    Hangup,
    /// No answer within the request's second.
    Stall,
    // ── in the handshake, over a new connection ──
    WrongName,
    NeverAsks,
    RefusesCertificate,
    // ── at the provider ──
    ProviderFails,
    BlankAssertion,
    NoCertificate,
    /// Another certificate from the second call on.
    RotatesInBetween,
    // ── at the metadata service ──
    NoRegion,
    // ── the caller ──
    /// Torn away at so many events from the beginning.
    Torn(u8),
}

pub(crate) fn programs() -> impl Strategy<Value = Vec<Operation>> {
    let acquire = (wish(), trouble()).prop_map(|(wish, trouble)| Operation::Acquire(wish, trouble));
    let operation = prop_oneof![
        10 => acquire,
        1 => Just(Operation::Rotate),
        1 => any::<bool>().prop_map(|portable| Operation::Restart { portable }),
    ];
    // One acquisition at least, at the end.
    let last = (wish(), trouble()).prop_map(|(wish, trouble)| Operation::Acquire(wish, trouble));
    (vec(operation, 0..10), last).prop_map(|(mut operations, last)| {
        operations.push(last);
        operations
    })
}

fn wish() -> impl Strategy<Value = Wish> {
    const SCOPES: [&[&str]; 3] = [
        &["https://vault.azure.net/.default"],
        &["https://VAULT.azure.net/.default"],
        &["https://graph.microsoft.com/.default"],
    ];
    (
        select(PARTIES.to_vec()),
        any::<bool>(),
        prop::bool::weighted(0.2),
        any::<bool>(),
        select(vec![SCOPES[0], SCOPES[0], SCOPES[1], SCOPES[2]]),
    )
        .prop_map(|(party, pop, bypass, offers, scopes)| Wish {
            party,
            pop,
            bypass,
            offers,
            scopes,
        })
}

fn trouble() -> impl Strategy<Value = Trouble> {
    prop_oneof![
        12 => Just(Trouble::Nothing),
        2 => select(vec![400, 401, 404, 429]).prop_map(Trouble::Status),
        1 => select(vec![408, 500, 503]).prop_map(Trouble::Status),
        1 => select(vec![(429, "120"), (503, "120"), (429, "0"), (503, "soon")])
            .prop_map(|(status, wait)| Trouble::Wait(status, wait)),
        4 => select(vec![
            Trouble::Redirect,
            Trouble::OtherKind,
            Trouble::Compressed,
            Trouble::Garbage,
            Trouble::Endless,
            Trouble::NoRegion,
        ]),
        1 => select(vec![Trouble::Hangup, Trouble::Stall]),
        2 => select(vec![Trouble::WrongName, Trouble::NeverAsks, Trouble::RefusesCertificate]),
        3 => select(vec![
            Trouble::ProviderFails,
            Trouble::BlankAssertion,
            Trouble::NoCertificate,
            Trouble::RotatesInBetween,
        ]),
        2 => (1..12u8).prop_map(Trouble::Torn),
    ]
}
