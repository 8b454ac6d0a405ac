//! Every row of `tests/acceptance.md` that applies is named by a test at its level, and no test names a row that is not there.
//! What counts is the name of a test that runs, or the `why` or name of a scenario; a comment does not.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The subjects and how many rows each has.
const SUBJECTS: [(&str, u8); 18] = [
    ("CFG", 8),
    ("REQ", 5),
    ("SNI", 3),
    ("ROUTE", 18),
    ("IDP", 3),
    ("BIND", 7),
    ("CACHE", 7),
    ("HTTP", 7),
    ("PLAT", 5),
    ("IMP", 32),
    ("RUN", 18),
    ("SEC", 13),
    ("SRC", 9),
    ("SDK", 5),
    ("RES", 3),
    ("OBS", 3),
    ("EXP", 4),
    ("DOC", 4),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Level {
    Core,
    Adapter,
    Both,
    /// For a reason that the list gives.
    DoesNotApply,
}

/// `("IMP", 1)` for `IMP-01`.
type Row = (&'static str, u8);

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files below a folder that end so, without what a build leaves behind.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, ending));
        } else if path.extension().is_some_and(|end| end == ending) {
            found.push(path);
        }
    }
    found
}

/// A subject and two digits: not `imp1`, not `imp010`, not `imply01`.
fn row(subject: &str, digits: &str) -> Option<Row> {
    let (subject, _) = SUBJECTS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(subject))?;
    let two = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
    Some((subject, digits.parse().ok().filter(|_| two)?))
}

/// The rows in the name of a function: whole words of it, and `bind03_to_bind07` is five of them.
fn rows_of_name(name: &str) -> BTreeSet<Row> {
    let words: Vec<Option<Row>> = name
        .split('_')
        .map(|word| {
            let digits = word.find(|letter: char| letter.is_ascii_digit())?;
            row(word.get(..digits)?, word.get(digits..)?)
        })
        .collect();
    let mut found: BTreeSet<Row> = words.iter().flatten().copied().collect();
    for (place, word) in name.split('_').enumerate() {
        let beside = |place: usize| words.get(place).copied().flatten();
        let from = place.checked_sub(1).and_then(beside);
        if let ("to", Some((subject, from)), Some((same, to))) = (word, from, beside(place + 1)) {
            assert!(subject == same && from < to, "no range: {name}");
            found.extend((from..to).map(|number| (subject, number)));
        }
    }
    found
}

/// The rows in a text: `IMP-01`, upright and with nothing grown onto it.
fn rows_of_text(text: &str) -> BTreeSet<Row> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'))
        .filter_map(|word| word.split_once('-'))
        .filter(|(subject, _)| subject.bytes().all(|letter| letter.is_ascii_uppercase()))
        .filter_map(|(subject, digits)| row(subject, digits))
        .collect()
}

/// The names of all test functions: what follows `#[test]` or `#[tokio::test]`, unless it is ignored.
pub(crate) fn tests(source: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line == "#[test]" || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if line.starts_with("#[ignore") {
            is_test = false;
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            let end = name.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
            found.push(&name[..end.unwrap_or(name.len())]);
            is_test = false;
        }
    }
    found
}

/// The names in the conformance table, the fault matrix included.
pub(crate) fn table() -> BTreeSet<String> {
    let listed = ["rows.rs", "rows/faults/matrix.rs"].map(|file| {
        let source = read(root().join("adapters/conformance/src").join(file));
        let list = source.split("@each $driver:").nth(1).expect("the table");
        let list = list.split(')').next().unwrap_or_default();
        let names = list.split_whitespace().map(str::to_owned);
        names.collect::<Vec<_>>()
    });
    listed.into_iter().flatten().collect()
}

/// The list: every row with its level.
fn list(text: &str) -> BTreeMap<Row, Level> {
    let (apply, others) = text
        .split_once("## Rows that do not apply")
        .expect("the last heading");
    let mut rows = BTreeMap::new();
    for (part, applies) in [(apply, true), (others, false)] {
        for line in part.lines().filter(|line| line.starts_with("| ")) {
            let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
            let (level, seen) = match cells.as_slice() {
                ["Row" | "Level" | "---", ..] | ["core" | "adapter" | "both", _] => continue,
                [_, seen, "core"] if applies => (Level::Core, seen),
                [_, seen, "adapter"] if applies => (Level::Adapter, seen),
                [_, seen, "both"] if applies => (Level::Both, seen),
                [_, reason] if !applies => (Level::DoesNotApply, reason),
                _ => panic!("not a row: {line}"),
            };
            let named = cells[0].split_once('-');
            let Some(row) = named.and_then(|(subject, digits)| row(subject, digits)) else {
                panic!("not a row: {line}");
            };
            assert!(seen.len() > 10, "says nothing: {line}");
            assert!(rows.insert(row, level).is_none(), "twice: {line}");
        }
    }
    rows
}

/// Whoever names a row, by row.
type Named = BTreeMap<Row, BTreeSet<String>>;

fn note(named: &mut Named, rows: BTreeSet<Row>, by: &str) {
    for row in rows {
        named.entry(row).or_default().insert(by.to_owned());
    }
}

