//! JSON lines to anything that takes bytes.

use std::fmt;
use std::io::{self, Write};

use super::lines::{Lines, write_some};
use crate::sink::{Batch, Sink, SinkError};

/// Writes JSON lines to any writer; made by [`JsonLines::writer`](super::JsonLines::writer).
///
/// What a writer has taken cannot be taken back. A batch that went out half-way goes on where it
/// stopped: the records that are out are not offered again, and of the line it stopped in the rest is
/// written, before anything else. When that line's record was given up meanwhile, it is there all the
/// same; when it is offered again, it is not written twice.
pub struct JsonLinesWriter<W> {
    out: W,
    lines: Lines,
    started: bool,
    /// The line that did not go out whole.
    part: Option<Part>,
    /// Lines that have gone out whole since, of which nobody has been told.
    ahead: Vec<Vec<u8>>,
}

/// A line, and how much of it has been written.
struct Part {
    line: Vec<u8>,
    written: usize,
}

/// Lines of which nobody has been told that are remembered: a sink that is down is offered two records in
/// turn.
const AHEAD: usize = 4;

impl<W: Write> JsonLinesWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lines: Lines::default(), started: false, part: None, ahead: Vec::new() }
    }

    /// Sees to half a line that is out. Tells how much of the first line to write is there already.
    fn resume(&mut self) -> io::Result<usize> {
        let Some(part) = &mut self.part else { return Ok(0) };
        if self.started && self.lines.bytes().starts_with(&part.line) {
            return Ok(part.written);
        }
        let rest = part.line.get(part.written..).unwrap_or_default();
        let (more, written) = write_some(&mut self.out, rest);
        part.written += more;
        written?;
        // The first line of all is no record's, and tells the same whenever it was made.
        let whole = self.part.take().filter(|_| std::mem::replace(&mut self.started, true));
        if self.ahead.len() == AHEAD {
            self.ahead.remove(0);
        }
        self.ahead.extend(whole.map(|part| part.line));
        Ok(0)
    }

    /// Writes what is not out yet, of a batch that some lines of are; the first is there up to `done`.
    fn fill_in(&mut self, mut done: usize) -> (u64, io::Result<()>) {
        let mut taken = 0;
        for line in self.lines.bytes().split_inclusive(|byte| *byte == b'\n') {
            if let Some(at) = self.ahead.iter().position(|out| out == line) {
                self.ahead.swap_remove(at);
            } else {
                let (more, written) =
                    write_some(&mut self.out, line.get(done..).unwrap_or_default());
                if written.is_err() {
                    self.part = Part::of(line, 0, done + more);
                    return (taken, written);
                }
                self.part = None;
            }
            done = 0;
            taken += 1;
        }
        (taken, Ok(()))
    }
}

impl<W: Write + Send + 'static> Sink for JsonLinesWriter<W> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.lines.encode(batch)?;
        let failed = |err| SinkError::retryable("the writer takes no more").caused_by(err);
        let done = self.resume().map_err(failed)?;
        if !self.ahead.is_empty() {
            let (taken, written) = self.fill_in(done);
            return written.map_err(|err| failed(err).taken(taken));
        }
        if !self.started {
            self.lines.begin(batch)?;
        }
        let lines = self.lines.bytes();
        let (more, written) = write_some(&mut self.out, lines.get(done..).unwrap_or_default());
        let out = lines.get(..done + more).unwrap_or_default();
        let whole = memchr::memrchr(b'\n', out).map_or(0, |last| last + 1);
        let taken = memchr::memchr_iter(b'\n', out).count() as u64;
        let taken = if self.started { taken } else { taken.saturating_sub(1) };
        self.started |= whole > 0;
        self.part = written.is_err().then(|| Part::of(lines, whole, out.len())).flatten();
        written.map_err(|err| failed(err).taken(taken))
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let failed = |err| SinkError::retryable("the writer cannot be flushed").caused_by(err);
        self.out.flush().map_err(failed)
    }

    fn name(&self) -> &str {
        "json_lines"
    }
}

impl Part {
    /// The line that begins at `start`, written up to `end`; nothing where nothing of it is.
    fn of(lines: &[u8], start: usize, end: usize) -> Option<Self> {
        let rest = lines.get(start..).filter(|_| end > start)?;
        let line = rest.get(..=memchr::memchr(b'\n', rest)?)?;
        Some(Self { line: line.to_vec(), written: end - start })
    }
}

impl<W> fmt::Debug for JsonLinesWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesWriter").field("started", &self.started).finish_non_exhaustive()
    }
}
