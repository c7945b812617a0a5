//! The handle of whoever started a recorder.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use super::stopping::Stopping;
use crate::recorder::{FlushError, Recorder};

/// A running recorder and its threads; dropping it shuts it down.
///
/// Keep it for as long as the service runs. The drop delivers what is waiting, for at most the
/// [`shutdown_timeout`](crate::Builder::shutdown_timeout), and records calls still open as unfinished. It
/// blocks its thread, so a service on an async runtime awaits
/// [`shutdown_async`](Self::shutdown_async) before. What is lost by it is told by a warning through
/// `tracing`. What is in a `static` is never dropped.
#[must_use = "dropping it shuts the recorder down"]
pub struct Llmobs {
    recorder: Recorder,
    timeout: Duration,
}

impl Llmobs {
    pub(super) fn new(recorder: Recorder, timeout: Duration) -> Self {
        Self { recorder, timeout }
    }

    /// The recorder's handle.
    pub fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Delivers everything and stops; calls still open are recorded as unfinished. Later calls
    /// are not observed.
    ///
    /// Blocks the thread. In a task, await [`shutdown_async`](Self::shutdown_async): on a runtime of one
    /// thread, what still reads an answer cannot go on while this waits.
    ///
    /// # Errors
    ///
    /// When the time was over before everything was delivered, or a sink lost something on the way;
    /// what was not delivered is then lost, and counted. Only the first call can tell; later ones
    /// say what is still waiting. On a thread of the recorder's own, and in a process forked from the
    /// recorder's, it waits for nothing and says so.
    pub fn shutdown(&self, timeout: Duration) -> Result<(), FlushError> {
        match Stopping::begin(&self.recorder, timeout) {
            Ok(stopping) => stopping.wait(),
            Err(settled) => settled,
        }
    }

    /// [`shutdown`](Self::shutdown) for tasks: no thread waits, and any runtime will do.
    ///
    /// It begins when it is first polled. Dropped before its end, it leaves a recorder that takes nothing
    /// more and delivers what it has; the drop of the `Llmobs` then waits for that.
    ///
    /// # Errors
    ///
    /// The same as those of [`shutdown`](Self::shutdown).
    pub fn shutdown_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + use<> {
        let recorder = self.recorder.clone();
        async move {
            match Stopping::begin(&recorder, timeout) {
                Ok(stopping) => stopping.wait_async().await,
                Err(settled) => settled,
            }
        }
    }
}

impl Deref for Llmobs {
    type Target = Recorder;

    fn deref(&self) -> &Recorder {
        &self.recorder
    }
}

impl Drop for Llmobs {
    fn drop(&mut self) {
        let stopped = self.recorder.is_stopped();
        if !stopped && let Err(left) = self.shutdown(self.timeout) {
            left.say_if_lost();
        }
        self.recorder.set_enabled(false);
    }
}

impl fmt::Debug for Llmobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Llmobs").field("recorder", &self.recorder).finish_non_exhaustive()
    }
}
