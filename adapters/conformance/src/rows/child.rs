//! Rows that need a process of their own, because they change what belongs to the whole process: they run themselves once more.

use std::process::Command;

/// Tells the row that it is the one that runs inside.
const INSIDE: &str = "ENTRA_CONFORMANCE_INSIDE";

/// Whether this is the process of the row's own.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the row of that name in a process of its own, which may open so many files, with these variables. Returns what it said.
pub(crate) fn run(row: &str, files: Option<usize>, variables: &[(&str, &str)]) -> String {
    let program = std::env::current_exe().unwrap();
    let mut command = match files {
        None => Command::new(program),
        Some(files) => {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\"")]);
            shell.arg(program);
            shell
        }
    };
    let output = command
        .args(["--exact", row, "--nocapture"])
        .envs(variables.iter().copied())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    assert!(
        output.status.success() && said[0].contains("1 passed"),
        "{}\n{}",
        output.status,
        said.join("\n")
    );
    said.join("\n")
}
