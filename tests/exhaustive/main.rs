//! The table of decisions, cell by cell: everything finite that a token request depends on, played through the public API and
//! compared with the rules of the design (`oracle.rs`, where reading begins), and with a digest of how it was before.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most of what is matched on here has one value that matters"
)]

mod axes;
mod cell;
#[path = "../it/certificates.rs"]
#[expect(dead_code, reason = "shared with the tests that need more of it")]
mod certificates;
mod digest;
mod oracle;
mod outcome;
mod play;
mod remembered;
mod symptoms;
mod table;
mod world;

use axes::{Authority, Axis, Credential, NAMES};

#[test]
fn i04_i09_i13_every_cell_is_as_the_rules_say_and_as_it_was() {
    let slices = table::slices();

    let wrong: u64 = slices.iter().map(|slice| slice.wrong_cases).sum();
    for slice in slices.iter().filter(|slice| slice.wrong_cases > 0) {
        eprintln!("{}: {} cases, such as", slice.name, slice.wrong_cases);
        eprintln!("{}", slice.wrong.join("\n"));
    }
    assert!(
        wrong == 0,
        "{wrong} cases are not as the rules say; some of each slice are shown above"
    );

    // Nothing is left out, and nothing comes twice.
    let cells: u64 = slices.iter().map(|slice| slice.cells).sum();
    let sizes = NAMES.iter().map(|(_, values)| values.len());
    assert_eq!(usize::try_from(cells), Ok(sizes.product()));
    let cases: u64 = slices.iter().map(|slice| slice.cases).sum();
    assert!(cases >= 500_000, "{cases} cases");
    println!("{cells} cells in {cases} cases");

    let before = std::fs::read_to_string(digest::path()).unwrap_or_default();
    let changed = digest::changed(&before, &digest::text(&slices));
    assert!(
        changed.is_empty(),
        "the table is not as it was:\n{changed}
All cells are as the rules say. To see which ones changed since a commit:
    .ci/changed-cells COMMIT
If that is what was meant, let the review see it:
    cargo test --test exhaustive -- --ignored write_digests"
    );
}

#[test]
#[ignore = "a command: writes `digests.txt` anew"]
fn write_digests() {
    let text = digest::text(&table::slices());
    std::fs::write(digest::path(), text).expect("the folder of this test");
}

#[test]
#[ignore = "a command: prints what `digests.txt` would be; see `.ci/changed-cells`"]
fn print_digests() {
    println!("{}", digest::text(&table::slices()));
}

/// Of the slices that `CELLS` names, or of all.
#[test]
#[ignore = "a command: prints every case with its outcome; see `.ci/changed-cells`"]
fn print_cells() {
    let wanted = std::env::var("CELLS").unwrap_or_default();
    for credential in Credential::ALL {
        for authority in Authority::ALL {
            let name = table::name(*credential, *authority);
            if wanted.is_empty() || wanted.split_whitespace().any(|other| other == name) {
                table::each_case(*credential, *authority, |cell, seen| {
                    println!("{cell}: {seen}");
                });
            }
        }
    }
}
