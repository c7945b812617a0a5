//! Records with every field, for the tests of whatever takes records.

mod steps;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

pub use self::steps::{looked_up, step, told_step};
use crate::id::Ids;
use crate::record::{
    Amount, AttemptDetail, Consumer, ConsumerEnd, Content, Cost, CostSource, Cut, CutField,
    ErrorClass, Failure, Kind, Latency, LatencyClock, Logprobs, LossReport, Meta, Outcome, Params,
    Prompt, RateLimit, Record, SCHEMA, Safety, Server, ToolCall, TpotSource, Usage, UsageSource,
    Wire,
};
use crate::semconv::{api, error_type, operation};
use crate::testing::{CountingIds, FakeClock};
use crate::time::Clock;

/// One record of each shape there is, the same in every run: the first line of a file, a streamed
/// chat with every field set that the wire tells, one that its reader told, one that was cut, a
/// failed, a dropped and a retried call, one whose cost is known, a step, one that told everything a
/// step can tell, one that told where it looked, a call whose answer was counted, and a report of losses.
pub fn all() -> Vec<Record> {
    vec![
        file_start(),
        streamed_chat(),
        read(),
        cut(),
        failed(),
        unreachable(),
        dropped(),
        retried(),
        priced(),
        step(),
        told_step(),
        looked_up(),
        media(),
        loss_report(),
    ]
}

/// The line a file begins with.
pub fn file_start() -> Record {
    Record {
        kind: Kind::Meta,
        timestamp: Some(FakeClock::default().now()),
        service: Some("shop".into()),
        environment: Some("test".into()),
        meta: Some(Box::new(Meta {
            schema: SCHEMA.into(),
            sdk: Some("llmobs 0.1.0".into()),
            mode: Some("local".into()),
            process_id: Some(4711),
            losses: None,
        })),
        ..Record::default()
    }
}

/// A report of what was lost so far.
pub fn loss_report() -> Record {
    let mut record = file_start();
    if let Some(meta) = &mut record.meta {
        let lost = BTreeMap::from([("queue_full".into(), 3), ("sink_failed".into(), 12)]);
        meta.losses = Some(LossReport { accepted: 1_000, lost });
    }
    record
}

/// What every operation has.
fn operation_of(kind: Kind, millis: u64) -> Record {
    let (ids, clock) = (CountingIds::default(), FakeClock::default());
    clock.advance(Duration::from_millis(millis));
    Record {
        kind,
        request_id: Some(ids.request_id(clock.now())),
        trace_id: Some(ids.trace_id()),
        span_id: Some(ids.span_id()),
        parent_span_id: Some(ids.span_id()),
        timestamp: Some(clock.now()),
        service: Some("shop".into()),
        environment: Some("test".into()),
        session_id: Some("s-1".into()),
        user_id: Some("u-7".into()),
        tags: BTreeMap::from([("tenant".into(), "acme".into())]),
        ..Record::default()
    }
}

fn call(millis: u64) -> Record {
    Record {
        operation: Some(operation::CHAT.into()),
        api: Some("chat_completions".into()),
        provider: Some("example".into()),
        server: Some(Server { address: "llm.example".into(), port: Some(443) }),
        model: Some("small".into()),
        stream: Some(true),
        attempts: Some(1),
        ..operation_of(Kind::Interaction, millis)
    }
}

