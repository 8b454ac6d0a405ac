//! The credential: which one the options or the variables of other Azure tools name. Never a secret among the arguments, where every
//! user of the machine can read it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use entra_sources::{EXCHANGE_AUDIENCE, UserAssigned};

use super::authority::variable;
use super::certificate::{CertificateFile, Token};
use super::failed::Failed;
use super::input::{Given, Input, Named};
use super::loaded::{Chosen, Loaded, Reading};
use super::sources::words;
use super::together::goes_with;

/// Exactly one credential.
#[derive(Debug, Args)]
#[command(next_help_heading = "Credential (exactly one)")]
pub(crate) struct CredentialArgs {
    /// The variable that holds the client secret.
    #[arg(long, value_name = "VARIABLE", group = "credential")]
    secret_env: Option<String>,
    /// The client secret.
    #[arg(long, value_name = "FILE", group = "credential")]
    secret_file: Option<Input>,
    /// A certificate chain in PEM, the leaf first; the private key may stand in the same file. PKCS#12 if the name ends in .pfx or .p12.
    #[arg(long, value_name = "FILE", group = "credential")]
    certificate: Option<PathBuf>,
    /// The private key of --certificate, in PEM.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The password of a --certificate in PKCS#12.
    #[arg(long, value_name = "FILE")]
    certificate_password_file: Option<Input>,
    /// A PKCS#11 module, which is code that runs in this process: the key stays in its token.
    #[arg(long, value_name = "LIBRARY", group = "credential")]
    pkcs11_module: Option<PathBuf>,
    /// The label of the token behind --pkcs11-module.
    #[arg(long, value_name = "LABEL")]
    pkcs11_token: Option<String>,
    /// The label of the certificate in that token; its key has the same id.
    #[arg(long, value_name = "LABEL")]
    pkcs11_certificate: Option<String>,
    /// The token's PIN.
    #[arg(long, value_name = "FILE")]
    pkcs11_pin_file: Option<Input>,
    /// Put the certificate into the header of the assertion that it signs.
    #[arg(long)]
    send_x5c: bool,
    /// Present the certificate in the handshake as well as signing with it.
    #[arg(long)]
    send_over_mtls: bool,
    /// A federated assertion.
    #[arg(long, value_name = "FILE", group = "credential")]
    assertion_file: Option<Input>,
    /// The certificate (as --certificate) that the assertion is bound to: moves the request to mutual TLS.
    #[arg(long, value_name = "FILE")]
    binding_certificate: Option<PathBuf>,
    /// The private key (PEM) of --binding-certificate; it may stand in the same file.
    #[arg(long, value_name = "FILE")]
    binding_key: Option<PathBuf>,
    /// A program with its arguments that prints a JWT, or {"assertion":"…","certificate":"PEM","key":"PEM"}; the last two only if the
    /// assertion is bound. Words may be quoted as for a shell, but none reads them. It is told the context in ENTRA_CLIENT_ID,
    /// ENTRA_TENANT, ENTRA_AUTHORITY, ENTRA_TOKEN_ENDPOINT, ENTRA_FMI_PATH and ENTRA_CORRELATION_ID.
    #[arg(long, value_name = "COMMAND", group = "credential")]
    assertion_command: Option<String>,
    /// The assertion of AKS workload identity, as AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE say.
    #[arg(long, group = "credential")]
    workload_identity: bool,
    /// The token of this machine's managed identity as the assertion: system, or client-id:ID, object-id:ID, resource-id:ID.
    #[arg(long, value_name = "WHICH", group = "credential", value_parser = parse_identity)]
    managed_identity: Option<Identity>,
    /// The audience of the --managed-identity's token.
    #[arg(long, value_name = "URI", default_value = EXCHANGE_AUDIENCE)]
    exchange_audience: String,
}

/// A managed identity: the machine's own, or one that a user assigned to it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Identity {
    System,
    Assigned(UserAssigned),
}

impl CredentialArgs {
    /// Whether a program makes it, which is told the context.
    pub(crate) fn is_command(&self) -> bool {
        self.assertion_command.is_some()
    }

