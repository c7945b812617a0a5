//! A call that only its reader tells of.
//!
//! It goes the way of all calls: what the reader is given takes the place of what is read from the
//! wire, and the worker reads it as it reads any stream.

use std::sync::Arc;

use serde::Serialize;

use super::StreamStart;
use crate::call::{BodyEnd, Call, CallShared, CallStart, Reading, Tap, TransportError};
use crate::capture::Capture;
use crate::decoder::{Closing, Decoder, Event, EventFacts, Fold, Route, Target};
use crate::queue::lock;
use crate::record::{ConsumerEnd, Record};
use crate::recorder::Recorder;
use crate::time::Timestamp;

/// What is kept of the buffer for one event from one item to the next, in bytes.
const KEEP: usize = 64 * 1024;

const PLAIN: &[u8] = b"data: -\n\n";
const OUTPUT: &[u8] = b"data: +\n\n";
const END: &[u8] = b"data: .\n\n";

pub(super) struct Own {
    call: Arc<CallShared>,
    tap: Tap,
    /// One item, as it is being noted.
    event: Vec<u8>,
    /// Items are events of a wire format.
    in_format: bool,
    output: bool,
}

/// Opens a call that its reader will tell of; `began` says when, where that was before.
pub(super) fn open(
    recorder: &Recorder,
    start: StreamStart,
    began: Option<(Timestamp, u64)>,
) -> Option<(Call, bool)> {
    if !recorder.is_enabled() {
        return None;
    }
    let target = start.target();
    let routed = start.format.and_then(|_| recorder.route(&target, false));
    let in_format = routed.is_some();
    let (decoder, mut route) = routed.unwrap_or_else(|| {
        (Arc::new(Told), Route { operation: start.operation, api: "", provider: None })
    });
    route.provider = start.provider.or(route.provider);
    let body = start.request.clone().filter(|_| in_format);
    let taken = recorder.take_place(&route);
    let call = recorder.begin_in(taken, |taken| {
        let mut surroundings = recorder.surroundings(&target, route, began, taken);
        surroundings.by_reader = true;
        recorder.open(CallStart { target, body, body_len: None }, decoder, route, surroundings)
    })?;
    Some((call, in_format))
}

impl Own {
    pub(super) fn new(call: Call, in_format: bool) -> Self {
        let shared = call.shared();
        let headers = [("content-type", b"text/event-stream".as_slice())];
        let tap = call.handle().attempt().headers(200, headers.into_iter());
        call.returned();
        Self { call: shared, tap, event: Vec::new(), in_format, output: false }
    }

    pub(super) fn call(&self) -> &Arc<CallShared> {
        &self.call
    }

    pub(super) fn capture(&self) -> Capture {
        self.call.capture()
    }

    pub(super) fn event<E: Serialize + ?Sized>(&mut self, event: &E) {
        if !self.in_format {
            return;
        }
        let start = self.event.len();
        self.event.extend_from_slice(b"data: ");
        if serde_json::to_writer(&mut self.event, event).is_err() {
            // Half an event would be read as what it is not; this is read as malformed.
            self.event.truncate(start);
            self.event.extend_from_slice(b"data: ?");
        }
        // In JSON it is white space; in an event it is the end of a line.
        self.event.iter_mut().skip(start).filter(|b| **b == b'\n').for_each(|b| *b = b' ');
        self.event.extend_from_slice(b"\n\n");
    }

    pub(super) fn output(&mut self) {
        self.output = true;
    }

    /// The item was looked at.
    pub(super) fn noted(&mut self, at: u64) {
        if self.in_format {
            if !self.event.is_empty() {
                self.tap.copied(at, &self.event);
            }
            self.event.clear();
            self.event.shrink_to(KEEP);
        } else {
            let output = std::mem::take(&mut self.output);
            self.tap.copied(at, if output { OUTPUT } else { PLAIN });
        }
    }

    /// The observer panicked over the item: what it noted may be half of it.
    pub(super) fn forget(&mut self) {
        self.event.clear();
        self.output = false;
    }

    pub(super) fn end(mut self, reading: Reading) {
        let end = match reading.end {
            Some(ConsumerEnd::Completed) => BodyEnd::Complete,
            Some(ConsumerEnd::Failed) => BodyEnd::Failed(TransportError::Other),
            _ => BodyEnd::Dropped,
        };
        if end == BodyEnd::Complete && !self.in_format {
            self.tap.copied(reading.ended, END);
        }
        told(&self.call, reading);
        self.tap.end(end);
    }
}

/// Leaves what was seen of a reading with a call that has not ended.
pub(super) fn told(call: &CallShared, reading: Reading) {
    lock(&call.state).reader = crate::call::Reader::Ended(reading);
}

/// Reads what observers say of streams without a format.
#[derive(Debug)]
struct Told;

impl Decoder for Told {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        None
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(ToldFold { complete: false })
    }
}

#[derive(Debug)]
struct ToldFold {
    complete: bool,
}

impl Fold for ToldFold {
    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        let marker = event.data == b".";
        self.complete |= marker;
        EventFacts { marker, output: event.data == b"+", malformed: false }
    }

    fn body(&mut self, _: &[u8]) -> bool {
        false
    }

    fn finish(self: Box<Self>, _: &mut Record) -> Closing {
        Closing { complete: self.complete, choices: 1, ..Closing::default() }
    }
}
