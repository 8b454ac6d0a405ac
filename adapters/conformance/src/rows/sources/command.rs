//! Assertions that a program prints.

use std::fs;
use std::time::{Duration, Instant};

use entra_proto::TokenKind;
use entra_sources::AssertionCommand;

use super::with_assertions;
use crate::Driver;
use crate::folder::Folder;
use crate::world::{CLIENT_ID, World, bearer, pop};

fn shell(script: &str) -> AssertionCommand {
    AssertionCommand::new("sh").args(["-c", script])
}

/// SRC-03: a JWT is a plain assertion, an object the pair; both are told what for.
pub fn src03_a_command_prints_a_jwt_or_a_pair<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    folder.replace("plain", world.assertion(None).expose());
    let source = AssertionCommand::new("cat").args([folder.file("plain")]);
    let client = with_assertions::<D>(&world, source);
    D::token(&client, &bearer()).unwrap();
    let last = world.emulator.token_requests().pop().unwrap();
    assert_eq!(last.client_certificate, None);

    // No shell reads the arguments.
    let name = "$(touch gone) '`x`;";
    folder.replace(name, world.assertion(None).expose());
    let source = AssertionCommand::new("cat").args([folder.file(name)]);
    let client = with_assertions::<D>(&world, source);
    D::token(&client, &bearer()).unwrap();

    let pair = format!(
        "{{\"assertion\":\"{}\",\"certificate\":{:?},\"key\":{:?}}}",
        world.assertion(Some(&world.alpha)).expose(),
        world.alpha.certificate_pem(),
        world.alpha.key_pem()
    );
    folder.replace("pair", pair);
    let context = folder.file("context").display().to_string();
    let script = format!(
        "env | grep ^ENTRA_ | sort > {context}; cat {}",
        folder.file("pair").display()
    );
    let client = with_assertions::<D>(&world, shell(&script));
    let token = D::token(&client, &pop().assertion_fmi_path("/a/b")).unwrap();
    assert_eq!(token.token_type(), TokenKind::MtlsPop);
    let last = world.emulator.token_requests().pop().unwrap();
    assert_eq!(last.client_thumbprint(), Some(world.alpha.thumbprint()));
    let told = fs::read_to_string(context).unwrap();
    for line in [
        &format!("ENTRA_CLIENT_ID={CLIENT_ID}"),
        &format!("ENTRA_CORRELATION_ID={}", token.correlation_id().unwrap()),
        "ENTRA_FMI_PATH=/a/b",
        "ENTRA_TOKEN_ENDPOINT=https://login.microsoftonline.com/",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
}

/// SRC-03: whatever goes wrong ends the request with an error that says what, and nothing is sent.
pub fn src03_a_command_that_goes_wrong_ends_its_own_request_only<D: Driver>() {
    let (world, folder) = (World::new(), Folder::new());
    let began = Instant::now();
    let grandchild = folder.file("grandchild").display().to_string();
    // It hangs, holding the pipe, and so does what it has started.
    let hangs = format!("sh -c 'echo $$ > {grandchild}; sleep 600' & wait");
    let limit = Duration::from_secs(2);
    for (source, says) in [
        (AssertionCommand::new("/nowhere/canary"), "did not start"),
        (shell("echo canary; exit 3"), "ended with 3"),
        (shell("kill -9 $$"), "by a signal"),
        (shell("echo canary"), "neither a JWT"),
        (shell("echo '{\"assertion\":\"canary\"'"), "neither a JWT"),
        (shell("yes canary"), "larger than any assertion"),
        (shell(&hangs).timeout(limit), "no answer in time"),
        (
            shell("exec >&-; sleep 600").timeout(limit),
            "no answer in time",
        ),
    ] {
        let client = with_assertions::<D>(&world, source);
        let error = D::token(&client, &bearer()).unwrap_err();
        assert_eq!(error.code(), "assertion_provider_failed");
        let reported = error.reported().unwrap();
        assert!(reported.contains(says), "{reported}");
        assert!(
            !format!("{reported}{error}{error:?}").contains("canary") || says == "did not start"
        );
    }
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "nobody waited for `sleep`"
    );
    assert_eq!(world.emulator.accepted(), 0);
    #[cfg(target_os = "linux")]
    {
        let process = fs::read_to_string(grandchild).unwrap();
        let status = fs::read_to_string(format!("/proc/{}/stat", process.trim()));
        let is_over = status.is_err() || status.is_ok_and(|status| status.contains(") Z "));
        assert!(is_over, "what it has started goes on");
    }
}

/// SRC-03, SEC-01: what a command writes to standard error does not get to ours. In a process of its own, whose output is read.
pub fn src03_sec01_what_a_command_writes_to_standard_error_goes_nowhere<D: Driver>() {
    use super::super::child;
    let row = "src03_sec01_what_a_command_writes_to_standard_error_goes_nowhere";
    if !child::is_inside() {
        let said = child::run(row, None, &[]);
        assert!(!said.contains("canary-on-error"), "{said}");
        assert!(said.contains("shown-on-demand"), "{said}");
        return;
    }
    let world = World::new();
    let script = |word: &str| format!("printf '%s\\n' '{word}' >&2; exit 1");
    // In pieces, so that this process's arguments do not count.
    let canary = ["canary", "on", "error"].join("-");
    let client = with_assertions::<D>(&world, shell(&script(&canary)));
    let error = D::token(&client, &bearer()).unwrap_err();
    assert!(!error.reported().unwrap().contains(&canary));
    let shown = ["shown", "on", "demand"].join("-");
    let client = with_assertions::<D>(&world, shell(&script(&shown)).show_errors());
    D::token(&client, &bearer()).unwrap_err();
}
