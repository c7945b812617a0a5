//! Records as JSON lines.

mod error;
mod file;
mod lines;
mod names;
mod repair;
mod rotation;
mod writer;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

pub use self::error::JsonLinesError;
use self::file::Live;
use self::lines::Lines;
pub use self::rotation::Rotation;
pub use self::writer::JsonLinesWriter;
use super::{Batch, Sink, SinkError};

/// Appends records to a file, one JSON object a line, in schema `llmobs/1`.
///
/// Every file, and every opening of one, begins with a `meta` line. A line is there whole or not at
/// all: a batch is one write of whole lines, and a write that stops half-way, on a full disk for
/// one, is taken back before the batch is offered again.
///
/// # Other processes
///
/// The file is locked while it is in use. Where another process, or another sink of this one, holds
/// it, this sink writes beside it: to `llmobs.<pid>.jsonl`, then `llmobs.<pid>-2.jsonl`, and so on.
/// [`path`](Self::path) tells which file it became. On Windows a locked file cannot be read by
/// others.
///
/// # Crashes
///
/// What a crash has left of a last line is set right when the file is next opened, and only if
/// nobody holds it: half a line is removed, a whole line without its line feed gets it. Nothing else
/// of the file is touched, and what does not look like ours is never removed.
///
/// # Rotation
///
/// See [`rotation`](Self::rotation). Rotation from outside works too: a file that was moved,
/// deleted or emptied is noticed at the next batch.
///
/// ```
/// use llmobs_core::{JsonLines, Rotation};
/// use std::time::Duration;
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("llmobs.jsonl");
/// let day = Duration::from_secs(24 * 60 * 60);
/// let sink = JsonLines::open(&path)?.rotation(Rotation::new().bytes(64 << 20).age(day).keep(7));
/// assert_eq!(sink.path(), path);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonLines {
    /// The file asked for, which need not be the one in use.
    asked: PathBuf,
    path: PathBuf,
    /// `None` after a file could not be opened again; the next batch tries once more.
    live: Option<Live>,
    rotation: Rotation,
    lines: Lines,
    /// A file that was left behind could not be made durable: the next flush says so.
    unsynced: Option<io::Error>,
}

impl JsonLines {
    /// Opens `path` for appending, creating it if need be; its directory must exist.
    ///
    /// # Errors
    ///
    /// When the file cannot be opened, is no regular file, or cannot be locked or repaired.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JsonLinesError> {
        let path = path.as_ref();
        // A later change of the working directory must not move the records.
        let mut asked = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        // Rotation would rename the link and go on writing to the same file.
        if asked.is_symlink() {
            asked = asked.canonicalize().unwrap_or(asked);
        }
        let live = Live::open(&asked)?;
        Ok(Self {
            path: live.path().to_owned(),
            asked,
            live: Some(live),
            rotation: Rotation::new(),
            lines: Lines::default(),
            unsynced: None,
        })
    }

    /// A sink for any writer: no lock, no rotation, no repair.
    pub fn writer<W: Write + Send + 'static>(out: W) -> JsonLinesWriter<W> {
        JsonLinesWriter::new(out)
    }

    /// Sets when a file is put aside for a new one. Defaults to never.
    #[must_use]
    pub fn rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = rotation;
        self
    }

    /// The file in use: the one asked for, or one beside it when that is held by another.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file to write to, opened again when it was moved or deleted.
    fn live(&mut self) -> Result<&mut Live, JsonLinesError> {
        if let Some(mut live) = self.live.take() {
            if live.is_in_place() {
                return Ok(self.live.insert(live));
            }
            self.leave(live);
        }
        let live = Live::open(&self.asked)?;
        live.path().clone_into(&mut self.path);
        Ok(self.live.insert(live))
    }

    /// Lets a file go; what was written to it is made durable first.
    fn leave(&mut self, live: Live) {
        if let Err(err) = live.sync() {
            self.unsynced = Some(err);
        }
    }

    /// Puts the file aside when it is due; one that cannot be is written on.
    fn rotate(&mut self, batch: &Batch<'_>) -> Result<(), JsonLinesError> {
        let now = batch.meta.timestamp.unwrap_or_else(|| SystemTime::now().into());
        let (rotation, more) = (self.rotation, self.lines.bytes().len() as u64);
        let Some(live) = self.live.take_if(|live| rotation.is_due(live, more, now)) else {
            return Ok(());
        };
        if names::put_aside(live.path(), now).is_err() {
            self.live = Some(live);
            return Ok(());
        }
        if let Some(keep) = rotation.kept() {
            names::prune(live.path(), keep);
        }
        self.leave(live);
        self.live().map(drop)
    }
}

impl Sink for JsonLines {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.lines.encode(batch)?;
        self.live().map_err(unusable)?;
        self.rotate(batch).map_err(unusable)?;
        let Self { live, lines, path, .. } = self;
        let Some(live) = live else { return Err(SinkError::retryable("no file is open")) };
        if live.begins() {
            lines.begin(batch)?;
        }
        let failed = |err: io::Error| {
            let what = match err.kind() {
                io::ErrorKind::StorageFull => "the disk is full; make room at",
                io::ErrorKind::QuotaExceeded => "the disk quota is used up; make room at",
                _ => "cannot write to",
            };
            SinkError::retryable(format!("{what} {}", path.display())).caused_by(err)
        };
        live.append(lines, batch.meta.timestamp).map_err(failed)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let now = self.live.as_ref().map_or(Ok(()), Live::sync);
        match self.unsynced.take().map_or(now, Err) {
            Ok(()) => Ok(()),
            Err(err) => {
                let what = format!("cannot make {} durable", self.path.display());
                Err(SinkError::retryable(what).caused_by(err))
            }
        }
    }

    fn name(&self) -> &str {
        "json_lines"
    }
}

fn unusable(err: JsonLinesError) -> SinkError {
    SinkError::retryable(err.to_string()).caused_by(err)
}
