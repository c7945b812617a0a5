//! Every field of a record as attributes.

use std::collections::BTreeMap;

use llmobs_core::testing::samples;
use llmobs_core::{Content, FallbackAttempt, Outcome, Params, Prompt, Record, StepKind, Totals};
use serde_json::{Value, json};

use crate::receiver::json as attributes;
use crate::scene::Scene;

/// The name and the attributes a record arrives with.
fn arrived(record: Record) -> (String, Value) {
    let scene = Scene::own();
    let own: Vec<_> = record.attributes.keys().cloned().collect();
    scene.receiver.expects(|checker| checker.application(own.iter().map(String::as_str)));
    scene.recorder().record(record);
    scene.flush();
    let mut spans = scene.receiver.spans();
    assert_eq!(spans.len(), 1);
    let span = spans.remove(0);
    (span.name, attributes(&span.attributes))
}

#[test]
fn a_cost_arrives_with_its_parts_and_where_it_is_from() {
    let scene = Scene::own();
    scene.recorder().record(samples::priced());
    scene.flush();
    let found = attributes(&scene.receiver.spans().remove(0).attributes);
    assert_eq!(found["llmobs.cost.total"], json!(0.00048));
    assert_eq!(found["llmobs.cost.input"], json!(0.000276));
    assert_eq!(found["llmobs.cost.output"], json!(0.000204));
    assert_eq!(found["llmobs.cost.currency"], json!("USD"));
    assert_eq!(found["llmobs.cost.table"], json!("example-1"));
    assert_eq!(found["llmobs.cost.source"], json!("table"));
}

#[test]
fn a_record_with_every_field_is_a_span_with_every_attribute() {
    let record = samples::streamed_chat();
    let content = record.content.clone().expect("it has content");
    assert_eq!(content.input_messages, Some(json!([{"role": "user", "parts": ["hello"]}])));
    let input = r#"[{"parts":[{"content":"hello","type":"text"}],"role":"user"}]"#;
    let output = concat!(
        r#"[{"finish_reason":"stop","parts":[{"content":"hi\r\n","type":"text"}],"#,
        r#""role":"assistant"}]"#
    );
    let (name, found) = arrived(record.clone());
    assert_eq!(name, format!("chat {}", record.model.as_deref().unwrap_or_default()));
    assert_eq!(found["gen_ai.input.messages"], json!(input));
    assert_eq!(found["gen_ai.output.messages"], json!(output));
    let latency = record.latency.as_ref().expect("it has latencies");
    let first_chunk = latency.time_to_first_chunk_ms.expect("it has a first chunk") / 1_000.0;
    assert_eq!(found["gen_ai.response.time_to_first_chunk"], json!(first_chunk));
    assert_eq!(found["gen_ai.request.stream"], json!(true));
    assert_eq!(found["gen_ai.conversation.id"], json!(record.session_id));
    assert_eq!(found["user.id"], json!(record.user_id));
    assert_eq!(found["llmobs.tpot_ms"], json!(record.tpot_ms));
    let usage = record.usage.as_ref().expect("it has usage");
    assert_eq!(found["gen_ai.usage.cache_read.input_tokens"], json!(usage.cache_read_tokens));
    assert_eq!(found["gen_ai.usage.reasoning.output_tokens"], json!(usage.reasoning_tokens));
    assert_eq!(record.finish_reasons, [Some("stop".to_owned()), None]);
    assert_eq!(found["gen_ai.response.finish_reasons"], json!(["stop", "error"]));
    for (tag, value) in &record.tags {
        assert_eq!(found[format!("llmobs.tag.{tag}")], json!(value));
    }
}

#[test]
fn other_operations_say_which_api_and_what_kind_of_output() {
    let of = |operation: &'static str, api: &'static str| {
        let (operation, api) = (Some(operation.into()), Some(api.into()));
        arrived(Record { operation, api, ..samples::media() })
    };
    let (name, found) = of("generate_content", "images");
    assert_eq!(name, "generate_content small");
    assert_eq!(found["gen_ai.output.type"], "image");
    assert_eq!((&found["llmobs.api"], &found["openai.api.type"]), (&json!("images"), &Value::Null));
    assert_eq!(found["gen_ai.usage.image.output_tokens"], 1_056);
    assert_eq!(found["gen_ai.usage.text.input_tokens"], 30);
    assert_eq!(found["llmobs.usage.audio_seconds"], 1.5);
    assert_eq!(found["llmobs.latency.time_to_first_byte_ms"], 181.0);
    let (_, found) = of("generate_content", "audio_speech");
    assert_eq!(found["gen_ai.output.type"], "speech");
    let (name, found) = of("transcription", "audio_transcriptions");
    assert_eq!(
        (name.as_str(), &found["gen_ai.output.type"]),
        ("transcription small", &Value::Null)
    );
    // Other calls have no model worth a name, and too many paths for one.
    let (name, found) = of("api_call", "files");
    assert_eq!((name.as_str(), &found["gen_ai.output.type"]), ("api_call files", &Value::Null));
}

