//! Records as JSON lines in a file.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Batch, Sink, SinkError};

/// Appends one JSON object a line to a file.
#[derive(Debug)]
pub struct JsonLines {
    path: PathBuf,
    file: File,
    started: bool,
}

/// When a file is put aside for a new one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rotation;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the file {} cannot be opened", path.display())]
pub struct JsonLinesError {
    path: PathBuf,
    source: std::io::Error,
}

impl JsonLines {
    /// Opens `path` for appending.
    ///
    /// # Errors
    ///
    /// When it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JsonLinesError> {
        let path = path.as_ref().to_owned();
        match File::options().create(true).append(true).open(&path) {
            Ok(file) => Ok(Self { path, file, started: false }),
            Err(source) => Err(JsonLinesError { path, source }),
        }
    }

    /// The file in use.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Sink for JsonLines {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.started, true) {
            serde_json::to_writer(&mut out, batch.meta)
                .map_err(|e| SinkError::permanent("meta").caused_by(e))?;
            out.push(b'\n');
        }
        for record in batch.records {
            serde_json::to_writer(&mut out, &**record)
                .map_err(|e| SinkError::permanent("record").caused_by(e))?;
            out.push(b'\n');
        }
        self.file.write_all(&out).map_err(|e| SinkError::retryable("write").caused_by(e))
    }

    fn name(&self) -> &str {
        "json_lines"
    }
}
