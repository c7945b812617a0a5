//! What functions say of themselves: fields, arguments, outputs, documents, names and ids.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt;

use async_trait::async_trait;
use llmobs_core::testing::{AssertRecord, Recording};
use llmobs_core::{AsAgent, AsDocument, AsToolCall, AsWorkflow, Capture, Record, Scope};
use llmobs_macros::trace_llm;
use serde::ser::{Error as _, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

/// The one record of what `run` does under a capture policy.
#[track_caller]
fn one<R>(capture: Capture, run: impl FnOnce() -> R) -> Record {
    let recording = Recording::new();
    recording.recorder().set_capture(capture);
    let _result = recording.scope().run_sync(run);
    let [record] = recording.records().try_into().expect("one step");
    record
}

fn arguments(record: &Record) -> Option<&Value> {
    record.content.as_ref()?.arguments.as_ref()
}

fn result(record: &Record) -> Option<&Value> {
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

/// Panics, or refuses, when somebody looks at it.
enum Bad {
    Panics,
    Refuses,
}

impl Serialize for Bad {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Panics => std::panic::resume_unwind(Box::new("canary")),
            Self::Refuses => {
                let mut seq = serializer.serialize_seq(None)?;
                seq.serialize_element("canary")?;
                Err(S::Error::custom("canary"))
            }
        }
    }
}

struct BadDebug;

impl fmt::Debug for BadDebug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("canary")?;
        std::panic::resume_unwind(Box::new("canary"))
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(bad = &bad, worse = worse(), fine = 1))]
fn bad_values(bad: Bad, debug: BadDebug, fine: u8) -> Bad {
    let _ = debug;
    let _ = fine;
    bad
}

fn worse() -> u8 {
    std::panic::resume_unwind(Box::new("canary"))
}

#[test]
fn values_that_panic_or_refuse_cost_themselves_and_are_counted() {
    for bad in [Bad::Panics, Bad::Refuses] {
        let record = one(Capture::ALL, || bad_values(bad, BadDebug, 1));
        assert_eq!(arguments(&record), Some(&json!({"fine": 1})));
        assert_eq!(Value::from_iter(record.attributes.clone()), json!({"fine": 1}));
        let cut = record.cut.as_ref().expect("it is told");
        assert_eq!((cut.values, cut.attributes), (Some(3), Some(2)));
        record.assert_lacks("canary");
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(text = text))]
fn large<T: Serialize>(text: &str, value: T) -> T {
    let _ = text;
    value
}

#[test]
fn what_is_too_large_is_cut_and_says_so() {
    let text = "\u{e9}\"".repeat(50 << 18);
    let record = one(Capture::ALL, || drop(large(&text, vec![1; 10_000])));
    let kept = arguments(&record).expect("kept")["text"].as_str().expect("a text").to_owned();
    assert!(text.starts_with(&kept) && (12_000..=16_384).contains(&kept.len()), "{}", kept.len());
    let attribute = record.attributes["text"].as_str().expect("a text");
    assert!(text.starts_with(attribute) && (700..=1_024).contains(&attribute.len()));
    let cut = record.cut.expect("it is told");
    assert_eq!(cut.attributes, Some(1));
    let content = cut.content.expect("it is told");
    assert!(content.missing > 64 << 10 && content.bytes - content.missing <= 3 << 14);
    assert_eq!(content.sha256, None, "not all of it was seen, and there were several");

    let record = one(Capture::NONE.output(true), || drop(large("", "x".repeat(20_000))));
    let content = record.cut.expect("it is told").content.expect("it is told");
    assert_eq!((content.bytes, content.missing), (20_002, 20_002 - 16_384));
    // Of the value's JSON: `printf '"%s"' xxx… | sha256sum`.
    assert_eq!(content.sha256.as_deref(), Some(HASH));
}

const HASH: &str = "e03d9e85eec7bdc57d99d7347dc8df60e467ba0bcf8d242db601ce4c6c01798a";

#[derive(Serialize)]
struct Deep(Option<Vec<Deep>>);

