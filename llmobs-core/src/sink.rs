//! Destinations of records.

mod console;
mod jsonl;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use self::console::Console;
pub use self::jsonl::{JsonLines, JsonLinesError, JsonLinesWriter, Rotation};
use crate::record::Record;

/// A destination. The second of the four seams.
///
/// A sink is called from a thread of its own, which the recorder starts: it may block. It never
/// sees two calls at once. One that panics loses that batch, which is counted.
pub trait Sink: fmt::Debug + Send + 'static {
    /// Takes a batch, in order.
    ///
    /// # Errors
    ///
    /// [`SinkError::retryable`] makes the recorder offer the same batch again after a pause, until it
    /// is taken: see [`Backoff`](crate::Backoff);
    /// [`SinkError::permanent`] makes it count the batch as lost, [`SinkError::partial`] a part.
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError>;

    /// Makes what was taken durable.
    ///
    /// # Errors
    ///
    /// When it could not be; the recorder reports it to whoever asked for the flush.
    fn flush(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    /// How long records may wait for others to go with them in one batch. Defaults to not at all.
    ///
    /// A flush, a shutdown, and a queue that holds a batch already wait for nothing. It is asked once.
    fn linger(&self) -> Duration {
        Duration::ZERO
    }

    /// Name for counts and messages.
    fn name(&self) -> &str;
}

/// Records on their way to a sink.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The records, oldest first.
    pub records: &'a [Arc<Record>],
    /// Facts about the recorder, for destinations that begin with a header.
    pub meta: &'a Record,
}

/// A batch that was not taken, or not whole.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct SinkError {
    message: String,
    retryable: bool,
    retry_after: Option<Duration>,
    refused: Option<u64>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl SinkError {
    /// The destination may take the same batch later.
    pub fn retryable(message: impl Into<String>) -> Self {
        Self { retryable: true, ..Self::permanent(message) }
    }

    /// The destination will never take this batch.
    pub fn permanent(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { message, retryable: false, retry_after: None, refused: None, source: None }
    }

    /// The destination has taken the batch but for `refused` records, which it will never take.
    pub fn partial(refused: u64, message: impl Into<String>) -> Self {
        Self { refused: Some(refused), ..Self::permanent(message) }
    }

    /// Asks for a pause of at least this length before the batch is offered again; up to five minutes
    /// the recorder keeps to it.
    #[must_use]
    pub fn retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Adds what caused it.
    #[must_use]
    pub fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Whether offering the batch again can help.
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// The pause that the destination asked for.
    pub(crate) fn asked(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Records that were refused, of `offered`.
    pub(crate) fn refused(&self, offered: u64) -> u64 {
        self.refused.unwrap_or(offered).min(offered)
    }
}