/// A streamed chat that completed, with every field set but its cost, and all content captured.
pub fn streamed_chat() -> Record {
    Record {
        exchange_id: Some("x-1".into()),
        model_version: Some("small-2026-01-01".into()),
        system_fingerprint: Some("fp_1".into()),
        service_tier: Some("default".into()),
        params: Some(Box::new(params())),
        prompt: Some(Prompt {
            name: "greeting".into(),
            version: Some("3".into()),
            hash: Some("5f0c9d1e".into()),
            variables: BTreeMap::from([("name".into(), "Zoë\n\u{2028}".into())]),
        }),
        input_tokens: Some(1_200),
        output_tokens: Some(340),
        usage: Some(Usage {
            total_tokens: Some(1_540),
            cache_read_tokens: Some(1_024),
            cache_write_tokens: Some(128),
            reasoning_tokens: Some(64),
            audio_input_tokens: Some(2),
            audio_output_tokens: Some(1),
            source: Some(UsageSource::Reported),
            inconsistent: true,
            ..Usage::default()
        }),
        ttft_ms: Some(312.25),
        tpot_ms: Some(11.5),
        total_latency_ms: Some(3_512.001),
        latency: Some(Box::new(latency())),
        server_timing: BTreeMap::from([("queue_ms".into(), 4.5)]),
        finish_reason: Some("stop".into()),
        finish_reasons: vec![Some("stop".into()), None],
        outcome: Some(Outcome::Completed),
        rate_limit: Some(Box::new(rate_limit())),
        cache_hit: Some(false),
        provider_request_id: Some("req_1".into()),
        response_id: Some("chatcmpl-1".into()),
        response_status: Some("completed".into()),
        http_status: Some(200),
        wire: Some(Box::new(wire())),
        tool_calls: vec![ToolCall {
            choice: 1,
            id: Some("call_1".into()),
            name: Some("weather".into()),
            arguments: Some("{\"city\":\"Oslo\"}".into()),
        }],
        logprobs: Some(Logprobs { mean: -0.25, entropy: Some(0.5), tokens: 340 }),
        safety: Some(Box::new(Safety { present: true, ..Safety::default() })),
        content: Some(Box::new(Content {
            input_messages: Some(json!([{"role": "user", "parts": ["hello"]}])),
            output_messages: Some(json!([{"role": "assistant", "parts": ["hi\r\n"]}])),
            system_instructions: Some(json!([{"type": "text", "content": "be kind"}])),
            tool_definitions: Some(json!([{"name": "weather"}])),
            ..Content::default()
        })),
        ..call(1)
    }
}

/// A streamed chat that only its reader told of, every field of the reading set.
pub fn read() -> Record {
    Record {
        server: None,
        attempts: None,
        ttft_ms: Some(190.5),
        total_latency_ms: Some(3_512.001),
        latency: Some(Box::new(Latency {
            clock: Some(LatencyClock::Reader),
            time_to_first_chunk_ms: Some(190.5),
            ..Latency::default()
        })),
        consumer: Some(Box::new(Consumer {
            items: Some(343),
            first_item_ms: Some(190.5),
            stall_ms: Some(120.25),
            total_ms: Some(3_600.0),
            ended: Some(ConsumerEnd::Failed),
            error: Some("stream".into()),
            observer_panicked: true,
        })),
        outcome: Some(Outcome::Completed),
        ..call(6)
    }
}

fn params() -> Params {
    Params {
        temperature: Some(0.7),
        top_p: Some(0.9),
        top_k: Some(40.0),
        max_tokens: Some(512),
        n: Some(2),
        seed: Some(-42),
        stop: vec!["END".into()],
        frequency_penalty: Some(0.1),
        presence_penalty: Some(-0.1),
        reasoning_effort: Some("low".into()),
        response_format: Some("json_schema".into()),
        tools_count: Some(1),
        include_usage: Some(true),
        service_tier: Some("auto".into()),
        conversation_id: Some("conv_1".into()),
        previous_response_id: Some("resp_0".into()),
        prompt_id: Some("pmpt_1".into()),
        prompt_version: Some("2".into()),
        encoding_format: Some("float".into()),
        dimensions: Some(256),
    }
}

