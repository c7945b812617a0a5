//! Files of llmobs-core that threads meet in, built on loom in place of the standard library.
//!
//! Not copies: the very files, which take mutexes, condition variables, atomics and threads from
//! `crate::sync` and nowhere else. Here that is loom's, which runs a check again and again, in each
//! order that its threads may take, up to a bound on how often one may be stopped in the middle. A
//! thread that sleeps for good fails it as well as a wrong answer.
//!
//! What those files need beside is stood in for below.

pub mod delivery_checks;
pub mod flush_checks;
pub mod queue_checks;
mod sink;
mod spool;
mod sync;
mod threads;

use self::core::{contain, delivery, loss, queue};

#[path = "../../../llmobs-core/src"]
#[expect(dead_code, unused_imports, reason = "only what threads meet in is checked")]
mod core {
    pub(crate) mod contain;
    pub(crate) mod delivery;
    #[path = "worker/flush.rs"]
    pub(crate) mod flush;
    pub(crate) mod loss;
    pub(crate) mod queue;
}

mod record {
    pub(crate) use llmobs_core::Record;
}

mod recorder {
    use std::sync::Arc;

    use crate::sync::atomic::AtomicU64;

    /// As much of a recorder as a delivery looks at.
    #[derive(Debug, Default)]
    pub(crate) struct Recorder(Shared);

    #[derive(Debug, Default)]
    pub(crate) struct Shared {
        pub(crate) counts: Counts,
    }

    #[derive(Debug, Default)]
    pub(crate) struct Counts {
        pub(crate) forbidden: Arc<AtomicU64>,
    }

    impl Recorder {
        pub(crate) fn shared(&self) -> &Shared {
            &self.0
        }

        pub(crate) fn is_content_forbidden(&self) -> bool {
            false
        }
    }
}

mod redact {
    /// There is no content here.
    pub(crate) fn withhold(_: &mut llmobs_core::Record) {}
}

mod worker {
    pub(crate) use crate::core::flush::FlushRequest;
    use crate::recorder::Recorder;

    pub(crate) fn meta(_: &Recorder) -> llmobs_core::Record {
        llmobs_core::Record::default()
    }
}

/// Runs a check in each order its threads may take, when a thread may be stopped in the middle
/// `preemptions` times in all.
fn check(preemptions: usize, run: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = model.preemption_bound.or(Some(preemptions));
    model.max_branches = 10_000;
    model.check(run);
}
