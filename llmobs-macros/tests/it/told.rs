//! What functions say of themselves: fields, arguments, outputs, documents, names and ids.

use std::borrow::Cow;

use async_trait::async_trait;
use llmobs_core::testing::{AssertRecord, Recording};
use llmobs_core::{AsAgent, AsDocument, AsToolCall, AsWorkflow, Capture, Record, Scope};
use llmobs_macros::trace_llm;
use serde::Serialize;
use serde_json::{Value, json};

/// The one record of what `run` does under a capture policy.
#[track_caller]
pub(crate) fn one<R>(capture: Capture, run: impl FnOnce() -> R) -> Record {
    let recording = Recording::new();
    recording.recorder().set_capture(capture);
    let _result = recording.scope().run_sync(run);
    let [record] = recording.records().try_into().expect("one step");
    record
}

pub(crate) fn arguments(record: &Record) -> Option<&Value> {
    record.content.as_ref()?.arguments.as_ref()
}

pub(crate) fn result(record: &Record) -> Option<&Value> {
    record.content.as_ref()?.result.as_ref()
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(future)
}

#[derive(Serialize)]
struct Filter {
    lang: &'static str,
}

#[derive(Debug)]
struct Shown;

struct Opaque;

#[trace_llm(
    crate = llmobs_core,
    fields("kb.name" = "faq", kb.size = of.len(), top_k = k + 1, filter = filter, how = Shown,
           none = Opaque, maybe = Some(2.5), type = "x"),
)]
fn with_fields(of: &[u8], k: usize, filter: &Filter) {
    let _ = (of, k, filter);
}

#[test]
fn fields_are_attributes_by_serialize_else_debug_else_not_at_all() {
    let record = one(Capture::NONE, || with_fields(b"abc", 2, &Filter { lang: "en" }));
    let attributes = Value::from_iter(record.attributes);
    let expected = json!({
        "kb.name": "faq", "kb.size": 3, "top_k": 3, "filter": {"lang": "en"}, "how": "Shown",
        "maybe": 2.5, "type": "x",
    });
    assert_eq!(attributes, expected);
    assert_eq!((record.content, record.cut), (None, None));
}

#[trace_llm(crate = llmobs_core, capture(args, output), skip(secret))]
fn captured(
    q: &str,
    (k, _): (usize, ()),
    secret: &str,
    shown: &Shown,
    _opaque: Opaque,
) -> Result<Vec<u8>, String> {
    let _ = (secret, shown);
    if k == 0 { Err(format!("none for {q}")) } else { Ok(vec![1; k]) }
}

#[test]
fn arguments_and_outputs_are_kept_where_the_policy_allows_it_and_never_else() {
    let run = || drop(captured("canary", (2, ()), "secret", &Shown, Opaque));
    let record = one(Capture::ALL, run);
    assert_eq!(arguments(&record), Some(&json!({"q": "canary", "k": 2, "shown": "Shown"})));
    assert_eq!(result(&record), Some(&json!([1, 1])));
    record.assert_lacks("secret");

    let record = one(Capture::NONE.input(true), run);
    assert!(arguments(&record).is_some() && result(&record).is_none());
    let record = one(Capture::NONE.output(true), run);
    assert!(arguments(&record).is_none() && result(&record).is_some());
    let record = one(Capture::NONE.tools(true).errors(true), run);
    assert_eq!(record.content, None);
    one(Capture::NONE, run).assert_lacks("canary");
}

#[test]
fn an_error_is_no_output() {
    let record = one(Capture::ALL, || drop(captured("canary", (0, ()), "", &Shown, Opaque)));
    assert_eq!(result(&record), None);
    assert_eq!(record.error.expect("it failed").kind, "alloc::string::String");
}

#[trace_llm(kind = "tool", crate = llmobs_core, capture(args, output))]
async fn tool(city: String) -> Option<Box<u8>> {
    tokio::task::yield_now().await;
    (city == "Oslo").then(|| Box::new(12))
}

#[test]
fn a_tool_is_content_of_tools() {
    let run = || drop(block_on(tool("Oslo".into())));
    assert_eq!(one(Capture::NONE.input(true).output(true), run).content, None);
    let record = one(Capture::NONE.tools(true), run);
    assert_eq!(arguments(&record), Some(&json!({"city": "Oslo"})));
    assert_eq!(result(&record), Some(&json!(12)));
    let record = one(Capture::NONE.tools(true), || drop(block_on(tool("Rome".into()))));
    assert_eq!(result(&record), Some(&Value::Null), "`None` is a value like any other");
}

#[test]
fn a_scope_can_decide_otherwise_than_the_recorder() {
    let run = |scope: Scope| scope.run_sync(|| drop(captured("q", (1, ()), "", &Shown, Opaque)));
    let record = one(Capture::NONE, || run(llmobs_core::scope().capture(Capture::ALL)));
    assert!(record.content.is_some());
    let record = one(Capture::ALL, || run(llmobs_core::scope().capture(Capture::NONE)));
    assert_eq!(record.content, None);
}

