//! One chat call, told whole.

use std::time::Duration;

use futures_util::StreamExt;
use llmobs::{Outcome, TpotSource, UsageSource};
use llmobs_testserver::{Answer, ChatScript, Gate, Server, Usage, chat_chunks, chat_completion};

use crate::support::{client, question, recording};

fn usage(prompt: u64, completion: u64) -> Usage {
    let mut usage = Usage::default();
    (usage.prompt, usage.completion) = (prompt, completion);
    usage
}

fn script() -> ChatScript {
    ChatScript::tokens(["Your", " order", " is", " on", " its", " way", "."])
        .model("gpt-4o-mini-2024-07-18")
        .fingerprint(Some("fp_44709d6fcb"))
        .usage(usage(12, 7))
}

#[tokio::test]
async fn a_streamed_answer_becomes_a_record() {
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chat_chunks(&script())).header("x-request-id", "req_7"));
    let recording = recording();
    let texts = recording
        .scope()
        .session("s-1")
        .user("u-1")
        .tag("tenant", "acme")
        .prompt("support", "3")
        .run(async {
            let client = client(&server);
            let stream = client.chat().create_stream(question("Where is it?")).await;
            let mut stream = stream.expect("the server answers");
            let mut texts = String::new();
            while let Some(chunk) = stream.next().await {
                let chunk = chunk.expect("the chunk is valid");
                texts.extend(chunk.choices.into_iter().filter_map(|c| c.delta.content));
            }
            texts
        })
        .await;
    assert_eq!(texts, "Your order is on its way.");

    let [record] = &recording.records()[..] else { panic!("one call, one record") };
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.operation.as_deref(), Some("chat"));
    assert_eq!(record.api.as_deref(), Some("chat_completions"));
    assert_eq!(record.provider.as_deref(), Some("127.0.0.1"));
    let server_of_record = record.server.as_ref().expect("known");
    assert_eq!(server_of_record.port, Some(server.address().port()));
    assert_eq!(record.model.as_deref(), Some("gpt-4o-mini"));
    assert_eq!(record.model_version.as_deref(), Some("gpt-4o-mini-2024-07-18"));
    assert_eq!(record.system_fingerprint.as_deref(), Some("fp_44709d6fcb"));
    assert_eq!(record.stream, Some(true));
    assert_eq!(record.session_id.as_deref(), Some("s-1"));
    assert_eq!(record.user_id.as_deref(), Some("u-1"));
    assert_eq!(record.tags["tenant"], "acme");
    let prompt = record.prompt.as_ref().expect("set by the scope");
    assert_eq!((prompt.name.as_str(), prompt.version.as_deref()), ("support", Some("3")));
    assert_eq!(record.output_tokens, Some(script().output_tokens()));
    assert!(record.input_tokens.is_some());
    assert_eq!(record.usage.as_ref().and_then(|u| u.source), Some(UsageSource::Reported));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
    assert_eq!(record.attempts, Some(1));
    assert_eq!(record.http_status, Some(200));
    assert_eq!(record.provider_request_id.as_deref(), Some("req_7"));
    let wire = record.wire.as_ref().expect("a stream");
    assert_eq!((wire.first_token_event, wire.last_token_event), (Some(1), Some(7)));
    assert_eq!((wire.output_events, wire.end_marker), (Some(7), Some(true)));
    assert!(record.ttft_ms.is_some() && record.total_latency_ms.is_some());
    assert!(record.trace_id.is_some() && record.span_id.is_some() && record.request_id.is_some());
    assert_eq!(record.parent_span_id, None);
    assert_eq!(record.content, None, "content is private unless turned on");
}

#[tokio::test]
async fn time_is_taken_on_the_wire_and_not_at_the_reader() {
    let server = Server::start().await.expect("a port");
    let gates: Vec<Gate> = (0..3).map(|_| Gate::new()).collect();
    let chunks = chat_chunks(&ChatScript::tokens(["a", "b", "c", "d"]).usage(usage(5, 4)));
    // The role, then three tokens each behind a gate, then the rest at once.
    let mut answer = Answer::sse(&chunks);
    for (n, gate) in gates.iter().enumerate() {
        answer = answer.wait_before(n + 1, gate);
    }
    server.answer(answer);
    let recording = recording();
    let clock = recording.clock().clone();
    recording
        .scope()
        .run(async {
            let stream = client(&server).chat().create_stream(question("?")).await;
            let mut stream = stream.expect("the server answers");
            for (gate, pause) in gates.iter().zip([300, 20, 40]) {
                stream.next().await;
                clock.advance(Duration::from_millis(pause));
                gate.open();
            }
            while stream.next().await.is_some() {}
        })
        .await;
    let [record] = &recording.records()[..] else { panic!("one call, one record") };
    let latency = record.latency.as_ref().expect("a stream");
    assert_eq!(record.ttft_ms, Some(300.0));
    assert_eq!(latency.time_to_first_chunk_ms, Some(0.0));
    assert_eq!(latency.prefill_ms, Some(300.0));
    assert_eq!(latency.decode_ms, Some(60.0));
    assert_eq!(record.tpot_ms, Some(20.0), "60 ms for the 3 tokens after the first");
    assert_eq!(latency.tpot_source, Some(TpotSource::Tokens));
    assert_eq!(latency.gap_max_ms, Some(40.0));
    assert_eq!(record.total_latency_ms, Some(360.0));
}

#[tokio::test]
async fn an_answer_in_one_piece_has_no_stream_times() {
    let server = Server::start().await.expect("a port");
    server.answer(Answer::json(200, &chat_completion(&script())));
    let recording = recording();
    let answered = recording
        .scope()
        .run(async { client(&server).chat().create(question("Where is it?")).await })
        .await;
    assert_eq!(answered.expect("an answer").choices.len(), 1);
    let [record] = &recording.records()[..] else { panic!("one call, one record") };
    assert_eq!(record.outcome, Some(Outcome::Completed));
    assert_eq!(record.finish_reason.as_deref(), Some("stop"));
    assert_eq!(record.output_tokens, Some(script().output_tokens()));
    assert_eq!((record.ttft_ms, record.tpot_ms), (None, None));
    assert_eq!(record.stream, None, "the application did not say");
}

#[tokio::test]
async fn calls_inside_a_traced_function_are_its_children() {
    #[llmobs::trace_llm(kind = "workflow", name = "answer")]
    async fn answer(server: &Server) {
        let stream = client(server).chat().create_stream(question("?")).await;
        let _ = stream.expect("the server answers").count().await;
    }
    let server = Server::start().await.expect("a port");
    server.answer(Answer::sse(chat_chunks(&script())));
    let recording = recording();
    recording.scope().run(answer(&server)).await;
    let records = recording.records();
    let step = records.iter().find(|r| r.name.as_deref() == Some("answer")).expect("the step");
    let call = records.iter().find(|r| r.operation.is_some()).expect("the call");
    assert_eq!(call.parent_span_id, step.span_id);
    assert_eq!(call.trace_id, step.trace_id);
}

#[tokio::test]
async fn a_client_that_lost_its_service_is_found_out() {
    let server = Server::start().await.expect("a port");
    let good = client(&server);
    let lost = client(&server).with_http_client(reqwest::Client::new());
    assert!(llmobs::openai::instrumentation(&good).calls);
    assert!(llmobs::openai::instrumentation(&good).attempts);
    assert_eq!(llmobs::openai::instrumentation(&lost), Default::default());
    llmobs::openai::assert_instrumented(&good);
    assert_eq!(server.hits(), 0, "asking sends nothing");
}