fn latency() -> Latency {
    Latency {
        clock: None,
        queue_ms: Some(2.0),
        headers_ms: Some(180.125),
        time_to_first_chunk_ms: Some(190.0),
        prefill_ms: Some(310.25),
        decode_ms: Some(3_162.5),
        tpot_source: Some(TpotSource::VisibleTokens),
        gaps: Some(275),
        gap_p50_ms: Some(10.5),
        gap_p95_ms: Some(19.75),
        gap_p99_ms: Some(31.0),
        gap_max_ms: Some(250.0),
        buffered: true,
        ..Latency::default()
    }
}

fn rate_limit() -> RateLimit {
    RateLimit {
        limit_requests: Some(10_000),
        limit_tokens: Some(2_000_000),
        remaining_requests: Some(9_999),
        remaining_tokens: Some(1_998_800),
        reset_requests: Some("6ms".into()),
        reset_tokens: Some("36ms".into()),
        retry_after_ms: Some(20_000.0),
    }
}

fn wire() -> Wire {
    Wire {
        events: Some(280),
        comments: Some(2),
        malformed: Some(1),
        first_event: Some(0),
        first_token_event: Some(1),
        last_token_event: Some(277),
        output_events: Some(276),
        end_marker: Some(true),
        bytes: Some(81_234),
        request_bytes: Some(4_096),
    }
}

/// An image and sound in one, whose bytes were counted: no such call exists, but it has every field
/// that only such calls have.
pub fn media() -> Record {
    Record {
        operation: Some(operation::GENERATE_CONTENT.into()),
        api: Some(api::IMAGES.into()),
        stream: None,
        input_tokens: Some(230),
        output_tokens: Some(1_060),
        usage: Some(Usage {
            image_input_tokens: Some(200),
            image_output_tokens: Some(1_056),
            text_input_tokens: Some(30),
            text_output_tokens: Some(4),
            audio_seconds: Some(1.5),
            source: Some(UsageSource::Reported),
            ..Usage::default()
        }),
        total_latency_ms: Some(20_000.0),
        latency: Some(Box::new(Latency {
            time_to_first_byte_ms: Some(181.0),
            ..Latency::default()
        })),
        outcome: Some(Outcome::Completed),
        http_status: Some(200),
        wire: Some(Box::new(Wire {
            bytes: Some(52_428_800),
            request_bytes: Some(4_096),
            ..Wire::default()
        })),
        ..call(6)
    }
}

/// A call whose bodies were not read whole.
pub fn cut() -> Record {
    let field = |bytes, missing, sha256| Some(CutField { bytes, missing, sha256 });
    Record {
        outcome: Some(Outcome::Interrupted),
        http_status: Some(200),
        total_latency_ms: Some(90_000.0),
        cut: Some(Box::new(Cut {
            tags: None,
            withheld: None,
            request_body: field(10_485_760, 10_485_760, None),
            response_body: field(81_234, 1_234, None),
            content: field(20_000, 3_616, Some("ab".repeat(32))),
            ..Cut::default()
        })),
        ..call(2)
    }
}

/// A call in whose content something was found, and some of it left out as a whole.
pub fn redacted() -> Record {
    let input =
        json!([{"role": "user", "parts": [{"type": "text", "content": "[redacted:email]"}]}]);
    Record {
        outcome: Some(Outcome::Completed),
        content: Some(Box::new(Content { input_messages: Some(input), ..Content::default() })),
        redacted: BTreeMap::from([("email".into(), 1)]),
        cut: Some(Box::new(Cut { withheld: Some(2), ..Cut::default() })),
        ..call(2)
    }
}

/// A call whose messages came from two prompt templates.
pub fn prompts() -> Record {
    let prompt = |name: &str, version: Option<&str>, digits: &str| {
        let hash = digits.repeat(64);
        let version = version.map_or_else(|| digits.repeat(12), Into::into);
        let (version, hash) = (Some(version), Some(hash));
        Prompt { name: name.into(), version, hash, variables: BTreeMap::new() }
    };
    let (system, user) = (prompt("tone", None, "a"), prompt("answer", Some("3"), "b"));
    let variables = BTreeMap::from([("context".into(), "On Monday".into())]);
    let missing = CutField { bytes: 70_000, missing: 69_991, sha256: None };
    Record {
        prompt: Some(Prompt { variables, ..user.clone() }),
        prompts: vec![system, user],
        outcome: Some(Outcome::Completed),
        total_latency_ms: Some(1_000.0),
        cut: Some(Box::new(Cut { prompt_variables: Some(missing), ..Cut::default() })),
        ..call(6)
    }
}

