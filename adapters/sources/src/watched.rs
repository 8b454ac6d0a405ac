//! A value in files that somebody renews: read again when they change, and never half.
//!
//! No thread and no notification: whoever wants the value looks at the files, which costs a system call each. What was read while it
//! was being written shows, or may show: the files change while they are read, they can't be parsed, they do not belong together, or
//! they were written a moment ago. As long as the value of before serves, it goes on serving then.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

use crate::error::SourceError;

/// Who writes into the file itself is done after this long. Longer, too, than the steps in which usual file systems keep time: a
/// file that is older than this when it is read shows another time when it is written again.
const SETTLED: Duration = Duration::from_millis(250);
/// How often files are read that change meanwhile.
const TRIES: usize = 3;

/// A value that is read from files.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    files: Vec<PathBuf>,
    most: usize,
    held: Mutex<Option<Held<T>>>,
}

#[derive(Debug)]
struct Held<T> {
    seen: Vec<Stamp>,
    settled: bool,
    value: T,
}

/// What tells a file that has changed from one that has not.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Stamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, number and last change of the inode: another file that was renamed to this name.
    #[cfg(unix)]
    inode: (u64, u64, i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ),
        }
    }

    /// A time in the future is some other machine's clock, which tells nothing.
    fn is_settled(&self) -> bool {
        self.modified
            .and_then(|modified| modified.elapsed().ok())
            .is_none_or(|age| age >= SETTLED)
    }
}

impl<T: Clone> Watched<T> {
    /// Of these files, none of which is larger than `most` bytes.
    pub(crate) fn new(files: Vec<PathBuf>, most: usize) -> Self {
        Self {
            files,
            most,
            held: Mutex::new(None),
        }
    }

    /// The value, read anew if the files have changed. `serves` says of a value whether it may still be used.
    pub(crate) fn get(
        &self,
        parse: impl Fn(&[Zeroizing<Vec<u8>>]) -> Result<T, SourceError>,
        serves: impl Fn(&T) -> bool,
    ) -> Result<T, SourceError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = &*held
            && held.settled
            && self.stamps().is_ok_and(|seen| seen == held.seen)
        {
            return Ok(held.value.clone());
        }
        let read = self.read(parse);
        if let Some(old) = held.as_ref().filter(|old| serves(&old.value)) {
            match &read {
                Ok(new) if new.settled => {}
                Ok(_) => return Ok(old.value.clone()),
                Err(error) => {
                    tracing::warn!(%error, "what was read before goes on serving");
                    return Ok(old.value.clone());
                }
            }
        }
        let value = read?;
        let fresh = value.value.clone();
        *held = Some(value);
        Ok(fresh)
    }

    fn stamps(&self) -> Result<Vec<Stamp>, SourceError> {
        self.files
            .iter()
            .map(|path| match fs::metadata(path) {
                Ok(metadata) => Ok(Stamp::of(&metadata)),
                Err(error) => Err(unread(path, &error)),
            })
            .collect()
    }

    fn read(
        &self,
        parse: impl Fn(&[Zeroizing<Vec<u8>>]) -> Result<T, SourceError>,
    ) -> Result<Held<T>, SourceError> {
        for _ in 0..TRIES {
            let seen = self.stamps()?;
            let texts: Result<Vec<_>, _> = self
                .files
                .iter()
                .map(|path| bytes(path, self.most))
                .collect();
            let parsed = texts.and_then(|texts| parse(&texts));
            if self.stamps()? == seen {
                return Ok(Held {
                    settled: seen.iter().all(Stamp::is_settled),
                    seen,
                    value: parsed?,
                });
            }
        }
        Err(SourceError::Changing(
            self.files.first().cloned().unwrap_or_default(),
        ))
    }
}

/// A file's bytes, wiped when they are dropped.
pub(crate) fn bytes(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    let file = File::open(path).map_err(|error| unread(path, &error))?;
    // Room for all of it, so that no secret is left behind in smaller buffers.
    let mut text = Zeroizing::new(Vec::with_capacity(most.saturating_add(1)));
    let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit)
        .read_to_end(&mut text)
        .map_err(|error| unread(path, &error))?;
    if text.len() > most {
        return Err(SourceError::FileTooLarge(path.to_owned()));
    }
    Ok(text)
}

fn unread(path: &Path, error: &std::io::Error) -> SourceError {
    SourceError::File {
        path: path.to_owned(),
        kind: error.kind(),
    }
}
