//! `entra-token replay`: runs scenario files through the public API of `entra-proto`.
//!
//! A scenario scripts the engine from outside (`tests/scenarios/README.md` has the format): it says what goes in and what must
//! come out, in order. Nothing here decides what a client does; this is one more driver, with clocks that stand still until the
//! script moves them and a network that is the script.
//!
//! | file | what it holds |
//! |---|---|
//! | `fields` | readers for single fields |
//! | `scenario` | the file: top level, client, certificates |
//! | `entry`, `input`, `expected` | one line of the script |
//! | `setup` | from a file to a client and to requests |
//! | `engine`, `turns`, `question`, `output` | flows, clocks, turns; what flows ask and put out |
//! | `play`, `compare` | goes through a script; compares what came out with what was expected |
//! | `report` | the lines that are printed |

mod compare;
mod engine;
mod entry;
mod expected;
mod fields;
mod input;
mod output;
mod play;
mod question;
mod report;
mod scenario;
mod setup;
mod turns;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use report::{Outcome, Report};
use scenario::Scenario;

/// What `replay` is told on the command line.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Scenario files; a folder means every *.json below it
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print everything that goes in and comes out, one JSON object a line
    #[arg(long)]
    trace: bool,
}

/// Some path could not be read: the command line is wrong, not a scenario.
const USAGE: u8 = 2;

pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let mut files = Vec::new();
    for path in &arguments.paths {
        if let Err(error) = collect(path, &mut files) {
            let _ = writeln!(io::stderr(), "error: {}: {error}", path.display());
            return ExitCode::from(USAGE);
        }
    }
    let mut report = Report::new(io::stdout().lock(), arguments.trace);
    match judge(&files, arguments, &mut report) {
        Ok(true) => ExitCode::SUCCESS,
        // Also when nobody reads what is printed: then nobody knows that it went well.
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// The file itself, or every `*.json` below the folder, sorted.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !fs::metadata(path)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut inside = fs::read_dir(path)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    inside.sort();
    for path in inside {
        let is_scenario = path.extension().is_some_and(|ending| ending == "json");
        let is_folder = fs::symlink_metadata(&path)?.is_dir();
        if is_folder || is_scenario {
            collect(&path, files)?;
        }
    }
    Ok(())
}

fn judge(
    files: &[PathBuf],
    arguments: &Arguments,
    report: &mut Report<impl Write>,
) -> io::Result<bool> {
    for file in files {
        let shown = file.display().to_string();
        let read = fs::read_to_string(file)
            .map_err(|error| error.to_string())
            .and_then(|text| Scenario::read(&text));
        match read {
            Ok(scenario) => {
                report.begin(&shown, &scenario)?;
                let outcome = play::play(&scenario, report)?;
                report.end(&scenario.name, outcome)?;
            }
            Err(why) => report.end(&shown, Outcome::Invalid(why))?,
        }
    }
    if files.is_empty() {
        let paths = arguments.paths.iter().map(|path| path.display());
        let shown: Vec<String> = paths.map(|path| path.to_string()).collect();
        let why = "there is no scenario file below".to_owned();
        report.end(&shown.join(", "), Outcome::Invalid(why))?;
    }
    report.close()
}
