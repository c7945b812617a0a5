//! One call being understood, piece by piece, while it runs.

use std::sync::Arc;

use super::answer::Answer;
use super::asked::Asked;
use super::attempts::{Abandoned, Marks};
use super::describe;
use super::outcome::{failure, outcome};
use super::reader;
use crate::call::{CallShared, CallState, Ending, Frame, Reader, frames};
use crate::contain::{contained, discard};
use crate::decoder::{Closing, Headers};
use crate::queue::lock;
use crate::record::{
    CutField, FallbackAttempt, Kind, Outcome, Record, Server, Term, Usage, UsageSource, millis,
};
use crate::redact::withhold;
use crate::semconv::operation;
use crate::span::OpenSpan;

/// What the worker knows of a call. It is there as long as the call is open, so it is small: what the
/// call itself knows is written into the record at the end.
pub(crate) struct CallFold {
    call: Arc<CallShared>,
    asked: Asked,
    /// Length of the request's body, once it has been told.
    request_bytes: Option<u64>,
    answer: Option<Answer>,
    abandoned: Abandoned,
    /// A decoder panicked: the call's facts cannot be trusted.
    panicked: bool,
}

impl CallFold {
    pub(crate) fn new(call: Arc<CallShared>) -> Self {
        let mut fold = Self {
            call,
            asked: Asked::default(),
            request_bytes: None,
            answer: None,
            abandoned: Abandoned::default(),
            panicked: false,
        };
        fold.request();
        fold
    }

    /// Reads the request, once it has been told.
    fn request(&mut self) {
        let Self { call, asked, request_bytes, panicked, .. } = self;
        let (sent, len, counted) = call.take_request();
        *request_bytes = len.or(*request_bytes);
        if let Some(sent) = sent {
            let read = |record: &mut Record| {
                let body = sent.bytes();
                call.decoder.request(&call.route, &body, call.capture(), record);
                crate::prompt::link(call, &body, record);
            };
            *panicked = *panicked || contained(|| asked.with(read)).is_none();
            sent.release(&call.recorder);
        } else if let Some(bytes) = len.filter(|len| *len > 0 && !counted) {
            let missing = CutField { bytes, missing: bytes, sha256: None };
            asked.with(|record| record.cut.get_or_insert_default().request_body = Some(missing));
        }
    }

    /// Takes what the call's tap keeps back.
    pub(crate) fn take_held(&self) -> Option<(u32, Vec<u8>)> {
        lock(&self.call.held).take()
    }

    /// Has the call's tap send what it keeps back.
    pub(crate) fn send_held(&self) {
        lock(&self.call.held).send(&self.call);
    }

    /// Drops the content kept so far, and keeps no more.
    pub(crate) fn forget(&mut self) {
        self.call.forbid_content();
        self.asked.with(withhold);
        if let Some(answer) = &mut self.answer {
            self.panicked |= contained(|| answer.forget()).is_none();
        }
    }

    pub(crate) fn span(&self) -> OpenSpan {
        self.call.span.clone()
    }

    pub(crate) fn call(&self) -> Arc<CallShared> {
        Arc::clone(&self.call)
    }

    /// Takes a buffer of frames.
    pub(crate) fn piece(&mut self, attempt: u32, buffer: &[u8]) {
        for frame in frames(buffer) {
            match frame {
                Frame::Head { at, status, lines } => {
                    self.head(attempt, at, status, &Headers(lines));
                }
                Frame::Data { at, bytes } => self.data(attempt, at, bytes),
                Frame::Gap { missing } => self.gap(attempt, missing),
            }
        }
    }

    /// Takes the bytes of one read.
    pub(crate) fn data(&mut self, attempt: u32, at: u64, bytes: &[u8]) {
        self.guarded(attempt, |answer, call, asked| {
            answer.data(at, bytes, call, asked.stream == Some(true));
        });
    }

    fn head(&mut self, attempt: u32, at: u64, status: u16, headers: &Headers<'_>) {
        self.guarded(attempt, |answer, call, _| answer.head(at, status, headers, call));
    }

