//! Every public item of every published package has an example that runs, or a link to an item that has one.
//! Of associated functions this is asked of constructors alone; what else a type has is shown where the type is.

use std::collections::{BTreeMap, BTreeSet};

use crate::acceptance::{files, read, root};

/// The published libraries. `unreachable_pub` denies a `pub` in them that nobody outside can name.
const PACKAGES: [&str; 7] = [
    "src",
    "adapters/shared/src",
    "adapters/tokio/src",
    "adapters/blocking/src",
    "adapters/sources/src",
    "adapters/azure/src",
    "adapters/emulator/src",
];
/// What begins a public item, behind `pub`.
const KINDS: [&str; 9] = [
    "struct", "enum", "trait", "fn", "mod", "type", "const", "union", "static",
];
/// What may stand between `pub` and that.
const QUALIFIERS: [&str; 3] = ["async", "unsafe", "extern"];

/// A public item, or a public function of a type.
#[derive(Debug)]
struct Item {
    /// The package that it is in.
    package: &'static str,
    name: String,
    /// Whose function it is.
    of: Option<String>,
    /// Whether it takes a `self`.
    method: bool,
    docs: String,
}

impl Item {
    fn path(&self) -> String {
        match &self.of {
            Some(of) => format!("{of}::{}", self.name),
            None if self.name == "crate" => self.package.to_owned(),
            None => self.name.clone(),
        }
    }
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    &text[..end.unwrap_or(text.len())]
}

/// What `pub` stands before: the kind and the name.
fn public(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.strip_prefix("pub ")?;
    loop {
        let kind = word(rest);
        let behind = rest[kind.len()..].trim_start();
        // `const fn` is a function.
        if QUALIFIERS.contains(&kind) || (kind == "const" && word(behind) == "fn") {
            rest = behind;
        } else {
            return KINDS.contains(&kind).then(|| (kind, word(behind)));
        }
    }
}

/// For whom an `impl` is, if it is nobody's trait.
fn implementing(line: &str) -> Option<&str> {
    let mut rest = line.strip_prefix("impl")?;
    if rest.starts_with('<') {
        let mut depth = 0;
        let end = rest.find(|letter| {
            depth += i32::from(letter == '<') - i32::from(letter == '>');
            depth == 0
        })?;
        rest = &rest[end + 1..];
    }
    (!rest.contains(" for ")).then(|| word(rest.trim_start()))
}

/// The public items of a file and the public functions of its types. `beside` reads what the source names: the file of a module,
/// or a text that is a part of the documentation.
fn items(package: &'static str, source: &str, beside: &dyn Fn(&str) -> String) -> Vec<Item> {
    let mut found = Vec::new();
    let (mut docs, mut of) = (String::new(), None);
    let (mut exported, mut attribute) = (false, false);
    let lines: Vec<&str> = source.lines().collect();
    for (place, line) in lines.iter().enumerate() {
        let text = line.trim_start();
        if let Some(said) = text.strip_prefix("///") {
            docs.push_str(said);
            docs.push('\n');
            continue;
        }
        if let Some(file) = text.strip_prefix("#[doc = include_str!(\"") {
            docs.push_str(&beside(file.trim_end_matches("\")]")));
            continue;
        }
        if attribute || text.starts_with("#[") || text.starts_with("//") {
            attribute = (attribute || text.starts_with("#[")) && !text.ends_with(']');
            exported |= text == "#[macro_export]";
            continue;
        }
        let (mut docs, exported) = (std::mem::take(&mut docs), std::mem::take(&mut exported));
        let item = |name: &str, docs: String| Item {
            package,
            name: name.to_owned(),
            of: None,
            method: false,
            docs,
        };
        if let Some(name) = text.strip_prefix("macro_rules! ").filter(|_| exported) {
            found.push(item(word(name), docs));
        } else if line.starts_with("impl") {
            of = implementing(line);
        } else if let Some((kind, name)) = public(line) {
            if kind == "mod" && line.ends_with(';') {
                docs.push_str(&inner(&beside(&format!("{name}.rs"))));
            }
            found.push(item(name, docs));
        } else if let (Some(of), Some(("fn", name))) =
            (of, public(text).filter(|_| line.starts_with("    pub")))
        {
            found.push(Item {
                of: Some(of.to_owned()),
                method: takes_self(&lines[place..]),
                ..item(name, docs)
            });
        }
    }
    found
}

