//! The protected resource: `GET /secrets/{name}` with a token that this emulator issued.
//!
//! A bound token is taken with the scheme `mtls_pop` only, over a connection with the very certificate that it names
//! (RFC 8705 §3); any other token with `Bearer` only.

use http::{HeaderValue, Method, Response};
use serde_json::json;

use super::token::MTLS_POP;
use super::{Ask, Service};
use crate::clock;
use crate::digest;
use crate::jwt::Jwt;

impl Service {
    pub(crate) fn secret(&self, ask: &Ask<'_>, name: &str) -> Response<Vec<u8>> {
        if ask.request.method() != Method::GET {
            return super::plain(405, "only GET");
        }
        match self.check_access(ask) {
            Ok(()) => super::json(
                200,
                &json!({ "value": format!("the secret called {name}"), "id": format!("https://{}/secrets/{name}", ask.host) }),
            ),
            Err(reason) => self.unauthorized(&ask.host, reason),
        }
    }

    fn check_access(&self, ask: &Ask<'_>) -> Result<(), &'static str> {
        let header = ask.header("authorization").ok_or("no token")?;
        let (scheme, token) = header.split_once(' ').ok_or("no token")?;
        let bound = scheme.eq_ignore_ascii_case(MTLS_POP);
        if !bound && !scheme.eq_ignore_ascii_case("bearer") {
            return Err("the scheme is not supported");
        }
        let jwt = Jwt::parse(token.trim()).ok_or("not a token")?;
        let now = clock::unix(ask.now);
        if !jwt.is_signed_by(self.token_key.public())
            || !jwt
                .claim("iss")
                .is_some_and(|issuer| self.is_own_issuer(issuer))
        {
            return Err("the token was not issued here");
        }
        if jwt.date("exp").is_none_or(|expiry| expiry <= now) {
            return Err("the token has expired");
        }
        if jwt
            .audience()
            .is_none_or(|audience| audience.starts_with("api://AzureADTokenExchange"))
        {
            return Err("the token is for something else");
        }
        match (bound, jwt.has_confirmation()) {
            (false, false) => Ok(()),
            (false, true) => Err("a bound token needs the scheme mtls_pop"),
            (true, false) => Err("the token is not bound"),
            (true, true) => {
                let leaf = ask
                    .caller
                    .client_certificate
                    .as_deref()
                    .ok_or("the connection has no client certificate")?;
                let same = jwt.bound_to() == Some(digest::x5t_s256(leaf).as_str());
                if same {
                    Ok(())
                } else {
                    Err("the token is bound to another certificate")
                }
            }
        }
    }

    fn unauthorized(&self, host: &str, reason: &str) -> Response<Vec<u8>> {
        let mut response = super::json(
            401,
            &json!({ "error": { "code": "Unauthorized", "message": reason } }),
        );
        let authority = format!("https://login.microsoftonline.com/{}", self.home_tenant());
        // Key Vault names its audience, which its clients do not know by themselves.
        let resource = match host.ends_with(".vault.azure.net") {
            true => ", resource=\"https://vault.azure.net\"",
            false => "",
        };
        for scheme in ["Bearer", MTLS_POP] {
            let challenge = format!(
                "{scheme} authorization_uri=\"{authority}\"{resource}, error=\"invalid_token\", error_description=\"{reason}\""
            );
            if let Ok(value) = HeaderValue::from_str(&challenge) {
                response
                    .headers_mut()
                    .append(http::header::WWW_AUTHENTICATE, value);
            }
        }
        response
    }
}
