//! What waits for a sink in memory, and who waits for the sink.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use super::Settings;
use crate::record::Record;
use crate::worker::FlushRequest;

/// Records that are worth an offer by themselves, whatever the sink would wait for.
const WORTH: usize = 512;
/// Memory of such records.
const WORTH_BYTES: usize = 1 << 20;

/// A record and the memory it takes.
#[derive(Clone, Debug)]
pub(crate) struct Sized {
    pub(crate) record: Arc<Record>,
    pub(crate) size: usize,
    /// How often content had been forbidden when it was made.
    pub(crate) forbidden: u64,
}

/// What a delivery knows, under its lock.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) queue: VecDeque<Sized>,
    /// Memory of what is in the queue.
    pub(super) bytes: usize,
    pub(super) hand: Option<Hand>,
    /// Records on disk, those in hand that are there as well included.
    pub(super) spooled: u64,
    /// Records that have ever come in to stay, and that have been delivered or lost since.
    pub(super) entered: u64,
    pub(super) settled: u64,
    /// Who waits for a flush, and how many records must have been settled before it.
    pub(super) flushes: VecDeque<(u64, Weak<FlushRequest>)>,
    /// Other processes may have left something on disk since the last look.
    pub(super) look: bool,
    pub(super) closed: bool,
    /// The thread waits for more records to come, and is not to be woken by each.
    pub(super) lingers: bool,
    /// The time for the shutdown is over: no more offers.
    pub(super) abandoned: bool,
}

/// The batch that is offered, or will be again.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) records: Arc<Vec<Sized>>,
    /// It is on disk as well.
    pub(super) spooled: bool,
    /// It is with the sink at this moment.
    pub(super) offered: bool,
}

impl State {
    /// Takes a batch from the front of the queue.
    pub(super) fn take(&mut self, records: usize, bytes: usize) -> Vec<Sized> {
        let (mut n, mut size) = (0, 0_usize);
        for record in self.queue.iter().take(records) {
            size = size.saturating_add(record.size);
            if n > 0 && size > bytes {
                size -= record.size;
                break;
            }
            n += 1;
        }
        self.bytes = self.bytes.saturating_sub(size);
        self.queue.drain(..n).collect()
    }

    pub(super) fn has_work(&self) -> bool {
        self.hand.is_some() || self.spooled > 0 || !self.queue.is_empty()
    }

    /// Whether what is in memory is enough for an offer, or might soon find no more room.
    pub(super) fn is_worth(&self, settings: &Settings) -> bool {
        self.queue.len() >= WORTH.min(settings.records / 2)
            || self.bytes >= WORTH_BYTES.min(settings.bytes / 2)
    }

    /// Whether all that waits is on disk.
    pub(super) fn is_saved(&self) -> bool {
        self.queue.is_empty() && self.hand.as_ref().is_none_or(|hand| hand.spooled)
    }
}
