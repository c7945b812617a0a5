//! The reading of one stream.

use std::fmt;
use std::sync::Arc;

use super::StreamStart;
use super::notes::Notes;
use super::own::{self, Own};
use crate::call::{CallShared, Reading, inside_reader};
use crate::contain::contained;
use crate::record::ConsumerEnd;
use crate::recorder::Recorder;
use crate::time::Timestamp;

/// Watches one reading. It ends once, by [`end`](Watch::end) or by being dropped.
pub(super) struct Watch {
    link: Option<Link>,
    reading: Reading,
    /// When the application was given the stream or an item, unless it has asked again since.
    given: Option<u64>,
}

/// Whose answer is read.
enum Link {
    /// That of a call which is observed below.
    Wire(Arc<CallShared>),
    /// That of a call which nobody else sees.
    Own(Box<Own>),
}

impl Watch {
    pub(super) fn wire(call: Arc<CallShared>) -> Self {
        let given = Some(call.recorder.elapsed());
        Self { link: Some(Link::Wire(call)), reading: Reading::default(), given }
    }

    pub(super) fn own(
        recorder: &Recorder,
        start: StreamStart,
        began: Option<(Timestamp, u64)>,
    ) -> Option<Self> {
        let (call, in_format) = own::open(recorder, start, began)?;
        let own = Box::new(Own::new(call, in_format));
        let given = Some(recorder.elapsed());
        Some(Self { link: Some(Link::Own(own)), reading: Reading::default(), given })
    }

    fn now(&self) -> u64 {
        match &self.link {
            Some(Link::Wire(call)) => call.recorder.elapsed(),
            Some(Link::Own(own)) => own.call().recorder.elapsed(),
            None => 0,
        }
    }

    /// The application asks; tells how long it has been away, unless it has asked since.
    pub(super) fn asked(&mut self) -> Option<u64> {
        let given = self.given.take()?;
        Some(self.now().saturating_sub(given))
    }

    /// Runs the stream. Until its first item it may make a call, which is this one.
    pub(super) fn inside<R>(&self, run: impl FnOnce() -> R) -> R {
        match &self.link {
            Some(Link::Own(own)) if self.reading.items == 0 => inside_reader(own.call(), run),
            _ => run(),
        }
    }

    /// The application is given an item, `away` after the last one if it need not wait for this.
    pub(super) fn given(&mut self, away: Option<u64>, observe: impl FnOnce(&mut Notes<'_>)) {
        let now = self.now();
        let Self { link, reading, given } = self;
        *given = Some(now);
        reading.items += 1;
        reading.first_item.get_or_insert(now);
        reading.stalled += away.unwrap_or(0);
        let mut own = match link {
            Some(Link::Own(own)) => Some(&mut **own),
            _ => None,
        };
        if reading.observer_panicked {
            return;
        }
        let observed = contained(|| {
            observe(&mut Notes { reading: &mut *reading, own: own.as_deref_mut() });
        });
        match (observed, own) {
            (Some(()), Some(own)) => own.noted(now),
            (Some(()), None) => {}
            (None, own) => {
                reading.observer_panicked = true;
                if let Some(own) = own {
                    own.forget();
                }
            }
        }
    }

    pub(super) fn end(&mut self, end: ConsumerEnd) {
        let ended = self.now();
        let Some(link) = self.link.take() else { return };
        let mut reading = std::mem::take(&mut self.reading);
        let failed = reading.error.is_some();
        reading.ended = ended;
        reading.end = Some(if failed { ConsumerEnd::Failed } else { end });
        match link {
            Link::Wire(call) => call.read(reading),
            Link::Own(own) => own.end(reading),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end(ConsumerEnd::Left);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wire = matches!(self.link, Some(Link::Wire(_)));
        f.debug_struct("Watch").field("wire", &wire).finish_non_exhaustive()
    }
}
