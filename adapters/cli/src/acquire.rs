//! `acquire`: one token from a real endpoint, with the credential from files, variables or a command.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use entra_tokio::{
    AccessToken, Client, EntraClient, Network, RegionPolicy, RegionSource, Resolve, TokenRequest,
    read_environment,
};

use self::credential::{CredentialArgs, Loaded};

mod credential;

/// Get a token from a real endpoint.
#[derive(Debug, Args)]
pub(crate) struct Acquire {
    /// The authority, such as `https://login.microsoftonline.com/contoso.onmicrosoft.com`.
    #[arg(long, value_name = "URL")]
    authority: String,
    /// The application (client) id.
    #[arg(long, value_name = "ID", env = "AZURE_CLIENT_ID")]
    client_id: String,
    /// A scope, such as `https://vault.azure.net/.default`; may be repeated.
    #[arg(long, value_name = "SCOPE", required = true)]
    scope: Vec<String>,
    #[command(flatten)]
    credential: CredentialArgs,
    /// Another tenant than the authority's.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// The Azure region, or `discover`.
    #[arg(long, value_name = "NAME|discover")]
    region: Option<String>,
    /// Without a region, mutual TLS uses the cloud's global host instead of failing.
    #[arg(long)]
    region_optional: bool,
    /// A proof-of-possession token (mtls_pop), bound to the certificate.
    #[arg(long)]
    pop: bool,
    /// A claims challenge to answer: a JSON object.
    #[arg(long, value_name = "JSON")]
    claims: Option<String>,
    /// A host that you vouch for; may be repeated.
    #[arg(long, value_name = "HOST")]
    known_authority: Vec<String>,
    #[command(flatten)]
    network: NetworkArgs,
    /// How long everything may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    deadline: u64,
    /// What to print on standard output. Only `json`, `token` and `header` print the token.
    #[arg(long, value_enum, default_value_t = Output::Summary)]
    output: Output,
    /// Print each step on standard error.
    #[arg(long, short)]
    verbose: bool,
}

/// How to reach the network.
#[derive(Debug, Args)]
struct NetworkArgs {
    /// Trust the roots in this PEM file, and no others.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<std::path::PathBuf>,
    /// Let HOST:PORT lead to ADDRESS (with a port of its own if it names one); `*` stands for every host. May be repeated.
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = parse_resolve)]
    resolve: Vec<Resolve>,
    /// Ignore the environment's proxy.
    #[arg(long)]
    no_proxy: bool,
    /// Speak TLS 1.2 alone.
    #[arg(long)]
    only_tls12: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Output {
    /// What kind of token it is and how long it lives, for people; not the token.
    Summary,
    /// Everything, the token included, as one JSON object.
    Json,
    /// The token alone.
    Token,
    /// The value of an Authorization header.
    Header,
}

/// Why nothing was printed: what went wrong, and the exit code.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The arguments or the files they name; exit code 2, as for arguments that can't be parsed.
    Usage(String),
    /// The acquisition; exit code 1.
    Acquisition(entra_tokio::Error),
}

impl Failed {
    fn usage(error: impl std::fmt::Display) -> Self {
        Self::Usage(error.to_string())
    }

    /// Says it on standard error.
    fn report(&self) -> ExitCode {
        match self {
            Self::Usage(what) => {
                eprintln!("error: {what}");
                ExitCode::from(2)
            }
            Self::Acquisition(error) => {
                eprintln!("error: {error}");
                if let Some(description) = error.description() {
                    eprintln!("  the service says: {}", description.escape_debug());
                }
                if let Some(reported) = error.reported() {
                    eprintln!("  reported: {}", reported.escape_debug());
                }
                ExitCode::FAILURE
            }
        }
    }
}

/// `HOST:PORT:ADDRESS`, as curl has it; the address may name a port too, and IPv6 stands in brackets.
fn parse_resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || format!("\"{text}\" is not HOST:PORT:ADDRESS");
    let (host, rest) = text.split_once(':').ok_or_else(wrong)?;
    let (port, address) = rest.split_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().map_err(|_| wrong())?;
    let address = match address.parse() {
        Ok(address) => address,
        Err(_) => {
            let ip = address
                .trim_start_matches('[')
                .trim_end_matches(']')
                .parse()
                .map_err(|_| wrong())?;
            std::net::SocketAddr::new(ip, port)
        }
    };
    Ok(Resolve {
        host: host.to_owned(),
        port: Some(port),
        address,
    })
}

