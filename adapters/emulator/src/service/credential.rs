//! How the client proves itself: a secret, an assertion, or the certificate of the connection.
//!
//! The rules for mutual TLS: a bound assertion (`jwt-pop`) names the certificate of the connection; an assertion that a
//! certificate signed and that comes over mutual TLS was signed by the certificate of the connection; PoP without an
//! assertion is for a registered certificate.

use super::Service;
use super::refusal::Refusal;
use super::token::TokenAsk;
use crate::digest;
use crate::jwt::Jwt;

/// `client_assertion_type` of an assertion that anybody may carry.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// `client_assertion_type` of an assertion that is bound to the certificate of the connection.
pub(crate) const JWT_POP: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-pop";

/// How the client has proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    Secret,
    /// A certificate or a federated assertion.
    Assertion,
    /// The same, and it holds for the certificate of this connection only.
    Bound,
}

impl Service {
    /// Judges the credential of the request.
    pub(crate) fn authenticate(&self, token: &TokenAsk<'_>) -> Result<Proof, Refusal> {
        let form = &token.form;
        let assertion = match (
            form.get("client_assertion_type"),
            form.get("client_assertion"),
        ) {
            (None, None) => None,
            (None, Some(_)) => return Err(Refusal::missing_parameter("client_assertion_type")),
            (Some(_), None) => return Err(Refusal::missing_parameter("client_assertion")),
            (Some(kind), Some(assertion)) => Some((kind, assertion)),
        };
        let proof = match (assertion, form.get("client_secret")) {
            (Some(_), Some(_)) => {
                return Err(Refusal::malformed("More than one client credential."));
            }
            (Some((JWT_BEARER, assertion)), None) => self.bearer_assertion(token, assertion)?,
            (Some((JWT_POP, assertion)), None) => self.bound_assertion(token, assertion)?,
            (Some(_), None) => {
                return Err(Refusal::malformed(
                    "The client_assertion_type is not supported.",
                ));
            }
            (None, Some(secret)) => Self::secret_of(token, secret)?,
            (None, None) => Self::certificate_of_connection(token)?,
        };
        if token.wants_pop && proof != Proof::Bound {
            return Err(Refusal::mtls_credential(
                "Proof of possession needs a certificate or a bound assertion.",
            ));
        }
        Ok(proof)
    }

    fn secret_of(token: &TokenAsk<'_>, secret: &str) -> Result<Proof, Refusal> {
        if token.ask.served.role == crate::hosts::Role::Mtls {
            return Err(Refusal::mtls_credential(
                "A client secret cannot be bound to a certificate.",
            ));
        }
        if !token
            .application
            .secrets
            .iter()
            .any(|known| known == secret)
        {
            return Err(Refusal::bad_secret(&token.application.client_id));
        }
        Ok(Proof::Secret)
    }

    /// PoP with the certificate itself: no assertion, the handshake has proved the key.
    fn certificate_of_connection(token: &TokenAsk<'_>) -> Result<Proof, Refusal> {
        let (true, Some(leaf)) = (token.wants_pop, token.leaf()) else {
            return Err(Refusal::no_credential());
        };
        if !token
            .application
            .certificates
            .iter()
            .any(|known| known == leaf)
        {
            return Err(Refusal::bad_assertion(
                "The certificate of the connection is not registered.",
            ));
        }
        Ok(Proof::Bound)
    }

    fn bearer_assertion(&self, token: &TokenAsk<'_>, assertion: &str) -> Result<Proof, Refusal> {
        let jwt = Jwt::parse(assertion)
            .ok_or_else(|| Refusal::bad_assertion("The assertion is not a JWT."))?;
        if jwt.has_confirmation() {
            return Err(Refusal::certificate_mismatch(
                "A bound assertion was presented as a bearer assertion.",
            ));
        }
        let signer = self.check_assertion(token, &jwt)?;
        match (signer, token.leaf()) {
            (Some(signer), Some(leaf)) if signer != leaf => Err(Refusal::certificate_mismatch(
                "Another certificate signed the assertion.",
            )),
            _ => Ok(Proof::Assertion),
        }
    }

    fn bound_assertion(&self, token: &TokenAsk<'_>, assertion: &str) -> Result<Proof, Refusal> {
        let jwt = Jwt::parse(assertion)
            .ok_or_else(|| Refusal::bad_assertion("The assertion is not a JWT."))?;
        self.check_assertion(token, &jwt)?;
        let leaf = token.leaf().ok_or_else(|| {
            Refusal::certificate_mismatch("The connection has no client certificate.")
        })?;
        let bound = jwt
            .bound_to()
            .ok_or_else(|| Refusal::certificate_mismatch("The assertion names no certificate."))?;
        if bound != digest::x5t_s256(leaf) {
            return Err(Refusal::certificate_mismatch(
                "The assertion names another certificate.",
            ));
        }
        Ok(Proof::Bound)
    }
}
