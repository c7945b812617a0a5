//! Logfire's SDK, which has an earlier opentelemetry of its own: two worlds in one program.

use std::time::Duration;

use llmobs::Outcome;
use llmobs::openai::OpenAi;
use llmobs::otlp::Otlp;
use llmobs::testing::Recording;
use llmobs_testserver::{Answer, ChatScript, Server, Usage, chat_completion};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_sdk_of_logfire::trace::{InMemorySpanExporter, SimpleSpanProcessor};
use prost::Message;
use rig_core::completion::CompletionRequest;
use rig_core::providers::openai::OpenAIConfig;
use tracing::Instrument;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Logfire has the span, our pipeline has the record and a span of its own: once each.
#[tokio::test]
async fn beside_logfire_a_call_is_once_in_logfire_and_once_in_our_own_pipeline() {
    let model = Server::start().await.expect("a port for the model");
    let usage = Usage { prompt: 12, completion: 7, ..Usage::default() };
    let answer = chat_completion(&ChatScript::new("Fine.").usage(usage));
    model.answer(Answer::json(200, &answer));
    let receiver = Server::start().await.expect("a port for the receiver");
    receiver.handler(|_| Answer::bytes(200, "application/x-protobuf", Vec::new()));
    let endpoint = format!("{}/v1/traces", receiver.url());
    let otlp = Otlp::new().traces_endpoint(&endpoint).expect("the receiver has a URL");
    let recording = Recording::with(|builder| otlp.install(builder.decoder(OpenAi::new())));

    let exporter = InMemorySpanExporter::default();
    let logfire = logfire::configure()
        .local()
        .send_to_logfire(false)
        .with_console(None)
        .with_additional_span_processor(SimpleSpanProcessor::new(exporter.clone()))
        .finish()
        .expect("Logfire starts");
    // As Logfire has it for those who have a subscriber of their own, with one line of ours.
    let subscriber = Registry::default().with(logfire.tracing_layer()).with(llmobs::layer());
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let ask = async {
        let config = OpenAIConfig::new("sk-test").with_base_url(model.base_url());
        let model = config.client().chat("gpt-4o-mini");
        model.call(CompletionRequest::new("hello")).await.expect("it is answered");
    };
    let request = tracing::info_span!("POST /ask");
    recording.scope().run(ask.instrument(request)).await;

    let recorder = recording.recorder().clone();
    let flush = move || recorder.flush(Duration::from_secs(20));
    let flushed = tokio::task::spawn_blocking(flush).await.expect("a flush does not panic");
    flushed.expect("everything is delivered");
    let records = recording.observed();
    let interactions = records.interactions();
    let record = interactions.only();
    assert_eq!((record.input_tokens, record.outcome), (Some(12), Some(Outcome::Completed)));
    // The request's span is Logfire's; ours is recorded as the parent that would be missing else.
    let around = records.named("POST /ask");
    assert_eq!(record.parent_span_id, around.span_id);

    let theirs = exporter.get_finished_spans().expect("nobody has shut it down");
    let mut names: Vec<_> = theirs.iter().map(|span| span.name.as_ref()).collect();
    names.sort_unstable();
    assert_eq!(names, ["POST /ask", "chat"]);
    let ours: Vec<_> = receiver
        .received()
        .iter()
        .map(|request| {
            ExportTraceServiceRequest::decode(request.body.as_ref()).expect("a protobuf")
        })
        .flat_map(|request| request.resource_spans)
        .flat_map(|spans| spans.scope_spans)
        .flat_map(|spans| spans.spans)
        .collect();
    let mut names: Vec<_> = ours.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["POST /ask", "chat gpt-4o-mini"]);
    // Two worlds: nothing of Logfire's is known to ours, and the traces are not the same.
    let trace = theirs[0].span_context.trace_id().to_bytes().to_vec();
    assert!(ours.iter().all(|span| span.trace_id != trace));
}
