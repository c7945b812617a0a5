//! What an observer says of an item.

use std::fmt;

use serde::Serialize;

use super::own::Own;
use crate::call::Reading;
use crate::capture::Capture;
use crate::record::{Record, Term};

/// Takes what an observer says of an item.
///
/// Where an observed client below has seen the call, it has told all of it already, and only
/// [`failed`](Notes::failed) says anything new; the rest then costs nothing.
pub struct Notes<'a> {
    pub(super) reading: &'a mut Reading,
    pub(super) own: Option<&'a mut Own>,
}

impl Notes<'_> {
    /// Whether what an item said is wanted; `false` where the call below is observed.
    pub fn is_wanted(&self) -> bool {
        self.own.is_some()
    }

    /// Which content may be noted in [`record`](Notes::record). Events are read with it in mind.
    pub fn capture(&self) -> Capture {
        self.own.as_ref().map_or(Capture::NONE, |own| own.capture())
    }

    /// The item as an event of the format that was named at the start, in JSON. It is written into
    /// a buffer here, and read on the recorder's thread by the very code that reads the wire.
    pub fn event<E: Serialize + ?Sized>(&mut self, event: &E) {
        if let Some(own) = &mut self.own {
            own.event(event);
        }
    }

    /// The item carried generated output: text, reasoning, refusal, a tool call, audio. For streams
    /// without a format.
    pub fn output(&mut self) {
        if let Some(own) = &mut self.own {
            own.output();
        }
    }

    /// What has been told of the answer, to add to: model, id, tokens, finish reasons, tool calls;
    /// `None` where the call below is observed. Ids, times and the outcome are the recorder's.
    pub fn record(&mut self) -> Option<&mut Record> {
        self.own.as_ref()?;
        Some(self.reading.told.get_or_insert_default())
    }

    /// The item is an error, by its type and not by its message, which may quote content. The first
    /// one counts.
    pub fn failed(&mut self, error_type: impl Into<Term>) {
        self.reading.error.get_or_insert_with(|| error_type.into());
    }
}

impl fmt::Debug for Notes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notes").field("wanted", &self.is_wanted()).finish_non_exhaustive()
    }
}
