//! Many calls, by model and prompt version, or whatever else they are grouped by.
//!
//! **What counts.** Only records of kind `interaction` are calls; steps, evaluations and the rest
//! are counted below the table. What agents, workflows and fallbacks sum up is never added: their
//! calls are here one by one.
//!
//! **Percentiles** of the total latency and of TPOT are over *completed* calls: a call whose reader
//! left, or that failed, ended early for a reason that is not speed, and must not lower them. TTFT
//! is over every call that has one except the dropped. Where a group has text generation, all three
//! are of that alone: an embedding is no fast answer. They are exact (nearest rank) up to
//! [`EXACT_VALUES`] values, and from a sketch with a relative error of 1 % above.
//!
//! **Unknown is not zero.** Token sums are over the calls that reported them; calls that reported
//! none, or counts that contradict themselves, are counted apart.
//!
//! **Costs** are summed exactly, by currency; beside each sum stands of how many calls the cost is not
//! known. Reading a stored answer costs nothing and is not among them.
//!
//! **Sampled** calls and steps are counted as they are there. Below the table stands of about how many they
//! were kept, by the rates that their records tell.
//!
//! **Memory** is bounded: at most [`MAX_GROUPS`] groups in the order they first appear, the calls of
//! all others in one group named `(other)`.

pub(crate) mod by;
mod distribution;
mod fallbacks;
mod group;
mod json;
mod losses;
mod panels;
mod stages;
mod table;

use std::collections::BTreeMap;

use llmobs_core::{Kind, Record, StepKind};

use self::by::{By, Key};
pub use self::by::{Dimension, UnknownDimension};
pub use self::distribution::EXACT_VALUES;
use self::fallbacks::Fallbacks;
use self::group::Group;
use self::losses::Losses;
pub use self::stages::HELD_SPANS;
use self::stages::Stages;
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
    by: By,
    groups: BTreeMap<Key, Group>,
    other: Option<Group>,
    total: Group,
    lines: LineCounts,
    losses: Losses,
    stages: Stages,
    fallbacks: Fallbacks,
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
    sampled: Sampled,
    sampled_steps: Sampled,
}

/// What a tail sampler kept, and how many there were by its rates.
#[derive(Clone, Copy, Debug, Default)]
struct Sampled {
    kept: u64,
    of: f64,
}

impl Sampled {
    fn add(&mut self, record: &Record) {
        if let Some(sampling) = record.sampling.as_deref().filter(|it| it.rate > 0.0) {
            self.kept += 1;
            self.of += 1.0 / sampling.rate;
        }
    }

    fn of(self) -> u64 {
        self.of.round() as u64
    }
}

impl Report {
    /// A report that groups by these, in this order; those named again are left out, and without
    /// any all calls are one group. The default is by model and prompt version.
    pub fn by(dimensions: impl IntoIterator<Item = Dimension>) -> Self {
        let mut by = Vec::new();
        for dimension in dimensions {
            if !by.contains(&dimension) {
                by.push(dimension);
            }
        }
        Self { by: By::new(by), ..Self::default() }
    }

    /// Takes a record in.
    pub fn add(&mut self, record: &Record) {
        let lines = &mut self.lines;
        lines.records += 1;
        match record.kind {
            Kind::Interaction => {
                lines.interactions += 1;
                lines.sampled.add(record);
                self.stages.add(record);
                self.call(record);
            }
            Kind::Step => {
                lines.steps += 1;
                lines.sampled_steps.add(record);
                self.step(record);
            }
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
        self.group(record).add(record);
    }

    fn step(&mut self, record: &Record) {
        self.stages.add(record);
        if record.step == Some(StepKind::Fallback) {
            self.fallbacks.add(record);
        }
        if self.by.steps {
            self.group(record).add_step(record);
        }
    }

    fn group(&mut self, record: &Record) -> &mut Group {
        let key = self.by.key(record);
        let room = self.groups.len() < MAX_GROUPS || self.groups.contains_key(&key);
        match room {
            true => self.groups.entry(key).or_default(),
            false => self.other.get_or_insert_default(),
        }
    }
}

impl<'a> Extend<&'a Record> for Report {
    fn extend<I: IntoIterator<Item = &'a Record>>(&mut self, records: I) {
        records.into_iter().for_each(|record| self.add(record));
    }
}
