//! What a flush could not bring out.

/// A flush or shutdown that could not bring everything out in time.
#[derive(Debug, thiserror::Error)]
#[error(
    "not everything was delivered: {waiting} records are waiting{}{}",
    in_spool(*spooled),
    failed(sinks)
)]
pub struct FlushError {
    pub(super) waiting: u64,
    pub(super) spooled: u64,
    pub(super) sinks: Vec<String>,
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

    /// Records that had not reached every sink.
    pub fn waiting(&self) -> u64 {
        self.waiting
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