#[test]
fn a_span_says_when_its_times_are_the_reader_s() {
    let (_, found) = arrived(samples::read());
    assert_eq!(found["llmobs.latency.clock"], json!("reader"));
    assert_eq!(found["llmobs.consumer.stall_ms"], json!(120.25));
    assert_eq!(found["llmobs.consumer.ended"], json!("failed"));
}

fn call(change: impl FnOnce(&mut Record)) -> Value {
    let mut record = Record {
        operation: Some("chat".into()),
        outcome: Some(Outcome::Completed),
        http_status: Some(200),
        ..samples::dropped()
    };
    record.params = None;
    record.finish_reasons.clear();
    change(&mut record);
    arrived(record).1
}

#[test]
fn parameters_follow_the_conventions_conditions() {
    let params = |params: Params| call(|record| record.params = Some(Box::new(params)));
    let found = params(Params {
        temperature: Some(0.5),
        top_p: Some(0.9),
        top_k: Some(40.0),
        max_tokens: Some(64),
        n: Some(2),
        seed: Some(-7),
        stop: vec!["a".into(), "b".into()],
        frequency_penalty: Some(0.1),
        presence_penalty: Some(-0.2),
        reasoning_effort: Some("high".into()),
        response_format: Some("json_schema".into()),
        service_tier: Some("flex".into()),
        previous_response_id: Some("resp_1".into()),
        ..Params::default()
    });
    let expected = json!({
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9,
        "gen_ai.request.top_k": 40,
        "gen_ai.request.max_tokens": 64,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.seed": -7,
        "gen_ai.request.stop_sequences": ["a", "b"],
        "gen_ai.request.frequency_penalty": 0.1,
        "gen_ai.request.presence_penalty": -0.2,
        "gen_ai.request.reasoning.level": "high",
        "gen_ai.output.type": "json",
        "openai.request.service_tier": "flex",
        "gen_ai.request.previous_response.id": "resp_1",
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&found[name], value, "{name}");
    }
    let found = params(Params {
        n: Some(1),
        service_tier: Some("auto".into()),
        top_k: Some(0.5),
        response_format: Some("grammar".into()),
        ..Params::default()
    });
    for name in expected.as_object().expect("an object").keys() {
        assert_eq!(found.get(name), None, "{name}");
    }
}

#[test]
fn a_call_that_was_not_streamed_does_not_say_so() {
    assert_eq!(call(|record| record.stream = Some(false)).get("gen_ai.request.stream"), None);
}

#[test]
fn a_reason_that_was_expected_and_did_not_come_is_an_error_in_spans_only() {
    let reasons =
        |change: fn(&mut Record)| call(change).get("gen_ai.response.finish_reasons").cloned();
    let stop = || Some("stop".to_owned());
    assert_eq!(reasons(|_| {}), None, "not every wire format has them");
    let found = call(|record| record.finish_reasons = vec![stop(), None]);
    assert_eq!(found["gen_ai.response.finish_reasons"], json!(["stop", "error"]));
    let found = call(|record| {
        record.outcome = Some(Outcome::Dropped);
        record.finish_reasons = vec![stop()];
        record.params = Some(Box::new(Params { n: Some(3), ..Params::default() }));
    });
    assert_eq!(found["gen_ai.response.finish_reasons"], json!(["stop", "error", "error"]));
    let failed = |record: &mut Record| {
        record.outcome = Some(Outcome::Failed);
        record.http_status = Some(500);
    };
    assert_eq!(reasons(failed), None);
    // However many choices the request asks for.
    let found = call(|record| {
        record.outcome = Some(Outcome::Dropped);
        record.params = Some(Box::new(Params { n: Some(u64::MAX), ..Params::default() }));
    });
    assert_eq!(found["gen_ai.response.finish_reasons"].as_array().map(Vec::len), Some(128));
}

