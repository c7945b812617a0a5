//! One answer being read, from the bytes of its body to what its decoder makes of them.

use super::room::Room;
use crate::call::{BodyEnd, CallShared, Counted, Ending};
use crate::decoder::{Closing, Event, Fold, Headers};
use crate::record::{CutField, Record, millis};
use crate::stream::{Account, Encoding, SseParser, Stop};

/// The answer to the attempt that is being read.
pub(super) struct Answer {
    pub(super) attempt: u32,
    /// When the headers came, and what they said.
    pub(super) headers: Option<u64>,
    pub(super) status: u16,
    fold: Box<dyn Fold>,
    account: Account,
    encoding: Encoding,
    /// What decoding takes.
    room: Room,
    body: Body,
    pub(super) last_read: Option<u64>,
    /// Length of the body, in bytes: decoded where it could be, as it came where not.
    len: u64,
    missing: u64,
}

enum Body {
    /// Too little has come to tell.
    Unknown {
        content_type_stream: bool,
        start: Vec<u8>,
    },
    Stream(SseParser),
    /// Nobody reads it; how much of it came is told at its end.
    Counted(Option<Counted>),
    Whole {
        bytes: Vec<u8>,
        limit: usize,
        room: Room,
    },
}

impl Answer {
    pub(super) fn new(attempt: u32, call: &CallShared, record: &Record) -> Self {
        Self {
            attempt,
            headers: None,
            status: 0,
            fold: call.decoder.fold(&call.route, record, call.capture()),
            account: Account::default(),
            encoding: Encoding::Plain,
            room: Room::new(call),
            body: Body::Unknown { content_type_stream: false, start: Vec::new() },
            last_read: None,
            len: 0,
            missing: 0,
        }
    }

    pub(super) fn head(&mut self, at: u64, status: u16, headers: &Headers<'_>, call: &CallShared) {
        let content_type = headers.get("content-type");
        let content_type_stream = content_type
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/event-stream"));
        (self.headers, self.status) = (Some(at), status);
        if call.decoder.counts(&call.route, content_type) {
            self.body = Body::Counted(None);
        } else {
            self.encoding = Encoding::of(headers);
            self.body = Body::Unknown { content_type_stream, start: Vec::new() };
        }
        self.fold.headers(status, headers);
    }

    pub(super) fn forget(&mut self) {
        self.fold.forget();
    }

    /// Takes the bytes of one read; `streams` where a stream was asked for.
    pub(super) fn data(&mut self, at: u64, bytes: &[u8], call: &CallShared, streams: bool) {
        self.account.read(at, bytes.len());
        self.last_read = Some(at);
        self.encoded(at, bytes, call, streams);
    }

    /// Takes what was counted of a body that nobody reads.
    pub(super) fn count(&mut self, counted: Counted) {
        self.body = Body::Counted(Some(counted));
    }

    /// Takes note of bytes that were not kept.
    pub(super) fn gap(&mut self, missing: u64, call: &CallShared) {
        self.account.bytes += missing;
        self.lose(missing, call);
        if !matches!(self.encoding, Encoding::Plain) {
            self.encoding = Encoding::Lost;
        }
    }

    /// Takes the bytes of one read as they came; all they decode to came with it.
    fn encoded(&mut self, at: u64, bytes: &[u8], call: &CallShared, streams: bool) {
        if matches!(self.encoding, Encoding::Plain) {
            return self.bytes(at, bytes, call, streams);
        }
        let mut encoding = std::mem::take(&mut self.encoding);
        let mut room = std::mem::replace(&mut self.room, Room::new(call));
        let holds = |memory| room.holds(memory);
        let decoded = encoding.decode(bytes, holds, &mut |decoded| {
            self.bytes(at, decoded, call, streams);
            // A body that is too large already need not be decoded to its end.
            !matches!(self.body, Body::Whole { limit: 0, .. })
        });
        match decoded {
            Ok(()) => self.room = room,
            Err(stop) => {
                self.account.malformed += u64::from(stop == Stop::Damaged);
                self.lose(bytes.len() as u64, call);
            }
        }
        self.encoding = encoding;
    }

    /// Leaves out bytes of the body.
    fn lose(&mut self, missing: u64, call: &CallShared) {
        self.missing += missing;
        self.len += missing;
        match &mut self.body {
            Body::Stream(parser) => parser.resync(),
            // Not even the beginning is there: nothing can be made of the rest.
            Body::Unknown { .. } => self.body = Body::whole(call, 0),
            Body::Whole { limit, .. } => *limit = 0,
            Body::Counted(_) => {}
        }
    }

    fn bytes(&mut self, at: u64, mut bytes: &[u8], call: &CallShared, streams: bool) {
        self.len += bytes.len() as u64;
        if let Body::Unknown { content_type_stream, start } = &mut self.body {
            let mut start = std::mem::take(start);
            // White space at the beginning is no part of either kind of body.
            bytes = if start.is_empty() { bytes.trim_ascii_start() } else { bytes };
            let expected = *content_type_stream || streams;
            let Some(stream) = is_stream(&start, bytes, expected && self.status < 400) else {
                // Only what may be the start of a stream's first line gets here: a few bytes.
                start.extend_from_slice(bytes);
                self.body = Body::Unknown { content_type_stream: *content_type_stream, start };
                return;
            };
            let limits = &call.recorder.shared().limits;
            self.body = if stream {
                Body::Stream(SseParser::new(limits.event_bytes))
            } else {
                Body::whole(call, limits.body_bytes)
            };
            if !start.is_empty() {
                self.known_bytes(at, &start);
            }
        }
        self.known_bytes(at, bytes);
    }

