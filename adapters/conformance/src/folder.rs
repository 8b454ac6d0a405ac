//! A folder of a row's own, gone when the row ends.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

/// See above.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("entra-conformance-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file beside its place, as if it had been done a while ago, and renames it.
    pub(crate) fn replace(&self, name: &str, text: impl AsRef<[u8]>) {
        let beside = self.file("beside");
        fs::write(&beside, text).unwrap();
        settle(&beside);
        fs::rename(beside, self.file(name)).unwrap();
    }

    /// Writes a file in place, now.
    pub(crate) fn overwrite(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.file(name), text).unwrap();
    }

    /// As if a while had passed since the file was written.
    pub(crate) fn settle(&self, name: &str) {
        settle(&self.file(name));
    }
}

fn settle(path: &Path) {
    let before = SystemTime::now() - Duration::from_secs(5);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_modified(before)
        .unwrap();
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
