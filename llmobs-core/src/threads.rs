//! The threads of a recorder: who is one of them, and whether they have all ended.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::worker::FlushRequest;

/// Recorders started so far in this process.
static RECORDERS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The recorder that this thread is one of; zero for the application's own threads.
    static OF: Cell<u64> = const { Cell::new(0) };
}

/// What is known of the threads of one recorder.
#[derive(Debug)]
pub(crate) struct Threads {
    number: u64,
    /// The process that they run in.
    process: u32,
    ended: Arc<FlushRequest>,
    /// Done when those have ended that only tell the application.
    told: Arc<FlushRequest>,
    stopped: AtomicBool,
    broken_off: AtomicBool,
}

/// Why nobody can wait for them here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreachable {
    /// This is one of them.
    OwnThread,
    /// They are in the process that this one was forked from.
    Forked,
    /// The one that all others get their work from has ended before its time.
    BrokenOff,
}

impl Threads {
    pub(crate) fn new() -> Self {
        let ended = Arc::new(FlushRequest::default());
        // Whoever starts them counts as one until all have been started.
        ended.expect(1);
        let told = Arc::new(FlushRequest::default());
        told.expect(0);
        Self {
            number: RECORDERS.fetch_add(1, Ordering::Relaxed) + 1,
            process: std::process::id(),
            ended,
            told,
            stopped: AtomicBool::new(false),
            broken_off: AtomicBool::new(false),
        }
    }

    /// Starts one more.
    ///
    /// # Errors
    ///
    /// When the system has none to give.
    pub(crate) fn spawn(&self, name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.start(name, &self.ended, run)
    }

    /// Starts one that nothing is delivered by.
    ///
    /// # Errors
    ///
    /// When the system has none to give.
    pub(crate) fn spawn_to_tell(
        &self,
        name: &str,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        self.start(name, &self.told, run)
    }

    fn start(
        &self,
        name: &str,
        ended: &Arc<FlushRequest>,
        run: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        ended.expect_another();
        let (number, ended) = (self.number, Ended(Arc::clone(ended)));
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ended = ended;
            let _ = OF.try_with(|of| of.set(number));
            run();
        });
        thread.map(drop)
    }

    /// All have been started.
    pub(crate) fn started(&self) {
        self.ended.done(None, false);
    }

    /// Done when all have ended that deliver.
    pub(crate) fn ended(&self) -> &Arc<FlushRequest> {
        &self.ended
    }

    /// Done when those have ended that only tell the application.
    pub(crate) fn told(&self) -> &Arc<FlushRequest> {
        &self.told
    }

    /// Notes that a shutdown has come to its end, whether or not they have.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    /// Whether one has.
    pub(crate) fn are_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Notes that a mistake of ours has ended the one that all others get their work from.
    pub(crate) fn break_off(&self) {
        self.broken_off.store(true, Ordering::Release);
    }

    /// Whether one has.
    pub(crate) fn are_broken_off(&self) -> bool {
        self.broken_off.load(Ordering::Acquire)
    }

    /// Whether this place can wait for them, and why not.
    pub(crate) fn reachable(&self) -> Result<(), Unreachable> {
        if std::process::id() != self.process {
            Err(Unreachable::Forked)
        } else if OF.try_with(Cell::get).is_ok_and(|of| of == self.number) {
            Err(Unreachable::OwnThread)
        } else {
            Ok(())
        }
    }
}

/// Whether this is a thread of any recorder's, or one that an exporter of ours has beside them.
pub(crate) fn is_recorders() -> bool {
    OF.try_with(Cell::get).is_ok_and(|of| of != 0)
        || std::thread::current().name().is_some_and(|name| name.starts_with("llmobs-"))
}

/// Says so when it is dropped, also where there was no thread to be had.
struct Ended(Arc<FlushRequest>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.done(None, false);
    }
}
