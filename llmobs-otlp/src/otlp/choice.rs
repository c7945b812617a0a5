//! What there is to choose.

/// Whether metric points count from the start of the process or from the last export.
///
/// Either way no call is missing after an endpoint was away: exports that it does not take wait, and go
/// out in order when it is back. Deltas always wait; of points that count from the start, one export
/// waits in memory, since the next one has all of it, and with a spool on disk all do, so that little is
/// missing after a crash. What finds no room is counted in
/// [`Losses::metrics`](llmobs_core::Losses::metrics). A crash takes what was counted since the last export.
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

/// Which state of the GenAI conventions names what is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Semconv {
    /// The newest, of October 2026: `gen_ai.client.inference.*`, `gen_ai.client.embeddings.*`.
    #[default]
    Latest,
    /// That of August 2026, which most dashboards still read: `gen_ai.client.operation.*`,
    /// `gen_ai.client.token.usage`.
    V2026_08,
    /// Both beside each other, for the time of a change.
    Both,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Signal {
    /// Spans.
    Traces,
    /// Metrics.
    Metrics,
    /// Events, as log records.
    Logs,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Protocol {
    /// `http/protobuf`: a POST each, to collectors usually at port 4318.
    #[default]
    HttpProtobuf,
    /// `grpc`, to collectors usually at port 4317; needs the feature `grpc`.
    Grpc,
}

/// Whether requests are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compression {
    /// They are sent as they are.
    #[default]
    None,
    /// They are sent in gzip, unless the endpoint turns out not to understand it.
    Gzip,
}

/// Where content goes that the recorder captures: messages, instructions, tools and what they were
/// run with, documents, values of prompts, explanations of evaluations.
///
/// It captures nothing by itself: that is the recorder's policy. JSON lines have what is captured,
/// whatever is said here; error messages have a policy of their own, and go with the error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContentPlace {
    /// Neither on spans nor on events.
    NoContent,
    /// On spans, as JSON texts.
    SpanOnly,
    /// On events, as structured values. Only calls that generate have one: what steps were run with is
    /// then in JSON lines alone.
    EventOnly,
    /// On both.
    #[default]
    SpanAndEvent,
}

impl ContentPlace {
    pub(crate) fn on_spans(self) -> bool {
        matches!(self, Self::SpanOnly | Self::SpanAndEvent)
    }

    pub(crate) fn on_events(self) -> bool {
        matches!(self, Self::EventOnly | Self::SpanAndEvent)
    }
}
