//! What a careful user writes without a crate for it: a span, an [`Instant`], and what the chunks tell.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use async_openai::types::chat::CreateChatCompletionStreamResponse;
use fastrace::collector::Config;
use fastrace::local::LocalSpan;
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::field::Empty;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Layer, SubscriberExt};

use crate::streams::Tells;

/// What chunks say of a call, each once.
#[derive(Debug)]
struct Seen {
    started: Instant,
    first: bool,
}

/// What is new in a chunk.
struct News<'a> {
    /// The first chunk: its time since the call, and the model that answers.
    first: Option<(Duration, &'a str)>,
    finish_reason: Option<&'static str>,
    /// Tokens in, and out.
    usage: Option<(u32, u32)>,
}

impl Seen {
    fn new() -> Self {
        Self { started: Instant::now(), first: false }
    }

    fn news<'a>(&mut self, chunk: &'a CreateChatCompletionStreamResponse) -> News<'a> {
        let first = !std::mem::replace(&mut self.first, true);
        let finish_reason = chunk.choices.first().and_then(|choice| choice.finish_reason);
        News {
            first: first.then(|| (self.started.elapsed(), &*chunk.model)),
            // There is one, and it is always the same here.
            finish_reason: finish_reason.map(|_| r#"["stop"]"#),
            usage: chunk.usage.as_ref().map(|usage| (usage.prompt_tokens, usage.completion_tokens)),
        }
    }
}

/// On a `tracing` span.
#[derive(Debug)]
pub(crate) struct InTracing {
    span: tracing::Span,
    seen: Seen,
}

impl InTracing {
    pub(crate) fn span(model: &str) -> tracing::Span {
        tracing::info_span!(
            "chat",
            otel.name = format!("chat {model}"),
            otel.kind = "client",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "openai",
            gen_ai.request.model = model,
            gen_ai.response.model = Empty,
            gen_ai.response.time_to_first_chunk = Empty,
            gen_ai.response.finish_reasons = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
        )
    }

    pub(crate) fn new(span: &tracing::Span) -> Self {
        Self { span: span.clone(), seen: Seen::new() }
    }
}

impl Tells for InTracing {
    fn chunk(&mut self, chunk: &CreateChatCompletionStreamResponse) {
        let news = self.seen.news(chunk);
        if let Some((after, model)) = news.first {
            self.span.record("gen_ai.response.time_to_first_chunk", after.as_secs_f64());
            self.span.record("gen_ai.response.model", model);
        }
        if let Some(reason) = news.finish_reason {
            self.span.record("gen_ai.response.finish_reasons", reason);
        }
        if let Some((input, output)) = news.usage {
            self.span.record("gen_ai.usage.input_tokens", input);
            self.span.record("gen_ai.usage.output_tokens", output);
        }
    }
}

/// On the span of fastrace that is entered.
#[derive(Debug)]
pub(crate) struct InFastrace(Seen);

impl InFastrace {
    pub(crate) fn new(span: &fastrace::Span, model: &str) -> Self {
        span.add_properties(|| {
            [
                ("span.kind", Cow::from("client")),
                ("gen_ai.operation.name", "chat".into()),
                ("gen_ai.provider.name", "openai".into()),
                ("gen_ai.request.model", model.to_owned().into()),
            ]
        });
        Self(Seen::new())
    }
}

impl Tells for InFastrace {
    fn chunk(&mut self, chunk: &CreateChatCompletionStreamResponse) {
        let news = self.0.news(chunk);
        if let Some((after, model)) = news.first {
            LocalSpan::add_properties(|| {
                let after = after.as_secs_f64().to_string();
                [
                    ("gen_ai.response.time_to_first_chunk", after),
                    ("gen_ai.response.model", model.to_owned()),
                ]
            });
        }
        if let Some(reason) = news.finish_reason {
            LocalSpan::add_property(|| ("gen_ai.response.finish_reasons", reason));
        }
        if let Some((input, output)) = news.usage {
            LocalSpan::add_properties(|| {
                [
                    ("gen_ai.usage.input_tokens", input.to_string()),
                    ("gen_ai.usage.output_tokens", output.to_string()),
                ]
            });
        }
    }
}

fn exporter(receiver: &str) -> SpanExporter {
    SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{receiver}/v1/traces"))
        .build()
        .expect("it needs no network")
}

/// Every span of `tracing` down to `info` goes to a batch processor, whose provider this gives.
pub(crate) fn subscribe(receiver: &str) -> SdkTracerProvider {
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter(receiver)).build();
    let layer = tracing_opentelemetry::layer::<Registry>()
        .with_tracer(provider.tracer("service"))
        .with_filter(LevelFilter::INFO);
    tracing::subscriber::set_global_default(Registry::default().with(layer))
        .expect("there is no other");
    provider
}

/// Spans of fastrace go to the same exporter, once a second.
pub(crate) fn report(receiver: &str) {
    let resource = Cow::Owned(Resource::builder().build());
    let scope = InstrumentationScope::builder("service").build();
    let reporter = OpenTelemetryReporter::new(exporter(receiver), resource, scope);
    fastrace::set_reporter(reporter, Config::default());
}
