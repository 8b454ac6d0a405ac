//! An emulator in this process, so that what the program sent can be read from its records, with everything in files.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use entra_emulator::{
    Application, AssertionSpec, AuthorizationCode, Emulator, KeyKind, RequestRecord, TENANT_ID,
    TestIdentity,
};

use crate::program::{CLIENT, Run, folder, program, run};

pub(crate) const USER: &str = "ada@contoso.onmicrosoft.com";
pub(crate) const REDIRECT_URI: &str = "https://contoso.example/signed-in";
pub(crate) const SCOPE: &str = "https://graph.microsoft.com/User.Read";
const SECRET: &str = "canary~secret";
const ISSUER: &str = "https://issuer.example/";
const SUBJECT: &str = "workload";

/// The example of RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The emulator and the files beside it.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    folder: PathBuf,
    /// Its certificate is registered.
    pub(crate) client: TestIdentity,
    /// Its certificate is the one that the assertion is bound to.
    pub(crate) binding: TestIdentity,
}

type Made<T> = Result<T, Box<dyn std::error::Error>>;

impl World {
    /// One with two codes without a challenge and two with it: `code-1`, `code-2`, `pkce-1`, `pkce-2`.
    pub(crate) fn start(test: &str) -> Made<Self> {
        let client = TestIdentity::generate(KeyKind::P256, "client")?;
        let binding = TestIdentity::generate(KeyKind::P256, "binding")?;
        let code = |code| AuthorizationCode::new(code, REDIRECT_URI).user(USER);
        let application = Application::new(CLIENT)
            .secret(SECRET)
            .certificate(client.certificate_der())
            .federated(ISSUER, SUBJECT)
            .code(code("code-1"))
            .code(code("code-2"))
            .code(code("pkce-1").challenge_s256(CHALLENGE))
            .code(code("pkce-2").challenge_s256(CHALLENGE));
        let emulator = Emulator::builder()
            .application(application)
            .login_host("login.contoso.example")
            .start()?;
        let bound = AssertionSpec::new(ISSUER, SUBJECT).bound_to(binding.certificate_der());
        let world = Self {
            folder: folder(test)?,
            emulator,
            client,
            binding,
        };
        world.write("ca.pem", world.emulator.ca_pem())?;
        world.write("secret", SECRET)?;
        world.write("client.pem", &world.client.pem())?;
        world.write("binding.pem", &world.binding.pem())?;
        world.write("bound.jwt", &world.emulator.issue_assertion(&bound))?;
        let user = world.emulator.issue_user_token(CLIENT, USER);
        world.write("user.jwt", &user)?;
        let refresh = world.emulator.issue_refresh_token(CLIENT, USER);
        world.write("refresh", &refresh)?;
        let plain = AssertionSpec::new(ISSUER, SUBJECT);
        world.write("assertion.jwt", &world.emulator.issue_assertion(&plain))?;
        for code in ["code-1", "code-2", "pkce-1", "pkce-2"] {
            world.write(code, code)?;
        }
        world.write("verifier", VERIFIER)?;
        Ok(world)
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, content: &str) -> std::io::Result<String> {
        fs::write(self.folder.join(name), content)?;
        Ok(self.file(name))
    }

    /// The path of a file.
    pub(crate) fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    /// `acquire` against it, with JSON for output; arguments that begin with `@` are its files.
    pub(crate) fn acquire(&self, further: &[&str]) -> Command {
        let authority = format!("https://login.microsoftonline.com/{TENANT_ID}");
        self.acquire_of(&authority, &[&["--scope", SCOPE], further].concat())
    }

    /// The same of another authority, and with no scope.
    pub(crate) fn acquire_of(&self, authority: &str, further: &[&str]) -> Command {
        let mut acquire = self.command("acquire", authority, further);
        acquire.args(["--output", "json", "--verbose"]);
        acquire
    }

    /// Any command that has the options of `acquire`, against it.
    pub(crate) fn command(&self, name: &str, authority: &str, further: &[&str]) -> Command {
        let mut command = program(&[name, "--authority", authority, "--client-id", CLIENT]);
        command
            .arg("--no-proxy")
            .args(["--resolve", &format!("*:443:{}", self.emulator.address())])
            .args(["--ca-file", &self.file("ca.pem")])
            .current_dir(&self.folder);
        for argument in further {
            match argument.strip_prefix('@') {
                Some(name) => command.arg(self.file(name)),
                None => command.arg(argument),
            };
        }
        command
    }

    pub(crate) fn run(&self, further: &[&[&str]]) -> std::io::Result<Run> {
        run(&mut self.acquire(&further.concat()))
    }

    /// The latest token request.
    pub(crate) fn sent(&self) -> Made<RequestRecord> {
        let last = self.emulator.token_requests().pop();
        Ok(last.ok_or("no token request was sent")?)
    }
}

/// The credentials by their arguments.
pub(crate) const BY_SECRET: &[&str] = &["--secret-file", "@secret"];
pub(crate) const BY_CERTIFICATE: &[&str] = &["--certificate", "@client.pem"];
pub(crate) const BY_PAIR: &[&str] = &[
    "--assertion-file",
    "@bound.jwt",
    "--binding-certificate",
    "@binding.pem",
    "--region",
    "eastus",
];
