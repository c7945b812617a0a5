//! Recorded exchanges, through the real binary.

#![expect(clippy::indexing_slicing, reason = "JSON by name, in a test")]

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::recordings_corpus::{Agreement, Exchange, FOLDER, corpus};
use crate::run::{Ran, file, path, run, run_with};

static VALIDATOR: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&crate::run::json(&["schema"])).expect("the schema is one")
});

/// An exchange with one answer, as a line.
fn exchange(id: &str, answer: &str) -> Value {
    let response = json!({
        "id": "c", "model": "m-1",
        "choices": [{"index": 0, "message": {"content": answer}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    });
    json!({
        "id": id, "later": {"unknown": [1]}, "provider": "openai", "method": "POST",
        "path": "/v1/chat/completions", "status": 200, "content_type": "application/json",
        "response_headers": {"x-request-id": "req_1"},
        "request": r#"{"model":"m","messages":[{"role":"user","content":"a question"}]}"#,
        "response": response.to_string(),
    })
}

/// The same as a stream.
fn streamed(id: &str, events: &[&str]) -> Value {
    let mut exchange = exchange(id, "");
    let response: String = events.iter().map(|event| format!("data: {event}\n\n")).collect();
    exchange["response"] = response.into();
    exchange["content_type"] = "text/event-stream".into();
    exchange["request"] = r#"{"model":"m","stream":true}"#.into();
    exchange
}

fn lines(values: &[Value]) -> String {
    values.iter().map(|value| value.to_string() + "\n").collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).expect("memory can be written");
    gzip.finish().expect("memory can be written")
}

fn parsed(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

fn ids(out: &str) -> Vec<String> {
    let id = |line: &Value| line["exchange_id"].as_str().expect("an id").to_owned();
    parsed(out).iter().map(id).collect()
}

#[track_caller]
fn decoded(args: &[&str], input: &[u8]) -> String {
    let args: Vec<_> = [&["decode"], args].concat();
    let ran = run_with(&args, input);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{args:?}");
    ran.out
}

#[track_caller]
fn assert_valid(line: &Value) {
    let errors: Vec<_> = VALIDATOR.iter_errors(line).map(|err| err.to_string()).collect();
    assert!(errors.is_empty(), "{line} is invalid: {errors:?}");
}

fn recordings() -> String {
    format!("{FOLDER}/recordings.jsonl.gz")
}

#[test]
fn every_fact_of_every_recording_is_in_its_line() {
    let Some(exchanges) = corpus(&[]) else { return };
    let lines = parsed(&decoded(&[&recordings(), "--content"], b""));
    assert_eq!(lines.len(), exchanges.len(), "one line per exchange");
    let mut agreement = Agreement::default();
    for (exchange, line) in exchanges.iter().zip(&lines) {
        assert_eq!(line["exchange_id"], exchange.text("id"), "the order is the input's");
        assert_eq!(line["api"], exchange.text("api"));
        assert_valid(line);
        agreement.add(exchange, line);
    }
    agreement.assert_whole(exchanges.len());
}

#[test]
fn no_piece_size_changes_a_byte_of_the_output() {
    let Some(exchanges) = corpus(&[]) else { return };
    let recordings = recordings();
    for content in [&["--content"][..], &[]] {
        let all = [content, &[&recordings]].concat();
        let whole = decoded(&all, b"");
        assert!(decoded(&[&all[..], &["--split", "4096"]].concat(), b"") == whole);
    }
    let sample: Vec<_> =
        exchanges.iter().step_by(7).map(|exchange| exchange.recorded.clone()).collect();
    assert!(sample.len() >= 300, "{}", sample.len());
    let input = lines(&sample);
    let whole = decoded(&["--content"], input.as_bytes());
    for split in ["1", "7", "4096"] {
        let again = decoded(&["--content", "--split", split], input.as_bytes());
        assert!(again == whole, "--split {split}");
    }
}

/// What was said in an answer, where it is long enough not to be found by chance.
fn sayings(exchange: &Exchange) -> BTreeSet<String> {
    let mut said = Vec::new();
    for field in ["output_text", "reasoning_text", "reasoning_summary", "refusal"] {
        let texts = exchange.expected.get(field).and_then(Value::as_array);
        said.extend(texts.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
    let calls = exchange.expected.get("tool_calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten().filter_map(Value::as_array).flatten() {
        said.extend(call.get("arguments").and_then(Value::as_str).map(str::to_owned));
    }
    said.into_iter().filter(|text| text.len() >= 20).collect()
}

#[test]
fn without_content_nothing_that_was_said_is_in_a_line() {
    let Some(exchanges) = corpus(&[]) else { return };
    let out = decoded(&[&recordings()], b"");
    assert_eq!(out.lines().count(), exchanges.len());
    let mut looked_for = 0;
    for (exchange, line) in exchanges.iter().zip(out.lines()) {
        assert_valid(&serde_json::from_str(line).expect("each line is JSON"));
        for said in sayings(exchange) {
            looked_for += 1;
            let escaped = Value::from(said).to_string();
            assert!(!line.contains(escaped.trim_matches('"')), "{line} holds {escaped}");
        }
    }
    assert!(looked_for > 1_000, "{looked_for}");
}

#[test]
fn content_is_kept_only_with_leave() {
    let input = lines(&[exchange("a", "an answer")]);
    let with = &parsed(&decoded(&["--content"], input.as_bytes()))[0];
    assert!(with["content"].to_string().contains("an answer"));
    assert!(with["content"].to_string().contains("a question"));
    let without = decoded(&[], input.as_bytes());
    assert!(!without.contains("an answer") && !without.contains("a question"), "{without}");
    let line = &parsed(&without)[0];
    assert_eq!(line["model"], "m");
    assert_eq!((&line["input_tokens"], &line["finish_reason"]), (&json!(3), &json!("stop")));
    assert_eq!(line["provider_request_id"], "req_1");
}

#[test]
fn nothing_is_made_up_of_times_and_ids() {
    let events =
        [r#"{"choices":[{"index":0,"delta":{"content":"a"}}]}"#, r#"{"choices":[]}"#, "[DONE]"];
    let line = &parsed(&decoded(&[], lines(&[streamed("a", &events)]).as_bytes()))[0];
    assert_valid(line);
    let wire = &line["wire"];
    assert_eq!((&wire["events"], &wire["first_token_event"]), (&json!(2), &json!(0)));
    assert_eq!(wire["end_marker"], true);
    let absent =
        ["ttft_ms", "tpot_ms", "total_latency_ms", "latency", "timestamp", "attempts", "server"];
    for field in absent.iter().chain(&["request_id", "trace_id", "span_id"]) {
        assert_eq!(line[field], Value::Null, "{field}");
    }
}

#[test]
fn who_answered_is_a_host_or_a_name() {
    let mut input = vec![exchange("a", "x"); 5];
    input[1]["provider"] = "api.mistral.ai".into();
    input[2]["provider"] = "localhost:8080".into();
    input[3]["provider"] = Value::Null;
    input[4]["provider"] = "models.test".into();
    let lines = parsed(&decoded(&[], lines(&input).as_bytes()));
    let who: Vec<_> = lines.iter().map(|line| (&line["provider"], &line["server"])).collect();
    let expected = [
        (json!("openai"), Value::Null),
        (json!("mistral_ai"), json!({"address": "api.mistral.ai"})),
        (json!("localhost"), json!({"address": "localhost", "port": 8080})),
        (Value::Null, Value::Null),
        (json!("models.test"), json!({"address": "models.test"})),
    ];
    assert_eq!(who, expected.iter().map(|(a, b)| (a, b)).collect::<Vec<_>>());
}

#[test]
fn files_come_in_the_order_they_are_named_plain_or_compressed() {
    let first = lines(&[exchange("1", "x"), exchange("2", "x")]);
    let second = lines(&[exchange("3", "x")]);
    // Two members, as appending to a compressed file makes them.
    let compressed = [gzip(first.as_bytes()), gzip(second.as_bytes())].concat();
    let (compressed, plain) = (file(compressed), file(lines(&[exchange("0", "x")])));
    let out = decoded(&[path(&compressed), "-", path(&plain)], second.as_bytes());
    assert_eq!(ids(&out), ["1", "2", "3", "3", "0"]);
    // Without a file, standard input is read.
    assert_eq!(ids(&decoded(&[], &gzip(first.as_bytes()))), ["1", "2"]);
}

#[test]
fn what_cannot_be_decoded_is_skipped_counted_and_named() {
    let good = exchange("good", "x");
    let mut other = good.clone();
    other["path"] = "/v1/models".into();
    let mut bare = good.clone();
    bare.as_object_mut().expect("an object").remove("response");
    let good = good.to_string();
    let mut input = format!("{good}\n{{\"id\": oops}}\n\n[1]\n{other}\n{bare}\n").into_bytes();
    input.extend_from_slice(b"\xff\xfe\n");
    input.extend_from_slice(format!("{good}\r\n{}", &good[..50]).as_bytes());
    let Ran { out, err, code } = run_with(&["decode"], &input);
    assert_eq!((code, ids(&out)), (0, vec!["good".to_owned(), "good".to_owned()]));
    assert_eq!(
        err,
        "llmobs: skipped 6 damaged lines: standard input:2 (not JSON), line 4 (not an exchange), \
         line 5 (of no known format), line 6 (not an exchange), line 7 (not UTF-8) and 1 more\n"
    );
}

#[test]
fn a_compressed_file_that_breaks_off_is_read_as_far_as_it_goes() {
    let many: Vec<_> = (0..2_000).map(|n| exchange(&n.to_string(), &"x".repeat(n % 90))).collect();
    let whole = gzip(lines(&many).as_bytes());
    let (torn, next) = (file(&whole[..whole.len() / 2]), file(lines(&[exchange("next", "x")])));
    let Ran { out, err, code } = run(&["decode", path(&torn), path(&next)]);
    assert_eq!(code, 0);
    assert!(err.contains(path(&torn)) && err.contains("cannot be read"), "{err}");
    let ids = ids(&out);
    assert!(ids.len() > 100, "{}", ids.len());
    assert_eq!((ids[0].as_str(), ids[ids.len() - 1].as_str()), ("0", "next"));
}

#[test]
fn a_body_that_is_no_body_of_its_format_is_a_record_all_the_same() {
    let mut input = vec![exchange("a", "x"); 3];
    input[0]["response"] = "<html>".into();
    input[1]["response"] = "".into();
    input[1]["request"] = Value::Null;
    (input[2]["response"], input[2]["status"]) = ("busy".into(), 503.into());
    let lines = parsed(&decoded(&[], lines(&input).as_bytes()));
    lines.iter().for_each(assert_valid);
    assert_eq!(lines[0]["wire"]["malformed"], 1);
    assert_eq!(
        (&lines[2]["outcome"], &lines[2]["error"]["type"]),
        (&json!("failed"), &json!("503"))
    );
}

#[test]
fn the_exit_code_says_whether_anything_was_decoded() {
    for input in [&b""[..], b"oops\n", b"\x1f\x8bnot gzip"] {
        let ran = run_with(&["decode"], input);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{ran:?}");
        assert!(ran.err.ends_with("llmobs: no exchange was decoded\n"), "{}", ran.err);
    }
    for args in [
        &["decode", "no/such.jsonl"][..],
        &["decode", "--split", "0"],
        &["decode", "--split", "x"],
        &["decode", "-", "-"],
        &["decode", "--contents"],
    ] {
        let ran = run(args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
    }
}

#[test]
fn the_output_is_a_file_the_other_commands_read() {
    let input = lines(&[exchange("a", "x"), exchange("b", "y")]);
    let records = file(decoded(&[], input.as_bytes()));
    let report = crate::run::json(&["report", path(&records), "--format", "json"]);
    assert_eq!(report["total"]["calls"], 2);
    assert_eq!(report["total"]["input_tokens"]["sum"], 6);
    assert_eq!(report["total"]["total_latency_ms"], Value::Null, "unknown is not zero");
}
