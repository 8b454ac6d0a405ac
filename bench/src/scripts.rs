//! Peers in other languages: Microsoft's `msal` for Python and `@azure/msal-node`, by the scripts in `bench/peers`, where they are
//! installed.

use std::ffi::OsString;
use std::process::Command;

use serde::Deserialize;

use crate::counts::root;

/// What a script found.
#[derive(Clone, Debug, Deserialize)]
pub struct Scripted {
    /// Of the peer.
    pub version: String,
    /// Nanoseconds of a cached call, by the number of entries.
    pub cached: Vec<(usize, f64)>,
    /// Nanoseconds of a miss whose transport answers at once.
    pub miss: f64,
}

/// Runs the script of `msal`.
///
/// # Errors
/// What is missing, and how to get it.
pub fn msal_for_python(samples: usize, sizes: &[usize]) -> Result<Scripted, String> {
    let packages = root().join("target/peers/python");
    let path = extended("PYTHONPATH", packages.into());
    run(
        Command::new("python3").env("PYTHONPATH", path),
        "time_msal.py",
        samples,
        sizes,
        "pip install --target target/peers/python msal",
    )
}

/// Runs the script of `@azure/msal-node`.
///
/// # Errors
/// What is missing, and how to get it.
pub fn msal_node(samples: usize, sizes: &[usize]) -> Result<Scripted, String> {
    let packages = root().join("target/peers/node_modules");
    let path = extended("NODE_PATH", packages.into());
    run(
        Command::new("node").env("NODE_PATH", path),
        "time_msal_node.js",
        samples,
        sizes,
        "npm install --prefix target/peers @azure/msal-node",
    )
}

/// The variable with one more folder.
fn extended(variable: &str, folder: OsString) -> OsString {
    let mut paths = vec![folder];
    if let Some(others) = std::env::var_os(variable) {
        paths.extend(std::env::split_paths(&others).map(OsString::from));
    }
    std::env::join_paths(paths).unwrap_or_default()
}

fn run(
    program: &mut Command,
    script: &str,
    samples: usize,
    sizes: &[usize],
    install: &str,
) -> Result<Scripted, String> {
    let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
    let output = program
        .arg(root().join("bench/peers").join(script))
        .args([samples.to_string(), sizes.join(",")])
        .output()
        .map_err(|error| format!("{script}: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().rfind(|line| line.contains("rror"));
        let last = last.unwrap_or("it failed");
        return Err(format!("{script}: {last}; to install it: {install}"));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| format!("{script}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let missing = run(
            &mut Command::new("no-such-program"),
            "time_msal.py",
            1,
            &[1],
            "none",
        );
        assert!(missing.unwrap_err().starts_with("time_msal.py: "));
        let failing = run(
            &mut Command::new("false"),
            "time_msal.py",
            1,
            &[1],
            "that way",
        );
        assert_eq!(
            failing.unwrap_err(),
            "time_msal.py: it failed; to install it: that way"
        );
    }
}
