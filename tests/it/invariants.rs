//! Every invariant of `tests/invariants.md` is named by a test on each level that its row claims, and no test names one that is
//! not there or does not apply. As for the acceptance rows, what counts is the name of a test that runs, whole words of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::acceptance::{files, read, root, table, tests};

/// I01 to this one.
const LAST: u8 = 44;

/// Where tests are that show something, and how.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    /// For all inputs: a test of the core that takes them as arguments.
    Property,
    /// By example: a test of the core.
    Test,
    /// A test of `tests/exhaustive`.
    Exhaustive,
    /// A test that runs the compiler.
    CompileFail,
    /// The random programs beside a reference, `tests/it/model`.
    Model,
    /// Every order in which threads can meet, `adapters/shared/tests/interleavings`.
    Interleavings,
    /// A test of an adapter, or a row of the table that both pass.
    Adapter,
}

/// What a row of the list claims.
#[derive(Debug, Eq, PartialEq)]
enum Claim {
    Shown {
        by: BTreeSet<Level>,
        /// Targets of `fuzz/fuzz_targets`.
        fuzzed: BTreeSet<String>,
    },
    /// For a reason that the list gives.
    DoesNotApply,
}

/// `i07` as a word of a name, and all from `i17` to `i28` for `i17_to_i28`.
fn numbers(name: &str) -> BTreeSet<u8> {
    let of_word = |word: &str| {
        let digits = word.strip_prefix('i')?;
        let two = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|_| two)
    };
    let words: Vec<&str> = name.split('_').collect();
    let ranges = words.windows(3).filter_map(|three| match three {
        [first, "to", last] => Some(of_word(first)?..=of_word(last)?),
        _ => None,
    });
    let alone = words.iter().copied().filter_map(of_word);
    alone.chain(ranges.flatten()).collect()
}

/// Whether a test takes arguments, which only those of `proptest!` do.
fn takes_arguments(source: &str, test: &str) -> bool {
    let head = source.split_once(&format!("fn {test}("));
    head.is_some_and(|(_, rest)| !rest.starts_with(')'))
}

/// Everybody who names an invariant, on each level.
fn named() -> BTreeMap<u8, BTreeMap<Level, BTreeSet<String>>> {
    let mut named: BTreeMap<u8, BTreeMap<Level, BTreeSet<String>>> = BTreeMap::new();
    let mut note = |level: Level, test: &str| {
        for number in numbers(test) {
            let levels = named.entry(number).or_default();
            levels.entry(level).or_default().insert(test.to_owned());
        }
    };
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            let source = read(&file);
            for test in tests(&source) {
                note(level(&file, &source, test), test);
            }
        }
    }
    for file in files(&root().join("adapters"), "rs") {
        let source = read(&file);
        for test in tests(&source) {
            note(level(&file, &source, test), test);
        }
    }
    for row in &table() {
        note(Level::Adapter, row);
    }
    named
}

fn level(file: &Path, source: &str, test: &str) -> Level {
    let within = |folder: &str| file.starts_with(root().join(folder));
    if within("tests/exhaustive") {
        Level::Exhaustive
    } else if file.ends_with("compile_fail.rs") {
        Level::CompileFail
    } else if file.ends_with("tests/it/model.rs") {
        Level::Model
    } else if within("adapters/shared/tests/interleavings") {
        Level::Interleavings
    } else if within("adapters") {
        Level::Adapter
    } else if takes_arguments(source, test) {
        Level::Property
    } else {
        Level::Test
    }
}

/// The list: what each row claims.
fn list(text: &str) -> BTreeMap<u8, Claim> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| I")) {
        let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
        let [name, says, how] = cells.as_slice() else {
            panic!("not a row: {line}");
        };
        if *name == "Invariant" {
            continue;
        }
        let number = numbers(&name.to_ascii_lowercase());
        let number = number
            .first()
            .unwrap_or_else(|| panic!("no number: {line}"));
        assert!(says.len() > 10 && how.len() > 3, "says nothing: {line}");
        assert!(rows.insert(*number, claim(how)).is_none(), "twice: {line}");
    }
    rows
}

