//! Instruments that take no value that is none, and no more attribute sets than they are allowed.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::LazyLock;

use llmobs_core::semconv::attribute;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, UpDownCounter};

/// Attribute sets an instrument has when nothing else is said: as many as in the SDK.
pub(crate) const DEFAULT_LIMIT: usize = 2_000;

/// What stands for all sets beyond the limit.
static OVERFLOW: LazyLock<[KeyValue; 1]> =
    LazyLock::new(|| [KeyValue::new(attribute::METRIC_OVERFLOW, true)]);

/// An instrument, bounded here where its provider is not ours: ours has the bound in its views, and
/// forgets sets between two delta exports.
pub(super) struct Bounded<I> {
    instrument: I,
    seen: Option<Seen>,
}

/// The sets of attributes seen so far, by their hashes: names that somebody sends take no memory.
struct Seen {
    sets: HashSet<u64>,
    limit: usize,
    hasher: RandomState,
}

impl Seen {
    fn admits(&mut self, attributes: &[KeyValue]) -> bool {
        let hash = self.hasher.hash_one(attributes);
        if self.sets.contains(&hash) {
            return true;
        }
        self.sets.len() < self.limit && self.sets.insert(hash)
    }
}

impl<I> Bounded<I> {
    fn admitted<'a>(&mut self, attributes: &'a [KeyValue]) -> &'a [KeyValue] {
        let full = |seen: &mut Seen| !attributes.is_empty() && !seen.admits(attributes);
        if self.seen.as_mut().is_some_and(full) { &*OVERFLOW } else { attributes }
    }
}

impl Bounded<Histogram<f64>> {
    /// Takes a value that is finite and not below zero.
    pub(super) fn record(&mut self, value: f64, attributes: &[KeyValue]) {
        if value.is_finite() && value >= 0.0 {
            let attributes = self.admitted(attributes);
            self.instrument.record(value, attributes);
        }
    }

    /// Takes many times with the same attributes, which are looked at once.
    pub(super) fn all_millis(&mut self, all: &[f32], attributes: &[KeyValue]) {
        let times = all.iter().filter(|millis| millis.is_finite() && **millis >= 0.0);
        let mut times = times.map(|millis| f64::from(*millis) / 1_000.0).peekable();
        if times.peek().is_some() {
            let attributes = self.admitted(attributes);
            times.for_each(|seconds| self.instrument.record(seconds, attributes));
        }
    }

    /// Takes a time, as records have them.
    pub(super) fn millis(&mut self, millis: Option<f64>, attributes: &[KeyValue]) {
        if let Some(millis) = millis {
            self.record(millis / 1_000.0, attributes);
        }
    }
}

impl Bounded<Histogram<u64>> {
    pub(super) fn record(&mut self, value: Option<u64>, attributes: &[KeyValue]) {
        if let Some(value) = value {
            let attributes = self.admitted(attributes);
            self.instrument.record(value, attributes);
        }
    }
}

impl Bounded<Counter<u64>> {
    pub(super) fn add(&mut self, value: u64, attributes: &[KeyValue]) {
        let attributes = self.admitted(attributes);
        self.instrument.add(value, attributes);
    }
}

impl Bounded<Counter<f64>> {
    /// Adds a value that is finite and not below zero.
    pub(super) fn add(&mut self, value: f64, attributes: &[KeyValue]) {
        if value.is_finite() && value >= 0.0 {
            let attributes = self.admitted(attributes);
            self.instrument.add(value, attributes);
        }
    }
}

impl Bounded<UpDownCounter<i64>> {
    pub(super) fn add(&mut self, value: i64, attributes: &[KeyValue]) {
        let attributes = self.admitted(attributes);
        self.instrument.add(value, attributes);
    }
}

/// Makes instruments with one meter.
#[derive(Clone, Copy)]
pub(super) struct Maker<'m> {
    pub(super) meter: &'m Meter,
    /// Attribute sets of each instrument, where it is not the provider that bounds them.
    pub(super) limit: Option<usize>,
}

impl Maker<'_> {
    fn bounded<I>(&self, instrument: I) -> Bounded<I> {
        let seen = self.limit.map(|limit| Seen {
            sets: HashSet::new(),
            limit,
            hasher: RandomState::new(),
        });
        Bounded { instrument, seen }
    }

    pub(super) fn histogram(
        &self,
        name: &'static str,
        unit: &'static str,
        about: &'static str,
        buckets: &[f64],
    ) -> Bounded<Histogram<f64>> {
        let builder = self.meter.f64_histogram(name).with_unit(unit).with_description(about);
        self.bounded(builder.with_boundaries(buckets.to_vec()).build())
    }

    pub(super) fn sizes(
        &self,
        name: &'static str,
        unit: &'static str,
        about: &'static str,
        buckets: &[f64],
    ) -> Bounded<Histogram<u64>> {
        let builder = self.meter.u64_histogram(name).with_unit(unit).with_description(about);
        self.bounded(builder.with_boundaries(buckets.to_vec()).build())
    }

    pub(super) fn counter(
        &self,
        name: &'static str,
        unit: &'static str,
        about: &'static str,
    ) -> Bounded<Counter<u64>> {
        self.bounded(self.meter.u64_counter(name).with_unit(unit).with_description(about).build())
    }

    pub(super) fn amount(
        &self,
        name: &'static str,
        unit: &'static str,
        about: &'static str,
    ) -> Bounded<Counter<f64>> {
        self.bounded(self.meter.f64_counter(name).with_unit(unit).with_description(about).build())
    }

    pub(super) fn level(
        &self,
        name: &'static str,
        unit: &'static str,
        about: &'static str,
    ) -> Bounded<UpDownCounter<i64>> {
        let builder = self.meter.i64_up_down_counter(name);
        self.bounded(builder.with_unit(unit).with_description(about).build())
    }
}
