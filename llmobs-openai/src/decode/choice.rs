//! One choice of an answer, as far as it has come.

use std::borrow::Cow;

use llmobs_core::semconv::error_type;
use llmobs_core::{Capture, Reasoning, ToolCall};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::estimate::{Kind, Meter, Slot};
use super::json::{
    Few, Maybe, Raw, each, has_members, has_text, member, object, some_text, string, text,
};
use super::kept::{Budget, Text, identifier};
use super::repeat::Literal;
use super::tools::{Fragment, Function, Tools};

object! {
    /// What a choice says: a `delta`, or a whole `message`.
    pub(super) struct Said<'a> {
        content: Raw<'a> = "content",
        reasoning_content: Raw<'a> = "reasoning_content",
        reasoning: Raw<'a> = "reasoning",
        reasoning_details: Few<Maybe<Detail<'a>>> = "reasoning_details",
        refusal: Raw<'a> = "refusal",
        tool_calls: Few<Maybe<Fragment<'a>>> = "tool_calls",
        function_call: Maybe<Function<'a>> = "function_call",
        audio: Maybe<Audio<'a>> = "audio",
        images: Raw<'a> = "images",
    }
}

object! {
    pub(super) struct Audio<'a> {
        data: Raw<'a> = "data",
        transcript: Raw<'a> = "transcript",
    }
}

object! {
    struct Part<'a> {
        text: Raw<'a> = "text",
        thinking: Raw<'a> = "thinking",
        refusal: Raw<'a> = "refusal",
    }
}

object! {
    pub(super) struct Detail<'a> {
        text: Raw<'a> = "text",
        summary: Raw<'a> = "summary",
    }
}

/// Which text of a choice an event is a piece of.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Content,
    ReasoningContent,
    Reasoning,
    Refusal,
    /// Of the tool call with this index.
    Arguments(Box<RawValue>),
    /// The legacy completions' text.
    Legacy,
}

impl<'a> Said<'a> {
    /// The piece of text that is all there is; a text beside it may only be empty.
    pub(super) fn piece(&self) -> Option<(Piece, &'a RawValue)> {
        let texts = [
            (self.content, Piece::Content),
            (self.reasoning_content, Piece::ReasoningContent),
            (self.reasoning, Piece::Reasoning),
            (self.refusal, Piece::Refusal),
        ];
        let others = self.reasoning_details.is_empty()
            && self.function_call.0.is_none()
            && self.audio.0.is_none()
            && self.images.is_none();
        let parts = texts.iter().any(|(raw, _)| raw.is_some() && string(*raw).is_none());
        if !others || parts {
            return None;
        }
        let mut said = texts.into_iter().filter(|(raw, _)| has_text(*raw));
        let (text, None) = (said.next(), said.next()) else { return None };
        match (text, self.tool_calls.is_empty()) {
            (Some((text, piece)), true) => Some((piece, text?)),
            (None, false) => {
                let mut fragments = self.tool_calls.iter();
                let (fragment, None) = (fragments.next()?.0.as_ref()?, fragments.next()) else {
                    return None;
                };
                let (index, arguments) = fragment.more()?;
                Some((Piece::Arguments(index.to_owned()), arguments))
            }
            _ => None,
        }
    }
}

/// Choices of one answer that are kept apart.
pub(super) const MAX_CHOICES: usize = 256;
/// Images of one choice that are told of.
const MAX_IMAGES: usize = 256;

/// What every choice needs to know.
#[derive(Debug)]
pub(super) struct Keep {
    pub(super) capture: Capture,
    pub(super) budget: Budget,
    /// Counts what was generated, kept or not.
    pub(super) meter: Meter,
}

impl Keep {
    pub(super) fn new(capture: Capture, meter: Meter) -> Self {
        Self { capture, budget: Budget::default(), meter }
    }

    /// Keeps no content from now on.
    pub(super) fn forget(&mut self) {
        self.capture = Capture::NONE;
        self.budget = Budget::default();
    }

    /// Whether text that was generated is wanted.
    pub(super) fn reads_output(&self) -> bool {
        self.capture.has_output() || self.meter.is_on()
    }

    /// Takes a piece of text that was generated.
    pub(super) fn output(&mut self, text: &mut Text, slot: Slot, piece: &str) {
        self.meter.push(slot, piece);
        if self.capture.has_output() {
            text.push(piece, &mut self.budget);
        }
    }

    /// Whether what tools are called with is wanted.
    pub(super) fn reads_arguments(&self) -> bool {
        self.capture.has_tools() || self.meter.is_on()
    }

    /// Takes a piece of what a tool is called with.
    pub(super) fn arguments(&mut self, text: &mut Text, slot: Slot, piece: &str) {
        self.meter.push(slot, piece);
        if self.capture.has_tools() {
            text.push(piece, &mut self.budget);
        }
    }
}

