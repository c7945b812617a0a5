//! Records to read, made from the type that writes them.

use std::collections::BTreeMap;

use llmobs_core::{
    Cost, CostSource, Failure, Kind, LossReport, Meta, Outcome, Prompt, Record, RequestId, SCHEMA,
    SpanId, StepKind, Timestamp, ToolCall, TraceId,
};

/// 2026-01-02T03:04:05Z.
const NOON: u64 = 1_767_323_045_000_000_000;

pub(crate) fn at(ms: f64) -> Timestamp {
    Timestamp::from_unix_nanos(NOON).plus_millis(ms)
}

pub(crate) fn trace_id(n: u128) -> TraceId {
    TraceId::new(n).expect("ids are not zero")
}

pub(crate) fn span_id(n: u64) -> SpanId {
    SpanId::new(n).expect("ids are not zero")
}

/// A span of trace `trace` that begins `start` ms after the beginning; its id makes its request id.
pub(crate) fn span(trace: u128, id: u64, parent: Option<u64>, start: f64, took: f64) -> Record {
    Record {
        request_id: Some(RequestId::new(at(id as f64), trace << 64)),
        trace_id: Some(trace_id(trace)),
        span_id: Some(span_id(id)),
        parent_span_id: parent.map(span_id),
        timestamp: Some(at(start)),
        total_latency_ms: Some(took),
        outcome: Some(Outcome::Completed),
        ..Record::default()
    }
}

pub(crate) fn step(kind: StepKind, name: &str, span: Record) -> Record {
    Record { kind: Kind::Step, step: Some(kind), name: Some(name.to_owned()), ..span }
}

pub(crate) fn chat(model: &str, span: Record) -> Record {
    let prompt = Prompt { name: "support".into(), version: Some("3".into()), ..Prompt::default() };
    Record {
        operation: Some("chat".into()),
        model: Some(model.to_owned()),
        prompt: Some(prompt),
        ..span
    }
}

/// One call of `model`, outside any trace.
pub(crate) fn call(model: &str, outcome: Outcome, total_ms: f64) -> Record {
    Record {
        request_id: Some(RequestId::new(at(total_ms), 1)),
        timestamp: Some(at(0.0)),
        operation: Some("chat".into()),
        model: Some(model.to_owned()),
        outcome: Some(outcome),
        total_latency_ms: Some(total_ms),
        ..Record::default()
    }
}

pub(crate) fn failure(kind: &str) -> Option<Box<Failure>> {
    Some(Box::new(Failure {
        kind: kind.to_owned().into(),
        status: Some(429),
        ..Failure::default()
    }))
}

/// A cost from a table.
pub(crate) fn cost(total: &str, currency: &str) -> Option<Box<Cost>> {
    Some(Box::new(Cost {
        currency: currency.to_owned().into(),
        table: Some("t-1".into()),
        source: Some(CostSource::Table),
        ..Cost::reported(total.parse().expect("an amount"))
    }))
}

pub(crate) fn tool(name: &str) -> ToolCall {
    ToolCall { name: Some(name.to_owned()), ..ToolCall::default() }
}

pub(crate) fn header() -> Record {
    let meta = Meta { schema: SCHEMA.to_owned(), process_id: Some(7), ..Meta::default() };
    Record {
        kind: Kind::Meta,
        timestamp: Some(at(0.0)),
        service: Some("shop".to_owned()),
        meta: Some(Box::new(meta)),
        ..Record::default()
    }
}

pub(crate) fn losses(accepted: u64, lost: &[(&str, u64)]) -> Record {
    let mut record = header();
    let lost: BTreeMap<_, _> = lost.iter().map(|(cause, n)| ((*cause).to_owned(), *n)).collect();
    record.meta.as_mut().expect("a header has facts").losses =
        Some(LossReport { accepted, lost, ..LossReport::default() });
    record
}

/// The records as a file has them.
pub(crate) fn lines(records: &[Record]) -> String {
    let line = |record| serde_json::to_string(record).expect("records can be written") + "\n";
    records.iter().map(line).collect()
}

/// A question answered with a search, a tool, and two calls that went wrong.
pub(crate) fn answer() -> Vec<Record> {
    const T: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;
    vec![
        header(),
        step(StepKind::Retrieval, "kb.search", span(T, 0xa2, Some(0xa1), 10.0, 20.0)),
        Record {
            ttft_ms: Some(312.4),
            tpot_ms: Some(23.1),
            input_tokens: Some(1_120),
            output_tokens: Some(48),
            tool_calls: vec![tool("lookup_order")],
            cost: cost("0.0001968", "USD"),
            ..chat("gpt-4o-mini", span(T, 0xa3, Some(0xa1), 30.2, 1_203.0))
        },
        Record {
            operation: Some("embeddings".into()),
            prompt: None,
            input_tokens: Some(12),
            cost: cost("0.00000024", "USD"),
            ..chat("text-embedding-3-small", span(T, 0xa6, Some(0xa4), 1_250.0, 100.0))
        },
        step(StepKind::Tool, "lookup_order", span(T, 0xa4, Some(0xa1), 1_240.0, 150.0)),
        Record {
            ttft_ms: Some(202.4),
            outcome: Some(Outcome::Dropped),
            attempts: Some(3),
            ..chat("gpt-4o-mini", span(T, 0xa5, Some(0xa1), 1_400.0, 440.0))
        },
        Record {
            prompt: None,
            outcome: Some(Outcome::Failed),
            error: failure("rate_limit_exceeded"),
            ..chat("gpt-4o-mini", span(T, 0xa7, Some(0xa1), 1_842.0, 8.0))
        },
        step(StepKind::Workflow, "answer", span(T, 0xa1, None, 0.0, 1_850.0)),
        step(StepKind::Guardrail, "pii", span(T, 0xb1, Some(0xbeef), 1_000.0, 400.0)),
        losses(9, &[("queue_full", 2)]),
    ]
}