    fn gap(&mut self, attempt: u32, missing: u64) {
        self.guarded(attempt, |answer, call, _| answer.gap(missing, call));
    }

    /// Runs a step of the answer to `attempt`; a decoder that panics loses the call's facts only.
    fn guarded(&mut self, attempt: u32, step: impl FnOnce(&mut Answer, &CallShared, &Asked)) {
        if self.answer.is_none() {
            // An answer is read in the light of what was asked.
            self.request();
        }
        if self.panicked {
            return;
        }
        let Self { call, asked, answer, abandoned, .. } = self;
        let run = || {
            if answer.as_ref().is_some_and(|answer| answer.attempt > attempt) {
                return;
            }
            if let Some(before) = answer.take_if(|answer| answer.attempt != attempt) {
                abandoned.add(before, call, asked.stream);
            }
            let begin = || asked.with(|record| Answer::new(attempt, call, record));
            let answer = answer.get_or_insert_with(begin);
            step(answer, call, asked);
        };
        self.panicked = contained(run).is_none();
    }

    /// The record of the call; `None` when a decoder panicked over it.
    pub(crate) fn finish(mut self: Box<Self>) -> Option<Record> {
        self.request();
        if self.panicked {
            discard(self);
            return None;
        }
        contained(move || self.settle())
    }

    fn settle(&mut self) -> Record {
        let call = Arc::clone(&self.call);
        let now = call.recorder.elapsed();
        let mut state = lock(&call.state);
        let (ending, ended) = *state.ended.get_or_insert((Ending::Unfinished, now));
        let marks = Marks::of(&state);
        let CallState { sent, missing, counted, .. } = *state;
        let (injected, unseen) = (state.usage_injected, state.unseen_attempts);
        let reader = std::mem::take(&mut state.reader);
        drop(state);
        let Marks { attempts, attempt, headers, status, .. } = marks;
        let unseen = unseen || call.by_reader;
        let sent = sent.filter(|_| !unseen);
        if missing > 0 {
            self.gap(attempt, missing);
        }
        let mut record = std::mem::take(&mut self.asked).into_record();
        record.wire.get_or_insert_default().request_bytes = self.request_bytes;
        identify(&mut record, &call);
        let mut reading = match reader {
            Reader::Ended(reading) => Some(reading),
            Reader::Unseen | Reader::Reading => None,
        };
        if let Some(told) = reading.as_mut().and_then(|reading| reading.told.take()) {
            reader::tell(&mut record, *told);
        }
        let issued = call.issued;
        // An answer to another attempt is not this call's.
        let mut answer = self.answer.take();
        let mut abandoned = std::mem::take(&mut self.abandoned);
        if let Some(other) = answer.take_if(|answer| answer.attempt != attempt) {
            abandoned.add(other, &call, record.stream);
        }
        if let Some(counted) = counted {
            // The headers may have found no room.
            answer.get_or_insert_with(|| Answer::new(attempt, &call, &record)).count(counted);
        }
        let last_read = answer.as_ref().and_then(|answer| answer.last_read);
        record.http_status = status;
        record.attempts = Some(attempts).filter(|_| !unseen);
        let mut closing = Closing::default();
        let mut stream = false;
        let answered = answer.is_some();
        if let Some(answer) = answer {
            (closing, stream) = answer.close(&call, ending, sent, &mut record);
        }
        if let Some(named) = call.named_provider() {
            // Whatever the answer looks like: the user knows.
            record.provider = Some(named.to_owned().into());
        }
        if let Some(usage) = record.usage.as_mut().filter(|_| injected) {
            // A decoder sees that counts were sent, not who asked for them.
            if usage.source == Some(UsageSource::Reported) {
                usage.source = Some(UsageSource::Injected);
            }
        }

        if call.by_reader {
            closing.complete |= reading.as_ref().is_some_and(reader::saw_all);
        }
        let outcome = outcome(ending, status, &closing, stream);
        record.outcome = Some(outcome);
        let estimated = |usage: &Usage| usage.source == Some(UsageSource::Estimated);
        if !answered
            && (outcome == Outcome::Failed || attempts == 0)
            && record.usage.as_ref().is_some_and(estimated)
        {
            // What a call would have used that nobody took is no use.
            (record.input_tokens, record.usage) = (None, None);
        }
        // A reader that stays after the end marker waits for nothing.
        let ended = match (outcome, stream && closing.complete, last_read) {
            (Outcome::Completed, true, Some(last)) => last.min(ended),
            _ => ended,
        };
        // A clock that ran backwards knows no time in between.
        record.total_latency_ms = ended.checked_sub(issued).map(millis);
        if let Some(sent) = sent {
            let latency = record.latency.get_or_insert_default();
            latency.queue_ms = Some(millis(sent.saturating_sub(issued)));
            if let Some(first) = marks.first_sent() {
                latency.limiter_ms = Some(millis(first.saturating_sub(issued)));
                latency.retry_ms = Some(millis(sent.saturating_sub(first)));
            }
            latency.headers_ms = headers.map(|headers| millis(headers.saturating_sub(sent)));
        }
        let mut told = record.error.take();
        if let Some(kind) =
            reading.as_ref().filter(|_| call.by_reader).and_then(|r| r.error.clone())
            && told.as_ref().is_none_or(|told| told.kind.is_empty())
        {
            told.get_or_insert_default().kind = kind;
        }
        record.error = (outcome == Outcome::Failed).then(|| failure(told, ending, status));
        let refused = status.is_none_or(|status| status >= 400);
        if refused && record.operation.as_deref() == Some(operation::FETCH_RESPONSE) {
            // The id that was asked for is none of an answer's where there was no answer.
            record.response_id = None;
        }
        if !unseen {
            abandoned.finish(issued, &marks, &mut record);
        }
        if let Some(reading) = reading {
            record.consumer = Some(Box::new(reader::consumer(reading, issued)));
        }
        if call.by_reader {
            reader::off_the_wire(&mut record);
        }
        if call.is_content_forbidden() {
            withhold(&mut record);
        }
        record
    }
}

