//! The grants: what the client wants a token for, and on whose behalf.
//!
//! Each grant ends in the resource, the scopes and, maybe, the user of the token; one function makes the answer of it.

use http::Response;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::Service;
use super::credential::Proof;
use super::issue::{AccessToken, User};
use super::refusal::Refusal;
use super::token::{MTLS_POP, TokenAsk};
use crate::clock;
use crate::digest;
use crate::jwt::Jwt;

/// `grant_type` of on-behalf-of.
const JWT_BEARER_GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Service {
    pub(crate) fn grant(
        &self,
        token: &TokenAsk<'_>,
        grant: &str,
        proof: &Proof,
    ) -> Result<Response<Vec<u8>>, Refusal> {
        let user = match grant {
            "client_credentials" => None,
            "refresh_token" => Some(self.user_of_refresh_token(token)?),
            "authorization_code" => Some(self.user_of_code(token)?),
            JWT_BEARER_GRANT => Some(self.user_of_assertion(token)?),
            "user_fic" => Some(self.user_of_federation(token)?),
            other => return Err(Refusal::unsupported_grant(other)),
        };
        let (audience, scopes) = match &user {
            None => (app_resource(token)?, String::new()),
            Some(_) => user_resource(token)?,
        };
        Ok(self.token_answer(token, proof, &audience, &scopes, user.as_ref()))
    }

    fn user_of_refresh_token(&self, token: &TokenAsk<'_>) -> Result<User, Refusal> {
        let text = token
            .form
            .get("refresh_token")
            .ok_or_else(|| Refusal::missing_parameter("refresh_token"))?;
        self.read_refresh_token(
            text,
            &token.application.client_id,
            &token.tenant,
            token.ask.now,
        )
        .ok_or_else(|| Refusal::bad_grant("The refresh token is not valid for this client."))
    }

    fn user_of_code(&self, token: &TokenAsk<'_>) -> Result<User, Refusal> {
        let form = &token.form;
        let text = form
            .get("code")
            .ok_or_else(|| Refusal::missing_parameter("code"))?;
        let redirect_uri = form
            .get("redirect_uri")
            .ok_or_else(|| Refusal::missing_parameter("redirect_uri"))?;
        let known = token
            .application
            .codes
            .iter()
            .find(|known| known.code == text);
        let code =
            known.ok_or_else(|| Refusal::bad_grant("The authorization code is not known."))?;
        if code.redirect_uri != redirect_uri {
            return Err(Refusal::wrong_redirect());
        }
        if let Some(challenge) = &code.challenge {
            let verifier = form.get("code_verifier").unwrap_or_default();
            if digest::base64url(Sha256::digest(verifier.as_bytes()).as_slice()) != *challenge {
                return Err(Refusal::wrong_verifier());
            }
        }
        let redeemed = (token.application.client_id.clone(), code.code.clone());
        let mut state = self.state();
        if state.redeemed_codes.contains(&redeemed) {
            return Err(Refusal::code_already_redeemed());
        }
        state.redeemed_codes.push(redeemed);
        Ok(User::named(&code.username))
    }

    /// On-behalf-of: a user's access token that was issued for this application.
    fn user_of_assertion(&self, token: &TokenAsk<'_>) -> Result<User, Refusal> {
        let form = &token.form;
        let text = form
            .get("assertion")
            .ok_or_else(|| Refusal::missing_parameter("assertion"))?;
        if form.get("requested_token_use") != Some("on_behalf_of") {
            return Err(Refusal::missing_parameter("requested_token_use"));
        }
        let jwt = self.token_of_ours(text, token)?;
        let client_id = &token.application.client_id;
        let audience = jwt.audience().unwrap_or_default();
        if audience.strip_prefix("api://").unwrap_or(audience) != client_id {
            return Err(Refusal::bad_user_assertion(
                "The audience is another application.",
            ));
        }
        match (jwt.claim("scp"), jwt.claim("preferred_username")) {
            (Some(_), Some(username)) => Ok(User::named(username)),
            _ => Err(Refusal::bad_user_assertion(
                "It is not the token of a user.",
            )),
        }
    }

    /// `user_fic`: an assertion about an agent, and the user for whom it acts.
    fn user_of_federation(&self, token: &TokenAsk<'_>) -> Result<User, Refusal> {
        let form = &token.form;
        let name = "user_federated_identity_credential";
        let text = form
            .get(name)
            .ok_or_else(|| Refusal::missing_parameter(name))?;
        let jwt = self.token_of_ours(text, token)?;
        if !jwt
            .audience()
            .is_some_and(|audience| audience.starts_with("api://AzureADTokenExchange"))
        {
            return Err(Refusal::bad_user_assertion(
                "The audience is not the token exchange.",
            ));
        }
        match (form.get("username"), form.get("user_id")) {
            (Some(username), None) => Ok(User::named(username)),
            (None, Some(id)) => Ok(User {
                username: format!("{id}@contoso.onmicrosoft.com"),
                object_id: id.to_owned(),
            }),
            _ => Err(Refusal::missing_parameter("username")),
        }
    }

    /// A token that this emulator has signed and that has not expired.
    fn token_of_ours(&self, text: &str, token: &TokenAsk<'_>) -> Result<Jwt, Refusal> {
        let jwt =
            Jwt::parse(text).ok_or_else(|| Refusal::bad_user_assertion("It is not a JWT."))?;
        if !(jwt.is_signed_by(self.token_key.public())
            || jwt.is_signed_by(self.assertion_key.public()))
        {
            return Err(Refusal::bad_user_assertion("The signature is wrong."));
        }
        match jwt.date("exp") {
            Some(expiry) if expiry > clock::unix(token.ask.now) => Ok(jwt),
            _ => Err(Refusal::user_assertion_expired()),
        }
    }

    fn token_answer(
        &self,
        token: &TokenAsk<'_>,
        proof: &Proof,
        audience: &str,
        scopes: &str,
        user: Option<&User>,
    ) -> Response<Vec<u8>> {
        let (application, ask) = (&token.application, token.ask);
        let directory = self.directory();
        let bound_to = if token.wants_pop {
            token.leaf().map(digest::x5t_s256)
        } else {
            None
        };
        let access_token = self.sign_access_token(AccessToken {
            issuer_host: &ask.served.issuer_host,
            tenant: &token.tenant,
            audience,
            client_id: &application.client_id,
            object_id: &application.object_id,
            strength: if *proof == Proof::Secret { "1" } else { "2" },
            user,
            scopes,
            further: further_claims(token),
            bound_to,
            now: ask.now,
            lifetime: directory.lifetime,
        });
        let mut answer = Map::new();
        let mut put = |name: &str, value: Value| answer.insert(name.to_owned(), value);
        put(
            "token_type",
            json!(if token.wants_pop { MTLS_POP } else { "Bearer" }),
        );
        put("expires_in", json!(directory.lifetime.as_secs()));
        put("ext_expires_in", json!(directory.lifetime.as_secs()));
        if let Some(refresh_in) = directory.refresh_in {
            put("refresh_in", json!(refresh_in.as_secs()));
        }
        put("access_token", json!(access_token));
        if let Some(user) = user {
            put("scope", json!(scopes));
            put(
                "refresh_token",
                json!(self.sign_refresh_token(
                    &application.client_id,
                    &token.tenant,
                    user,
                    ask.now
                )),
            );
            put(
                "id_token",
                json!(self.sign_id_token(
                    &ask.served.issuer_host,
                    &token.tenant,
                    &application.client_id,
                    user,
                    ask.now
                )),
            );
            if token.form.get("client_info") == Some("1") {
                let info = json!({ "uid": user.object_id, "utid": token.tenant }).to_string();
                put("client_info", json!(digest::base64url(info.as_bytes())));
            }
        }
        super::json(200, &Value::Object(answer))
    }
}

