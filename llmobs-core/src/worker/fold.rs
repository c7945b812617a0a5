//! One call being understood, piece by piece, while it runs.

use std::sync::Arc;

use super::answer::Answer;
use super::attempts::{Abandoned, Marks};
use super::describe;
use super::outcome::{failure, outcome};
use super::reader;
use crate::call::{CallShared, CallState, Ending, Frame, Reader, frames};
use crate::contain::{contained, discard};
use crate::decoder::{Closing, Headers};
use crate::queue::lock;
use crate::record::{
    CutField, FallbackAttempt, Kind, Outcome, Record, Retrieval, Server, Term, Usage, UsageSource,
    millis,
};
use crate::redact::withhold;
use crate::semconv::operation;
use crate::span::OpenSpan;

/// What the worker knows of a call.
pub(crate) struct CallFold {
    call: Arc<CallShared>,
    record: Record,
    answer: Option<Answer>,
    abandoned: Abandoned,
    /// A decoder panicked: the call's facts cannot be trusted.
    panicked: bool,
}

impl CallFold {
    pub(crate) fn new(call: Arc<CallShared>) -> Self {
        let host = Some(call.host()).filter(|host| !host.is_empty());
        let mut record = Record {
            kind: Kind::Interaction,
            request_id: Some(call.request_id),
            timestamp: Some(call.at),
            operation: Some(call.route.operation.into()),
            api: Some(call.route.api.into()).filter(|api: &Term| !api.is_empty()),
            provider: match (call.named_provider(), call.route.provider) {
                (None, Some(provider)) => Some(provider.into()),
                (named, _) => named.or(host).map(|name| name.to_owned().into()),
            },
            server: host.map(|host| Server { address: host.to_owned(), port: call.port }),
            ..Record::default()
        };
        let named = call.named().map(str::to_owned);
        match call.route.operation {
            operation::FETCH_RESPONSE => record.response_id = named,
            operation::RETRIEVAL => {
                let retrieval = |data_source| Retrieval { data_source, ..Retrieval::default() };
                record.retrieval = named.map(|named| Box::new(retrieval(Some(named))));
            }
            _ => record.deployment = named,
        }
        describe(&mut record, call.scope.as_ref(), &call.span);
        if let Some(attempt) = call.fallback_attempt {
            let span_id = call.group().map(|group| group.span_id);
            record.fallback = Some(FallbackAttempt { attempt, span_id });
        }
        record.wire.get_or_insert_default();
        let abandoned = Abandoned::default();
        let mut fold = Self { call, record, answer: None, abandoned, panicked: false };
        fold.request();
        fold
    }

    /// Reads the request, once it has been told.
    fn request(&mut self) {
        let Self { call, record, panicked, .. } = self;
        let (sent, len, counted) = call.take_request();
        if let Some(len) = len {
            record.wire.get_or_insert_default().request_bytes = Some(len);
        }
        if let Some(sent) = sent {
            let read = || {
                let body = sent.bytes();
                call.decoder.request(&call.route, &body, call.capture(), record);
                crate::prompt::link(call, &body, record);
            };
            *panicked = *panicked || contained(read).is_none();
            sent.release(&call.recorder);
        } else if let Some(bytes) = len.filter(|len| *len > 0 && !counted) {
            let missing = CutField { bytes, missing: bytes, sha256: None };
            record.cut.get_or_insert_default().request_body = Some(missing);
        }
    }

    /// Takes what the call's tap keeps back.
    pub(crate) fn take_held(&self) -> Option<(u32, Vec<u8>)> {
        lock(&self.call.held).take()
    }

    /// Has the call's tap send what nothing has joined since the last look.
    pub(crate) fn send_quiet(&self) {
        lock(&self.call.held).send_quiet(&self.call);
    }

    /// Drops the content kept so far, and keeps no more.
    pub(crate) fn forget(&mut self) {
        self.call.forbid_content();
        withhold(&mut self.record);
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
        self.guarded(attempt, |answer, call, record| {
            answer.data(at, bytes, call, record);
        });
    }

    fn head(&mut self, attempt: u32, at: u64, status: u16, headers: &Headers<'_>) {
        self.guarded(attempt, |answer, call, _| answer.head(at, status, headers, call));
    }

    fn gap(&mut self, attempt: u32, missing: u64) {
        self.guarded(attempt, |answer, call, _| answer.gap(missing, call));
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
        let Self { call, record, answer, abandoned, .. } = self;
        let run = || {
            if answer.as_ref().is_some_and(|answer| answer.attempt > attempt) {
                return;
            }
            if let Some(before) = answer.take_if(|answer| answer.attempt != attempt) {
                abandoned.add(before, call, record);
            }
            let answer = answer.get_or_insert_with(|| Answer::new(attempt, call, record));
            step(answer, call, record);
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
        let mut record = std::mem::take(&mut self.record);
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
            abandoned.add(other, &call, &record);
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
