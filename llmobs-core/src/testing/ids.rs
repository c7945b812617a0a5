//! Ids that are the same in every run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::id::{Ids, RequestId, SpanId, TraceId};
use crate::time::Timestamp;

/// Ids that count up from `f0`, so that their hex digits show; clones share the count.
#[derive(Clone, Debug)]
pub struct CountingIds(Arc<AtomicU64>);

impl Default for CountingIds {
    fn default() -> Self {
        Self(Arc::new(AtomicU64::new(0xf0)))
    }
}

impl CountingIds {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::SeqCst)
    }
}

impl Ids for CountingIds {
    fn trace_id(&self) -> TraceId {
        TraceId::new(u128::from(self.next())).expect("the count starts above zero")
    }

    fn span_id(&self) -> SpanId {
        SpanId::new(self.next()).expect("the count starts above zero")
    }

    fn request_id(&self, now: Timestamp) -> RequestId {
        RequestId::new(now, u128::from(self.next()) << 48)
    }
}