/// What a file says of itself.
fn inner(source: &str) -> String {
    let said = source.lines().filter_map(|line| line.strip_prefix("//!"));
    said.flat_map(|line| [line, "\n"]).collect()
}

/// Whether the function that begins here is one of a value.
fn takes_self(lines: &[&str]) -> bool {
    let ends = |line: &&&str| !line.ends_with('{');
    let head: String = lines
        .iter()
        .take_while(ends)
        .chain(&lines[..1])
        .copied()
        .collect();
    let arguments = head.split_once('(').map_or("", |(_, behind)| behind);
    let first = arguments.split([',', ')', ':']).next();
    first.is_some_and(|first| first.trim().ends_with("self"))
}

/// The examples of a text that run, or at least compile: what is ignored, is no Rust or must not compile shows nothing.
fn examples(docs: &str) -> String {
    let mut found = String::new();
    let mut within = None;
    for line in docs.lines() {
        match (line.trim_start().strip_prefix("```"), within) {
            (Some(about), None) => {
                let runs = |word: &str| matches!(word, "" | "rust" | "no_run" | "should_panic");
                within = Some(about.trim().split(',').all(runs));
            }
            (Some(_), Some(_)) => within = None,
            (None, Some(true)) => {
                found.push_str(line);
                found.push('\n');
            }
            (None, _) => {}
        }
    }
    found
}

/// Where the links of a text lead: the last one or two names of each path.
fn links(docs: &str) -> BTreeSet<String> {
    let between = |open: &'static str, close| {
        let texts = docs.split(open).skip(1);
        texts.filter_map(move |rest| rest.split(close).next())
    };
    let mut found = BTreeSet::new();
    for path in between("[`", '`').chain(between("](", ')')) {
        let path = path.trim_end_matches("()").trim_end_matches('!');
        let names: Vec<&str> = path.rsplit("::").take(2).collect();
        if let [last, owner] = names[..] {
            found.insert(format!("{owner}::{last}"));
            // A type's example shows its methods.
            if owner.starts_with(char::is_uppercase) {
                found.insert(owner.to_owned());
            }
        }
        found.extend(names.first().map(|name| (*name).to_owned()));
    }
    found
}

/// The items that neither have an example nor a link to one. A constructor may be in an example of its type, or in one that its type
/// links to.
fn unshown(all: &[Item]) -> Vec<String> {
    let mut known: BTreeMap<String, Vec<(&str, String)>> = BTreeMap::new();
    for item in all {
        let example = examples(&item.docs);
        known
            .entry(item.path())
            .or_default()
            .push((item.package, example));
    }
    // The examples that a text in this package has or links to. What this package names, it means its own by.
    let seen = |package: &str, docs: &str| {
        let mut seen = examples(docs);
        for link in links(docs) {
            let name = if link == "crate" { package } else { &link };
            let named = known.get(name).map_or(&[][..], Vec::as_slice);
            let own = named.iter().find(|(of, _)| *of == package);
            if let Some((_, example)) = own.or_else(|| named.first()) {
                seen.push_str(example);
            }
        }
        seen
    };
    let is_called = |item: &Item| {
        let call = item.path() + "(";
        let owner = |other: &&Item| other.of.is_none() && item.of.as_ref() == Some(&other.name);
        let mut owners = all
            .iter()
            .filter(owner)
            .filter(|owner| owner.package == item.package);
        owners.any(|owner| seen(owner.package, &owner.docs).contains(&call))
    };
    let not_shown = |item: &&Item| seen(item.package, &item.docs).is_empty() && !is_called(item);
    let asked = all.iter().filter(|item| !item.method);
    asked
        .filter(not_shown)
        .map(|item| format!("{} in {}", item.path(), item.package))
        .collect()
}

