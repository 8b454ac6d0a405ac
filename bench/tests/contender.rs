//! Contenders in processes of their own: they are made, and say how long what they are asked for took.

use std::path::Path;
use std::time::{Duration, Instant};

use entra_bench::contender::Contender;
use entra_bench::sampler::{Effort, Subject, race};

const PROGRAM: &str = env!("CARGO_BIN_EXE_entra-bench");

fn start(name: &str, entries: usize) -> Contender {
    Contender::start(Path::new(PROGRAM), name, entries).expect("a program that can be started")
}

#[test]
fn a_contender_says_how_long_it_took() {
    let mut read = start("read", 1);
    let begin = Instant::now();
    let [few, many] = [10, 10_000].map(|times| read.timed(times));
    assert!(Duration::ZERO < few && few < many, "{few:?}, {many:?}");
    assert!(few + many < begin.elapsed());
}

#[test]
fn contenders_race_in_turns() {
    let mut contenders: Vec<Box<dyn Subject>> =
        vec![Box::new(start("asked", 3)), Box::new(start("read", 1))];
    let sampled = race(&mut contenders, Effort::QUICK);
    assert!(sampled.len() == 2 && sampled.iter().all(|of| of.median > 0.0));
}

#[test]
#[should_panic(expected = "a contender that answers")]
fn a_contender_of_no_name_never_answers() {
    start("nobody", 1).timed(1);
}
