//! Programs: lists of operations, as data, so that what fails can be made small and written down.

use entra_proto::FailureKind;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// One thing that happens. Flows and earlier wishes are named by an index into those that there are at that moment; a flow without one
/// is the one that went on last.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Somebody asks for a token.
    Acquire(Wish),
    /// Somebody asks for what was asked for before.
    AcquireAgain(Index),
    /// A flow goes on for so many steps, or until it has asked somebody outside.
    Go {
        flow: Option<Index>,
        steps: u8,
        outside: Outside,
    },
    /// Whoever began a flow drops it.
    Cancel(Option<Index>),
    /// Time goes by until the flow's pause is over.
    Wait(Option<Index>),
    /// All flows go on to their ends, and everybody outside is obliging.
    Settle,
    /// The party has another certificate from now on.
    Rotate(usize),
    /// So many seconds go by, on both clocks.
    Pass(u64),
    /// Somebody sets the wall clock, forward or back by so many seconds.
    SetWall(i64),
    /// Everything that is remembered is lost (I33).
    Forget,
    /// The process ends, with all its flows, and the next one begins; what is remembered goes with it or not.
    Restart { portable: bool },
}

/// A request, by the places of its parts in the lists of `parties.rs`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) party: usize,
    pub(super) tenant: usize,
    pub(super) scopes: usize,
    pub(super) pop: bool,
    pub(super) bypass: Bypass,
    /// Whether the driver names the party's certificate of the moment.
    pub(super) offers: bool,
    /// In seconds.
    pub(super) deadline: u64,
}

/// Whether the request wants none of what is remembered.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Bypass {
    No,
    Forced,
    /// By a challenge with these claims.
    Challenged(usize),
}

/// How the world outside behaves while a flow goes on. Whoever can't behave like that is obliging.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outside {
    /// A token that lasts so long, to be renewed after so long; a provider names its certificate of the moment.
    Obliges { life: u64, refresh: Option<u64> },
    /// The service sends a token of the other kind.
    OtherKind,
    /// What the service answers makes no sense.
    Garbled,
    /// The service says no.
    Refuses,
    /// The service can't right now, and may say for how long.
    Passing {
        status: u16,
        retry_after: Option<u64>,
    },
    /// Whoever is asked fails.
    Fails(FailureKind),
    /// A provider returns no certificate.
    Alone,
    /// A provider returns what can't be used.
    Blank,
    /// What is remembered can be neither read nor written.
    CacheFails,
}

impl Outside {
    pub(super) const OBLIGING: Self = Self::Obliges {
        life: 3_600,
        refresh: None,
    };
}

/// Programs of up to so many operations.
pub(super) fn programs(most: usize) -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..=most)
}

fn operation() -> impl Strategy<Value = Operation> {
    let flow = || option::of(any::<Index>());
    let go = (flow(), 1..=14u8, outside());
    prop_oneof![
        3 => wish().prop_map(Operation::Acquire),
        9 => any::<Index>().prop_map(Operation::AcquireAgain),
        16 => go.prop_map(|(flow, steps, outside)| Operation::Go { flow, steps, outside }),
        2 => flow().prop_map(Operation::Cancel),
        3 => flow().prop_map(Operation::Wait),
        2 => Just(Operation::Settle),
        2 => (0..super::parties::COUNT).prop_map(Operation::Rotate),
        3 => select(vec![0, 1, 5, 29, 61, 300, 1_000, 3_299, 3_300, 40_000]).prop_map(Operation::Pass),
        1 => select(vec![-40_000, -3_000, -1, 1, 400, 3_000, 40_000]).prop_map(Operation::SetWall),
        1 => Just(Operation::Forget),
        1 => any::<bool>().prop_map(|portable| Operation::Restart { portable }),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    let bypass = prop_oneof![
        8 => Just(Bypass::No),
        1 => Just(Bypass::Forced),
        1 => (0..2usize).prop_map(Bypass::Challenged),
    ];
    (
        select(vec![0, 0, 0, 1, 1, 2, 3, 3, 4]),
        select(vec![0, 0, 0, 1]),
        select(vec![0, 0, 1, 2, 3]),
        any::<bool>(),
        bypass,
        any::<bool>(),
        select(vec![30, 30, 30, 100, 3_600, 3_600, 1, 0]),
    )
        .prop_map(
            |(party, tenant, scopes, pop, bypass, offers, deadline)| Wish {
                party,
                tenant,
                scopes,
                pop,
                bypass,
                offers,
                deadline,
            },
        )
}

fn outside() -> impl Strategy<Value = Outside> {
    let life = select(vec![3_600, 3_600, 86_400, 86_400_000, 400, 301, 300, 0]);
    let refresh = option::of(select(vec![0, 1, 100, 1_800, 100_000]));
    let passing = (
        select(vec![429, 429, 500, 503, 408]),
        option::weighted(0.8, select(vec![0, 1, 7, 29, 400, 100_000])),
    );
    let failure = select(vec![
        FailureKind::Connect,
        FailureKind::Timeout,
        FailureKind::Tls,
        FailureKind::Closed,
        FailureKind::Garbled,
        FailureKind::TooLarge,
        FailureKind::CertificateNotRequested,
        FailureKind::CertificateRejected,
        FailureKind::Provider,
    ]);
    prop_oneof![
        10 => (life, refresh).prop_map(|(life, refresh)| Outside::Obliges { life, refresh }),
        1 => Just(Outside::OtherKind),
        1 => Just(Outside::Garbled),
        2 => Just(Outside::Refuses),
        5 => passing.prop_map(|(status, retry_after)| Outside::Passing { status, retry_after }),
        3 => failure.prop_map(Outside::Fails),
        1 => Just(Outside::Alone),
        1 => Just(Outside::Blank),
        1 => Just(Outside::CacheFails),
    ]
}
