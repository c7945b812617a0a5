//! Logical calls that may take several models to answer.

use std::collections::BTreeMap;

use llmobs_core::{Outcome, Record};

use crate::text::clean;

/// How many names are told apart.
const MAX_NAMES: usize = 50;

/// Logical calls by name.
#[derive(Clone, Debug, Default)]
pub(super) struct Fallbacks {
    pub(super) by_name: BTreeMap<Option<String>, Answers>,
    /// Of the names beyond the first.
    pub(super) other: Option<Answers>,
}

/// What came of some logical calls.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answers {
    pub(super) calls: u64,
    /// Answered by the first attempt.
    pub(super) first: u64,
    /// Answered by the second.
    pub(super) second: u64,
    /// Answered by the third or one after it.
    pub(super) later: u64,
    /// Answered without any call that is recorded.
    pub(super) without_attempt: u64,
    pub(super) failed: u64,
    /// Neither answered nor failed.
    pub(super) cut_off: u64,
}

impl Fallbacks {
    pub(super) fn add(&mut self, record: &Record) {
        let name = record.name.as_deref().map(clean);
        let room = self.by_name.len() < MAX_NAMES || self.by_name.contains_key(&name);
        let answers = match room {
            true => self.by_name.entry(name).or_default(),
            false => self.other.get_or_insert_default(),
        };
        answers.add(record);
    }

    pub(super) fn total(&self) -> Answers {
        let mut total = Answers::default();
        self.by_name.values().chain(&self.other).for_each(|answers| total.merge(answers));
        total
    }
}

impl Answers {
    fn add(&mut self, record: &Record) {
        self.calls += 1;
        let attempt = record.fallback.map_or(0, |fallback| fallback.attempt);
        *match (record.outcome, attempt) {
            (Some(Outcome::Completed), 0) => &mut self.without_attempt,
            (Some(Outcome::Completed), 1) => &mut self.first,
            (Some(Outcome::Completed), 2) => &mut self.second,
            (Some(Outcome::Completed), _) => &mut self.later,
            (Some(Outcome::Failed), _) => &mut self.failed,
            _ => &mut self.cut_off,
        } += 1;
    }

    fn merge(&mut self, other: &Self) {
        let Self { calls, first, second, later, without_attempt, failed, cut_off } = other;
        self.calls += calls;
        self.first += first;
        self.second += second;
        self.later += later;
        self.without_attempt += without_attempt;
        self.failed += failed;
        self.cut_off += cut_off;
    }
}
