//! The file in use: locked, whole, and where its name says.

use std::fs::{File, Metadata, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::{JsonLinesError, Problem};
use super::lines::Lines;
use super::{names, repair};
use crate::record::Record;
use crate::time::Timestamp;

/// A first line longer than this is not looked into.
const FIRST_LINE: u64 = 64 << 10;
/// Times a file may vanish between being opened and being locked.
const TRIES: u32 = 8;

/// A file nobody else writes to.
#[derive(Debug)]
pub(super) struct Live {
    path: PathBuf,
    file: File,
    /// What tells the file from others; no system changes it while the file is open.
    identity: Identity,
    /// Its length when it was last looked at, or written to.
    len: u64,
    /// Our own `meta` line has been written.
    started: bool,
    began: Option<Timestamp>,
    /// A write stopped half-way and could not be taken back yet: the length to go back to.
    torn: Option<u64>,
}

impl Live {
    /// Opens `asked`, or the first name beside it that nobody holds.
    pub(super) fn open(asked: &Path) -> Result<Self, JsonLinesError> {
        for path in names::candidates(asked) {
            if let Some(file) = take(&path)? {
                let failed = |err| JsonLinesError::new(&path, Problem::Repair, Some(err));
                repair::last_line(&file, &path).map_err(failed)?;
                let began = first_time(&file).unwrap_or_default();
                let opened = |err| JsonLinesError::new(&path, Problem::Open, Some(err));
                let metadata = file.metadata().map_err(opened)?;
                let (identity, len) = (identity(&metadata), metadata.len());
                return Ok(Self { path, file, identity, len, started: false, began, torn: None });
            }
        }
        Err(JsonLinesError::new(asked, Problem::AllHeld, None))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// When the file's first line was written.
    pub(super) fn began(&self) -> Option<Timestamp> {
        self.began
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Whether the name still stands for this file; looks at its length by the way.
    pub(super) fn is_in_place(&mut self) -> bool {
        let there = std::fs::metadata(&self.path).ok();
        let there = there.filter(|there| identity(there) == self.identity);
        self.len = there.as_ref().map_or(self.len, Metadata::len);
        there.is_some()
    }

    /// Whether what is written next is to begin with a `meta` line. Somebody may have emptied the file
    /// in place: it begins anew.
    pub(super) fn begins(&self) -> bool {
        self.len == 0 || self.torn == Some(0) || !self.started
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Appends all of the batch or nothing.
    pub(super) fn append(&mut self, lines: &Lines, now: Option<Timestamp>) -> io::Result<()> {
        if let Some(whole) = self.torn {
            if self.len > whole {
                self.file.set_len(whole)?;
                self.len = whole;
            }
            self.torn = None;
        }
        let begin = self.len == 0;
        if let Err(err) = self.file.write_all(lines.bytes()) {
            if self.file.set_len(self.len).is_err() {
                self.torn = Some(self.len);
            }
            return Err(err);
        }
        self.len += lines.bytes().len() as u64;
        self.started = true;
        if begin {
            self.began = now;
        }
        Ok(())
    }
}

impl Drop for Live {
    /// A child process that is just being started shares the lock until it runs its program, so
    /// closing the file alone would not end it yet.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// Opens and locks a file; `None` when somebody else holds it.
fn take(path: &Path) -> Result<Option<File>, JsonLinesError> {
    let failed = |problem| move |err| JsonLinesError::new(path, problem, Some(err));
    for _ in 0..TRIES {
        let mut options = File::options();
        let file = options.read(true).append(true).create(true).open(path);
        let file = file.map_err(failed(Problem::Open))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(JsonLinesError::new(path, Problem::NotAFile, None));
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(err)) => return Err(failed(Problem::Lock)(err)),
        }
        // Whoever held it may have put it aside in between.
        if in_place(path, &file).map_err(failed(Problem::Open))? {
            return Ok(Some(file));
        }
    }
    Ok(None)
}

/// Whether `path` names `file`.
fn in_place(path: &Path, file: &File) -> io::Result<bool> {
    match std::fs::metadata(path) {
        Ok(there) => Ok(identity(&there) == identity(&file.metadata()?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

#[cfg(unix)]
type Identity = (u64, u64);

#[cfg(unix)]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;

    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
type Identity = Option<std::time::SystemTime>;

/// Elsewhere a file in use cannot be replaced under its name, save by one of another birth.
#[cfg(not(unix))]
fn identity(metadata: &Metadata) -> Identity {
    metadata.created().ok()
}

/// The time in the first line, where there is a line of ours.
fn first_time(mut file: &File) -> io::Result<Option<Timestamp>> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file).take(FIRST_LINE).read_until(b'\n', &mut line)?;
    let record: Option<Record> = serde_json::from_slice(&line).ok();
    Ok(record.and_then(|record| record.timestamp))
}
