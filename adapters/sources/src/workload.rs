//! Workload identity as the webhook of AKS sets it up: four variables, one of which names the file that the kubelet renews.

use std::path::PathBuf;

use entra_adapter::{AssertionSource, ProvidedAssertion, ProviderError};
use entra_proto::{Client, ClientBuilder, Credential, ProviderContext};

use crate::error::SourceError;
use crate::file::AssertionFile;

const PUBLIC_CLOUD: &str = "https://login.microsoftonline.com";

/// The workload identity of a pod.
///
/// ```
/// use entra_sources::WorkloadIdentity;
///
/// let variables = |name: &str| match name {
///     "AZURE_CLIENT_ID" => Some("11111111-1111-1111-1111-111111111111".to_owned()),
///     "AZURE_TENANT_ID" => Some("contoso.onmicrosoft.com".to_owned()),
///     "AZURE_FEDERATED_TOKEN_FILE" => Some("/var/run/secrets/azure/tokens/azure-identity-token".to_owned()),
///     _ => None,
/// };
/// let workload = WorkloadIdentity::from_variables(variables)?;
/// assert_eq!(workload.authority(), "https://login.microsoftonline.com/contoso.onmicrosoft.com");
/// let client = workload.client().build()?;
/// # let _ = client;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct WorkloadIdentity {
    client_id: String,
    authority: String,
    file: AssertionFile,
}

impl WorkloadIdentity {
    /// As the variables of this process say: `AZURE_CLIENT_ID`, `AZURE_TENANT_ID`, `AZURE_FEDERATED_TOKEN_FILE` and, if it is not
    /// the public cloud, `AZURE_AUTHORITY_HOST`.
    ///
    /// In use in the [crate's documentation](crate).
    ///
    /// # Errors
    /// `MissingVariable`.
    pub fn from_environment() -> Result<Self, SourceError> {
        Self::from_variables(crate::variable)
    }

    /// The same, with the variables' values from elsewhere. An empty value counts as none.
    ///
    /// # Errors
    /// `MissingVariable`.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SourceError> {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        let wanted = |name| given(name).ok_or(SourceError::MissingVariable(name));
        Ok(Self {
            client_id: wanted("AZURE_CLIENT_ID")?,
            authority: authority_at(
                given("AZURE_AUTHORITY_HOST").as_deref(),
                &wanted("AZURE_TENANT_ID")?,
            ),
            file: AssertionFile::new(PathBuf::from(wanted("AZURE_FEDERATED_TOKEN_FILE")?)),
        })
    }

    /// The application (client) id.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.client_id
    }

    /// The authority with the tenant.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The core's client for it, to be configured further. Its credential is a provider of assertions alone, which never causes
    /// mutual TLS: give this value to the adapter with `assertion_source`.
    pub fn client(&self) -> ClientBuilder {
        Client::builder(
            self.client_id.clone(),
            self.authority.clone(),
            Credential::assertion_provider(),
        )
    }
}

impl AssertionSource for WorkloadIdentity {
    fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        self.file.assertion(context)
    }
}

/// The authority of a tenant at the login host that `AZURE_AUTHORITY_HOST` names; the public cloud's without one. Some tools write the
/// host with a scheme and a slash at the end, some without.
///
/// ```
/// use entra_sources::authority_at;
///
/// assert_eq!(authority_at(Some("login.microsoftonline.us"), "contoso"), "https://login.microsoftonline.us/contoso");
/// assert_eq!(authority_at(None, "contoso"), "https://login.microsoftonline.com/contoso");
/// ```
#[must_use]
pub fn authority_at(host: Option<&str>, tenant: &str) -> String {
    let host = host.unwrap_or(PUBLIC_CLOUD).trim_end_matches('/');
    let scheme = if host.contains("://") { "" } else { "https://" };
    format!("{scheme}{host}/{tenant}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_is_empty_or_not_there_is_named() {
        for missing in [
            "AZURE_CLIENT_ID",
            "AZURE_TENANT_ID",
            "AZURE_FEDERATED_TOKEN_FILE",
        ] {
            for empty in [None, Some(String::new())] {
                let variable = |name: &str| match name {
                    name if name == missing => empty.clone(),
                    name => Some(name.to_lowercase()),
                };
                let error = WorkloadIdentity::from_variables(variable).unwrap_err();
                assert_eq!(error, SourceError::MissingVariable(missing));
            }
        }
    }

    #[test]
    fn the_authority_is_put_together_from_every_usual_way_to_write_its_host() {
        for host in [
            "https://login.microsoftonline.us/",
            "https://login.microsoftonline.us",
            "login.microsoftonline.us",
        ] {
            assert_eq!(
                authority_at(Some(host), "contoso"),
                "https://login.microsoftonline.us/contoso"
            );
        }
    }
}
