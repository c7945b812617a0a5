//! Calls under way, counted by what they are.

use std::sync::Mutex;

use crate::call::CallShared;
use crate::queue::lock;
use crate::record::Term;

/// Rows that are kept once their calls have ended, so that the usual ones are made once.
const KEPT: usize = 64;

/// How many calls of one kind are under way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OpenCalls {
    /// Operation by the GenAI registry, such as `chat`.
    pub operation: Term,
    /// Who is asked, by what the user or the host tells, else the host; an answer may know better.
    pub provider: Option<Term>,
    /// Calls under way; zero for a kind of which there were some before.
    pub calls: u64,
}

/// The worker counts, whoever asks reads. A call is found again by what it was counted under, which
/// does not change while it is open.
#[derive(Debug, Default)]
pub(crate) struct OpenTable(Mutex<Vec<OpenCalls>>);

impl OpenTable {
    pub(crate) fn opened(&self, call: &CallShared) {
        let (operation, provider) = key(call);
        let mut rows = lock(&self.0);
        if let Some(row) = rows.iter_mut().find(|row| row.is(operation, provider)) {
            row.calls += 1;
            return;
        }
        if rows.len() >= KEPT {
            rows.retain(|row| row.calls > 0);
        }
        let provider = provider.map(|name| name.to_owned().into());
        rows.push(OpenCalls { operation: operation.into(), provider, calls: 1 });
    }

    pub(crate) fn ended(&self, call: &CallShared) {
        let (operation, provider) = key(call);
        let mut rows = lock(&self.0);
        if let Some(row) = rows.iter_mut().find(|row| row.is(operation, provider)) {
            row.calls = row.calls.saturating_sub(1);
        }
    }

    pub(crate) fn list(&self) -> Vec<OpenCalls> {
        lock(&self.0).clone()
    }
}

impl OpenCalls {
    fn is(&self, operation: &str, provider: Option<&str>) -> bool {
        self.operation == operation && self.provider.as_deref() == provider
    }
}

fn key(call: &CallShared) -> (&'static str, Option<&str>) {
    let host = || Some(call.host()).filter(|host| !host.is_empty());
    (call.route.operation, call.named_provider().or(call.route.provider).or_else(host))
}
