//! What the recorders said they lost.

use std::collections::BTreeMap;

use llmobs_core::Record;

use crate::text::clean;

/// How many recorders, and causes of each, are told apart.
const MAX_RECORDERS: usize = 1_024;
const MAX_CAUSES: usize = 64;

/// Losses by cause. Each recorder reports what it has lost *since it was started*: its newest
/// report counts, and a smaller count than before means that it was started anew.
#[derive(Clone, Debug, Default)]
pub(super) struct Losses {
    recorders: BTreeMap<Recorder, LastReport>,
    /// Of recorders that were started anew since.
    ended: BTreeMap<String, u64>,
}

type Recorder = (Option<String>, Option<String>, Option<u32>);

#[derive(Clone, Debug, Default)]
struct LastReport {
    accepted: u64,
    lost: BTreeMap<String, u64>,
}

impl Losses {
    pub(super) fn add(&mut self, record: &Record) {
        let Some(meta) = &record.meta else { return };
        let Some(report) = &meta.losses else { return };
        let recorder = (
            record.service.as_deref().map(clean),
            record.environment.as_deref().map(clean),
            meta.process_id,
        );
        if self.recorders.len() >= MAX_RECORDERS && !self.recorders.contains_key(&recorder) {
            return;
        }
        let lost = report.lost.iter().take(MAX_CAUSES);
        let new = LastReport {
            accepted: report.accepted,
            lost: lost.map(|(cause, count)| (clean(cause), *count)).collect(),
        };
        let last = self.recorders.entry(recorder).or_default();
        let old = std::mem::replace(last, new);
        if report.accepted < old.accepted {
            for (cause, count) in old.lost {
                // A hostile file must not grow this without end.
                let room = self.ended.len() < MAX_CAUSES || self.ended.contains_key(&cause);
                add(&mut self.ended, if room { cause } else { "other".to_owned() }, count);
            }
        }
    }

    pub(super) fn by_cause(&self) -> BTreeMap<String, u64> {
        let mut all = self.ended.clone();
        for (cause, count) in self.recorders.values().flat_map(|report| &report.lost) {
            add(&mut all, cause.clone(), *count);
        }
        all.retain(|_, count| *count > 0);
        all
    }
}

fn add(counts: &mut BTreeMap<String, u64>, cause: String, count: u64) {
    let sum = counts.entry(cause).or_default();
    *sum = sum.saturating_add(count);
}
