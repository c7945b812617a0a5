//! What the handles of a recorder share, and its end on whichever thread the last of them goes.

use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, OnceLock};

use super::OpenTable;
use crate::alarm::Alarm;
use crate::capture::CapturePolicy;
use crate::contain::discard;
use crate::decoder::Decoder;
use crate::delivery::Delivery;
use crate::enabled::Enabled;
use crate::hosts::HostPattern;
use crate::id::{Ids, RandomIds};
use crate::loss::LossCounts;
use crate::outlet::Outlets;
use crate::prompt::Renderings;
use crate::provider::ProviderNames;
use crate::queue::{Pool, Queue};
use crate::redact::Redact;
use crate::span::{LocalBackend, TraceBackend};
use crate::threads::Threads;
use crate::time::{Clock, SystemClock};
use crate::usage::UsagePolicy;
use crate::user_id::UserIdKey;
use crate::worker::{LastAsk, Message};

pub(crate) struct Shared {
    pub(crate) queue: Queue<Message>,
    pub(crate) pool: Pool,
    pub(crate) time: Time,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) backend: Arc<dyn TraceBackend>,
    pub(crate) decoders: Vec<Arc<dyn Decoder>>,
    pub(crate) capture: CapturePolicy,
    pub(crate) usage: UsagePolicy,
    /// Hosts that calls carry their trace to.
    pub(crate) propagate_to: Vec<HostPattern>,
    pub(crate) propagate_baggage: bool,
    pub(crate) user_id_key: Option<UserIdKey>,
    pub(crate) redact: Redact,
    pub(crate) providers: ProviderNames,
    pub(crate) enabled: Enabled,
    pub(crate) limits: Limits,
    pub(crate) service: Option<String>,
    pub(crate) environment: Option<String>,
    pub(crate) counts: Counts,
    pub(crate) open_calls: OpenTable,
    /// Rules whose last flush has failed, once the worker has ended.
    pub(crate) unflushed: OnceLock<Vec<String>>,
    pub(crate) renderings: Renderings,
    pub(crate) deliveries: OnceLock<Vec<Arc<Delivery>>>,
    /// What waits is being brought to disk, and is once more after that: at most two.
    pub(crate) saving: AtomicU8,
    pub(crate) threads: Threads,
    pub(crate) alarm: Alarm,
    pub(crate) outlets: Outlets,
    pub(crate) last_flush: LastAsk,
    pub(crate) last_idle: LastAsk,
}

impl Drop for Shared {
    /// What the application has given goes one by one: it may panic, and this may be its own thread.
    fn drop(&mut self) {
        self.decoders.drain(..).for_each(discard);
        discard(std::mem::replace(&mut self.backend, Arc::new(LocalBackend)));
        discard(std::mem::replace(&mut self.ids, Arc::new(RandomIds)));
        discard(std::mem::replace(&mut self.time, Time::System(SystemClock::default())));
        discard(std::mem::replace(&mut self.redact, Redact::none()));
    }
}

/// The clock, without a call through a table for the usual one.
#[derive(Debug)]
pub(crate) enum Time {
    System(SystemClock),
    /// One that the application gave, and what it said last.
    Other(Arc<dyn Clock>, AtomicU64),
}

/// What the recorder itself counts.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: AtomicU64,
    pub(crate) number: AtomicU64,
    pub(crate) recorded: AtomicU64,
    pub(crate) refused_by_rule: AtomicU64,
    pub(crate) sampled_out: AtomicU64,
    /// By records, bytes and age.
    pub(crate) decided_early: [AtomicU64; 3],
    pub(crate) payload_bytes: AtomicU64,
    pub(crate) withheld: AtomicU64,
    /// How often content was forbidden.
    pub(crate) forbidden: Arc<AtomicU64>,
    pub(crate) lost: LossCounts,
}

/// Bounds of what the recorder holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Operations that may be open or waiting for the worker. Defaults to 65,536.
    pub operations: usize,
    /// Payload that may wait for the worker or be held by it, in bytes. Defaults to 128 MiB.
    pub payload_bytes: usize,
    /// Body of one call that may be held for reading it whole, in bytes. Defaults to 8 MiB.
    pub body_bytes: usize,
    /// One server-sent event, in bytes. Defaults to 1 MiB.
    pub event_bytes: usize,
    /// Records that may wait for one sink in memory. Defaults to 65,536.
    pub sink_records: usize,
    /// Memory that the records waiting for one sink may take, in bytes, as far as it can be told from
    /// outside; a single larger record still finds room. A record without content takes about 2.5 KiB.
    /// Defaults to 64 MiB.
    pub sink_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations: 65_536,
            payload_bytes: 128 << 20,
            body_bytes: 8 << 20,
            event_bytes: 1 << 20,
            sink_records: 65_536,
            sink_bytes: 64 << 20,
        }
    }
}
