//! Many calls, by model and prompt version.
//!
//! **What counts.** Only records of kind `interaction` are calls; steps, evaluations and the rest
//! are counted below the table.
//!
//! **Percentiles** of the total latency and of TPOT are over *completed* calls: a call whose reader
//! left, or that failed, ended early for a reason that is not speed, and must not lower them. TTFT
//! is over every call that has one except the dropped. They are exact (nearest rank) up to
//! [`EXACT_VALUES`] values, and from a sketch with a relative error of 1 % above.
//!
//! **Unknown is not zero.** Token sums are over the calls that reported them; calls that reported
//! none, or counts that contradict themselves, are counted apart.
//!
//! **Costs** are summed exactly, by currency; beside each sum stands of how many calls the cost is not
//! known. Reading a stored answer costs nothing and is not among them.
//!
//! **Memory** is bounded: at most [`MAX_GROUPS`] groups in the order they first appear, the calls of
//! all others in one group named `(other)`.

mod distribution;
pub(crate) mod group;
mod json;
mod losses;
mod panels;
mod table;

use std::collections::BTreeMap;

use llmobs_core::{Kind, Record};

pub use self::distribution::EXACT_VALUES;
use self::group::{Group, Key};
use self::losses::Losses;
use crate::style::Style;

/// How many groups are told apart.
pub const MAX_GROUPS: usize = 500;

/// The table of `records`; an example prints what it has just recorded.
pub fn table<'a>(records: impl IntoIterator<Item = &'a Record>, style: &Style) -> String {
    let mut report = Report::default();
    report.extend(records);
    report.table(style)
}

/// Counts and latencies, growing with every record.
#[derive(Clone, Debug, Default)]
pub struct Report {
    groups: BTreeMap<Key, Group>,
    other: Option<Group>,
    total: Group,
    lines: LineCounts,
    losses: Losses,
}

#[derive(Clone, Copy, Debug, Default)]
struct LineCounts {
    records: u64,
    interactions: u64,
    steps: u64,
    evaluations: u64,
    metas: u64,
    unknown: u64,
    damaged: u64,
}

impl Report {
    /// Takes a record in.
    pub fn add(&mut self, record: &Record) {
        let lines = &mut self.lines;
        lines.records += 1;
        match record.kind {
            Kind::Interaction => {
                lines.interactions += 1;
                self.call(record);
            }
            Kind::Step => lines.steps += 1,
            Kind::Evaluation => lines.evaluations += 1,
            Kind::Meta => {
                lines.metas += 1;
                self.losses.add(record);
            }
            _ => lines.unknown += 1,
        }
    }

    /// Takes in how many lines were no records.
    pub fn add_damaged(&mut self, lines: u64) {
        self.lines.damaged += lines;
    }

    /// The report as a table, with a line break at its end.
    pub fn table(&self, style: &Style) -> String {
        table::draw(self, style)
    }

    /// The report as one JSON object, in the shape `llmobs report --help` documents.
    pub fn json(&self) -> String {
        json::write(self)
    }

    fn call(&mut self, record: &Record) {
        self.total.add(record);
        let key = Key::of(record);
        if let Some(group) = self.groups.get_mut(&key) {
            group.add(record);
        } else if self.groups.len() < MAX_GROUPS {
            self.groups.entry(key).or_default().add(record);
        } else {
            self.other.get_or_insert_default().add(record);
        }
    }
}

impl<'a> Extend<&'a Record> for Report {
    fn extend<I: IntoIterator<Item = &'a Record>>(&mut self, records: I) {
        records.into_iter().for_each(|record| self.add(record));
    }
}
