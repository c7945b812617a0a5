//! Tool calls, put together from their fragments.

use std::borrow::Cow;

use llmobs_core::{Capture, ToolCall};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::choice::Keep;
use super::estimate::{Kind, Slot};
use super::json::{Few, Maybe, Raw, count, has_members, has_text, object, text};
use super::kept::{Budget, Name, Text, mark};

object! {
    /// A tool call, or some of one.
    pub(super) struct Fragment<'a> {
        index: Raw<'a> = "index",
        id: Raw<'a> = "id",
        function: Maybe<Function<'a>> = "function",
        custom: Maybe<Function<'a>> = "custom",
    }
}

object! {
    /// A function's name and arguments, or some of them.
    pub(super) struct Function<'a> {
        name: Raw<'a> = "name",
        arguments: Raw<'a> = "arguments",
        input: Raw<'a> = "input",
    }
}

/// The tool calls of one choice.
#[derive(Debug, Default)]
pub(super) struct Tools {
    calls: Vec<Call>,
    /// The legacy way to call, at most once a choice.
    function: Option<Box<Call>>,
}

/// A tool call as far as it has come.
#[derive(Debug, Default)]
pub(super) struct Call {
    index: Option<u64>,
    id: Name,
    name: Name,
    arguments: Text,
}

impl Tools {
    /// Takes the `tool_calls` of one event or message; tells whether they carry output.
    pub(super) fn take(
        &mut self,
        fragments: &Few<Maybe<Fragment<'_>>>,
        choice: u32,
        keep: &mut Keep,
    ) -> bool {
        let mut output = false;
        for (position, fragment) in fragments.iter().enumerate() {
            let Some(fragment) = &fragment.0 else { continue };
            let function = fragment.function.0.as_ref().or(fragment.custom.0.as_ref());
            output |= function.is_some_and(Function::is_output);
            if let Some((at, call)) = self.call(position, fragment, &mut keep.budget) {
                call.id.first(fragment.id);
                if let Some(function) = function {
                    call.take(function, slot(choice, at as u64), keep);
                }
            }
        }
        output
    }

    /// Takes the legacy `function_call`.
    pub(super) fn take_function(
        &mut self,
        function: &Maybe<Function<'_>>,
        choice: u32,
        keep: &mut Keep,
    ) -> bool {
        let Some(function) = &function.0 else { return false };
        self.function.get_or_insert_default().take(function, slot(choice, u64::MAX), keep);
        function.is_output()
    }

    /// The call a fragment belongs to: by index, else by id, else by position.
    fn call(
        &mut self,
        position: usize,
        fragment: &Fragment<'_>,
        budget: &mut Budget,
    ) -> Option<(usize, &mut Call)> {
        let index = count(fragment.index);
        let found = if index.is_some() {
            self.calls.iter().position(|call| call.index == index)
        } else if has_text(fragment.id) {
            self.calls.iter().position(|call| call.id.is(fragment.id))
        } else {
            (position < self.calls.len()).then_some(position)
        };
        let at = match found {
            Some(at) => at,
            None if budget.take_names() => {
                self.calls.push(Call { index, ..Call::default() });
                self.calls.len() - 1
            }
            None => return None,
        };
        self.calls.get_mut(at).map(|call| (at, call))
    }

    /// Drops the arguments kept so far.
    pub(super) fn forget(&mut self) {
        let calls = self.calls.iter_mut().chain(self.function.as_deref_mut());
        calls.for_each(|call| call.arguments = Text::default());
    }

    /// The calls in order of their index, the legacy one last.
    pub(super) fn finish(mut self) -> impl Iterator<Item = Call> {
        self.calls.sort_by_key(|call| call.index);
        self.calls.into_iter().chain(self.function.map(|call| *call))
    }
}

impl Call {
    fn take(&mut self, function: &Function<'_>, slot: Slot, keep: &mut Keep) {
        self.name.first(function.name);
        if keep.reads_arguments()
            && let Some(arguments) = function.sent_arguments()
        {
            keep.arguments(&mut self.arguments, slot, &arguments);
        }
    }

    pub(super) fn finish(self, choice: u32, capture: Capture) -> (ToolCall, Option<Value>) {
        entry(choice, &self.id, &self.name, self.arguments, capture)
    }
}

fn slot(choice: u32, part: u64) -> Slot {
    Slot { owner: choice.into(), kind: Kind::Arguments, part }
}

/// The record's entry of a call, and the part of a message where those are kept.
pub(super) fn entry(
    choice: u32,
    id: &Name,
    name: &Name,
    mut arguments: Text,
    capture: Capture,
) -> (ToolCall, Option<Value>) {
    let (id, name) = (id.get(), name.get());
    let cut = arguments.take_cut();
    let arguments = capture.has_tools().then(|| arguments.into_string());
    let mut part = Map::from_iter([("type".to_owned(), "tool_call".into())]);
    if capture.has_output() {
        if let Some(id) = &id {
            part.insert("id".into(), id.as_str().into());
        }
        part.insert("name".into(), name.as_deref().unwrap_or_default().into());
        if let Some(arguments) = &arguments {
            let parsed = serde_json::from_str(arguments);
            part.insert("arguments".into(), parsed.unwrap_or_else(|_| arguments.as_str().into()));
        }
    }
    let mut part = Value::Object(part);
    mark(&mut part, cut);
    let part = capture.has_output().then_some(part);
    (ToolCall { choice, id, name, arguments }, part)
}

impl<'a> Fragment<'a> {
    /// The index, and the piece of arguments that is all there is beside it.
    pub(super) fn more(&self) -> Option<(&'a RawValue, &'a RawValue)> {
        let function = self.function.0.as_ref()?;
        let more = self.custom.0.is_some()
            || function.input.is_some()
            || [self.id, function.name].into_iter().any(has_text);
        let index = self.index.filter(|_| count(self.index).is_some())?;
        let arguments = function.arguments.filter(|_| has_text(function.arguments))?;
        (!more).then_some((index, arguments))
    }

    /// A piece of the arguments of a call that has begun.
    pub(super) fn of_arguments(index: &'a RawValue, arguments: Raw<'a>) -> Self {
        let function = Maybe(Some(Function { arguments, ..Function::default() }));
        Self { index: Some(index), function, ..Self::default() }
    }
}

impl<'a> Function<'a> {
    fn is_output(&self) -> bool {
        has_text(self.name)
            || [self.arguments, self.input].iter().any(|raw| has_text(*raw) || has_members(*raw))
    }

    /// Arguments are a string; some servers send the object itself.
    fn sent_arguments(&self) -> Option<Cow<'a, str>> {
        let object = |raw: Raw<'a>| raw.filter(|_| has_members(raw)).map(|raw| raw.get());
        text(self.arguments)
            .or_else(|| object(self.arguments).map(Cow::Borrowed))
            .or_else(|| text(self.input))
    }
}
