//! One of the application's own steps: what `#[trace_llm]` opens around a function.

mod details;
mod documents;
mod notes;
mod parties;
mod reading;
mod sources;
mod told;
mod value;

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use self::details::Details;
pub use self::documents::{AsDocument, AsDocuments};
pub use self::parties::{AsAgent, AsToolCall, AsWorkflow};
pub use self::reading::{IterInStep, StreamInStep};
pub use self::value::Shown;
use crate::enabled::Enabled;
use crate::group::Group;
use crate::record::{Outcome, StepKind};
use crate::recorder::Recorder;
use crate::scope::{Place, Scope};
use crate::span::{Innermost, SpanStart};
use crate::time::Timestamp;
use crate::worker::Message;

/// A step under way.
///
/// It ends once: by [`end`](Step::end), or by being dropped, which is recorded as dropped, or as
/// failed when the thread is unwinding. While its function runs under [`run`](Step::run) or
/// [`run_sync`](Step::run_sync), calls and steps made inside are its children.
///
/// ```
/// use llmobs_core::{Step, StepKind};
///
/// let step = Step::start(StepKind::Prompt, "build_prompt");
/// let prompt = step.run_sync(|| "Say hello".to_owned());
/// step.end();
/// # assert_eq!(prompt, "Say hello");
/// ```
#[must_use = "a step that is dropped at once is recorded as dropped"]
pub struct Step {
    open: Option<Box<OpenStep>>,
}

/// A step, in one allocation from its start to the worker.
pub(crate) struct OpenStep {
    /// The surroundings, with this step's span open in them.
    pub(crate) scope: Scope,
    /// What this very step sums up.
    pub(crate) group: Option<Arc<Group>>,
    pub(crate) recorder: Recorder,
    pub(crate) kind: StepKind,
    pub(crate) name: Cow<'static, str>,
    pub(crate) at: Timestamp,
    pub(crate) began: u64,
    pub(crate) ended: u64,
    pub(crate) failure: Option<Cow<'static, str>>,
    pub(crate) outcome: Outcome,
    /// Items read of the stream or iterator the step gave back.
    pub(crate) items: Option<u64>,
    pub(crate) details: Option<Box<Details>>,
}

impl Step {
    /// Begins a step with the recorder that is current here; without one it observes nothing.
    pub fn start(kind: StepKind, name: impl Into<Cow<'static, str>>) -> Self {
        let current = if Enabled::anywhere() { Recorder::current() } else { None };
        match current {
            Some(recorder) => recorder.step(kind, name),
            None => Self { open: None },
        }
    }

    /// Whether anybody listens: what is costly to make need not be made otherwise.
    pub fn is_recording(&self) -> bool {
        self.open.is_some()
    }

    /// Notes that the step failed, by a type and not by a message, which may quote content.
    pub fn fail(&mut self, error_type: impl Into<Cow<'static, str>>) {
        if let Some(open) = &mut self.open {
            open.failure = Some(error_type.into());
        }
    }

    /// Runs a function inside the step.
    pub fn run_sync<R>(&self, run: impl FnOnce() -> R) -> R {
        match &self.open {
            Some(open) => open.scope.run_sync(run),
            None => run(),
        }
    }

    /// Runs a future inside the step; it is inside during each poll, and only then.
    pub fn run<F: Future>(&self, future: F) -> InStep<'_, F> {
        InStep { future, step: self }
    }

    /// Ends the step.
    pub fn end(mut self) {
        self.close(Outcome::Completed);
    }

    fn close(&mut self, outcome: Outcome) {
        let Some(mut open) = self.open.take() else { return };
        open.ended = open.recorder.elapsed();
        open.outcome = if open.failure.is_some() { Outcome::Failed } else { outcome };
        let recorder = open.recorder.clone();
        recorder.send(Message::StepEnded(open));
    }
}

impl Recorder {
    /// Begins a step below the innermost thing open here.
    pub fn step(&self, kind: StepKind, name: impl Into<Cow<'static, str>>) -> Step {
        if !self.is_enabled() {
            return Step { open: None };
        }
        Step { open: self.begin(|| Box::new(self.open_step(kind, name.into()))) }
    }

    fn open_step(&self, kind: StepKind, name: Cow<'static, str>) -> OpenStep {
        let Place { scope, tracing, tracing_at_entry, .. } = self.place();
        let at = self.now();
        let span = self.backend().start(&SpanStart {
            name: &name,
            kind: kind.span_kind(),
            at,
            operation: kind.operation(),
            provider: None,
            server: None,
            innermost: Innermost {
                scope: scope.as_ref().and_then(Scope::span),
                tracing_at_entry,
                tracing,
            },
            ids: self.ids(),
        });
        let around = scope.unwrap_or_default();
        let number = || self.next_number();
        let group = Group::of(kind, || name.clone(), number, span.identity.span_id, around.group());
        let scope = around.with_span(self, span, group.clone());
        let recorder = self.clone();
        let began = self.elapsed();
        OpenStep {
            scope,
            group,
            recorder,
            kind,
            name,
            at,
            began,
            ended: began,
            failure: None,
            outcome: Outcome::Unfinished,
            items: None,
            details: None,
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if self.open.is_some() {
            if std::thread::panicking() {
                self.fail("panic");
            }
            self.close(Outcome::Dropped);
        }
    }
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.open.as_ref().map(|open| &open.name);
        f.debug_struct("Step").field("name", &name).finish_non_exhaustive()
    }
}

pin_project! {
    /// A future inside a [`Step`].
    #[must_use = "futures do nothing unless polled"]
    pub struct InStep<'s, F> {
        #[pin]
        future: F,
        step: &'s Step,
    }
}

impl<F: Future> Future for InStep<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        let Some(open) = &this.step.open else { return future.poll(cx) };
        let mut polled = Poll::Pending;
        open.scope.attach(&mut || polled = future.as_mut().poll(cx));
        polled
    }
}

impl<F> fmt::Debug for InStep<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InStep").field("step", self.step).finish_non_exhaustive()
    }
}
