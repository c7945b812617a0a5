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
    /// is taken: see [`Backoff`](crate::Backoff); with [`SinkError::taken`] only the rest of it;
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

    /// How long records may wait for others to go with them in one batch. Defaults to not at all: each
    /// batch is what the recorder has gathered, which on a busy service is a tenth of a second's.
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
    taken: u64,
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
        Self { message, retryable: false, retry_after: None, refused: None, taken: 0, source: None }
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

    /// Says that of a batch to be offered again the first `records` have been taken: they are
    /// delivered, and only what comes after them is offered again. Of a batch that was refused for good
    /// it says nothing. Defaults to none.
    ///
    /// ```
    /// use llmobs_core::{Batch, Sink, SinkError};
    ///
    /// #[derive(Debug)]
    /// struct Post;
    ///
    /// impl Sink for Post {
    ///     fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
    ///         for (n, record) in batch.records.iter().enumerate() {
    ///             let failed = |err| SinkError::retryable("the post is closed").caused_by(err);
    ///             send(record).map_err(|err| failed(err).taken(n as u64))?;
    ///         }
    ///         Ok(())
    ///     }
    ///
    ///     fn name(&self) -> &str {
    ///         "post"
    ///     }
    /// }
    /// # fn send(_: &llmobs_core::Record) -> Result<(), std::io::Error> { Ok(()) }
    /// ```
    #[must_use]
    pub fn taken(mut self, records: u64) -> Self {
        self.taken = records;
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

    /// Records of the batch that were taken all the same; for a sink around another.
    pub fn already_taken(&self) -> u64 {
        self.taken
    }

    /// The pause that the destination asked for.
    pub(crate) fn asked(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Records that were taken, of `offered`.
    pub(crate) fn took(&self, offered: u64) -> u64 {
        self.taken.min(offered)
    }

    /// Records that were refused, of `offered`.
    pub(crate) fn refused(&self, offered: u64) -> u64 {
        self.refused.unwrap_or(offered).min(offered)
    }
}
