//! The authority: named whole, or made of a tenant and the cloud's login host as other Azure tools have it.

use clap::{Args, ValueEnum};
use entra_tokio::Authority;

use super::failed::Failed;
use super::options::goes_with;

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// Who issues the token.
#[derive(Debug, Args)]
pub(super) struct AuthorityArgs {
    /// The authority, with its tenant.
    #[arg(
        long,
        value_name = "URL",
        help = "The authority, such as https://login.microsoftonline.com/contoso.onmicrosoft.com"
    )]
    authority: Option<String>,
    /// The tenant: in place of the authority's, or of AZURE_TENANT_ID.
    #[arg(long, value_name = "TENANT")]
    pub(super) tenant: Option<String>,
    /// What the authority is.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Url)]
    authority_kind: Kind,
    /// A host that you vouch for; may be repeated.
    #[arg(long, value_name = "HOST")]
    pub(super) known_authority: Vec<String>,
    /// Trust the authority's host without asking Entra about it; over plain TLS only.
    #[arg(long)]
    pub(super) no_instance_discovery: bool,
}

/// What an authority is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum Kind {
    /// What its URL looks like: Entra, B2C, CIAM, AD FS or dSTS.
    Url,
    /// Any OpenID provider: its token endpoint comes from its configuration.
    Oidc,
}

impl AuthorityArgs {
    /// The authority.
    pub(super) fn authority(&self) -> Result<Authority, Failed> {
        let oidc = self.authority_kind == Kind::Oidc;
        goes_with(
            oidc,
            "--authority-kind oidc",
            self.authority.is_some(),
            "--authority",
        )?;
        let url = self.url()?;
        Ok(match self.authority_kind {
            Kind::Url => Authority::parse(&url)?,
            Kind::Oidc => Authority::oidc(&url)?,
        })
    }

    fn url(&self) -> Result<String, Failed> {
        if let Some(authority) = &self.authority {
            return Ok(authority.clone());
        }
        let tenant = self
            .tenant
            .clone()
            .or_else(|| variable("AZURE_TENANT_ID"))
            .ok_or_else(|| {
                Failed::usage(
                    "no authority; give --authority URL, or a tenant with --tenant or AZURE_TENANT_ID",
                )
            })?;
        let host = variable("AZURE_AUTHORITY_HOST").unwrap_or_else(|| PUBLIC_CLOUD.to_owned());
        Ok(join(&host, &tenant))
    }
}

/// A variable that is set and not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Some tools write `AZURE_AUTHORITY_HOST` with a scheme and a slash at the end, some without.
fn join(host: &str, tenant: &str) -> String {
    let host = host.trim_end_matches('/');
    let scheme = if host.contains("://") { "" } else { "https://" };
    format!("{scheme}{host}/{tenant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_host_may_be_written_in_every_usual_way() {
        for host in [
            "https://login.microsoftonline.us/",
            "https://login.microsoftonline.us",
            "login.microsoftonline.us",
        ] {
            assert_eq!(
                join(host, "contoso"),
                "https://login.microsoftonline.us/contoso"
            );
        }
    }
}
