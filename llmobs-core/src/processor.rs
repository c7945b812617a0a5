//! Rules on records: redact, sample, flag, price.

use std::fmt;
use std::sync::{Arc, Weak};

use crate::record::Record;
use crate::recorder::Recorder;
use crate::worker::{FlushRequest, Flushed};

/// A rule that every record passes before it reaches a sink. The fourth of the seams.
///
/// Processors run in order on the recorder's thread. One that panics loses that record, which is
/// counted, and nothing else. A closure is a processor:
///
/// ```
/// use llmobs_core::{Processor, Record, Verdict};
///
/// let mut rule = |record: &mut Record| {
///     record.user_id = None;
///     Verdict::Keep
/// };
/// assert_eq!(rule.process(&mut Record::default()), Verdict::Keep);
/// ```
pub trait Processor: Send + 'static {
    /// Called once, on the recorder's thread, before the first record. A rule that wants the recorder
    /// later keeps a [`WeakRecorder`](crate::WeakRecorder), so as not to keep it alive.
    fn started(&mut self, _recorder: &Recorder) {}

    /// Looks at a record, changes it where the rule says so, and decides on it.
    fn process(&mut self, record: &mut Record) -> Verdict;

    /// Called when the recorder flushes: a rule that reports elsewhere does so now. It may not take
    /// long, since calls and records wait meanwhile.
    fn flush(&mut self) {}

    /// Called in place of [`flush`](Self::flush) where there is somebody to tell: what takes long is
    /// done on another thread, which is given `flushing`. The recorder's flush, and its shutdown, wait
    /// until that is dropped. Defaults to a [`flush`](Self::flush) right here.
    fn flush_with(&mut self, flushing: Flushing) {
        self.flush();
        drop(flushing);
    }

    /// Name for messages.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
    }
}

/// A flush of one rule that is under way; it ends when this is dropped.
#[derive(Debug)]
#[must_use = "the flush ends when it is dropped"]
pub struct Flushing {
    request: Weak<FlushRequest>,
    rule: String,
    failed: bool,
    waiting: bool,
}

impl Flushing {
    pub(crate) fn new(request: &Arc<FlushRequest>, rule: String) -> Self {
        Self { request: Arc::downgrade(request), rule, failed: false, waiting: false }
    }

    /// Whether somebody still waits for it: a rule need not keep the flushes of those who have given up.
    pub fn is_awaited(&self) -> bool {
        self.request.strong_count() > 0
    }

    /// Ends the flush as one that did not bring out everything: the recorder's own fails, and names
    /// the rule.
    pub fn fail(mut self) {
        self.failed = true;
    }

    /// Ends the flush as others have ended.
    pub(crate) fn ends_as(mut self, flushed: &Flushed) {
        self.failed = !flushed.failed.is_empty();
        self.waiting = flushed.waiting;
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        if let Some(request) = self.request.upgrade() {
            request.done(self.failed.then_some(&self.rule), self.waiting);
        }
    }
}

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It goes on to the next processor, then to the sinks.
    Keep,
    /// It ends here, on purpose; counted as refused by rule.
    Refuse,
}

impl<F: FnMut(&mut Record) -> Verdict + Send + 'static> Processor for F {
    fn process(&mut self, record: &mut Record) -> Verdict {
        self(record)
    }
}

impl fmt::Debug for dyn Processor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
