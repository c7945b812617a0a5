//! Records for the eye.

use std::io::Write;

use super::{Batch, Sink, SinkError};
use crate::record::Record;

/// Writes one short line per record to any writer, standard error by default.
#[derive(Debug)]
pub struct Console<W = std::io::Stderr> {
    out: W,
}

impl Default for Console {
    fn default() -> Self {
        Self { out: std::io::stderr() }
    }
}

impl<W: Write> Console<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self { out }
    }
}

impl<W: Write + std::fmt::Debug + Send + 'static> Sink for Console<W> {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        for record in batch.records {
            writeln!(self.out, "{}", line(record)).map_err(|err| {
                SinkError::permanent("the console cannot be written").caused_by(err)
            })?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), SinkError> {
        self.out
            .flush()
            .map_err(|err| SinkError::permanent("the console cannot be flushed").caused_by(err))
    }

    fn name(&self) -> &str {
        "console"
    }
}

fn line(record: &Record) -> String {
    let mut words = vec![match (&record.operation, record.step) {
        (Some(operation), _) => operation.to_string(),
        (None, Some(step)) => step.as_str().to_owned(),
        (None, None) => "record".to_owned(),
    }];
    words.extend(record.name.clone());
    words.extend(record.model_version.clone().or_else(|| record.model.clone()));
    words.extend(record.outcome.map(|outcome| outcome.as_str().to_owned()));
    words.extend(record.error.as_ref().map(|error| error.kind.to_string()));
    words.extend(record.ttft_ms.map(|ms| format!("ttft={ms:.0}ms")));
    words.extend(record.tpot_ms.map(|ms| format!("tpot={ms:.1}ms")));
    words.extend(record.total_latency_ms.map(|ms| format!("total={ms:.0}ms")));
    words.extend(record.input_tokens.map(|n| format!("in={n}")));
    words.extend(record.output_tokens.map(|n| format!("out={n}")));
    words.join(" ")
}
