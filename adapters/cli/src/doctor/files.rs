//! The files that the options and the variables name: whether they can be read, and by whom else.

use std::fs::{self, File};
use std::path::Path;

use super::report::Check;
use crate::options::input::shown;
use crate::options::{Named, Options};

pub(super) fn check(options: &Options) -> Vec<Check> {
    let files = options.files();
    if files.is_empty() {
        return vec![Check::ok("files", "none is named")];
    }
    files.iter().map(of).collect()
}

fn of(named: &Named) -> Check {
    const NAME: &str = "file";
    let file = format!("{} {}", named.option, shown(&named.path));
    if let Err(error) = File::open(&named.path).and_then(|file| file.metadata()) {
        let what = format!("{file}: {}", error.kind());
        return Check::failed(NAME, what, "check the path, and that this user may read it");
    }
    match others(&named.path) {
        Others::Write => Check::warning(
            NAME,
            format!("{file}: other users can write it"),
            format!("chmod go-w {}", shown(&named.path)),
        ),
        Others::Read if named.is_secret => Check::warning(
            NAME,
            format!("{file}: other users can read it"),
            format!("chmod 600 {}", shown(&named.path)),
        ),
        Others::Read | Others::Nothing => Check::ok(NAME, file),
    }
}

/// What users besides the owner may do with a file.
enum Others {
    Nothing,
    Read,
    Write,
}

#[cfg(unix)]
fn others(path: &Path) -> Others {
    use std::os::unix::fs::PermissionsExt;
    match fs::metadata(path).map(|file| file.permissions().mode()) {
        Ok(mode) if mode & 0o022 != 0 => Others::Write,
        Ok(mode) if mode & 0o044 != 0 => Others::Read,
        Ok(_) | Err(_) => Others::Nothing,
    }
}

/// Who may do what is not told by a mode here.
#[cfg(not(unix))]
fn others(_: &Path) -> Others {
    Others::Nothing
}

/// Whether there is a program of that name or path.
pub(super) fn is_program(name: &str) -> bool {
    let is_file = |path: &Path| fs::metadata(path).is_ok_and(|file| file.is_file());
    if Path::new(name).components().count() > 1 {
        return is_file(Path::new(name));
    }
    let paths = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&paths).any(|folder| {
        is_file(&folder.join(name)) || cfg!(windows) && is_file(&folder.join(format!("{name}.exe")))
    })
}