    fn known_bytes(&mut self, at: u64, bytes: &[u8]) {
        let Self { fold, account, body, missing, .. } = self;
        match body {
            Body::Unknown { .. } | Body::Counted(_) => {}
            Body::Stream(parser) => {
                parser.feed(bytes, |event| on_event(&mut **fold, account, missing, at, &event));
            }
            Body::Whole { bytes: kept, limit, room } => {
                let more = kept.len() + bytes.len();
                if more <= *limit && room.holds(more) {
                    kept.reserve_exact(room.bytes - kept.len());
                    kept.extend_from_slice(bytes);
                } else {
                    // Nothing can be made of a body with a hole in it.
                    *missing += more as u64;
                    *limit = 0;
                    *kept = Vec::new();
                    room.give_back();
                }
            }
        }
    }

    /// Ends the answer; tells what it was and whether it was a stream.
    pub(super) fn close(
        mut self,
        call: &CallShared,
        ending: Ending,
        sent: Option<u64>,
        record: &mut Record,
    ) -> (Closing, bool) {
        let mut stream = false;
        let at = self.last_read.unwrap_or(call.issued);
        let Self { fold, account, missing, body, status, .. } = &mut self;
        match body {
            // A stream of nothing is one all the same: some servers answer that way when they fail.
            Body::Unknown { content_type_stream, start } => {
                stream = *status < 400 && (*content_type_stream || record.stream == Some(true));
                if stream {
                    record.wire.get_or_insert_default().comments = Some(0);
                } else if !start.is_empty() {
                    fold.body(start);
                }
            }
            Body::Stream(parser) => {
                stream = true;
                // What the cut left of an event is no event.
                if ending == Ending::Body(BodyEnd::Complete) {
                    parser.finish(|event| on_event(&mut **fold, account, missing, at, &event));
                }
                record.wire.get_or_insert_default().comments = Some(parser.comments());
            }
            Body::Counted(counted) => {
                account.counted(*counted);
                let first = counted.and_then(|counted| counted.first);
                if let Some(first) = first {
                    let waited = millis(first.saturating_sub(call.issued));
                    record.latency.get_or_insert_default().time_to_first_byte_ms = Some(waited);
                }
            }
            Body::Whole { bytes, .. } => {
                let readable = *missing == 0 && fold.body(bytes);
                // Half a body is not malformed, it is half.
                if !readable && *missing == 0 && ending == Ending::Body(BodyEnd::Complete) {
                    account.malformed += 1;
                }
            }
        }
        if ending == Ending::Body(BodyEnd::Complete)
            && self.missing == 0
            && !self.encoding.is_whole()
        {
            self.account.malformed = self.account.malformed.max(1);
        }
        let closing = self.fold.finish(record);
        if self.missing > 0 {
            let cut = record.cut.get_or_insert_default();
            let (bytes, missing) = (self.len, self.missing);
            cut.response_body = Some(CutField { bytes, missing, sha256: None });
        }
        self.account.finish(call.issued, sent, stream, &closing, record);
        (closing, stream)
    }
}

impl Body {
    fn whole(call: &CallShared, limit: usize) -> Self {
        Self::Whole { bytes: Vec::new(), limit, room: Room::new(call) }
    }
}

/// Whether a body is a stream; `None` when too little of it has come.
///
/// Some servers answer a stream with an error in JSON under the stream's content type, and some
/// stream without saying so or without being asked: how the body begins knows best.
fn is_stream(start: &[u8], bytes: &[u8], expected: bool) -> Option<bool> {
    const LINES: [&[u8]; 5] = [b"data:", b"event:", b"id:", b"retry:", b":"];
    let mut head = [0; 6];
    let mut len = 0;
    let text = start.iter().chain(bytes).skip_while(|byte| byte.is_ascii_whitespace());
    for (place, byte) in head.iter_mut().zip(text) {
        *place = *byte;
        len += 1;
    }
    let head = head.get(..len).filter(|head| !head.is_empty())?;
    if head.starts_with(b"{") || head.starts_with(b"[") {
        return Some(false);
    }
    if expected || LINES.iter().any(|line| head.starts_with(line)) {
        return Some(true);
    }
    if LINES.iter().any(|line| line.starts_with(head)) { None } else { Some(false) }
}

fn on_event(
    fold: &mut dyn Fold,
    account: &mut Account,
    missing: &mut u64,
    at: u64,
    event: &Event<'_>,
) {
    let facts = match event.missing {
        0 => fold.event(event),
        bytes => {
            *missing += bytes;
            fold.skipped(event)
        }
    };
    account.event(at, facts);
}
