//! Calls that are unlike others, beside one like all.

use std::collections::BTreeSet;
use std::time::Duration;

use collector::{ArrivedSpan, Collector, Receiver};
use llmobs::otlp::Otlp;
use llmobs::{Capture, Content, Losses, Outcome, Params, Record, SpanId, StepKind, TraceId};
use prost::Message;
use serde_json::json;

use crate::shop::builder;
use crate::way::Way;

/// More than a collector takes over gRPC by default.
const LONG: usize = 8 << 20;

fn call(span: u64) -> Record {
    Record {
        trace_id: TraceId::new(7),
        span_id: SpanId::new(span),
        operation: Some("chat".into()),
        model: Some("m".into()),
        outcome: Some(Outcome::Completed),
        total_latency_ms: Some(3.0),
        ..Record::default()
    }
}

fn saying(span: u64, text: &str) -> Record {
    let said = json!([{ "role": "user", "parts": [{ "type": "text", "content": text }] }]);
    let content = Content { input_messages: Some(said), ..Content::default() };
    Record { content: Some(Box::new(content)), ..call(span) }
}

/// Encoded, since no number equals one that is none.
fn encoded(spans: &[ArrivedSpan]) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
    spans.iter().map(|it| (it.span.span_id.clone(), it.span.encode_to_vec())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_odd_comes_out_as_it_went_in_or_is_counted() {
    for way in Way::ALL {
        let Some(mut collector) = Collector::start() else { return };
        let direct = Receiver::start();
        let beside = Otlp::new().traces_endpoint(&format!("{}/v1/traces", direct.url()));
        let mut variables = way.variables(&collector);
        variables.push(("LLMOBS_REDACT", "none".to_owned()));
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
        let llmobs = builder(&variables)
            .capture(Capture::ALL)
            .sink(beside.expect("a URL").sink().expect("it has an endpoint"))
            .start()
            .expect("it starts");
        llmobs.record(saying(1, &"Grüße! 你好 ".repeat(LONG / 16)));
        llmobs.record(saying(2, "\u{0}\u{1b}[31m\u{7f}\u{fffd}\"\\"));
        llmobs.record(Record { session_id: Some("s".repeat(300)), ..call(3) });
        let params = Params { temperature: Some(f64::NAN), ..Params::default() };
        llmobs.record(Record { params: Some(Box::new(params)), ..call(4) });
        llmobs.record(Record { model: Some(String::new()), provider: Some(" ".into()), ..call(5) });
        llmobs.step(StepKind::Tool, "look_up").end();
        // It says so when a collector did not take all.
        let _ = tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(60)));
        collector.finish();

        let Losses { sinks, .. } = llmobs.losses();
        let lost: u64 = sinks.iter().flat_map(|sink| sink.lost.values()).sum();
        let (out, put) = (collector.receiver().arrived().spans, direct.arrived().spans);
        assert_eq!(put.len(), 6);
        assert!(encoded(&out).is_subset(&encoded(&put)), "changed on the way: {way:?}");
        assert_eq!(out.len() as u64 + lost, 6, "{way:?}: {sinks:?}");
        // Only the long one can be too long.
        assert!(lost == 0 || way == Way::Grpc && lost == 1, "{way:?}: {sinks:?}");
    }
}
