//! The authority: named whole, or made of a tenant and the cloud's login host as other Azure tools have it.

use clap::{Args, ValueEnum};
use entra_sources::authority_at;
use entra_tokio::Authority;

use super::failed::Failed;
use super::together::goes_with;

/// Who issues the token.
#[derive(Debug, Args)]
pub(crate) struct AuthorityArgs {
    /// The authority, with its tenant.
    #[arg(
        long,
        value_name = "URL",
        help = "The authority, such as https://login.microsoftonline.com/contoso.onmicrosoft.com"
    )]
    authority: Option<String>,
    /// The tenant: in place of the authority's, or of AZURE_TENANT_ID.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// What the authority is.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Kind::Url)]
    authority_kind: Kind,
    /// A host that you vouch for; may be repeated.
    #[arg(long, value_name = "HOST")]
    pub(crate) known_authority: Vec<String>,
    /// Trust the authority's host without asking Entra about it; over plain TLS only.
    #[arg(long)]
    pub(crate) no_instance_discovery: bool,
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
    pub(crate) fn authority(&self) -> Result<Authority, Failed> {
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
        Ok(authority_at(
            variable("AZURE_AUTHORITY_HOST").as_deref(),
            &tenant,
        ))
    }
}

/// A variable that is set and not empty.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
