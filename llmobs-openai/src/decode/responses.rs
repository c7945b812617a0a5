//! Answers of `/responses`: created, fetched, cancelled and compacted, streamed and not.

use llmobs_core::{Capture, Closing, Event, EventFacts, Fold, Headers, Reasoning, Record};
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::Answer;
use super::choice::Keep;
use super::error::ErrorFacts;
use super::estimate::{Kind, Meter, Slot};
use super::items::{Items, SentItem};
use super::json::{Maybe, Raw, count, has_members, has_text, object, some_text, text};
use super::kept::Name;
use super::logprobs::LogprobSums;
use super::repeat::Repeat;
use super::usage::{Place, UsageFold};

object! {
    /// An event of a stream.
    struct Sent<'a> {
        kind: Raw<'a> = "type",
        response: Maybe<Response<'a>> = "response",
        output_index: Raw<'a> = "output_index",
        summary_index: Raw<'a> = "summary_index",
        item: Maybe<SentItem<'a>> = "item",
        delta: Raw<'a> = "delta",
        logprobs: Raw<'a> = "logprobs",
        error: Raw<'a> = "error",
        code: Raw<'a> = "code",
        message: Raw<'a> = "message",
    }
}

object! {
    /// A response, as far as it is.
    struct Response<'a> {
        id: Raw<'a> = "id",
        model: Raw<'a> = "model",
        status: Raw<'a> = "status",
        service_tier: Raw<'a> = "service_tier",
        incomplete_details: Maybe<Incomplete<'a>> = "incomplete_details",
        output: Raw<'a> = "output",
        usage: Raw<'a> = "usage",
        error: Raw<'a> = "error",
        content_filters: Raw<'a> = "content_filters",
    }
}

object! {
    struct Incomplete<'a> {
        reason: Raw<'a> = "reason",
    }
}

/// Where a piece of text belongs.
#[derive(Debug)]
struct Piece {
    kind: String,
    output_index: Option<Box<RawValue>>,
    summary_index: Option<Box<RawValue>>,
}

impl<'a> Sent<'a> {
    /// The piece of text that is all the event tells, if it is one.
    fn piece(&self, kind: &str) -> Option<(Piece, &'a RawValue)> {
        let alone =
            kind.ends_with(".delta") && self.response.0.is_none() && !has_members(self.logprobs);
        let text = self.delta.filter(|_| alone && has_text(self.delta))?;
        let owned = |raw: Raw<'_>| raw.map(ToOwned::to_owned);
        let (output_index, summary_index) = (owned(self.output_index), owned(self.summary_index));
        Some((Piece { kind: kind.to_owned(), output_index, summary_index }, text))
    }
}

