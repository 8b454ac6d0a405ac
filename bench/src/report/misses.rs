//! Misses: what an acquisition costs besides the network, and its two ends.

use super::Run;
use super::plot::Plot;
use super::table::{self, Row, Section, plain, short, time};

const CONTENDERS: [(&str, &str); 3] = [
    ("miss", "from the request on"),
    ("miss-prepared", "from a prepared plan on"),
    ("azure-miss", "azure_identity"),
];

pub(super) fn measure(run: &mut Run) {
    let mut measured: Vec<(usize, Vec<f64>)> = Vec::new();
    for entries in run.scale.entries {
        run.progress(&format!("miss, {entries} entries"));
        measured.push((
            *entries,
            raced(run, &CONTENDERS.map(|(name, _)| name), *entries),
        ));
    }
    let mut rows = Vec::new();
    let [one, many, last] = run.scale.bounded();
    for (entries, taken) in &measured {
        if ![one, last].contains(entries) {
            continue;
        }
        let peer = taken[2];
        for (place, (_, label)) in CONTENDERS.iter().enumerate().take(2) {
            let what = format!("{label}, {}", table::entries(*entries));
            rows.push(
                Row::of(what, time(taken[place]))
                    .faster(taken[place], peer, 5.0)
                    .beside(format!("azure_identity: {}", time(peer))),
            );
        }
    }
    if let (Some((_, first)), Some((_, last))) = (measured.first(), measured.last()) {
        let growth = last[0] / first[0];
        rows.push(
            Row::of(
                "from the request on: the most entries against one",
                format!("{} times", short(growth)),
            )
            .promised(
                "flat: at most 1.5 times, for caches of the processor that no longer hold it all",
                growth <= 1.5,
            ),
        );
    }
    rows.extend(counts(run, many));
    rows.extend(codec(run));
    run.plots.push(Plot {
        file: "misses.svg",
        title: "A miss with an instant transport, by the number of entries",
        x: "entries",
        y: "nanoseconds",
        logarithmic: (true, true),
        lines: CONTENDERS
            .iter()
            .enumerate()
            .map(|(place, (_, label))| {
                let points = measured.iter();
                let points = points.map(|(entries, taken)| (*entries as f64, taken[place]));
                ((*label).to_owned(), points.collect())
            })
            .collect(),
    });
    run.sections.push(Section {
        title: "A miss",
        text: "A whole acquisition whose transport answers at once: plan, steps, form, turn, reading, remembering, with the adapter's memory,\n\
               turns, clock and seed. An assertion and a token have 1,800 bytes each; both, and the answer that holds the token, are made before. Each\n\
               contender has a process of its own, as above."
            .to_owned(),
        rows,
        plots: vec!["misses.svg"],
    });
}

fn raced(run: &Run, names: &[&str], entries: usize) -> Vec<f64> {
    let sampled = run.raced(names, entries);
    sampled.iter().map(|sampled| sampled.median).collect()
}

fn counts(run: &Run, many: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    let peer = run.instructions("azure-miss", 1);
    let peer = peer.map_or_else(String::new, |count| {
        format!("azure_identity: {}", short(count))
    });
    for (name, label, entries) in [
        ("miss", "from the request on", 1),
        ("miss", "from the request on", many),
        ("miss-prepared", "from a prepared plan on", 1),
    ] {
        if let Some(count) = run.instructions(name, entries) {
            let what = format!("{label}, {}: instructions", table::entries(entries));
            rows.push(
                Row::of(what, short(count))
                    .at_most(count, 27_000.0, "")
                    .beside(peer.as_str()),
            );
        }
    }
    let allocated = |name: &str| run.counted.allocations.get(name).copied();
    let peer = allocated("azure-miss");
    let peer = peer.map_or_else(String::new, |found| {
        format!("azure_identity: {}", plain(found.count))
    });
    for (name, label) in [
        ("miss", "from the request on"),
        ("miss-prepared", "from a prepared plan on"),
    ] {
        if let Some(found) = allocated(name) {
            let measured = format!(
                "{}, of {} bytes",
                plain(found.count),
                plain(found.bytes.round())
            );
            let row = Row::of(format!("{label}: allocations"), measured);
            rows.push(row.at_most(found.count, 10.0, "").beside(peer.as_str()));
        }
    }
    rows
}

/// The reader and the encoder alone.
fn codec(run: &Run) -> Vec<Row> {
    run.progress("form and JSON");
    let reading = raced(run, &["read", "serde"], 1);
    let writing = raced(run, &["form", "form-urlencoded"], 1);
    let (ratio, read) = (reading[0] / reading[1], time(reading[0]));
    vec![
        Row::of(
            "reading the answer",
            format!("{read}, {} times serde_json's", short(ratio)),
        )
        .promised(
            "no slower than serde_json into a struct by more than a third",
            ratio <= 4.0 / 3.0,
        )
        .beside(format!("serde_json: {}", time(reading[1]))),
        Row::of("writing the form", time(writing[0]))
            .beside(format!("form_urlencoded: {}", time(writing[1]))),
    ]
}