/// Before the first colon the levels, after it what there is to say.
fn claim(how: &str) -> Claim {
    let (levels, _) = how.split_once(':').unwrap_or((how, ""));
    if levels == "does not apply" {
        return Claim::DoesNotApply;
    }
    let (mut by, mut fuzzed) = (BTreeSet::new(), BTreeSet::new());
    for level in levels.split(", ") {
        by.extend(match level {
            "property" => Some(Level::Property),
            "test" => Some(Level::Test),
            "exhaustive" => Some(Level::Exhaustive),
            "compile-fail" => Some(Level::CompileFail),
            "model" => Some(Level::Model),
            "interleavings" => Some(Level::Interleavings),
            "adapter" => Some(Level::Adapter),
            _ => {
                let target = level
                    .strip_prefix("fuzz `")
                    .and_then(|name| name.strip_suffix('`'));
                let target = target.unwrap_or_else(|| panic!("no level: {level}"));
                fuzzed.insert(target.to_owned());
                None
            }
        });
    }
    assert!(
        !by.is_empty(),
        "fuzzing alone shows nothing in `cargo test`: {how}"
    );
    Claim::Shown { by, fuzzed }
}

fn invariants() -> BTreeMap<u8, Claim> {
    list(&read(root().join("tests/invariants.md")))
}

#[test]
fn every_invariant_is_shown_on_the_levels_that_are_claimed() {
    let named = named();
    let mut missing = Vec::new();
    for (number, claim) in invariants() {
        let Claim::Shown { by, fuzzed } = claim else {
            continue;
        };
        for level in by {
            let shown = named
                .get(&number)
                .is_some_and(|levels| levels.contains_key(&level));
            if !shown {
                missing.push(format!("I{number:02}: {level:?}"));
            }
        }
        for target in fuzzed {
            if !root()
                .join(format!("fuzz/fuzz_targets/{target}.rs"))
                .exists()
            {
                missing.push(format!("I{number:02}: fuzz target {target}"));
            }
        }
    }
    assert!(missing.is_empty(), "claimed and not shown: {missing:#?}");
}

/// And a level on which it is shown is claimed, so that the list is whole.
#[test]
fn an_invariant_that_a_test_names_is_in_the_list_and_applies() {
    let rows = invariants();
    let mut unclaimed = Vec::new();
    for (number, levels) in named() {
        let Some(Claim::Shown { by, .. }) = rows.get(&number) else {
            panic!(
                "I{number:02} is named by {levels:?}, and is {:?}",
                rows.get(&number)
            );
        };
        for (level, tests) in levels {
            if !by.contains(&level) {
                unclaimed.push(format!("I{number:02}: {level:?} for {tests:?}"));
            }
        }
    }
    assert!(
        unclaimed.is_empty(),
        "shown and not claimed: {unclaimed:#?}"
    );
}

#[test]
fn the_list_leaves_no_invariant_out() {
    let numbers: Vec<u8> = invariants().into_keys().collect();
    assert_eq!(numbers, (1..=LAST).collect::<Vec<u8>>());
}

#[test]
fn an_invariant_is_named_by_whole_words_alone() {
    assert_eq!(numbers("imp20_i10_and_i4_i100_ix1_i44"), [10, 44].into());
    assert_eq!(numbers("i01"), [1].into());
    assert_eq!(
        numbers("i07_i17_to_i20_a_to_i30"),
        [7, 17, 18, 19, 20, 30].into()
    );
    assert_eq!(numbers("pi31_x_31"), BTreeSet::new());
    let source = "fn one() {}\nfn two(text in any()) {\nfn three(\n    text";
    assert!(!takes_arguments(source, "one"));
    assert!(takes_arguments(source, "two") && takes_arguments(source, "three"));
    let claimed = Claim::Shown {
        by: [Level::Property, Level::Adapter].into(),
        fuzzed: ["flow".to_owned()].into(),
    };
    assert_eq!(
        claim("property, adapter, fuzz `flow`: in some way"),
        claimed
    );
    assert_eq!(claim("does not apply: there is none"), Claim::DoesNotApply);
}