#[test]
fn a_span_has_at_most_128_attributes_and_drops_tags_first() {
    let scene = Scene::own();
    let tags: BTreeMap<_, _> = (0..200).map(|n| (format!("t{n:03}"), "v".to_owned())).collect();
    scene.recorder().record(Record { tags, ..samples::streamed_chat() });
    scene.flush();
    let span = scene.receiver.spans().remove(0);
    assert_eq!(span.attributes.len(), 128);
    let all = attributes(&span.attributes);
    let tags = all.as_object().expect("an object").keys().filter(|k| k.starts_with("llmobs.tag."));
    assert_eq!(span.dropped_attributes_count as usize, 200 - tags.count());
    assert!(all.get("gen_ai.output.messages").is_some());
}

#[test]
fn the_prompt_and_its_variables_are_there_and_the_hash_is_ours() {
    let found = call(|record| {
        record.prompt = Some(Prompt {
            name: "greet".into(),
            version: Some("v3".into()),
            hash: Some("abc".into()),
            variables: BTreeMap::from([("who".into(), "Ada".into())]),
        });
    });
    assert_eq!(found["gen_ai.prompt.name"], json!("greet"));
    assert_eq!(found["gen_ai.prompt.version"], json!("v3"));
    assert_eq!(found["gen_ai.prompt.variable.who"], json!("Ada"));
    assert_eq!(found["llmobs.prompt.hash"], json!("abc"));
}

#[test]
fn all_prompts_of_a_call_are_listed_where_there_are_several() {
    let (_, found) = arrived(samples::prompts());
    assert_eq!(found["gen_ai.prompt.name"], json!("answer"));
    assert_eq!(found["gen_ai.prompt.version"], json!("3"));
    assert_eq!(found["llmobs.prompts"], json!(["tone@aaaaaaaaaaaa", "answer@3"]));
    let (_, found) = arrived(samples::streamed_chat());
    assert_eq!(found.get("llmobs.prompts"), None);
}

#[test]
fn steps_are_named_by_the_conventions_where_these_know_them() {
    let step = |kind, name: &str| {
        let name = Some(name.to_owned());
        arrived(Record { step: Some(kind), name, ..samples::step() })
    };
    let (name, found) = step(StepKind::Tool, "search");
    assert_eq!(name, "execute_tool search");
    assert_eq!(found["gen_ai.operation.name"], json!("execute_tool"));
    assert_eq!(found["gen_ai.tool.name"], json!("search"));
    assert_eq!(found["llmobs.step"], json!("tool"));
    let (name, found) = step(StepKind::Agent, "planner");
    assert_eq!(
        (name.as_str(), &found["gen_ai.agent.name"]),
        ("invoke_agent planner", &json!("planner"))
    );
    let (name, found) = step(StepKind::Workflow, "support");
    assert_eq!(name, "invoke_workflow support");
    assert_eq!(found["gen_ai.workflow.name"], json!("support"));
    let (name, found) = step(StepKind::Retrieval, "kb.search");
    assert_eq!((name.as_str(), &found["llmobs.step.name"]), ("retrieval", &json!("kb.search")));
    assert_eq!(found["gen_ai.operation.name"], json!("retrieval"));
    let (name, found) = step(StepKind::Guardrail, "check_pii");
    assert_eq!((name.as_str(), &found["llmobs.step"]), ("check_pii", &json!("guardrail")));
    assert_eq!(found.get("gen_ai.operation.name"), None);
}

