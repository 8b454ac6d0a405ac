//! Where assertions come from: what `entra-sources` has, and an assertion that somebody handed over, alone or with its certificate.

use std::sync::Arc;
use std::time::Duration;

use entra_sources::{
    AssertionCommand, AssertionFile, AssertionSource, CertificateFiles, ManagedIdentity,
    ProvidedAssertion, ProviderContext, ProviderError, Secret, SourceError, WorkloadIdentity,
};

use super::credential::Identity;
use super::failed::Failed;

/// Any of them.
pub(crate) type Source = Arc<dyn AssertionSource>;

/// An assertion and, maybe, the certificate that it is bound to: both read in one call, as one pair.
pub(crate) struct Pair {
    pub(crate) assertion: Text,
    pub(crate) certificate: Option<CertificateFiles>,
}

/// The assertion of a pair.
pub(crate) enum Text {
    /// In a file, read again when it changes.
    File(AssertionFile),
    /// Read once from where nothing can be read again.
    Given(Secret),
}

impl AssertionSource for Pair {
    fn assertion(&self, _: &ProviderContext) -> Result<ProvidedAssertion, ProviderError> {
        let assertion = match &self.assertion {
            Text::File(file) => file.read()?,
            Text::Given(assertion) => assertion.clone(),
        };
        Ok(match &self.certificate {
            None => ProvidedAssertion::new(assertion),
            Some(files) => ProvidedAssertion::bound(assertion, files.identity()?),
        })
    }
}

/// The words of a command line, quoted as for a shell.
pub(crate) fn words(command: &str) -> Result<(String, Vec<String>), Failed> {
    let mut words = shlex::split(command)
        .ok_or_else(|| Failed::usage("--assertion-command: a quote in it has no end"))?
        .into_iter();
    match words.next() {
        Some(program) => Ok((program, words.collect())),
        None => Err(Failed::usage("--assertion-command: it names no program")),
    }
}

/// A program that prints the assertion. What it writes to standard error is shown: who runs this program reads it.
pub(crate) fn command(command: &str, limit: Duration) -> Result<Source, Failed> {
    let (program, arguments) = words(command)?;
    // Ended before whoever waits for it goes away, and this process with it.
    let limit = limit.saturating_sub(limit / 10);
    Ok(Arc::new(
        AssertionCommand::new(program)
            .args(arguments)
            .timeout(limit)
            .show_errors(),
    ))
}

pub(crate) fn workload() -> Result<Source, Failed> {
    let workload = WorkloadIdentity::from_environment().map_err(of("--workload-identity"))?;
    Ok(Arc::new(workload))
}

pub(crate) fn managed(identity: &Identity, audience: &str) -> Result<ManagedIdentity, Failed> {
    let managed = ManagedIdentity::from_environment().map_err(of("--managed-identity"))?;
    let managed = match identity {
        Identity::System => managed,
        Identity::Assigned(assigned) => managed
            .user_assigned(assigned.clone())
            .map_err(of("--managed-identity"))?,
    };
    Ok(managed.audience(audience))
}

fn of(option: &'static str) -> impl Fn(SourceError) -> Failed {
    move |error| Failed::usage(format_args!("{option}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_words_and_no_shell_reads_them() {
        let split = |text| words(text).ok();
        let cat = |argument: &str| Some(("cat".to_owned(), vec![argument.to_owned()]));
        assert_eq!(split("cat '/it is/here'"), cat("/it is/here"));
        assert_eq!(split(r#"cat "$HOME""#), cat("$HOME"));
        assert_eq!(split("az"), Some(("az".to_owned(), Vec::new())));
        for wrong in ["", "  ", "cat 'x", "''x'"] {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
