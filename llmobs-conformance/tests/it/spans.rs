//! Spans, each wrong in one way.

use llmobs_conformance::{Checker, Class, State};
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link, SpanKind};
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use serde_json::{Value, json};

use crate::made::{
    SCHEMA_URL, assert_only, attribute, attributes, chat, checker, set, span, tool, traces,
};

/// The chat, but with this attribute.
fn with(key: &str, value: Value) -> Span {
    let mut span = chat();
    set(&mut span.attributes, key, &value);
    span
}

#[track_caller]
fn wrong(span: Span, class: Class, attribute: Option<&str>) {
    if let Some(checker) = checker() {
        assert_only(&checker.check_traces(&traces(vec![span])), class, attribute);
    }
}

#[track_caller]
fn right(checker: &Checker, span: Span) {
    assert_eq!(checker.check_traces(&traces(vec![span])), []);
}

#[test]
fn what_is_right_has_nothing_wrong() {
    let Some(checker) = checker() else { return };
    right(&checker, chat());
    right(&checker, tool(&json!({"gen_ai.tool.call.result": r#"{"n":1}"#})));
    let mut failed = tool(&json!({"error.type": "timeout"}));
    failed.status = Some(Status { message: "too slow".into(), code: StatusCode::Error.into() });
    right(&checker, failed);
    let guardrail = json!({"llmobs.step": "guardrail", "llmobs.step.name": "check"});
    right(&checker, span("check", SpanKind::Internal, &guardrail));
    let agent = json!({"gen_ai.operation.name": "invoke_agent", "llmobs.step": "agent"});
    right(&checker, span("invoke_agent", SpanKind::Internal, &agent));
    let call = json!({"gen_ai.operation.name": "api_call", "gen_ai.provider.name": "somebody",
        "llmobs.api": "files"});
    right(&checker, span("api_call files", SpanKind::Client, &call));
}

#[test]
fn names_that_no_registry_has() {
    wrong(with("gen_ai.invented", json!(1)), Class::UnknownAttribute, Some("gen_ai.invented"));
    wrong(with("llmobs.invented", json!(1)), Class::UnknownAttribute, Some("llmobs.invented"));
    wrong(with("order.id", json!(1)), Class::UnknownAttribute, Some("order.id"));
}

#[test]
fn attributes_of_the_application_are_declared() {
    let Some(checker) = checker() else { return };
    right(&checker.clone().application(["order.id"]), with("order.id", json!(1)));
    right(&checker.clone().application(["order."]), with("order.id", json!(1)));
    let found = checker
        .application(["order.", "gen_ai."])
        .check_traces(&traces(vec![with("order", json!(1)), with("gen_ai.invented", json!(1))]));
    let keys: Vec<_> = found.iter().filter_map(|one| one.attribute.as_deref()).collect();
    assert_eq!(keys, ["order", "gen_ai.invented"]);
}

#[test]
fn names_that_were_given_up() {
    wrong(
        with("gen_ai.system", json!("openai")),
        Class::DeprecatedAttribute,
        Some("gen_ai.system"),
    );
    let key = "gen_ai.usage.cache_creation.input_tokens";
    wrong(with(key, json!(1)), Class::DeprecatedAttribute, Some(key));
    // Where the state of before is sent it is as it was.
    let Some(checker) = checker() else { return };
    for state in [State::V2026_08, State::Both] {
        let checker = checker.clone().state(state);
        right(&checker, with(key, json!(1)));
        let found = checker.check_traces(&traces(vec![with(key, json!("1"))]));
        assert_only(&found, Class::WrongType, Some(key));
    }
}

#[test]
fn attributes_that_this_type_does_not_have() {
    let key = "gen_ai.tool.name";
    wrong(with(key, json!("x")), Class::AttributeNotAllowed, Some(key));
    let key = "llmobs.step.items";
    wrong(with(key, json!(1)), Class::AttributeNotAllowed, Some(key));
    let key = "openinference.span.kind";
    wrong(with(key, json!("LLM")), Class::AttributeNotAllowed, Some(key));
    let Some(checker) = checker() else { return };
    right(&checker.compat(), with(key, json!("LLM")));
}

#[test]
fn attributes_that_were_taken_away_from_this_type() {
    let agent = json!({"gen_ai.operation.name": "invoke_agent", "llmobs.step": "agent",
        "gen_ai.agent.id": "a-1"});
    let span = span("invoke_agent", SpanKind::Internal, &agent);
    wrong(span, Class::ForbiddenAttribute, Some("gen_ai.agent.id"));
}

#[test]
fn values_of_other_types() {
    for (key, value) in [
        ("gen_ai.request.seed", json!("7")),
        ("gen_ai.request.temperature", json!(1)),
        ("gen_ai.request.stop_sequences", json!("END")),
        ("gen_ai.request.stop_sequences", json!([1])),
        ("gen_ai.usage.output_tokens", json!(1.5)),
        ("llmobs.tag.tenant", json!(3)),
        ("gen_ai.prompt.variable.who", json!(true)),
        ("server.port", json!("443")),
    ] {
        wrong(with(key, value), Class::WrongType, Some(key));
    }
    let mut bytes = chat();
    let value = Some(AnyValue { value: Some(Any::BytesValue(vec![1])) });
    let key = "gen_ai.response.id";
    bytes.attributes.push(KeyValue { key: key.into(), value, ..KeyValue::default() });
    wrong(bytes, Class::WrongType, Some(key));
    let mut nothing = chat();
    nothing.attributes.push(attribute(key, &Value::Null));
    wrong(nothing, Class::WrongType, Some(key));
}

#[test]
fn numbers_that_are_none() {
    let mut span = with("gen_ai.request.top_p", Value::Null);
    let value = Some(AnyValue { value: Some(Any::DoubleValue(f64::NAN)) });
    let key = "gen_ai.request.top_p";
    span.attributes.push(KeyValue { key: key.into(), value, ..KeyValue::default() });
    wrong(span, Class::NotFinite, Some(key));
}

#[test]
fn keys_that_are_there_twice() {
    let mut span = chat();
    span.attributes.push(attribute("gen_ai.request.seed", &json!(8)));
    wrong(span, Class::DuplicateAttribute, Some("gen_ai.request.seed"));
}

#[test]
fn more_attributes_than_anybody_takes() {
    let mut span = chat();
    for n in 0..120 {
        span.attributes.push(attribute(&format!("llmobs.tag.t{n}"), &json!("v")));
    }
    wrong(span, Class::TooManyAttributes, None);
}

#[test]
fn ids_that_are_too_long() {
    let long = "x".repeat(300);
    let mut span = with("user.id", json!(long));
    span.attributes.retain(|attribute| attribute.key != "session.id");
    wrong(span, Class::TooLong, Some("user.id"));
}

#[test]
fn attributes_that_are_missing() {
    let key = "gen_ai.provider.name";
    let mut span = with(key, Value::Null);
    // Those that only OpenAI's have.
    set(&mut span.attributes, "openai.api.type", &Value::Null);
    wrong(span, Class::MissingRequired, Some(key));
    wrong(with("server.port", Value::Null), Class::MissingConditional, Some("server.port"));
    let key = "gen_ai.conversation.id";
    wrong(with(key, Value::Null), Class::MissingConditional, Some(key));
    let key = "llmobs.cost.currency";
    wrong(with("llmobs.cost.total", json!(0.5)), Class::MissingConditional, Some(key));
}

#[test]
fn openai_asks_for_a_model() {
    let mut span = with("gen_ai.request.model", Value::Null);
    span.name = "chat".into();
    wrong(span, Class::MissingRequired, Some("gen_ai.request.model"));
}

#[test]
fn conditions_that_are_not_met() {
    for (key, value) in [
        ("gen_ai.request.choice.count", json!(1)),
        ("openai.request.service_tier", json!("auto")),
        ("gen_ai.conversation.compacted", json!(false)),
        ("gen_ai.usage.cache_read.input_tokens", json!(13)),
        ("llmobs.cost.input", json!(0.5)),
    ] {
        wrong(with(key, value), Class::ConditionNotMet, Some(key));
    }
    let mut span = with("gen_ai.request.stream", Value::Null);
    let key = "gen_ai.response.time_to_first_chunk";
    wrong(span.clone(), Class::ConditionNotMet, Some(key));
    set(&mut span.attributes, key, &Value::Null);
    set(&mut span.attributes, "gen_ai.request.stream", &json!(false));
    wrong(span, Class::ConditionNotMet, Some("gen_ai.request.stream"));
    // What is known to contradict itself says so.
    let Some(checker) = checker() else { return };
    let mut odd = with("gen_ai.usage.cache_read.input_tokens", json!(13));
    odd.attributes.push(attribute("llmobs.usage.inconsistent", &json!(true)));
    right(&checker, odd);
}

#[test]
fn values_outside_of_enums() {
    for (key, value) in [
        ("gen_ai.output.type", "video"),
        ("openai.api.type", "embeddings"),
        ("llmobs.outcome", "fine"),
        // There is a word for it.
        ("gen_ai.provider.name", "OpenAI"),
        ("gen_ai.provider.name", "azure-openai"),
    ] {
        let mut span = with(key, json!(value));
        if key == "gen_ai.provider.name" {
            set(&mut span.attributes, "openai.api.type", &Value::Null);
        }
        wrong(span, Class::UnknownEnumValue, Some(key));
    }
    let Some(checker) = checker() else { return };
    // An open one: nobody has a word for it.
    right(&checker, with("gen_ai.provider.name", json!("llm.example.com")));
    right(&checker, with("openai.request.service_tier", json!("flex")));
}

#[test]
fn values_that_were_given_up() {
    let key = "gen_ai.provider.name";
    let span = with(key, json!("xai"));
    wrong(span, Class::DeprecatedEnumValue, Some(key));
}

#[test]
fn content_of_another_form() {
    let key = "gen_ai.input.messages";
    wrong(with(key, json!("[{")), Class::ContentForm, Some(key));
    wrong(with(key, json!([{"role": "user", "parts": []}])), Class::ContentForm, Some(key));
    let call = tool(&json!({"gen_ai.tool.call.arguments": "q=1"}));
    wrong(call, Class::ContentForm, Some("gen_ai.tool.call.arguments"));
}

#[test]
fn content_that_its_schema_refuses() {
    for (key, value) in [
        ("gen_ai.input.messages", r#"[{"role":"user"}]"#),
        ("gen_ai.output.messages", r#"[{"role":"assistant","parts":[{"content":"no type"}]}]"#),
        ("gen_ai.system_instructions", r#"{"type":"text"}"#),
        ("gen_ai.tool.definitions", r#"[{"name":"search"}]"#),
    ] {
        wrong(with(key, json!(value)), Class::ContentSchema, Some(key));
    }
    let call = tool(&json!({"gen_ai.tool.call.result": "[1]"}));
    wrong(call, Class::ContentSchema, Some("gen_ai.tool.call.result"));
}

#[test]
fn operations_that_nobody_knows() {
    let Some(checker) = checker() else { return };
    let found = checker.check_traces(&traces(vec![span(
        "brew",
        SpanKind::Internal,
        &json!({"llmobs.request_id": "1", "llmobs.outcome": "completed"}),
    )]));
    assert_only(&found, Class::UnknownOperation, None);
}

#[test]
fn names_that_are_put_together_otherwise() {
    let mut span = chat();
    span.name = "chat".into();
    wrong(span, Class::SpanName, None);
    let mut span = tool(&json!({}));
    span.name = "execute_tool look_up".into();
    wrong(span, Class::SpanName, None);
}

#[test]
fn kinds_that_are_not_the_types() {
    let mut span = chat();
    span.kind = SpanKind::Internal.into();
    wrong(span, Class::SpanKind, None);
    let mut span = tool(&json!({}));
    span.kind = SpanKind::Server.into();
    wrong(span, Class::SpanKind, None);
}

#[test]
fn statuses() {
    let status = |code: StatusCode, message: &str| {
        Some(Status { message: message.into(), code: code.into() })
    };
    let ok = Span { status: status(StatusCode::Ok, ""), ..chat() };
    wrong(ok, Class::StatusOk, None);
    let untyped = Span { status: status(StatusCode::Error, ""), ..chat() };
    wrong(untyped, Class::StatusError, Some("error.type"));
    wrong(with("error.type", json!("timeout")), Class::StatusError, Some("error.type"));
    let said = Span { status: status(StatusCode::Unset, "all is well"), ..chat() };
    wrong(said, Class::StatusDescription, None);
}

#[test]
fn ids_and_times() {
    wrong(Span { trace_id: vec![0; 16], ..chat() }, Class::BadId, None);
    wrong(Span { trace_id: vec![1; 8], ..chat() }, Class::BadId, None);
    wrong(Span { span_id: Vec::new(), ..chat() }, Class::BadId, None);
    wrong(Span { parent_span_id: vec![0; 8], ..chat() }, Class::BadId, None);
    wrong(Span { parent_span_id: vec![2; 8], ..chat() }, Class::BadId, None);
    let link = Link { trace_id: vec![0; 16], span_id: vec![1; 8], ..Link::default() };
    wrong(Span { links: vec![link], ..chat() }, Class::BadId, None);
    wrong(Span { end_time_unix_nano: 999, ..chat() }, Class::BadTime, None);
    wrong(Span { start_time_unix_nano: 0, ..chat() }, Class::BadTime, None);
}

#[test]
fn events_are_log_records() {
    let name = "gen_ai.client.inference.operation.details".to_owned();
    let event = Event { name, ..Event::default() };
    wrong(Span { events: vec![event], ..chat() }, Class::UnknownEvent, None);
    let Some(checker) = checker() else { return };
    let foreign = Event { name: "log".into(), ..Event::default() };
    right(&checker, Span { events: vec![foreign], ..chat() });
}

#[test]
fn scopes_and_resources() {
    let Some(checker) = checker() else { return };
    let broken = |breaks: &dyn Fn(&mut opentelemetry_proto::tonic::trace::v1::ResourceSpans)| {
        let mut request = traces(vec![chat()]);
        request.resource_spans.iter_mut().for_each(breaks);
        checker.check_traces(&request)
    };
    let found = broken(&|spans| {
        for scoped in &mut spans.scope_spans {
            scoped.schema_url = "https://opentelemetry.io/schemas/1.30.0".into();
        }
    });
    assert_only(&found, Class::SchemaUrl, None);
    let found = broken(&|spans| {
        for scope in spans.scope_spans.iter_mut().filter_map(|scoped| scoped.scope.as_mut()) {
            scope.version = "new".into();
        }
    });
    assert_only(&found, Class::ScopeVersion, None);
    let found = broken(&|spans| {
        for scope in spans.scope_spans.iter_mut().filter_map(|scoped| scoped.scope.as_mut()) {
            scope.name = "shop".into();
        }
    });
    assert_only(&found, Class::ScopeName, Some("llmobs.outcome"));
    let found = broken(&|spans| {
        if let Some(resource) = &mut spans.resource {
            set(&mut resource.attributes, "service.name", &Value::Null);
        }
    });
    assert_only(&found, Class::MissingRequired, Some("service.name"));
    let found = broken(&|spans| {
        if let Some(resource) = &mut spans.resource {
            set(&mut resource.attributes, "service.name", &json!(["shop"]));
        }
    });
    let classes: Vec<_> = found.iter().map(|one| one.class).collect();
    assert_eq!(classes, [Class::WrongType, Class::MissingRequired]);
}

#[test]
fn spans_of_the_application_are_its_own() {
    let Some(checker) = checker() else { return };
    let mut request = traces(vec![Span {
        attributes: attributes(&json!({"http.method": "GET", "gen_ai.system": "old"})),
        kind: SpanKind::Server.into(),
        status: Some(Status { code: StatusCode::Ok.into(), ..Status::default() }),
        ..chat()
    }]);
    for spans in &mut request.resource_spans {
        for scoped in &mut spans.scope_spans {
            scoped.scope = None;
            assert_eq!(scoped.schema_url, SCHEMA_URL);
        }
    }
    assert_eq!(checker.check_traces(&request), []);
}
