//! A batch as whole lines.

use std::io::Write;

use crate::record::Record;
use crate::sink::{Batch, SinkError};

/// A buffer that has grown beyond this is not kept for the next batch.
const KEEP: usize = 4 << 20;

/// One batch, encoded; the buffer is used again for the next.
#[derive(Debug, Default)]
pub(super) struct Lines {
    buffer: Vec<u8>,
}

impl Lines {
    pub(super) fn encode(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        self.buffer.clear();
        self.buffer.shrink_to(KEEP);
        batch.records.iter().try_for_each(|record| line(&mut self.buffer, record))
    }

    /// Puts the `meta` line before the records: few batches begin a file.
    pub(super) fn begin(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let mut meta = Vec::new();
        line(&mut meta, batch.meta)?;
        self.buffer.splice(..0, meta);
        Ok(())
    }

    /// What there is to write.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer
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
