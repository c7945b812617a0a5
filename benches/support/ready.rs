//! Records that are ready: streamed chats without content, as the worker hands them to the sinks.

use std::time::Duration;

use llmobs_core::testing::FakeClock;
use llmobs_core::{
    Amount, Clock, Cost, Latency, Outcome, Params, Record, RequestId, Server, SpanId, TpotSource,
    TraceId, Usage, UsageSource, millis,
};

/// So many different ones; ids, times and counts are of their own.
pub(crate) fn records(n: usize) -> Vec<Record> {
    let clock = FakeClock::default();
    (0..n as u64).map(|n| record(n, &clock)).collect()
}

/// As many that say less each: a line of JSON takes about 600 bytes.
pub(crate) fn small(n: usize) -> Vec<Record> {
    let less = |record| Record {
        service: None,
        session_id: None,
        params: None,
        cost: None,
        latency: None,
        response_id: None,
        ..record
    };
    records(n).into_iter().map(less).collect()
}

fn record(n: u64, clock: &FakeClock) -> Record {
    // As many digits as random ids have, the same in every run.
    let bits = u128::from(n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    clock.advance(Duration::from_micros(1_234 + n % 977));
    // Digits that differ and do not repeat, as measured times have them.
    let ms = |base: u64, spread: u64| Some(millis(base * 1_000_000 + n * 7_919_337 % spread));
    let (input, output) = (900 + n * 31 % 700, 40 + n * 17 % 300);
    let amount = |nanos| Amount::from_nanos(nanos).unwrap_or_default();
    Record {
        request_id: Some(RequestId::new(clock.now(), bits)),
        trace_id: TraceId::new(bits),
        span_id: SpanId::new((bits >> 32) as u64),
        timestamp: Some(clock.now()),
        service: Some("shop".into()),
        session_id: Some(format!("session-{}", n / 5)),
        operation: Some("chat".into()),
        api: Some("chat_completions".into()),
        provider: Some("openai".into()),
        server: Some(Server { address: "api.openai.com".into(), port: Some(443) }),
        model: Some("gpt-4o-mini".into()),
        model_version: Some("gpt-4o-mini-2024-07-18".into()),
        params: Some(Box::new(Params {
            temperature: Some(0.7),
            max_tokens: Some(512),
            ..Params::default()
        })),
        stream: Some(true),
        input_tokens: Some(input),
        output_tokens: Some(output),
        usage: Some(Usage {
            total_tokens: Some(input + output),
            source: Some(UsageSource::Reported),
            ..Usage::default()
        }),
        cost: Some(Box::new(Cost::reported(amount(input * 150 + output * 600)))),
        ttft_ms: ms(200, 300_000_000),
        tpot_ms: ms(8, 9_000_000),
        total_latency_ms: ms(1_000, 3_000_000_000),
        latency: Some(Box::new(Latency {
            queue_ms: ms(0, 900_000),
            time_to_first_chunk_ms: ms(190, 290_000_000),
            tpot_source: Some(TpotSource::Tokens),
            ..Latency::default()
        })),
        finish_reason: Some("stop".into()),
        finish_reasons: vec![Some("stop".into())],
        outcome: Some(Outcome::Completed),
        attempts: Some(1),
        response_id: Some(format!("chatcmpl-{n:029}")),
        http_status: Some(200),
        ..Record::default()
    }
}
