//! `acquire`: one token from a real endpoint, with the credential from files, variables, a command or the machine's identity.
//!
//! | file | what it holds |
//! |---|---|
//! | `output`, `metadata` | what is printed of a token, and of how the flow went |

use std::process::ExitCode;

use clap::{ArgAction, Args};
use entra_tokio::{AccessToken, Event, Metadata};

use self::metadata::Line;
use self::output::Output;
use crate::console;
use crate::options::{Failed, Options, Reading, keep_others_out};

pub(crate) mod metadata;
mod output;

/// Get a token from a real endpoint.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Acquire {
    #[command(flatten)]
    options: Options,
    /// What to print on standard output; only json, token and header print the token.
    #[arg(long, short, value_enum, default_value_t = Output::Summary, help_heading = "Output")]
    output: Output,
    /// Print each step on standard error; twice: also those that look into the cache.
    #[arg(long, short, action = ArgAction::Count, help_heading = "Output")]
    verbose: u8,
}

const AFTER_HELP: &str = "\
Secrets:
  The FILE of a secret, an assertion, a code or a token may also be - for standard input, or env:NAME for a variable.

Environment:
  AZURE_TENANT_ID                the tenant, without --authority and --tenant
  AZURE_AUTHORITY_HOST           its login host; https://login.microsoftonline.com unless set
  AZURE_CLIENT_SECRET,
  AZURE_CLIENT_CERTIFICATE_PATH,
  AZURE_FEDERATED_TOKEN_FILE     the first that is set is the credential, if no option names one
  AZURE_CLIENT_SEND_CERTIFICATE_CHAIN   1 or true: as --send-x5c, where there is a certificate
  REGION_NAME, MSAL_FORCE_REGION, MSAL_DISABLE_REGION   as in MSAL
  HTTPS_PROXY, ALL_PROXY, NO_PROXY      unless --no-proxy

Exit codes:
  0  there is a token
  1  there is none: the service refused, something on the way failed, or it could not be printed
  2  it can't work like this: the arguments, or the files and variables that they name";

impl Acquire {
    /// Gets the token and prints what was asked for.
    pub(crate) async fn run(self) -> ExitCode {
        // Before the first secret is read.
        keep_others_out();
        match self.acquire().await.and_then(|token| self.print(&token)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.report(),
        }
    }

    async fn acquire(&self) -> Result<AccessToken, Failed> {
        let wish = self.options.load(Reading::Secrets)?;
        let (loaded, asked) = (wish.loaded, wish.asked);
        if self.verbose > 0 {
            console::complain(format_args!("* {:<18}{}", "credential", loaded.named));
            if let Some(named) = &asked.named {
                console::complain(format_args!("* {:<18}{named}", "grant"));
            }
        }
        let mut hidden = asked.hidden;
        hidden.extend(loaded.hidden.clone());
        let client = self.options.client(&loaded)?;
        let verbose = self.verbose;
        let entra = self
            .options
            .sender(client, loaded)?
            .observer(move |event| {
                if is_shown(event, verbose) {
                    console::complain(format_args!("* {}", event.to_string().trim_end()));
                }
            })
            .build()
            .map_err(Failed::usage)?;
        entra.token(&asked.request).await.map_err(|error| {
            self.note(error.metadata());
            Failed::Acquisition { error, hidden }
        })
    }

    fn print(&self, token: &AccessToken) -> Result<(), Failed> {
        if self.verbose > 0 && self.output != Output::Summary {
            let summary = Output::Summary.shown(token, &self.options.scope);
            console::complain(format_args!("* {:<18}{summary}", "Done"));
        }
        self.note(Some(token.metadata()));
        console::say(self.output.shown(token, &self.options.scope)).map_err(Failed::Output)
    }

    /// How the flow went, for who asked for steps.
    fn note(&self, metadata: Option<&Metadata>) {
        if let Some(metadata) = metadata.filter(|_| self.verbose > 0) {
            console::complain(format_args!("* {:<18}{}", "metadata", Line(metadata)));
        }
    }
}

/// The cache of a program that asks once is empty; how it ended is printed in any case.
fn is_shown(event: &Event, verbose: u8) -> bool {
    match event.step {
        "Done" => false,
        "LoadCache" | "SaveCache" | "TakeTurn" => verbose > 1,
        _ => verbose > 0,
    }
}
