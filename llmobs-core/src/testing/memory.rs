//! A sink that keeps what it gets, and a recorder around it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lifecycle::{Builder, Llmobs};
use crate::queue::lock;
use crate::record::Record;
use crate::recorder::Recorder;
use crate::scope::Scope;
use crate::sink::{Batch, Sink, SinkError};
use crate::testing::{CountingIds, FakeClock, Records};

/// A sink that keeps what it gets; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<Arc<Record>>>>);

impl Memory {
    /// What has been delivered since the last time, which is then forgotten.
    pub fn take(&self) -> Vec<Record> {
        let records = std::mem::take(&mut *lock(&self.0));
        records.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// What has been delivered so far.
    pub fn records(&self) -> Vec<Record> {
        lock(&self.0).iter().map(|record| (**record).clone()).collect()
    }
}

impl Sink for Memory {
    fn deliver(&mut self, batch: &Batch<'_>) -> Result<(), SinkError> {
        lock(&self.0).extend(batch.records.iter().cloned());
        Ok(())
    }

    fn name(&self) -> &str {
        "memory"
    }
}

/// A recorder for one test: records in memory, a fake clock, counting ids, nobody else's records.
///
/// ```
/// use llmobs_core::{Step, StepKind, testing::Recording};
///
/// let recording = Recording::new();
/// recording.scope().run_sync(|| Step::start(StepKind::Prompt, "build").end());
/// let records = recording.records();
/// assert_eq!(records[0].name.as_deref(), Some("build"));
/// ```
#[derive(Debug)]
pub struct Recording {
    llmobs: Llmobs,
    memory: Memory,
    clock: FakeClock,
}

impl Recording {
    /// Starts one with the defaults.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// Starts one after `configure` has had its way.
    ///
    /// # Panics
    ///
    /// When the system gives no thread.
    pub fn with(configure: impl FnOnce(Builder) -> Builder) -> Self {
        let (memory, clock) = (Memory::default(), FakeClock::default());
        let builder = Builder::new()
            .clock(clock.clone())
            .ids(CountingIds::default())
            .sink(memory.clone())
            .process_wide(false);
        let llmobs = configure(builder).start().expect("threads can be started");
        Self { llmobs, memory, clock }
    }

    /// A scope in which everything goes to this recorder.
    pub fn scope(&self) -> Scope {
        crate::scope::scope().recorder(&self.llmobs)
    }

    /// The recorder.
    pub fn recorder(&self) -> &Recorder {
        &self.llmobs
    }

    /// The clock, for moving it.
    pub fn clock(&self) -> &FakeClock {
        &self.clock
    }

    /// Everything observed so far, after a flush.
    ///
    /// # Panics
    ///
    /// When a sink that was added could not be flushed within ten seconds.
    #[track_caller]
    pub fn records(&self) -> Vec<Record> {
        self.llmobs.flush(Duration::from_secs(10)).expect("every sink takes everything");
        self.memory.records()
    }

    /// Everything observed so far, after a flush, for assertions.
    ///
    /// # Panics
    ///
    /// When a sink that was added could not be flushed within ten seconds.
    #[track_caller]
    pub fn observed(&self) -> Records {
        self.records().into()
    }

    /// Everything observed since the last time, after a flush.
    ///
    /// # Panics
    ///
    /// When a sink that was added could not be flushed within ten seconds.
    #[track_caller]
    pub fn take(&self) -> Records {
        self.llmobs.flush(Duration::from_secs(10)).expect("every sink takes everything");
        self.memory.take().into()
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self::new()
    }
}