/// A call that was refused for its rate, after all retries.
pub fn failed() -> Record {
    Record {
        attempts: Some(3),
        http_status: Some(429),
        outcome: Some(Outcome::Failed),
        total_latency_ms: Some(2_250.0),
        error: Some(Box::new(Failure {
            kind: "rate_limit_exceeded".into(),
            status: Some(429),
            code: Some("rate_limit_exceeded".into()),
            message: Some("slow down".into()),
            ..Failure::default()
        })),
        rate_limit: Some(Box::new(rate_limit())),
        ..call(3)
    }
}

/// A call whose server was not there.
pub fn unreachable() -> Record {
    Record {
        attempts: Some(4),
        outcome: Some(Outcome::Failed),
        total_latency_ms: Some(7_500.0),
        error: Some(Box::new(Failure {
            kind: error_type::CONNECT.into(),
            class: Some(ErrorClass::Connect),
            ..Failure::default()
        })),
        ..call(6)
    }
}

/// A stream whose reader left.
pub fn dropped() -> Record {
    Record {
        ttft_ms: Some(250.0),
        total_latency_ms: Some(400.0),
        http_status: Some(200),
        outcome: Some(Outcome::Dropped),
        wire: Some(Box::new(Wire { end_marker: Some(false), ..wire() })),
        ..call(4)
    }
}

/// A call whose cost is known.
pub fn priced() -> Record {
    let amount = |nanos| Amount::from_nanos(nanos).unwrap_or_default();
    Record {
        outcome: Some(Outcome::Completed),
        http_status: Some(200),
        total_latency_ms: Some(1_000.0),
        input_tokens: Some(1_200),
        output_tokens: Some(340),
        usage: Some(Usage { source: Some(UsageSource::Reported), ..Usage::default() }),
        cost: Some(Box::new(Cost {
            total: amount(480_000),
            input: Some(amount(276_000)),
            output: Some(amount(204_000)),
            currency: Cost::USD.into(),
            table: Some("example-1".into()),
            source: Some(CostSource::Table),
        })),
        ..call(6)
    }
}

/// A call that was refused for its rate and not answered, before it was.
pub fn retried() -> Record {
    let attempt = |sent_ms, status: Option<u16>| AttemptDetail {
        sent_ms: Some(sent_ms),
        headers_ms: status.map(|_| 240.0),
        status,
        ..AttemptDetail::default()
    };
    let refused = AttemptDetail {
        error: Some(Box::new(Failure {
            kind: "rate_limit_exceeded".into(),
            status: Some(429),
            code: Some("rate_limit_exceeded".into()),
            message: Some("slow down".into()),
            ..Failure::default()
        })),
        provider_request_id: Some("req_1".into()),
        rate_limit: Some(Box::new(rate_limit())),
        server_timing: BTreeMap::from([("processing_ms".into(), 3.0)]),
        ..attempt(0.5, Some(429))
    };
    Record {
        total_latency_ms: Some(22_300.0),
        latency: Some(Box::new(Latency {
            queue_ms: Some(22_000.5),
            limiter_ms: Some(0.5),
            retry_ms: Some(22_000.0),
            headers_ms: Some(240.0),
            ..Latency::default()
        })),
        outcome: Some(Outcome::Completed),
        attempts: Some(3),
        attempt_details: vec![refused, attempt(20_500.5, None), attempt(22_000.5, Some(200))],
        http_status: Some(200),
        ..call(6)
    }
}
