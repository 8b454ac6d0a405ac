//! I39: the same programs through the tokio driver and through the blocking one give the same steps, the same requests and the same
//! results, over real TLS with an emulator each. What differs between any two runs is left out: ids, seeds and times.

#![forbid(unsafe_code)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "each place looks at the troubles that are its own"
)]

#[path = "../../../blocking/tests/driver/mod.rs"]
mod blocking;
mod program;
mod stage;
#[path = "../../../tokio/tests/driver/mod.rs"]
mod tokio;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use blocking::Blocking;
use program::{Operation, programs};
use stage::play;
use tokio::Tokio;

/// Second attempts come after a second or two: programs wait side by side.
const AT_ONCE: usize = 8;

/// What the two drivers did, if that is not the same.
fn difference(program: &[Operation]) -> Option<String> {
    let (tokio, blocking) = thread::scope(|scope| {
        let tokio = scope.spawn(|| play::<Tokio>(program));
        let blocking = play::<Blocking>(program);
        (tokio.join().unwrap(), blocking)
    });
    assert!(!tokio.is_empty(), "a program that does nothing");
    if tokio == blocking {
        return None;
    }
    let same = tokio.iter().zip(&blocking).take_while(|(a, b)| a == b);
    let same = same.count();
    let rest = |lines: &[String]| lines[same..].join("\n    ");
    let before = tokio[..same].join("\n    ");
    Some(format!(
        "both:\n    {before}\ntokio:\n    {}\nblocking:\n    {}",
        rest(&tokio),
        rest(&blocking)
    ))
}

/// Plays so many programs; of one that shows a difference, the smallest that still does.
fn differ(number: usize, rng: TestRng) {
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut trees: Vec<_> = (0..number)
        .map(|_| programs().new_tree(&mut runner).expect("a program"))
        .collect();
    let programs: Vec<_> = trees.iter().map(ValueTree::current).collect();
    let (next, found) = (AtomicUsize::new(0), OnceLock::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while found.get().is_none()
                    && let number = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(program) = programs.get(number)
                {
                    if let Some(how) = difference(program) {
                        // Somebody else may have found one too.
                        let _ = found.set((number, how));
                    }
                }
            });
        }
    });
    let Some((number, mut how)) = found.into_inner() else {
        return;
    };
    let mut smallest = programs[number].clone();
    let tree = &mut trees[number];
    while tree.simplify() {
        match difference(&tree.current()) {
            Some(now) => (how, smallest) = (now, tree.current()),
            None if tree.complicate() => {}
            None => break,
        }
    }
    panic!("{how}\nthe smallest program that shows it: {smallest:#?}");
}

#[test]
fn i39_both_drivers_take_the_same_steps() {
    differ(30, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
}

#[test]
#[ignore = "a long run: ENTRA_DRIVER_PROGRAMS says how many programs"]
fn long_run_of_both_drivers() {
    let programs = std::env::var("ENTRA_DRIVER_PROGRAMS").map_or(1_000, |number| {
        number.parse().expect("ENTRA_DRIVER_PROGRAMS is a number")
    });
    let seed = std::array::from_fn::<u8, 32, _>(|_| stage::random_byte());
    differ(programs, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
}