#[derive(Debug)]
pub(super) struct Choice {
    pub(super) index: u32,
    pub(super) finish_reason: Option<String>,
    pub(super) output_events: u64,
    pub(super) refused: bool,
    text: Text,
    reasoning: Text,
    refusal: Text,
    transcript: Text,
    /// Images, as parts of the message.
    images: Vec<Value>,
    tools: Tools,
    /// Reasoning was seen.
    reasoned: bool,
    /// Only a summary of it was, or some came after other output.
    reasoned_partly: bool,
    /// Output other than reasoning was seen.
    answered: bool,
}

impl Choice {
    pub(super) fn new(index: u32) -> Self {
        Self {
            index,
            finish_reason: None,
            output_events: 0,
            refused: false,
            text: Text::default(),
            reasoning: Text::default(),
            refusal: Text::default(),
            transcript: Text::default(),
            images: Vec::new(),
            tools: Tools::default(),
            reasoned: false,
            reasoned_partly: false,
            answered: false,
        }
    }

    /// Drops the content kept so far.
    pub(super) fn forget(&mut self) {
        let texts = [&mut self.text, &mut self.reasoning, &mut self.refusal, &mut self.transcript];
        texts.into_iter().for_each(|text| *text = Text::default());
        self.images.clear();
        self.tools.forget();
    }

    /// Keeps the last finish reason sent. One that is no word is a sentence somebody said, and not
    /// kept as such.
    pub(super) fn finish(&mut self, raw: Raw<'_>) {
        if self.finish_reason.is_some() && !has_text(raw) {
            return;
        }
        self.finish_reason = match text(raw) {
            Some(reason) if reason.is_empty() => Some(String::new()),
            Some(reason) => {
                Some(identifier(&reason).unwrap_or_else(|| error_type::OTHER.to_owned()))
            }
            None => return,
        };
    }

    /// Whether a finish reason was sent; some servers send an empty one with every event.
    pub(super) fn is_finished(&self) -> bool {
        self.finish_reason.as_ref().is_some_and(|reason| !reason.is_empty())
    }

    /// Whether it has had output.
    pub(super) fn has_output(&self) -> bool {
        self.output_events > 0
    }

