//! Python with `msal`: found, installed once into the folder for files of tests, and run on scripts that stand beside this file.
//!
//! Whoever has no `python3` is told so and goes without; whatever else goes wrong is an error.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The version of `msal` that is installed.
pub(crate) const MSAL: &str = "1.39.0";

/// A `python3` that can import `msal`.
pub(crate) struct Python {
    packages: PathBuf,
}

impl Python {
    /// Python with `msal`; `None`, and a line on standard error, where there is no `python3`.
    pub(crate) fn with_msal() -> Option<&'static Self> {
        static FOUND: OnceLock<Result<Option<Python>, String>> = OnceLock::new();
        match FOUND.get_or_init(Self::find) {
            Ok(found) => found.as_ref(),
            Err(reason) => panic!("msal {MSAL} cannot be had: {reason}"),
        }
    }

    fn find() -> Result<Option<Self>, String> {
        // Some of the packages are compiled: they serve this version of Python on this platform.
        let ask = "import sys, sysconfig; print(sys.implementation.cache_tag, sysconfig.get_platform(), sep='-')";
        let answer = match Command::new("python3").args(["-c", ask]).output() {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Past the test harness, which keeps what `eprintln!` says from those whose tests pass.
                let _ = writeln!(
                    std::io::stderr(),
                    "SKIPPED: there is no python3, so nothing is shown about msal {MSAL}"
                );
                return Ok(None);
            }
            answer => succeeded(answer)?,
        };
        let kind = String::from_utf8_lossy(&answer);
        let name = format!("msal-{MSAL}-{}", kind.trim());
        let packages = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        if !packages.is_dir() {
            install(&packages)?;
        }
        Ok(Some(Self { packages }))
    }

    /// Runs a script of this folder on a JSON value; returns the one that it prints.
    pub(crate) fn run(&self, script: &str, input: &Value) -> Value {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/msal");
        let mut child = Command::new("python3")
            .arg(folder.join(script))
            .env("PYTHONPATH", &self.packages)
            // msal takes its region from these.
            .env_remove("REGION_NAME")
            .env_remove("MSAL_FORCE_REGION")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let written = stdin.unwrap().write_all(input.to_string().as_bytes());
        let printed = succeeded(child.wait_with_output()).unwrap();
        written.unwrap();
        serde_json::from_slice(&printed).unwrap()
    }
}

/// Installs beside the final place and moves there as a whole, so that several test programs may do it at the same time.
fn install(packages: &Path) -> Result<(), String> {
    let mut beside = packages.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let beside = PathBuf::from(beside);
    let _ = fs::remove_dir_all(&beside);
    let pip = Command::new("python3")
        .args([
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ])
        .arg("--target")
        .arg(&beside)
        .arg(format!("msal=={MSAL}"))
        .output();
    succeeded(pip)?;
    match fs::rename(&beside, packages) {
        // Somebody else was faster.
        Err(_) if packages.is_dir() => fs::remove_dir_all(&beside),
        moved => moved,
    }
    .map_err(|error| error.to_string())
}

/// What a program printed, if it ended well; else what it complained of.
fn succeeded(ended: std::io::Result<std::process::Output>) -> Result<Vec<u8>, String> {
    let output = ended.map_err(|error| format!("python3: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!(
        "{}\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    ))
}
