//! JSON lines to anything that takes bytes.

use std::fmt;
use std::io::{self, Write};

use super::lines::{Lines, write_some};
use crate::sink::{Batch, Sink, SinkError};

/// Writes JSON lines to any writer; made by [`JsonLines::writer`](super::JsonLines::writer).
///
/// What a writer has taken cannot be taken back. A batch that went out half-way goes on where it
/// stopped: the records that are out are not offered again, and of the line it stopped in the rest is
/// written. When that line's record is given up instead, the line is ended, so that readers lose that
/// line and no other.
pub struct JsonLinesWriter<W> {
    out: W,
    lines: Lines,
    started: bool,
    /// The line that did not go out whole.
    part: Option<Part>,
}

/// A line, and how much of it has been written.
struct Part {
    line: Vec<u8>,
    written: usize,
}

impl<W: Write> JsonLinesWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lines: Lines::default(), started: false, part: None }
    }

    /// Sees to half a line that is out: what is left then is to be written from the given place on.
    fn resume(&mut self) -> io::Result<usize> {
        let Some(part) = &mut self.part else { return Ok(0) };
        if !self.started {
            // The first line tells the same whenever it was made.
            let rest = part.line.get(part.written..).unwrap_or_default();
            let (more, written) = write_some(&mut self.out, rest);
            part.written += more;
            written?;
            self.started = true;
        } else if self.lines.bytes().starts_with(&part.line) {
            return Ok(part.written);
        } else {
            self.out.write_all(b"\n")?;
        }
        self.part = None;
        Ok(0)
    }
}

impl<W: Write + Send + 'static> Sink for JsonLinesWriter<W> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.lines.encode(batch)?;
        let failed = |err| SinkError::retryable("the writer takes no more").caused_by(err);
        let done = self.resume().map_err(failed)?;
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
