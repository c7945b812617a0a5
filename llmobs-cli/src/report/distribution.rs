//! Values and their percentiles, in bounded memory.

use sketches_ddsketch::{Config, DDSketch};

/// Up to this many values percentiles are exact.
pub const EXACT_VALUES: usize = 4_096;

#[derive(Clone)]
pub(super) enum Distribution {
    Exact(Vec<f64>),
    Sketch(Box<DDSketch>),
}

/// Percentiles of at least one value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Percentiles {
    pub(super) count: u64,
    pub(super) p50: f64,
    pub(super) p95: f64,
    pub(super) p99: f64,
    pub(super) exact: bool,
}

impl Default for Distribution {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl std::fmt::Debug for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Distribution").field(&self.percentiles()).finish()
    }
}

impl Distribution {
    pub(super) fn add(&mut self, value: f64) {
        match self {
            Self::Sketch(sketch) => sketch.add(value),
            Self::Exact(values) if values.len() < EXACT_VALUES => values.push(value),
            Self::Exact(values) => {
                // 1 % over a range of e^40: from nanoseconds to years without a merged bin.
                let mut sketch = DDSketch::new(Config::new(0.01, 2_048, 1e-6));
                values.iter().for_each(|value| sketch.add(*value));
                sketch.add(value);
                *self = Self::Sketch(Box::new(sketch));
            }
        }
    }

    /// `None` when there are no values.
    pub(super) fn percentiles(&self) -> Option<Percentiles> {
        match self {
            Self::Exact(values) => {
                let mut sorted = values.clone();
                sorted.sort_by(f64::total_cmp);
                Some(Percentiles {
                    count: sorted.len() as u64,
                    p50: nearest_rank(&sorted, 50)?,
                    p95: nearest_rank(&sorted, 95)?,
                    p99: nearest_rank(&sorted, 99)?,
                    exact: true,
                })
            }
            Self::Sketch(sketch) => {
                let at = |q| sketch.quantile(q).ok().flatten();
                Some(Percentiles {
                    count: sketch.count() as u64,
                    p50: at(0.50)?,
                    p95: at(0.95)?,
                    p99: at(0.99)?,
                    exact: false,
                })
            }
        }
    }
}

/// The smallest value that at least `percent` of the values do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}
