//! Setters: where a step looks, and what it does with a memory.

use super::Step;
use crate::record::Term;

/// What a retrieval or a memory step says of where it looks.
///
/// ```
/// use llmobs_core::testing::Recording;
/// use llmobs_core::{Capture, StepKind};
///
/// let recording = Recording::new();
/// recording.recorder().set_capture(Capture::NONE.input(true));
///
/// let mut step = recording.recorder().step(StepKind::Retrieval, "search");
/// step.data_source("faq");
/// step.top_k(5);
/// step.query("opening hours");
/// step.documents_count(2);
/// step.end();
///
/// let record = &recording.records()[0];
/// let retrieval = record.retrieval.as_ref().unwrap();
/// assert_eq!((retrieval.data_source.as_deref(), retrieval.top_k), (Some("faq"), Some(5)));
/// assert_eq!(record.content.as_ref().unwrap().query.as_ref().unwrap(), "opening hours");
/// ```
impl Step {
    /// Sets which source a retrieval looks in: an index, a collection, a store.
    pub fn data_source(&mut self, id: impl Into<Term>) {
        self.named(id.into(), |details, id| details.retrieval.data_source = Some(id));
    }

    /// Sets how many documents a retrieval asks for at most.
    pub fn top_k(&mut self, documents: u64) {
        if let Some(details) = self.details() {
            details.retrieval.top_k = Some(documents);
        }
    }

    /// Offers what a retrieval or a memory is searched for; kept where the capture policy allows
    /// [`input`](crate::Capture::input), within the bounds of an argument.
    pub fn query(&mut self, text: &str) {
        if self.captures_arguments()
            && let Some(details) = self.details()
        {
            details.query(text);
        }
    }

    /// Sets who provides what the step asks for, where that is somebody else's service: by a name of
    /// the GenAI registry's, where it has one.
    pub fn provider(&mut self, name: impl Into<Term>) {
        self.named(name.into(), |details, name| details.provider = Some(name));
    }

    /// Sets the model that a step works with.
    pub fn model(&mut self, name: impl Into<Term>) {
        self.named(name.into(), |details, name| details.model = Some(name));
    }

    /// Sets what is done with a memory, by the GenAI registry: `search_memory`, `create_memory`,
    /// `update_memory`, `upsert_memory`, `delete_memory`, `create_memory_store` or
    /// `delete_memory_store`.
    pub fn memory_operation(&mut self, operation: impl Into<Term>) {
        self.named(operation.into(), |details, name| details.memory.operation = Some(name));
    }

    /// Sets the store of a memory.
    pub fn memory_store(&mut self, id: impl Into<Term>) {
        self.named(id.into(), |details, id| details.memory.store_id = Some(id));
    }

    /// Sets the one record of a memory that the step is about.
    pub fn memory_record(&mut self, id: impl Into<Term>) {
        self.named(id.into(), |details, id| details.memory.record_id = Some(id));
    }

    /// Sets a name or an id, no longer than those are.
    fn named(&mut self, name: Term, set: fn(&mut super::details::Details, String)) {
        if let Some(details) = self.details() {
            let name = details.name(name);
            set(details, name);
        }
    }
}
