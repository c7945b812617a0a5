//! What a flush could not bring out.

use crate::contain::say;
use crate::threads::Unreachable;

/// A flush or shutdown that could not bring everything out in time.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}{waiting} records are waiting{}{}",
    begins(*why),
    in_spool(*spooled),
    failed(sinks)
)]
pub struct FlushError {
    pub(super) why: Option<Unreachable>,
    pub(super) open: u64,
    pub(super) waiting: u64,
    pub(super) spooled: u64,
    pub(super) sinks: Vec<String>,
}

fn begins(why: Option<Unreachable>) -> &'static str {
    match why {
        None => "not everything was delivered: ",
        Some(Unreachable::OwnThread) => "a thread of the recorder's cannot wait for the recorder: ",
        Some(Unreachable::Forked) => {
            "the recorder runs in the process that this one was forked from: "
        }
    }
}

fn in_spool(records: u64) -> String {
    match records {
        0 => String::new(),
        records => format!(" ({records} of them on disk)"),
    }
}

fn failed(sinks: &[String]) -> String {
    match sinks {
        [] => String::new(),
        sinks => format!(", and these sinks lost or could not keep some: {}", sinks.join(", ")),
    }
}

impl FlushError {
    pub(crate) fn with(self, sinks: Vec<String>) -> Self {
        Self { sinks, ..self }
    }

    /// Says what is gone, where nobody else is told: what is on disk is not, nor what threads of ours
    /// still deliver.
    pub(crate) fn say_if_lost(&self) {
        if self.why.is_none() && (self.waiting > self.spooled || !self.sinks.is_empty()) {
            let error = self as &(dyn std::error::Error + 'static);
            say(|| tracing::warn!(target: "llmobs", error, "the recorder was dropped too early"));
        }
    }

    /// Records that had not reached every sink, those of [open](Self::open) operations included.
    pub fn waiting(&self) -> u64 {
        self.waiting
    }

    /// Operations that had not ended, or whose record had not been made.
    pub fn open(&self) -> u64 {
        self.open
    }

    /// Whether it was asked for on one of the recorder's own threads, by a sink or a rule: nobody
    /// there can wait for the recorder, so nothing was waited for.
    pub fn is_own_thread(&self) -> bool {
        self.why == Some(Unreachable::OwnThread)
    }

    /// Whether this process was forked from the one that started the recorder: its threads are not
    /// here, and nothing that is recorded here is ever delivered.
    pub fn is_forked(&self) -> bool {
        self.why == Some(Unreachable::Forked)
    }

    /// Those of the waiting that are safe in the spool: when that is all of them, and no sink has
    /// failed, nothing is lost should the process end now.
    pub fn spooled(&self) -> u64 {
        self.spooled
    }

    /// Names of the sinks that have lost records, or could not make them durable, and of rules that
    /// could not bring out what they report elsewhere, such as metrics.
    pub fn failed_sinks(&self) -> &[String] {
        &self.sinks
    }
}
