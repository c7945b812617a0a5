//! The recorder: the handle everything observed goes through.

mod flush;
mod flush_error;
mod open;
mod shared;
mod weak;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use self::flush::Patience;
pub use self::flush_error::FlushError;
pub use self::open::OpenCalls;
pub(crate) use self::open::OpenTable;
pub use self::shared::Limits;
pub(crate) use self::shared::{Counts, Shared, Time};
pub use self::weak::WeakRecorder;
use crate::capture::Capture;
use crate::contain::{contained, discard};
use crate::decoder::{Decoder, Route, Target};
use crate::id::{Ids, TraceId};
use crate::loss::{DecidedEarly, LossCause, Losses};
use crate::queue::{Pool, Queue};
use crate::record::Record;
use crate::scope::{Place, Scope, here};
use crate::span::{OpenSpan, TraceBackend};
use crate::time::{Clock, SystemClock, Timestamp};
use crate::usage::UsagePolicy;
use crate::worker::Message;

/// A handle to a running recorder: cheap to clone, good for any thread.
///
/// It keeps working after the [`Llmobs`](crate::Llmobs) it came from has shut down, in that it
/// then observes nothing.
#[derive(Clone)]
pub struct Recorder(Arc<Shared>);

static DEFAULT: RwLock<Option<Recorder>> = RwLock::new(None);

impl Recorder {
    pub(crate) fn new(shared: Shared) -> Self {
        Self(Arc::new(shared))
    }

    /// The recorder that is current here: the innermost scope's, else the process-wide one.
    pub fn current() -> Option<Self> {
        let scope = here().scope;
        scope.as_ref().and_then(Scope::recorder_ref).cloned().or_else(Self::process_wide)
    }

