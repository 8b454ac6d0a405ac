//! The request's own fields, judged one by one before anything else (rule 16): what is refused here never meets a credential.

use crate::account::User;
use crate::authority::Tenant;
use crate::client::Configuration;
use crate::error::{Code, Error, shown};
use crate::request::{Grant, TokenRequest};
use crate::uuid::Uuid;
use crate::wire::form::is_reserved;

impl TokenRequest {
    pub(super) fn check_tenant(
        &self,
        configuration: &Configuration,
    ) -> Result<Option<Tenant>, Error> {
        match &self.tenant {
            None => Ok(configuration.authority.tenant().cloned()),
            Some(named) => {
                let tenant = Tenant::parse(&named.name)?;
                if !configuration.authority.takes_tenant() {
                    return Err(Error::new(
                        Code::InvalidTenant,
                        "a request can't choose the tenant of this kind of authority",
                    ));
                }
                Ok(Some(tenant))
            }
        }
    }

    pub(super) fn check_parameters(&self) -> Result<(), Error> {
        let odd = |what: &'static str| Error::new(Code::InvalidRequestParameter, what);
        let plain = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
        let plain_if_any = |text: &Option<String>| text.as_deref().is_none_or(plain);
        let options = self.options();
        if !plain_if_any(&options.fmi_path) || !plain_if_any(&options.assertion_fmi_path) {
            return Err(odd("an FMI path is blank or has control characters"));
        }
        if !plain_if_any(&options.partition) {
            return Err(odd(
                "the partition's name is blank or has control characters",
            ));
        }
        if options
            .correlation_id
            .as_deref()
            .is_some_and(|id| Uuid::parse(id).is_none())
        {
            return Err(odd("the correlation id is no UUID"));
        }
        let whole = match &self.grant {
            Grant::ClientCredentials => true,
            Grant::FederatedUser { assertion, user } => {
                plain(assertion.expose())
                    && match user {
                        User::ObjectId(id) => Uuid::parse(id).is_some(),
                        User::PrincipalName(name) => plain(name),
                    }
            }
            Grant::Account(account) => plain(account.home_id()),
            Grant::OnBehalfOf(secret) | Grant::RefreshToken(secret) => plain(secret.expose()),
            Grant::AuthorizationCode {
                code,
                redirect_uri,
                verifier,
            } => {
                plain(code.expose())
                    && plain(redirect_uri)
                    && verifier
                        .as_ref()
                        .is_none_or(|verifier| plain(verifier.expose()))
            }
        };
        if !whole {
            return Err(odd(
                "what the grant stands on is blank, malformed, or has control characters",
            ));
        }
        if self.pop && matches!(self.grant, Grant::FederatedUser { .. }) {
            return Err(odd(
                "a user's federated identity credential can't ask for proof of possession",
            ));
        }
        check_further(&options.body_parameters)?;
        check_further(&options.query_parameters)
    }
}

/// Parameters of the caller's own: a name each, no name twice, none of the protocol's.
fn check_further(parameters: &[(String, String)]) -> Result<(), Error> {
    let odd = |what: String| Error::new(Code::InvalidRequestParameter, what);
    for (place, (name, value)) in parameters.iter().enumerate() {
        let control = |text: &str| text.chars().any(char::is_control);
        if name.trim().is_empty() || control(name) || control(value) {
            return Err(odd(format!(
                "the parameter \"{}\" has no name, or control characters",
                shown(name)
            )));
        }
        if is_reserved(name) {
            return Err(odd(format!(
                "the parameter \"{}\" is the protocol's own",
                shown(name)
            )));
        }
        let twice = parameters
            .iter()
            .take(place)
            .any(|(other, _)| other.eq_ignore_ascii_case(name));
        if twice {
            return Err(odd(format!(
                "the parameter \"{}\" comes twice",
                shown(name)
            )));
        }
    }
    Ok(())
}
