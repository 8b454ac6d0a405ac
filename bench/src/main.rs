//! `entra-bench report` takes every figure and writes `docs/PERFORMANCE.md`; the other commands are its parts, for whoever looks into
//! one of them: `once` for valgrind, `race` for times, `resident` for the size of a process, `fleet` for the simulation.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use entra_bench::fleet::{Fleet, Measures, simulate};
use entra_bench::measure::Moment;
use entra_bench::sampler::{self, Effort, Subject};
use entra_bench::server::{Manners, Server};
use entra_bench::subjects::Kind;
use entra_bench::{contender, counts, measure, report, resident, subjects};

const USAGE: &str = "\
entra-bench report [--quick]            takes all figures, writes docs/PERFORMANCE.md and its plots
entra-bench once SUBJECT ENTRIES TIMES  runs a subject so many times with so many entries: for valgrind
entra-bench race ENTRIES SUBJECT...     times subjects in turn with so many entries, each in a process, prints what each call takes
entra-bench contend SUBJECT ENTRIES     is one of those: reads how many times, prints how many nanoseconds
entra-bench fleet PROCESSES             plays a fleet of so many processes, with everything that spares the service and without
entra-bench threads                     prints how many calls a second one thread makes, and two
entra-bench rotations COUNT             renews a certificate so often, prints file descriptors and resident KiB on the way
entra-bench resident TENANTS MEBIBYTES  fetches a token for each tenant within that budget, prints the process's size
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["report"] => report::run(false),
        ["report", "--quick"] => report::run(true),
        ["once", name, entries, times] => once(name, entries, times),
        ["contend", name, entries] => contend(name, entries),
        ["race", entries, names @ ..] if !names.is_empty() => race(entries, names),
        ["fleet", processes] => number(processes).map(play),
        ["threads"] => {
            threads();
            Ok(())
        }
        ["rotations", count] => number(count).map(rotate),
        ["resident", tenants, mebibytes] => resident_size(tenants, mebibytes),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprint!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn subject(name: &str, entries: &str) -> Result<Box<dyn Subject>, String> {
    Ok((kind(name)?.make)(number(entries)?))
}

fn kind(name: &str) -> Result<Kind, String> {
    let names = || {
        let names: Vec<&str> = subjects::KINDS.iter().map(|kind| kind.name).collect();
        format!("the subjects are {}\n", names.join(", "))
    };
    subjects::named(name).ok_or_else(names)
}

fn contend(name: &str, entries: &str) -> Result<(), String> {
    let mut subject = subject(name, entries)?;
    contender::contend(&mut *subject).map_err(|error| format!("{error}\n"))
}

fn race(entries: &str, names: &[&str]) -> Result<(), String> {
    for name in names {
        kind(name)?;
    }
    let contenders = contender::contenders(names, number(entries)?);
    let mut contenders = contenders.map_err(|error| format!("{error}\n"))?;
    let sampled = sampler::race(&mut contenders, Effort::FULL);
    for (name, sampled) in names.iter().zip(sampled) {
        let sampler::Sampled { median, low, high } = sampled;
        println!("{name}: {median:.1} ns (half of all between {low:.1} and {high:.1})");
    }
    Ok(())
}

fn once(name: &str, entries: &str, times: &str) -> Result<(), String> {
    let mut subject = subject(name, entries)?;
    // The same for every number of times, so that it is no part of a difference.
    subject.prepare(MOST_TIMES);
    let times: u64 = number(times)?;
    counts::run_counted(&mut *subject, times.min(MOST_TIMES));
    // Without dropping what was made.
    std::process::exit(0)
}

fn play(processes: usize) {
    let fleet = Fleet {
        processes,
        ..Fleet::LARGE
    };
    for (name, measures) in [("all measures", Measures::ALL), ("none", Measures::NONE)] {
        let load = simulate(&fleet, measures, 2_027);
        println!(
            "{name}: {} requests, {} refused",
            load.requests(),
            load.refused
        );
    }
}

fn threads() {
    for threads in measure::threads(2, Effort::FULL) {
        println!(
            "{}: {:.0?}, {:.2} times",
            threads.name,
            threads.calls,
            threads.gain(2)
        );
    }
}

fn rotate(count: usize) {
    let server = Server::start(Manners::PROMPT);
    for moment in measure::rotation(&server, count, 20) {
        let Moment {
            rotations,
            descriptors,
            resident,
        } = moment;
        println!("{rotations} {descriptors} {resident}");
    }
}

/// The most that [`once`] is asked for.
const MOST_TIMES: u64 = 2_000;

fn resident_size(tenants: &str, mebibytes: &str) -> Result<(), String> {
    let size = resident::fill(number(tenants)?, number(mebibytes)?);
    println!(
        "{}",
        serde_json::to_string(&size).map_err(|error| error.to_string())?
    );
    Ok(())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse()
        .map_err(|_| format!("{text} is not a number\n{USAGE}"))
}
