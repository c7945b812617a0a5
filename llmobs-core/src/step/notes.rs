//! Setters: what is said of a step while it runs.

use std::borrow::Cow;

use serde::Serialize;

use super::details::Details;
use super::documents::{AsDocument, AsDocuments};
use super::parties::{AsAgent, AsToolCall, AsWorkflow};
use super::{OpenStep, Step};
use crate::capture::Capture;
use crate::contain::contained;
use crate::record::{StepKind, Term};

/// What a step says of itself. Nothing is looked at, let alone written, when nobody listens.
///
/// ```
/// use llmobs_core::testing::Recording;
/// use llmobs_core::{Capture, StepKind};
///
/// let recording = Recording::new();
/// recording.recorder().set_capture(Capture::NONE.tools(true));
///
/// let mut step = recording.recorder().step(StepKind::Tool, "weather");
/// step.tool_call_id("call_1");
/// step.attribute("cache.hit", &false);
/// step.argument("city", "Oslo");
/// step.output(&[12, 14]);
/// step.end();
///
/// let record = &recording.records()[0];
/// let tool = record.tool.as_ref().unwrap();
/// assert_eq!(tool.call_id.as_deref(), Some("call_1"));
/// assert_eq!(record.attributes["cache.hit"], false);
/// let content = record.content.as_ref().unwrap();
/// assert_eq!(content.arguments.as_ref().unwrap()["city"], "Oslo");
/// ```
impl Step {
    /// Sets an attribute under a name of yours: it is recorded always, whatever the capture policy
    /// says, so content does not belong here.
    ///
    /// At most 64 attributes of 1 KiB of JSON each are kept; `cut.attributes` counts the rest.
    pub fn attribute<T: Serialize + ?Sized>(&mut self, key: impl Into<Term>, value: &T) {
        if let Some(details) = self.details() {
            details.attribute(key.into(), value);
        }
    }

