//! JSON lines to anything that takes bytes.

use std::fmt;
use std::io::Write;

use super::lines::{Lines, write_some};
use crate::sink::{Batch, Sink, SinkError};

/// Writes JSON lines to any writer; made by [`JsonLines::writer`](super::JsonLines::writer).
///
/// What a writer has taken cannot be taken back. A batch that went out half-way goes on where it
/// stopped when it is offered again; when it is given up instead, the line it stopped in is ended,
/// so that readers lose that line and no other.
pub struct JsonLinesWriter<W> {
    out: W,
    lines: Lines,
    started: bool,
    /// What has been written of a batch that did not go out whole.
    part: Option<Vec<u8>>,
}

impl<W: Write> JsonLinesWriter<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, lines: Lines::default(), started: false, part: None }
    }
}

impl<W: Write + Send + 'static> Sink for JsonLinesWriter<W> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.lines.encode(batch)?;
        if !self.started {
            self.lines.begin(batch)?;
        }
        let lines = self.lines.bytes();
        let failed = |err| SinkError::retryable("the writer takes no more").caused_by(err);
        let mut done = 0;
        if let Some(part) = &self.part {
            if lines.starts_with(part) {
                done = part.len();
            } else if part.last().is_some_and(|last| *last != b'\n') {
                self.out.write_all(b"\n").map_err(failed)?;
            }
        }
        let (more, written) = write_some(&mut self.out, lines.get(done..).unwrap_or_default());
        self.part = match &written {
            Ok(()) => None,
            Err(_) => lines.get(..done + more).filter(|part| !part.is_empty()).map(<[u8]>::to_vec),
        };
        self.started |= written.is_ok();
        written.map_err(failed)
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        let failed = |err| SinkError::retryable("the writer cannot be flushed").caused_by(err);
        self.out.flush().map_err(failed)
    }

    fn name(&self) -> &str {
        "json_lines"
    }
}

impl<W> fmt::Debug for JsonLinesWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonLinesWriter").field("started", &self.started).finish_non_exhaustive()
    }
}