impl Piece {
    /// The event that tells another piece of the same.
    fn of<'a>(&'a self, text: Raw<'a>) -> Sent<'a> {
        Sent {
            delta: text,
            output_index: self.output_index.as_deref(),
            summary_index: self.summary_index.as_deref(),
            ..Sent::default()
        }
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct ResponsesFold {
    answer: Answer,
    keep: Keep,
    status: Name,
    incomplete: Name,
    items: Items,
    logprobs: LogprobSums,
    usage: UsageFold,
    /// The last event, if a piece of one item was all there was to it.
    last: Repeat<Piece>,
    refused: bool,
    output_events: u64,
    answered: bool,
    reasoning: Reasoning,
    /// The event that ends a stream was seen.
    ended: bool,
    done: bool,
    /// It came at once.
    whole: bool,
}

impl ResponsesFold {
    pub(super) fn new(capture: Capture, meter: Meter) -> Self {
        Self {
            answer: Answer::new(capture),
            keep: Keep::new(capture, meter),
            status: Name::default(),
            incomplete: Name::default(),
            items: Items::default(),
            logprobs: LogprobSums::default(),
            usage: UsageFold::default(),
            last: Repeat::default(),
            refused: false,
            output_events: 0,
            answered: false,
            reasoning: Reasoning::Hidden,
            ended: false,
            done: false,
            whole: false,
        }
    }

    fn response(&mut self, response: &Response<'_>) {
        self.answer.id.first(response.id);
        self.answer.model.last(response.model);
        self.answer.tier.last(response.service_tier);
        self.answer.filters.add(response.content_filters);
        self.status.last(response.status);
        if let Some(details) = &response.incomplete_details.0 {
            self.incomplete.last(details.reason);
        }
        if has_members(response.usage) {
            self.keep.meter.stop();
        }
        self.usage.take(response.usage, Place::Whole, &mut self.answer.headers.timing);
        self.answer.error(ErrorFacts::of_member(response.error, self.keep.capture));
        self.refused |= self.items.take_output(response.output, &mut self.keep);
    }

    /// Takes an event; tells whether it carries generated output.
    fn take(&mut self, json: &str, kind: &str, sent: &Sent<'_>) -> bool {
        if let Some(response) = &sent.response.0 {
            self.response(response);
        }
        match kind {
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => {
                self.ended = true;
                false
            }
            "response.output_item.added" | "response.output_item.done" => self.item(kind, sent),
            "error" => {
                self.error(json, sent);
                false
            }
            _ if kind.ends_with(".delta") => self.delta(kind, sent),
            _ => {
                if has_members(sent.error) || has_text(sent.error) {
                    self.error(json, sent);
                }
                false
            }
        }
    }

    fn item(&mut self, kind: &str, sent: &Sent<'_>) -> bool {
        let Some(item) = &sent.item.0 else { return false };
        if let Some(kept) = self.items.at(count(sent.output_index).unwrap_or(0)) {
            self.refused |= kept.take(item, &mut self.keep);
        }
        let output = kind.ends_with(".added") && item.is_output();
        self.answered |= output;
        output
    }

    fn delta(&mut self, kind: &str, sent: &Sent<'_>) -> bool {
        let output = has_text(sent.delta) || has_members(sent.delta);
        if !output {
            return false;
        }
        match kind {
            // A summary stands for more reasoning than is sent; so does what comes after output.
            "response.reasoning_summary_text.delta" => self.reasoning = Reasoning::Mixed,
            "response.reasoning_text.delta" if self.answered => self.reasoning = Reasoning::Mixed,
            "response.reasoning_text.delta" if self.reasoning == Reasoning::Hidden => {
                self.reasoning = Reasoning::Streamed;
            }
            "response.reasoning_text.delta" => {}
            "response.refusal.delta" => (self.refused, self.answered) = (true, true),
            _ => self.answered = true,
        }
        self.logprobs.tokens(sent.logprobs);
        self.keep_delta(kind, sent);
        true
    }

    /// Whether anybody wants the text of such a delta.
    fn reads(&self, kind: &str) -> bool {
        if is_arguments(kind) { self.keep.reads_arguments() } else { self.keep.reads_output() }
    }

    fn keep_delta(&mut self, kind: &str, sent: &Sent<'_>) {
        if kind.contains("audio") {
            self.keep.meter.lose();
        }
        if !self.reads(kind) {
            return;
        }
        let keep = &mut self.keep;
        let index = count(sent.output_index).unwrap_or(0);
        let (Some(delta), Some(item)) = (some_text(sent.delta), self.items.at(index)) else {
            return;
        };
        let slot = |kind| Slot::new(index, kind);
        match kind {
            "response.output_text.delta" => keep.output(&mut item.text, slot(Kind::Text), &delta),
            "response.refusal.delta" => keep.output(&mut item.refusal, slot(Kind::Refusal), &delta),
            "response.reasoning_text.delta" => {
                keep.output(&mut item.reasoning, slot(Kind::Reasoning), &delta);
            }
            // The reasoning that a summary stands for is not seen.
            "response.reasoning_summary_text.delta" if keep.capture.has_output() => {
                let part = count(sent.summary_index).unwrap_or(0);
                if let Some(summary) = item.summary(part) {
                    summary.push(&delta, &mut keep.budget);
                }
            }
            "response.reasoning_summary_text.delta" => {}
            _ if is_arguments(kind) => {
                keep.arguments(&mut item.arguments, slot(Kind::Arguments), &delta)
            }
            // What the provider's own tools are called with is generated too.
            _ => keep.meter.push(slot(Kind::Arguments), &delta),
        }
    }

    fn error(&mut self, json: &str, sent: &Sent<'_>) {
        let capture = self.keep.capture;
        let error = ErrorFacts::of_member(sent.error, capture)
            .or_else(|| ErrorFacts::of_object(json, true, capture))
            .map(ErrorFacts::without_event_type);
        self.answer.error(error);
    }
}

/// Whether a delta is of what a tool is called with.
fn is_arguments(kind: &str) -> bool {
    matches!(
        kind,
        "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta"
    )
}

impl Fold for ResponsesFold {
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        self.answer.head(status, headers);
    }

    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        let last = std::mem::take(&mut self.last);
        if let Some((piece, text)) = last.text(event.name, event.data) {
            let output = match self.reads(&piece.kind) {
                true => self.delta(&piece.kind, &piece.of(text.raw())),
                false => !text.is_empty(),
            };
            self.output_events += u64::from(output);
            self.last = last;
            return EventFacts { output, ..EventFacts::default() };
        }
        self.last = last;
        self.last.forget();
        let data = event.data.trim_ascii();
        if data.is_empty() || data == b"[DONE]" {
            self.done |= !data.is_empty();
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        let json = super::json::utf8(data);
        // Its data may have the error's own type where events have theirs, or be no object.
        if event.name == b"error" {
            self.answer.error(Some(ErrorFacts::of_event(&json, self.keep.capture)));
        }
        let Some(sent) = super::json::read::<Sent<'_>>(&json) else {
            return EventFacts { malformed: true, ..EventFacts::default() };
        };
        let kind = text(sent.kind).unwrap_or_else(|| super::json::utf8(event.name));
        let output = self.take(&json, &kind, &sent);
        self.output_events += u64::from(output);
        if let Some((piece, text)) = sent.piece(&kind) {
            self.last.remember(event.name, data, text, piece);
        }
        EventFacts { output, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        let json = super::json::utf8(body);
        if self.answer.failed_by_status(&json) {
            return true;
        }
        let Some(response) = super::json::read::<Response<'_>>(&json) else { return false };
        self.whole = true;
        self.response(&response);
        Items::add_logprobs(response.output, &mut self.logprobs);
        true
    }

    fn forget(&mut self) {
        self.answer.forget();
        self.keep.forget();
        self.items.forget();
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        let status = self.status.get();
        let failed = self.answer.has_failed() || status.as_deref() == Some("failed");
        let closing = Closing {
            failed,
            complete: self.ended || self.done,
            end_marker: Some(self.ended),
            choices: u32::from(self.output_events > 0),
            output_events_per_choice: self.output_events,
            reasoning: self.reasoning,
        };
        record.response_status = status;
        record.finish_reason = self.incomplete.get();
        record.finish_reasons = record.finish_reason.iter().cloned().map(Some).collect();
        self.usage.finish(1, record);
        self.logprobs.finish(record);
        self.answer.finish(self.refused, record);
        let (kinds, calls, parts) = self.items.finish(self.keep.capture);
        record.output_item_types = kinds;
        record.tool_calls = calls;
        let mut messages = Vec::new();
        if self.keep.capture.has_output() && !parts.is_empty() {
            let mut message = json!({"role": "assistant", "parts": parts});
            if let (Some(reason), Some(fields)) = (&record.finish_reason, message.as_object_mut()) {
                fields.insert("finish_reason".into(), reason.as_str().into());
            }
            messages.push(message);
        }
        super::answer::write_messages(messages, &self.keep.budget, record);
        let pending = matches!(record.response_status.as_deref(), Some("queued" | "in_progress"));
        self.keep.meter.finish(failed || (pending && self.whole), record);
        closing
    }
}
