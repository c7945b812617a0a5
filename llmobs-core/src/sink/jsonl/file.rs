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
                return Ok(Self { path, file, started: false, began, torn: None });
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

    pub(super) fn len(&self) -> io::Result<u64> {
        self.file.metadata().map(|metadata| metadata.len())
    }

    /// Whether the name still stands for this file.
    pub(super) fn is_in_place(&self) -> bool {
        in_place(&self.path, &self.file).unwrap_or(false)
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Appends all of the batch or nothing.
    pub(super) fn append(&mut self, lines: &Lines, now: Option<Timestamp>) -> io::Result<()> {
        let mut len = self.len()?;
        if let Some(whole) = self.torn {
            if len > whole {
                self.file.set_len(whole)?;
                len = whole;
            }
            self.torn = None;
        }
        // Somebody may have emptied the file in place: it begins anew.
        let begin = len == 0;
        let bytes = if begin || !self.started { lines.all() } else { lines.records() };
        if let Err(err) = self.file.write_all(bytes) {
            if self.file.set_len(len).is_err() {
                self.torn = Some(len);
            }
            return Err(err);
        }
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
        Ok(there) => Ok(same(&there, &file.metadata()?)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(err),
    }
}

#[cfg(unix)]
fn same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;

    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Elsewhere a file in use cannot be replaced under its name, save by one of another birth.
#[cfg(not(unix))]
fn same(a: &Metadata, b: &Metadata) -> bool {
    a.created().ok() == b.created().ok()
}

/// The time in the first line, where there is a line of ours.
fn first_time(mut file: &File) -> io::Result<Option<Timestamp>> {
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file).take(FIRST_LINE).read_until(b'\n', &mut line)?;
    let record: Option<Record> = serde_json::from_slice(&line).ok();
    Ok(record.and_then(|record| record.timestamp))
}