    /// The program that makes it, if one does.
    pub(crate) fn program(&self) -> Option<String> {
        let command = self.assertion_command.as_deref()?;
        words(command).ok().map(|(program, _)| program)
    }

    /// Whether an option names it, and no variable.
    pub(crate) fn is_by_option(&self) -> bool {
        self.by_option().is_ok_and(|chosen| chosen.is_some())
    }

    /// The files that it is in.
    pub(crate) fn files(&self) -> Vec<Named> {
        self.chosen()
            .map_or_else(|_| Vec::new(), |chosen| chosen.files())
    }

    pub(crate) fn inputs(&self) -> [Given<'_>; 4] {
        [
            ("--secret-file", &self.secret_file),
            (
                "--certificate-password-file",
                &self.certificate_password_file,
            ),
            ("--pkcs11-pin-file", &self.pkcs11_pin_file),
            ("--assertion-file", &self.assertion_file),
        ]
    }

    /// The credential with what stands behind it, read as `reading` says. A command may take as long as `limit`.
    pub(crate) fn load(&self, reading: Reading, limit: Duration) -> Result<Loaded, Failed> {
        let chosen = self.chosen()?;
        let is_certificate = chosen.is_certificate();
        self.check_belongings(is_certificate)?;
        let mut loaded = chosen.load(reading, limit)?;
        if self.send_x5c || is_certificate && is_set("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN") {
            loaded.credential = loaded.credential.send_x5c();
        }
        if self.send_over_mtls {
            loaded.credential = loaded.credential.send_over_mtls();
        }
        Ok(loaded)
    }

    fn check_belongings(&self, is_certificate: bool) -> Result<(), Failed> {
        let certificate = self.certificate.is_some();
        let module = self.pkcs11_module.is_some();
        let binding = self.binding_certificate.is_some();
        let command = self.exchange_audience != EXCHANGE_AUDIENCE;
        for (given, option, fits, with) in [
            (self.key.is_some(), "--key", certificate, "--certificate"),
            (
                self.certificate_password_file.is_some(),
                "--certificate-password-file",
                certificate,
                "--certificate",
            ),
            (
                self.pkcs11_token.is_some(),
                "--pkcs11-token",
                module,
                "--pkcs11-module",
            ),
            (
                self.pkcs11_certificate.is_some(),
                "--pkcs11-certificate",
                module,
                "--pkcs11-module",
            ),
            (
                self.pkcs11_pin_file.is_some(),
                "--pkcs11-pin-file",
                module,
                "--pkcs11-module",
            ),
            (self.send_x5c, "--send-x5c", is_certificate, "--certificate"),
            (
                self.send_over_mtls,
                "--send-over-mtls",
                is_certificate,
                "--certificate",
            ),
            (
                binding,
                "--binding-certificate",
                self.assertion_file.is_some(),
                "--assertion-file",
            ),
            (
                self.binding_key.is_some(),
                "--binding-key",
                binding,
                "--binding-certificate",
            ),
            (
                command,
                "--exchange-audience",
                self.managed_identity.is_some(),
                "--managed-identity",
            ),
        ] {
            goes_with(given, option, fits, with)?;
        }
        Ok(())
    }

    /// What an option names; else what the variables of other Azure tools do, in their order.
    pub(crate) fn chosen(&self) -> Result<Chosen, Failed> {
        match self.by_option()? {
            Some(chosen) => Ok(chosen),
            None => by_variable().ok_or_else(|| {
                Failed::usage(
                    "no credential; give one of --secret-env, --secret-file, --certificate, --pkcs11-module, --assertion-file, --assertion-command, --workload-identity, --managed-identity",
                )
            }),
        }
    }