#[test]
fn what_is_too_deep_is_cut() {
    let deep = (0..20_000).fold(Deep(None), |deep, _| Deep(Some(vec![deep])));
    let record = one(Capture::NONE.output(true), || {
        let mut left = Some(large("", deep));
        // Dropped level by level: the usual way has no stack for it.
        while let Some(Deep(Some(mut inner))) = left {
            left = inner.pop();
        }
    });
    assert_eq!(result(&record), Some(&json!("[".repeat(64))));
    assert!(record.cut.expect("it is told").content.is_some());
}

#[cfg(unix)]
#[test]
fn what_is_no_text_is_told_as_what_it_is() {
    use std::os::unix::ffi::OsStringExt;

    let odd = OsString::from_vec(vec![b'a', 0xff]);
    let record = one(Capture::NONE.output(true), || drop(large("", odd.clone())));
    assert_eq!(result(&record), Some(&json!({"Unix": [97, 255]})));
    let record = one(Capture::NONE.output(true), || {
        drop(large("", std::path::PathBuf::from(odd)));
    });
    assert_eq!(record.cut.expect("a path refuses").values, Some(1));
}

#[test]
fn odd_values_are_json_all_the_same() {
    let odd = json!({"": "\u{0}\u{7f}\u{2028}\"\\\n\r\t", "n": [null, true, -1, 1e300]});
    let record = one(Capture::NONE.output(true), || drop(large("", odd.clone())));
    assert_eq!(result(&record), Some(&odd));

    let keys = std::collections::BTreeMap::from([(1, 'a'), (2, 'b')]);
    let record = one(Capture::NONE.output(true), || drop(large("", (keys, f64::NAN, Some(())))));
    assert_eq!(result(&record), Some(&json!([{"1": "a", "2": "b"}, null, null])));
}

#[derive(Serialize)]
enum Shape {
    Unit,
    New(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[test]
fn enums_look_as_serde_json_writes_them() {
    let shapes = || [Shape::Unit, Shape::New(1), Shape::Tuple(1, 2), Shape::Struct { a: 1 }];
    let expected = serde_json::to_value(shapes()).expect("it is JSON");
    let record = one(Capture::NONE.output(true), || large("", shapes()));
    assert_eq!(result(&record), Some(&expected));
}

/// Fails the test when somebody looks at it.
#[derive(Clone, Copy)]
struct Untouched;

impl Serialize for Untouched {
    fn serialize<S: Serializer>(&self, _serializer: S) -> Result<S::Ok, S::Error> {
        unreachable!("nobody listens")
    }
}

#[trace_llm(crate = llmobs_core, capture(args, output), fields(x = touched(value)))]
fn untouched(value: Untouched) -> Untouched {
    value
}

fn touched(_value: Untouched) -> u8 {
    unreachable!("nobody listens")
}

#[test]
fn nothing_is_looked_at_when_nobody_listens() {
    let _untouched = untouched(Untouched);
    let recording = Recording::new();
    recording.recorder().set_enabled(false);
    recording.recorder().set_capture(Capture::ALL);
    recording.scope().run_sync(|| drop(Box::new(untouched(Untouched))));
    assert!(recording.records().is_empty());
}

#[test]
fn no_more_than_there_is_room_for_is_held() {
    let recording = Recording::new();
    recording.recorder().set_capture(Capture::ALL);
    let mut step = recording.recorder().step(llmobs_core::StepKind::Chain, "much");
    let text = "x".repeat(100_000);
    for n in 0..100 {
        step.argument(format!("a{n}"), &text);
        step.attribute(format!("b{n}"), &n);
        step.output_item(&text);
    }
    step.tool_call_id("y".repeat(1_000));
    step.end();
    let record = &recording.records()[0];
    let content = record.content.as_ref().expect("some of it is kept");
    assert_eq!(content.arguments.as_ref().expect("some").as_object().expect("named").len(), 2);
    assert_eq!(record.attributes.len(), 64);
    let cut = record.cut.as_ref().expect("it is told");
    assert_eq!((cut.values, cut.attributes), (Some(196), Some(37)));
    assert!(serde_json::to_string(record).expect("it is JSON").len() < 100_000);
}
