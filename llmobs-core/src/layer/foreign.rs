//! Operations that other crates tell of by `tracing` spans of the conventions' form.

mod class;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use tracing::span::{Attributes, Record as Values};

use self::class::{Class, class_of, classified};
use super::fields::Fields;
use super::span::TracingSpan;
use crate::contain::contained;
use crate::group::{Group, chain};
use crate::id::RandomIds;
use crate::queue::lock;
use crate::record::StepKind;
use crate::recorder::Recorder;
use crate::scope::Scope;
use crate::semconv::{attribute, foreign};
use crate::span::{Innermost, LocalBackend, OpenSpan, SpanIdentity, SpanKind, SpanStart};
use crate::step::OpenStep;
use crate::time::Timestamp;
use crate::worker::Message;

/// An operation under way that a span of another crate stands for.
pub(crate) struct Foreign {
    pub(crate) recorder: Recorder,
    name: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) began: u64,
    /// What is around it.
    pub(crate) around: Scope,
    /// What it sums up itself, as agents do.
    group: Option<Arc<Group>>,
    /// The call to a model that it is, by what was known when it began.
    call: Option<Class>,
    below: Below,
    /// How often content had been forbidden when it began.
    forbidden: u64,
    span: OnceLock<OpenSpan>,
    /// When the span was left last, plus one; 0 for never.
    left: AtomicU64,
    state: Mutex<State>,
}

/// Where a span hangs.
#[derive(Debug, Default)]
pub(super) struct Below {
    /// By what we know.
    pub(super) ours: Option<OpenSpan>,
    /// By what tracing-opentelemetry does, where the span is its own.
    pub(super) known: Option<SpanIdentity>,
}

/// Whose call a record is: of the crate that has the span, or of an observer further in.
#[derive(Debug, Default)]
struct State {
    fields: Option<Fields>,
    /// An observed call took the span's place.
    taken: bool,
    /// Another span further in tells of the call.
    covered: bool,
}

/// A span that has closed: a call that another crate told of.
#[derive(Debug)]
pub(crate) struct SpanEnd {
    pub(crate) foreign: Arc<Foreign>,
    /// Absent when somebody else records the call.
    pub(crate) fields: Option<Fields>,
    pub(crate) ended: u64,
    /// Which attempt of the application's own fallback it is.
    pub(crate) attempt: Option<u32>,
}

fn forbidden(recorder: &Recorder) -> u64 {
    recorder.shared().counts.forbidden.load(Ordering::Acquire)
}

impl Foreign {
    /// Whether spans of this form tell of operations.
    pub(super) fn is_declared(attributes: &Attributes<'_>) -> bool {
        attributes.metadata().fields().field(attribute::OPERATION_NAME).is_some()
    }

    /// Begins an operation; `None` when there is no room for it.
    pub(super) fn begin(
        recorder: &Recorder,
        attributes: &Attributes<'_>,
        around: Scope,
        below: Below,
    ) -> Option<Self> {
        let capture = recorder.shared().capture.within(around.attributes().capture);
        let mut fields = Fields::new(recorder, capture);
        // A value's own `Debug` may panic: what was read before it stays.
        let _ = contained(|| attributes.record(&mut fields));
        if !recorder.reserve() {
            return None;
        }
        let class = classified(&fields);
        let group = class.err().and_then(|kind| {
            let number = || recorder.next_number();
            // Only attempts of a fallback tell of it, and this is none.
            let span_id = LocalBackend::child_of(None, &RandomIds).identity.span_id;
            let named = || fields.text(attribute::AGENT_NAME);
            let name = || named().unwrap_or_else(|| attributes.metadata().name().to_owned()).into();
            Group::of(kind, name, number, span_id, around.group())
        });
        if class.is_ok() {
            chain(around.group()).for_each(|group| group.opened());
            if let Some(outer) = around.foreign() {
                outer.cover(class.ok());
            }
        }
        Some(Self {
            name: attributes.metadata().name(),
            at: recorder.now(),
            began: recorder.elapsed(),
            recorder: recorder.clone(),
            around,
            group,
            call: class.ok(),
            below,
            forbidden: forbidden(recorder),
            span: OnceLock::new(),
            left: AtomicU64::new(0),
            state: Mutex::new(State { fields: Some(fields), ..State::default() }),
        })
    }

    /// Whether it is a call to a model.
    pub(crate) fn is_call(&self) -> bool {
        self.call.is_some()
    }

    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    /// Its span, once that is known.
    pub(crate) fn span(&self) -> Option<&OpenSpan> {
        self.span.get()
    }

