//! `demo`: the main job shown end to end, against an emulator in this very process: real TLS, real certificates, and for each
//! outcome the server's own record of what it saw.
//!
//! | file | what it holds |
//! |---|---|
//! | `stage` | the emulator, certificates and clients, and what was seen |
//! | `issued`, `refused` | the outcomes: tokens, and refusals |
//! | `report` | what is printed |

use std::process::ExitCode;

use clap::Args;

use self::report::Report;
use self::stage::Stage;
use crate::console;

mod issued;
mod refused;
mod report;
mod stage;

/// Show the main job with real mutual TLS against an embedded token service.
///
/// Nothing leaves this machine. The exit code is 0 if every outcome was the expected one, 1 if not, 2 if the demo could not be set up.
#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

const REGION: &str = "eastus";

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Demo {
    /// Runs everything; the exit code is 0 only if every outcome was the expected one.
    pub(crate) async fn run(self) -> ExitCode {
        match run(self.json).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            // Nobody reads what is printed: then nobody knows that it went well.
            Err(error) if error.is::<std::io::Error>() => {
                console::complain(format_args!("error: the demo ended early: {error}"));
                ExitCode::FAILURE
            }
            Err(error) => {
                console::complain(format_args!("error: the demo could not be set up: {error}"));
                ExitCode::from(2)
            }
        }
    }
}

async fn run(json: bool) -> Result<bool, Failure> {
    let stage = Stage::set()?;
    let mut report = Report::new(!json, stage.certificates());
    report.begin(stage.emulator.address())?;
    stage.implicit(&mut report).await?;
    stage.proof_of_possession(&mut report).await?;
    stage.two_legs(&mut report).await?;
    stage.rotation(&mut report).await?;
    stage.no_region(&mut report).await?;
    stage.common(&mut report).await?;
    stage.mixed_pair(&mut report).await?;
    stage.other_kind(&mut report).await?;
    if json {
        console::say(report.json())?;
    } else {
        console::say(report.table())?;
    }
    Ok(report.passed())
}
