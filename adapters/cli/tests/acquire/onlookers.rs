//! SEC-13, T39: what other processes see in `/proc` while the program runs, with everything loaded.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Stdio};

use crate::Outcome;
use crate::program::{Server, program};
use crate::secrets::{assert_hidden, canaries, credentials};

/// Runs it against a server that never answers, and looks at the process while it waits there with everything loaded.
fn while_it_waits(
    mut command: Command,
    listener: &TcpListener,
    look: impl FnOnce(u32) -> Outcome,
) -> Outcome {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // If it ends without a connection, one comes from here.
    let (mut out, address) = (child.stdout.take(), listener.local_addr()?);
    let watch = std::thread::spawn(move || {
        let _ = out.as_mut().map(|out| out.read_to_end(&mut Vec::new()));
        TcpStream::connect(address)
    });
    let connection = listener.accept()?;
    let looked = match child.try_wait()? {
        Some(status) => Err(format!("it ended with {status}").into()),
        None => look(child.id()),
    };
    child.kill()?;
    child.wait()?;
    let _ = watch.join();
    drop(connection);
    // The one from here.
    listener.accept()?;
    looked
}

#[test]
fn sec13_no_secret_is_among_the_arguments_and_none_comes_into_the_environment() -> Outcome {
    let server = Server::start("proc")?;
    let canaries = canaries(&server)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let resolve = format!("*:443:{}", listener.local_addr()?);
    let arguments = server.arguments_with(server.get("resolve"), &resolve);
    for credential in credentials(&server)? {
        let named = format!("{:?}", credential.arguments);
        let by_variable = credential.variable.is_some();
        let mut acquire = program(&arguments);
        acquire.args(&credential.arguments);
        acquire.envs(credential.variable);
        while_it_waits(acquire, &listener, |pid| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}"));
            let arguments = String::from_utf8_lossy(&read("cmdline")?).into_owned();
            assert!(arguments.contains("--client-id"), "{arguments}");
            assert_hidden(&arguments, &canaries, &format!("{named}: cmdline"));
            // Whoever may not read it sees nothing there in any case.
            if let (false, Ok(environment)) = (by_variable, read("environ")) {
                let environment = String::from_utf8_lossy(&environment).into_owned();
                assert!(environment.contains("PATH="), "{environment}");
                assert_hidden(&environment, &canaries, &format!("{named}: environ"));
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn t39_others_cannot_look_on_while_secrets_are_held() -> Outcome {
    let server = Server::start("look on")?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let resolve = format!("*:443:{}", listener.local_addr()?);
    let arguments = server.arguments_with(server.get("resolve"), &resolve);
    let mut acquire = program(&arguments);
    acquire
        .args(["--secret-env", "MY_SECRET"])
        .env("MY_SECRET", "canary");
    while_it_waits(acquire, &listener, |pid| {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits"))?;
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core: Vec<_> = core
            .unwrap_or_default()
            .split_whitespace()
            .skip(4)
            .collect();
        assert_eq!(core, ["0", "0", "bytes"], "no core dump");
        // Nobody but root may read it, whoever runs the program (proc(5), PR_SET_DUMPABLE).
        let environment = fs::metadata(format!("/proc/{pid}/environ"))?;
        assert_eq!(environment.uid(), 0);
        Ok(())
    })
}
