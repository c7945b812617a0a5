//! What the conventions do not have, and what OpenAI adds to them.

use llmobs_core::testing::samples;
use llmobs_core::{AttemptDetail, BodyEnd, ErrorClass, Failure, Outcome, Record, Step, StepKind};
use serde_json::json;

use super::{SECONDS, common, counter, histogram, metric, names, stream, sums};
use crate::scene::{Scene, complete, issue, issue_at};

#[test]
fn retries_are_counted_by_what_was_tried_again() {
    let scene = Scene::measured();
    let failed = |class| AttemptDetail {
        error: Some(Box::new(Failure { class, ..Failure::default() })),
        ..AttemptDetail::default()
    };
    let retried = Record {
        attempts: Some(5),
        attempt_details: vec![
            failed(Some(ErrorClass::RateLimit)),
            failed(Some(ErrorClass::RateLimit)),
            failed(Some(ErrorClass::ServerError)),
            // Never answered.
            AttemptDetail::default(),
            // The last one is the call's own end.
            failed(Some(ErrorClass::Timeout)),
        ],
        ..samples::failed()
    };
    scene.recorder().record(retried);
    scene.recorder().record(Record { attempts: Some(1), ..samples::failed() });
    scene.flush();
    let (points, grows) = sums(&scene.receiver, "llmobs.client.retries");
    assert!(grows);
    let mut by_class: Vec<_> = points
        .into_iter()
        .map(|(n, labels)| (labels.get("llmobs.error.class").cloned(), n))
        .collect();
    by_class.sort_by_key(|(class, _)| class.as_ref().map(ToString::to_string));
    let expected =
        [(None, 1.0), (Some(json!("rate_limit")), 2.0), (Some(json!("server_error")), 1.0)];
    assert_eq!(by_class, expected);
    assert_eq!(metric(&scene.receiver, "llmobs.client.retries").unit, "{attempt}");
}

#[test]
fn the_time_before_sending_is_measured() {
    let scene = Scene::measured();
    let call = issue(scene.recorder(), json!({"model": "m"}));
    scene.advance(70);
    complete(call, 200, json!({}));
    scene.flush();
    let queued = histogram(&scene.receiver, "llmobs.client.queue_time", "s", &SECONDS);
    assert_eq!(queued, (1, 0.07, common("m", json!({}))));
}

#[test]
fn calls_that_did_not_come_to_their_end_are_counted_by_outcome() {
    let scene = Scene::measured();
    stream(&scene, "m", 2, BodyEnd::Dropped);
    stream(&scene, "m", 2, BodyEnd::Complete);
    let unfinished = Record { outcome: Some(Outcome::Unfinished), ..samples::dropped() };
    scene.recorder().record(unfinished);
    scene.flush();
    let (points, _) = sums(&scene.receiver, "llmobs.client.incomplete_calls");
    let outcomes: Vec<_> =
        points.iter().map(|(n, by)| (*n, by["llmobs.outcome"].clone())).collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(outcomes.contains(&(1.0, json!("dropped"))), "{outcomes:?}");
    assert!(outcomes.contains(&(1.0, json!("unfinished"))), "{outcomes:?}");
}

#[test]
fn the_share_of_the_cache_is_measured_where_both_counts_are_known() {
    let scene = Scene::measured();
    scene.receiver.receives_anything("more of a cache than was asked for");
    let shares = [
        json!({"input_tokens": 100, "usage": {"cache_read_tokens": 25}}),
        json!({"input_tokens": 100, "usage": {"cache_read_tokens": 0}}),
        json!({"input_tokens": 100}),
        json!({"input_tokens": 0, "usage": {"cache_read_tokens": 0}}),
        json!({"input_tokens": 100, "usage": {"cache_read_tokens": 101}}),
        json!({"input_tokens": 100, "usage": {"cache_read_tokens": 50, "inconsistent": true}}),
    ];
    for answer in shares {
        scene.call(json!({"model": "m"}), answer);
    }
    scene.flush();
    let bounds = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99];
    let share = histogram(&scene.receiver, "llmobs.client.cache_hit", "1", &bounds);
    assert_eq!(share, (2, 0.25, common("m", json!({}))));
}

