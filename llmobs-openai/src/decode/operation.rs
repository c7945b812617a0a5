//! Answers of all that is neither chat, completion, embedding nor response: images, speech,
//! transcripts, moderations, and whatever else is posted.

use llmobs_core::semconv::{api, operation};
use llmobs_core::{
    Capture, Closing, Event, EventFacts, Fold, Headers, Params, Reasoning, Record, Route,
};
use serde_json::{Value, json};

use super::answer::Answer;
use super::error::ErrorFacts;
use super::json::{Few, Maybe, Raw, count, flag, has_members, has_text, number, object, text};
use super::kept::{Budget, Text, identifier};
use super::messages;
use super::usage::{Place, UsageFold};

object! {
    /// What only these requests have.
    struct Asked<'a> {
        stream_format: Raw<'a> = "stream_format",
        response_format: Raw<'a> = "response_format",
        query: Raw<'a> = "query",
        max_num_results: Raw<'a> = "max_num_results",
    }
}

object! {
    /// A whole answer, or an event of one.
    struct Sent<'a> {
        kind: Raw<'a> = "type",
        object: Raw<'a> = "object",
        id: Raw<'a> = "id",
        model: Raw<'a> = "model",
        usage: Raw<'a> = "usage",
        error: Raw<'a> = "error",
        data: Few<Maybe<Image<'a>>> = "data",
        output_format: Raw<'a> = "output_format",
        results: Few<Maybe<Judged<'a>>> = "results",
        text: Raw<'a> = "text",
        duration: Raw<'a> = "duration",
        delta: Raw<'a> = "delta",
        audio: Raw<'a> = "audio",
        b64_json: Raw<'a> = "b64_json",
    }
}

object! {
    struct Image<'a> {
        b64_json: Raw<'a> = "b64_json",
        url: Raw<'a> = "url",
    }
}

object! {
    struct Judged<'a> {
        flagged: Raw<'a> = "flagged",
    }
}

/// What else is posted may be anything: no word of it is known to be a prompt.
pub(super) fn is_anything(route: &Route) -> bool {
    matches!(route.operation, operation::API_CALL | operation::RETRIEVAL)
}

/// Fills in what the request says.
pub(super) fn request(route: &Route, body: &[u8], capture: Capture, record: &mut Record) {
    super::request::read(body, if is_anything(route) { Capture::NONE } else { capture }, record);
    let json = super::json::utf8(body);
    let Some(asked) = super::json::read::<Asked<'_>>(&json) else { return };
    if text(asked.stream_format).is_some_and(|format| format == "sse") {
        record.stream = Some(true);
    }
    if route.operation == operation::RETRIEVAL {
        asked.search(capture, record);
    }
    if let Some(format) = text(asked.response_format).and_then(|format| identifier(&format)) {
        let params = record.params.get_or_insert_with(|| Box::new(Params::default()));
        params.response_format = Some(format);
    }
}

impl Asked<'_> {
    /// What a store is searched for: a text, or several.
    fn search(&self, capture: Capture, record: &mut Record) {
        if let Some(most) = count(self.max_num_results) {
            record.retrieval.get_or_insert_default().top_k = Some(most);
        }
        if !capture.has_input() {
            return;
        }
        let many: Few<Raw<'_>> = super::json::list(self.query);
        let texts = std::iter::once(self.query).chain(many.iter().copied());
        let texts: Vec<_> = texts.filter_map(text).collect();
        if !texts.is_empty() {
            let query = Value::String(texts.join("\n"));
            record.content.get_or_insert_default().query = Some(query);
        }
    }
}

/// What an event is, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// A piece of output.
    Piece,
    /// The last of it, whole; nothing comes after it.
    Whole,
    /// The end, when all output has come before.
    Done,
    Error,
    Other,
}

