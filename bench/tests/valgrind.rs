//! Whoever uses a client can look at it with valgrind: its clocks are read from where the kernel has put them, which is elsewhere then.

use std::path::Path;
use std::process::Command;

use entra_bench::counts::collected;

#[test]
fn a_client_is_built_and_asked_under_valgrind() {
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("SKIPPED: there is no valgrind");
        return;
    }
    let program = Path::new(env!("CARGO_BIN_EXE_entra-bench"));
    let few = collected(program, "held", 1, 10).unwrap();
    let more = collected(program, "held", 1, 100).unwrap();
    assert!(few < more, "{few}, {more}");
}
