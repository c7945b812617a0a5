//! What there is to choose of metrics.

/// Whether metric points count from the start of the process or from the last export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Temporality {
    /// From the start of the process.
    #[default]
    Cumulative,
    /// From the last export.
    Delta,
    /// From the last export for counters and histograms, as the specification's `lowmemory`.
    LowMemory,
}

/// Which state of the GenAI conventions the metrics are named by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricNames {
    /// The newest: `gen_ai.client.inference.*` and `gen_ai.client.embeddings.*`.
    #[default]
    Latest,
    /// Those of before October 2026, which most dashboards still read:
    /// `gen_ai.client.operation.*` and `gen_ai.client.token.usage`.
    Previous,
}