/// Writes what the call knows of itself into what its request told.
fn identify(record: &mut Record, call: &CallShared) {
    let host = Some(call.host()).filter(|host| !host.is_empty());
    record.kind = Kind::Interaction;
    record.request_id = Some(call.request_id);
    record.timestamp = Some(call.at);
    record.operation.get_or_insert_with(|| call.route.operation.into());
    if record.api.is_none() {
        record.api = Some(call.route.api.into()).filter(|api: &Term| !api.is_empty());
    }
    if record.provider.is_none() {
        record.provider = match (call.named_provider(), call.route.provider) {
            (None, Some(provider)) => Some(provider.into()),
            (named, _) => named.or(host).map(|name| name.to_owned().into()),
        };
    }
    if record.server.is_none() {
        record.server = host.map(|host| Server { address: host.to_owned(), port: call.port });
    }
    if let Some(named) = call.named().map(str::to_owned) {
        match call.route.operation {
            operation::FETCH_RESPONSE => record.response_id = Some(named),
            operation::RETRIEVAL => {
                record.retrieval.get_or_insert_default().data_source = Some(named);
            }
            _ => record.deployment = Some(named),
        }
    }
    // What a request says of these stands before what its surroundings say.
    let (session_id, user_id) = (record.session_id.take(), record.user_id.take());
    let (tags, prompt) = (std::mem::take(&mut record.tags), record.prompt.take());
    describe(record, call.attributes.as_deref(), &call.span);
    record.session_id = session_id.or(record.session_id.take());
    record.user_id = user_id.or(record.user_id.take());
    record.tags.extend(tags);
    record.prompt = prompt.or(record.prompt.take());
    if let Some(attempt) = call.fallback_attempt {
        let span_id = call.group().map(|group| group.span_id);
        record.fallback = Some(FallbackAttempt { attempt, span_id });
    }
}
