//! Waiting until what was observed has gone out.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::{FlushError, Recorder};
use crate::delivery::Delivery;
use crate::loss::SinkLosses;
use crate::threads::Unreachable;
use crate::worker::{FlushRequest, Flushed, Message, Waiting};

/// How long somebody waits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// When what waits for sinks is brought to disk, in case one of them does not answer.
    save: Option<Instant>,
    pub(crate) until: Option<Instant>,
}

impl Patience {
    /// From now on; a time that no clock reaches is no bound.
    pub(crate) fn new(timeout: Duration) -> Self {
        let now = Instant::now();
        Self { save: now.checked_add(timeout / 4 * 3), until: now.checked_add(timeout) }
    }
}

impl Recorder {
    /// Waits until everything observed so far has been taken by the sinks and made durable. Calls
    /// and steps that are still open are not waited for; [`idle`](Self::idle) does.
    ///
    /// For a sink that is down it does not wait: what is on its way there goes to the
    /// [spool](crate::Builder::spool), if there is one, is made durable there, and the error says so. The
    /// same is done for a sink that has not answered when three quarters of the time are over.
    ///
    /// Blocks the thread, usually for milliseconds; in a task, await [`flush_async`](Self::flush_async).
    /// It waits for threads of the recorder's alone, never for a task of yours.
    ///
    /// # Errors
    ///
    /// When the time is over before that, or a sink or a rule could not, or has lost something since
    /// the last flush; the error says what is left. On a thread of the recorder's own, in a process
    /// forked from the recorder's, and after a mistake of the recorder's own that has ended it, it waits
    /// for nothing and says so.
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let patience = Patience::new(timeout);
        match self.ask() {
            Ok(request) => self.flushed(self.wait(&request, patience)),
            Err(settled) => settled,
        }
    }

    /// [`flush`](Self::flush) for tasks: no thread waits, and any runtime will do. It begins when it
    /// is first polled.
    ///
    /// # Errors
    ///
    /// The same as those of [`flush`](Self::flush).
    pub fn flush_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + use<> {
        let recorder = self.clone();
        async move {
            let patience = Patience::new(timeout);
            match recorder.ask() {
                Ok(request) => recorder.flushed(recorder.wait_async(&request, patience).await),
                Err(settled) => settled,
            }
        }
    }

    /// Waits until no call and no step is open, then flushes: for the end of an invocation that is
    /// frozen afterwards, and for tests. Operations that begin meanwhile are waited for as well.
    ///
    /// Should something stay open, the last quarter of the time is left for the flush of the rest.
    ///
    /// Blocks the thread: whatever is to end what is open has to run on another one. In a task, await
    /// [`idle_async`](Self::idle_async), and neither inside a step that it would wait for.
    ///
    /// # Errors
    ///
    /// Those of [`flush`](Self::flush), and one when something is still [open](FlushError::open).
    pub fn idle(&self, timeout: Duration) -> Result<(), FlushError> {
        let began = Instant::now();
        let quiet = match self.ask_for_quiet() {
            Ok(quiet) => quiet.wait(began.checked_add(timeout / 4 * 3)).is_some(),
            Err(settled) => return settled,
        };
        self.still(quiet, self.flush(timeout.saturating_sub(began.elapsed())))
    }

    /// [`idle`](Self::idle) for tasks: no thread waits, tasks that end what is open go on, and any
    /// runtime will do. It begins when it is first polled.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    /// # runtime.block_on(async {
    /// let llmobs = llmobs_core::Builder::new().process_wide(false).start()?;
    /// // … one invocation of a function, and before its answer is given back:
    /// if let Err(err) = llmobs.idle_async(Duration::from_secs(2)).await {
    ///     eprintln!("{err}");
    /// }
    /// # Ok::<(), llmobs_core::StartError>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The same as those of [`idle`](Self::idle).
    pub fn idle_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + use<> {
        let recorder = self.clone();
        async move {
            let began = Instant::now();
            let quiet = match recorder.ask_for_quiet() {
                Ok(quiet) => {
                    let until = began.checked_add(timeout / 4 * 3);
                    recorder.waiting(&quiet, until).await.is_some()
                }
                Err(settled) => return settled,
            };
            let rest = timeout.saturating_sub(began.elapsed());
            recorder.still(quiet, recorder.flush_async(rest).await)
        }
    }

    /// Asks for a flush; the other side says how it is where there is nobody to ask.
    pub(crate) fn ask(&self) -> Result<Arc<FlushRequest>, Result<(), FlushError>> {
        self.reachable().map_err(Err)?;
        let asked = self.0.last_flush.ask(self.queue(), Message::Flush);
        asked.ok_or_else(|| match self.left(Vec::new()) {
            FlushError { waiting: 0, why: None, .. } => Ok(()),
            left => Err(left),
        })
    }

    fn ask_for_quiet(&self) -> Result<Arc<FlushRequest>, Result<(), FlushError>> {
        self.reachable().map_err(Err)?;
        Ok(self.0.last_idle.ask(self.queue(), Message::Idle).unwrap_or_else(|| {
            // What is open now is never taken.
            let request = Arc::new(FlushRequest::default());
            request.expect(0);
            request
        }))
    }

    pub(crate) fn waiting(&self, request: &Arc<FlushRequest>, until: Option<Instant>) -> Waiting {
        Waiting::new(Arc::clone(request), until, self.0.alarm.clone())
    }

    /// Waits on this thread; `None` when the time is over first.
    pub(crate) fn wait(&self, request: &FlushRequest, patience: Patience) -> Option<Flushed> {
        request.wait(patience.save).or_else(|| {
            self.save();
            request.wait(patience.until)
        })
    }

    /// The same in a task.
    pub(crate) async fn wait_async(
        &self,
        request: &Arc<FlushRequest>,
        patience: Patience,
    ) -> Option<Flushed> {
        let flushed = self.waiting(request, patience.save).await;
        if flushed.is_some() {
            return flushed;
        }
        self.save();
        self.waiting(request, patience.until).await
    }

    /// What came of a flush; `None` when the time was over.
    fn flushed(&self, flushed: Option<Flushed>) -> Result<(), FlushError> {
        match flushed {
            Some(Flushed { broken_off: true, .. }) => {
                Err(FlushError { why: Some(Unreachable::BrokenOff), ..self.left(Vec::new()) })
            }
            Some(Flushed { failed, waiting: false, .. }) if failed.is_empty() => Ok(()),
            Some(Flushed { failed, .. }) => Err(self.left(failed)),
            None => Err(self.left(Vec::new()).late()),
        }
    }

    /// What came of a flush that was to come after all that was open.
    fn still(&self, quiet: bool, flushed: Result<(), FlushError>) -> Result<(), FlushError> {
        if quiet { flushed } else { flushed.and_then(|()| Err(self.left(Vec::new()))) }
    }

    /// Whether somebody here can wait for the recorder. In a process forked from the recorder's
    /// nothing is observed from then on, since nobody would take it.
    pub(crate) fn reachable(&self) -> Result<(), FlushError> {
        let Err(why) = self.0.threads.reachable() else { return Ok(()) };
        if why == Unreachable::OwnThread {
            return Err(FlushError { why: Some(why), ..self.left(Vec::new()) });
        }
        self.set_enabled(false);
        // Any lock may be held for ever by a thread that was not forked along.
        let counts = &self.0.counts;
        let recorded = counts.recorded.load(Ordering::Acquire);
        let settled =
            recorded + counts.refused_by_rule.load(Ordering::Acquire) + counts.lost.total();
        let open = counts.accepted.load(Ordering::Acquire).saturating_sub(settled);
        Err(FlushError {
            why: Some(why),
            late: false,
            open,
            waiting: open,
            spooled: 0,
            sinks: Vec::new(),
        })
    }

    /// Whether a shutdown has come to its end.
    pub(crate) fn is_stopped(&self) -> bool {
        self.0.threads.are_stopped()
    }

    pub(crate) fn deliveries(&self) -> &[Arc<Delivery>] {
        self.0.deliveries.get().map_or(&[][..], Vec::as_slice)
    }

    /// Those, and the ways out of exporters.
    pub(crate) fn all_deliveries(&self) -> Vec<Arc<Delivery>> {
        self.deliveries().iter().cloned().chain(self.0.outlets.deliveries()).collect()
    }

    /// Whether a sink has not been given everything.
    pub(crate) fn sinks_wait(&self) -> bool {
        let losses = self.losses();
        losses.accounts().any(|account| account.waiting > 0)
    }

    /// What has not been delivered, at the sink that has most before it.
    pub(crate) fn left(&self, sinks: Vec<String>) -> FlushError {
        let losses = self.losses();
        let most = |of: fn(&SinkLosses) -> u64| losses.accounts().map(of).max().unwrap_or(0);
        let waiting = most(|sink| sink.waiting);
        let in_memory = most(|sink| sink.waiting.saturating_sub(sink.spooled));
        let spooled = waiting.saturating_sub(in_memory);
        let open = losses.open;
        let why = self.0.threads.are_broken_off().then_some(Unreachable::BrokenOff);
        FlushError { why, late: false, open, waiting: open + waiting, spooled, sinks }
    }
}
