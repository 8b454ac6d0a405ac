//! The options that `acquire`, `explain` and `doctor` share: who asks whom for what, by which credential, over which network.
//!
//! | file | what it holds |
//! |---|---|
//! | `authority` | which authority, if only a tenant is named |
//! | `credential`, `certificate`, `sources`, `loaded` | exactly one credential, and what stands behind it |
//! | `grant`, `request` | for whom; claims, parameters and the like |
//! | `input`, `together` | where secrets are read from; which options go together |
//! | `mtls` | proof of possession and the region |
//! | `network` | whom to trust, where names lead |
//! | `failed` | what is printed, and the exit code, if it can't work |
//! | `hardening` | who can look on |

use std::time::Duration;

use clap::Args;
use entra_tokio::{
    Client, EntraClient, EntraClientBuilder, Network, TokenRequest, read_environment,
};

pub(crate) use self::credential::CredentialArgs;
pub(crate) use self::failed::{Failed, advice, what};
pub(crate) use self::hardening::keep_others_out;
pub(crate) use self::loaded::{Brings, Loaded, Reading};

use self::authority::AuthorityArgs;
use self::grant::{Asked, GrantArgs};
pub(crate) use self::input::Named;
use self::input::check_stdin;
use self::mtls::MtlsArgs;
use self::network::NetworkArgs;
use self::request::RequestArgs;
use self::together::goes_with;

pub(crate) mod authority;
mod certificate;
mod credential;
mod failed;
mod grant;
mod hardening;
pub(crate) mod input;
mod loaded;
mod mtls;
mod network;
mod request;
mod sources;
mod together;

/// Who asks whom for what.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) authority: AuthorityArgs,
    /// The application (client) id.
    #[arg(long, value_name = "ID", env = "AZURE_CLIENT_ID")]
    client_id: String,
    /// The scopes.
    #[arg(
        long,
        value_name = "SCOPE",
        help = "A scope, such as https://vault.azure.net/.default; may be repeated"
    )]
    pub(crate) scope: Vec<String>,
    #[command(flatten)]
    pub(crate) credential: CredentialArgs,
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
}

/// What the options come to.
pub(crate) struct Wish {
    pub(crate) loaded: Loaded,
    pub(crate) asked: Asked,
}

impl Options {
    /// Reads what the options name.
    pub(crate) fn load(&self, reading: Reading) -> Result<Wish, Failed> {
        self.load_for(&self.scope, reading)
    }

    /// The same for other scopes.
    pub(crate) fn load_for(&self, scopes: &[String], reading: Reading) -> Result<Wish, Failed> {
        goes_with(
            self.request.assertion_fmi_path.is_some(),
            "--assertion-fmi-path",
            self.credential.is_command(),
            "--assertion-command",
        )?;
        let credential = self.credential.inputs().into_iter();
        check_stdin(credential.chain(self.grant.inputs()))?;
        let loaded = self.credential.load(reading, self.deadline())?;
        let mut asked = self.grant.load(scopes, reading)?;
        asked.request = self.finish(asked.request)?;
        Ok(Wish { loaded, asked })
    }

    /// The files that are named.
    pub(crate) fn files(&self) -> Vec<Named> {
        let mut files = self.credential.files();
        files.extend(self.grant.inputs().into_iter().filter_map(Named::of));
        files.extend(self.network.files());
        files
    }

    /// Whether the region is named by an option.
    pub(crate) fn names_region(&self) -> bool {
        self.mtls.names_region()
    }

    pub(crate) fn ignores_proxies(&self) -> bool {
        self.network.ignores_proxies()
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(self.deadline)
    }

    fn finish(&self, mut request: TokenRequest) -> Result<TokenRequest, Failed> {
        request = self.request.apply(request)?;
        if self.mtls.pop {
            request = request.proof_of_possession();
        }
        if let Some(tenant) = &self.authority.tenant {
            request = request.tenant(tenant);
        }
        Ok(request.deadline(self.deadline()))
    }

    /// The core's client.
    pub(crate) fn client(&self, loaded: &Loaded) -> Result<Client, Failed> {
        let authority = self.authority.authority()?;
        let client = Client::builder(&self.client_id, authority, loaded.credential.clone())
            .environment(read_environment())
            .capabilities(self.request.capability.clone())
            .known_authorities(self.authority.known_authority.clone())
            .instance_discovery(!self.authority.no_instance_discovery);
        Ok(self.mtls.apply(client).build()?)
    }

    /// How to reach the network. A command may take as long as everything may.
    pub(crate) fn network(&self) -> Result<Network, Failed> {
        Ok(self.network.load()?.provider_timeout(self.deadline()))
    }

    /// The client that sends, with what its credential needs from outside.
    pub(crate) fn sender(
        &self,
        client: Client,
        loaded: Loaded,
    ) -> Result<EntraClientBuilder, Failed> {
        let mut builder = EntraClient::builder(client)
            .network(self.network()?)
            .background_renewal(false);
        if let Some(identity) = loaded.identity {
            builder = builder.identity(identity);
        }
        if let Some(source) = loaded.source {
            builder = builder.assertion_source(source);
        }
        Ok(builder)
    }
}
