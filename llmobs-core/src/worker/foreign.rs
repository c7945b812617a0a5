//! Calls that another crate tells of by a `tracing` span.

use std::sync::Arc;

use super::class::class;
use super::steps::close_groups;
use super::{Worker, describe};
use crate::contain::contained;
use crate::layer::{Fields, SpanEnd};
use crate::loss::LossCause;
use crate::record::{
    Content, Cut, CutField, Failure, FallbackAttempt, Kind, Latency, LatencyClock, Outcome, Params,
    Record, Server, Usage, UsageSource, millis,
};
use crate::semconv::{attribute as a, foreign as f, operation};

impl Worker {
    /// Records a call whose span has closed, unless somebody else does.
    pub(super) fn end_span(&mut self, end: SpanEnd) {
        let group = end.foreign.around.group().cloned();
        let Some(fields) = &end.fields else {
            let idle = close_groups(group.as_ref(), None, None);
            return self.let_go(idle);
        };
        let Some(mut record) = contained(|| self.read(&end, fields)) else {
            self.recorder.shared().counts.lost.add(LossCause::Panicked, 1);
            self.recorder.queue().release();
            let idle = close_groups(group.as_ref(), end.attempt, None);
            return self.let_go(idle);
        };
        self.prices.settle(&mut record);
        let idle = close_groups(group.as_ref(), end.attempt, Some(&record));
        self.accept(Arc::new(record), end.foreign.span().cloned());
        self.let_go(idle);
    }

    fn read(&self, end: &SpanEnd, fields: &Fields) -> Record {
        let foreign = &end.foreign;
        let mut record = Record {
            kind: Kind::Interaction,
            request_id: contained(|| self.recorder.ids().request_id(foreign.at)),
            timestamp: Some(foreign.at),
            total_latency_ms: Some(millis(end.ended.saturating_sub(foreign.began))),
            ..Record::default()
        };
        tell(fields, &mut record);
        let server = record.server.as_ref();
        let named = server
            .and_then(|server| self.recorder.shared().providers.of(&server.address, server.port));
        if let Some(named) = named {
            record.provider = Some(named.to_owned().into());
        }
        if let Some(span) = foreign.span() {
            describe(&mut record, Some(foreign.around.attributes()), span);
        }
        record.session_id = record.session_id.or_else(|| fields.text(a::CONVERSATION_ID));
        if let Some(attempt) = end.attempt {
            let span_id = foreign.around.group().map(|group| group.span_id);
            record.fallback = Some(FallbackAttempt { attempt, span_id });
        }
        record
    }
}

fn tell(fields: &Fields, record: &mut Record) {
    let text = |name| fields.text(name);
    record.operation = text(a::OPERATION_NAME).map(|name| match name.as_str() {
        f::operation::IMAGE_GENERATION | f::operation::AUDIO_GENERATION => {
            operation::GENERATE_CONTENT.into()
        }
        _ => name.into(),
    });
    let server = text(a::SERVER_ADDRESS);
    let provider = text(a::PROVIDER_NAME).or_else(|| text(f::SYSTEM));
    record.provider = provider.or_else(|| server.clone()).map(Into::into);
    record.server = server.map(|address| Server { address, port: fields.whole(a::SERVER_PORT) });
    record.model = text(a::REQUEST_MODEL);
    record.model_version = text(a::RESPONSE_MODEL);
    record.system_fingerprint = text(f::SYSTEM_FINGERPRINT);
    record.service_tier = text(f::RESPONSE_SERVICE_TIER);
    record.response_id = text(a::RESPONSE_ID);
    record.provider_request_id = text(f::PROVIDER_REQUEST_ID);
    record.stream = fields.flag(a::REQUEST_STREAM);
    record.finish_reasons = fields.list(a::RESPONSE_FINISH_REASONS).into_iter().map(Some).collect();
    record.finish_reason = record.finish_reasons.first().cloned().flatten();
    let params = params(fields);
    record.params = Some(Box::new(params)).filter(|params| **params != Params::default());
    usage(fields, record);
    let first_chunk = fields.number(a::RESPONSE_TIME_TO_FIRST_CHUNK);
    record.latency = Some(Box::new(Latency {
        clock: Some(LatencyClock::Span),
        time_to_first_chunk_ms: first_chunk.map(|seconds| seconds * 1_000.0),
        ..Latency::default()
    }));
    record.outcome = fields.outcome();
    if record.outcome == Some(Outcome::Failed) {
        record.error = Some(Box::new(failure(fields)));
    }
    content(fields, record);
}