    fn by_option(&self) -> Result<Option<Chosen>, Failed> {
        if let Some(name) = &self.secret_env {
            let input = Input::Variable(name.clone());
            return Ok(Some(Chosen::Secret("--secret-env", input)));
        }
        if let Some(input) = &self.secret_file {
            return Ok(Some(Chosen::Secret("--secret-file", input.clone())));
        }
        if let Some(path) = &self.certificate {
            return Ok(Some(Chosen::Certificate(CertificateFile {
                option: "--certificate",
                path: path.clone(),
                key: self.key.clone().map(|key| ("--key", key)),
                password: self
                    .certificate_password_file
                    .clone()
                    .map(|password| ("--certificate-password-file", password)),
            })));
        }
        if let Some(module) = &self.pkcs11_module {
            return self.token(module.clone()).map(Chosen::Token).map(Some);
        }
        if let Some(input) = &self.assertion_file {
            let binding = self.binding_certificate.clone();
            return Ok(Some(Chosen::Assertion {
                option: "--assertion-file",
                input: input.clone(),
                binding: binding.map(|path| CertificateFile {
                    option: "--binding-certificate",
                    path,
                    key: self.binding_key.clone().map(|key| ("--binding-key", key)),
                    password: None,
                }),
            }));
        }
        if let Some(command) = &self.assertion_command {
            return Ok(Some(Chosen::Command(command.clone())));
        }
        if self.workload_identity {
            return Ok(Some(Chosen::Workload));
        }
        Ok(self
            .managed_identity
            .clone()
            .map(|identity| Chosen::Managed(identity, self.exchange_audience.clone())))
    }

    fn token(&self, module: PathBuf) -> Result<Token, Failed> {
        let needs =
            |option| move || Failed::usage(format_args!("--pkcs11-module needs {option} too"));
        Ok(Token {
            module,
            label: self
                .pkcs11_token
                .clone()
                .ok_or_else(needs("--pkcs11-token"))?,
            certificate: self
                .pkcs11_certificate
                .clone()
                .ok_or_else(needs("--pkcs11-certificate"))?,
            pin: self
                .pkcs11_pin_file
                .clone()
                .ok_or_else(needs("--pkcs11-pin-file"))?,
        })
    }
}

fn by_variable() -> Option<Chosen> {
    let name = "AZURE_CLIENT_SECRET";
    if variable(name).is_some() {
        return Some(Chosen::Secret(name, Input::Variable(name.to_owned())));
    }
    let name = "AZURE_CLIENT_CERTIFICATE_PATH";
    if let Some(path) = variable(name) {
        let password = "AZURE_CLIENT_CERTIFICATE_PASSWORD";
        let given = variable(password).map(|_| Input::Variable(password.to_owned()));
        return Some(Chosen::Certificate(CertificateFile {
            option: name,
            path: path.into(),
            key: None,
            password: given.map(|input| (password, input)),
        }));
    }
    let name = "AZURE_FEDERATED_TOKEN_FILE";
    variable(name).map(|path| Chosen::Assertion {
        option: name,
        input: Input::File(path.into()),
        binding: None,
    })
}

/// `1` and `true` switch on, as in other Azure tools.
fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
}

fn parse_identity(text: &str) -> Result<Identity, String> {
    let assigned = match text.split_once(':') {
        None if text == "system" => return Ok(Identity::System),
        Some(("client-id", id)) if !id.is_empty() => UserAssigned::ClientId(id.to_owned()),
        Some(("object-id", id)) if !id.is_empty() => UserAssigned::ObjectId(id.to_owned()),
        Some(("resource-id", id)) if !id.is_empty() => UserAssigned::ResourceId(id.to_owned()),
        None | Some(_) => {
            return Err("write system, client-id:ID, object-id:ID or resource-id:ID".to_owned());
        }
    };
    Ok(Identity::Assigned(assigned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_managed_identity_is_the_systems_or_has_one_of_three_names() {
        let id = || "4".to_owned();
        for (text, identity) in [
            ("system", Identity::System),
            (
                "client-id:4",
                Identity::Assigned(UserAssigned::ClientId(id())),
            ),
            (
                "object-id:4",
                Identity::Assigned(UserAssigned::ObjectId(id())),
            ),
            (
                "resource-id:4",
                Identity::Assigned(UserAssigned::ResourceId(id())),
            ),
        ] {
            assert_eq!(parse_identity(text), Ok(identity));
        }
        for wrong in ["", "System", "client-id:", "4", "name:4", "system:"] {
            assert!(parse_identity(wrong).is_err(), "{wrong}");
        }
    }
}
