//! Who a call is made for, and what it is a child of.

mod future;
mod propagation;
mod stack;
mod tags;

use std::fmt;
use std::sync::Arc;

pub use self::future::{InScope, ScopeExt};
pub(crate) use self::propagation::traceparent;
pub(crate) use self::stack::{Place, enter, here};
#[cfg(feature = "layer")]
pub(crate) use self::stack::{enter_tracing, exit_tracing, foreign_here};
use self::tags::Tags;
use crate::capture::Capture;
use crate::contain::contained;
use crate::group::Group;
#[cfg(feature = "layer")]
use crate::layer::{Foreign, TracingSpan};
use crate::prompt::identity_of;
use crate::record::Prompt;
use crate::recorder::Recorder;
use crate::span::{Innermost, OpenSpan};

/// Begins a [`Scope`] that inherits what is around it here.
///
/// ```
/// let scope = llmobs_core::scope().session("s-1").user("u-7").tag("tenant", "acme");
/// scope.run_sync(|| {
///     // Calls made here carry the session, the user and the tag.
///     let inner = llmobs_core::scope().user("u-8");
///     assert_eq!(inner.session_id(), Some("s-1"));
/// });
/// ```
pub fn scope() -> Scope {
    Scope::current()
}

/// Session, user, tags and prompt for everything that runs inside.
///
/// A scope is a value: cheap to clone, good for any thread. Inside it, calls and steps carry what
/// it says and nest below whatever was open where it was made. It travels through `.await` by
/// itself; over `tokio::spawn` and threads it goes with
/// [`in_current_scope`](ScopeExt::in_current_scope) or a clone.
#[derive(Clone, Default)]
pub struct Scope {
    recorder: Option<Recorder>,
    span: Option<OpenSpan>,
    /// The `tracing` span the scope was made in: worth a record once something runs in the scope.
    #[cfg(feature = "layer")]
    made_in: Option<Arc<TracingSpan>>,
    /// The innermost span of another crate around that tells of a call.
    #[cfg(feature = "layer")]
    foreign: Option<Arc<Foreign>>,
    /// The innermost step around that sums up.
    group: Option<Arc<Group>>,
    attributes: Arc<Attributes>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    pub(crate) session_id: Option<String>,
    pub(crate) user_id: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) prompt: Option<Prompt>,
    pub(crate) capture: Option<Capture>,
}

impl Scope {
    /// The scope around this point of the program; an empty one when there is none.
    ///
    /// A span that was opened inside the scope and that `llmobs::layer()` or the trace backend
    /// knows is taken along as the parent of what runs in it.
    pub fn current() -> Self {
        let place = here();
        #[cfg(feature = "layer")]
        let made_in = place.tracing_span;
        let Place { scope, tracing, tracing_at_entry, .. } = place;
        let recorder = scope.as_ref().and_then(Self::recorder_ref).cloned();
        let recorder = recorder.or_else(Recorder::process_wide);
        let innermost = Innermost {
            scope: scope.as_ref().and_then(Self::span),
            tracing_at_entry,
            tracing: tracing.as_ref(),
        };
        let span = match &recorder {
            Some(recorder) => contained(|| recorder.backend().current(&innermost)).flatten(),
            None => innermost.open(),
        };
        let mut scope = scope.unwrap_or_default();
        if span.is_some() {
            // Only the recorder's backend can make the span current where the scope is entered.
            scope.recorder = recorder;
        }
        scope.span = span;
        #[cfg(feature = "layer")]
        if made_in.is_some() {
            scope.made_in = made_in;
        }
        scope
    }

    /// Sets the session or conversation.
    #[must_use]
    pub fn session(mut self, id: impl Into<String>) -> Self {
        self.edit().session_id = Some(id.into());
        self
    }

