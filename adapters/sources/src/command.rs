//! A program that prints an assertion: run anew each time, without a shell, bounded in time and size.

use std::ffi::OsString;
use std::fmt;
use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use entra_adapter::{AssertionSource, ClientIdentity, ProvidedAssertion, ProviderError};
use entra_proto::{ProviderContext, Secret};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::SourceError;
use crate::hidden::Hidden;
use crate::jwt::{Assertion, MOST};

/// How often a program is asked that has said everything and has not ended.
const STEP: Duration = Duration::from_millis(5);

/// A program that prints an assertion, as `az account get-access-token --query accessToken --output tsv` does.
///
/// It prints either a JWT, or a JSON object with `assertion` and, if that is bound to a certificate, with `certificate` and `key` in
/// PEM (the key may stand in the certificate's text). It is told what the assertion is for in `ENTRA_CLIENT_ID`, `ENTRA_TENANT`,
/// `ENTRA_AUTHORITY`, `ENTRA_TOKEN_ENDPOINT`, `ENTRA_FMI_PATH` and `ENTRA_CORRELATION_ID`, reads nothing, and what it writes to
/// standard error goes nowhere: it may repeat secrets. Its arguments are handed over as they are; there is no shell to read them.
///
/// ```
/// use entra_sources::AssertionCommand;
///
/// let az = AssertionCommand::new("az").args([
///     "account", "get-access-token", "--resource", "api://AzureADTokenExchange", "--query", "accessToken", "--output", "tsv",
/// ]);
/// assert_eq!(format!("{az:?}"), "AssertionCommand { program: \"az\", .. }");
/// ```
#[derive(Clone)]
pub struct AssertionCommand {
    program: OsString,
    arguments: Vec<OsString>,
    limit: Duration,
    shows_errors: bool,
}

/// What a program prints, if it is no JWT.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Printed {
    assertion: Hidden,
    certificate: Option<Hidden>,
    key: Option<Hidden>,
}

impl AssertionCommand {
    /// This program, found as the system finds programs.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            limit: Duration::from_secs(8),
            shows_errors: false,
        }
    }

    /// With these arguments besides. Other users of the machine can read them: no place for secrets.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// How long it may take, after which it is ended with all that it has started (on Unix; elsewhere alone); 8 s unless said,
    /// which is less than a provider may take.
    #[must_use]
    pub fn timeout(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Lets it write to this process's standard error. Whether that repeats secrets is up to the program.
    #[must_use]
    pub fn show_errors(self) -> Self {
        Self {
            shows_errors: true,
            ..self
        }
    }

    fn start(&self, context: &ProviderContext) -> Result<Running, SourceError> {
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env("ENTRA_CLIENT_ID", context.client_id())
            .env("ENTRA_TENANT", context.tenant().unwrap_or_default())
            .env("ENTRA_AUTHORITY", context.authority())
            .env("ENTRA_TOKEN_ENDPOINT", context.token_endpoint())
            .env("ENTRA_FMI_PATH", context.fmi_path().unwrap_or_default())
            .env("ENTRA_CORRELATION_ID", context.correlation_id())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(if self.shows_errors {
                Stdio::inherit()
            } else {
                Stdio::null()
            });
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        match command.spawn() {
            Ok(child) => Ok(Running(child)),
            Err(error) => Err(SourceError::NotStarted(error.kind())),
        }
    }

    fn run(&self, context: &ProviderContext) -> Result<Zeroizing<Vec<u8>>, SourceError> {
        let deadline = Instant::now().checked_add(self.limit);
        let left = || match deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => self.limit,
        };
        let mut running = self.start(context)?;
        let Some(output) = running.0.stdout.take() else {
            return Err(SourceError::Unreadable);
        };
        let (sender, receiver) = sync_channel(1);
        thread::Builder::new()
            .name("entra-command".to_owned())
            .spawn(move || {
                // Nobody receives what comes too late.
                let _ = sender.send(read(output));
            })
            .map_err(|error| SourceError::NotStarted(error.kind()))?;
        let printed = match receiver.recv_timeout(left()) {
            Ok(printed) => printed?,
            Err(RecvTimeoutError::Timeout) => return Err(SourceError::TooSlow),
            Err(RecvTimeoutError::Disconnected) => return Err(SourceError::Unreadable),
        };
        loop {
            match running.ended()? {
                Some(status) if status.success() => return Ok(printed),
                Some(status) => return Err(SourceError::Ended(status.code())),
                None if left().is_zero() => return Err(SourceError::TooSlow),
                None => thread::sleep(STEP.min(left())),
            }
        }
    }
}

