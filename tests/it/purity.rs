//! The core asks, it does not do: the second net under `clippy.toml`, which knows functions by name and sees no `use` of a module.

use std::path::{Path, PathBuf};

/// Modules of the standard library that the core has no business in.
const MODULES: &[&str] = &["env", "fs", "net", "thread", "process", "io", "os"];
/// Names that are as bad wherever they come from.
const WORDS: &[&str] = &[
    "SystemTime",
    "Instant",
    "getrandom",
    "rand",
    "RandomState",
    "OnceLock",
    "LazyLock",
    "Mutex",
    "RwLock",
    "thread_local",
    "static",
    "unsafe",
    "println",
    "print",
    "eprintln",
    "eprint",
    "dbg",
];
/// What may stand before `::std` without being a part of the path.
const KEYWORDS: &[&str] = &[
    "use", "as", "in", "return", "dyn", "impl", "mut", "else", "match", "if",
];
/// What the core may stand on. One more is a decision, not an edit.
const DEPENDENCIES: &[&str] = &[
    "base64",
    "http",
    "httpdate",
    "memchr",
    "sha1",
    "sha2",
    "url",
    "x509-parser",
    "zeroize",
];
/// What only those have who ask for it: strategies are for tests.
const OPTIONAL: &[&str] = &["proptest"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The tokens of Rust source that matter here: words and signs. Comments are left out, and so is what stands in strings and
/// character literals.
fn tokens(source: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            string(rest)
        } else if let Some(raw) = raw_string(rest) {
            raw
        } else if first == '\'' {
            character(rest)
        } else if first.is_alphanumeric() || first == '_' {
            let word = |letter: char| !(letter.is_alphanumeric() || letter == '_');
            let end = rest.find(word).unwrap_or(rest.len());
            tokens.push(rest[..end].to_owned());
            end
        } else {
            if rest.starts_with("::") {
                tokens.push("::".to_owned());
                rest = &rest[2..];
                continue;
            }
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// From the opening quotation mark to behind the closing one.
fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (place, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return place + 1,
            _ => {}
        }
    }
    rest.len()
}

/// `r"…"`, `br#"…"#` and the like.
fn raw_string(rest: &str) -> Option<usize> {
    let behind = rest.strip_prefix('b').unwrap_or(rest).strip_prefix('r')?;
    let hashes = behind.len() - behind.trim_start_matches('#').len();
    let text = behind[hashes..].strip_prefix('"')?;
    let close = format!("\"{}", "#".repeat(hashes));
    let end = text
        .find(&close)
        .map_or(text.len(), |end| end + close.len());
    Some(rest.len() - text.len() + end)
}

/// `'x'` or `'\u{1b}'`; of a lifetime, the mark and the name, so that `'static` is no `static`.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), Some((place, escaped))) => {
            let behind = place + escaped.len_utf8();
            rest[behind..]
                .find('\'')
                .map_or(rest.len(), |end| behind + end + 1)
        }
        (Some(_), Some((place, '\''))) => place + 1,
        _ => {
            let word = |letter: char| !(letter.is_alphanumeric() || letter == '_');
            rest[1..].find(word).map_or(rest.len(), |end| end + 1)
        }
    }
}

/// What a file names that it must not.
fn impurities(source: &str) -> Vec<String> {
    let tokens = tokens(source);
    let mut found: Vec<String> = tokens
        .iter()
        .filter(|token| WORDS.contains(&token.as_str()))
        .cloned()
        .collect();
    for path in paths(&tokens) {
        let mut parts = path.split("::").skip_while(|part| part.is_empty());
        let (first, second) = (parts.next(), parts.next());
        let standard = matches!(first, Some("std" | "core" | "alloc"));
        if standard && second.is_none_or(|part| part == "*" || MODULES.contains(&part)) {
            found.push(path);
        }
    }
    found
}

