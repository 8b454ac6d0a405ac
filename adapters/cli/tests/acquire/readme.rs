//! The README speaks of the codes that there are and of the options that there are, and of all codes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::program::{program, run};

fn read(path: &str) -> std::io::Result<String> {
    fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../..")
            .join(path),
    )
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The codes between backticks in the first cells of tables.
fn codes_of_tables(text: &str) -> BTreeSet<&str> {
    let rows = text.lines().filter_map(|line| line.strip_prefix('|'));
    let first = rows.filter_map(|row| row.split('|').next());
    first
        .flat_map(quoted)
        .filter(|word| is_code(word))
        .collect()
}

fn is_code(word: &str) -> bool {
    word.bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// A section, from its title to the next.
fn section<'a>(text: &'a str, title: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\n## {title}\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest))
}

#[test]
fn each_code_is_in_the_readme_and_each_of_the_readme_is_a_code() -> Outcome {
    let source = read("src/error.rs")?;
    let (docs, _) = source.split_once("pub struct Error(").ok_or("no Error")?;
    let lines = docs.lines().filter_map(|line| line.strip_prefix("/// "));
    let docs = lines.collect::<Vec<_>>().join("\n");
    let mut documented = codes_of_tables(&docs);
    // Stands for what the service says, which is named below the table as far as it is often met.
    assert!(documented.remove("error"));
    let of_service = docs.split_once("Those of the service that are met most:");
    let of_service = of_service.and_then(|(_, rest)| rest.split('.').next());
    documented.extend(of_service.map(quoted).into_iter().flatten());
    assert!(documented.contains("cancelled") && documented.contains("invalid_grant"));

    let readme = read("README.md")?;
    let shown = section(&readme, "What goes wrong, and what to do").ok_or("no section")?;
    let shown = codes_of_tables(shown);
    let missing: Vec<_> = documented.difference(&shown).collect();
    assert!(missing.is_empty(), "not in the README: {missing:?}");
    let unknown: Vec<_> = shown.difference(&documented).collect();
    assert!(unknown.is_empty(), "not in the docs of Error: {unknown:?}");
    Ok(())
}

#[test]
fn each_code_of_the_core_is_in_the_docs_of_its_errors() -> Outcome {
    let source = read("src/error.rs")?;
    let (docs, _) = source.split_once("pub struct Error(").ok_or("no Error")?;
    let table = read("src/error/code.rs")?;
    let (_, rows) = table.split_once("match self {").ok_or("no table")?;
    let mut seen = 0;
    for row in rows.split("Self::").skip(1) {
        let Some(code) = row.split('"').nth(1).filter(|code| is_code(code)) else {
            continue;
        };
        seen += 1;
        assert!(docs.contains(&format!("`{code}`")), "{code}");
    }
    assert!(seen >= 36, "{seen} codes");
    Ok(())
}

#[test]
fn each_option_and_variable_of_the_readme_is_in_the_help() -> Outcome {
    let mut help = String::new();
    for command in ["acquire", "explain", "doctor", "emulator"] {
        help += &run(&mut program(&[command, "--help"]))?.out;
    }
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_'))
            .map(str::to_owned)
            .collect()
    };
    let known: BTreeSet<_> = words(&help).into_iter().collect();
    let readme = read("README.md")?;
    let mut seen = 0;
    for title in [
        "For whom",
        "From the command line",
        "What it decides",
        "What goes wrong, and what to do",
    ] {
        let text = section(&readme, title).ok_or(title)?;
        for word in words(text) {
            // Neither lines below the heads of tables, nor cargo's own.
            let name = word.strip_prefix("--").filter(|name| *name != "path");
            let is_option = name.is_some_and(|name| name.starts_with(char::is_alphabetic));
            if !(is_option || word.starts_with("AZURE_")) {
                continue;
            }
            assert!(known.contains(&word), "{title}: {word}");
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen}");
    Ok(())
}
