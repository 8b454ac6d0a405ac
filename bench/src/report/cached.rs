//! Cached tokens: by the number of entries, and by the number of threads.

use crate::measure;
use crate::sampler::Sampled;
use crate::scripts::{Scripted, msal_for_python, msal_node};

use super::Run;
use super::plot::{Line, Plot};
use super::table::{self, Row, Section, plain, short, time};

/// More scopes than that in one tenant are no longer one application's.
const MOST_SCOPES: usize = 1_000;

/// The contenders of one race.
const CONTENDERS: [(&str, &str); 7] = [
    ("held", "held source"),
    ("held-each", "held source"),
    ("cached", "by prepared request"),
    ("asked", "by request"),
    ("azure-cached", "azure_identity"),
    (
        "cached-scopes",
        "by prepared request, all entries in one tenant",
    ),
    ("load", "one load from memory that waits for the one before"),
];

/// With how many entries a contender takes part.
fn takes_part(name: &str, entries: usize, [one, _, last]: [usize; 3]) -> bool {
    match name {
        "cached-scopes" => entries <= MOST_SCOPES,
        "held" => entries == one,
        "load" => entries == last,
        _ => true,
    }
}

struct Raced {
    entries: usize,
    sampled: Vec<(&'static str, Sampled)>,
}

impl Raced {
    fn of(&self, name: &str) -> Option<f64> {
        let found = self.sampled.iter().find(|(other, _)| *other == name);
        found.map(|(_, sampled)| sampled.median)
    }
}

pub(super) fn measure(run: &mut Run) {
    let raced: Vec<Raced> = run
        .scale
        .entries
        .iter()
        .map(|entries| {
            run.progress(&format!("cached, {entries} entries"));
            raced(run, *entries)
        })
        .collect();
    let peers = scripted(run);
    let mut rows = Vec::new();
    for entries in run.scale.bounded() {
        let Some(raced) = raced.iter().find(|raced| raced.entries == entries) else {
            continue;
        };
        rows.extend(times(raced));
        for (name, peer) in &peers {
            let found = peer.cached.iter().find(|(size, _)| *size == entries);
            if let (Some((_, taken)), Some(ours)) = (found, raced.of("cached")) {
                let what = format!("{name} {}, {}", peer.version, table::entries(entries));
                let times = format!("{} times what ours takes", short(taken / ours));
                rows.push(Row::of(what, time(*taken)).beside(times));
            }
        }
    }
    rows.extend(counts(run));
    run.plots.push(Plot {
        file: "entries.svg",
        title: "A cached call, by the number of entries",
        x: "entries",
        y: "nanoseconds",
        logarithmic: (true, true),
        lines: lines(&raced, &peers),
    });
    run.sections.push(Section {
        title: "A cached token",
        text: "*Held*: `HeldSource::token`, for whoever asks before every call. *By prepared request*: `HeldSource::remembered`, a look-up in the\n\
               client's memory. *By request*: `EntraClient::token`, which looks for the plainest requests without a plan. Every entry is asked for,\n\
               each in turn and far from the one before. Entries are tenants with a token of 1,800 bytes; azure_identity, which knows scopes alone,\n\
               has as many scopes. Each contender has a process of its own, so that none finds the memory as another left it, and they take turns;\n\
               as where a process is put in memory tells among very many, each is measured in three, and the one in the middle counts.\n\
               \n\
               *One load* shows what waiting for memory takes among very many: a load that has to wait for the one before, among as many texts of a\n\
               token's length. A look-up makes three, one after another, besides what it takes with one entry: of the request asked with, of the\n\
               table and of the token, of which the first two lie closer together than that and come sooner; a held source makes one or two."
            .to_owned(),
        rows,
        plots: vec!["entries.svg"],
    });
}

fn raced(run: &Run, entries: usize) -> Raced {
    let names = CONTENDERS.into_iter().map(|(name, _)| name);
    let names: Vec<&'static str> = names
        .filter(|name| takes_part(name, entries, run.scale.bounded()))
        .collect();
    let sampled = run.raced(&names, entries);
    Raced {
        entries,
        sampled: names.into_iter().zip(sampled).collect(),
    }
}

fn times(raced: &Raced) -> Vec<Row> {
    let Some(peer) = raced.of("azure-cached") else {
        return Vec::new();
    };
    let beside = format!("azure_identity: {}", time(peer));
    let mut rows = Vec::new();
    for (name, label) in CONTENDERS {
        let Some(ours) = raced.of(name).filter(|_| name != "azure-cached") else {
            continue;
        };
        let what = format!("{label}, {}", table::entries(raced.entries));
        let row = Row::of(what, time(ours)).beside(beside.as_str());
        rows.push(match (name, raced.entries) {
            ("held", _) => row.faster(ours, peer, 18.0),
            // The same as the row before, with an order for the one entry.
            ("held-each", 1) => continue,
            ("cached" | "asked", _) => row.faster(ours, peer, 4.0),
            ("load", _) => row.beside(format!(
                "{}; a quarter of it is {} such loads",
                beside,
                short(peer / 4.0 / ours)
            )),
            _ => row,
        });
    }
    rows
}

fn scripted(run: &mut Run) -> Vec<(&'static str, Scripted)> {
    let samples = if run.scale.quick { 3 } else { 31 };
    let sizes = run.scale.bounded();
    let mut found = Vec::new();
    run.progress("msal for Python");
    match msal_for_python(samples, &sizes) {
        Ok(scripted) => found.push(("msal (Python)", scripted)),
        Err(why) => run.skip(why),
    }
    run.progress("msal-node");
    match msal_node(samples, &sizes) {
        Ok(scripted) => found.push(("msal-node", scripted)),
        Err(why) => run.skip(why),
    }
    found
}

/// Instructions and allocations.
fn counts(run: &Run) -> Vec<Row> {
    let [one, many, _] = run.scale.bounded();
    let mut rows = Vec::new();
    let peer = |entries| {
        let count = run.instructions("azure-cached", entries);
        count.map_or_else(String::new, |count| {
            format!("azure_identity: {}", short(count))
        })
    };
    for (name, label, entries, most) in [
        ("held", "held source", one, 120.0),
        ("cached", "by prepared request", one, 700.0),
        ("cached", "by prepared request", many, 700.0),
        ("asked", "by request", one, 700.0),
    ] {
        if let Some(count) = run.instructions(name, entries) {
            let what = format!("{label}, {}: instructions", table::entries(entries));
            let row = Row::of(what, short(count)).beside(peer(entries));
            rows.push(row.at_most(count, most, ""));
        }
    }
    let allocated = |name: &str| run.counted.allocations.get(name).map(|found| found.count);
    let peer = allocated("azure-cached");
    let peer = peer.map_or_else(String::new, |count| {
        format!("azure_identity: {}", plain(count))
    });
    for (name, label) in [
        ("held", "held source"),
        ("cached", "by prepared request"),
        ("asked", "by request"),
    ] {
        if let Some(count) = allocated(name) {
            let row = Row::of(format!("{label}: allocations"), plain(count));
            rows.push(row.at_most(count, 0.0, "").beside(peer.as_str()));
        }
    }
    rows
}

fn lines(raced: &[Raced], peers: &[(&'static str, Scripted)]) -> Vec<Line> {
    let ours = CONTENDERS.iter().map(|(name, label)| {
        let points = raced
            .iter()
            .filter_map(|raced| Some((raced.entries as f64, raced.of(name)?)));
        ((*label).to_owned(), points.collect())
    });
    // What was measured once is no line.
    let ours = ours.filter(|(_, points): &Line| points.len() > 1);
    let others = peers.iter().map(|(name, peer)| {
        let points = peer
            .cached
            .iter()
            .map(|(size, taken)| (*size as f64, *taken));
        ((*name).to_owned(), points.collect())
    });
    ours.chain(others).collect()
}

pub(super) fn threads(run: &mut Run) {
    run.progress("threads");
    let measured = measure::threads(run.scale.threads, run.scale.effort);
    let label = |name: &str| match name {
        "held" => "held source",
        "cached-alone" => "by prepared request, one key each",
        "cached" => "by prepared request, eight keys each",
        "azure-cached" => "azure_identity",
        _ => "reading JSON, of which nothing is shared",
    };
    let rows = measured.iter().map(|threads| {
        let gain = threads.gain(2);
        let row = Row::of(
            format!("{}: calls of two threads", label(threads.name)),
            format!("{} times those of one", short(gain)),
        );
        if ["held", "cached-alone", "cached"].contains(&threads.name) {
            row.promised("at least 1.7 times", gain >= 1.7)
        } else {
            row
        }
    });
    let rows = rows.collect();
    let lines = measured.iter().map(|threads| {
        let points = threads.calls.iter();
        let points = points.map(|(threads, calls)| (*threads as f64, *calls));
        (label(threads.name).to_owned(), points.collect())
    });
    run.plots.push(Plot {
        file: "threads.svg",
        title: "Cached calls in a second, by the number of threads",
        x: "threads",
        y: "calls a second",
        logarithmic: (false, true),
        lines: lines.collect(),
    });
    run.sections.push(Section {
        title: "Threads",
        text: "Each thread asks for keys of its own, of one client. Beyond the machine's cores threads can only wait for each other; what threads\n\
               that share nothing gain is what the machine has to give. With several keys each, some keys of one thread are in the same part of the\n\
               memory as some of another's, which then wait for each other: there are 16 parts, and more would take more bytes for each token."
            .to_owned(),
        rows,
        plots: vec!["threads.svg"],
    });
}
