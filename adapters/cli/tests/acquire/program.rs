//! The program's processes: `entra-token emulator` in the background, `entra-token` with arguments, and what came of it.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_tokio::ClientIdentity;
use serde_json::Value;

use crate::Outcome;

pub(crate) const TENANT: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const CLIENT: &str = "11111111-1111-1111-1111-111111111111";

/// What a run printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The steps that `--verbose` printed.
    pub(crate) fn steps(&self) -> Vec<&str> {
        let steps = self.err.lines().filter_map(|line| line.strip_prefix("* "));
        steps.collect()
    }

    /// The step of that name; `None` if there is none.
    pub(crate) fn step(&self, name: &str) -> Option<&str> {
        let steps = self.steps();
        let step = steps.iter().find_map(|step| step.strip_prefix(name))?;
        Some(step.trim())
    }

    /// What was printed with `--output json`.
    pub(crate) fn json(&self) -> serde_json::Result<Value> {
        serde_json::from_str(&self.out)
    }
}

/// The program with these arguments, and an environment that holds nothing but the search path.
pub(crate) fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_entra-token"));
    command
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}

pub(crate) fn run(command: &mut Command) -> io::Result<Run> {
    let output = command.output()?;
    Ok(Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs it with this on its standard input.
pub(crate) fn run_with_input(command: &mut Command, input: &str) -> io::Result<Run> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    Ok(Run {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// A folder of this test's own, empty, with a name that has to be quoted.
pub(crate) fn folder(test: &str) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("acquire, it's {test}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

/// `entra-token emulator` in the background, until this is dropped.
pub(crate) struct Server {
    child: Child,
    /// The JSON line that it printed.
    pub(crate) ready: Value,
    /// What it printed on standard error.
    pub(crate) hints: String,
    /// Where its files are; there is room for others beside.
    pub(crate) folder: PathBuf,
}

impl Server {
    /// One in a folder of its own.
    pub(crate) fn start(test: &str) -> io::Result<Self> {
        Self::start_in(&folder(test)?)
    }

    /// One with its files in that folder.
    pub(crate) fn start_in(folder: &Path) -> io::Result<Self> {
        let hints = folder.join("hints.sh");
        let mut child = program(&["emulator", "--listen", "127.0.0.1:0", "--dir", "files"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(File::create(&hints)?)
            .spawn()?;
        let mut line = String::new();
        let stdout = child.stdout.take();
        let read = stdout.map(|stdout| BufReader::new(stdout).read_line(&mut line));
        let mut server = Self {
            child,
            ready: Value::Null,
            hints: fs::read_to_string(&hints)?,
            folder: folder.to_owned(),
        };
        read.transpose()?;
        server.ready = serde_json::from_str(&line)
            .map_err(|error| io::Error::other(format!("{error}: {line}{}", server.hints)))?;
        Ok(server)
    }

    /// A member of the JSON line.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.ready[name].as_str().unwrap_or_default()
    }

    /// What every `acquire` against it needs, but for the credential.
    pub(crate) fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec!["acquire", "--authority", self.get("authority")];
        arguments.extend(["--client-id", CLIENT, "--scope", self.get("scope")]);
        arguments.extend(["--ca-file", self.get("ca_file")]);
        arguments.extend(["--resolve", self.get("resolve"), "--no-proxy"]);
        arguments
    }

    /// The same with one of them replaced.
    pub(crate) fn arguments_with<'a>(&'a self, old: &str, new: &'a str) -> Vec<&'a str> {
        let mut arguments = self.arguments();
        for argument in &mut arguments {
            if *argument == old {
                *argument = new;
            }
        }
        arguments
    }

    /// `acquire` against it with further arguments.
    pub(crate) fn acquire(&self, further: &[&str]) -> Command {
        program(&[&self.arguments(), further].concat())
    }

    /// The same, run with `--verbose`.
    pub(crate) fn run(&self, further: &[&str]) -> io::Result<Run> {
        run(self.acquire(further).arg("--verbose"))
    }

    pub(crate) fn certificate(&self) -> [&str; 4] {
        [
            "--certificate",
            self.get("certificate"),
            "--key",
            self.get("key"),
        ]
    }

    pub(crate) fn bound_assertion(&self) -> [&str; 6] {
        [
            "--assertion-file",
            self.get("bound_assertion_file"),
            "--binding-certificate",
            self.get("binding_certificate"),
            "--binding-key",
            self.get("binding_key"),
        ]
    }

    /// The thumbprint of the certificate in one of its files.
    pub(crate) fn thumbprint(
        &self,
        certificate: &str,
        key: &str,
    ) -> Result<String, Box<dyn std::error::Error>> {
        let (certificate, key) = (fs::read(self.get(certificate))?, fs::read(self.get(key))?);
        Ok(ClientIdentity::from_pem(certificate, key)?
            .thumbprint()
            .to_string())
    }

    /// A URL of its token endpoint.
    pub(crate) fn endpoint(host: &str) -> String {
        format!("https://{host}/{TENANT}/oauth2/v2.0/token")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The claims of a token.
pub(crate) fn claims(token: &str) -> Result<Value, Box<dyn std::error::Error>> {
    let payload = token.split('.').nth(1).ok_or("no JWT")?;
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload)?)?)
}

/// Arguments, the exit code, and what is said.
pub(crate) type Case<'a> = (&'a [&'a str], i32, &'a [&'a str]);

/// Nothing but errors is printed.
pub(crate) fn assert_refused(server: &Server, cases: &[Case<'_>]) -> Outcome {
    for (arguments, code, said) in cases {
        let got = run(&mut server.acquire(arguments))?;
        assert_eq!(got.code, Some(*code), "{arguments:?}: {got:?}");
        assert_eq!(got.out, "", "{arguments:?}");
        assert!(got.err.starts_with("error: "), "{arguments:?}: {got:?}");
        for part in *said {
            assert!(got.err.contains(part), "{arguments:?}: {part}: {got:?}");
        }
    }
    Ok(())
}