#[test]
fn what_is_not_paid_for_call_by_call_is_not_unpriced() {
    let scene = Scene::measured();
    let of = |operation: &'static str| Record {
        operation: Some(operation.into()),
        cost: None,
        ..samples::media()
    };
    for operation in ["moderation", "api_call", "fetch_response", "retrieval"] {
        scene.recorder().record(of(operation));
    }
    scene.flush();
    assert!(!names(&scene.receiver).iter().any(|name| name == "llmobs.client.unpriced"));
    for operation in ["chat", "generate_content", "embeddings", "transcription"] {
        scene.recorder().record(of(operation));
    }
    scene.flush();
    let (points, _) = sums(&scene.receiver, "llmobs.client.unpriced");
    assert_eq!(points.iter().map(|(n, _)| n).sum::<f64>(), 4.0);
}

#[test]
fn openai_adds_its_tier_and_fingerprint_to_durations_and_tokens_alone() {
    let scene = Scene::measured();
    let answer = json!({
        "input_tokens": 3, "output_tokens": 4,
        "service_tier": "default", "system_fingerprint": "fp_1",
    });
    scene.call(json!({"model": "m"}), answer.clone());
    scene.flush();
    let to = &scene.receiver;
    let more = json!({
        "openai.response.service_tier": "default", "openai.response.system_fingerprint": "fp_1",
    });
    let duration = histogram(to, "gen_ai.client.inference.duration", "s", &SECONDS);
    assert_eq!(duration.2, common("m", more));
    let tokens = counter(to, "gen_ai.client.inference.usage.input_tokens");
    assert_eq!(tokens[0].1["openai.response.system_fingerprint"], json!("fp_1"));
    let queue = histogram(to, "llmobs.client.queue_time", "s", &SECONDS);
    assert_eq!(queue.2, common("m", json!({})));

    let scene = Scene::measured();
    let call = issue_at(scene.recorder(), "vllm.internal", "/v1/chat/completions", json!({}));
    complete(call, 200, answer);
    scene.flush();
    let duration = histogram(&scene.receiver, "gen_ai.client.inference.duration", "s", &SECONDS);
    assert_eq!(duration.2.get("openai.response.service_tier"), None, "{}", duration.2);
}

#[test]
fn an_agent_tells_what_it_called_itself() {
    let scene = Scene::measured();
    let step = |kind, name: &'static str, inside: &dyn Fn()| {
        let step = Step::start(kind, name);
        step.run_sync(inside);
        step.end();
    };
    scene.scope().run_sync(|| {
        step(StepKind::Agent, "outer", &|| {
            scene.call(json!({"model": "m"}), json!({}));
            step(StepKind::Tool, "search", &|| ());
            step(StepKind::Agent, "inner", &|| {
                for _ in 0..3 {
                    scene.call(json!({"model": "m"}), json!({}));
                }
            });
        });
    });
    scene.flush();
    let bounds = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];
    let of = |name, unit| {
        let points = super::points(metric(&scene.receiver, name), unit, &bounds).into_iter();
        let mut all: Vec<_> = points
            .map(|point| {
                let labels = super::attributes(&point.attributes);
                (labels["gen_ai.agent.name"].to_string(), point.count, point.sum.expect("a sum"))
            })
            .collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        all
    };
    let row = |name: &str, sum| (format!("{name:?}"), 1, sum);
    let calls = of("gen_ai.invoke_agent.inference_calls", "{inference_call}");
    assert_eq!(calls, [row("inner", 3.0), row("outer", 1.0)]);
    let tools = of("gen_ai.invoke_agent.tool_calls", "{tool_call}");
    assert_eq!(tools, [row("inner", 0.0), row("outer", 1.0)]);
}

#[test]
fn times_that_are_no_times_are_not_recorded() {
    let scene = Scene::measured();
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
        let mut record = samples::streamed_chat();
        record.total_latency_ms = Some(odd);
        record.ttft_ms = Some(odd);
        record.tpot_ms = Some(odd);
        if let Some(latency) = &mut record.latency {
            latency.time_to_first_chunk_ms = Some(odd);
            latency.queue_ms = Some(odd);
            latency.chunk_gaps_ms = vec![odd as f32];
        }
        scene.recorder().record(record);
        let step = Record { total_latency_ms: Some(odd), ..samples::told_step() };
        scene.recorder().record(Record { step: Some(StepKind::Tool), ..step });
    }
    scene.flush();
    let timed = ["duration", "time_to_first", "time_per_output", "queue_time"];
    for metric in scene.receiver.metrics() {
        let name = metric.name;
        assert!(!timed.iter().any(|part| name.contains(part)), "{name} has been recorded");
    }
}
