//! Who decides, and who waits for it: found over the whole process, since a provider and a recorder
//! are set up apart, in either order.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use llmobs_core::{Recorder, TraceId, TraceVerdict, WeakRecorder};

use crate::mode::{Mode, ModeCell};

/// Recorders that sample whole traces and live.
static LINKS: RwLock<Vec<Weak<Link>>> = RwLock::new(Vec::new());
/// How many, to be asked for every span.
static ALIVE: AtomicUsize = AtomicUsize::new(0);
/// Processors that hold spans.
static HOLDERS: RwLock<Vec<Weak<dyn Holder>>> = RwLock::new(Vec::new());

/// One that holds spans until their trace has been decided on.
pub(super) trait Holder: Send + Sync {
    /// A recorder takes part in the trace.
    fn part(&self, trace: TraceId, link: &Arc<Link>);
    fn decided(&self, trace: TraceId, verdict: &TraceVerdict, link: &Arc<Link>);
    /// The recorder decides nothing any more.
    fn over(&self, link: &Arc<Link>);
    /// Looks at the time.
    fn tick(&self);
}

/// A recorder that samples whole traces, as seen from the spans.
pub(crate) struct Link {
    recorder: WeakRecorder,
    mode: ModeCell,
    /// It has shut down.
    over: AtomicBool,
}

impl Link {
    pub(crate) fn new(recorder: &Recorder, mode: ModeCell) -> Arc<Self> {
        let over = AtomicBool::new(false);
        let link = Arc::new(Self { recorder: recorder.downgrade(), mode, over });
        let mut links = LINKS.write().unwrap_or_else(PoisonError::into_inner);
        links.retain(|link| link.strong_count() > 0);
        links.push(Arc::downgrade(&link));
        drop(links);
        ALIVE.fetch_add(1, Ordering::Release);
        link
    }

    /// A span of the recorder's has begun in this trace.
    pub(crate) fn take_part(self: &Arc<Self>, trace: TraceId) {
        if self.may_attach() {
            each(|holder| holder.part(trace, self));
        }
    }

    pub(crate) fn decided(self: &Arc<Self>, trace: TraceId, verdict: &TraceVerdict) {
        if self.may_attach() {
            each(|holder| holder.decided(trace, verdict, self));
        }
    }

    pub(crate) fn tick(&self) {
        each(|holder| holder.tick());
    }

    /// Asks for a decision; `false` where there will be none.
    pub(super) fn ask(&self, trace: TraceId) -> bool {
        let recorder = self.recorder.upgrade().filter(|_| !self.over.load(Ordering::Acquire));
        recorder.map(|recorder| recorder.trace_ended(trace)).is_some()
    }

    /// Nothing is decided any more.
    pub(crate) fn over(self: &Arc<Self>) {
        // Whoever asks from here on is told so, and whoever has asked before is told by this.
        self.over.store(true, Ordering::Release);
        each(|holder| holder.over(self));
    }

    /// Whether its spans are, or may come to be, in a provider of the application's.
    fn may_attach(&self) -> bool {
        !matches!(self.mode.get(), Some(Mode::Own))
    }

    fn is_active(&self) -> bool {
        let enabled = || self.recorder.upgrade().is_some_and(|recorder| recorder.is_enabled());
        !self.over.load(Ordering::Acquire) && self.may_attach() && enabled()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Release);
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the recorder, which has the backend, which has this.
        f.debug_struct("Link").field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Whether any recorder may decide on a trace that begins now.
pub(super) fn anybody_decides() -> bool {
    // Each looked at outside the lock: whoever has a recorder's last handle takes down what it was given.
    let at = |n: usize| LINKS.read().unwrap_or_else(PoisonError::into_inner).get(n).cloned();
    let alive = || (0..).map_while(at).filter_map(|link| link.upgrade());
    ALIVE.load(Ordering::Acquire) > 0 && alive().any(|link| link.is_active())
}

pub(super) fn register(holder: Weak<dyn Holder>) {
    let mut holders = HOLDERS.write().unwrap_or_else(PoisonError::into_inner);
    holders.retain(|holder| holder.strong_count() > 0);
    holders.push(holder);
}

/// Tells all holders, outside the lock: they pass spans on, to code that is not ours.
fn each(tell: impl Fn(&dyn Holder)) {
    let all = HOLDERS.read().unwrap_or_else(PoisonError::into_inner);
    let alive: Vec<_> = all.iter().filter_map(Weak::upgrade).collect();
    drop(all);
    alive.iter().for_each(|holder| tell(&**holder));
}
