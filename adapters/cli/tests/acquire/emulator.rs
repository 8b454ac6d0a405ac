//! `entra-token emulator`: its files, the command lines that it prints, and where it refuses to listen.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use crate::Outcome;
use crate::program::{Server, folder, program, run};

#[test]
fn every_command_line_that_it_prints_can_be_pasted() -> Outcome {
    let server = Server::start("hints")?;
    let pieces: Vec<&str> = server
        .hints
        .split("\n\n")
        .filter(|piece| piece.contains(" acquire "))
        .collect();
    let mut printed = Vec::new();
    for piece in &pieces {
        // In another folder, by the shell.
        let output = Command::new("sh")
            .args(["-c", piece])
            .current_dir("/")
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .output()?;
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{piece}\n{err}");
        assert!(err.contains("* answer            HTTP 200"), "{err}");
        printed.push(String::from_utf8_lossy(&output.stdout).into_owned());
        let longest = piece.lines().skip(2).map(str::len).max();
        assert!(longest < Some(300), "{piece}");
    }
    let thumbprint = server.thumbprint("certificate", "key")?;
    let bearer = "Bearer token, good for 3599 s";
    assert_eq!(
        printed,
        [
            format!("{bearer}\n"),
            format!("{bearer}\n"),
            format!("{bearer}, from eastus\n"),
            format!(
                "mtls_pop token, good for 3599 s, bound to the certificate {thumbprint}, from eastus\n"
            ),
            format!("{bearer}, from eastus\n"),
            format!("{bearer}, from eastus\n"),
            // For a user.
            format!("{bearer}, from eastus\n"),
            format!("{bearer}\n"),
            format!("{bearer}\n"),
            format!("{bearer}, from eastus\n"),
            format!("{bearer}\n"),
        ]
    );
    // What is no command is a comment, so that the whole can be pasted too.
    let prose = server.hints.lines().filter(|line| {
        !line.is_empty() && !line.starts_with("    ") && !line.contains(" acquire ")
    });
    for line in prose {
        assert!(line.starts_with("# "), "{line}");
    }
    Ok(())
}

#[test]
fn its_one_line_names_everything_by_whole_paths() -> Outcome {
    let server = Server::start("ready")?;
    for name in [
        "ca_file",
        "secret_file",
        "certificate",
        "key",
        "rsa_certificate",
        "rsa_key",
        "assertion_file",
        "bound_assertion_file",
        "binding_certificate",
        "binding_key",
        "user_token_file",
        "refresh_token_file",
        "code_file",
        "pkce_code_file",
        "code_verifier_file",
        "user_assertion_file",
    ] {
        let path = Path::new(server.get(name));
        assert!(path.is_absolute(), "{name}: {}", path.display());
        assert!(path.is_file(), "{name}: {}", path.display());
    }
    for name in [
        "address",
        "imds_address",
        "resolve",
        "imds_resolve",
        "authority",
        "tenant",
        "client_id",
        "scope",
        "region",
        "resource_host",
        "assertion_command",
        "user",
        "redirect_uri",
    ] {
        assert!(!server.get(name).is_empty(), "{name}");
    }
    Ok(())
}

#[cfg(unix)]
#[test]
fn its_files_are_nobody_elses_also_where_others_were_before() -> Outcome {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder("private")?;
    let files = folder.join("files");
    fs::create_dir(&files)?;
    fs::write(
        files.join("client.key"),
        "an old key, longer than the new one".repeat(100),
    )?;
    fs::set_permissions(files.join("client.key"), fs::Permissions::from_mode(0o644))?;
    drop(Server::start_in(&folder)?);
    let mut seen = 0;
    for entry in fs::read_dir(&files)? {
        let entry = entry?;
        let mode = entry.metadata()?.permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
        seen += 1;
    }
    assert!(seen >= 17, "{seen} files");
    let key = fs::read_to_string(files.join("client.key"))?;
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----"), "{key}");
    assert!(key.trim_end().ends_with("-----END PRIVATE KEY-----"));
    Ok(())
}

#[test]
fn sec13_elsewhere_than_on_loopback_it_refuses_and_writes_nothing() -> Outcome {
    let folder = folder("loopback")?;
    for listen in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:8443",
        "[::ffff:192.0.2.1]:0",
    ] {
        let mut emulator = program(&["emulator", "--listen", listen, "--dir", "files"]);
        let got = run(emulator.current_dir(&folder))?;
        assert_eq!(got.code, Some(2), "{listen}: {got:?}");
        assert_eq!(got.out, "", "{listen}");
        assert!(
            got.err.contains("listens on nothing else"),
            "{listen}: {got:?}"
        );
        assert!(got.err.contains(&format!("--listen {listen}: ")), "{got:?}");
    }
    assert_eq!(fs::read_dir(&folder)?.count(), 0);
    Ok(())
}

#[test]
fn what_keeps_it_from_starting_is_named() -> Outcome {
    let folder = folder("starting")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let taken = taken.local_addr()?.to_string();
    fs::write(folder.join("file"), "")?;
    for (arguments, said) in [
        (
            vec!["--listen", &taken, "--dir", "files"],
            format!("--listen {taken}: cannot listen: "),
        ),
        (
            vec!["--listen", "127.0.0.1:0", "--dir", "file"],
            "--dir file: ".to_owned(),
        ),
        (
            vec!["--listen", "127.0.0.1"],
            "invalid value '127.0.0.1' for '--listen <ADDRESS:PORT>'".to_owned(),
        ),
    ] {
        let mut emulator = program(&["emulator"]);
        let got = run(emulator.args(&arguments).current_dir(&folder))?;
        assert_eq!(got.code, Some(2), "{arguments:?}: {got:?}");
        assert_eq!(got.out, "", "{arguments:?}");
        assert!(got.err.contains(&said), "{arguments:?}: {got:?}");
    }
    Ok(())
}