fn meaning(kind: &str) -> Meaning {
    match kind {
        "speech.audio.delta" | "transcript.text.delta" | "transcript.text.segment" => {
            Meaning::Piece
        }
        "speech.audio.done" | "transcript.text.done" => Meaning::Done,
        "image_generation.partial_image" | "image_edit.partial_image" => Meaning::Piece,
        "image_generation.completed" | "image_edit.completed" => Meaning::Whole,
        "error" => Meaning::Error,
        _ => Meaning::Other,
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(super) struct OperationFold {
    answer: Answer,
    capture: Capture,
    api: &'static str,
    /// The answer tells of a thing at the provider's, which may have a state and errors of its own.
    anything: bool,
    json: bool,
    usage: UsageFold,
    transcript: Text,
    budget: Budget,
    images: Vec<Value>,
    seconds: Option<f64>,
    judged: bool,
    flagged: bool,
    streamed: bool,
    output_events: u64,
    ended: bool,
}

impl OperationFold {
    pub(super) fn new(route: &Route, capture: Capture) -> Self {
        Self {
            answer: Answer::new(capture),
            capture,
            api: route.api,
            anything: is_anything(route),
            json: true,
            usage: UsageFold::default(),
            transcript: Text::default(),
            budget: Budget::default(),
            images: Vec::new(),
            seconds: None,
            judged: false,
            flagged: false,
            streamed: false,
            output_events: 0,
            ended: false,
        }
    }

    fn is_transcript(&self) -> bool {
        matches!(self.api, api::AUDIO_TRANSCRIPTIONS | api::AUDIO_TRANSLATIONS)
    }

    fn common(&mut self, sent: &Sent<'_>) {
        self.answer.id.first(sent.id);
        if !self.anything {
            self.answer.model.last(sent.model);
        }
        self.usage.take(sent.usage, Place::Whole, &mut self.answer.headers.timing);
    }

    fn error(&mut self, json: &str, sent: &Sent<'_>) {
        if !has_members(sent.error) && !has_text(sent.error) {
            return;
        }
        // A job that failed is no failure of the request that told of it.
        let of_a_thing = self.anything && (sent.id.is_some() || sent.object.is_some());
        if !of_a_thing {
            self.answer.error(ErrorFacts::of_object(json, true, self.capture));
        }
    }

    fn take_transcript(&mut self, whole: bool, said: Raw<'_>) {
        if !self.is_transcript() || !self.capture.has_output() || !has_text(said) {
            return;
        }
        let Some(said) = text(said) else { return };
        match whole {
            true => self.transcript.replace(&said, &mut self.budget),
            false => self.transcript.push(&said, &mut self.budget),
        }
    }

    /// Notes that there was an image, of which type and size; never the image.
    fn take_image(&mut self, data: Raw<'_>, url: Raw<'_>, format: Raw<'_>) {
        if !self.capture.has_output() || self.images.len() >= super::choice::MAX_CHOICES {
            return;
        }
        if has_text(data) {
            let mime = text(format).and_then(|format| identifier(&format));
            let mime = mime.map(|format| format!("image/{format}"));
            let payload = text(data).unwrap_or_default();
            self.images.push(messages::blob("image", mime.as_deref(), &payload));
        } else if has_text(url) {
            // Whoever holds the address holds the image.
            self.images.push(json!({"type": "uri", "modality": "image"}));
        }
    }

    fn take_event(&mut self, json: &str, name: &[u8], sent: &Sent<'_>) -> EventFacts {
        self.common(sent);
        let kind = text(sent.kind).filter(|kind| !kind.is_empty());
        let kind = kind.unwrap_or_else(|| String::from_utf8_lossy(name));
        let meaning = meaning(&kind);
        let payload = [sent.delta, sent.audio, sent.b64_json, sent.text];
        let carries = payload.into_iter().any(has_text);
        match meaning {
            Meaning::Error => {
                let error = ErrorFacts::of_object(json, true, self.capture);
                self.answer.error(error.map(ErrorFacts::without_event_type));
            }
            Meaning::Done => self.take_transcript(true, sent.text),
            Meaning::Whole => self.take_image(sent.b64_json, None, sent.output_format),
            // A segment repeats what the deltas said, and the end says all of it.
            Meaning::Piece => self.take_transcript(false, sent.delta),
            Meaning::Other => {}
        }
        if meaning != Meaning::Error {
            self.error(json, sent);
        }
        self.note(meaning, carries)
    }

    fn note(&mut self, meaning: Meaning, carries: bool) -> EventFacts {
        self.ended |= matches!(meaning, Meaning::Done | Meaning::Whole);
        let output = carries && matches!(meaning, Meaning::Piece | Meaning::Whole);
        self.output_events += u64::from(output);
        EventFacts { output, ..EventFacts::default() }
    }
}

impl Fold for OperationFold {
    fn headers(&mut self, status: u16, headers: &Headers<'_>) {
        self.json = headers.get("content-type").is_none_or(|kind| kind.contains("json"));
        self.answer.head(status, headers);
    }

    fn event(&mut self, event: &Event<'_>) -> EventFacts {
        self.streamed = true;
        let data = event.data.trim_ascii();
        if data == b"[DONE]" || data.is_empty() {
            self.ended |= !data.is_empty();
            return EventFacts { marker: true, ..EventFacts::default() };
        }
        let json = super::json::utf8(data);
        match super::json::read::<Sent<'_>>(&json) {
            Some(sent) => self.take_event(&json, event.name, &sent),
            None => EventFacts { malformed: true, ..EventFacts::default() },
        }
    }

    fn skipped(&mut self, event: &Event<'_>) -> EventFacts {
        self.streamed = true;
        // What is that large is an image, or sound, as one text that the rest comes after. Its end,
        // after that of the text, is all of the event that says anything.
        let json = format!("{{\"\":\"{}", super::json::utf8(event.data));
        if let Some(sent) = super::json::read::<Sent<'_>>(&json) {
            self.common(&sent);
        }
        self.note(meaning(&String::from_utf8_lossy(event.name)), true)
    }

    fn body(&mut self, body: &[u8]) -> bool {
        let json = super::json::utf8(body);
        if self.answer.failed_by_status(&json) {
            return true;
        }
        let Some(sent) = super::json::read::<Sent<'_>>(&json) else {
            // Transcripts come as plain text and as subtitles, too.
            if !self.json && self.is_transcript() && self.capture.has_output() {
                self.transcript.push(json.trim(), &mut self.budget);
            }
            return !self.json;
        };
        self.common(&sent);
        self.error(&json, &sent);
        if self.api == api::IMAGES {
            for image in sent.data.iter().filter_map(|image| image.0.as_ref()) {
                self.take_image(image.b64_json, image.url, sent.output_format);
            }
        }
        if self.api == api::MODERATIONS {
            self.judged = !sent.results.is_empty();
            let flags = sent.results.iter().filter_map(|result| flag(result.0.as_ref()?.flagged));
            self.flagged = flags.fold(false, |any, flagged| any | flagged);
        }
        if self.is_transcript() {
            self.take_transcript(true, sent.text);
            // A number, or one in quotes.
            let quoted = text(sent.duration).and_then(|seconds| seconds.parse().ok());
            self.seconds = number(sent.duration).or(quoted).filter(|seconds| *seconds >= 0.0);
        }
        true
    }

    fn forget(&mut self) {
        self.answer.forget();
        self.capture = Capture::NONE;
        self.images.clear();
        (self.transcript, self.budget) = (Text::default(), Budget::default());
    }

    fn finish(self: Box<Self>, record: &mut Record) -> Closing {
        let failed = self.answer.has_failed();
        if self.streamed && record.stream.is_none() {
            // The question was in a form that nobody read.
            record.stream = Some(true);
        }
        self.usage.finish(1, record);
        if let Some(seconds) = self.seconds {
            let usage = record.usage.get_or_insert_default();
            usage.audio_seconds = usage.audio_seconds.or(Some(seconds));
            usage.source = usage.source.or(Some(llmobs_core::UsageSource::Reported));
        }
        self.answer.finish(false, record);
        if self.judged {
            let safety = record.safety.get_or_insert_default();
            safety.present = true;
            safety.detected |= self.flagged;
        }
        let mut parts = self.images;
        if !self.transcript.is_empty() {
            parts.push(self.transcript.into_part("text", "content"));
        }
        let messages = match parts.is_empty() {
            true => Vec::new(),
            false => vec![json!({"role": "assistant", "parts": parts})],
        };
        super::answer::write_messages(messages, &self.budget, record);
        // An image is not made token by token: its events have no pace that means anything.
        let image = self.api == api::IMAGES;
        Closing {
            failed,
            complete: self.ended,
            end_marker: self.streamed.then_some(self.ended),
            choices: u32::from(self.output_events > 0),
            output_events_per_choice: if image { 0 } else { self.output_events },
            reasoning: if image { Reasoning::Mixed } else { Reasoning::Hidden },
        }
    }
}
