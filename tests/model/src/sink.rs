//! Destinations, as far as delivery knows them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use llmobs_core::Record;

pub(crate) trait Sink: fmt::Debug + Send + 'static {
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError>;

    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Batch<'a> {
    pub(crate) records: &'a [Arc<Record>],
    #[expect(dead_code, reason = "nothing here begins with a header")]
    pub(crate) meta: &'a Record,
}

/// It asks for the batch to be offered again.
#[derive(Debug)]
pub(crate) struct SinkError;

impl SinkError {
    pub(crate) fn retryable(_: &str) -> Self {
        Self
    }

    pub(crate) fn caused_by(self, _: std::io::Error) -> Self {
        self
    }

    pub(crate) fn is_retryable(&self) -> bool {
        true
    }

    pub(crate) fn asked(&self) -> Option<Duration> {
        None
    }

    pub(crate) fn took(&self, _: u64) -> u64 {
        0
    }

    pub(crate) fn refused(&self, offered: u64) -> u64 {
        offered
    }
}

impl fmt::Display for SinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("later")
    }
}

impl std::error::Error for SinkError {}
