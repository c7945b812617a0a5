//! Counts an answer's tokens as they arrive.

use std::collections::HashMap;
use std::fmt;

use llmobs_core::{Record, Usage, UsageSource};

use super::Slot;
use super::encoding::Counter;
use super::model::Model;

/// Text of one answer that waits to be counted, in bytes.
const MAX_WAITING: usize = 64 * 1024;
/// Texts of one answer that are told apart.
const MAX_SLOTS: usize = 4096;

/// Counts the tokens of one answer; nothing unless it is on.
pub(in crate::decode) struct Meter(Option<Box<Counts>>);

struct Counts {
    model: Model,
    responses: bool,
    slots: HashMap<Slot, Counter>,
    waiting: usize,
    /// Tokens of texts beyond those that are told apart.
    others: u64,
    /// Something was generated that is no text.
    lost: bool,
    /// The server counts.
    stopped: bool,
}

impl Meter {
    /// Counts nothing.
    pub(in crate::decode) fn off() -> Self {
        Self(None)
    }

    /// Counts the answer to the request that `record` holds.
    pub(in crate::decode) fn on(responses: bool, record: &Record) -> Self {
        Self(Some(Box::new(Counts {
            model: Model::of(record.model.as_deref()),
            responses,
            slots: HashMap::new(),
            waiting: 0,
            others: 0,
            lost: false,
            stopped: false,
        })))
    }

    /// Whether text should be handed over.
    pub(in crate::decode) fn is_on(&self) -> bool {
        self.0.as_ref().is_some_and(|counts| !counts.stopped)
    }

    /// Takes the next piece of a text.
    pub(in crate::decode) fn push(&mut self, slot: Slot, piece: &str) {
        if let Some(counts) = self.0.as_mut().filter(|counts| !counts.stopped) {
            counts.push(slot, piece);
        }
    }

    /// Takes a text as a whole, whatever came of it before.
    pub(in crate::decode) fn replace(&mut self, slot: Slot, whole: &str) {
        let Some(counts) = self.0.as_mut().filter(|counts| !counts.stopped) else { return };
        let known = counts.slots.get(&slot);
        // Most servers repeat at the end what they sent in pieces.
        if known.is_some_and(|counter| counter.seen() == whole.len()) {
            return;
        }
        if let Some(before) = counts.slots.remove(&slot) {
            counts.waiting -= before.waiting();
        }
        counts.push(slot, whole);
    }

    /// Takes note of output that is no text.
    pub(in crate::decode) fn lose(&mut self) {
        if let Some(counts) = &mut self.0 {
            counts.lost = true;
        }
    }

    /// Counts no more: the server does, and its counts go before ours.
    pub(in crate::decode) fn stop(&mut self) {
        if let Some(counts) = &mut self.0 {
            counts.stopped = true;
            counts.slots = HashMap::new();
        }
    }

    /// Writes the counts, unless the server sent any. `unanswered` tells that nothing was used as far
    /// as is known: the call failed, or its answer is yet to come.
    pub(in crate::decode) fn finish(self, unanswered: bool, record: &mut Record) {
        let Some(counts) = self.0 else { return };
        let reported = |usage: &Usage| usage.source != Some(UsageSource::Estimated);
        if counts.stopped || record.usage.as_ref().is_some_and(reported) {
            return;
        }
        let lost = counts.lost;
        let seen = counts.total(record);
        if unanswered && seen == 0 && !lost {
            (record.input_tokens, record.usage) = (None, None);
            return;
        }
        record.output_tokens = Some(seen).filter(|seen| *seen > 0 && !lost);
        if record.output_tokens.is_some() {
            record.usage.get_or_insert_default().source = Some(UsageSource::Estimated);
        }
    }
}

impl Counts {
    fn push(&mut self, slot: Slot, piece: &str) {
        if self.slots.len() >= MAX_SLOTS && !self.slots.contains_key(&slot) {
            self.others += self.model.encoding.count(piece);
            return;
        }
        let counter = self.slots.entry(slot).or_default();
        let before = counter.waiting();
        counter.push(self.model.encoding, piece);
        self.waiting = self.waiting + counter.waiting() - before;
        if self.waiting > MAX_WAITING {
            for counter in self.slots.values_mut() {
                counter.settle(self.model.encoding);
            }
            self.waiting = 0;
        }
    }

    /// All tokens seen, with those of the names of called tools and of what frames an answer; 0 when
    /// nothing was seen.
    fn total(mut self, record: &Record) -> u64 {
        let encoding = self.model.encoding;
        let names = record.tool_calls.iter().filter_map(|call| call.name.as_deref());
        let names: u64 = names.map(|name| encoding.count(name)).sum();
        let texts: u64 = self.slots.values_mut().map(|counter| counter.total(encoding)).sum();
        let seen = texts + names + self.others;
        if seen == 0 {
            return 0;
        }
        let mut choices: Vec<_> = record.tool_calls.iter().map(|call| call.choice).collect();
        choices.sort_unstable();
        let calls = choices.chunk_by(|a, b| a == b).map(|calls| calls.len() as u64);
        let calls: u64 = calls.map(|calls| self.model.around_calls(calls)).sum();
        seen + calls + self.model.around_answer(self.responses)
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the text that waits.
        f.debug_struct("Meter").field("is_on", &self.is_on()).finish_non_exhaustive()
    }
}