    /// Sets the user.
    #[must_use]
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.edit().user_id = Some(id.into());
        self
    }

    /// Adds a tag; a later value of the same name replaces the earlier one.
    ///
    /// A scope has up to 64 tags, with names of up to 128 bytes and values of up to 256; control
    /// characters are replaced. What does not fit is left out, and the records count it in
    /// [`Cut::tags`](crate::Cut::tags).
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.edit().tags.insert(name.into(), value.into());
        self
    }

    /// Sets the prompt template the calls inside are made from.
    #[must_use]
    pub fn prompt(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        let version = Some(version.into());
        self.edit().prompt = Some(Prompt { name: name.into(), version, ..Prompt::default() });
        self
    }

    /// Sets the prompt template to the one that `rendered` came from, for calls that send the text
    /// embedded in a larger one. Does nothing for a text that was not rendered here lately.
    #[must_use]
    pub fn prompt_of(mut self, rendered: &str) -> Self {
        if let Some(prompt) = identity_of(&self, rendered) {
            self.edit().prompt = Some(prompt);
        }
        self
    }

    /// Overrides which content is captured. Defaults to the recorder's policy.
    #[must_use]
    pub fn capture(mut self, capture: Capture) -> Self {
        self.edit().capture = Some(capture);
        self
    }

    /// Sends everything observed inside to `recorder`. Defaults to the process-wide one.
    #[must_use]
    pub fn recorder(mut self, recorder: &Recorder) -> Self {
        self.recorder = Some(recorder.clone());
        self
    }

    /// The session set here or inherited.
    pub fn session_id(&self) -> Option<&str> {
        self.attributes.session_id.as_deref()
    }

    /// The user set here or inherited.
    pub fn user_id(&self) -> Option<&str> {
        self.attributes.user_id.as_deref()
    }

    /// Runs a future in this scope.
    pub fn run<F: Future>(self, future: F) -> InScope<F> {
        future.in_scope(self)
    }

    /// Runs a function in this scope.
    pub fn run_sync<R>(&self, run: impl FnOnce() -> R) -> R {
        let mut run = Some(run);
        let mut result = None;
        self.attach(&mut || result = run.take().map(|run| run()));
        match result {
            Some(result) => result,
            // `attach` runs its argument once or unwinds.
            None => match run.take() {
                Some(run) => run(),
                None => unreachable!("the function has run, so there is a result"),
            },
        }
    }

    pub(crate) fn recorder_ref(&self) -> Option<&Recorder> {
        self.recorder.as_ref()
    }

    pub(crate) fn span(&self) -> Option<&OpenSpan> {
        self.span.as_ref()
    }

    #[cfg(feature = "layer")]
    pub(crate) fn made_in(&self) -> Option<&TracingSpan> {
        self.made_in.as_deref()
    }

    /// The innermost span of another crate around that tells of a call.
    #[cfg(feature = "layer")]
    pub(crate) fn foreign(&self) -> Option<&Arc<Foreign>> {
        self.foreign.as_ref()
    }

    /// Whatever is observed from now on is a part of what `foreign` stands for.
    #[cfg(feature = "layer")]
    pub(crate) fn go_inside(&mut self, foreign: &Arc<Foreign>) {
        match foreign.group() {
            Some(group) => self.group = Some(Arc::clone(group)),
            None if foreign.is_call() => self.foreign = Some(Arc::clone(foreign)),
            None => {}
        }
    }

    pub(crate) fn attributes(&self) -> &Arc<Attributes> {
        &self.attributes
    }

    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    /// What of a scope outlasts it with each call in it.
    pub(crate) fn into_parts(self) -> (Arc<Attributes>, Option<Arc<Group>>) {
        (self.attributes, self.group)
    }

    /// A scope with nothing around it.
    pub(crate) fn of(attributes: Arc<Attributes>) -> Self {
        Self { attributes, ..Self::default() }
    }

    /// This scope with `span` open in it, which sums up in `group` if there is one.
    pub(crate) fn with_span(
        &self,
        recorder: &Recorder,
        span: OpenSpan,
        group: Option<Arc<Group>>,
    ) -> Self {
        Self {
            recorder: Some(recorder.clone()),
            span: Some(span),
            #[cfg(feature = "layer")]
            made_in: None,
            #[cfg(feature = "layer")]
            foreign: self.foreign.clone(),
            group: group.or_else(|| self.group.clone()),
            attributes: Arc::clone(&self.attributes),
        }
    }

    /// Makes this scope current, and its span current with its backend, while `run` runs.
    pub(crate) fn attach(&self, run: &mut dyn FnMut()) {
        let mut inside = || {
            let _entered = enter(self);
            run();
        };
        match (&self.recorder, &self.span) {
            (Some(recorder), Some(span)) => recorder.attach(span, &mut inside),
            _ => inside(),
        }
    }

    fn edit(&mut self) -> &mut Attributes {
        Arc::make_mut(&mut self.attributes)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope")
            .field("span", &self.span)
            .field("attributes", &self.attributes)
            .finish_non_exhaustive()
    }
}
