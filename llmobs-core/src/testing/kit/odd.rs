//! Records nobody expects.

use std::collections::BTreeMap;

use serde_json::json;

use crate::record::{Content, Failure, Kind, Latency, Logprobs, Prompt, Record, Usage};
use crate::testing::samples;

/// Records at the edges of what the types allow: empty, huge, full of control characters, with
/// numbers that are none.
pub fn odd_records() -> Vec<Record> {
    let text = "\u{0}\n\r\t\"\\\u{1b}[2J\u{2028}\u{feff}\u{1f600}é";
    // Not NaN, which equals nothing: records can be compared with what arrived.
    let none = f64::INFINITY;
    vec![
        Record::default(),
        Record { kind: Kind::Evaluation, ..Record::default() },
        Record { kind: Kind::Meta, ..Record::default() },
        Record {
            name: Some(text.into()),
            model: Some(text.into()),
            provider: Some(text.into()),
            operation: Some("".into()),
            session_id: Some(String::new()),
            tags: BTreeMap::from([(text.into(), text.into()), (String::new(), String::new())]),
            prompt: Some(Prompt { name: text.into(), ..Prompt::default() }),
            error: Some(Box::new(Failure { kind: text.into(), ..Failure::default() })),
            content: Some(Box::new(Content {
                input_messages: Some(json!([null, {"": text}, [[[]]], 1e300, i64::MIN])),
                output_messages: Some(json!("x".repeat(200_000))),
                ..Content::default()
            })),
            ..samples::streamed_chat()
        },
        Record {
            input_tokens: Some(u64::MAX),
            output_tokens: Some(u64::MAX),
            usage: Some(Usage {
                total_tokens: Some(u64::MAX),
                cache_read_tokens: Some(u64::MAX),
                reasoning_tokens: Some(u64::MAX),
                ..Usage::default()
            }),
            http_status: Some(u16::MAX),
            attempts: Some(0),
            ttft_ms: Some(f64::MAX),
            tpot_ms: Some(none),
            total_latency_ms: Some(none),
            latency: Some(Box::new(Latency { queue_ms: Some(-1.0), ..Latency::default() })),
            logprobs: Some(Logprobs { mean: none, entropy: Some(none), tokens: 0 }),
            server_timing: BTreeMap::from([("x".into(), f64::NEG_INFINITY)]),
            ..samples::streamed_chat()
        },
    ]
}