    /// The recorder for code outside any scope that names one.
    pub fn process_wide() -> Option<Self> {
        DEFAULT.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes this the process-wide recorder, in place of any other.
    pub fn make_process_wide(&self) {
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        let before = default.replace(self.clone());
        drop(default);
        // After the lock: the last handle takes the backend and the clock with it.
        drop(before);
    }

    /// Stops being the process-wide recorder, if it is.
    pub(crate) fn leave_process_wide(&self) {
        let mut default = DEFAULT.write().unwrap_or_else(PoisonError::into_inner);
        if default.as_ref().is_some_and(|current| Arc::ptr_eq(&current.0, &self.0)) {
            *default = None;
        }
    }

    /// Turns observing off or on while the service runs. Operations under way are still recorded.
    pub fn set_enabled(&self, enabled: bool) {
        self.0.enabled.set(enabled);
    }

    /// Whether operations that begin now are observed.
    pub fn is_enabled(&self) -> bool {
        self.0.enabled.get()
    }

    /// Which content is kept of calls that begin now, outside of scopes that say otherwise.
    pub fn capture(&self) -> Capture {
        self.0.capture.get()
    }

    /// Changes which content is kept while the service runs.
    pub fn set_capture(&self, capture: Capture) {
        self.0.capture.set(capture);
    }

    /// Keeps content out of every record from now on, whatever the policy and scopes say, or no
    /// longer does. A switch for emergencies.
    ///
    /// What open calls have kept so far is dropped, and stays out of their records also when content
    /// is allowed again before they end; the records say so in [`Cut::withheld`](crate::Cut::withheld).
    /// So it is with records that wait for a sink, in memory or in the spool: they go out without their
    /// content, though what is in the files of a spool stays there until then. Records that sinks have
    /// taken before are theirs.
    pub fn forbid_content(&self, forbid: bool) {
        self.0.capture.forbid(forbid);
        if forbid {
            // In this order: whoever knows the new number has been told to forget.
            self.send(Message::Forget);
            self.0.counts.forbidden.fetch_add(1, Ordering::Release);
        }
    }

    /// Whether content is kept out of every record.
    pub fn is_content_forbidden(&self) -> bool {
        self.0.capture.is_forbidden()
    }

    /// When adapters ask for usage in the application's place.
    pub fn usage(&self) -> UsagePolicy {
        self.0.usage
    }

    /// Offers a record made elsewhere, such as an [`Evaluation`](crate::Evaluation). One that somebody
    /// else still holds is copied.
    pub fn record(&self, record: impl Into<Arc<Record>>) {
        if !self.is_enabled() || !self.reserve() {
            return;
        }
        let mut shared = record.into();
        let record = Arc::make_mut(&mut shared);
        let now = *record.timestamp.get_or_insert_with(|| self.now());
        if let Some(evaluation) = &mut record.evaluation {
            // Its ids are those of what was judged: it has none of its own.
            let scope = here().scope.and_then(|scope| scope.attributes().capture);
            evaluation.within(self.0.capture.within(scope));
        } else if record.request_id.is_none() {
            record.request_id = contained(|| self.ids().request_id(now));
        }
        self.send(Message::Record(shared));
    }

    /// Tells tail sampling that a trace is over, of which something else records the root: no span of
    /// it is open here. It is decided on at once, or soon.
    pub fn trace_ended(&self, trace_id: TraceId) {
        self.send(Message::TraceEnded(trace_id));
    }

    /// Where everything has gone so far.
    pub fn losses(&self) -> Losses {
        let counts = &self.0.counts;
        // From the end to the beginning: what has been counted further on was counted here before,
        // so that what lies in between is never less than nothing.
        let sinks = self.deliveries().iter();
        let mut sinks: Vec<_> = sinks.map(|delivery| delivery.account()).collect();
        let recorded = counts.recorded.load(Ordering::Acquire);
        let sampled_out = counts.sampled_out.load(Ordering::Acquire);
        let refused_by_rule = counts.refused_by_rule.load(Ordering::Acquire);
        let lost = counts.lost.snapshot();
        let accepted = counts.accepted.load(Ordering::Acquire);
        for sink in &mut sinks {
            let settled = sink.delivered + sink.lost.values().sum::<u64>();
            sink.waiting = (recorded + sink.recovered).saturating_sub(settled);
            sink.spooled = sink.spooled.min(sink.waiting);
        }
        let early = counts.decided_early.each_ref();
        let [records, bytes, age] = early.map(|count| count.load(Ordering::Relaxed));
        let settled = recorded + refused_by_rule + lost.values().sum::<u64>();
        Losses {
            accepted,
            open: accepted.saturating_sub(settled),
            refused_by_rule,
            sampled_out,
            decided_early: DecidedEarly { records, bytes, age },
            recorded,
            lost,
            payload_bytes: counts.payload_bytes.load(Ordering::Relaxed),
            withheld: counts.withheld.load(Ordering::Relaxed),
            sinks,
            metrics: self.0.outlets.accounts(),
        }
    }

    /// Calls under way, by what is known of them at their beginning; those whose beginning the worker
    /// has not seen yet are missing.
    pub fn open_calls(&self) -> Vec<OpenCalls> {
        self.0.open_calls.list()
    }

    /// Name of the observed service.
    pub fn service(&self) -> Option<&str> {
        self.0.service.as_deref()
    }

    /// Deployment environment.
    pub fn environment(&self) -> Option<&str> {
        self.0.environment.as_deref()
    }

    /// A handle that does not keep the recorder alive.
    pub fn downgrade(&self) -> WeakRecorder {
        WeakRecorder::new(&self.0)
    }

    /// Whether two handles are of the same recorder.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    pub(crate) fn queue(&self) -> &Queue<Message> {
        &self.0.queue
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.0.pool
    }

    pub(crate) fn backend(&self) -> &dyn TraceBackend {
        &*self.0.backend
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        &*self.0.ids
    }

    pub(crate) fn elapsed(&self) -> u64 {
        match &self.0.time {
            Time::System(clock) => clock.elapsed(),
            Time::Other(clock, last) => match contained(|| clock.elapsed()) {
                Some(now) => {
                    last.store(now, Ordering::Relaxed);
                    now
                }
                // No time goes by while nobody can tell how much.
                None => last.load(Ordering::Relaxed),
            },
        }
    }