#[test]
fn every_public_item_has_an_example_or_a_link_to_one() {
    let mut all = Vec::new();
    for package in PACKAGES {
        let before = all.len();
        let folder = root().join(package);
        for file in files(&folder, "rs") {
            let source = read(&file);
            // Where the modules of a file are, and the texts that it includes.
            let beside = |name: &str| {
                let stem = file.file_stem().unwrap_or_default();
                let own = file.with_file_name(stem).join(name);
                read(if own.exists() {
                    own
                } else {
                    file.with_file_name(name)
                })
            };
            let mut found = items(package, &source, &beside);
            if file == folder.join("lib.rs") {
                found.push(Item {
                    package,
                    name: "crate".to_owned(),
                    of: None,
                    method: false,
                    docs: inner(&source),
                });
            }
            all.extend(found);
        }
        assert!(all.len() > before, "{package} has no item");
    }
    let unshown = unshown(&all);
    assert!(unshown.is_empty(), "{}: {unshown:#?}", unshown.len());
}

/// The features of a package that its crate's documentation does not name, or its manifest does not explain.
fn undocumented(manifest: &str, docs: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut explained = false;
    let section = manifest.lines().skip_while(|line| *line != "[features]");
    for line in section.skip(1).take_while(|line| !line.starts_with('[')) {
        let name = line.split_once(" = ").map_or("", |(name, _)| name);
        let is_feature = !name.is_empty() && !line.starts_with('#');
        if is_feature && !(explained && docs.contains(&format!("`{name}`"))) {
            found.push(name.to_owned());
        }
        explained = line.starts_with('#');
    }
    found
}

#[test]
fn every_feature_is_documented() {
    for package in PACKAGES {
        let source = root().join(package);
        let manifest = read(source.with_file_name("Cargo.toml"));
        let docs = inner(&read(source.join("lib.rs")));
        assert_eq!(
            undocumented(&manifest, &docs),
            Vec::<String>::new(),
            "{package}"
        );
    }
}

/// That the rules above can fail.
#[test]
fn what_is_not_shown_is_found() {
    let none = |_: &str| String::new();
    let unshown = |source: &str| unshown(&items(PACKAGES[0], source, &none)).len();
    let shown = "/// ```\n/// A::new(B)\n/// ```\npub struct A;\n";
    let hidden = [
        "pub struct A;",
        "/// What it is.\npub fn a() {}",
        "/// ```text\n/// a\n/// ```\npub enum A {}",
        "/// ```ignore\n/// a\n/// ```\npub const fn a() {}",
        "/// See [`B`].\npub struct A;",
        "/// What it is.\n#[macro_export]\nmacro_rules! a {}",
        "/// ```\n/// a\n/// ```\npub struct A;\nimpl<T: B<C>> A {\n    pub fn new(b: T) -> Self {\n",
        "/// ```\n/// a\n/// ```\npub struct A;\n\npub trait B {}",
        "pub mod a;",
    ];
    for source in hidden {
        assert_eq!(unshown(source), 1, "{source}");
    }
    let seen = [
        "/// See [`A`].\npub struct B;",
        "/// See [an example](crate::A).\npub struct B;",
        "/// See [`A::new`].\n#[expect(\n    some::lint,\n    reason = \"…\"\n)]\npub struct B;",
        "impl A {\n    pub fn new(b: B) -> Self {",
        "impl A {\n    pub fn b(&self) {",
        "impl A {\n    pub fn b(\n        mut self,\n    ) {",
        "impl B for A {\n    fn b() {",
        "pub(crate) struct B;",
        "macro_rules! a {}",
    ];
    for source in seen {
        assert_eq!(unshown(&format!("{shown}{source}")), 0, "{source}");
    }
    let features = "[features]\n# What it adds.\na = []\nb = []\n# Not named.\nc = []\n\n[dependencies]\nd = \"1\"";
    assert_eq!(undocumented(features, "`a`, `b`"), ["b", "c"]);
}
