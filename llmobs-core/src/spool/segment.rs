//! One file of a spool.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;

use super::directory::Directory;
use super::frame;
use crate::delivery::{Sized, size};

/// One file: records in a row.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) directory: Arc<Directory>,
    pub(super) number: u64,
    pub(super) path: PathBuf,
    /// Bytes of whole lines.
    pub(super) len: u64,
    /// Where the first line begins that has not been delivered.
    pub(super) read: u64,
    /// Records from there on.
    pub(super) records: u64,
    /// How often content had been forbidden when its records were made.
    pub(super) forbidden: u64,
}

/// Some records of a segment, and where each of them ends.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) records: Vec<Sized>,
    pub(super) ends: VecDeque<u64>,
}

impl Segment {
    /// A segment that is still empty.
    pub(super) fn new(directory: &Arc<Directory>, number: u64, forbidden: u64) -> Self {
        let path = directory.segment(number);
        let directory = Arc::clone(directory);
        Self { directory, number, path, len: 0, read: 0, records: 0, forbidden }
    }

    /// What another process has left in a directory, in order, and how many lines of each are damaged.
    pub(super) fn all(directory: &Arc<Directory>, forbidden: u64) -> Vec<(Self, u64)> {
        let (first, offset) = directory.noted().unwrap_or_default();
        let numbers = directory.segments().into_iter();
        let found = numbers.filter_map(|number| {
            let mut segment = Self::new(directory, number, forbidden);
            if number == first {
                segment.read = offset;
            }
            // What was delivered as a whole, and not deleted any more.
            let done = number < first;
            // What cannot be read now is left where it is.
            let damaged = if done { 0 } else { segment.count().ok()? };
            Some((segment, damaged))
        });
        found.collect()
    }

    /// Counts what there is to deliver; gives the number of damaged lines.
    fn count(&mut self) -> io::Result<u64> {
        let (mut damaged, mut end, mut line) = (0, self.read, Vec::new());
        let mut lines = self.lines()?;
        while lines.read_until(b'\n', &mut line)? > 0 {
            end += line.len() as u64;
            match frame::whole(&line) {
                Some(_) => self.records += 1,
                None => damaged += 1,
            }
            line.clear();
        }
        self.len = end;
        Ok(damaged)
    }

    /// Reads the next batch; what is damaged is left out, and nothing is left of a file that is gone.
    ///
    /// # Errors
    ///
    /// When the file may be there and cannot be opened now, as with too many open files.
    pub(super) fn piece(&self, records: usize, bytes: usize) -> io::Result<Piece> {
        let mut piece = Piece::default();
        let mut lines = match self.lines() {
            Ok(lines) => lines,
            Err(err) if is_gone(&err) => return Ok(piece),
            Err(err) => return Err(err),
        };
        let (mut end, mut taken, mut line) = (self.read, 0_usize, Vec::new());
        while end < self.len && piece.records.len() < records {
            line.clear();
            let Ok(read @ 1..) = lines.read_until(b'\n', &mut line) else {
                // The rest is not there, or cannot be read.
                end = self.len;
                break;
            };
            if let Some(record) = frame::read(&line) {
                let size = size(&record);
                taken = taken.saturating_add(size);
                if taken > bytes && !piece.records.is_empty() {
                    break;
                }
                let forbidden = self.forbidden;
                piece.records.push(Sized { record: Arc::new(record), size, forbidden });
                piece.ends.push_back(end);
            }
            end += read as u64;
            // Whatever is damaged goes with the record before it.
            if let Some(last) = piece.ends.back_mut() {
                *last = end;
            }
        }
        if let Some(last) = piece.ends.back_mut() {
            *last = end;
        }
        Ok(piece)
    }

    fn lines(&self) -> io::Result<BufReader<File>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.read))?;
        Ok(BufReader::with_capacity(64 << 10, file))
    }

    /// Deletes the file; gives the number of records that were still in it.
    pub(super) fn delete(self) -> u64 {
        let _ = std::fs::remove_file(&self.path);
        self.records
    }
}

/// Whether a path leads nowhere, rather than to what cannot be had for now.
fn is_gone(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