    /// Gives it a span: the one that something else makes of it, else one of ours.
    ///
    /// Not before the span is entered or told something: until then layers that come after ours have
    /// not seen it, and the application may still choose its parent.
    pub(super) fn resolve(&self, tracing: &TracingSpan) {
        if self.span.get().is_some() {
            return;
        }
        let span = match tracing.known(&self.recorder) {
            Some(identity) => OpenSpan {
                identity,
                // Another trace than that of the parent it began with: it was given another.
                parent_span_id: self
                    .below
                    .known
                    .filter(|parent| parent.trace_id == identity.trace_id)
                    .map(|parent| parent.span_id),
                handle: None,
            },
            None => self.start(),
        };
        let _ = self.span.set(span);
    }

    fn start(&self) -> OpenSpan {
        let parent = self.below.ours.as_ref();
        let started = contained(|| {
            let start = SpanStart {
                name: &Cow::Borrowed(self.name),
                kind: if self.is_call() { SpanKind::Client } else { SpanKind::Internal },
                at: self.at,
                operation: None,
                provider: None,
                server: None,
                innermost: Innermost::default(),
                ids: self.recorder.ids(),
            };
            self.recorder.backend().start_below(&start, parent)
        });
        started.unwrap_or_else(|| {
            LocalBackend::child_of(parent.map(|parent| parent.identity), &RandomIds)
        })
    }

    /// Takes values that were recorded later.
    pub(super) fn record(&self, values: &Values<'_>) {
        let capture = self.around.attributes().capture;
        let capture = self.recorder.shared().capture.within(capture);
        let mut later = Fields::new(&self.recorder, capture);
        let _ = contained(|| values.record(&mut later));
        let mut state = lock(&self.state);
        if let Some(fields) = &mut state.fields {
            fields.merge(later);
        }
    }

    pub(super) fn leave(&self) {
        self.left.store(self.recorder.elapsed().saturating_add(1), Ordering::Relaxed);
    }

    /// Puts an observed call in the place of this one, if they are the same; once.
    pub(crate) fn take(&self, operation: &str) -> Option<OpenSpan> {
        if self.call != Some(class_of(operation)) {
            return None;
        }
        let span = self.span.get()?;
        let mut state = lock(&self.state);
        if state.taken || state.covered || state.fields.is_none() {
            return None;
        }
        state.taken = true;
        drop(state);
        Some(span.clone())
    }

    /// Notes that a span further in tells of the same call.
    fn cover(&self, class: Option<Class>) {
        if class == self.call {
            lock(&self.state).covered = true;
        }
    }

    /// Ends the operation with its span.
    pub(super) fn close(self: Arc<Self>, tracing: &TracingSpan) {
        self.resolve(tracing);
        let ended = match self.left.load(Ordering::Relaxed) {
            0 => self.recorder.elapsed(),
            left => left - 1,
        };
        let mut state = lock(&self.state);
        let (fields, taken, covered) = (state.fields.take(), state.taken, state.covered);
        drop(state);
        let Some(mut fields) = fields else { return };
        if self.forbidden != forbidden(&self.recorder) {
            fields.forget();
        }
        let recorder = self.recorder.clone();
        let tell = |fields, attempt| {
            let foreign = Arc::clone(&self);
            Message::SpanEnded(Box::new(SpanEnd { foreign, fields, ended, attempt }))
        };
        if taken {
            return recorder.send(tell(None, None));
        }
        let kind = match classified(&fields) {
            Ok(class) if !covered => {
                if self.call.is_none() {
                    // Nobody knew until now.
                    chain(self.around.group()).for_each(|group| group.opened());
                    if let Some(outer) = self.around.foreign() {
                        outer.cover(Some(class));
                    }
                }
                let attempt = self.around.group().and_then(|group| group.next_attempt());
                return recorder.send(tell(Some(fields), attempt));
            }
            Ok(_) => StepKind::Llm,
            Err(kind) => kind,
        };
        if self.is_call() {
            recorder.send(tell(None, None));
        }
        let Some(step) = self.step(kind, &fields, ended) else { return };
        recorder.send(Message::StepEnded(Box::new(step)));
    }

    fn step(&self, kind: StepKind, fields: &Fields, ended: u64) -> Option<OpenStep> {
        let scope =
            self.around.with_span(&self.recorder, self.span.get()?.clone(), self.group.clone());
        let name = fields.text(match kind {
            StepKind::Tool => attribute::TOOL_NAME,
            StepKind::Agent => attribute::AGENT_NAME,
            StepKind::Workflow => attribute::WORKFLOW_NAME,
            _ => foreign::OTEL_NAME,
        });
        Some(
            OpenStep {
                scope,
                group: self.group.clone(),
                recorder: self.recorder.clone(),
                kind,
                name: name.map_or(Cow::Borrowed(self.name), Cow::Owned),
                at: self.at,
                began: self.began,
                ended,
                failure: fields.failure().map(Into::into),
                outcome: fields.outcome(),
                items: None,
                details: None,
            }
            .told_by(fields),
        )
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Foreign").field("name", &self.name).finish_non_exhaustive()
    }
}
