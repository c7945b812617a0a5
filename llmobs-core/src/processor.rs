//! Rules on records: redact, sample, flag, price.

use std::fmt;

use crate::record::Record;

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
    /// Looks at a record, changes it where the rule says so, and decides on it.
    fn process(&mut self, record: &mut Record) -> Verdict;

    /// Called when the recorder flushes: a rule that reports elsewhere does so now.
    fn flush(&mut self) {}

    /// Name for messages.
    fn name(&self) -> &str {
        std::any::type_name::<Self>()
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
