//! `doctor`: whether the environment has what a configuration needs. Looks at variables, files, certificate, region, hosts and clock, and
//! sends no credential: what goes out are questions that anybody may ask.
//!
//! | file | what it looks at |
//! |---|---|
//! | `variables`, `files`, `certificate` | this machine |
//! | `way` | the steps of the core up to the token request, with real answers where a question needs no credential |
//! | `network` | the hosts on that way, and their clocks |
//! | `report` | how it is told |

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use entra_tokio::{Client, Credential, EntraClient, Secret};

use self::report::{Check, Report};
use crate::console;
use crate::options::{
    Brings, Failed, Loaded, Options, Reading, Wish, advice, keep_others_out, what,
};

mod certificate;
mod files;
mod network;
mod report;
mod variables;
mod way;

/// Check a configuration against this machine and its network, without sending a credential.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Doctor {
    #[command(flatten)]
    options: Options,
    /// Ask nobody: neither the hosts nor the metadata service.
    #[arg(long, help_heading = "Output")]
    offline: bool,
    /// In which form.
    #[arg(long, short, value_enum, default_value_t = Form::Text, help_heading = "Output")]
    format: Form,
}

const AFTER_HELP: &str = "\
The options and the variables are those of acquire; without --scope nothing is missing. An assertion command is not run, and a managed
identity is not asked.

Exit codes:
  0  nothing failed; there may be warnings
  1  something failed
  2  the arguments can't be read, or the outcome can't be printed";

/// In which form it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs: one object.
    Json,
}

impl Doctor {
    /// Looks, and tells.
    pub(crate) async fn run(self) -> ExitCode {
        keep_others_out();
        let report = self.report().await;
        let told = match self.format {
            Form::Text => report.text(console::width()),
            Form::Json => report.json().to_string(),
        };
        match console::say(told.trim_end()) {
            Err(error) => Failed::Output(error).report(),
            Ok(()) if report.has_failed() => ExitCode::FAILURE,
            Ok(()) => ExitCode::SUCCESS,
        }
    }

    async fn report(&self) -> Report {
        let mut report = Report::default();
        report.add(variables::check(&self.options));
        report.extend(files::check(&self.options));
        let Some(Wish { loaded, asked }) = self.loaded(&mut report) else {
            return report;
        };
        if let Brings::Pair(chain) = &loaded.brings {
            report.add(certificate::check("binding certificate", chain.clone()));
        }
        if let Some(chain) = &loaded.chain {
            report.add(certificate::check("certificate", chain.clone()));
        }
        let client = match self.options.client(&loaded) {
            Ok(client) => client,
            Err(failed) => {
                report.add(of_failed("configuration", &failed));
                return report;
            }
        };
        let plan = match asked.request.plan(&client) {
            Ok(plan) => plan,
            Err(error) => {
                report.add(Check::failed("configuration", what(&error), advice(&error)));
                return report;
            }
        };
        let asks = match self.questioner() {
            Ok(asks) => asks,
            Err(failed) => {
                report.add(of_failed("network settings", &failed));
                return report;
            }
        };
        let way = way::walk(&client, &plan, &loaded, asks.as_ref()).await;
        report.extend(way.checks);
        report.add(network::proxies(&self.options, way.goal.as_ref()));
        match (&way.goal, &asks) {
            (Some(goal), Some(asks)) => report.extend(network::check(&client, goal, asks).await),
            (Some(goal), None) => {
                let host = goal.uri.host().unwrap_or_default();
                report.add(Check::skipped(
                    "authority",
                    format!("{host}; nobody is asked"),
                ));
            }
            (None, _) => {}
        }
        report
    }

    /// The credential with its secrets; without them, if they can't be read, so that what follows is looked at too.
    fn loaded(&self, report: &mut Report) -> Option<Wish> {
        let mut scopes = self.options.scope.clone();
        if scopes.is_empty() {
            scopes.push("https://graph.microsoft.com/.default".to_owned());
        }
        match self.options.load_for(&scopes, Reading::Secrets) {
            Ok(wish) => {
                report.add(credential(&self.options, &wish.loaded));
                Some(wish)
            }
            Err(failed) => {
                report.add(of_failed("credential", &failed));
                self.options.load_for(&scopes, Reading::StandIns).ok()
            }
        }
    }

    /// Who asks the questions; nobody where nobody is to be asked. It holds no credential, so that it can send none.
    fn questioner(&self) -> Result<Option<EntraClient>, Failed> {
        if self.offline {
            return Ok(None);
        }
        let nobody = Credential::secret(Secret::new("no secret"));
        let client = Client::builder("doctor", "https://login.microsoftonline.com/common", nobody);
        let asks = EntraClient::builder(client.build()?).network(self.options.network()?);
        asks.build().map(Some).map_err(Failed::usage)
    }
}

/// What was loaded; of a command whether it is there.
fn credential(options: &Options, loaded: &Loaded) -> Check {
    match options.credential.program() {
        Some(program) if !files::is_program(&program) => Check::failed(
            "credential",
            format!("there is no program {program}"),
            "name a program that is on the search path, or its whole path",
        ),
        Some(program) => Check::ok(
            "credential",
            format!("the command {program}; it is not run"),
        ),
        None => Check::ok("credential", loaded.named.clone()),
    }
}

fn of_failed(check: &'static str, failed: &Failed) -> Check {
    match failed {
        Failed::Usage(what) => Check::failed(
            check,
            what.clone(),
            "correct what the options or the variables name",
        ),
        Failed::Acquisition { error, .. } | Failed::Foreseen(error) => {
            Check::failed(check, what(error), advice(error))
        }
        Failed::Output(error) => Check::failed(
            check,
            error.to_string(),
            "find out what keeps it from being read",
        ),
    }
}
