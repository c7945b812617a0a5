//! What calls are grouped by.

use llmobs_core::{ErrorClass, Failure, Outcome, Record, StepKind};
use serde_json::{Value, json};

use crate::fixtures::{answer, call, lines, span, step};
use crate::run::{file, good, path, run, run_with};

#[track_caller]
fn report_by(by: &str, records: &[Record]) -> Value {
    let args = ["report", "-", "--format", "json", "--by", by];
    let ran = run_with(&args, lines(records).as_bytes());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    serde_json::from_str(&ran.out).expect("the report is JSON")
}

/// The groups' keys and how many calls each has.
#[track_caller]
fn groups(by: &str, records: &[Record]) -> Vec<(Value, u64)> {
    let report = report_by(by, records);
    let groups = report.pointer("/groups").and_then(Value::as_array).expect("groups are a list");
    let of = |group: &Value| (group["key"].clone(), group["calls"].as_u64().unwrap_or(0));
    groups.iter().map(of).collect()
}

fn attributed() -> Record {
    let mut record = crate::fixtures::chat("m", call("m", Outcome::Failed, 5.0));
    record.session_id = Some("s1".into());
    record.user_id = Some("u1".into());
    record.provider = Some("openai".into());
    record.served_by = Some("groq".into());
    record.tags.insert("tenant".into(), "acme".into());
    record.error =
        Some(Box::new(Failure { class: Some(ErrorClass::RateLimit), ..Failure::default() }));
    record
}

#[test]
fn calls_group_by_every_dimension_and_the_unknown_are_a_group() {
    let mut unknown = call("m", Outcome::Completed, 1.0);
    (unknown.model, unknown.operation) = (None, None);
    for (dimension, value) in [
        ("model", "m"),
        ("prompt", "support"),
        ("prompt_version", "support@3"),
        ("session", "s1"),
        ("user", "u1"),
        ("tag:tenant", "acme"),
        ("provider", "openai"),
        ("served_by", "groq"),
        ("kind", "chat"),
        ("error_class", "rate_limit"),
    ] {
        let records = [unknown.clone(), attributed(), attributed()];
        let expected = vec![(json!({}), 1), (json!({ dimension: value }), 2)];
        assert_eq!(groups(dimension, &records), expected);
        let text = run_with(&["report", "-", "--by", dimension], lines(&records).as_bytes()).out;
        let unknown = text.lines().any(|line| line.starts_with("–  "));
        assert!(unknown && text.lines().any(|line| line.starts_with(value)), "{text}");
    }
}

#[test]
fn several_dimensions_make_one_group_for_each_combination() {
    let mut other = attributed();
    other.user_id = Some("u2".into());
    let found = groups("user,tag:tenant,user", &[other, attributed(), attributed()]);
    let key = |user: &str| json!({ "user": user, "tag:tenant": "acme" });
    assert_eq!(found, [(key("u1"), 2), (key("u2"), 1)]);
    let mut odd = attributed();
    odd.tags.insert("team_id".into(), "\u{1b}[31mred".into());
    let ran = run_with(
        &["report", "-", "--by", "tag:team_id,prompt,prompt_version"],
        lines(&[odd]).as_bytes(),
    );
    let title = ran.out.lines().nth(1).unwrap_or("").split("  ").map(str::trim);
    let title: Vec<_> = title.filter(|title| !title.is_empty()).take(3).collect();
    assert_eq!(title, ["tag:team_id", "prompt", "prompt version"], "{}", ran.out);
    assert!(!ran.out.contains('\u{1b}'));
    let report = report_by("user,tag:tenant", &[attributed()]);
    assert_eq!(report["by"], json!(["user", "tag:tenant"]));
    assert_eq!(report["groups"][0]["errors"], json!({ "rate_limit": 1 }));
    assert_eq!(report["groups"][0].get("model"), None);
    let default = report_by("model,prompt_version", &[attributed()]);
    assert_eq!(default["groups"][0]["model"], "m");
    assert_eq!(default["groups"][0]["prompt"], "support@3");
}

#[test]
fn a_wrong_dimension_is_refused_and_the_right_ones_are_named() {
    for wrong in ["modle", "tag:", "model,", ""] {
        let ran = run(&["report", "-", "--by", wrong]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{wrong}");
        let good = "there are model, prompt, prompt_version, session, user, tag:NAME, provider, \
                    served_by, kind and error_class";
        assert!(ran.err.contains(good) && ran.err.contains("--by"), "{}", ran.err);
    }
}

#[test]
fn values_beyond_the_bound_are_counted_together() {
    let calls: Vec<_> = (0..10_000)
        .map(|n| Record {
            user_id: Some(format!("user-{n}")),
            ..call("m", Outcome::Completed, f64::from(n))
        })
        .collect();
    let report = report_by("user", &calls);
    assert_eq!(report["groups"].as_array().map(Vec::len), Some(500));
    assert_eq!(
        (&report["other"]["calls"], &report["total"]["calls"]),
        (&json!(9_500), &json!(10_000))
    );
}

#[test]
fn other_operations_do_not_spoil_the_latency_of_text_generation() {
    let of = |operation: &str, api: Option<&str>, ms: f64| Record {
        operation: Some(operation.to_owned().into()),
        api: api.map(|api| api.to_owned().into()),
        ..call("m", Outcome::Completed, ms)
    };
    let records = [
        of("fetch_response", None, 1.0),
        of("chat", None, 900.0),
        of("api_call", Some("files"), 2.0),
        of("generate_content", Some("images"), 90_000.0),
        of("moderation", None, 3.0),
        of("text_completion", None, 800.0),
    ];
    let report = report_by("model,prompt_version", &records);
    let groups = report["groups"].as_array().expect("groups are a list");
    let of = |group: &Value| {
        (group["operation"].as_str().map(str::to_owned), group["total_latency_ms"]["p50"].as_f64())
    };
    let found: Vec<_> = groups.iter().map(of).collect();
    let named = |name: &str| Some(name.to_owned());
    assert_eq!(
        found,
        [
            (None, Some(800.0)),
            (named("api_call files"), Some(2.0)),
            (named("fetch_response"), Some(1.0)),
            (named("generate_content images"), Some(90_000.0)),
            (named("moderation"), Some(3.0)),
        ]
    );
    let total = &report["total"];
    assert_eq!((&total["text_generation"], &total["calls"]), (&json!(2), &json!(6)));
    assert_eq!(total["total_latency_ms"]["count"], 2);
    let by_user = report_by("user", &records);
    assert_eq!(by_user["groups"][0]["total_latency_ms"]["p99"], 900.0);
    let file = file(lines(&records));
    let text = good(&["report", path(&file)]);
    assert!(text.contains("of text generation alone") && text.contains("fetch_response"), "{text}");
}

#[test]
fn by_kind_steps_have_rows_and_are_not_in_the_total() {
    let mut records = answer();
    records.push(step(StepKind::Tool, "lookup_order", span(1, 1, None, 0.0, 350.0)));
    let report = report_by("kind", &records);
    let groups = report["groups"].as_array().expect("groups are a list");
    let tool = groups.iter().find(|group| group["key"]["kind"] == "tool").expect("tools ran");
    assert_eq!((&tool["calls"], &tool["total_latency_ms"]["p95"]), (&json!(2), &json!(350.0)));
    assert_eq!((tool.get("costs"), &tool["unpriced"]), (None, &json!(0)));
    assert_eq!(report["total"]["calls"], 4);
    let file = file(lines(&records));
    let text = good(&["report", path(&file), "--by", "kind"]);
    assert!(text.contains("\nall calls ") && text.contains("\nretrieval "), "{text}");
}
