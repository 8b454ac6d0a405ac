//! Whose token it is to be: the application's own, or that of a user, by what stands for the user.

use clap::Args;
use entra_tokio::{Secret, TokenRequest, User};

use super::failed::Failed;
use super::input::{Given, Input};
use super::loaded::Reading;
use super::together::goes_with;

/// What stands for the user; at most one.
#[derive(Debug, Args)]
#[command(next_help_heading = "For a user (at most one; without, for the application itself)")]
pub(crate) struct GrantArgs {
    /// A user's access token for this application: a token on behalf of that user.
    #[arg(long, value_name = "FILE", group = "grant")]
    on_behalf_of_file: Option<Input>,
    /// A user's refresh token.
    #[arg(long, value_name = "FILE", group = "grant")]
    refresh_token_file: Option<Input>,
    /// An authorization code, which works once.
    #[arg(long, value_name = "FILE", group = "grant")]
    code_file: Option<Input>,
    /// The redirect URI that the code was sent to.
    #[arg(long, value_name = "URI")]
    redirect_uri: Option<String>,
    /// The code's PKCE verifier, if its challenge went out with the authorization request.
    #[arg(long, value_name = "FILE")]
    code_verifier_file: Option<Input>,
    /// A user by name or object id, by a federated identity credential (user_fic); over plain TLS only.
    #[arg(long, value_name = "UPN|OBJECT-ID", group = "grant")]
    federated_user: Option<String>,
    /// The assertion that the application may act for the user: the --federated-user's credential.
    #[arg(long, value_name = "FILE")]
    user_assertion_file: Option<Input>,
}

/// A request for a token of the right one.
pub(crate) struct Asked {
    pub(crate) request: TokenRequest,
    /// What stands for whom, for people; none for the application itself.
    pub(crate) named: Option<String>,
    /// What stands for the user, so that nothing prints it.
    pub(crate) hidden: Vec<Secret>,
}

impl GrantArgs {
    pub(crate) fn inputs(&self) -> [Given<'_>; 5] {
        [
            ("--on-behalf-of-file", &self.on_behalf_of_file),
            ("--refresh-token-file", &self.refresh_token_file),
            ("--code-file", &self.code_file),
            ("--code-verifier-file", &self.code_verifier_file),
            ("--user-assertion-file", &self.user_assertion_file),
        ]
    }

    pub(crate) fn load(&self, scopes: &[String], reading: Reading) -> Result<Asked, Failed> {
        self.check_belongings()?;
        let scopes = scopes.iter().cloned();
        if let Some(input) = &self.on_behalf_of_file {
            let token = reading.word("--on-behalf-of-file", input)?;
            return Ok(Asked {
                request: TokenRequest::on_behalf_of(token.clone(), scopes),
                named: Some(format!("on behalf of the user whose token is in {input}")),
                hidden: vec![token],
            });
        }
        if let Some(input) = &self.refresh_token_file {
            let token = reading.word("--refresh-token-file", input)?;
            return Ok(Asked {
                request: TokenRequest::refreshing(token.clone(), scopes),
                named: Some(format!("refresh token in {input}")),
                hidden: vec![token],
            });
        }
        if let (Some(input), Some(redirect_uri)) = (&self.code_file, &self.redirect_uri) {
            let code = reading.word("--code-file", input)?;
            let request = TokenRequest::redeeming(code.clone(), redirect_uri, scopes);
            let mut asked = Asked {
                request,
                named: Some(format!("authorization code in {input}")),
                hidden: vec![code],
            };
            if let Some(input) = &self.code_verifier_file {
                let verifier = reading.word("--code-verifier-file", input)?;
                asked.request = asked.request.code_verifier(verifier.clone());
                asked.hidden.push(verifier);
            }
            return Ok(asked);
        }
        if let (Some(name), Some(input)) = (&self.federated_user, &self.user_assertion_file) {
            let assertion = reading.word("--user-assertion-file", input)?;
            return Ok(Asked {
                request: TokenRequest::federated_user(assertion.clone(), user(name), scopes),
                named: Some(format!("user {name}, by the assertion in {input}")),
                hidden: vec![assertion],
            });
        }
        Ok(Asked {
            request: TokenRequest::for_app(scopes),
            named: None,
            hidden: Vec::new(),
        })
    }

    fn check_belongings(&self) -> Result<(), Failed> {
        let (code, redirect) = (self.code_file.is_some(), self.redirect_uri.is_some());
        let verifier = self.code_verifier_file.is_some();
        goes_with(redirect, "--redirect-uri", code, "--code-file")?;
        goes_with(verifier, "--code-verifier-file", code, "--code-file")?;
        let (user, assertion) = (
            self.federated_user.is_some(),
            self.user_assertion_file.is_some(),
        );
        goes_with(assertion, "--user-assertion-file", user, "--federated-user")?;
        for (given, option, wanted, there) in [
            (code, "--code-file", "--redirect-uri", redirect),
            (user, "--federated-user", "--user-assertion-file", assertion),
        ] {
            if given && !there {
                return Err(Failed::usage(format_args!("{option} needs {wanted} too")));
            }
        }
        Ok(())
    }
}

/// An object id is a GUID, and no user principal name is one.
fn user(name: &str) -> User {
    let is_guid = name.len() == 36
        && name.char_indices().all(|(place, c)| match place {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    if is_guid {
        User::ObjectId(name.to_owned())
    } else {
        User::PrincipalName(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_known_by_object_id_or_by_name() {
        let id = "33333333-3333-3333-3333-33333333333A";
        assert_eq!(user(id), User::ObjectId(id.to_owned()));
        for name in [
            "ada@contoso.com",
            "33333333-3333-3333-3333-33333333333g",
            "333333333333-3333-3333-33333333333333",
            "33333333-3333-3333-3333-3333333333333",
            "",
        ] {
            assert_eq!(user(name), User::PrincipalName(name.to_owned()));
        }
    }
}