impl Acquire {
    /// Gets the token and prints what was asked for.
    pub(crate) async fn run(self) -> ExitCode {
        match self.acquire().await {
            Ok(token) => {
                println!("{}", self.output.print(&token));
                ExitCode::SUCCESS
            }
            Err(failed) => failed.report(),
        }
    }

    async fn acquire(&self) -> Result<AccessToken, Failed> {
        let entra = self.client()?;
        entra
            .token(&self.request())
            .await
            .map_err(Failed::Acquisition)
    }

    fn request(&self) -> TokenRequest {
        let mut request =
            TokenRequest::for_app(self.scope.clone()).deadline(Duration::from_secs(self.deadline));
        if self.pop {
            request = request.proof_of_possession();
        }
        if let Some(tenant) = &self.tenant {
            request = request.tenant(tenant);
        }
        if let Some(claims) = &self.claims {
            request = request.claims(claims);
        }
        request
    }

    fn client(&self) -> Result<EntraClient, Failed> {
        let Loaded {
            credential,
            identity,
            provider,
        } = self.credential.load()?;
        let mut builder = Client::builder(&self.client_id, self.authority.as_str(), credential)
            .environment(read_environment())
            .known_authorities(self.known_authority.clone());
        builder = match self.region.as_deref() {
            None => builder,
            Some("discover") => builder.region(RegionSource::Discover),
            Some(name) => builder.region(RegionSource::Named(name.to_owned())),
        };
        if self.region_optional {
            builder = builder.region_policy(RegionPolicy::Optional);
        }
        let client = builder.build().map_err(Failed::Acquisition)?;
        let mut builder = EntraClient::builder(client)
            .network(self.network.load()?)
            .background_renewal(false);
        if let Some(identity) = identity {
            builder = builder.identity(identity);
        }
        if let Some(provider) = provider {
            builder = builder.assertion_provider(provider);
        }
        if self.verbose {
            builder = builder.observer(|event| eprintln!("* {event}"));
        }
        builder.build().map_err(Failed::usage)
    }
}

impl NetworkArgs {
    fn load(&self) -> Result<Network, Failed> {
        let mut network = Network::new();
        if let Some(path) = &self.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| Failed::Usage(format!("--ca-file {}: {error}", path.display())))?;
            network = network
                .trust_only(pem)
                .map_err(|error| Failed::Usage(format!("--ca-file {}: {error}", path.display())))?;
        }
        for resolve in &self.resolve {
            network = network.resolve(resolve.clone());
        }
        if self.no_proxy {
            network = network.no_proxy();
        }
        if self.only_tls12 {
            network = network.only_tls12();
        }
        Ok(network)
    }
}

impl Output {
    fn print(self, token: &AccessToken) -> String {
        let seconds = token.expires_in().as_secs();
        let bound = token
            .binding_certificate()
            .map(|certificate| certificate.thumbprint().to_string());
        match self {
            Self::Token => token.secret().expose().to_owned(),
            Self::Header => format!("{} {}", token.token_type(), token.secret().expose()),
            Self::Summary => {
                let bound = bound.map_or(String::new(), |bound| {
                    format!(", bound to the certificate {bound}")
                });
                let region = token
                    .region()
                    .map_or(String::new(), |region| format!(", from {region}"));
                format!(
                    "{} token, good for {seconds} s{bound}{region}",
                    token.token_type()
                )
            }
            Self::Json => serde_json::json!({
                "access_token": token.secret().expose(),
                "token_type": token.token_type().as_str(),
                "expires_in": seconds,
                "expires_on": token.expires_at().as_secs(),
                "region": token.region().map(|region| region.as_str()),
                "token_endpoint": token.token_endpoint(),
                "x5t#S256": bound,
                "correlation_id": token.correlation_id(),
            })
            .to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_where_resolve_says() {
        let resolve = parse_resolve("login.example:443:127.0.0.1:8443").unwrap();
        assert_eq!((resolve.port, resolve.address.port()), (Some(443), 8443));
        assert_eq!(
            parse_resolve("*:443:127.0.0.1").unwrap().address.port(),
            443
        );
        assert_eq!(
            parse_resolve("h:443:[::1]:8443").unwrap().address.port(),
            8443
        );
        for wrong in ["", "h", "h:443", "h:x:127.0.0.1", "h:443:nowhere"] {
            assert!(parse_resolve(wrong).is_err(), "{wrong}");
        }
    }
}
