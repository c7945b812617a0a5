//! Answers of `/chat/completions` and of the legacy `/completions`.

use serde_json::value::RawValue;

use llmobs_core::{Capture, Closing, Event, EventFacts, Fold, Headers, Reasoning, Record};

use super::answer::Answer;
use super::choice::{Choice, Keep, MAX_CHOICES, Piece, Said};
use super::error::ErrorFacts;
use super::estimate::Meter;
use super::json::{Few, Maybe, Raw, count, has_members, has_text, member, object};
use super::kept::Name;
use super::logprobs::LogprobSums;
use super::repeat::Repeat;
use super::timing::{TimeInfo, Timings};
use super::usage::{Place, UsageFold};

object! {
    /// A whole answer, or an event of one.
    struct Chunk<'a> {
        id: Raw<'a> = "id",
        model: Raw<'a> = "model",
        system_fingerprint: Raw<'a> = "system_fingerprint",
        service_tier: Raw<'a> = "service_tier",
        choices: Few<Maybe<ChoiceChunk<'a>>> = "choices",
        usage: Raw<'a> = "usage",
        x_groq: Raw<'a> = "x_groq",
        provider: Raw<'a> = "provider",
        timings: Maybe<Timings<'a>> = "timings",
        time_info: Maybe<TimeInfo<'a>> = "time_info",
        prompt_filter_results: Raw<'a> = "prompt_filter_results",
        prompt_annotations: Raw<'a> = "prompt_annotations",
        error: Raw<'a> = "error",
        object: Raw<'a> = "object",
    }
}

object! {
    struct ChoiceChunk<'a> {
        index: Raw<'a> = "index",
        delta: Maybe<Said<'a>> = "delta",
        message: Maybe<Said<'a>> = "message",
        text: Raw<'a> = "text",
        finish_reason: Raw<'a> = "finish_reason",
        logprobs: Raw<'a> = "logprobs",
        usage: Raw<'a> = "usage",
        content_filter_results: Raw<'a> = "content_filter_results",
        content_filter_result: Raw<'a> = "content_filter_result",
        error: Raw<'a> = "error",
    }
}

impl<'a> Chunk<'a> {
    /// The piece of one choice that the event told, if that is all it told: names and filters may
    /// stand there, since to hear them again says nothing new.
    fn piece(&self, legacy: bool) -> Option<(u32, Piece, &'a RawValue)> {
        let mut choices = self.choices.iter();
        let (choice, None) = (choices.next()?.0.as_ref()?, choices.next()) else { return None };
        let members =
            [self.usage, self.x_groq, self.error, choice.usage, choice.logprobs, choice.error];
        let more = members.iter().any(Option::is_some)
            || self.timings.0.is_some()
            || self.time_info.0.is_some()
            || choice.message.0.is_some()
            || has_text(choice.finish_reason)
            || super::json::text(self.object).is_some_and(|object| object == "error");
        if more {
            return None;
        }
        let index = count(choice.index).unwrap_or(0);
        let (piece, text) = match legacy {
            true => (Piece::Legacy, choice.text.filter(|_| has_text(choice.text))?),
            false => choice.delta.0.as_ref()?.piece()?,
        };
        Some((u32::try_from(index).ok()?, piece, text))
    }
}

object! {
    struct Groq<'a> {
        usage: Raw<'a> = "usage",
        error: Raw<'a> = "error",
    }
}

/// Reads one answer with choices.
#[derive(Debug)]
pub(super) struct ChatFold {
    answer: Answer,
    keep: Keep,
    /// Text stands beside the choice, not in a message.
    legacy: bool,
    requested: u64,
    fingerprint: Name,
    /// Who answered, as OpenRouter tells it.
    provider: Name,
    choices: Vec<Choice>,
    logprobs: LogprobSums,
    usage: UsageFold,
    /// The last event, if a piece of one choice was all there was to it.
    last: Repeat<(u32, Piece)>,
    stream: bool,
    done: bool,
}

