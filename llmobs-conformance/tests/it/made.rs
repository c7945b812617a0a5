//! Requests that are right, for each test to break in one place.

use llmobs_conformance::{Checker, Class, Violation};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList,
};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics, ScopeMetrics};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use serde_json::{Value, json};

/// The checker; `None`, loudly, where there are no registries.
pub(crate) fn checker() -> Option<Checker> {
    Checker::of_this_workspace().expect("the registries can be read")
}

/// A value as the protocol has it: objects are maps.
pub(crate) fn any(value: &Value) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(Any::BoolValue(*flag)),
        Value::String(text) => Some(Any::StringValue(text.clone())),
        Value::Number(number) => Some(match number.as_i64() {
            Some(whole) => Any::IntValue(whole),
            None => Any::DoubleValue(number.as_f64().expect("a number")),
        }),
        Value::Array(items) => {
            Some(Any::ArrayValue(ArrayValue { values: items.iter().map(any).collect() }))
        }
        Value::Object(fields) => {
            let values = fields.iter().map(|(key, value)| attribute(key, value)).collect();
            Some(Any::KvlistValue(KeyValueList { values }))
        }
    };
    AnyValue { value }
}

pub(crate) fn attribute(key: &str, value: &Value) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any(value)), ..KeyValue::default() }
}

pub(crate) fn attributes(fields: &Value) -> Vec<KeyValue> {
    let fields = fields.as_object().expect("attributes are an object");
    fields.iter().map(|(key, value)| attribute(key, value)).collect()
}

pub(crate) fn resource() -> Option<Resource> {
    let attributes = attributes(&json!({
        "service.name": "shop",
        "deployment.environment.name": "test",
        "telemetry.sdk.name": "llmobs",
        "telemetry.sdk.language": "rust",
        "telemetry.sdk.version": "0.1.0",
        "host.name": "one of the application's",
    }));
    Some(Resource { attributes, ..Resource::default() })
}

pub(crate) fn scope() -> Option<InstrumentationScope> {
    let (name, version) = ("llmobs".to_owned(), "0.1.0".to_owned());
    Some(InstrumentationScope { name, version, ..InstrumentationScope::default() })
}

pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/gen-ai-dev/1.42.0-dev";

/// A span of a streamed chat with a bit of everything.
pub(crate) fn chat() -> Span {
    let mut span = span(
        "chat small",
        SpanKind::Client,
        &json!({
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "small",
            "gen_ai.request.stream": true,
            "gen_ai.request.seed": 7,
            "gen_ai.request.temperature": 0.5,
            "gen_ai.request.stop_sequences": ["END"],
            "gen_ai.response.time_to_first_chunk": 0.25,
            "gen_ai.output.type": "json",
            "gen_ai.conversation.id": "s-1",
            "gen_ai.usage.input_tokens": 12,
            "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.input.messages":
                r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#,
            "openai.api.type": "chat_completions",
            "server.address": "api.example.com",
            "server.port": 443,
            "session.id": "s-1",
            "llmobs.request_id": "019b76da-a801-7000-8000-0000000000f0",
            "llmobs.outcome": "completed",
            "llmobs.tag.tenant": "acme",
        }),
    );
    span.parent_span_id = vec![9; 8];
    span
}

pub(crate) fn span(name: &str, kind: SpanKind, fields: &Value) -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        name: name.into(),
        kind: kind.into(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 2_000,
        attributes: attributes(fields),
        ..Span::default()
    }
}

/// A tool's span, which is internal.
pub(crate) fn tool(more: &Value) -> Span {
    let mut span = span(
        "execute_tool search",
        SpanKind::Internal,
        &json!({
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "llmobs.step": "tool",
            "llmobs.step.name": "look_up",
        }),
    );
    span.attributes.extend(attributes(more));
    span
}

pub(crate) fn traces(spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scoped = ScopeSpans { scope: scope(), spans, schema_url: SCHEMA_URL.into() };
    let resource_spans = ResourceSpans {
        resource: resource(),
        scope_spans: vec![scoped],
        schema_url: String::new(),
    };
    ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
}

pub(crate) fn metrics(metrics: Vec<Metric>) -> ExportMetricsServiceRequest {
    let scoped = ScopeMetrics { scope: scope(), metrics, schema_url: SCHEMA_URL.into() };
    let resource_metrics = ResourceMetrics {
        resource: resource(),
        scope_metrics: vec![scoped],
        schema_url: String::new(),
    };
    ExportMetricsServiceRequest { resource_metrics: vec![resource_metrics] }
}

pub(crate) fn logs(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scoped = ScopeLogs { scope: scope(), log_records, schema_url: SCHEMA_URL.into() };
    let resource_logs =
        ResourceLogs { resource: resource(), scope_logs: vec![scoped], schema_url: String::new() };
    ExportLogsServiceRequest { resource_logs: vec![resource_logs] }
}

/// Puts an attribute in the place of the one with its key, or beside the others; `null` takes it out.
pub(crate) fn set(attributes: &mut Vec<KeyValue>, key: &str, value: &Value) {
    attributes.retain(|attribute| attribute.key != key);
    if !value.is_null() {
        attributes.push(attribute(key, value));
    }
}

/// Exactly one violation, of this class, about this attribute.
#[track_caller]
pub(crate) fn assert_only(violations: &[Violation], class: Class, attribute: Option<&str>) {
    match violations {
        [one] => {
            assert_eq!((one.class, one.attribute.as_deref()), (class, attribute), "{one}");
            assert!(one.to_string().starts_with(&class.name()), "{one}");
        }
        other => panic!("{class} alone expected, and not {other:#?}"),
    }
}
