//! Secrets from elsewhere than the arguments: a file, standard input, or a variable.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use entra_tokio::Secret;

use super::failed::{Failed, printable};

/// Where a secret is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Input {
    /// In this file.
    File(PathBuf),
    /// On standard input.
    Stdin,
    /// In the variable of this name.
    Variable(String),
}

impl From<OsString> for Input {
    /// `-`, `env:NAME` as openssl has it, or a path.
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("-") => Self::Stdin,
            Some(text) => match text.strip_prefix("env:") {
                Some(name) => Self::Variable(name.to_owned()),
                None => Self::File(text.into()),
            },
            None => Self::File(text.into()),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.write_str(&shown(path)),
            Self::Stdin => f.write_str("standard input"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// A path for people. Who writes the secret itself in its place must not find it in a log.
pub(crate) fn shown(path: &Path) -> String {
    printable(&path.display().to_string(), &[])
}

impl Input {
    /// The text without line ends behind it, which an editor or `echo` has put there.
    pub(crate) fn read(&self, option: &str) -> Result<Secret, Failed> {
        let wrong = |shown: &str, error| Failed::usage(format_args!("{option} {shown}: {error}"));
        let text = match self {
            Self::File(path) => {
                fs::read_to_string(path).map_err(|error| wrong(&shown(path), error))?
            }
            Self::Stdin => io::read_to_string(io::stdin()).map_err(|error| wrong("-", error))?,
            Self::Variable(name) => variable(option, name)?,
        };
        Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
    }

    /// The same for what has no blanks around it, and is never empty.
    pub(crate) fn read_word(&self, option: &str) -> Result<Secret, Failed> {
        let text = self.read(option)?;
        let word = text.expose().trim();
        if word.is_empty() {
            return Err(Failed::usage(format_args!(
                "{option}: there is nothing in {self}"
            )));
        }
        Ok(Secret::new(word))
    }
}

/// An option with where its secret is, if it is given.
pub(crate) type Given<'a> = (&'static str, &'a Option<Input>);

/// A file that is named.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    /// The option or the variable that names it.
    pub(crate) option: &'static str,
    pub(crate) path: PathBuf,
    /// Whether what is in it is nobody else's business.
    pub(crate) is_secret: bool,
}

impl Named {
    /// A file with a secret; nothing if the secret is elsewhere.
    pub(crate) fn of((option, input): Given<'_>) -> Option<Self> {
        match input {
            Some(Input::File(path)) => Some(Self {
                option,
                path: path.clone(),
                is_secret: true,
            }),
            Some(Input::Stdin | Input::Variable(_)) | None => None,
        }
    }
}

/// Standard input can be read for one option only; this is said before anything is read.
pub(crate) fn check_stdin<'a>(given: impl IntoIterator<Item = Given<'a>>) -> Result<(), Failed> {
    let mut from_stdin = given
        .into_iter()
        .filter(|(_, input)| matches!(input, Some(Input::Stdin)));
    match (from_stdin.next(), from_stdin.next()) {
        (Some((first, _)), Some((second, _))) => Err(Failed::usage(format_args!(
            "{first} and {second} can't both read standard input; put one of them into a file or a variable"
        ))),
        _ => Ok(()),
    }
}

/// Who writes the secret itself in place of the name must not find it in a log either.
fn variable(option: &str, name: &str) -> Result<String, Failed> {
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| !c.is_ascii_digit());
    if !is_name {
        return Err(Failed::usage(format_args!(
            "{option} takes the name of a variable, not the secret itself"
        )));
    }
    std::env::var(name).map_err(|error| {
        let what = match error {
            std::env::VarError::NotPresent => "is not set",
            std::env::VarError::NotUnicode(_) => "is no text",
        };
        Failed::usage(format_args!("{option}: the variable {name} {what}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_may_be_in_a_file_a_variable_or_on_standard_input() {
        for (text, input) in [
            ("-", Input::Stdin),
            ("env:NAME", Input::Variable("NAME".to_owned())),
            ("./env:NAME", Input::File("./env:NAME".into())),
            ("secret.txt", Input::File("secret.txt".into())),
            ("./-", Input::File("./-".into())),
        ] {
            assert_eq!(Input::from(OsString::from(text)), input);
        }
    }

    #[test]
    fn sec13_a_token_in_place_of_a_path_is_not_repeated() {
        let token = format!("eyJ{}.{}", "a".repeat(40), "b".repeat(40));
        assert_eq!(shown(Path::new(&token)), "[hidden]");
        assert_eq!(shown(Path::new("/it's/here.jwt")), "/it's/here.jwt");
    }
}
