//! The command lines to try: a shell script that can be copied piece by piece, also where paths have blanks.

use std::fmt;
use std::path::Path;

/// What the command lines are made of.
pub(super) struct Hints<'a> {
    pub(super) authority: &'a str,
    pub(super) client_id: &'a str,
    pub(super) scope: &'a str,
    pub(super) region: &'a str,
    pub(super) user: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) resolve: &'a str,
    pub(super) imds_resolve: &'a str,
    pub(super) dir: &'a Path,
}

impl Hints<'_> {
    /// The shell command that prints the bound assertion with its certificate and key.
    pub(super) fn command(&self) -> String {
        format!("cat {}", self.file("bound-assertion.json"))
    }

    fn file(&self, name: &str) -> String {
        quoted(&self.dir.join(name).display().to_string())
    }

    /// What differs, each with what it shows.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = self.for_the_application();
        lines.extend(self.for_a_user());
        lines
    }

    fn for_the_application(&self) -> Vec<(&'static str, String)> {
        let region = self.region;
        let signing = format!(
            "--certificate {} --key {}",
            self.file("client.pem"),
            self.file("client.key")
        );
        vec![
            (
                "a client secret; --output token, header or json prints the token",
                self.secret(),
            ),
            (
                "a certificate that signs an assertion, over plain TLS",
                signing.clone(),
            ),
            (
                "the same, presented in the handshake too",
                format!("{signing} --send-over-mtls --region {region}"),
            ),
            (
                "a proof-of-possession token, the region from the metadata service",
                format!(
                    "{signing} --pop --region discover \\\n    --resolve {}",
                    quoted(self.imds_resolve)
                ),
            ),
            (
                "implicit mutual TLS: an assertion with the certificate that it is bound to",
                self.pair(),
            ),
            (
                "the same from a command",
                format!(
                    "--region {region} --assertion-command {}",
                    quoted(&self.command())
                ),
            ),
        ]
    }

    fn for_a_user(&self) -> Vec<(&'static str, String)> {
        let (secret, pair) = (self.secret(), self.pair());
        vec![
            (
                "on behalf of a user who sent the application a token, over implicit mutual TLS",
                format!(
                    "{pair} \\\n    --on-behalf-of-file {}",
                    self.file("user-token.jwt")
                ),
            ),
            (
                "a user's refresh token",
                format!(
                    "{secret} --refresh-token-file {}",
                    self.file("refresh-token.txt")
                ),
            ),
            (
                "an authorization code, which works once",
                format!(
                    "{secret} --code-file {} \\\n    --redirect-uri {}",
                    self.file("code.txt"),
                    self.redirect_uri
                ),
            ),
            (
                "another with PKCE, over implicit mutual TLS",
                format!(
                    "{pair} \\\n    --code-file {} --redirect-uri {} \\\n    --code-verifier-file {}",
                    self.file("code-with-pkce.txt"),
                    self.redirect_uri,
                    self.file("code-verifier.txt")
                ),
            ),
            (
                "a user by a federated identity credential",
                format!(
                    "{secret} \\\n    --federated-user {} --user-assertion-file {}",
                    self.user,
                    self.file("user-assertion.jwt")
                ),
            ),
        ]
    }

    fn secret(&self) -> String {
        format!("--secret-file {}", self.file("secret.txt"))
    }

    fn pair(&self) -> String {
        format!(
            "--region {} --assertion-file {} \\\n    --binding-certificate {} --binding-key {}",
            self.region,
            self.file("bound-assertion.jwt"),
            self.file("binding.pem"),
            self.file("binding.key")
        )
    }
}

impl fmt::Display for Hints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = std::env::args().next();
        let program = quoted(program.as_deref().unwrap_or("entra-token"));
        for (shows, differs) in self.lines() {
            write!(
                f,
                "\n# {shows}\n{program} acquire --authority {} \\\n    --client-id {} --scope {} \\\n    --ca-file {} --resolve {} --no-proxy --verbose \\\n    {differs}\n",
                self.authority,
                self.client_id,
                self.scope,
                self.file("ca.pem"),
                quoted(self.resolve),
            )?;
        }
        Ok(())
    }
}

/// As the shell wants it. No path has a NUL byte, the one thing that cannot be quoted.
fn quoted(text: &str) -> String {
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), Into::into)
}
