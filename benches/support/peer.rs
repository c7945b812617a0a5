//! opentelemetry_sdk's batch processor with opentelemetry-otlp, and the spans it is given.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use llmobs_core::semconv::attribute;
use llmobs_core::{Batch, Record, Sink};
use llmobs_otlp::Otlp;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
    TraceState, Tracer, TracerProvider,
};
use opentelemetry::{Array, Context, InstrumentationScope, KeyValue, StringValue, Value};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_proto::tonic::common::v1::{KeyValue as ProtoKeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, RandomIdGenerator, SdkTracer, SdkTracerProvider,
    SpanData, SpanEvents, SpanLinks,
};

use crate::collector;

/// The processor, with a queue of this length or its own.
pub(crate) fn processor(url: &str, queue: Option<usize>) -> BatchSpanProcessor {
    let exporter = SpanExporter::builder()
        .with_http()
        .with_endpoint(format!("{url}/v1/traces"))
        .with_timeout(Duration::from_secs(10))
        .build()
        .expect("the exporter can be built");
    let config = BatchConfigBuilder::default();
    let config = match queue {
        Some(queue) => config.with_max_queue_size(queue),
        None => config,
    };
    BatchSpanProcessor::builder(exporter).with_batch_config(config.build()).build()
}

/// A provider with that processor.
pub(crate) fn provider(url: &str, queue: usize) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_span_processor(processor(url, Some(queue)))
        .with_id_generator(RandomIdGenerator::default())
        .build()
}

/// What requests and answers say: code that observes them holds a copy of its own, here as there.
const READ: [&str; 4] = [
    attribute::REQUEST_MODEL,
    attribute::RESPONSE_MODEL,
    attribute::SERVER_ADDRESS,
    attribute::RESPONSE_FINISH_REASONS,
];

/// The spans that we export of these records, as the SDK has them: the names of attributes are static,
/// and so is each text that is on many spans, unless it was read off a call.
pub(crate) fn spans(records: &[Record]) -> Vec<SpanData> {
    let records: Vec<_> = records.iter().cloned().map(Arc::new).collect();
    let meta = Record::default();
    let spans = collector::received(|url| {
        let otlp = Otlp::new().endpoint(&url).expect("a URL");
        let mut sink = otlp.sink().expect("there is an endpoint");
        sink.deliver(&Batch { records: &records, meta: &meta }).expect("it is taken");
    });
    assert_eq!(spans.len(), records.len());
    let mut known = Known::of(&spans);
    let scope = InstrumentationScope::builder("llmobs").with_version("0.1.0").build();
    spans.into_iter().map(|span| known.span(span, &scope)).collect()
}

/// Texts that are on many spans.
struct Known {
    often: HashSet<String>,
    leaked: HashMap<String, &'static str>,
}

impl Known {
    fn of(spans: &[Span]) -> Self {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        let known = |pair: &&ProtoKeyValue| !READ.contains(&pair.key.as_str());
        for pair in spans.iter().flat_map(|span| &span.attributes).filter(known) {
            if let Some(any_value::Value::StringValue(text)) =
                pair.value.as_ref().and_then(|value| value.value.as_ref())
            {
                *counts.entry(text).or_default() += 1;
            }
        }
        let often = counts.into_iter().filter(|(_, count)| *count > spans.len() / 2);
        Self { often: often.map(|(text, _)| text.to_owned()).collect(), leaked: HashMap::new() }
    }

    fn leak(&mut self, text: String) -> &'static str {
        self.leaked.entry(text).or_insert_with_key(|text| Box::leak(text.clone().into_boxed_str()))
    }

    fn text(&mut self, text: String) -> StringValue {
        if self.often.contains(&text) { self.leak(text).into() } else { text.into() }
    }

    fn span(&mut self, span: Span, scope: &InstrumentationScope) -> SpanData {
        let trace_id = span.trace_id.try_into().expect("16 bytes");
        let span_id = span.span_id.try_into().expect("8 bytes");
        let context = SpanContext::new(
            TraceId::from_bytes(trace_id),
            SpanId::from_bytes(span_id),
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        );
        let time = |nanos| UNIX_EPOCH + Duration::from_nanos(nanos);
        SpanData {
            span_context: context,
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Client,
            name: self.leak(span.name).into(),
            start_time: time(span.start_time_unix_nano),
            end_time: time(span.end_time_unix_nano),
            attributes: span
                .attributes
                .into_iter()
                .map(|pair| {
                    let value = pair.value.and_then(|value| value.value).expect("a value");
                    KeyValue::new(self.leak(pair.key), self.value(value))
                })
                .collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: scope.clone(),
        }
    }

    fn value(&mut self, value: any_value::Value) -> Value {
        match value {
            any_value::Value::StringValue(text) => Value::String(self.text(text)),
            any_value::Value::BoolValue(flag) => flag.into(),
            any_value::Value::IntValue(number) => number.into(),
            any_value::Value::DoubleValue(number) => number.into(),
            any_value::Value::ArrayValue(list) => {
                let texts = list.values.into_iter().filter_map(|item| match item.value {
                    Some(any_value::Value::StringValue(text)) => Some(self.text(text)),
                    _ => None,
                });
                Value::Array(Array::String(texts.collect()))
            }
            other => unreachable!("our spans have no {other:?}"),
        }
    }
}

/// The same span, made as code that instruments makes it: started, given its attributes, ended.
pub(crate) fn make(tracer: &SdkTracer, like: &SpanData) {
    let builder = tracer
        .span_builder(like.name.clone())
        .with_kind(like.span_kind.clone())
        .with_start_time(like.start_time);
    let remote = SpanContext::new(
        like.span_context.trace_id(),
        like.span_context.span_id(),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let parent = Context::new().with_remote_span_context(remote);
    let mut span = tracer.build_with_context(builder, &parent);
    span.set_attributes(like.attributes.iter().cloned());
    span.end_with_timestamp(like.end_time);
}

/// A tracer of a provider.
pub(crate) fn tracer(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer("llmobs")
}
