//! The provider of assertions: one that was read from a file, or a command that is asked each time.

use std::process::Stdio;

use entra_tokio::{
    Answer, AssertionProvider, ClientIdentity, ProvidedAssertion, ProviderContext, Secret,
};
use serde::Deserialize;
use tokio::process::Command;

/// Where assertions come from.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// It is there already.
    Given(ProvidedAssertion),
    /// A command prints it.
    Command(String),
}

impl AssertionProvider for Source {
    fn assertion(&self, context: ProviderContext) -> Answer<'_, ProvidedAssertion> {
        Box::pin(async move {
            match self {
                Self::Given(assertion) => Ok(assertion.clone()),
                Self::Command(command) => run(command, &context).await.map_err(Into::into),
            }
        })
    }
}

/// What a command prints.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    assertion: String,
    certificate: Option<String>,
    key: Option<String>,
}

/// Whoever stops waiting ends the shell too; what that has started ends when it writes to nobody.
async fn run(command: &str, context: &ProviderContext) -> Result<ProvidedAssertion, String> {
    let child = Command::new("sh")
        .args(["-c", command])
        .env("ENTRA_CLIENT_ID", context.client_id())
        .env("ENTRA_TENANT", context.tenant().unwrap_or_default())
        .env("ENTRA_AUTHORITY", context.authority())
        .env("ENTRA_TOKEN_ENDPOINT", context.token_endpoint())
        .env("ENTRA_FMI_PATH", context.fmi_path().unwrap_or_default())
        .env("ENTRA_CORRELATION_ID", context.correlation_id())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the assertion command did not start: {error}"))?;
    let output = child
        .wait_with_output()
        .await
        .map_err(|error| format!("the assertion command could not be read: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "the assertion command ended with {}",
            output.status
        ));
    }
    parse(&output.stdout)
}

fn parse(printed: &[u8]) -> Result<ProvidedAssertion, String> {
    // serde_json repeats values in its errors, and these are secrets.
    let printed: Printed = serde_json::from_slice(printed).map_err(|error| {
        format!(
            "the assertion command printed no JSON object {{\"assertion\",\"certificate\",\"key\"}}: line {}, column {}",
            error.line(),
            error.column()
        )
    })?;
    let assertion = Secret::new(printed.assertion);
    match printed.certificate {
        None => Ok(ProvidedAssertion::new(assertion)),
        Some(certificate) => {
            let key = printed.key.as_deref().unwrap_or(&certificate);
            let identity = ClientIdentity::from_pem(&certificate, key)
                .map_err(|error| format!("the assertion command's certificate: {error}"))?;
            Ok(ProvidedAssertion::bound(assertion, identity))
        }
    }
}
