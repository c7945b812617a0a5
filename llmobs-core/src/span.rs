//! The trace backend: who is the parent, and where spans live.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::contain::discard;
use crate::id::{Ids, SpanId, TraceId};
use crate::record::Record;
use crate::recorder::Recorder;
use crate::sampling::TraceVerdict;
use crate::time::Timestamp;

/// The place spans come from and go to. The third of the four seams.
///
/// `start` and `attach` run on the caller's task: they must not block. `finish` runs on the
/// recorder's thread, which may be long after the operation has ended; the end time is in the
/// record.
pub trait TraceBackend: fmt::Debug + Send + Sync + 'static {
    /// Starts a span for an operation that begins now, below the innermost thing open here.
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan;

    /// The innermost span open here, for a scope that is made here and entered elsewhere.
    ///
    /// A backend that sees spans the recorder does not see answers with those.
    fn current(&self, innermost: &Innermost<'_>) -> Option<OpenSpan> {
        innermost.open()
    }

    /// Runs `run` with the span current, so that whatever it opens becomes the span's child.
    ///
    /// Called once for each poll of a future: it must give the thread back as it found it, also
    /// when `run` panics.
    fn attach(&self, span: &OpenSpan, run: &mut dyn FnMut()) {
        let _ = span;
        run();
    }

    /// The same below a parent that was taken before, where the operation began.
    fn start_below(&self, start: &SpanStart<'_>, parent: Option<&OpenSpan>) -> OpenSpan {
        LocalBackend::child_of(parent.map(|parent| parent.identity), start.ids)
    }

    /// The span that something else makes of a `tracing` span, and ends and exports: tracing-opentelemetry,
    /// where it is in the subscriber. It may have to be started for that.
    ///
    /// Asked by `llmobs::layer()`. What is answered with is given the record's ids and no span of ours.
    fn of_tracing(
        &self,
        subscriber: &tracing::Dispatch,
        span: &tracing::span::Id,
    ) -> Option<SpanIdentity> {
        let _ = (subscriber, span);
        None
    }

    /// Ends the span with what the record says; `None` when a processor refused the record.
    fn finish(&self, span: OpenSpan, record: Option<&Record>) {
        let _ = (span, record);
    }

    /// The recorder samples whole traces, and will tell of each. Called once, when it starts.
    ///
    /// A backend that wants it later keeps a [`WeakRecorder`](crate::WeakRecorder), and may tell it of
    /// traces that are over ([`Recorder::trace_ended`]).
    fn tail_sampled(&self, recorder: &Recorder) {
        let _ = recorder;
    }

    /// Tail sampling has decided on a trace, maybe once more. What ends later of it is to follow.
    fn decided(&self, trace_id: TraceId, verdict: &TraceVerdict) {
        let _ = (trace_id, verdict);
    }

    /// Tail sampling has ended with its recorder: nothing is decided any more.
    fn nothing_decided(&self) {}

    /// Called every few seconds, or more often, on the recorder's thread where that samples whole
    /// traces.
    fn tick(&self) {}

    /// Name of the mode for `meta` lines: `local`, `own` or `attached`; `None` while undecided.
    fn mode(&self) -> Option<&'static str>;
}

/// What is known of a span when it starts.
#[derive(Debug)]
pub struct SpanStart<'a> {
    /// Name so far; the record gives the final one.
    pub name: &'a Cow<'static, str>,
    /// Whether the span calls out of the process.
    pub kind: SpanKind,
    /// When it begins.
    pub at: Timestamp,
    /// Operation, where there is one.
    pub operation: Option<&'static str>,
    /// Provider, for calls where it is known by now: by the user's word, else a name of the
    /// registry's. `None` where the host stands in until the answer may tell more.
    pub provider: Option<&'a str>,
    /// Server address and port, for calls.
    pub server: Option<(&'a str, Option<u16>)>,
    /// The innermost thing of ours that is open here.
    pub innermost: Innermost<'a>,
    /// Where new ids come from.
    pub ids: &'a dyn Ids,
}

/// Whether a span calls out of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// A call to a remote model.
    Client,
    /// Work inside the process.
    Internal,
}

/// What is open on this thread, as far as llmobs can see by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Innermost<'a> {
    /// The innermost scope with a span of ours.
    pub scope: Option<&'a OpenSpan>,
    /// Id of the `tracing` span that was current when that scope was last entered.
    pub tracing_at_entry: Option<u64>,
    /// A `tracing` span known to `llmobs::layer()` that was entered inside that scope.
    pub tracing: Option<&'a OpenSpan>,
}

impl Innermost<'_> {
    /// The innermost span as something to nest below: a `tracing` span inside the scope, else the
    /// scope's own.
    pub fn open(&self) -> Option<OpenSpan> {
        self.tracing.or(self.scope).cloned()
    }

    /// The innermost span: a `tracing` span inside the scope, else the scope's own.
    pub fn identity(&self) -> Option<SpanIdentity> {
        self.tracing.or(self.scope).map(|span| span.identity)
    }
}

/// Ids of a span, enough to be a parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanIdentity {
    /// Trace the span belongs to.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// Whether the trace is kept by head sampling.
    pub sampled: bool,
}

/// A span that has started and not ended.
#[derive(Clone)]
pub struct OpenSpan {
    /// The span's ids.
    pub identity: SpanIdentity,
    /// Its parent's id; absent on a root.
    pub parent_span_id: Option<SpanId>,
    /// Whatever the backend needs to attach and finish the span.
    pub handle: Option<Arc<dyn Any + Send + Sync>>,
}

/// In the place of a handle: the span is another process's.
struct Remote;

impl OpenSpan {
    /// A span of another process, to nest below.
    pub fn remote(identity: SpanIdentity) -> Self {
        Self { identity, parent_span_id: None, handle: Some(Arc::new(Remote)) }
    }

    /// Whether it is another process's: known to whoever collects that one's spans, and ended there.
    pub fn is_remote(&self) -> bool {
        self.handle.as_deref().is_some_and(|handle| handle.is::<Remote>())
    }
}

impl Drop for OpenSpan {
    /// A handle is foreign, and the last of its span may go anywhere: on a caller's task, too.
    fn drop(&mut self) {
        if let Some(handle) = self.handle.take() {
            discard(handle);
        }
    }
}

impl fmt::Debug for OpenSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenSpan")
            .field("identity", &self.identity)
            .field("parent_span_id", &self.parent_span_id)
            .finish_non_exhaustive()
    }
}

/// Ids and nesting without OpenTelemetry: the record is all there is.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalBackend;

impl LocalBackend {
    /// The span `start` describes, as a child of the innermost span of ours.
    pub fn span(start: &SpanStart<'_>) -> OpenSpan {
        Self::child_of(start.innermost.identity(), start.ids)
    }

    /// A new span below `parent`, or the root of a new trace.
    pub fn child_of(parent: Option<SpanIdentity>, ids: &dyn Ids) -> OpenSpan {
        let identity = SpanIdentity {
            trace_id: parent.map_or_else(|| ids.trace_id(), |p| p.trace_id),
            span_id: ids.span_id(),
            sampled: parent.is_none_or(|p| p.sampled),
        };
        OpenSpan { identity, parent_span_id: parent.map(|p| p.span_id), handle: None }
    }
}

impl TraceBackend for LocalBackend {
    fn start(&self, start: &SpanStart<'_>) -> OpenSpan {
        Self::span(start)
    }

    fn mode(&self) -> Option<&'static str> {
        Some("local")
    }
}
