//! Client assertions (RFC 7523 §3): who signed, for whom, until when, and whether it was seen before.
//!
//! `iss` = `sub` = client id means one that the application signed with a registered certificate; any other issuer must be
//! one that the application trusts, with that subject.

use super::Service;
use super::refusal::Refusal;
use super::token::TokenAsk;
use crate::application::FederatedCredential;
use crate::clock;
use crate::digest;
use crate::jwt::{Jwt, VerificationKey};

/// How far `nbf` may lie in the future: clocks differ. `exp` gets no such grace, so that tests see it at once.
const SKEW: i64 = 300;

impl Service {
    /// Checks everything about an assertion but its binding. Returns the certificate that signed it, if it was one of the
    /// application's own.
    pub(crate) fn check_assertion(
        &self,
        token: &TokenAsk<'_>,
        jwt: &Jwt,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let (Some(issuer), Some(subject)) = (jwt.claim("iss"), jwt.claim("sub")) else {
            return Err(Refusal::bad_assertion(
                "The assertion has no issuer or no subject.",
            ));
        };
        let client_id = &token.application.client_id;
        if issuer == client_id && subject == client_id {
            self.own_assertion(token, jwt).map(Some)
        } else {
            self.federated_assertion(token, jwt, issuer, subject)
                .map(|()| None)
        }
    }

    fn own_assertion(&self, token: &TokenAsk<'_>, jwt: &Jwt) -> Result<Vec<u8>, Refusal> {
        let signer = Self::registered_signer(token, jwt)?;
        let key = VerificationKey::of_certificate(&signer);
        if !key.is_some_and(|key| jwt.is_signed_by(&key)) {
            return Err(Refusal::bad_assertion(
                "The key was not found or the signature is wrong.",
            ));
        }
        if !jwt
            .audience()
            .is_some_and(|audience| self.is_own_audience(token, audience))
        {
            return Err(Refusal::bad_assertion(
                "The audience is not this token endpoint.",
            ));
        }
        let expiry = in_time(token, jwt)?;
        let jti = jwt.claim("jti").filter(|jti| !jti.is_empty());
        let jti = jti.ok_or_else(|| Refusal::bad_assertion("The assertion has no 'jti'."))?;
        self.use_once(
            &token.application.client_id,
            jti,
            expiry,
            clock::unix(token.ask.now),
        )?;
        Ok(signer)
    }

    /// The registered certificate that the header names by `x5t#S256` or `x5t`; both must agree if both are there.
    ///
    /// MSAL for Python writes them with base64's padding, which Entra does not mind.
    fn registered_signer(token: &TokenAsk<'_>, jwt: &Jwt) -> Result<Vec<u8>, Refusal> {
        let thumbprint = |name| {
            let written = jwt.header(name)?;
            Some(written.strip_suffix('=').unwrap_or(written))
        };
        let (long, short) = (thumbprint("x5t#S256"), thumbprint("x5t"));
        if long.is_none() && short.is_none() {
            return Err(Refusal::bad_assertion(
                "The header names no certificate ('x5t' or 'x5t#S256').",
            ));
        }
        let named = token.application.certificates.iter().find(|der| {
            long.is_none_or(|name| name == digest::x5t_s256(der))
                && short.is_none_or(|name| name == digest::x5t(der))
        });
        named.cloned().ok_or_else(|| {
            Refusal::bad_assertion("The certificate is not registered on the application.")
        })
    }

    /// The URL of this request, the same path on the cloud's login hosts, or the tenant's issuer.
    fn is_own_audience(&self, token: &TokenAsk<'_>, audience: &str) -> bool {
        let ask = token.ask;
        let path = ask.request.uri().path();
        audience == format!("https://{}{path}", ask.host)
            || ask.served.login_hosts.iter().any(|host| {
                audience == format!("https://{host}{path}")
                    || audience == format!("https://{host}/{}/v2.0", token.tenant)
            })
    }

    /// An assertion that the application signed serves once: whoever sees it must not use it again.
    fn use_once(&self, client_id: &str, jti: &str, expiry: i64, now: i64) -> Result<(), Refusal> {
        let mut state = self.state();
        if state.used_assertions.len() % 1_024 == 1_023 {
            state.used_assertions.retain(|_, expiry| *expiry > now);
        }
        let used = state
            .used_assertions
            .insert((client_id.to_owned(), jti.to_owned()), expiry);
        match used {
            Some(_) => Err(Refusal::bad_assertion(
                "The assertion was used before ('jti').",
            )),
            None => Ok(()),
        }
    }

    fn federated_assertion(
        &self,
        token: &TokenAsk<'_>,
        jwt: &Jwt,
        issuer: &str,
        subject: &str,
    ) -> Result<(), Refusal> {
        let mut trusted = token.application.federated.iter();
        let Some(credential) =
            trusted.find(|known| known.issuer == issuer && known.subject == subject)
        else {
            return Err(Refusal::no_federated_credential(issuer, subject));
        };
        if !self.is_signed_by_issuer(credential, jwt) {
            return Err(Refusal::bad_assertion(
                "The issuer's key was not found or the signature is wrong.",
            ));
        }
        let wanted = credential
            .audience
            .as_deref()
            .unwrap_or(&token.ask.served.exchange_audience);
        let audience = jwt.audience().unwrap_or_default();
        if audience != wanted {
            return Err(Refusal::wrong_exchange_audience(audience));
        }
        in_time(token, jwt).map(|_| ())
    }

    /// The emulator's own tenants sign with the token key, all other issuers with the assertion key or their own.
    fn is_signed_by_issuer(&self, credential: &FederatedCredential, jwt: &Jwt) -> bool {
        match &credential.signer {
            Some(der) => {
                VerificationKey::of_certificate(der).is_some_and(|key| jwt.is_signed_by(&key))
            }
            None if self.is_own_issuer(&credential.issuer) => {
                jwt.is_signed_by(self.token_key.public())
            }
            None => jwt.is_signed_by(self.assertion_key.public()),
        }
    }
}

/// `nbf` and `exp`; returns `exp`.
fn in_time(token: &TokenAsk<'_>, jwt: &Jwt) -> Result<i64, Refusal> {
    let now = clock::unix(token.ask.now);
    let expiry = jwt
        .date("exp")
        .ok_or_else(|| Refusal::assertion_not_in_time("It has no expiry."))?;
    if expiry <= now {
        return Err(Refusal::assertion_not_in_time(&format!(
            "Current time: {now}, expiry time of assertion: {expiry}."
        )));
    }
    if jwt
        .date("nbf")
        .is_some_and(|start| start > now.saturating_add(SKEW))
    {
        return Err(Refusal::assertion_not_in_time("It is not valid yet."));
    }
    Ok(expiry)
}
