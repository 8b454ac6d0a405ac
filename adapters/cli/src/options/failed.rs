//! Why there is no token: what is said on standard error, and the exit code.

use std::fmt::Display;
use std::io;
use std::process::ExitCode;

use entra_tokio::{Error, Fault, Secret};

use crate::console::complain;

/// Why nothing was printed.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The arguments, or the files and variables that they name.
    Usage(String),
    /// The client could not be built, or it got no token.
    Acquisition {
        error: Error,
        /// What must not be repeated, also if the service echoes it.
        hidden: Vec<Secret>,
    },
    /// What would happen, if it were tried: no log knows its correlation id.
    Foreseen(Error),
    /// There is a token, and it could not be printed.
    Output(io::Error),
}

impl From<Error> for Failed {
    /// Of a client that can't be built: nobody has echoed anything.
    fn from(error: Error) -> Self {
        Self::Acquisition {
            error,
            hidden: Vec::new(),
        }
    }
}

impl Failed {
    pub(crate) fn usage(what: impl Display) -> Self {
        Self::Usage(what.to_string())
    }

    /// Says it on standard error. The exit code is 2 for what can't work until somebody changes it, as for arguments that can't be
    /// parsed, and 1 for everything else.
    pub(crate) fn report(&self) -> ExitCode {
        match self {
            Self::Usage(what) => {
                complain(format_args!("error: {what}"));
                ExitCode::from(2)
            }
            Self::Acquisition { error, hidden } => {
                complain(format_args!("error: {}", in_our_words(error)));
                for (whose, said) in [
                    ("the service says", error.description()),
                    ("reported", error.reported()),
                    ("to be answered with --claims JSON", error.claims()),
                ] {
                    if let Some(said) = said {
                        complain(format_args!("  {whose}: {}", printable(said, hidden)));
                    }
                }
                exit_code(error)
            }
            Self::Foreseen(error) => {
                let (code, what, advice) = (error.code(), what(error), advice(error));
                complain(format_args!("error: {code}: {what}; {advice}"));
                exit_code(error)
            }
            Self::Output(error) => {
                complain(format_args!(
                    "error: the token could not be printed: {error}"
                ));
                ExitCode::FAILURE
            }
        }
    }
}

fn exit_code(error: &Error) -> ExitCode {
    if error.fault() == Fault::Caller {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}

/// The error's text, with what to do here.
fn in_our_words(error: &Error) -> String {
    advised(error, advice(error))
}

/// What to do about an error; where its own advice speaks of the library, what to do here.
pub(crate) fn advice(error: &Error) -> &'static str {
    match error.code() {
        "mtls_bearer_without_region" | "mtls_pop_without_region" => {
            "give --region NAME or --region discover, or --region-optional for the cloud's global host"
        }
        "region_required_for_mtls_pop" => {
            "give --region NAME, or --region-optional for the cloud's global host"
        }
        "invalid_region" => "give a region's short name, such as eastus, or --region discover",
        "mtls_certificate_not_provided" => {
            "give --certificate, or an assertion together with its --binding-certificate"
        }
        "mtls_pop_not_supported_for_environment" => {
            "use the cloud's login host, or list your own login host with --known-authority"
        }
        "invalid_instance" => {
            "check the authority's host, or list it with --known-authority if you vouch for it"
        }
        "request_timeout" => "try again, or allow a longer --deadline",
        "tls_failed" => {
            "check the trusted roots (--ca-file), the clock, and whatever inspects TLS on the way"
        }
        "invalid_client_assertion" => "give a signed JWT and nothing around it",
        "assertion_provider_failed" => "look at what it reported",
        _ => error.advice(),
    }
}

/// What is wrong: the error's text without its code and what comes after it.
pub(crate) fn what(error: &Error) -> String {
    let text = error.to_string();
    let code = format!("{}: ", error.code());
    let text = text.strip_prefix(&code).unwrap_or(&text);
    let advice = format!("; {}", error.advice());
    text.split(&advice).next().unwrap_or_default().to_owned()
}

/// The error's text with other advice.
pub(crate) fn advised(error: &Error, advice: &str) -> String {
    error.to_string().replacen(error.advice(), advice, 1)
}

/// Words of others for a terminal and for logs: without control characters, and without what may be an echo of what was sent, which is
/// a secret itself, or whatever is as long as an assertion.
pub(crate) fn printable(text: &str, hidden: &[Secret]) -> String {
    /// Longer than a thumbprint or an id, shorter than any JWT.
    const LONGEST: usize = 64;
    let mut text = text.to_owned();
    for secret in hidden {
        if !secret.expose().is_empty() {
            text = text.replace(secret.expose(), "[hidden]");
        }
    }
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-._~+=".contains(c);
    let mut shown = String::new();
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let run = rest.find(|c| !is_of_token(c)).unwrap_or(rest.len());
        let (piece, behind) = rest.split_at(run.max(first.len_utf8()));
        if run > LONGEST {
            shown.push_str("[hidden]");
        } else {
            for c in piece.chars() {
                match c {
                    '\'' | '"' | '\\' => shown.push(c),
                    _ => shown.extend(c.escape_debug()),
                }
            }
        }
        rest = behind;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec01_an_echo_of_the_secret_or_of_an_assertion_is_not_printed() {
        let jwt = format!(
            "eyJ{}.{}.{}",
            "a".repeat(30),
            "b".repeat(30),
            "c".repeat(30)
        );
        let said = format!("AADSTS7000215: 'hunter2~' for app 'x', {jwt}!");
        assert_eq!(
            printable(&said, &[Secret::new("other"), Secret::new("hunter2~")]),
            "AADSTS7000215: '[hidden]' for app 'x', [hidden]!"
        );
    }

    #[test]
    fn ids_and_thumbprints_stay_and_control_characters_do_not() {
        let said = "R9C_u5xvcSjbEtC8pV3ppKtxyvXujszVogRtUBya5CY\u{1b}[2J\r\nä\u{202e}";
        assert_eq!(
            printable(said, &[]),
            "R9C_u5xvcSjbEtC8pV3ppKtxyvXujszVogRtUBya5CY\\u{1b}[2J\\r\\nä\\u{202e}"
        );
    }
}
