//! A batch as whole lines.

use std::io::Write;

use crate::record::Record;
use crate::sink::{Batch, SinkError};

/// A buffer that has grown beyond this is not kept for the next batch.
const KEEP: usize = 1 << 20;

/// One batch, encoded; the buffer is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
    /// Length of the `meta` line at the front.
    meta: usize,
}

impl Lines {
    pub(super) fn encode(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.buffer.clear();
        self.buffer.shrink_to(KEEP);
        line(&mut self.buffer, batch.meta)?;
        self.meta = self.buffer.len();
        for record in batch.records {
            line(&mut self.buffer, record)?;
        }
        Ok(())
    }

    /// The `meta` line and the records.
    pub(super) fn all(&self) -> &[u8] {
        &self.buffer
    }

    /// The records without the `meta` line.
    pub(super) fn records(&self) -> &[u8] {
        self.buffer.get(self.meta..).unwrap_or_default()
    }
}

fn line(out: &mut Vec<u8>, record: &Record) -> Result<(), SinkError> {
    serde_json::to_writer(&mut *out, record)
        .map_err(|err| SinkError::permanent("a record cannot be written as JSON").caused_by(err))?;
    out.push(b'\n');
    Ok(())
}

/// Writes as much as can be written; tells how much that was, and what stopped it.
pub(super) fn write_some(out: &mut impl Write, bytes: &[u8]) -> (usize, std::io::Result<()>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = match out.write(rest) {
            Ok(0) => Err(std::io::ErrorKind::WriteZero.into()),
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
            other => other,
        };
        match written {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(err) => return (bytes.len() - rest.len(), Err(err)),
        }
    }
    (bytes.len(), Ok(()))
}
