//! When a file is put aside.

use std::time::Duration;

use super::file::Live;
use crate::time::Timestamp;

/// When a file is put aside for a new one, and how many are kept.
///
/// A file put aside is renamed to `llmobs.20260102T030405Z.jsonl`, by the UTC time of the rotation,
/// or `llmobs.20260102T030405Z-2.jsonl` when that name is taken; nothing is ever overwritten. The
/// two limits are looked at before each batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Rotation {
    bytes: Option<u64>,
    age: Option<Duration>,
    keep: Option<usize>,
}

impl Rotation {
    /// Never puts a file aside, until told when.
    pub const fn new() -> Self {
        Self { bytes: None, age: None, keep: None }
    }

    /// Largest size of a file; only a single batch that is larger makes a larger file. Defaults to
    /// no limit.
    pub const fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Greatest age of a file, from its first line on, over restarts. Defaults to no limit.
    pub const fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    /// How many files put aside are kept: older ones are deleted at each rotation, going by their
    /// names. Only files of this sink's own name count. Defaults to all.
    pub const fn keep(mut self, files: usize) -> Self {
        self.keep = Some(files);
        self
    }

    pub(super) fn kept(&self) -> Option<usize> {
        self.keep
    }

    /// Whether `more` bytes belong into a new file.
    pub(super) fn is_due(&self, live: &Live, more: u64, now: Timestamp) -> bool {
        let len = live.len();
        let too_large = self.bytes.is_some_and(|bytes| len.saturating_add(more) > bytes);
        let age = |age: Duration| {
            let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
            live.began().is_some_and(|began| began.plus_nanos(age) <= now)
        };
        len > 0 && (too_large || self.age.is_some_and(age))
    }
}
