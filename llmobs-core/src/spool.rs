//! What waits for one sink on disk.
//!
//! ```text
//! <directory>/<sink>/<time>-<process>-<n>-<owner>/lock             held by the process it belongs to
//!                                                /0000000000000001.spool    records, a line each
//!                                                /progress         how far the first is delivered
//! ```
//!
//! Files are appended to, read from the front, and deleted as a whole. A process writes to a directory
//! of its own, and at its start takes over those whose lock nobody holds any more.
//!
//! `<sink>` is for people to read: names that differ in other than letters, digits, `-` and `_` are the
//! same there. `<owner>` tells them apart, and nobody takes over what is another's.

mod directory;
mod frame;
mod segment;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};

use self::directory::{Directory, in_place};
use self::segment::Segment;
use crate::delivery::Sized;

/// Bytes a spool may take for one sink, unless it was said otherwise.
pub(crate) const DEFAULT_BYTES: u64 = 256 << 20;
/// Longest name of a directory made from a sink's.
const MAX_NAME: usize = 64;
/// Bytes of the hash that stands for an owner.
const OWNER: usize = 8;
/// A buffer that has grown beyond this is not kept for the next batch.
const KEEP: usize = 1 << 20;

/// The files of one sink.
#[derive(Debug)]
pub(crate) struct Spool {
    root: PathBuf,
    /// Stands for whose it is in names of directories.
    owner: String,
    max_bytes: u64,
    own: Option<Arc<Directory>>,
    /// Oldest first; the last one may be written to.
    segments: VecDeque<Segment>,
    /// The last segment, while it may be written to.
    active: Option<File>,
    /// Number of the last segment of our own.
    number: u64,
    /// Where the records of the batch in hand end in the first segment.
    hand: Option<VecDeque<u64>>,
    buffer: Vec<u8>,
    /// A failure has come to light, and nothing has been written since.
    failing: bool,
    /// It has not been told of yet.
    untold: Option<io::Error>,
    closed: bool,
}

/// What was found of earlier processes.
#[derive(Debug, Default)]
pub(crate) struct Adopted {
    pub(crate) whole: u64,
    pub(crate) damaged: u64,
}

/// What became of a batch, and of what was there before.
#[derive(Debug, Default)]
pub(crate) struct Appended {
    /// The batch is on disk; if not, nothing of it is.
    pub(crate) written: bool,
    /// Records that had to go, since there was no more room.
    pub(crate) evicted: u64,
    /// Records whose file is gone.
    pub(crate) damaged: u64,
    /// The batch in hand was among those that had to go.
    pub(crate) took_hand: bool,
}

/// The next batch.
#[derive(Debug)]
pub(crate) struct Read {
    /// Nothing where nothing waits; an error where that cannot be read now, and stays.
    pub(crate) records: io::Result<Vec<Sized>>,
    /// Records that could not be read.
    pub(crate) damaged: u64,
}

