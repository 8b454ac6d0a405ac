//! The model (`M` in the threat model's list): random programs of acquisitions, cancellations, rotations, clock jumps, faults and
//! restarts, played with the core and with a small reference beside it. After each step the two are compared.
//!
//! Flows are interleaved, a few steps at a time, over one memory and one set of turns. Of every token that is handed out the
//! reference knows to whom it was issued; before every look into the memory it knows what has to be found there.

mod endings;
mod flow;
mod parties;
mod program;
mod reference;
mod seen;
mod steps;
mod world;

use std::cell::RefCell;
use std::hash::{BuildHasher, Hasher, RandomState};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use program::programs;
use seen::Seen;
use world::World;

/// What has to have happened for the programs to have shown anything.
const EVENTS: &[&str] = &[
    "requests",
    "tokens granted",
    "hits",
    "renewals",
    "errors",
    "errors of the flight ahead",
    "waits for a turn",
    "wakings",
    "throttled",
    "pauses",
    "cancellations",
    "tokens kept through a restart",
];

fn play(cases: u32, most: usize, rng: TestRng) -> Seen {
    let config = Config {
        cases,
        // Failures are to be written down as tests with a name, not as seeds.
        failure_persistence: None,
        ..Config::default()
    };
    let seen = RefCell::new(Seen::default());
    let played = TestRunner::new_with_rng(config, rng).run(&programs(most), |program| {
        let saw = World::play(&program);
        let mut seen = seen.borrow_mut();
        seen.count("programs");
        seen.add_all(&saw);
        Ok::<_, TestCaseError>(())
    });
    if let Err(TestError::Fail(why, program)) = played {
        panic!("{why}\nthe smallest program that shows it: {program:#?}");
    }
    let seen = seen.into_inner();
    let never: Vec<_> = EVENTS.iter().filter(|event| !seen.has(event)).collect();
    assert!(never.is_empty(), "never seen: {never:?}");
    seen
}

/// I10, I11, I17 to I28 and I33, and that a token goes only to whom it was issued.
#[test]
fn i10_i11_i17_to_i28_i33_every_program_does_what_the_reference_says() {
    let seen = play(1_200, 60, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    println!("{seen}");
}

/// The same with other programs each time, and longer ones.
#[test]
#[ignore = "a long run: ENTRA_MODEL_PROGRAMS says how many programs"]
fn long_run_of_the_model() {
    let programs = std::env::var("ENTRA_MODEL_PROGRAMS").map_or(20_000, |number| {
        number.parse().expect("ENTRA_MODEL_PROGRAMS is a number")
    });
    let seed: [u8; 32] =
        std::array::from_fn(|_| RandomState::new().build_hasher().finish().to_le_bytes()[0]);
    let seen = play(
        programs,
        200,
        TestRng::from_seed(RngAlgorithm::ChaCha, &seed),
    );
    println!("{seen}");
}
