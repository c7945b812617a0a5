//! A running 99th percentile for each model.

use std::collections::HashMap;
use std::fmt;

use sketches_ddsketch::{Config, DDSketch};

use crate::record::{Kind, Record};

/// Calls of one model until the older half is forgotten.
const WINDOW: usize = 5_000;
/// Calls without which a percentile says nothing, and after which it is taken anew.
const ENOUGH: usize = 100;
const SHARE: f64 = 0.99;
/// Models told apart; calls of others match nothing.
const MODELS: usize = 256;
/// Relative error of the percentile; smallest time told apart, in milliseconds; most buckets.
const SKETCH: (f64, f64, u32) = (0.02, 0.01, 1_024);

/// Tells the slowest hundredth of the calls of each model.
pub(super) struct Slowest {
    millis: fn(&Record) -> Option<f64>,
    models: HashMap<(String, String), Window>,
}

/// Two spans of calls, of which the older is dropped when the newer is full.
struct Window {
    newer: DDSketch,
    older: DDSketch,
    limit: Option<f64>,
}

impl Slowest {
    pub(super) fn new(millis: fn(&Record) -> Option<f64>) -> Self {
        Self { millis, models: HashMap::new() }
    }

    /// Whether a call is slower than 99 % of those before it; then it is one of those itself.
    pub(super) fn matches(&mut self, record: &Record) -> bool {
        let millis = (self.millis)(record).filter(|millis| millis.is_finite());
        let Some(millis) = millis.filter(|_| record.kind == Kind::Interaction) else {
            return false;
        };
        let model = record.model.clone().unwrap_or_default();
        let key = (model, record.operation.as_deref().unwrap_or_default().to_owned());
        if self.models.len() >= MODELS && !self.models.contains_key(&key) {
            return false;
        }
        let window = self.models.entry(key).or_insert_with(Window::new);
        let slowest = window.limit.is_some_and(|limit| millis > limit);
        window.add(millis);
        slowest
    }
}

impl Window {
    fn new() -> Self {
        Self { newer: sketch(), older: sketch(), limit: None }
    }

    fn add(&mut self, millis: f64) {
        if self.newer.count() >= WINDOW {
            self.older = std::mem::replace(&mut self.newer, sketch());
        }
        self.newer.add(millis);
        if self.newer.count().is_multiple_of(ENOUGH) {
            let mut both = self.newer.clone();
            // Two of the same kind can always be merged, and what was added is a number.
            let merged = both.merge(&self.older).is_ok();
            let limit = both.quantile(SHARE).ok().flatten().filter(|_| merged);
            // Where all take the same time, none is slower for an error of the sketch.
            self.limit = limit.map(|limit| limit * (1.0 + 2.0 * SKETCH.0));
        }
    }
}

fn sketch() -> DDSketch {
    let (error, smallest, buckets) = SKETCH;
    DDSketch::new(Config::new(error, buckets, smallest))
}

impl fmt::Debug for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slowest").field("models", &self.models.len()).finish_non_exhaustive()
    }
}
