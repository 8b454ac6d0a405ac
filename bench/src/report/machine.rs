//! What the figures were taken on, and with which versions.

use std::fs;
use std::process::Command;

use crate::counts::root;

/// Lines of a list: the machine and the versions.
pub(super) fn described() -> Vec<String> {
    let memory = value("/proc/meminfo", "MemTotal").map(|text| {
        let kib: f64 = text.trim_end_matches(" kB").parse().unwrap_or_default();
        format!("{:.0} GiB", kib / 1_048_576.0)
    });
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let unknown = || "unknown".to_owned();
    let cpu = value("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let system = said("uname", &["-srm"]).unwrap_or_else(unknown);
    vec![
        format!(
            "machine: {cpu}, {cores} cores, {} of memory, {system}",
            memory.unwrap_or_else(unknown)
        ),
        format!(
            "{}; `--release`; commit {}",
            said("rustc", &["--version"]).unwrap_or_else(unknown),
            said("git", &["rev-parse", "--short", "HEAD"]).unwrap_or_else(unknown)
        ),
        format!(
            "versions: entra-proto {}, azure_identity {}, reqwest {}, rustls {}, serde_json {}, tokio {}",
            env!("CARGO_PKG_VERSION"),
            locked("azure_identity"),
            locked("reqwest"),
            locked("rustls"),
            locked("serde_json"),
            locked("tokio")
        ),
    ]
}

/// The version of a package in the lock file.
pub(super) fn locked(package: &str) -> String {
    let lock = fs::read_to_string(root().join("Cargo.lock")).unwrap_or_default();
    version_in(&lock, package).unwrap_or_else(|| "unknown".to_owned())
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let head = format!("name = \"{package}\"\nversion = \"");
    let (_, after) = lock.split_once(&head)?;
    Some(after.split('"').next()?.to_owned())
}

fn value(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = "[[package]]\nname = \"ab\"\nversion = \"1.2\"\n\n[[package]]\nname = \"b\"\nversion = \"3.4\"\n";
        assert_eq!(version_in(lock, "b").as_deref(), Some("3.4"));
        assert_eq!(version_in(lock, "a"), None);
        assert!(locked("azure_identity").starts_with("1."));
        assert_eq!(described().len(), 3);
    }
}