impl ChatFold {
    pub(super) fn new(legacy: bool, record: &Record, capture: Capture, meter: Meter) -> Self {
        Self {
            answer: Answer::new(capture),
            keep: Keep::new(capture, meter),
            legacy,
            requested: record.params.as_ref().and_then(|params| params.n).unwrap_or(1),
            fingerprint: Name::default(),
            provider: Name::default(),
            choices: Vec::new(),
            logprobs: LogprobSums::default(),
            usage: UsageFold::default(),
            last: Repeat::default(),
            stream: false,
            done: false,
        }
    }

    /// Takes an event or a body; tells whether it carries generated output.
    fn chunk(&mut self, json: &str, chunk: &Chunk<'_>) -> bool {
        self.answer.id.first(chunk.id);
        self.answer.model.last(chunk.model);
        self.answer.tier.last(chunk.service_tier);
        self.fingerprint.last(chunk.system_fingerprint);
        if has_members(chunk.usage) {
            self.keep.meter.stop();
        }
        let (mut output, mut finished) = (false, false);
        for (position, choice) in chunk.choices.iter().enumerate() {
            if let Some(choice) = &choice.0 {
                output |= self.choice(position, choice);
                finished |= has_text(choice.finish_reason);
            }
        }
        let place = match (chunk.choices.is_empty() || !self.stream, finished) {
            (true, _) => Place::Whole,
            (false, true) => Place::Finish,
            (false, false) => Place::Running,
        };
        let timing = &mut self.answer.headers.timing;
        self.usage.take(chunk.usage, place, timing);
        self.provider.last(chunk.provider);
        if let Some(groq) = member::<Groq<'_>>(chunk.x_groq) {
            self.answer.headers.evidence.groq();
            self.usage.take(groq.usage, place, timing);
            self.answer.error(ErrorFacts::of_member(groq.error, self.keep.capture));
        }
        timing_of(self, chunk);
        self.answer.filters.add(chunk.prompt_filter_results);
        self.answer.filters.add(chunk.prompt_annotations);
        if has_members(chunk.error) || has_text(chunk.error) || has_text(chunk.object) {
            self.error(json, chunk);
        }
        output
    }

    fn choice(&mut self, position: usize, sent: &ChoiceChunk<'_>) -> bool {
        self.answer.filters.add(sent.content_filter_results);
        self.answer.filters.add(sent.content_filter_result);
        self.answer.error(ErrorFacts::of_member(sent.error, self.keep.capture));
        self.logprobs.take(sent.logprobs);
        self.usage.take(sent.usage, Place::Choice, &mut self.answer.headers.timing);
        let index = count(sent.index).unwrap_or(position as u64);
        let (legacy, stream) = (self.legacy, self.stream);
        let Some(choice) = find(&mut self.choices, index) else { return false };
        choice.finish(sent.finish_reason);
        if legacy {
            return choice.take_text(sent.text, &mut self.keep);
        }
        let said = match (stream, &sent.delta.0, &sent.message.0) {
            (true, Some(delta), _) => delta,
            // Some send a whole message as the one event of a stream; one beside or after deltas
            // repeats them.
            (true, None, Some(message)) if !choice.has_output() => message,
            (true, None, _) => return false,
            (false, delta, message) => match message.as_ref().or(delta.as_ref()) {
                Some(said) => said,
                None => return false,
            },
        };
        choice.take(said, &mut self.keep)
    }

    fn error(&mut self, json: &str, chunk: &Chunk<'_>) {
        let named = super::json::text(chunk.object).is_some_and(|object| object == "error");
        if named || chunk.error.is_some() {
            self.answer.error(ErrorFacts::of_object(json, false, self.keep.capture));
        }
    }

    /// Whether every choice that was asked for, or began, has ended.
    fn all_finished(&self) -> bool {
        let expected = self.requested.max(1).max(self.choices.len() as u64);
        self.choices.iter().filter(|choice| choice.is_finished()).count() as u64 >= expected
    }
}

