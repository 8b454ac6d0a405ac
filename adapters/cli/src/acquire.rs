//! `acquire`: one token from a real endpoint, with the credential from files, variables or a command.
//!
//! | file | what it holds |
//! |---|---|
//! | `authority` | which authority, if only a tenant is named |
//! | `credential`, `command` | exactly one credential; an assertion from a command |
//! | `network` | whom to trust, where names lead |
//! | `output` | what is printed of a token |
//! | `failed` | what is printed, and the exit code, if there is none |
//! | `hardening` | who can look on |

use std::process::ExitCode;
use std::time::Duration;

use clap::{ArgAction, Args};
use entra_tokio::{
    AccessToken, Client, EntraClient, Event, RegionPolicy, RegionSource, TokenRequest,
    read_environment,
};

use self::authority::AuthorityArgs;
use self::credential::{CredentialArgs, Loaded};
use self::failed::Failed;
use self::network::NetworkArgs;
use self::output::Output;
use crate::console;

mod authority;
mod command;
mod credential;
mod failed;
mod hardening;
mod network;
mod output;

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
        required = true,
        help = "A scope, such as https://vault.azure.net/.default; may be repeated"
    )]
    scope: Vec<String>,
    /// A claims challenge to answer: a JSON object.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    #[command(flatten)]
    credential: CredentialArgs,
    #[command(flatten)]
    mtls: MtlsArgs,
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

/// Mutual TLS and what it needs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mutual TLS")]
struct MtlsArgs {
    /// The Azure region, such as eastus; or discover, for REGION_NAME and then the metadata service.
    #[arg(long, value_name = "NAME|discover")]
    region: Option<String>,
    /// Without a region, mutual TLS uses the cloud's global host instead of failing.
    #[arg(long)]
    region_optional: bool,
    /// A proof-of-possession token (mtls_pop), bound to the certificate.
    #[arg(long)]
    pop: bool,
}

const AFTER_HELP: &str = "\
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
        let loaded = self.credential.load()?;
        if self.verbose > 0 {
            console::complain(format_args!("* {:<18}{}", "credential", loaded.named));
        }
        let hidden = loaded.hidden.clone();
        let entra = self.client(loaded)?;
        let request = self.request();
        let token = entra.token(&request).await;
        token.map_err(|error| Failed::Acquisition { error, hidden })
    }

    fn print(&self, token: &AccessToken) -> Result<(), Failed> {
        if self.verbose > 0 && self.output != Output::Summary {
            let summary = Output::Summary.shown(token);
            console::complain(format_args!("* {:<18}{summary}", "Done"));
        }
        console::say(self.output.shown(token)).map_err(Failed::Output)
    }

    fn request(&self) -> TokenRequest {
        let mut request =
            TokenRequest::for_app(self.scope.clone()).deadline(Duration::from_secs(self.deadline));
        if self.mtls.pop {
            request = request.proof_of_possession();
        }
        if let Some(tenant) = &self.authority.tenant {
            request = request.tenant(tenant);
        }
        if let Some(claims) = &self.claims {
            request = request.claims(claims);
        }
        request
    }

    fn client(&self, loaded: Loaded) -> Result<EntraClient, Failed> {
        let authority = self.authority.url()?;
        let mut builder = Client::builder(&self.client_id, authority.as_str(), loaded.credential)
            .environment(read_environment())
            .known_authorities(self.authority.known_authority.clone());
        builder = match self.mtls.region.as_deref() {
            None => builder,
            Some(word) if word.eq_ignore_ascii_case("discover") => {
                builder.region(RegionSource::Discover)
            }
            Some(name) => builder.region(RegionSource::Named(name.to_owned())),
        };
        if self.mtls.region_optional {
            builder = builder.region_policy(RegionPolicy::Optional);
        }
        let client = builder.build().map_err(|error| Failed::Acquisition {
            error,
            hidden: loaded.hidden,
        })?;
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
