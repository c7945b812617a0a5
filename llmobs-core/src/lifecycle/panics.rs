//! What is done when a thread of the application panics.

use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once};
use std::time::Duration;

use super::Builder;
use super::stopping::Stopping;
use crate::queue::lock;
use crate::recorder::{Patience, Recorder, WeakRecorder};
use crate::threads::is_recorders;

/// How long a panicking thread is held up, at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a recorder does when a thread of the application panics.
///
/// It is done by a panic hook, so it also works with `panic = "abort"`, where nothing is dropped. The
/// hook that was set before runs first, and nothing of the panic itself is recorded. The panicking
/// thread waits, for at most two seconds; where panics unwind, at most one thread does at a time.
/// Panics on threads of a recorder's own are contained there, and change nothing; one of your code that
/// is contained on a thread of yours, such as in the `Debug` of an argument, is a panic like any other.
///
/// A hook that you set afterwards replaces ours, unless it calls the one that it took. One that ends the
/// process is best set after the start, and calls ours before it does so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnPanic {
    /// Nothing: no hook is set.
    #[default]
    Nothing,
    /// What has been recorded is flushed. Calls that are open stay so: whether anybody catches the
    /// panic is not known here, and most that are open will go on if so. Should the process end,
    /// nothing is known of them.
    Flush,
    /// The recorder is shut down, and calls that are open are recorded as
    /// [`Unfinished`](crate::Outcome::Unfinished): for processes in which a panic is the end, by
    /// `panic = "abort"` or by a hook of their own. Where the panic is caught after all, nothing more is
    /// observed.
    ShutDown,
}

static RECORDERS: Mutex<Vec<(WeakRecorder, OnPanic)>> = Mutex::new(Vec::new());
static HOOK: Once = Once::new();
/// A thread is held up.
static BUSY: AtomicBool = AtomicBool::new(false);

impl Builder {
    /// Sets what is done when a thread of the application panics. Defaults to
    /// [`Nothing`](OnPanic::Nothing).
    pub fn on_panic(mut self, on_panic: OnPanic) -> Self {
        self.on_panic = on_panic;
        self
    }
}

/// Sets the hook, once for all recorders, and notes what this one is to do.
pub(super) fn watch(recorder: &Recorder, on_panic: OnPanic) {
    // A hook cannot be set while this thread panics: it would be the second panic, and the last.
    if on_panic == OnPanic::Nothing || std::thread::panicking() {
        return;
    }
    let mut recorders = lock(&RECORDERS);
    recorders.retain(|(recorder, _)| !recorder.is_gone());
    recorders.push((recorder.downgrade(), on_panic));
    drop(recorders);
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            before(info);
            panicked();
        }));
    });
}

fn panicked() {
    if is_recorders() {
        return;
    }
    let recorders = lock(&RECORDERS).clone();
    let upgraded = |(recorder, on): (WeakRecorder, OnPanic)| Some((recorder.upgrade()?, on));
    let recorders: Vec<_> = recorders.into_iter().filter_map(upgraded).collect();
    let patience = Patience::new(PATIENCE);
    // All begin before any is waited for.
    let of = |which: OnPanic| recorders.iter().filter(move |(_, on)| *on == which);
    let stopping: Vec<_> = of(OnPanic::ShutDown)
        .filter(|(recorder, _)| !recorder.is_stopped())
        .filter_map(|(recorder, _)| Stopping::begin(recorder, PATIENCE).ok())
        .collect();
    let alone = !BUSY.swap(true, Ordering::Acquire);
    // Where this is the process's end, whoever comes second would cut the first one short.
    if alone || cfg!(panic = "abort") {
        let open = of(OnPanic::Flush).filter(|(recorder, _)| !recorder.queue().is_closed());
        let flushing: Vec<_> =
            open.filter_map(|(recorder, _)| Some((recorder, recorder.ask().ok()?))).collect();
        for (recorder, request) in flushing {
            let _ = recorder.wait(&request, patience);
        }
    }
    if alone {
        BUSY.store(false, Ordering::Release);
    }
    for stopping in stopping {
        let _ = stopping.wait();
    }
}
