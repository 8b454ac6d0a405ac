//! Mutual TLS: the kind of token, and the region that it needs.

use clap::Args;
use entra_tokio::{ClientBuilder, RegionPolicy, RegionSource};

/// Mutual TLS and what it needs.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mutual TLS")]
pub(crate) struct MtlsArgs {
    /// The Azure region, such as eastus; or discover, for REGION_NAME and then the metadata service.
    #[arg(long, value_name = "NAME|discover")]
    region: Option<String>,
    /// Without a region, mutual TLS uses the cloud's global host instead of failing.
    #[arg(long)]
    region_optional: bool,
    /// A proof-of-possession token (mtls_pop), bound to the certificate.
    #[arg(long)]
    pub(crate) pop: bool,
}

impl MtlsArgs {
    /// Whether a region is named.
    pub(crate) fn names_region(&self) -> bool {
        self.region.is_some()
    }

    /// The client with its region.
    pub(crate) fn apply(&self, mut client: ClientBuilder) -> ClientBuilder {
        client = match self.region.as_deref() {
            None => client,
            Some(word) if word.eq_ignore_ascii_case("discover") => {
                client.region(RegionSource::Discover)
            }
            Some(name) => client.region(RegionSource::Named(name.to_owned())),
        };
        if self.region_optional {
            client = client.region_policy(RegionPolicy::Optional);
        }
        client
    }
}
