//! Output items of a Responses answer, as far as they have come.

use llmobs_core::{Capture, ToolCall};
use serde_json::{Value, json};

use super::choice::Keep;
use super::estimate::{Kind, Slot};
use super::json::{Few, Maybe, Raw, each, has_members, has_text, object, some_text, text};
use super::kept::{Name, Text};
use super::logprobs::LogprobSums;
use super::tools::entry;

object! {
    /// An item, or the beginning of one.
    pub(super) struct SentItem<'a> {
        kind: Raw<'a> = "type",
        call_id: Raw<'a> = "call_id",
        name: Raw<'a> = "name",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
        content: Few<Maybe<SentPart<'a>>> = "content",
        summary: Few<Maybe<SentPart<'a>>> = "summary",
    }
}

object! {
    pub(super) struct SentPart<'a> {
        kind: Raw<'a> = "type",
        text: Raw<'a> = "text",
        refusal: Raw<'a> = "refusal",
        logprobs: Raw<'a> = "logprobs",
    }
}

/// Items of one answer that are kept.
const MAX_ITEMS: usize = 1024;
/// Summary parts of one item that are kept.
const MAX_SUMMARIES: usize = 256;

/// The items of one answer.
#[derive(Debug, Default)]
pub(super) struct Items(Vec<Item>);

/// One item.
#[derive(Debug, Default)]
pub(super) struct Item {
    index: u64,
    kind: Name,
    call_id: Name,
    name: Name,
    pub(super) text: Text,
    pub(super) refusal: Text,
    pub(super) reasoning: Text,
    pub(super) arguments: Text,
    summaries: Vec<Text>,
}

impl Items {
    /// The item at an index of the output.
    pub(super) fn at(&mut self, index: u64) -> Option<&mut Item> {
        let found = self.0.iter().position(|item| item.index == index);
        let at = match found {
            Some(at) => at,
            None if self.0.len() < MAX_ITEMS => {
                self.0.push(Item { index, ..Item::default() });
                self.0.len() - 1
            }
            None => return None,
        };
        self.0.get_mut(at)
    }

    /// Takes the whole output, which knows better than what led to it.
    pub(super) fn take_output(&mut self, raw: Raw<'_>, keep: &mut Keep) -> bool {
        let mut refused = false;
        if !has_members(raw) {
            return refused;
        }
        let mut index = 0;
        each(raw, |Maybe(sent): Maybe<SentItem<'_>>| {
            if let (Some(sent), Some(item)) = (&sent, self.at(index)) {
                refused |= item.take(sent, keep);
            }
            index += 1;
        });
        refused
    }

    /// Drops the content kept so far.
    pub(super) fn forget(&mut self) {
        for item in &mut self.0 {
            let texts =
                [&mut item.text, &mut item.refusal, &mut item.reasoning, &mut item.arguments];
            texts.into_iter().for_each(|text| *text = Text::default());
            item.summaries.clear();
        }
    }

    /// Adds the log probabilities of an answer that came as a whole.
    pub(super) fn add_logprobs(raw: Raw<'_>, sums: &mut LogprobSums) {
        each(raw, |Maybe(item): Maybe<SentItem<'_>>| {
            for Maybe(part) in item.iter().flat_map(|item| item.content.iter()) {
                sums.tokens(part.as_ref().and_then(|part| part.logprobs));
            }
        });
    }

    /// The items' types, their tool calls, and, where those are kept, the parts of the message.
    pub(super) fn finish(mut self, capture: Capture) -> (Vec<String>, Vec<ToolCall>, Vec<Value>) {
        self.0.sort_by_key(|item| item.index);
        let (mut kinds, mut calls, mut parts) = (Vec::new(), Vec::new(), Vec::new());
        for item in self.0 {
            let kind = item.kind.get();
            kinds.extend(kind.clone());
            let summaries = item.summaries.into_iter().map(|text| (true, "reasoning", text));
            let texts = [
                (false, "reasoning", item.reasoning),
                (false, "text", item.text),
                (false, "refusal", item.refusal),
            ];
            for (summary, part, text) in summaries.chain(texts) {
                if summary || !text.is_empty() {
                    let mut part = text.into_part(part, "content");
                    if let Some(fields) = part.as_object_mut().filter(|_| summary) {
                        fields.insert("summary".into(), true.into());
                    }
                    parts.push(part);
                }
            }
            match kind.as_deref() {
                Some("function_call" | "custom_tool_call") => {
                    let (call, part) = entry(0, &item.call_id, &item.name, item.arguments, capture);
                    calls.push(call);
                    parts.extend(part);
                }
                Some("message" | "reasoning") | None => {}
                // Items of the provider's own tools: that they were there, not what was in them.
                Some(kind) if capture.has_output() => parts.push(json!({"type": kind})),
                Some(_) => {}
            }
        }
        (kinds, calls, parts)
    }
}

impl Item {
    /// Takes an item as it was announced or as it is when done; tells whether it holds a refusal.
    pub(super) fn take(&mut self, sent: &SentItem<'_>, keep: &mut Keep) -> bool {
        self.kind.last(sent.kind);
        if text(sent.kind).is_some_and(|kind| kind == "image_generation_call") {
            keep.meter.lose();
        }
        self.call_id.last(sent.call_id);
        self.name.last(sent.name);
        let arguments = some_text(sent.arguments).or_else(|| some_text(sent.input));
        if keep.reads_arguments()
            && let Some(arguments) = arguments
        {
            keep.meter.replace(Slot::new(self.index, Kind::Arguments), &arguments);
            if keep.capture.has_tools() {
                self.arguments.replace(&arguments, &mut keep.budget);
            }
        }
        let parts = || sent.content.iter().filter_map(|part| part.0.as_ref());
        let refused = parts().any(|part| has_text(part.refusal));
        if keep.reads_output() {
            let whole = |kind: &str, field: for<'p> fn(&SentPart<'p>) -> Raw<'p>| -> String {
                parts()
                    .filter(|part| text(part.kind).is_some_and(|it| it == kind))
                    .filter_map(|part| text(field(part)))
                    .collect()
            };
            let wholes = [
                (&mut self.text, Kind::Text, whole("output_text", |part| part.text)),
                (&mut self.refusal, Kind::Refusal, whole("refusal", |part| part.refusal)),
                (&mut self.reasoning, Kind::Reasoning, whole("reasoning_text", |part| part.text)),
            ];
            for (kept, kind, whole) in wholes {
                if whole.is_empty() {
                    continue;
                }
                keep.meter.replace(Slot::new(self.index, kind), &whole);
                if keep.capture.has_output() {
                    kept.replace(&whole, &mut keep.budget);
                }
            }
        }
        if keep.capture.has_output() {
            for (index, part) in sent.summary.iter().enumerate() {
                let text = part.0.as_ref().and_then(|part| text(part.text));
                if let (Some(text), Some(summary)) = (text, self.summary(index as u64)) {
                    summary.replace(&text, &mut keep.budget);
                }
            }
        }
        refused
    }

    /// A part of the item's summary.
    pub(super) fn summary(&mut self, index: u64) -> Option<&mut Text> {
        let index = usize::try_from(index).ok().filter(|index| *index < MAX_SUMMARIES)?;
        if self.summaries.len() <= index {
            self.summaries.resize_with(index + 1, Text::default);
        }
        self.summaries.get_mut(index)
    }
}

impl SentItem<'_> {
    /// Whether the item alone is generated output: the call of a function has a name.
    pub(super) fn is_output(&self) -> bool {
        text(self.kind).is_some_and(|kind| kind == "function_call") && has_text(self.name)
    }
}