/// The one resource of a client-credentials request: its scope is `{resource}/.default`.
fn app_resource(token: &TokenAsk<'_>) -> Result<String, Refusal> {
    let scope = token
        .form
        .get("scope")
        .ok_or_else(|| Refusal::missing_parameter("scope"))?;
    let mut scopes = scope.split_ascii_whitespace();
    match (
        scopes
            .next()
            .and_then(|first| first.strip_suffix("/.default")),
        scopes.next(),
    ) {
        (Some(resource), None) if !resource.is_empty() => Ok(resource.to_owned()),
        _ => Err(Refusal::bad_scope(scope)),
    }
}

/// The resource and the scopes of a user's request; without any, the application itself.
fn user_resource(token: &TokenAsk<'_>) -> Result<(String, String), Refusal> {
    let all = token.form.get("scope").unwrap_or_default();
    let mut resource: Option<String> = None;
    for scope in all.split_ascii_whitespace() {
        if matches!(scope, "openid" | "profile" | "offline_access" | "email") {
            continue;
        }
        let (of, _) = scope
            .rsplit_once('/')
            .unwrap_or(("https://graph.microsoft.com", scope));
        if resource.as_ref().is_some_and(|first| first != of) {
            return Err(Refusal::bad_scope(all));
        }
        resource = Some(of.to_owned());
    }
    Ok((
        resource.unwrap_or_else(|| token.application.client_id.clone()),
        all.to_owned(),
    ))
}

/// Claims that follow from the request: client capabilities, and the subject of an FMI path.
fn further_claims<'a>(token: &TokenAsk<'_>) -> Vec<(&'a str, Value)> {
    let mut further = Vec::new();
    let claims = token
        .form
        .get("claims")
        .and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(values) = claims
        .as_ref()
        .and_then(|claims| claims.pointer("/access_token/xms_cc/values"))
    {
        further.push(("xms_cc", values.clone()));
    }
    if let Some(path) = token.form.get("fmi_path") {
        let subject = format!(
            "/eid1/c/pub/t/{}/a/{}/{path}",
            token.tenant, token.application.client_id
        );
        further.push(("sub", json!(subject)));
    }
    further
}