fn params(fields: &Fields) -> Params {
    Params {
        temperature: fields.number(a::REQUEST_TEMPERATURE),
        top_p: fields.number(a::REQUEST_TOP_P),
        top_k: fields.number(a::REQUEST_TOP_K),
        max_tokens: fields.count(a::REQUEST_MAX_TOKENS),
        n: fields.count(a::REQUEST_CHOICE_COUNT),
        seed: fields.whole(a::REQUEST_SEED),
        stop: fields.list(a::REQUEST_STOP_SEQUENCES),
        frequency_penalty: fields.number(a::REQUEST_FREQUENCY_PENALTY),
        presence_penalty: fields.number(a::REQUEST_PRESENCE_PENALTY),
        reasoning_effort: fields.text(a::REQUEST_REASONING_LEVEL),
        response_format: fields.text(a::OUTPUT_TYPE),
        previous_response_id: fields.text(a::REQUEST_PREVIOUS_RESPONSE_ID),
        encoding_format: fields.list(a::REQUEST_ENCODING_FORMATS).into_iter().next(),
        dimensions: fields.count(a::EMBEDDINGS_DIMENSION_COUNT),
        ..Params::default()
    }
}

fn usage(fields: &Fields, record: &mut Record) {
    let either = |name, before| fields.count(name).or_else(|| fields.count(before));
    record.input_tokens = either(a::USAGE_INPUT_TOKENS, f::USAGE_PROMPT_TOKENS);
    record.output_tokens = either(a::USAGE_OUTPUT_TOKENS, f::USAGE_COMPLETION_TOKENS);
    let mut usage = Usage {
        cache_read_tokens: fields.count(a::USAGE_CACHE_READ),
        cache_write_tokens: either(a::USAGE_CACHE_WRITE, f::USAGE_CACHE_CREATION),
        reasoning_tokens: either(a::USAGE_REASONING, f::USAGE_REASONING_TOKENS),
        ..Usage::default()
    };
    if record.input_tokens.or(record.output_tokens).is_some() {
        usage.source = Some(UsageSource::Reported);
    }
    record.usage = Some(usage).filter(|usage| *usage != Usage::default());
}

fn failure(fields: &Fields) -> Failure {
    let kind = fields.failure().unwrap_or_default();
    let status = kind.parse().ok().filter(|status| (400..600).contains(status));
    let message = fields.raw(f::OTEL_STATUS_DESCRIPTION).map(str::to_owned);
    let mut failure = Failure { kind: kind.into(), status, message, ..Failure::default() };
    failure.class = Some(class(&failure, None));
    failure
}

fn content(fields: &Fields, record: &mut Record) {
    let content = Content {
        input_messages: fields.json(a::INPUT_MESSAGES),
        output_messages: fields.json(a::OUTPUT_MESSAGES),
        system_instructions: fields.json(a::SYSTEM_INSTRUCTIONS),
        tool_definitions: fields.json(a::TOOL_DEFINITIONS),
        ..Content::default()
    };
    record.content = Some(Box::new(content)).filter(|content| **content != Content::default());
    if fields.missing > 0 {
        let cut = CutField { bytes: fields.missing, missing: fields.missing, sha256: None };
        record.cut = Some(Box::new(Cut { content: Some(cut), ..Cut::default() }));
    }
}
