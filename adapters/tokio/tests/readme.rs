//! The README's Rust is the Rust of the doc tests, line by line: what the reader copies is what was compiled and run.

#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap()
}

/// The blocks of Rust in a text, without the lines that rustdoc hides.
fn blocks(text: &str) -> Vec<Vec<&str>> {
    let mut blocks = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in text.lines() {
        match &mut block {
            None if line == "```" || line == "```rust" || line == "```no_run" => {
                block = Some(Vec::new())
            }
            None if line.starts_with("```") => block = Some(vec!["(another language)"]),
            None => {}
            Some(lines) if line == "```" => {
                blocks.push(std::mem::take(lines));
                block = None;
            }
            Some(_) if line == "#" || line.starts_with("# ") => {}
            Some(lines) => lines.push(line),
        }
    }
    blocks
}

/// The text of a file's module documentation.
fn module_docs(source: &str) -> String {
    let docs = source.lines().filter_map(|line| line.strip_prefix("//!"));
    docs.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect()
}

#[test]
fn the_readme_shows_what_the_doc_tests_compile() {
    let readme = read("README.md");
    let shown: Vec<_> = blocks(&readme)
        .into_iter()
        .filter(|block| block.iter().any(|line| line.starts_with("use entra_")))
        .collect();
    let sources = [
        "adapters/tokio/src/lib.rs",
        "adapters/sources/src/lib.rs",
        "adapters/azure/src/lib.rs",
        "src/lib.rs",
    ]
    .map(read);
    assert_eq!(shown.len(), sources.len());
    for (shown, source) in shown.iter().zip(&sources) {
        let docs = module_docs(source);
        let compiled = blocks(&docs);
        let without_blank = |lines: &[&str]| {
            lines
                .iter()
                .filter(|line| !line.is_empty())
                .map(|line| (*line).to_owned())
                .collect::<Vec<_>>()
        };
        let shown = without_blank(shown);
        assert!(
            compiled
                .iter()
                .any(|block| without_blank(block).starts_with(&shown)),
            "not in any doc test:\n{}",
            shown.join("\n")
        );
    }
}

#[test]
fn driving_the_core_by_hand_takes_at_most_40_lines_and_answers_every_step() {
    let readme = read("README.md");
    let all = blocks(&readme);
    let by_hand = all
        .iter()
        .find(|block| block.contains(&"use entra_proto::*;"))
        .unwrap();
    assert!(by_hand.len() <= 40, "{} lines", by_hand.len());
    for step in [
        "LoadCache",
        "TakeTurn",
        "DiscoverRegion",
        "DiscoverInstance",
        "ObtainAssertion",
        "ObtainCertificate",
        "SignAssertion",
        "SendRequest",
        "Pause",
        "SaveCache",
        "Done",
    ] {
        assert!(
            by_hand
                .iter()
                .any(|line| line.contains(&format!("Step::{step}("))),
            "{step}"
        );
    }
}