fn named_by_core() -> Named {
    let mut named = Named::new();
    for folder in ["src", "tests"] {
        for file in files(&root().join(folder), "rs") {
            for test in tests(&read(file)) {
                note(&mut named, rows_of_name(test), test);
            }
        }
    }
    for file in files(&root().join("tests/scenarios"), "json") {
        let scenario: Value = serde_json::from_str(&read(&file)).expect("a scenario");
        for field in ["why", "name"] {
            let text = scenario[field].as_str().unwrap_or_default();
            note(&mut named, rows_of_text(text), &file.display().to_string());
        }
    }
    named
}

fn named_by_adapters() -> Named {
    let mut named = Named::new();
    for file in files(&root().join("adapters"), "rs") {
        for test in tests(&read(file)) {
            note(&mut named, rows_of_name(test), test);
        }
    }
    for row in &table() {
        note(&mut named, rows_of_name(row), row);
    }
    named
}

#[test]
fn every_row_that_applies_has_a_test_at_its_level() {
    let (core, adapters) = (named_by_core(), named_by_adapters());
    let mut missing = Vec::new();
    for ((subject, number), level) in list(&read(root().join("tests/acceptance.md"))) {
        let lacks = |named: &Named| !named.contains_key(&(subject, number));
        let (wants_core, wants_adapter) = match level {
            Level::Core => (true, false),
            Level::Adapter => (false, true),
            Level::Both => (true, true),
            Level::DoesNotApply => (false, false),
        };
        if wants_core && lacks(&core) {
            missing.push(format!("{subject}-{number:02}: core"));
        }
        if wants_adapter && lacks(&adapters) {
            missing.push(format!("{subject}-{number:02}: adapter"));
        }
    }
    assert!(missing.is_empty(), "rows without a test: {missing:#?}");
}

#[test]
fn a_row_that_a_test_names_is_in_the_list_and_applies() {
    let rows = list(&read(root().join("tests/acceptance.md")));
    for (row, by) in named_by_core().into_iter().chain(named_by_adapters()) {
        let level = rows.get(&row);
        assert!(
            level.is_some_and(|level| *level != Level::DoesNotApply),
            "{row:?} is named by {by:?}, and is {level:?}"
        );
    }
}

#[test]
fn the_list_leaves_no_row_out() {
    let rows: Vec<Row> = list(&read(root().join("tests/acceptance.md")))
        .into_keys()
        .collect();
    let numbers = |last: u8| -> RangeInclusive<u8> { 1..=last };
    let mut whole: Vec<Row> = SUBJECTS
        .iter()
        .flat_map(|(subject, last)| numbers(*last).map(|number| (*subject, number)))
        .collect();
    whole.sort_unstable();
    assert_eq!(rows, whole);
}

/// A row that is written and not in the table runs nowhere, and the table has to be passed by both adapters.
#[test]
fn the_conformance_table_holds_every_row_that_is_written() {
    let folder = root().join("adapters/conformance/src/rows");
    let listed = table();
    let mut written = BTreeSet::new();
    for file in files(&folder, "rs") {
        let source = read(file);
        let functions = source
            .split("\npub fn ")
            .skip(1)
            .filter_map(|text| text.split_once('<'));
        let rows = functions.filter(|(_, rest)| rest.trim_start().starts_with("D: Driver"));
        written.extend(rows.map(|(name, _)| name.to_owned()));
    }
    assert!(listed.len() > 40);
    let apart: Vec<&String> = listed.symmetric_difference(&written).collect();
    assert!(
        apart.is_empty(),
        "written or listed, but not both: {apart:?}"
    );
    for adapter in ["tokio", "blocking"] {
        let test = read(root().join(format!("adapters/{adapter}/tests/conformance.rs")));
        assert!(test.contains("\nentra_conformance::rows!("), "{adapter}");
    }
}

#[test]
fn a_row_is_named_by_whole_words_alone() {
    let name = "imp01_run16_x13_a_name";
    assert_eq!(rows_of_name(name), [("IMP", 1), ("RUN", 16)].into());
    for other in [
        "imp1_x",
        "imp010_x",
        "imply01_x",
        "simp01_x",
        "imp01b_x",
        "imp_01_x",
        "imp_x",
    ] {
        assert_eq!(rows_of_name(other), BTreeSet::new(), "{other}");
    }
    assert_eq!(
        rows_of_name("bind03_to_bind07_the_resource"),
        [3, 4, 5, 6, 7].map(|number| ("BIND", number)).into()
    );
    // Elsewhere it is a word like any other.
    assert_eq!(rows_of_name("sec05_to_the_end"), [("SEC", 5)].into());
    let text =
        "rules 1, 2; acceptance rows IMP-01, RUN-16; RFC-7523, imp-02, IMP-1, IMP-011, SIMP-01";
    assert_eq!(rows_of_text(text), [("IMP", 1), ("RUN", 16)].into());
    let source = "// fn cfg01_x\n#[test]\nfn cfg02_x() {}\nfn cfg04_x() {}\n#[tokio::test(flavor = \"x\")]\n\
                  async fn cfg05_x() {}\n#[test]\n#[ignore = \"later\"]\nfn cfg06_x() {}\n    #[test]\n    fn cfg07_x(text in any()) {";
    assert_eq!(tests(source), ["cfg02_x", "cfg05_x", "cfg07_x"]);
}