/// Whose a spool is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner<'a> {
    /// Of the sinks of this name the first, the second …
    Sink(&'a str, u32),
    /// The same of the ways out that exporters have beside them.
    Outlet(&'a str, u32),
}

impl Owner<'_> {
    /// What stands for it, which no other has.
    fn digest(self) -> String {
        let (kind, Self::Sink(name, nth) | Self::Outlet(name, nth)) =
            (u8::from(matches!(self, Self::Outlet(..))), self);
        let mut hash = Sha256::new_with_prefix([kind]);
        hash.update(nth.to_be_bytes());
        hash.update(name);
        hash.finalize().iter().take(OWNER).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Spool {
    /// A spool for this owner, below `directory`; touches nothing yet.
    pub(crate) fn new(directory: &Path, owner: Owner<'_>, max_bytes: u64) -> Self {
        let (Owner::Sink(sink, nth) | Owner::Outlet(sink, nth)) = owner;
        let place = if nth > 1 { format!("{sink}-{nth}") } else { sink.to_owned() };
        let safe = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
        let name: String = place.chars().map(safe).take(MAX_NAME).collect();
        // A later change of the working directory must not move it.
        let directory = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        Self {
            root: directory.join(name),
            owner: owner.digest(),
            max_bytes,
            own: None,
            segments: VecDeque::new(),
            active: None,
            number: 0,
            hand: None,
            buffer: Vec::new(),
            failing: false,
            untold: None,
            closed: false,
        }
    }

    /// Makes the directory of our own, so that one that cannot be used is known at once. A disk that is
    /// full is not: that passes.
    ///
    /// # Errors
    ///
    /// What the system says, and where.
    pub(crate) fn prepare(&mut self) -> Result<(), (PathBuf, io::Error)> {
        use io::ErrorKind::{QuotaExceeded, StorageFull};

        match self.own() {
            Err(err) if !matches!(err.kind(), StorageFull | QuotaExceeded) => {
                Err((self.root.clone(), err))
            }
            _ => Ok(()),
        }
    }

    /// Takes over what other processes have left that run no more, and sees whether files can be
    /// written. No batch is in hand; `forbidden` says how often content was forbidden when it was made.
    pub(crate) fn open(&mut self, forbidden: u64) -> Adopted {
        let mut adopted = Adopted::default();
        let mut found = VecDeque::new();
        let entries = std::fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries.map(|entry| entry.path()).collect();
        paths.sort_unstable();
        let ours = self.own.as_ref().map(|own| own.path().to_owned());
        paths.retain(|path| directory::may_be_of(path, &self.owner) && Some(path) != ours.as_ref());
        for path in paths {
            let Ok(Some(directory)) = Directory::take(&path, false) else { continue };
            for (segment, damaged) in Segment::all(&Arc::new(directory), forbidden) {
                adopted.damaged += damaged;
                adopted.whole += segment.records;
                match segment.records {
                    0 => drop(segment.delete()),
                    _ => found.push_back(segment),
                }
            }
        }
        found.append(&mut self.segments);
        self.segments = found;
        let made = self.own().map(drop);
        self.note_failure(made);
        adopted
    }

    /// Records on disk.
    pub(crate) fn waiting(&self) -> u64 {
        self.segments.iter().map(|segment| segment.records).sum()
    }

    /// Writes a batch behind all others; `forbidden` says how often content was forbidden when its
    /// records were made. `in_hand` says that it is the one in hand, and so before all
    /// others; `busy` that the batch in hand is with the sink now, so that it must stay.
    pub(crate) fn append(
        &mut self,
        batch: &[Sized],
        forbidden: u64,
        in_hand: bool,
        busy: bool,
    ) -> Appended {
        let mut appended = Appended::default();
        let written = self.write(batch, forbidden, busy, &mut appended);
        appended.written = written.is_ok();
        let written = written.map(|ends| {
            if in_hand {
                self.hand = Some(ends);
            }
        });
        self.note_failure(written);
        appended
    }

    /// The oldest batch that has not been delivered.
    pub(crate) fn read(&mut self, records: usize, bytes: usize) -> Read {
        let mut damaged = 0;
        while let Some(first) = self.segments.front() {
            let piece = match first.piece(records, bytes) {
                Ok(piece) => piece,
                Err(err) => return Read { records: Err(err), damaged },
            };
            let n = piece.records.len() as u64;
            if n > 0 && n <= first.records {
                self.hand = Some(piece.ends);
                return Read { records: Ok(piece.records), damaged };
            }
            // Nothing whole is left of it, or more than we have written: it is not ours any more.
            damaged += self.delete_first();
        }
        Read { records: Ok(Vec::new()), damaged }
    }

    /// Takes the first `taken` records out of the batch in hand; gives the number of records that
    /// turned out to be damaged.
    pub(crate) fn commit(&mut self, taken: u64) -> u64 {
        let (Some(mut ends), Some(first)) = (self.hand.take(), self.segments.front_mut()) else {
            return 0;
        };
        let n = ends.len().min(taken as usize);
        let Some(end) = ends.drain(..n).next_back() else { return 0 };
        first.read = end;
        first.records = first.records.saturating_sub(n as u64);
        if !ends.is_empty() {
            self.hand = Some(ends);
        } else if first.read >= first.len {
            return self.delete_first();
        }
        // Without the note a crash sends some records twice, which is better than to stop here.
        let _ = first.directory.note(first.number, first.read);
        0
    }

    /// Leaves the batch in hand where it is, to be read again.
    pub(crate) fn put_down(&mut self) {
        self.hand = None;
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    ///
    /// When the system cannot.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        let synced = self.active.as_ref().map_or(Ok(()), File::sync_data);
        synced.and_then(|()| self.own.as_ref().map_or(Ok(()), |own| own.sync()))
    }

    /// Leaves what is there to whoever comes next.
    pub(crate) fn close(&mut self) {
        let _ = self.sync();
        self.closed = true;
        (self.active, self.hand) = (None, None);
        self.segments.clear();
        self.own = None;
    }

    /// Gives the places where the records end.
    fn write(
        &mut self,
        batch: &[Sized],
        forbidden: u64,
        busy: bool,
        appended: &mut Appended,
    ) -> io::Result<VecDeque<u64>> {
        if self.closed {
            return Err(io::Error::other("the spool is closed"));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        buffer.shrink_to(KEEP);
        let ends = batch.iter().map(|sized| {
            frame::write(&mut buffer, &sized.record)?;
            Ok(buffer.len() as u64)
        });
        let ends: io::Result<VecDeque<_>> = ends.collect();
        let written = ends.and_then(|mut ends| {
            self.make_room(buffer.len() as u64, busy, appended)?;
            appended.damaged += self.activate(forbidden)?;
            let start = self.write_all(&buffer, batch.len() as u64)?;
            ends.iter_mut().for_each(|end| *end += start);
            Ok(ends)
        });
        self.buffer = buffer;
        written
    }

    /// Gives the place where it begins.
    fn write_all(&mut self, bytes: &[u8], records: u64) -> io::Result<u64> {
        let (Some(file), Some(last)) = (&mut self.active, self.segments.back_mut()) else {
            return Err(io::ErrorKind::NotFound.into());
        };
        if let Err(err) = file.write_all(bytes) {
            // Nothing is ever written behind half a batch.
            let taken_back = file
                .set_len(last.len)
                .and_then(|()| std::io::Seek::seek(file, io::SeekFrom::Start(last.len)).map(drop));
            let empty = last.len == 0;
            if taken_back.is_err() || empty {
                self.active = None;
            }
            // The batch in hand is in the first file: none that is empty may come before it.
            if empty && let Some(last) = self.segments.pop_back() {
                last.delete();
            }
            return Err(err);
        }
        let start = last.len;
        last.len += bytes.len() as u64;
        last.records += records;
        Ok(start)
    }

    /// Deletes the oldest files until there is room.
    fn make_room(&mut self, more: u64, busy: bool, appended: &mut Appended) -> io::Result<()> {
        if more > self.max_bytes {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "a batch is larger than the spool",
            ));
        }
        let bytes = |spool: &Self| spool.segments.iter().map(|segment| segment.len).sum::<u64>();
        while bytes(self).saturating_add(more) > self.max_bytes {
            let kept = usize::from(busy && self.hand.is_some());
            let Some(oldest) = self.segments.remove(kept) else {
                return Err(io::Error::other("the spool is full of what is being delivered"));
            };
            if self.segments.len() == kept {
                self.active = None;
            }
            if kept == 0 && self.hand.take().is_some() {
                appended.took_hand = true;
            }
            appended.evicted += oldest.delete();
        }
        Ok(())
    }

    /// Sees that there is a file to write to; gives the number of records that went with one that
    /// somebody has deleted.
    fn activate(&mut self, forbidden: u64) -> io::Result<u64> {
        let mut damaged = 0;
        if let (Some(file), Some(last)) = (&self.active, self.segments.back()) {
            if !in_place(&last.path, file) {
                self.active = None;
                // The batch in hand may be in it: that one still counts as waiting.
                if self.segments.len() > 1 || self.hand.is_none() {
                    damaged = self.segments.pop_back().map_or(0, |last| last.records);
                }
            } else if last.forbidden != forbidden
                || last.len >= (self.max_bytes / 8).clamp(64 << 10, 8 << 20)
            {
                file.sync_data()?;
                self.active = None;
            }
        }
        if self.active.is_none() {
            let own = self.own()?;
            let segment = Segment::new(&own, self.number + 1, forbidden);
            self.active = Some(directory::open(&segment.path, true)?);
            self.number += 1;
            self.segments.push_back(segment);
        }
        Ok(damaged)
    }

    /// The directory of our own, made anew where somebody has deleted it.
    fn own(&mut self) -> io::Result<Arc<Directory>> {
        match &self.own {
            Some(own) if own.is_in_place() => Ok(Arc::clone(own)),
            _ => {
                let own = Directory::create(&self.root, &self.owner)?;
                Ok(Arc::clone(self.own.insert(Arc::new(own))))
            }
        }
    }

    /// Deletes the first file; gives the number of records that were still in it.
    fn delete_first(&mut self) -> u64 {
        self.hand = None;
        if self.segments.len() == 1 {
            self.active = None;
        }
        self.segments.pop_front().map_or(0, Segment::delete)
    }

    /// Where files cannot be written, and why: once, until one could be again.
    pub(crate) fn complaint(&mut self) -> Option<(PathBuf, io::Error)> {
        self.untold.take().map(|err| (self.root.clone(), err))
    }

    fn note_failure(&mut self, written: io::Result<()>) {
        match written {
            Ok(()) => (self.failing, self.untold) = (false, None),
            Err(_) if self.failing || self.closed => {}
            Err(err) => (self.failing, self.untold) = (true, Some(err)),
        }
    }
}
