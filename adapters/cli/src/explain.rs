//! `explain`: what a configuration and a request come to, and why, without a network. The core itself plays the flow; the program
//! answers its steps as everybody would, and tells what it saw.
//!
//! | file | what it holds |
//! |---|---|
//! | `played`, `sent`, `names` | the flow as scenes; what was sent; what certificates are called |
//! | `rules` | which rules of the design had a say |
//! | `afterwards` | what would come of it if one thing were different |
//! | `text`, `json`, `html`, `diagram` | the forms in which it is told |

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use entra_emulator::{KeyKind, TestIdentity};
use entra_proto::Plan;
use entra_tokio::{Client, Error, RegionOrigin};

use self::afterwards::{Afterwards, World};
use self::names::Names;
use self::played::{Played, play};
use self::rules::{Fired, Seen};
use crate::console;
use crate::options::{Brings, Failed, Options, Reading, Wish, keep_others_out};
use crate::outside::{Outside, Provider, SOME_REGION, now};

mod afterwards;
mod diagram;
mod html;
mod json;
mod names;
mod played;
mod rules;
mod sent;
mod text;

/// Tell what acquire would do and why: rules, host, body, cache key and steps. Nothing is sent, and no secret is read.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Explain {
    #[command(flatten)]
    options: Options,
    /// In which form.
    #[arg(long, short, value_enum, default_value_t = Form::Text, help_heading = "Output")]
    format: Form,
    /// What an --assertion-command prints has no certificate; without, it has one.
    #[arg(long, help_heading = "Output")]
    unbound: bool,
}

const AFTER_HELP: &str = "\
The options and the variables are those of acquire. Of a certificate only its public part is read; PKCS#12 and PKCS#11 want their
password for that.

Exit codes:
  0  this would get a token, if everybody answers as they should
  1  it would not, for a reason on the way
  2  it can't work like this";

/// In which form it is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Form {
    /// For people.
    Text,
    /// For programs: one object.
    Json,
    /// One page with a picture of the steps, which needs nothing else.
    Html,
}

/// Everything that there is to tell.
struct Explanation {
    /// Where the credential comes from.
    credential: String,
    /// Whom the token is for.
    grant: String,
    scopes: Vec<String>,
    /// None if the client can't be built.
    client: Option<Client>,
    /// None if the request can't be planned.
    told: Option<Told>,
    error: Option<Error>,
    /// What stands for something that is not known here.
    notes: Vec<String>,
}

/// What a plan comes to.
struct Told {
    plan: Plan,
    played: Played,
    rules: Vec<Fired>,
    afterwards: Vec<Afterwards>,
}

impl Explain {
    /// Tells it.
    pub(crate) fn run(&self) -> ExitCode {
        keep_others_out();
        match self
            .explanation()
            .and_then(|explanation| self.tell(&explanation))
        {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.report(),
        }
    }

    fn explanation(&self) -> Result<Explanation, Failed> {
        let Wish { loaded, asked } = self.options.load(Reading::StandIns)?;
        let mut explanation = Explanation {
            credential: loaded.named.clone(),
            grant: asked
                .named
                .clone()
                .unwrap_or_else(|| "the application itself".to_owned()),
            scopes: self.options.scope.clone(),
            client: None,
            told: None,
            error: None,
            notes: Vec::new(),
        };
        let client = match self.options.client(&loaded) {
            Ok(client) => client,
            Err(Failed::Acquisition { error, .. }) => {
                explanation.error = Some(error);
                return Ok(explanation);
            }
            Err(failed) => return Err(failed),
        };
        explanation.client = Some(client.clone());
        match asked.request.plan(&client) {
            Ok(plan) => self.play(explanation, &client, &plan, &loaded.brings),
            Err(error) => {
                explanation.error = Some(error);
                Ok(explanation)
            }
        }
    }

    fn play(
        &self,
        mut explanation: Explanation,
        client: &Client,
        plan: &Plan,
        brings: &Brings,
    ) -> Result<Explanation, Failed> {
        let either = matches!(brings, Brings::Either);
        let names = if either {
            let stand_in = TestIdentity::generate(KeyKind::P256, "stand-in");
            Names::standing_in(stand_in.map_err(Failed::usage)?.certificate_der().to_vec())
        } else {
            Names::default()
        };
        let assumed = match names.stand_in() {
            Some(chain) if !self.unbound => Provider::Pair(chain),
            Some(_) | None => Provider::Assertion,
        };
        let outside = Outside::new(now(), Provider::of(brings, &assumed));
        let played = play(plan, &mut outside.clone(), &names, 1);
        let world = World {
            plan,
            names: &names,
            outside: &outside,
            played: &played,
            either,
        };
        let afterwards = world.afterwards();
        let seen = Seen {
            client,
            plan,
            played: &played,
            asks_anew: afterwards
                .iter()
                .any(|different| different.asked > played.asked),
        };
        if either {
            explanation.notes.push(match assumed {
                Provider::Pair(_) => {
                    "The command is not run: it is taken to print a certificate too (else --unbound)."
                        .to_owned()
                }
                Provider::Assertion => {
                    "The command is not run: it is taken to print no certificate.".to_owned()
                }
            });
        }
        if played.region_asked {
            explanation.notes.push(format!(
                "{SOME_REGION} stands for the region that the metadata service would name."
            ));
        }
        explanation.error = played.result.as_ref().err().cloned();
        explanation.told = Some(Told {
            plan: plan.clone(),
            rules: seen.fired(),
            afterwards,
            played,
        });
        Ok(explanation)
    }

    fn tell(&self, explanation: &Explanation) -> Result<(), Failed> {
        let told = match self.format {
            Form::Text => text::text(explanation, console::width()),
            Form::Json => json::json(explanation).to_string(),
            Form::Html => html::html(explanation),
        };
        console::say(told.trim_end()).map_err(Failed::Output)?;
        match &explanation.error {
            None => Ok(()),
            Some(error) => Err(Failed::Foreseen(error.clone())),
        }
    }
}

impl Explanation {
    /// What it is about, in one line.
    fn title(&self) -> String {
        let scopes = self.scopes.join(" ");
        let told = self.told.as_ref();
        match (told, told.and_then(|told| told.played.sent.first())) {
            (Some(told), Some(sent)) if self.error.is_none() => {
                let over = match sent.certificate {
                    Some(_) => "mutual TLS",
                    None => "plain TLS",
                };
                format!("{} token over {over}, for {scopes}", told.plan.token_kind())
            }
            (_, _) => format!("No token for {scopes}"),
        }
    }

    /// The rules that had a say; without a plan the one that says why there is none.
    fn rules(&self) -> Vec<Fired> {
        match (&self.told, &self.error) {
            (Some(told), _) => told.rules.clone(),
            (None, Some(error)) => vec![rules::of_error(error)],
            (None, None) => Vec::new(),
        }
    }
}

/// How the region was settled, for people.
fn region(told: &Told) -> Option<String> {
    let metadata = match &told.played.result {
        Ok(token) => token.metadata(),
        Err(error) => error.metadata()?,
    };
    let origin = crate::acquire::metadata::origin(metadata.region_origin());
    Some(match metadata.region() {
        Some(region) => format!("{region} ({origin})"),
        None if metadata.region_origin() == RegionOrigin::None => "none".to_owned(),
        None => format!("none ({origin})"),
    })
}