/// Every path, those in the braces of a `use` spelled out; `std as other` comes out as `std`.
fn paths(tokens: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let mut outer: Vec<String> = Vec::new();
    let mut path = String::new();
    let is_word = |token: &str| {
        token
            .chars()
            .all(|letter| letter.is_alphanumeric() || letter == '_')
    };
    for (place, token) in tokens.iter().enumerate() {
        let after_colons = place > 0 && tokens[place - 1] == "::";
        match token.as_str() {
            "::" if place > 0 && KEYWORDS.contains(&tokens[place - 1].as_str()) => {
                path = "::".to_owned();
            }
            "::" => path.push_str("::"),
            "*" if after_colons => path.push('*'),
            // A group: what stands before it is before everything in it.
            "{" if after_colons => outer.push(std::mem::take(&mut path)),
            "," | "}" if !outer.is_empty() => {
                let prefix: String = outer.concat();
                if !path.is_empty() {
                    found.push(format!("{prefix}{}", std::mem::take(&mut path)));
                }
                if token == "}" {
                    outer.pop();
                }
            }
            word if is_word(word) && (after_colons || path.is_empty()) => path.push_str(word),
            other => {
                found.push(format!("{}{}", outer.concat(), std::mem::take(&mut path)));
                if is_word(other) {
                    path.push_str(other);
                }
            }
        }
    }
    found.push(path);
    found
}

#[test]
fn run16_the_core_names_no_clock_no_file_no_socket_no_thread_and_no_dice() {
    let files = sources(&root().join("src"));
    assert!(files.len() > 30, "only {} files", files.len());
    for file in files {
        let source = std::fs::read_to_string(&file).expect("a file");
        let found = impurities(&source);
        assert!(found.is_empty(), "{}: {found:?}", file.display());
    }
}

#[test]
fn the_net_holds() {
    let caught = [
        "use std::env;",
        "use std::{fmt, env};",
        "use std::{fmt, sync::Arc, fs::{self, File}};",
        "use std::{\n    collections::{BTreeMap, HashMap},\n    net::TcpStream,\n};",
        "use std::*;",
        "use std as s;",
        "use ::std::thread;",
        "let x = std :: process :: exit(0);",
        "let x = f(core::net::Ipv4Addr::LOCALHOST);",
        "use std::time::{Duration, SystemTime};",
        "std::time::Instant::now()",
        "static X: u8 = 0;",
        "\"a // b\"; rand::random()",
        "r#\"a \" // b\"#; rand::random()",
        "'\"'; println!(\"x\")",
        "/* x */ unsafe {}",
    ];
    for source in caught {
        assert!(!impurities(source).is_empty(), "{source}");
    }
    let free = [
        "// std::env::var",
        "/// [`std::env::var`]",
        "\"std::env::var\"",
        "env!(\"CARGO_PKG_VERSION\")",
        "use std::collections::{BTreeSet, HashMap};\nuse std::fmt;",
        "fn f(x: &'static str, environment: Environment) -> random { operand }",
        "use crate::wire::{form, json};\nuse crate::net;",
        "const X: char = '\\''; const Y: char = '\"'; // SystemTime",
    ];
    for source in free {
        assert_eq!(impurities(source), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn the_core_stands_on_few_packages() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let heads = |line: &&str| {
        line.starts_with("[dependencies")
            || line.starts_with("[target")
            || line.starts_with("[build-dependencies")
    };
    assert_eq!(
        manifest.lines().filter(heads).count(),
        1,
        "one table of dependencies"
    );
    let (optional, named): (Vec<&str>, Vec<&str>) = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .partition(|line| line.contains("optional = true"));
    let name = |line: &&str| {
        line.split(['.', '=', ' '])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(named.iter().map(name).collect::<Vec<_>>(), DEPENDENCIES);
    assert_eq!(optional.iter().map(name).collect::<Vec<_>>(), OPTIONAL);
    assert!(!root().join("build.rs").exists());
}