struct Passage(u32, f32, &'static str);

impl AsDocument for Passage {
    fn document_id(&self) -> Option<Cow<'_, str>> {
        Some(format!("kb-{}", self.0).into())
    }

    fn document_score(&self) -> Option<f64> {
        Some(self.1.into())
    }

    fn document_text(&self) -> Option<Cow<'_, str>> {
        Some(self.2.into())
    }
}

#[trace_llm(kind = "retriever", crate = llmobs_core)]
async fn search(query: &str) -> Result<Vec<Passage>, String> {
    tokio::task::yield_now().await;
    if query.is_empty() {
        return Err("empty".into());
    }
    Ok(vec![Passage(1, 0.5, "canary one"), Passage(2, 0.25, "canary two")])
}

#[trace_llm(kind = "reranker", crate = llmobs_core, capture(output))]
fn rerank(passages: &[Passage]) -> Vec<(&Passage, f32)> {
    passages.iter().rev().map(|passage| (passage, 1.0)).collect()
}

#[trace_llm(kind = "retriever", crate = llmobs_core)]
fn texts() -> Vec<String> {
    vec!["canary".into(), "b".into()]
}

#[trace_llm(kind = "retriever", crate = llmobs_core)]
fn maybe<D: AsDocument>(found: Option<Vec<D>>) -> Option<Vec<D>> {
    found
}

#[test]
fn documents_are_counted_and_tell_their_ids_and_scores() {
    let record = one(Capture::ALL, || drop(block_on(search("q"))));
    let retrieved = serde_json::to_value(&record.retrieved).expect("it is JSON");
    let documents = json!([{"id": "kb-1", "score": 0.5}, {"id": "kb-2", "score": 0.25}]);
    assert_eq!(retrieved, json!({"count": 2, "documents": documents}));
    record.assert_lacks("canary");

    let record = one(Capture::ALL, || drop(block_on(search(""))));
    assert_eq!(record.retrieved, None);

    let record = one(Capture::NONE, || drop(texts()));
    assert_eq!(record.retrieved.as_ref().expect("counted").count, 2);
    record.assert_lacks("canary");

    let record = one(Capture::NONE, || drop(maybe(Some(vec![Passage(7, 0.0, "")]))));
    assert_eq!(record.retrieved.expect("documents").documents.len(), 1);
    let record = one(Capture::NONE, || drop(maybe::<Passage>(None)));
    assert_eq!(record.retrieved.expect("none is none").count, 0);
}

#[test]
fn texts_of_documents_are_output() {
    let run = || drop(rerank(&[Passage(1, 0.5, "one"), Passage(2, f32::NAN, "two")]));
    let content = one(Capture::ALL, run).content.expect("it is captured");
    let expected = json!([
        {"id": "kb-2", "score": 1.0, "content": "two"},
        {"id": "kb-1", "score": 1.0, "content": "one"},
    ]);
    assert_eq!((content.documents, content.result), (Some(expected), None));
    assert_eq!(one(Capture::NONE.input(true), run).content, None);
}

struct Call {
    id: String,
    name: &'static str,
}

impl AsToolCall for Call {
    fn tool_call_id(&self) -> Option<Cow<'_, str>> {
        Some(self.id.as_str().into())
    }

    fn tool_name(&self) -> Option<Cow<'_, str>> {
        Some(self.name.into())
    }
}

#[trace_llm(kind = "tool", crate = llmobs_core, tool_call_id = call.id, tool_type = "function")]
fn by_expression(call: Call) -> usize {
    call.id.len()
}

#[trace_llm(kind = "tool", crate = llmobs_core, tool_call_id = id)]
fn maybe_called(id: Option<&str>) {
    let _ = id;
}

#[trace_llm(kind = "tool", crate = llmobs_core)]
async fn by_argument(first: u8, call: &Call) -> u8 {
    let _ = call;
    std::future::ready(first).await
}

#[async_trait]
trait Tool: Sync {
    async fn run(&self, call: Call) -> usize;
}

#[async_trait]
impl Tool for Opaque {
    #[trace_llm(kind = "tool", crate = llmobs_core, capture(output), fields(length = call.id.len()))]
    async fn run(&self, call: Call) -> usize {
        tokio::task::yield_now().await;
        call.id.len()
    }
}

#[test]
fn a_tool_tells_the_call_it_answers() {
    let call = || Call { id: "call_1".into(), name: "weather" };
    let tool = |record: Record| serde_json::to_value(record.tool).expect("it is JSON");

    let record = one(Capture::NONE, || assert_eq!(by_expression(call()), 6));
    let named = json!({"name": "by_expression", "call_id": "call_1", "type": "function"});
    assert_eq!(tool(record)["type"], named["type"]);
    let record = one(Capture::NONE, || assert_eq!(block_on(by_argument(1, &call())), 1));
    assert_eq!(tool(record), json!({"name": "weather", "call_id": "call_1"}));
    let record = one(Capture::ALL, || assert_eq!(block_on(Opaque.run(call())), 6));
    assert_eq!(record.attributes["length"], 6);
    assert_eq!(result(&record), Some(&json!(6)));
    assert_eq!(tool(record), json!({"name": "weather", "call_id": "call_1"}));
    let record = one(Capture::NONE, || maybe_called(Some("call_2")));
    assert_eq!(tool(record), json!({"name": "maybe_called", "call_id": "call_2"}));
    let record = one(Capture::NONE, || maybe_called(None));
    assert_eq!(tool(record), json!({"name": "maybe_called"}));
}

