//! Azure Arc's challenge: the agent names a file that only the machine's administrators and its group `himds` can read, and wants what
//! is in it. Whoever else listens on that port may name any file, so the path is checked before anything is read.

use std::fs;
use std::path::{Path, PathBuf};

use entra_proto::Secret;
use http::HeaderMap;
use http::header::WWW_AUTHENTICATE;

use crate::error::SourceError;
use crate::watched;

/// A key is no larger.
const MOST: usize = 4_096;

/// Where the agent puts its keys on this system.
pub(super) fn key_folder() -> PathBuf {
    match crate::variable("ProgramData") {
        Some(folder) if cfg!(windows) => {
            Path::new(&folder).join("AzureConnectedMachineAgent\\Tokens")
        }
        _ => PathBuf::from("/var/opt/azcmagent/tokens"),
    }
}

/// The file of `WWW-Authenticate: Basic realm=PATH`.
pub(super) fn named_file(headers: &HeaderMap) -> Result<PathBuf, SourceError> {
    let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let (Some(challenge), None) = (challenges.next(), challenges.next()) else {
        return Err(SourceError::Challenge("there is not exactly one"));
    };
    let challenge = challenge.to_str().unwrap_or_default();
    match challenge.split_once('=') {
        Some((scheme, path))
            if scheme.eq_ignore_ascii_case("basic realm") && !path.contains('=') =>
        {
            Ok(PathBuf::from(path))
        }
        _ => Err(SourceError::Challenge("it is not Basic with a realm")),
    }
}

/// What is in the file, if it is a key of the agent's: directly in its folder, whatever links and dots the path has, with the name of
/// a key and the size of one.
pub(super) fn read_key(path: &Path, folder: &Path) -> Result<Secret, SourceError> {
    if path.extension().is_none_or(|extension| extension != "key") {
        return Err(SourceError::Challenge("the file's name is not a key's"));
    }
    // As it is written first, so that nothing is even looked up elsewhere.
    if path.parent() != Some(folder) {
        return Err(SourceError::Challenge(
            "the file is not in the agent's folder",
        ));
    }
    let resolved = |path: &Path| {
        fs::canonicalize(path).map_err(|error| SourceError::File {
            path: path.to_owned(),
            kind: error.kind(),
        })
    };
    let file = resolved(path)?;
    if file.parent() != Some(resolved(folder)?.as_path()) || !file.is_file() {
        return Err(SourceError::Challenge(
            "the file is not in the agent's folder",
        ));
    }
    let key = match watched::bytes(&file, MOST) {
        Err(SourceError::FileTooLarge(_)) => {
            return Err(SourceError::Challenge("the file is larger than a key"));
        }
        key => key?,
    };
    match std::str::from_utf8(&key) {
        Ok(key) => Ok(Secret::new(key)),
        Err(_) => Err(SourceError::Challenge("the file is no key")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn named(challenges: &[&str]) -> Result<PathBuf, SourceError> {
        let mut headers = HeaderMap::new();
        for challenge in challenges {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(challenge).unwrap());
        }
        named_file(&headers)
    }

    #[test]
    fn the_header_names_one_file() {
        let path = "/var/opt/azcmagent/tokens/a.key";
        assert_eq!(named(&[&format!("Basic realm={path}")]), Ok(path.into()));
        for wrong in [
            &[][..],
            &["Basic realm=a", "Basic realm=b"],
            &["Basic"],
            &["Bearer realm=a"],
            &["Basic realm=a=b"],
            &["realm=a"],
        ] {
            assert!(
                matches!(named(wrong), Err(SourceError::Challenge(_))),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn only_a_key_in_the_agents_folder_is_read() {
        let root = std::env::temp_dir().join(format!("entra-arc-{}", std::process::id()));
        let folder = root.join("tokens");
        fs::create_dir_all(folder.join("deeper")).unwrap();
        fs::write(folder.join("good.key"), "key-text").unwrap();
        fs::write(folder.join("good.txt"), "no key").unwrap();
        fs::write(folder.join("large.key"), "k".repeat(4_097)).unwrap();
        fs::write(folder.join("deeper/inner.key"), "inner").unwrap();
        fs::write(root.join("outside.key"), "outside").unwrap();
        let read = |path: &Path| read_key(path, &folder);
        assert_eq!(read(&folder.join("good.key")).unwrap().expose(), "key-text");
        for wrong in [
            folder.join("good.txt"),
            folder.join("large.key"),
            folder.join("deeper/inner.key"),
            folder.join("../outside.key"),
            folder.join("deeper/../good.key"),
            root.join("outside.key"),
            PathBuf::from("good.key"),
            PathBuf::from("/etc/passwd"),
            PathBuf::new(),
        ] {
            assert!(
                matches!(read(&wrong), Err(SourceError::Challenge(_))),
                "{wrong:?}"
            );
        }
        assert!(matches!(
            read(&folder.join("none.key")),
            Err(SourceError::File { .. })
        ));
        fs::create_dir_all(folder.join("folder.key")).unwrap();
        assert!(matches!(
            read(&folder.join("folder.key")),
            Err(SourceError::Challenge(_))
        ));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("outside.key"), folder.join("link.key")).unwrap();
            assert!(matches!(
                read(&folder.join("link.key")),
                Err(SourceError::Challenge(_))
            ));
        }
        fs::remove_dir_all(root).unwrap();
    }
}