#[test]
fn what_a_step_was_run_with_goes_by_the_names_of_its_kind() {
    let content = Content {
        arguments: Some(json!({"q": "rust"})),
        result: Some(json!(["a", "b"])),
        documents: Some(json!([{"id": "kb-1", "content": "a"}])),
        ..Content::default()
    };
    let content = Some(Box::new(content));
    let step = |kind| {
        let content = content.clone();
        arrived(Record { step: Some(kind), content, ..samples::step() }).1
    };
    let found = step(StepKind::Tool);
    assert_eq!(found["gen_ai.tool.call.arguments"], json!(r#"{"q":"rust"}"#));
    assert_eq!(found["gen_ai.tool.call.result"], json!(r#"{"result":["a","b"]}"#));
    let found = step(StepKind::Retrieval);
    assert_eq!(found["llmobs.step.arguments"], json!(r#"{"q":"rust"}"#));
    assert_eq!(found["llmobs.step.result"], json!(r#"["a","b"]"#));
    assert_eq!(found["gen_ai.retrieval.documents"], json!(r#"[{"content":"a","id":"kb-1"}]"#));
}

#[test]
fn what_a_step_tells_of_itself_lands_in_its_standard_fields() {
    let step = |kind| arrived(Record { step: Some(kind), ..samples::told_step() });
    let (name, found) = step(StepKind::Tool);
    assert_eq!(name, "execute_tool search", "the tool's own name, not the function's");
    assert_eq!(found["gen_ai.tool.name"], json!("search"));
    assert_eq!(found["gen_ai.tool.call.id"], json!("call_1"));
    assert_eq!(found["gen_ai.tool.type"], json!("function"));
    let (name, found) = step(StepKind::Agent);
    assert_eq!(
        (name.as_str(), &found["llmobs.agent.id"]),
        ("invoke_agent support", &json!("agent-1"))
    );
    assert_eq!(found["llmobs.agent.version"], json!("2"));
    assert_eq!(step(StepKind::Workflow).0, "invoke_workflow refunds");

    let (_, found) = step(StepKind::Retrieval);
    assert_eq!(found["llmobs.retrieved.count"], json!(3));
    assert_eq!(found["llmobs.retrieved.ids"], json!(["kb-7", ""]));
    assert_eq!(found["llmobs.retrieved.scores"], json!([0.875, 0.5]));
    assert_eq!(found["llmobs.step.items"], json!(3));
}

#[test]
fn attributes_of_the_applications_keep_their_names_and_types() {
    let attributes = BTreeMap::from([
        ("hit".to_owned(), json!(true)),
        ("k".to_owned(), json!(-3)),
        ("least".to_owned(), json!(0.5)),
        ("list".to_owned(), json!(["a"])),
        ("nothing".to_owned(), json!(null)),
        ("text".to_owned(), json!("a")),
        ("llmobs.step".to_owned(), json!("mine")),
    ]);
    let (_, found) = arrived(Record { attributes, ..samples::step() });
    assert_eq!(
        (&found["hit"], &found["k"], &found["least"]),
        (&json!(true), &json!(-3), &json!(0.5))
    );
    assert_eq!((&found["list"], &found["text"]), (&json!(r#"["a"]"#), &json!("a")));
    assert_eq!(found.get("nothing"), None);
    assert_eq!(found["llmobs.step"], json!("retrieval"), "ours stays what it is");
}

#[test]
fn an_agent_has_the_tokens_of_its_calls_where_all_are_known() {
    let totals = Totals { calls: 2, turns: 2, input_tokens: 13, ..Totals::default() };
    let agent = |uncounted| Record {
        step: Some(StepKind::Agent),
        totals: Some(Box::new(Totals { uncounted, ..totals.clone() })),
        ..samples::step()
    };
    let (_, found) = arrived(agent(0));
    assert_eq!(found["gen_ai.usage.input_tokens"], json!(13));
    assert_eq!(found["gen_ai.usage.output_tokens"], json!(0));
    assert_eq!(
        (&found["llmobs.totals.calls"], &found["llmobs.totals.turns"]),
        (&json!(2), &json!(2))
    );
    let (_, found) = arrived(agent(1));
    assert_eq!(found.get("gen_ai.usage.input_tokens"), None, "a sum that is short");
}

#[test]
fn the_attempts_of_a_fallback_say_which_they_are() {
    let fallback = FallbackAttempt { attempt: 2, span_id: None };
    let found = call(|record| record.fallback = Some(fallback));
    assert_eq!(found["llmobs.fallback.attempt"], json!(2));
}

#[test]
fn a_retried_call_tells_the_wait_and_one_that_was_not_does_not() {
    let retried = arrived(samples::retried()).1;
    assert_eq!(retried["llmobs.latency.retry_ms"], json!(22_000.0));
    assert_eq!(
        (&retried["llmobs.attempts"], &retried["llmobs.http_status"]),
        (&json!(3), &json!(200))
    );
    let once = arrived(Record { attempts: Some(1), ..samples::retried() }).1;
    assert_eq!(once["llmobs.latency.retry_ms"], Value::Null);
}

#[test]
fn a_gateway_and_a_deployment_are_told() {
    let found = call(|record| {
        record.served_by = Some("groq".into());
        record.deployment = Some("my-gpt".into());
    });
    assert_eq!(found["llmobs.served_by"], "groq");
    assert_eq!(found["gen_ai.request.model"], "small", "the request names one itself");
    let record = Record { model: None, deployment: Some("my-gpt".into()), ..samples::dropped() };
    let (name, found) = arrived(record);
    assert_eq!((name.as_str(), &found["gen_ai.request.model"]), ("chat my-gpt", &json!("my-gpt")));
}
