//! Calls that are still open, and content that is forbidden, while their trace waits.

use llmobs_core::testing::{Memory, Recording};
use llmobs_core::{
    Builder, CallStart, Capture, Content, Decoder, Fold, Kind, Outcome, Record, Route, Rule,
    StepKind, TailSampling, Target,
};
use serde_json::json;

use super::{Mixed, PATIENCE, call, root, trace};
use crate::support::NoAnswer;

/// Reads nothing.
#[derive(Debug)]
struct Silent;

impl Decoder for Silent {
    fn route(&self, _: &Target<'_>) -> Option<Route> {
        Some(Route { operation: "chat", api: "silent", provider: None })
    }

    fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}

    fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
        Box::new(NoAnswer)
    }
}

#[test]
fn a_trace_is_not_over_while_a_call_of_it_is_open() {
    let rules = TailSampling::new(0.0).keep(Rule::outcome(Outcome::Dropped));
    let recording = Recording::with(|builder| {
        builder.ids(Mixed::default()).tail_sampling(rules).decoder(Silent)
    });
    let recorder = recording.recorder();
    let target = Target { method: "POST", host: "localhost", port: Some(80), path: "/chat" };
    let step = recorder.step(StepKind::Tool, "root");
    let open = step.run_sync(|| recorder.call(CallStart { target, body: None, body_len: None }));
    step.end();
    // What has no trace waits for nothing: once it is there, so was the root.
    recorder.record(Record { kind: Kind::Step, ..Record::default() });
    while recorder.losses().recorded == 0 {
        std::thread::yield_now();
    }
    assert_eq!(recorder.losses().sampled_out, 0);
    drop(open.expect("there is room"));
    let records = recording.observed();
    assert_eq!(records.interactions().len(), 1);
    assert!(records.iter().any(|record| record.name.as_deref() == Some("root")), "{records:?}");
    assert_eq!(recorder.losses().sampled_out, 0);
}

#[test]
fn content_that_is_forbidden_while_a_trace_waits_goes_nowhere() {
    let memory = Memory::default();
    let builder = Builder::new().process_wide(false).sink(memory.clone());
    let llmobs = builder.tail_sampling(TailSampling::new(1.0)).start().expect("it starts");
    let said = json!([{ "parts": [{ "content": "canary" }] }]);
    let content = Content { input_messages: Some(said), ..Content::default() };
    llmobs.record(Record { content: Some(Box::new(content)), ..call(1) });
    // It waits, and is not on its way any more.
    llmobs.record(Record { kind: Kind::Step, ..Record::default() });
    while llmobs.losses().recorded == 0 {
        std::thread::yield_now();
    }
    llmobs.forbid_content(true);
    llmobs.record(root(1));
    llmobs.shutdown(PATIENCE).expect("all is delivered");
    let records: Vec<_> =
        memory.records().into_iter().filter(|it| it.trace_id == Some(trace(1))).collect();
    assert_eq!(records.len(), 2);
    assert!(records.iter().all(|record| record.content.is_none()), "{records:?}");
    let cut = records.iter().find_map(|record| record.cut.clone()).expect("it says so");
    assert!(cut.withheld.is_some());
}