    pub(crate) fn now(&self) -> Timestamp {
        match &self.0.time {
            Time::System(clock) => clock.now(),
            Time::Other(clock, _) => {
                contained(|| clock.now()).unwrap_or_else(|| SystemClock::default().now())
            }
        }
    }

    /// Runs `run` once with `span` current, whatever the backend does; only a panic of `run`'s own
    /// gets through.
    pub(crate) fn attach(&self, span: &OpenSpan, run: &mut dyn FnMut()) {
        let mut left = Some(run);
        let mut inside = false;
        let attached = catch_unwind(AssertUnwindSafe(|| {
            self.backend().attach(span, &mut || {
                if let Some(run) = left.take() {
                    inside = true;
                    run();
                    inside = false;
                }
            });
        }));
        match attached {
            Err(panic) if inside => resume_unwind(panic),
            Err(panic) => discard(panic),
            Ok(()) => {}
        }
        if let Some(run) = left {
            run();
        }
    }

    /// How often content has been forbidden so far, and once more: nothing that has been made is as
    /// old as 0.
    pub(crate) fn times_forbidden(&self) -> u64 {
        self.0.counts.forbidden.load(Ordering::Acquire) + 1
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.0.counts.number.fetch_add(1, Ordering::Relaxed)
    }

    /// What surrounds this point; a `tracing` span in it is noted as worth a record.
    pub(crate) fn place(&self) -> Place {
        let place = here();
        #[cfg(feature = "layer")]
        {
            let made_in = place.scope.as_ref().and_then(Scope::made_in);
            for span in place.tracing_span.as_deref().into_iter().chain(made_in) {
                span.mark(self);
            }
        }
        place
    }

    /// The format of an exchange worth observing; `any` says whether that is every exchange that a
    /// decoder has a word for.
    pub(crate) fn route(
        &self,
        target: &Target<'_>,
        any: bool,
    ) -> Option<(Arc<dyn Decoder>, Route)> {
        if !self.is_enabled() {
            return None;
        }
        let find = |route: fn(&dyn Decoder, &Target<'_>) -> Option<Route>| {
            self.0.decoders.iter().find_map(|decoder| {
                let route = contained(|| route(&**decoder, target))??;
                Some((Arc::clone(decoder), route))
            })
        };
        let known = find(|decoder, target| decoder.route(target));
        known.or_else(|| any.then(|| find(|decoder, target| decoder.route_other(target)))?)
    }

    /// Begins an operation there is room for; when a backend or what gives ids panics, it is lost.
    pub(crate) fn begin<R>(&self, begin: impl FnOnce() -> R) -> Option<R> {
        self.begin_in(None, |_| begin())
    }

    /// The same, where a span is open for the operation already, and room was set aside for it.
    pub(crate) fn begin_in<R>(
        &self,
        taken: Option<OpenSpan>,
        begin: impl FnOnce(Option<OpenSpan>) -> R,
    ) -> Option<R> {
        if taken.is_none() && !self.reserve() {
            return None;
        }
        let begun = contained(|| begin(taken));
        if begun.is_none() {
            self.0.counts.lost.add(LossCause::Panicked, 1);
            self.0.queue.release();
        }
        begun
    }

    /// Takes an operation on, or counts it as lost.
    pub(crate) fn reserve(&self) -> bool {
        self.0.counts.accepted.fetch_add(1, Ordering::Relaxed);
        let cause = if self.0.queue.is_closed() {
            LossCause::ShutDown
        } else if self.0.queue.reserve() {
            return true;
        } else {
            LossCause::QueueFull
        };
        self.0.counts.lost.add(cause, 1);
        false
    }

    pub(crate) fn count_missing(&self, bytes: u64) {
        self.0.counts.payload_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Sends to the worker; what comes after the shutdown is counted as lost.
    pub(crate) fn send(&self, message: Message) {
        let urgency = message.urgency();
        if let Err(message) = self.0.queue.push(message, urgency) {
            message.discard(self);
        }
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("service", &self.0.service)
            .field("backend", &self.0.backend)
            .field("limits", &self.0.limits)
            .finish_non_exhaustive()
    }
}
