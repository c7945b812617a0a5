//! One call being understood, piece by piece, while it runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::describe;
use super::room::Room;
use crate::call::{BodyEnd, CallShared, CallState, Ending, Frame, TransportError, frames};
use crate::decoder::{Closing, Event, EventFacts, Fold, Headers};
use crate::queue::lock;
use crate::record::{CutField, Kind, Outcome, Record, Server, Term, UsageSource, millis};
use crate::semconv::error_type;
use crate::span::OpenSpan;
use crate::stream::{Account, Encoding, SseParser, Stop};

/// What the worker knows of a call.
pub(crate) struct CallFold {
    call: Arc<CallShared>,
    record: Record,
    answer: Option<Answer>,
    /// A decoder panicked: the call's facts cannot be trusted.
    panicked: bool,
}

/// The answer to the attempt that is being read.
struct Answer {
    attempt: u32,
    status: u16,
    fold: Box<dyn Fold>,
    account: Account,
    encoding: Encoding,
    /// What decoding takes.
    room: Room,
    body: Body,
    last_read: Option<u64>,
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
    Whole {
        bytes: Vec<u8>,
        limit: usize,
        room: Room,
    },
}

impl CallFold {
    pub(crate) fn new(call: Arc<CallShared>) -> Self {
        let mut record = Record {
            kind: Kind::Interaction,
            request_id: Some(call.request_id),
            timestamp: Some(call.at),
            operation: Some(call.route.operation.into()),
            api: Some(call.route.api.into()),
            provider: Some(match call.route.provider {
                Some(provider) => provider.into(),
                None => call.host().to_owned().into(),
            }),
            server: Some(Server { address: call.host().to_owned(), port: call.port }),
            ..Record::default()
        };
        describe(&mut record, call.scope.as_ref(), &call.span);
        record.wire.get_or_insert_default();
        let mut fold = Self { call, record, answer: None, panicked: false };
        fold.request();
        fold
    }

    /// Reads the request, once it has been told.
    fn request(&mut self) {
        let Self { call, record, panicked, .. } = self;
        let (sent, len) = call.take_request();
        if let Some(len) = len {
            record.wire.get_or_insert_default().request_bytes = Some(len);
        }
        if let Some(sent) = sent {
            let read = AssertUnwindSafe(|| {
                call.decoder.request(&call.route, &sent.bytes(), call.capture, record);
            });
            *panicked = *panicked || catch_unwind(read).is_err();
            sent.release(&call.recorder);
        } else if let Some(bytes) = len.filter(|len| *len > 0) {
            let missing = CutField { bytes, missing: bytes, sha256: None };
            record.cut.get_or_insert_default().request_body = Some(missing);
        }
    }

    pub(crate) fn span(&self) -> OpenSpan {
        self.call.span.clone()
    }

    /// Takes a buffer of frames.
    pub(crate) fn piece(&mut self, attempt: u32, buffer: &[u8]) {
        for frame in frames(buffer) {
            match frame {
                Frame::Head { status, lines } => self.head(attempt, status, &Headers(lines)),
                Frame::Data { at, bytes } => self.data(attempt, at, bytes),
                Frame::Gap { missing } => self.gap(attempt, missing),
            }
        }
    }

    /// Takes the bytes of one read.
    pub(crate) fn data(&mut self, attempt: u32, at: u64, bytes: &[u8]) {
        self.guarded(attempt, |answer, call, record| {
            answer.account.read(at, bytes.len());
            answer.last_read = Some(at);
            answer.encoded(at, bytes, call, record);
        });
    }

    fn head(&mut self, attempt: u32, status: u16, headers: &Headers<'_>) {
        let stream = headers
            .get("content-type")
            .is_some_and(|value| value.to_ascii_lowercase().starts_with("text/event-stream"));
        self.guarded(attempt, |answer, _, _| {
            answer.status = status;
            answer.encoding = Encoding::of(headers);
            answer.body = Body::Unknown { content_type_stream: stream, start: Vec::new() };
            answer.fold.headers(status, headers);
        });
    }

    fn gap(&mut self, attempt: u32, missing: u64) {
        self.guarded(attempt, |answer, call, _| {
            answer.account.bytes += missing;
            answer.lose(missing, call);
            if !matches!(answer.encoding, Encoding::Plain) {
                answer.encoding = Encoding::Lost;
            }
        });
    }

    /// Runs a step of the answer to `attempt`; a decoder that panics loses the call's facts only.
    fn guarded(&mut self, attempt: u32, step: impl FnOnce(&mut Answer, &CallShared, &mut Record)) {
        if self.answer.is_none() {
            // An answer is read in the light of what was asked.
            self.request();
        }
        if self.panicked {
            return;
        }
        let Self { call, record, answer, .. } = self;
        let run = AssertUnwindSafe(|| {
            if answer.as_ref().is_some_and(|answer| answer.attempt > attempt) {
                return;
            }
            if answer.as_ref().is_some_and(|answer| answer.attempt != attempt) {
                *answer = None;
            }
            let answer = answer.get_or_insert_with(|| Answer::new(attempt, call, record));
            step(answer, call, record);
        });
        self.panicked = catch_unwind(run).is_err();
    }

    /// The record of the call; `None` when a decoder panicked over it.
    pub(crate) fn finish(mut self) -> Option<Record> {
        self.request();
        if self.panicked {
            return None;
        }
        catch_unwind(AssertUnwindSafe(move || self.settle())).ok()
    }