    /// Offers an argument the step is run with; kept where the capture policy allows
    /// [`tools`](Capture::tools) for a tool, [`input`](Capture::input) for any other step.
    ///
    /// Up to 64 KiB of JSON are written here and up to 16 KiB kept, with the length and the hash of
    /// the original in `cut`.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: impl Into<Term>, value: &T) {
        if self.captures_arguments()
            && let Some(details) = self.details()
        {
            details.argument(name.into(), value);
        }
    }

    /// Offers what the step gives back; kept where the capture policy allows
    /// [`tools`](Capture::tools) for a tool, [`output`](Capture::output) for any other step. Bounds
    /// are those of an argument.
    pub fn output<T: Serialize + ?Sized>(&mut self, value: &T) {
        if self.captures_output()
            && let Some(details) = self.details()
        {
            details.result(value);
        }
    }

    /// Offers one item of a list or a stream the step gives back, under the same rules; at most 128
    /// are kept.
    pub fn output_item<T: Serialize + ?Sized>(&mut self, value: &T) {
        if self.captures_output()
            && let Some(details) = self.details()
        {
            details.item(value);
        }
    }

    /// Whether arguments offered now would be kept.
    pub fn captures_arguments(&self) -> bool {
        self.open.as_ref().is_some_and(|open| match open.kind {
            StepKind::Tool => open.capture().has_tools(),
            _ => open.capture().has_input(),
        })
    }

    /// Whether an output offered now would be kept.
    pub fn captures_output(&self) -> bool {
        self.open.as_ref().is_some_and(|open| match open.kind {
            StepKind::Tool => open.capture().has_tools(),
            _ => open.capture().has_output(),
        })
    }

    /// Sets the documents the step gives back: how many, and of the first 128 the id and the score.
    pub fn documents(&mut self, documents: &(impl AsDocuments + ?Sized)) {
        self.tell_documents(documents, false);
    }

    /// Sets the documents the step gives back and offers their texts, under the rules of an output.
    pub fn documents_with_text(&mut self, documents: &(impl AsDocuments + ?Sized)) {
        self.tell_documents(documents, true);
    }

    /// Sets how many documents the step gives back, where nothing else is known of them.
    pub fn documents_count(&mut self, count: u64) {
        if let Some(details) = self.details() {
            details.retrieved = Some(count);
        }
    }

    /// Sets the id of the tool call the step answers, as the model gave it.
    pub fn tool_call_id(&mut self, id: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let id = details.name(id.into());
            details.tool.call_id = Some(id);
        }
    }

    /// Sets the name of the tool. Defaults to the step's.
    pub fn tool_name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let name = details.name(name.into());
            details.tool.name = Some(name);
        }
    }

    /// Sets the type of the tool, such as `function`.
    pub fn tool_type(&mut self, kind: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let kind = details.name(kind.into());
            details.tool.kind = Some(kind);
        }
    }

    /// Sets what the tool is for.
    pub fn tool_description(&mut self, text: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let text = details.description(text.into());
            details.tool.description = Some(text);
        }
    }

    /// Sets what is known of the tool call the step answers.
    pub fn tool_call(&mut self, call: &(impl AsToolCall + ?Sized)) {
        self.told(|| call.tool_call_id().map(own), Self::tool_call_id);
        self.told(|| call.tool_name().map(own), Self::tool_name);
        self.told(|| call.tool_type().map(own), Self::tool_type);
    }

    /// Sets the name of the agent. Defaults to the step's.
    pub fn agent_name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let name = details.name(name.into());
            details.agent.name = Some(name.clone());
            self.name_group(name);
        }
    }

    /// Sets the application's id of the agent.
    pub fn agent_id(&mut self, id: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let id = details.name(id.into());
            details.agent.id = Some(id);
        }
    }

    /// Sets the version of the agent.
    pub fn agent_version(&mut self, version: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let version = details.name(version.into());
            details.agent.version = Some(version);
        }
    }

    /// Sets what the agent is for.
    pub fn agent_description(&mut self, text: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let text = details.description(text.into());
            details.agent.description = Some(text);
        }
    }

    /// Sets what is known of the agent the step runs.
    pub fn agent(&mut self, agent: &(impl AsAgent + ?Sized)) {
        self.told(|| agent.agent_name().map(own), Self::agent_name);
        self.told(|| agent.agent_id().map(own), Self::agent_id);
        self.told(|| agent.agent_version().map(own), Self::agent_version);
    }

    /// Sets the name of the workflow. Defaults to the step's.
    pub fn workflow_name(&mut self, name: impl Into<Cow<'static, str>>) {
        if let Some(details) = self.details() {
            let name = details.name(name.into());
            details.workflow.name = Some(name);
        }
    }

    /// Sets what is known of the workflow the step runs.
    pub fn workflow(&mut self, workflow: &(impl AsWorkflow + ?Sized)) {
        self.told(|| workflow.workflow_name().map(own), Self::workflow_name);
    }

    /// Tells the tools of an agent whose they are.
    fn name_group(&self, name: String) {
        if let Some(group) = self.open.as_ref().and_then(|open| open.group.as_ref()) {
            group.rename(name);
        }
    }

    fn tell_documents(&mut self, documents: &(impl AsDocuments + ?Sized), text: bool) {
        let text = text && self.captures_output();
        let Some(details) = self.details() else { return };
        details.retrieved = Some(0);
        let mut each = |document: &dyn AsDocument| details.document(document, text);
        if contained(|| documents.documents(&mut each)).is_none() {
            details.attributes_cut += 1;
        }
    }

    /// Sets what foreign code gives, if it gives anything.
    fn told(&mut self, tell: impl FnOnce() -> Option<Term>, set: fn(&mut Self, Term)) {
        if self.open.is_none() {
            return;
        }
        match contained(tell) {
            Some(Some(value)) => set(self, value),
            Some(None) => {}
            None => self.missed(),
        }
    }

    /// Counts something that would have been said, had it not panicked.
    pub(crate) fn missed(&mut self) {
        if let Some(details) = self.details() {
            details.attributes_cut += 1;
        }
    }

    /// Whether texts of documents were kept.
    pub(crate) fn has_texts(&self) -> bool {
        let details = self.open.as_ref().and_then(|open| open.details.as_ref());
        details.is_some_and(|details| details.documents.iter().any(|found| found.text.is_some()))
    }

    pub(super) fn details(&mut self) -> Option<&mut Details> {
        self.open.as_mut().map(|open| open.details())
    }
}

fn own(text: Cow<'_, str>) -> Term {
    Cow::Owned(text.into_owned())
}

impl OpenStep {
    fn details(&mut self) -> &mut Details {
        let recorder = &self.recorder;
        self.details.get_or_insert_with(|| Box::new(Details::new(recorder)))
    }

    fn capture(&self) -> Capture {
        self.recorder.shared().capture.within(self.scope.attributes().capture)
    }
}