    /// Takes what was said; tells whether it carries generated output.
    pub(super) fn take(&mut self, said: &Said<'_>, keep: &mut Keep) -> bool {
        let mut thought = self.take_reasoning(said, keep);
        let (thought_within, mut answered) = self.take_content(said.content, keep);
        thought |= thought_within;
        answered |= self.take_refusal(said.refusal, keep);
        answered |= self.tools.take(&said.tool_calls, self.index, keep);
        answered |= self.tools.take_function(&said.function_call, self.index, keep);
        answered |= self.take_audio(&said.audio, keep);
        if has_members(said.images) {
            keep.meter.lose();
            if keep.capture.has_output() {
                each(said.images, |image: Raw<'_>| {
                    let image = image.and_then(|image| serde_json::from_str(image.get()).ok());
                    if let Some(image) = image.filter(|_| self.images.len() < MAX_IMAGES) {
                        self.images.push(super::messages::content_part(image));
                    }
                });
            }
            answered = true;
        }
        self.count(thought || answered, answered)
    }

    /// Takes another piece of what the event before was a piece of.
    pub(super) fn take_piece(
        &mut self,
        piece: &Piece,
        literal: Literal<'_>,
        keep: &mut Keep,
    ) -> bool {
        let read = match piece {
            Piece::Arguments(_) => keep.reads_arguments(),
            _ => keep.reads_output(),
        };
        if !read {
            let output = !literal.is_empty();
            let answered = !matches!(piece, Piece::Reasoning | Piece::ReasoningContent);
            return self.count(output, output && answered);
        }
        let (text, nothing) = (literal.raw(), Said::default());
        let said = match piece {
            Piece::Content => Said { content: text, ..nothing },
            Piece::ReasoningContent => Said { reasoning_content: text, ..nothing },
            Piece::Reasoning => Said { reasoning: text, ..nothing },
            Piece::Refusal => Said { refusal: text, ..nothing },
            Piece::Arguments(index) => {
                let fragment = Fragment::of_arguments(index, text);
                Said { tool_calls: Few::one(Maybe(Some(fragment))), ..nothing }
            }
            Piece::Legacy => return self.take_text(text, keep),
        };
        self.take(&said, keep)
    }

    /// Takes the legacy completions' text.
    pub(super) fn take_text(&mut self, raw: Raw<'_>, keep: &mut Keep) -> bool {
        let (_, answered) = self.take_content(raw, keep);
        self.count(answered, answered)
    }

    fn count(&mut self, output: bool, answered: bool) -> bool {
        self.answered |= answered;
        self.output_events += u64::from(output);
        output
    }

    /// Takes a text, or parts; tells whether there was thinking in it, and whether an answer.
    fn take_content(&mut self, raw: Raw<'_>, keep: &mut Keep) -> (bool, bool) {
        if !raw.is_some_and(|raw| raw.get().starts_with('[')) {
            if keep.reads_output()
                && let Some(text) = some_text(raw)
            {
                let slot = Slot::new(self.index.into(), Kind::Text);
                keep.output(&mut self.text, slot, &text);
            }
            return (false, has_text(raw));
        }
        let (mut thought, mut answered) = (false, false);
        each(raw, |part: Raw<'_>| {
            let Some(sent) = member::<Part<'_>>(part) else {
                if has_text(part) {
                    answered |= self.take_content(part, keep).1;
                }
                return;
            };
            thought |= self.take_thinking(sent.thinking, keep);
            if has_text(sent.text) {
                answered |= self.take_content(sent.text, keep).1;
            }
            answered |= self.take_refusal(sent.refusal, keep);
        });
        (thought, answered)
    }

    /// Takes a thinking part, whose text is a string or a list of parts.
    fn take_thinking(&mut self, raw: Raw<'_>, keep: &mut Keep) -> bool {
        let mut output = self.think(some_text(raw), keep);
        each(raw, |Maybe(part): Maybe<Part<'_>>| {
            output |= part.is_some_and(|part| self.think(some_text(part.text), keep));
        });
        output
    }

    /// Takes reasoning from the first of its places that has any; the others repeat it.
    fn take_reasoning(&mut self, said: &Said<'_>, keep: &mut Keep) -> bool {
        let details = || said.reasoning_details.iter().filter_map(|detail| detail.0.as_ref());
        // A summary stands for more reasoning than was sent.
        self.reasoned_partly |= details().any(|detail| has_text(detail.summary));
        for place in [said.reasoning_content, said.reasoning] {
            if has_text(place) {
                return self.think(some_text(place), keep);
            }
        }
        let mut output = false;
        for detail in details() {
            output |=
                self.think(some_text(detail.text).or_else(|| some_text(detail.summary)), keep);
        }
        output
    }

    fn think(&mut self, text: Option<Cow<'_, str>>, keep: &mut Keep) -> bool {
        let Some(text) = text else { return false };
        self.reasoned = true;
        self.reasoned_partly |= self.answered;
        let slot = Slot::new(self.index.into(), Kind::Reasoning);
        keep.output(&mut self.reasoning, slot, &text);
        true
    }

    fn take_refusal(&mut self, raw: Raw<'_>, keep: &mut Keep) -> bool {
        let refused = has_text(raw);
        self.refused |= refused;
        if refused
            && keep.reads_output()
            && let Some(text) = text(raw)
        {
            let slot = Slot::new(self.index.into(), Kind::Refusal);
            keep.output(&mut self.refusal, slot, &text);
        }
        refused
    }

    fn take_audio(&mut self, audio: &Maybe<Audio<'_>>, keep: &mut Keep) -> bool {
        let Some(audio) = &audio.0 else { return false };
        if keep.capture.has_output()
            && let Some(text) = some_text(audio.transcript)
        {
            self.transcript.push(&text, &mut keep.budget);
        }
        let spoke = has_text(audio.data) || has_text(audio.transcript);
        if spoke {
            keep.meter.lose();
        }
        spoke
    }

    /// What was seen of this choice's reasoning.
    pub(super) fn reasoning(&self) -> Reasoning {
        match (self.reasoned, self.reasoned_partly) {
            (false, false) => Reasoning::Hidden,
            (true, false) => Reasoning::Streamed,
            (_, true) => Reasoning::Mixed,
        }
    }

    /// The choice's message, where those are kept, and its tool calls.
    pub(super) fn into_message(self, capture: Capture) -> (Option<Value>, Vec<ToolCall>) {
        let mut parts = Vec::new();
        let texts = [
            ("reasoning", "content", self.reasoning),
            ("text", "content", self.text),
            ("refusal", "content", self.refusal),
            ("audio", "transcript", self.transcript),
        ];
        for (kind, name, text) in texts {
            if !text.is_empty() {
                parts.push(text.into_part(kind, name));
            }
        }
        parts.extend(self.images);
        let mut calls = Vec::new();
        for call in self.tools.finish() {
            let (call, part) = call.finish(self.index, capture);
            calls.push(call);
            parts.extend(part);
        }
        let mut message = json!({"role": "assistant", "parts": parts});
        if let (Some(reason), Some(message)) = (self.finish_reason, message.as_object_mut()) {
            message.insert("finish_reason".into(), reason.into());
        }
        (capture.has_output().then_some(message), calls)
    }
}
