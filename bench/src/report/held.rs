//! What is held: bytes for each entry, the size of a process, and files and memory over thousands of rotations.

use std::process::Command;

use crate::measure::{self, Moment};
use crate::resident::Resident;
use crate::server::{Manners, Server};
use crate::{subjects, world};

use super::Run;
use super::plot::Plot;
use super::table::{Row, Section, plain, short};

pub(super) fn memory(run: &mut Run) {
    let mut rows: Vec<Row> = run
        .counted
        .per_entry
        .iter()
        .map(|(entries, bytes)| {
            let what = format!(
                "for each of {} entries, without the token's text",
                plain(*entries as f64)
            );
            Row::of(what, format!("{} B", short(*bytes))).at_most(*bytes, 140.0, " B")
        })
        .collect();
    let empty = format!("{} B", plain(run.counted.empty));
    rows.push(Row::of("a client that remembers nothing", empty));
    let (tenants, mebibytes) = (run.scale.tenants, run.scale.mebibytes);
    run.progress(&format!("{tenants} tenants within {mebibytes} MiB"));
    match resident(tenants, mebibytes) {
        Ok(size) => {
            let peak = size.peak as f64 / 1_024.0;
            let what = format!(
                "resident with a budget of {mebibytes} MiB and {} tenants",
                plain(tenants as f64)
            );
            let measured = format!(
                "{} MiB, {} entries held",
                short(peak),
                plain(size.entries as f64)
            );
            rows.push(
                Row::of(what, measured)
                    .at_most(peak, mebibytes as f64 + 32.0, " MiB")
                    .beside(format!(
                        "{} MiB before",
                        short(size.before as f64 / 1_024.0)
                    )),
            );
        }
        Err(why) => run.skip(format!("the size of a process: {why}")),
    }
    rows.extend(futures());
    run.sections.push(Section {
        title: "Memory",
        text: "Bytes as the allocator was asked for them. The numbers of entries are round ones, and those of about as many where the tables\n\
               have just grown, and the most of them is empty. What a client holds without any entry is in a row of its own."
            .to_owned(),
        rows,
        plots: Vec::new(),
    });
}

/// What a task has room for while it awaits a token, and what is moved wherever the future is.
fn futures() -> Vec<Row> {
    let client = subjects::entra(1);
    let request = world::in_tenant(0);
    let asked = size_of_val(&client.token(&request));
    let mut rows = vec![Row::of(
        "the future of `EntraClient::token`",
        format!("{} B", plain(asked as f64)),
    )];
    if let Ok(mut source) = client.source(&request) {
        let held = size_of_val(&source.token());
        rows.push(Row::of(
            "the future of `HeldSource::token`",
            format!("{} B", plain(held as f64)),
        ));
    }
    rows
}

/// In a process of its own, which holds nothing else.
fn resident(tenants: usize, mebibytes: usize) -> Result<Resident, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(this)
        .args(["resident", &tenants.to_string(), &mebibytes.to_string()])
        .output()
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

pub(super) fn rotate(run: &Run) -> Vec<Moment> {
    const LOOKS: usize = 50;
    run.progress(&format!("{} rotations", run.scale.rotations));
    let server = Server::start(Manners::PROMPT);
    measure::rotation(&server, run.scale.rotations, LOOKS)
}

pub(super) fn rotations(run: &mut Run) {
    let moments = &run.rotations;
    // By then every bounded thing is full.
    let (Some(early), Some(end)) = (moments.get(moments.len() / 5), moments.last()) else {
        return;
    };
    let most = |of: fn(&Moment) -> f64| moments.iter().map(of).fold(0.0, f64::max);
    let rows = vec![
        Row::of(
            "file descriptors",
            format!(
                "{} in the end, {} at most",
                end.descriptors,
                most(|moment| moment.descriptors as f64)
            ),
        )
        .promised(
            format!(
                "flat: {} after a fifth, and four at most that are just closing",
                early.descriptors
            ),
            end.descriptors <= early.descriptors + 4,
        ),
        Row::of(
            "resident memory",
            format!("{} MiB in the end", short(mebibytes(end))),
        )
        .promised(
            format!(
                "flat: {} MiB after a fifth, and a twentieth more at most",
                short(mebibytes(early))
            ),
            mebibytes(end) <= mebibytes(early) * 1.05,
        ),
    ];
    let line = |of: fn(&Moment) -> f64| {
        let points = moments
            .iter()
            .map(|moment| (moment.rotations as f64, of(moment)));
        points.collect()
    };
    run.plots.push(Plot {
        file: "rotations.svg",
        title: "What a process holds over rotations of its certificate",
        x: "rotations",
        y: "descriptors, MiB",
        logarithmic: (false, false),
        lines: vec![
            (
                "file descriptors".to_owned(),
                line(|moment| moment.descriptors as f64),
            ),
            ("resident memory, MiB".to_owned(), line(mebibytes)),
        ],
    });
    run.sections.push(Section {
        title: "Rotations",
        text: format!(
            "{} acquisitions through `entra-tokio`, each with another certificate, one client. The server is in the same process, so its ends of\n\
             the connections count too. Its memory holds 100 tokens: those of certificates that are gone stay until they end or the budget is used\n\
             up, which would hide what else grows.",
            plain(run.scale.rotations as f64)
        ),
        rows,
        plots: vec!["rotations.svg"],
    });
}

fn mebibytes(moment: &Moment) -> f64 {
    moment.resident as f64 / 1_024.0
}
