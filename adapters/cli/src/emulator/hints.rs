//! The command lines to try: a shell script that can be copied piece by piece, also where paths have blanks.

use std::fmt;
use std::path::Path;

/// What the command lines are made of.
pub(super) struct Hints<'a> {
    pub(super) authority: &'a str,
    pub(super) client_id: &'a str,
    pub(super) scope: &'a str,
    pub(super) region: &'a str,
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
        let file = |name| self.file(name);
        let region = self.region;
        let signing = format!(
            "--certificate {} --key {}",
            file("client.pem"),
            file("client.key")
        );
        vec![
            (
                "a client secret; --output token, header or json prints the token",
                format!("--secret-file {}", file("secret.txt")),
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
                format!(
                    "--region {region} --assertion-file {} \\\n    --binding-certificate {} --binding-key {}",
                    file("bound-assertion.jwt"),
                    file("binding.pem"),
                    file("binding.key")
                ),
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