impl AssertionSource for AssertionCommand {
    fn assertion(&self, context: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        Ok(parse(&self.run(context)?)?)
    }
}

impl fmt::Debug for AssertionCommand {
    /// Without the arguments, which may hold what they should not.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssertionCommand")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// A program that is ended when nobody waits for it any more.
struct Running(Child);

impl Running {
    fn ended(&mut self) -> Result<Option<ExitStatus>, SourceError> {
        self.0.try_wait().map_err(|_| SourceError::Ended(None))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // What it has started is in its group, and so is it as long as it has not been waited for.
        #[cfg(unix)]
        if let (Ok(None), Some(group)) = (
            self.0.try_wait(),
            i32::try_from(self.0.id())
                .ok()
                .and_then(rustix::process::Pid::from_raw),
        ) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything that it prints, unless that is too much.
fn read(output: impl Read) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let mut printed = Zeroizing::new(Vec::with_capacity(MOST.saturating_add(1)));
    let most = u64::try_from(MOST).unwrap_or(u64::MAX).saturating_add(1);
    match output.take(most).read_to_end(&mut printed) {
        Err(_) => Err(SourceError::Unreadable),
        Ok(_) if printed.len() > MOST => Err(SourceError::TooMuch),
        Ok(_) => Ok(printed),
    }
}

fn parse(printed: &[u8]) -> Result<ProvidedAssertion, SourceError> {
    if printed.trim_ascii_start().first() != Some(&b'{') {
        return Assertion::read(printed)
            .map(|read| ProvidedAssertion::new(read.text))
            .map_err(|_| SourceError::Unreadable);
    }
    // serde_json repeats values in its errors, and these are secrets.
    let printed: Printed = serde_json::from_slice(printed).map_err(|_| SourceError::Unreadable)?;
    let assertion = Secret::new(&*printed.assertion);
    match (&printed.certificate, &printed.key) {
        (None, None) => Ok(ProvidedAssertion::new(assertion)),
        (None, Some(_)) => Err(SourceError::Unreadable),
        (Some(certificate), key) => {
            let key = key.as_ref().unwrap_or(certificate);
            let identity = ClientIdentity::from_pem(&**certificate, &**key)?;
            Ok(ProvidedAssertion::bound(assertion, identity))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec01_what_is_printed_wrongly_is_not_repeated() {
        for wrong in [
            "",
            "canary",
            "{\"assertion\":\"canary\",\"x\":1}",
            "{\"assertion\":7}",
            "{\"assertion\":\"canary\",\"key\":\"canary\"}",
            "{\"assertion\":\"canary\"",
        ] {
            let error = parse(wrong.as_bytes()).unwrap_err();
            assert_eq!(error, SourceError::Unreadable, "{wrong}");
            assert!(!format!("{error} {error:?}").contains("canary"));
        }
        let bad = "{\"assertion\":\"a.b.c\",\"certificate\":\"canary\"}";
        let error = parse(bad.as_bytes()).unwrap_err();
        assert!(matches!(error, SourceError::Identity(_)), "{error}");
        assert!(parse(b"{\"assertion\":\"a.b.c\"}").is_ok());
    }
}
