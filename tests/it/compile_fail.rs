//! Misuse that the types forbid (I03, I43). `trybuild` compares what the compiler says, word for word.

use std::process::Command;

/// The compiler whose words are in `compile_fail/*.stderr`. Others put it differently, so they skip this; the doc tests of
/// `src/flow.rs`, which hold the same cases, are run by all. To renew: `TRYBUILD=overwrite cargo test compile_fail`.
const COMPILER: &str = "rustc 1.95.";

#[test]
fn i03_i43_a_driver_that_misuses_a_step_or_has_no_dice_does_not_compile() {
    let version = Command::new("rustc").arg("--version").output();
    let version = version.expect("the compiler that built this").stdout;
    if version.starts_with(COMPILER.as_bytes()) {
        trybuild::TestCases::new().compile_fail("tests/it/compile_fail/*.rs");
    }
}
