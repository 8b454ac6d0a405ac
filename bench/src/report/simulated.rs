//! The fleet: what arrives at the service, with all measures, without each of them, and without any.

use std::time::Duration;

use crate::fleet::{Fleet, Load, Measures, simulate};

use super::Run;
use super::plot::{Line, Plot};
use super::table::{Row, Section, plain};

/// Points of the plot are means of so many seconds.
const MEAN: usize = 10;

const VARIANTS: [(&str, Measures); 5] = [
    ("all measures", Measures::ALL),
    (
        "without single flight",
        Measures {
            single_flight: false,
            ..Measures::ALL
        },
    ),
    (
        "without jitter",
        Measures {
            jitter: false,
            ..Measures::ALL
        },
    ),
    (
        "without throttling",
        Measures {
            throttling: false,
            ..Measures::ALL
        },
    ),
    ("without any", Measures::NONE),
];

pub(super) fn fleet(run: &mut Run) {
    let fleet = run.scale.fleet;
    let mut loads = Vec::new();
    for (name, measures) in VARIANTS {
        run.progress(&format!("fleet, {name}"));
        loads.push((name, simulate(&fleet, measures, 2_027)));
    }
    let rows = loads.iter().map(|(name, load)| row(&fleet, name, load));
    let rows = rows.collect();
    run.plots.push(Plot {
        file: "fleet.svg",
        title: "Requests a second at the service",
        x: "minutes",
        y: "requests a second",
        logarithmic: (false, false),
        // What is least is drawn last.
        lines: loads
            .iter()
            .rev()
            .map(|(name, load)| line(name, load))
            .collect(),
    });
    run.sections.push(Section {
        title: "A fleet, simulated",
        text: text(&fleet),
        rows,
        plots: vec!["fleet.svg"],
    });
}

fn row(fleet: &Fleet, name: &str, load: &Load) -> Row {
    let peak = |span: Option<(Duration, Duration)>| {
        let peak = span.map_or(0, |(from, until)| load.peak(from, until));
        plain(f64::from(peak))
    };
    let period = fleet.period;
    let start = Some((Duration::ZERO, fleet.begins_within + period));
    let renewal = Some((
        fleet.refresh_in,
        fleet.rotation.map_or(fleet.lasts, |(from, _)| from),
    ));
    let measured = format!(
        "{} requests; most in a second: {} at the start, {} at the renewal, {} in the outage",
        plain(load.requests() as f64),
        peak(start),
        peak(renewal),
        peak(fleet.outage)
    );
    let callers = load.served + load.failed;
    let failed = load.failed as f64 / callers.max(1) as f64 * 100.0;
    Row::of(name, measured).beside(format!(
        "{} requests refused, {failed:.2} % of callers without a token",
        plain(load.refused as f64)
    ))
}

fn line(name: &str, load: &Load) -> Line {
    let points = load
        .seconds
        .chunks(MEAN)
        .enumerate()
        .map(|(place, seconds)| {
            let sum: u32 = seconds.iter().sum();
            let minutes = (place * MEAN) as f64 / 60.0;
            // A logarithm of nought there is not.
            (minutes, (f64::from(sum) / MEAN as f64).max(0.1))
        });
    (name.to_owned(), points.collect())
}

fn text(fleet: &Fleet) -> String {
    let minutes = |time: Duration| plain(time.as_secs_f64() / 60.0);
    let mut text = format!(
        "The real core in virtual time, {} processes with {} tenants each, {} in all: `Plan`, steps, `Memory` and the adapters' turns, without\n\
         sockets. Every {} s {} callers at once ask for the PoP token of each tenant. All processes begin within {} s; tokens live {} minutes and\n\
         are to be renewed after {}. ",
        plain(fleet.processes as f64),
        plain(fleet.tenants as f64),
        plain((fleet.processes * fleet.tenants) as f64),
        fleet.period.as_secs(),
        fleet.callers,
        fleet.begins_within.as_secs(),
        minutes(fleet.lives),
        minutes(fleet.refresh_in),
    );
    if let Some((from, within)) = fleet.rotation {
        text.push_str(&format!(
            "From minute {} on, within {} minutes, each process goes over to a new certificate, so that it\nneeds every token anew. ",
            minutes(from),
            minutes(within)
        ));
    }
    if let Some((from, until)) = fleet.outage {
        text.push_str(&format!(
            "In the midst of that, from minute {} to minute {}, the region answers 429 with `Retry-After: {}`. ",
            minutes(from),
            minutes(until),
            fleet.retry_after
        ));
    }
    text.push_str("\nThe load follows from the seed alone; `bench/src/fleet/tests.rs` shows for a small fleet that it is what one works out by hand.");
    text
}
