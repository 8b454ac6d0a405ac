//! What goes over sockets: crowds, keys side by side, stalls, and connections over mutual TLS.

use std::time::Duration;

use crate::measure::{self, Crowd};
use crate::sampler::Sampled;
use crate::server::{Manners, Server};

use super::Run;
use super::plot::Plot;
use super::table::{self, Row, Section, plain, short, time};

/// How long the service takes for each answer where that matters.
const DELAY: Duration = Duration::from_millis(20);
/// The peer's callers wait one after another, so that more of them take minutes.
const MOST_PEERS: usize = 1_000;

pub(super) fn crowds(run: &mut Run) {
    let server = Server::start(Manners::PROMPT);
    let sizes = run.scale.callers;
    let most = sizes.last().copied().unwrap_or(1);
    run.progress(&format!("{most} callers, granted"));
    let granted = measure::crowd(&server, most, false);
    let mut refused: Vec<(usize, Crowd)> = Vec::new();
    let mut peers: Vec<(usize, Crowd)> = Vec::new();
    for size in sizes {
        run.progress(&format!("{size} callers, refused"));
        refused.push((*size, measure::crowd(&server, *size, true)));
        if *size <= MOST_PEERS {
            peers.push((*size, measure::azure_refused(*size, DELAY)));
        }
    }
    let mut rows = vec![
        one_request("granted", most, &granted)
            .beside(format!("{} of them served", plain(granted.served as f64))),
    ];
    for ((size, crowd), peer) in refused.iter().zip(peers.iter().map(Some).chain([None])) {
        let row = one_request("refused", *size, crowd);
        rows.push(match peer {
            Some((_, peer)) => row.beside(format!(
                "azure_identity: {}, {}",
                table::requests(peer.requests),
                time(peer.took.as_nanos() as f64)
            )),
            None => row,
        });
    }
    rows.extend(side_by_side(run, &server));
    rows.extend(stalls(run, &server));
    let points = |crowds: &[(usize, Crowd)]| {
        let points = crowds.iter();
        points
            .map(|(size, crowd)| (*size as f64, crowd.requests as f64))
            .collect()
    };
    run.plots.push(Plot {
        file: "callers.svg",
        title: "Requests for one token that is refused, by the number of callers at once",
        x: "callers",
        y: "requests",
        logarithmic: (true, true),
        lines: vec![
            ("entra-tokio".to_owned(), points(&refused)),
            ("azure_identity".to_owned(), points(&peers)),
        ],
    });
    run.sections.push(Section {
        title: "Many at once",
        text: "Through `entra-tokio`, against a token service in the same process that takes 20 ms for each answer (500 ms for the crowds, so\n\
               that all have asked before the first is answered). The peer's transport takes as long, without a network."
            .to_owned(),
        rows,
        plots: vec!["callers.svg"],
    });
}

fn one_request(what: &str, callers: usize, crowd: &Crowd) -> Row {
    let measured = format!(
        "{}, {}",
        table::requests(crowd.requests),
        time(crowd.took.as_nanos() as f64)
    );
    let callers = table::many(callers, "cold caller", "cold callers at once");
    Row::of(format!("{callers}, {what}"), measured).promised("1 request", crowd.requests == 1)
}

fn side_by_side(run: &Run, server: &Server) -> Vec<Row> {
    const KEYS: usize = 10;
    run.progress("10 keys at once");
    let (cold, warm) = measure::side_by_side(server, KEYS, DELAY, run.scale.slow);
    let peer = measure::azure_side_by_side(KEYS, DELAY, run.scale.slow);
    let peer = format!("azure_identity: {}", time(peer.median));
    vec![
        Row::of("10 keys at once, connections there", time(warm.median))
            .at_most(warm.median / 1e6, 26.0, " ms")
            .beside(peer.as_str()),
        Row::of("10 keys at once, connections new", time(cold.median)).beside(peer),
    ]
}

fn stalls(run: &Run, server: &Server) -> Vec<Row> {
    run.progress("hits while another key stalls");
    let ours = measure::stall(server, run.scale.stall);
    let peer = measure::azure_stall(run.scale.stall);
    let measured = format!(
        "{} (median {}, longest {}, {} hits)",
        time(ours.p99),
        time(ours.median),
        time(ours.most),
        plain(ours.hits as f64)
    );
    vec![
        Row::of("hits while another key stalls: 99th percentile", measured)
            .at_most(ours.p99 / 1e3, 100.0, " µs")
            .beside(format!(
                "azure_identity: the longest {}, as long as the stall",
                time(peer.most)
            )),
    ]
}

pub(super) fn connections(run: &mut Run) {
    run.progress("acquisitions over mutual TLS");
    let server = Server::start(Manners::PROMPT);
    let measured = measure::acquisition(&server, run.scale.slow);
    let row = |what: &str, ours: Sampled, bare: Sampled, most: f64| {
        let ratio = ours.median / bare.median;
        let measured = format!("{}, {} times bare", time(ours.median), short(ratio));
        Row::of(what, measured)
            .promised(format!("at most {} times bare", plain(most)), ratio <= most)
            .beside(format!("reqwest: {}", time(bare.median)))
    };
    run.sections.push(Section {
        title: "Connections",
        text: "PoP tokens through `entra-tokio`, past the cache, beside a bare POST by reqwest of the same body and headers to the same server in\n\
               the same process. *Kept connection*: `HeldSource::remembered`, its plan made beforehand as the bare request is. *New certificate*: its\n\
               PEM read, a connection with its full handshake made, and one token fetched. The bare client is made for it with a configuration of\n\
               rustls whose verifier is shared, as good as it gets."
            .to_owned(),
        rows: vec![
            row("kept connection", measured.kept, measured.kept_bare, 1.10),
            row("new certificate", measured.first, measured.first_bare, 1.05),
        ],
        plots: Vec::new(),
    });
}
