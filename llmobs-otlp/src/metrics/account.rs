//! What the recorder says of itself: calls under way, losses.
//!
//! The recorder is asked whenever metrics are collected, and what has changed since is added to plain
//! counters. Observed values would be overwritten where several recorders report to one provider; sums
//! of changes add up, also over readers, and in deltas. The provider may outlive the recorder, and does
//! not keep it alive.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use llmobs_core::semconv::{attribute, metric};
use llmobs_core::{LossCause, Recorder, Term, WeakRecorder};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, UpDownCounter};

use super::bounded::{Bounded, Maker};
use super::labels::{label, term};

/// Causes that are reported from the beginning, at zero: an increase shows only from something.
const OF_THE_RECORDER: [LossCause; 3] =
    [LossCause::QueueFull, LossCause::ShutDown, LossCause::Panicked];
const OF_A_SINK: [LossCause; 5] = [
    LossCause::SinkQueueFull,
    LossCause::SinkRefused,
    LossCause::SinkFailed,
    LossCause::SinkPanicked,
    LossCause::SinkTooSlow,
];

/// Has `recorder` reported with the meter's provider, for as long as it lives.
pub(super) fn report(make: Maker<'_>, recorder: WeakRecorder) {
    let account = Mutex::new(Account::new(make, recorder));
    // It observes nothing: it is there to be asked.
    let _ = make
        .meter
        .u64_observable_counter(metric::LLMOBS_LOST_RECORDS)
        .with_callback(move |_| {
            account.lock().unwrap_or_else(PoisonError::into_inner).update();
        })
        .build();
}

struct Account {
    /// `None` once it is gone.
    recorder: Option<WeakRecorder>,
    lost: Bounded<Counter<u64>>,
    payload: Bounded<Counter<u64>>,
    open: Bounded<UpDownCounter<i64>>,
    active: Bounded<UpDownCounter<i64>>,
    added: Added,
}

/// What has been added so far.
#[derive(Default)]
struct Added {
    /// By the place among the accounts, to which are only ever added; `None` for the recorder itself.
    lost: HashMap<(Option<usize>, LossCause), u64>,
    payload: Option<u64>,
    open: Option<u64>,
    active: HashMap<(Term, Option<Term>), u64>,
}

impl Account {
    fn new(make: Maker<'_>, recorder: WeakRecorder) -> Self {
        Self {
            recorder: Some(recorder),
            lost: make.counter(
                metric::LLMOBS_LOST_RECORDS,
                "{record}",
                "Operations, records and exports of metrics that were lost, by cause.",
            ),
            payload: make.counter(
                metric::LLMOBS_LOST_PAYLOAD,
                "By",
                "Payload that was not kept, for want of room.",
            ),
            open: make.level(
                metric::LLMOBS_OPEN_OPERATIONS,
                "{operation}",
                "Operations that are open, or whose end has not been handled.",
            ),
            active: make.level(metric::LLMOBS_ACTIVE_CALLS, "{call}", "Calls under way."),
            added: Added::default(),
        }
    }

    fn update(&mut self) {
        match self.recorder.as_ref().map(WeakRecorder::upgrade) {
            Some(Some(recorder)) => self.add(&recorder),
            // What was under way is nowhere any more.
            Some(None) => {
                self.recorder = None;
                self.open(0);
                self.active(HashMap::new());
            }
            None => {}
        }
    }

    fn add(&mut self, recorder: &Recorder) {
        let losses = recorder.losses();
        let zero = |causes: &[LossCause]| {
            causes.iter().map(|cause| (*cause, 0)).collect::<HashMap<_, _>>()
        };
        let mut lost = zero(&OF_THE_RECORDER);
        lost.extend(losses.lost);
        self.lose(None, None, lost);
        for (place, sink) in losses.sinks.into_iter().chain(losses.metrics).enumerate() {
            let mut lost = zero(&OF_A_SINK);
            lost.extend(sink.lost);
            self.lose(Some(place), Some(&sink.sink), lost);
        }
        let before = self.added.payload.replace(losses.payload_bytes);
        let more = losses.payload_bytes.saturating_sub(before.unwrap_or_default());
        if more > 0 || before.is_none() {
            self.payload.add(more, &[]);
        }
        self.open(losses.open);
        let calls = recorder.open_calls().into_iter();
        self.active(calls.map(|row| ((row.operation, row.provider), row.calls)).collect());
    }

    fn lose(&mut self, place: Option<usize>, sink: Option<&str>, lost: HashMap<LossCause, u64>) {
        for (cause, now) in lost {
            let before = self.added.lost.insert((place, cause), now);
            let more = now.saturating_sub(before.unwrap_or_default());
            if more > 0 || before.is_none() {
                let mut labels = vec![KeyValue::new(attribute::LLMOBS_LOSS_CAUSE, cause.as_str())];
                if let Some(sink) = sink {
                    labels.push(KeyValue::new(attribute::LLMOBS_SINK, label(sink)));
                }
                self.lost.add(more, &labels);
            }
        }
    }

    fn open(&mut self, now: u64) {
        let before = self.added.open.replace(now);
        if before != Some(now) {
            self.open.add(change(before.unwrap_or_default(), now), &[]);
        }
    }

    fn active(&mut self, now: HashMap<(Term, Option<Term>), u64>) {
        let before = std::mem::take(&mut self.added.active);
        let gone = before.keys().filter(|kind| !now.contains_key(*kind)).map(|kind| (kind, 0));
        for (kind, calls) in gone.chain(now.iter().map(|(kind, calls)| (kind, *calls))) {
            let known = before.get(kind).copied();
            if known != Some(calls) {
                let mut labels = Vec::with_capacity(2);
                term(&mut labels, attribute::OPERATION_NAME, Some(&kind.0));
                term(&mut labels, attribute::PROVIDER_NAME, kind.1.as_ref());
                self.active.add(change(known.unwrap_or_default(), calls), &labels);
            }
        }
        self.added.active = now;
    }
}

fn change(before: u64, now: u64) -> i64 {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    now.saturating_sub(i64::try_from(before).unwrap_or(i64::MAX))
}
