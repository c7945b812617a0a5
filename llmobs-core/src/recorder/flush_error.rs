//! What a flush could not bring out.

use crate::contain::say;
use crate::threads::Unreachable;

/// A flush or shutdown that could not bring everything out in time.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.text())]
pub struct FlushError {
    pub(super) why: Option<Unreachable>,
    /// The time was over before all had answered.
    pub(super) late: bool,
    pub(super) open: u64,
    pub(super) waiting: u64,
    pub(super) spooled: u64,
    pub(super) sinks: Vec<String>,
}

impl FlushError {
    pub(crate) fn with(self, sinks: Vec<String>) -> Self {
        Self { sinks, ..self }
    }

    pub(crate) fn late(self) -> Self {
        Self { late: true, ..self }
    }

    fn text(&self) -> String {
        let mut text = match self.why {
            None if self.late => "not everything was delivered in time".to_owned(),
            None => "not everything was delivered".to_owned(),
            Some(Unreachable::OwnThread) => {
                "a thread of the recorder's cannot wait for the recorder".to_owned()
            }
            Some(Unreachable::Forked) => {
                "the recorder runs in the process that this one was forked from".to_owned()
            }
            Some(Unreachable::BrokenOff) => {
                "the recorder has broken off after a mistake of its own".to_owned()
            }
        };
        let are = |n: u64, what: &str, how: &str| match n {
            0 => None,
            1 => Some(format!("1 {what} is {how}")),
            n => Some(format!("{n} {what}s are {how}")),
        };
        let records = self.waiting.saturating_sub(self.open);
        let open = are(self.open, "operation", "under way");
        // Not "waiting": after a shutdown nobody waits for anything.
        let left: Vec<_> = open.into_iter().chain(are(records, "record", "left")).collect();
        if !left.is_empty() {
            text.push_str(&format!(": {}", left.join(", ")));
        } else if self.late && self.sinks.is_empty() {
            text.push_str(": a sink or a rule has not answered");
        }
        if self.spooled > 0 {
            text.push_str(&format!(" ({} on disk)", self.spooled));
        }
        if !self.sinks.is_empty() {
            let sinks = self.sinks.join(", ");
            text.push_str(&format!("; these lost or could not keep some: {sinks}"));
        }
        text
    }

    /// Says what is gone, where nobody else is told: what is on disk is not, nor what threads of ours
    /// still deliver.
    pub(crate) fn say_if_lost(&self) {
        let ours = matches!(self.why, None | Some(Unreachable::BrokenOff));
        if ours && (self.waiting > self.spooled || !self.sinks.is_empty()) {
            let error = self as &(dyn std::error::Error + 'static);
            say(
                || tracing::warn!(target: "llmobs", error, "not all was delivered as the recorder was dropped"),
            );
        }
    }

    /// Whether the time was over before every sink and every rule had answered.
    pub fn is_late(&self) -> bool {
        self.late
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

    /// Whether a mistake of the recorder's own has ended it: what was open or on its way is lost, and
    /// nothing is recorded any more.
    pub fn is_broken_off(&self) -> bool {
        self.why == Some(Unreachable::BrokenOff)
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