impl Fold for ChatFold {
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        self.answer.head(status, headers);
    }

    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        if let Some(((index, piece), text)) = self.last.text(event.name, event.data)
            && let Some(choice) = find(&mut self.choices, u64::from(*index))
        {
            let output = choice.take_piece(piece, text, &mut self.keep);
            return EventFacts { output, ..EventFacts::default() };
        }
        self.last.forget();
        self.stream = true;
        let data = event.data.trim_ascii();
        if data == b"[DONE]" {
            self.done = true;
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        // An event without data says nothing and is not counted.
        if data.is_empty() {
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        let json = super::json::utf8(data);
        if event.name == b"error" {
            self.answer.error(Some(ErrorFacts::of_event(&json, self.keep.capture)));
        }
        let Some(chunk) = super::json::read::<Chunk<'_>>(&json) else {
            return EventFacts { malformed: true, ..EventFacts::default() };
        };
        let output = self.chunk(&json, &chunk);
        if let Some((index, piece, text)) = chunk.piece(self.legacy) {
            self.last.remember(event.name, data, text, (index, piece));
        }
        EventFacts { output, ..EventFacts::default() }
    }

    fn body(&mut self, body: &[u8]) -> bool {
        let json = super::json::utf8(body);
        if self.answer.failed_by_status(&json) {
            return true;
        }
        let Some(chunk) = super::json::read::<Chunk<'_>>(&json) else { return false };
        self.chunk(&json, &chunk);
        true
    }

    fn forget(&mut self) {
        self.answer.forget();
        self.keep.forget();
        self.choices.iter_mut().for_each(Choice::forget);
    }

    fn finish(mut self: Box<Self>, record: &mut Record) -> Closing {
        let failed = self.answer.has_failed();
        let finished = self.all_finished();
        self.choices.sort_by_key(|choice| choice.index);
        let spoke = self.choices.iter().filter(|choice| choice.has_output());
        let reasoning = self.choices.iter().map(Choice::reasoning).fold(Reasoning::Hidden, most);
        let closing = Closing {
            failed,
            complete: self.done || finished,
            end_marker: Some(self.done),
            choices: spoke.count() as u32,
            output_events_per_choice: self
                .choices
                .iter()
                .map(|choice| choice.output_events)
                .max()
                .unwrap_or(0),
            reasoning,
        };
        let refused = self.choices.iter().any(|choice| choice.refused);
        record.system_fingerprint = self.fingerprint.get();
        if let Some(provider) = self.provider.get() {
            self.answer.headers.evidence.served_by(&provider);
        }
        self.usage.finish(self.choices.len(), record);
        self.logprobs.finish(record);
        self.answer.finish(refused, record);
        write_choices(self.choices, &self.keep, record);
        self.keep.meter.finish(failed, record);
        closing
    }
}

fn write_choices(choices: Vec<Choice>, keep: &Keep, record: &mut Record) {
    let mut messages = Vec::new();
    for choice in choices {
        let index = choice.index as usize;
        record.finish_reasons.resize(index.max(record.finish_reasons.len()), None);
        record.finish_reasons.push(choice.finish_reason.clone());
        let (message, calls) = choice.into_message(keep.capture);
        messages.extend(message);
        record.tool_calls.extend(calls);
    }
    record.finish_reason = record.finish_reasons.first().cloned().flatten();
    super::answer::write_messages(messages, &keep.budget, record);
}

fn find(choices: &mut Vec<Choice>, index: u64) -> Option<&mut Choice> {
    let index = u32::try_from(index).ok().filter(|index| (*index as usize) < MAX_CHOICES)?;
    let at = match choices.iter().position(|choice| choice.index == index) {
        Some(at) => at,
        None => {
            // Most answers have one, and room for more would be held as long as the stream is open.
            if choices.is_empty() {
                choices.reserve_exact(1);
            }
            choices.push(Choice::new(index));
            choices.len() - 1
        }
    };
    choices.get_mut(at)
}

fn timing_of(fold: &mut ChatFold, chunk: &Chunk<'_>) {
    let timing = &mut fold.answer.headers.timing;
    timing.timings(&chunk.timings);
    timing.time_info(&chunk.time_info);
}

fn most(a: Reasoning, b: Reasoning) -> Reasoning {
    match (a, b) {
        (Reasoning::Mixed, _) | (_, Reasoning::Mixed) => Reasoning::Mixed,
        (Reasoning::Streamed, _) | (_, Reasoning::Streamed) => Reasoning::Streamed,
        _ => Reasoning::Hidden,
    }
}