struct Support {
    version: u32,
}

impl AsAgent for Support {
    fn agent_name(&self) -> Option<Cow<'_, str>> {
        Some("support".into())
    }

    fn agent_version(&self) -> Option<Cow<'_, str>> {
        Some(self.version.to_string().into())
    }
}

impl AsWorkflow for Support {
    fn workflow_name(&self) -> Option<Cow<'_, str>> {
        Some("refunds".into())
    }
}

impl Support {
    #[trace_llm(kind = "agent", crate = llmobs_core)]
    async fn answer(&self) {
        tokio::task::yield_now().await;
    }

    #[trace_llm(kind = "workflow", crate = llmobs_core)]
    fn flow(self) -> u32 {
        self.version
    }
}

#[trace_llm(kind = "agent", crate = llmobs_core, agent_name = name, agent_id = 7, agent_version = "1")]
fn named(name: &str) {
    let _ = name;
}

#[trace_llm(kind = "workflow", name = "plain", crate = llmobs_core)]
fn plain() {}

#[test]
fn agents_and_workflows_tell_their_names() {
    let agent = |record: Record| serde_json::to_value(record.agent).expect("it is JSON");
    let record = one(Capture::NONE, || block_on(Support { version: 3 }.answer()));
    assert_eq!(agent(record), json!({"name": "support", "version": "3"}));
    let record = one(Capture::NONE, || named("planner"));
    assert_eq!(agent(record), json!({"name": "planner", "id": "7", "version": "1"}));
    let record = one(Capture::NONE, || assert_eq!(Support { version: 3 }.flow(), 3));
    assert_eq!(record.workflow.expect("a workflow").name.as_deref(), Some("refunds"));
    let record = one(Capture::NONE, plain);
    assert_eq!(record.workflow.expect("a workflow").name.as_deref(), Some("plain"));
}

#[trace_llm(
    kind = "retriever",
    crate = llmobs_core,
    data_source = "handbook",
    top_k = limit,
    query = question,
    provider = "example",
    model = Some("embed-1"),
)]
fn looked_up(question: &str, limit: usize) -> Vec<u8> {
    vec![0; limit + question.len()]
}

#[trace_llm(
    kind = "memory",
    crate = llmobs_core,
    memory_operation = "search_memory",
    memory_store = 7,
    query = about,
)]
fn remembered(about: &str) -> Vec<String> {
    vec![about.to_owned()]
}

#[test]
fn a_retriever_and_a_memory_tell_where_they_look_and_what_for_only_where_input_is_kept() {
    let record = one(Capture::NONE, || assert_eq!(looked_up("why?", 3).len(), 7));
    assert_eq!(
        serde_json::to_value(&record.retrieval).expect("it is JSON"),
        json!({"data_source": "handbook", "top_k": 3})
    );
    assert_eq!(
        (record.provider.as_deref(), record.model.as_deref()),
        (Some("example"), Some("embed-1"))
    );
    assert_eq!(record.content, None);
    let record = one(Capture::NONE.input(true), || assert_eq!(remembered("tea"), ["tea"]));
    assert_eq!(
        serde_json::to_value(&record.memory).expect("it is JSON"),
        json!({"operation": "search_memory", "store_id": "7"})
    );
    assert_eq!(record.content.expect("input is kept").query, Some(json!("tea")));
    assert_eq!(record.retrieved.expect("a list is counted").count, 1);
}

#[trace_llm(kind = "agent", crate = llmobs_core, agent_name = "support", agent_description = "Helps.")]
fn helping() {
    decide();
    clock();
}

#[trace_llm(kind = "plan", crate = llmobs_core)]
fn decide() {}

#[trace_llm(kind = "tool", crate = llmobs_core, tool_description = "Tells the time.")]
fn clock() {}

#[test]
fn a_plan_and_a_tool_know_the_agent_they_run_in() {
    let recording = llmobs_core::testing::Recording::new();
    recording.scope().run_sync(helping);
    let [plan, tool, agent] = recording.records().try_into().expect("three steps");
    for record in [&plan, &tool, &agent] {
        let name = record.agent.as_ref().and_then(|agent| agent.name.as_deref());
        assert_eq!(name, Some("support"));
    }
    assert_eq!(tool.tool.expect("a tool").description.as_deref(), Some("Tells the time."));
    assert_eq!(agent.agent.expect("an agent").description.as_deref(), Some("Helps."));
}
