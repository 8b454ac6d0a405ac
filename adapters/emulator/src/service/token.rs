//! The token endpoint: form, tenant, application, mutual TLS, credential, grant, in this order.
//!
//! Each stage refuses for itself; the first refusal is the answer.

use http::{Method, Response};

use super::form::Form;
use super::refusal::Refusal;
use super::{Ask, Service};
use crate::application::Application;
use crate::hosts::Role;

/// `token_type` that asks for proof of possession, and that says so in the answer.
pub(crate) const MTLS_POP: &str = "mtls_pop";

/// The identity that Microsoft accounts share.
const CONSUMERS: &str = "9188040d-6c67-4b36-b112-36a304b66dad";

/// A token request that is known to come from an application of the tenant.
pub(crate) struct TokenAsk<'a> {
    pub(crate) ask: &'a Ask<'a>,
    pub(crate) form: Form,
    pub(crate) application: Application,
    /// The tenant's GUID.
    pub(crate) tenant: String,
    /// Is `mtls_pop` asked for?
    pub(crate) wants_pop: bool,
}

impl TokenAsk<'_> {
    /// DER of the client certificate of the connection.
    pub(crate) fn leaf(&self) -> Option<&[u8]> {
        self.ask.caller.client_certificate.as_deref()
    }
}

impl Service {
    pub(crate) fn token(&self, ask: &Ask<'_>, tenant: &str) -> Response<Vec<u8>> {
        match self.try_token(ask, tenant) {
            Ok(mut response) => {
                self.stamp(ask, &mut response);
                response
            }
            Err(refusal) => self.refuse(ask, &refusal),
        }
    }

    fn try_token(&self, ask: &Ask<'_>, tenant: &str) -> Result<Response<Vec<u8>>, Refusal> {
        if ask.request.method() != Method::POST {
            return Err(Refusal::wrong_method());
        }
        let form = Form::decode(ask.header("content-type"), ask.request.body());
        if let Some(name) = form.duplicate() {
            return Err(Refusal::malformed(&format!(
                "The parameter '{name}' is duplicated."
            )));
        }
        let grant = form
            .get("grant_type")
            .ok_or_else(|| Refusal::missing_parameter("grant_type"))?
            .to_owned();
        let client_id = form
            .get("client_id")
            .ok_or_else(|| Refusal::missing_parameter("client_id"))?
            .to_owned();
        let tenant = self.resolve_tenant(ask, tenant)?;
        let application = self.application(&client_id, &tenant)?;
        let wants_pop = match form.get("token_type") {
            None => false,
            Some(kind) if kind.eq_ignore_ascii_case("bearer") => false,
            Some(MTLS_POP) => true,
            Some(_) => return Err(Refusal::malformed("The token type is not supported.")),
        };
        let token = TokenAsk {
            ask,
            form,
            application,
            tenant,
            wants_pop,
        };
        self.check_transport(&token)?;
        let proof = self.authenticate(&token)?;
        self.grant(&token, &grant, &proof)
    }

    /// The tenant's GUID. `common` and its like have no meaning where a certificate is the credential.
    fn resolve_tenant(&self, ask: &Ask<'_>, name: &str) -> Result<String, Refusal> {
        let any_tenant =
            name.eq_ignore_ascii_case("common") || name.eq_ignore_ascii_case("organizations");
        let role = ask.served.role;
        if any_tenant && !role.asks_for_certificate() || matches!(role, Role::Adfs) {
            return Ok(self.home_tenant().to_owned());
        }
        if name.eq_ignore_ascii_case("consumers") {
            return Ok(CONSUMERS.to_owned());
        }
        self.tenant(name)
            .map(str::to_owned)
            .ok_or_else(|| Refusal::unknown_tenant(name))
    }

    fn application(&self, client_id: &str, tenant: &str) -> Result<Application, Refusal> {
        let found = self.state().applications.get(client_id).cloned();
        found
            .filter(|application| {
                let mut homes = application.tenants.iter();
                application.tenants.is_empty()
                    || homes.any(|home| home == tenant || self.tenant(home) == Some(tenant))
            })
            .ok_or_else(|| Refusal::unknown_application(client_id, tenant))
    }

    /// Mutual TLS must be allowed for the application, and an mTLS host is for those who show a certificate.
    fn check_transport(&self, token: &TokenAsk<'_>) -> Result<(), Refusal> {
        let on_mtls_host = token.ask.served.role == Role::Mtls;
        let binds = token.form.get("client_assertion_type") == Some(super::credential::JWT_POP);
        if !(on_mtls_host || token.wants_pop || binds || token.leaf().is_some()) {
            return Ok(());
        }
        if !token.application.mtls {
            return Err(Refusal::mtls_not_enabled(&token.application.client_id));
        }
        // For an assertion that is bound, the missing certificate is a mismatch.
        if token.leaf().is_none() && !binds {
            return Err(Refusal::certificate_missing());
        }
        Ok(())
    }
}
