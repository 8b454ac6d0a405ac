//! `acquire`: one token from a real endpoint, with the credential from files, variables or a command.
//!
//! | file | what it holds |
//! |---|---|
//! | `authority` | which authority, if only a tenant is named |
//! | `credential`, `command` | exactly one credential; an assertion from a command |
//! | `grant`, `request` | for whom; claims, parameters and the like |
//! | `input`, `options` | where secrets are read from; which options go together |
//! | `mtls` | proof of possession and the region |
//! | `network` | whom to trust, where names lead |
//! | `output`, `metadata` | what is printed of a token, and of how the flow went |
//! | `failed` | what is printed, and the exit code, if there is none |
//! | `hardening` | who can look on |

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args};
use entra_tokio::{
    AccessToken, Client, EntraClient, Event, Metadata, TokenRequest, read_environment,
};

use self::authority::AuthorityArgs;
use self::credential::{CredentialArgs, Loaded};
use self::failed::Failed;
use self::grant::GrantArgs;
use self::input::check_stdin;
use self::metadata::Line;
use self::mtls::MtlsArgs;
use self::network::NetworkArgs;
use self::options::goes_with;
use self::output::Output;
use self::request::RequestArgs;
use crate::console;

mod authority;
mod command;
mod credential;
mod failed;
mod grant;
mod hardening;
mod input;
mod metadata;
mod mtls;
mod network;
mod options;
mod output;
mod request;

/// Get a token from a real endpoint.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Acquire {
    #[command(flatten)]
    authority: AuthorityArgs,
    /// The application (client) id.
    #[arg(long, value_name = "ID", env = "AZURE_CLIENT_ID")]
    client_id: String,
    /// The scopes.
    #[arg(
        long,
        value_name = "SCOPE",
        required_unless_present_any = ["refresh_token_file", "code_file"],
        help = "A scope, such as https://vault.azure.net/.default; may be repeated"
    )]
    scope: Vec<String>,
    #[command(flatten)]
    credential: CredentialArgs,
    #[command(flatten)]
    grant: GrantArgs,
    #[command(flatten)]
    mtls: MtlsArgs,
    #[command(flatten)]
    request: RequestArgs,
    #[command(flatten)]
    network: NetworkArgs,
    /// How long everything may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Network")]
    deadline: u64,
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
        hardening::keep_others_out();
        match self.acquire().await.and_then(|token| self.print(&token)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failed) => failed.report(),
        }
    }

    async fn acquire(&self) -> Result<AccessToken, Failed> {
        goes_with(
            self.request.assertion_fmi_path.is_some(),
            "--assertion-fmi-path",
            self.credential.is_command(),
            "--assertion-command",
        )?;
        let credential = self.credential.inputs().into_iter();
        check_stdin(credential.chain(self.grant.inputs()))?;
        let loaded = self.credential.load()?;
        let asked = self.grant.load(&self.scope)?;
        if self.verbose > 0 {
            console::complain(format_args!("* {:<18}{}", "credential", loaded.named));
            if let Some(named) = &asked.named {
                console::complain(format_args!("* {:<18}{named}", "grant"));
            }
        }
        let mut hidden = asked.hidden;
        hidden.extend(loaded.hidden.clone());
        let request = self.finish(asked.request)?;
        let token = self.client(loaded)?.token(&request).await;
        token.map_err(|error| {
            self.note(error.metadata());
            Failed::Acquisition { error, hidden }
        })
    }

    fn print(&self, token: &AccessToken) -> Result<(), Failed> {
        if self.verbose > 0 && self.output != Output::Summary {
            let summary = Output::Summary.shown(token, &self.scope);
            console::complain(format_args!("* {:<18}{summary}", "Done"));
        }
        self.note(Some(token.metadata()));
        console::say(self.output.shown(token, &self.scope)).map_err(Failed::Output)
    }

    /// How the flow went, for who asked for steps.
    fn note(&self, metadata: Option<&Metadata>) {
        if let Some(metadata) = metadata.filter(|_| self.verbose > 0) {
            console::complain(format_args!("* {:<18}{}", "metadata", Line(metadata)));
        }
    }

    fn finish(&self, mut request: TokenRequest) -> Result<TokenRequest, Failed> {
        request = self.request.apply(request)?;
        if self.mtls.pop {
            request = request.proof_of_possession();
        }
        if let Some(tenant) = &self.authority.tenant {
            request = request.tenant(tenant);
        }
        Ok(request.deadline(Duration::from_secs(self.deadline)))
    }

    fn client(&self, loaded: Loaded) -> Result<EntraClient, Failed> {
        let authority = self.authority.authority()?;
        let client = Client::builder(&self.client_id, authority, loaded.credential)
            .environment(read_environment())
            .capabilities(self.request.capability.clone())
            .known_authorities(self.authority.known_authority.clone())
            .instance_discovery(!self.authority.no_instance_discovery);
        let client = self.mtls.apply(client).build()?;
        // A command may take as long as everything may.
        let network = self
            .network
            .load()?
            .provider_timeout(Duration::from_secs(self.deadline));
        let mut builder = EntraClient::builder(client)
            .network(network)
            .background_renewal(false);
        if let Some(identity) = loaded.identity {
            builder = builder.identity(identity);
        }
        if let Some(provider) = loaded.provider {
            builder = builder.assertion_provider(provider);
        }
        let verbose = self.verbose;
        builder = builder.observer(move |event| {
            if is_shown(event, verbose) {
                console::complain(format_args!("* {}", event.to_string().trim_end()));
            }
        });
        builder.build().map_err(Failed::usage)
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