    fn settle(&mut self) -> Record {
        let call = Arc::clone(&self.call);
        let mut state = lock(&call.state);
        let now = call.recorder.elapsed();
        let (ending, ended) = *state.ended.get_or_insert((Ending::Unfinished, now));
        let CallState { sent, headers, status, attempts, attempt, missing, .. } = *state;
        let (injected, unseen) = (state.usage_injected, state.unseen_attempts);
        drop(state);
        let sent = sent.filter(|_| !unseen);
        if missing > 0 {
            self.gap(attempt, missing);
        }
        let mut record = std::mem::take(&mut self.record);
        let issued = call.issued;
        // An answer to another attempt is not this call's.
        let answer = self.answer.take().filter(|answer| answer.attempt == attempt);
        let last_read = answer.as_ref().and_then(|answer| answer.last_read);
        record.http_status = status;
        record.attempts = Some(attempts).filter(|_| !unseen);
        let mut closing = Closing::default();
        let mut stream = false;
        if let Some(answer) = answer {
            (closing, stream) = answer.close(&call, ending, sent, &mut record);
        }
        if let Some(usage) = record.usage.as_mut().filter(|_| injected) {
            // A decoder sees that counts were sent, not who asked for them.
            if usage.source == Some(UsageSource::Reported) {
                usage.source = Some(UsageSource::Injected);
            }
        }

        let outcome = outcome(ending, status, &closing, stream);
        record.outcome = Some(outcome);
        // A reader that stays after the end marker waits for nothing.
        let ended = match (outcome, stream && closing.complete, last_read) {
            (Outcome::Completed, true, Some(last)) => last.min(ended),
            _ => ended,
        };
        record.total_latency_ms = Some(millis(ended.saturating_sub(issued)));
        if let Some(sent) = sent {
            let latency = record.latency.get_or_insert_default();
            latency.queue_ms = Some(millis(sent.saturating_sub(issued)));
            latency.headers_ms = headers.map(|headers| millis(headers.saturating_sub(sent)));
        }
        if outcome == Outcome::Failed {
            let error = record.error.get_or_insert_default();
            error.status = error.status.or(status.filter(|status| *status >= 400));
            if error.kind.is_empty() {
                error.kind = failure_type(ending, status);
            }
        } else {
            record.error = None;
        }
        record
    }
}

impl Answer {
    fn new(attempt: u32, call: &CallShared, record: &Record) -> Self {
        Self {
            attempt,
            status: 0,
            fold: call.decoder.fold(&call.route, record, call.capture),
            account: Account::default(),
            encoding: Encoding::Plain,
            room: Room::new(call),
            body: Body::Unknown { content_type_stream: false, start: Vec::new() },
            last_read: None,
            len: 0,
            missing: 0,
        }
    }

    /// Takes the bytes of one read as they came; all they decode to came with it.
    fn encoded(&mut self, at: u64, bytes: &[u8], call: &CallShared, record: &Record) {
        if matches!(self.encoding, Encoding::Plain) {
            return self.bytes(at, bytes, call, record);
        }
        let mut encoding = std::mem::take(&mut self.encoding);
        let mut room = std::mem::replace(&mut self.room, Room::new(call));
        let holds = |memory| room.holds(memory);
        let decoded = encoding.decode(bytes, holds, &mut |decoded| {
            self.bytes(at, decoded, call, record);
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
        }
    }

    fn bytes(&mut self, at: u64, mut bytes: &[u8], call: &CallShared, record: &Record) {
        self.len += bytes.len() as u64;
        if let Body::Unknown { content_type_stream, start } = &mut self.body {
            let mut start = std::mem::take(start);
            // White space at the beginning is no part of either kind of body.
            bytes = if start.is_empty() { bytes.trim_ascii_start() } else { bytes };
            let expected = *content_type_stream || record.stream == Some(true);
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
            Body::Unknown { .. } => {}
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
    fn close(
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
            EventFacts::default()
        }
    };
    account.event(at, facts);
}

/// The first rule that holds decides.
fn outcome(ending: Ending, status: Option<u16>, closing: &Closing, stream: bool) -> Outcome {
    if status.is_some_and(|status| status >= 400) || closing.failed {
        return Outcome::Failed;
    }
    if closing.complete {
        return Outcome::Completed;
    }
    match ending {
        Ending::Body(BodyEnd::Failed(_)) | Ending::Error(_) => Outcome::Failed,
        Ending::Body(BodyEnd::Complete) if stream => Outcome::Interrupted,
        // A body that is no stream is complete when its length is.
        Ending::Body(BodyEnd::Complete) => Outcome::Completed,
        Ending::Body(BodyEnd::Dropped) | Ending::Dropped => Outcome::Dropped,
        Ending::Unfinished => Outcome::Unfinished,
    }
}

/// What failed, where the provider did not say.
fn failure_type(ending: Ending, status: Option<u16>) -> Term {
    if let Some(status) = status.filter(|status| *status >= 400) {
        return status.to_string().into();
    }
    let (Ending::Body(BodyEnd::Failed(error)) | Ending::Error(error)) = ending else {
        return error_type::OTHER.into();
    };
    match error {
        TransportError::Connect => error_type::CONNECT,
        TransportError::Timeout => error_type::TIMEOUT,
        TransportError::Broken => error_type::TRANSPORT,
        TransportError::Request => error_type::REQUEST,
        TransportError::Other => error_type::OTHER,
    }
    .into()
}
