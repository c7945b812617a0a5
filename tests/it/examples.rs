//! The examples, run as their readers run them.

#[cfg(unix)]
mod stopping;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use llmobs_testserver::{Answer, Server};
use serde_json::Value;

use crate::support::assert_conforms;

/// What every streamed call must tell.
const TOLD: [&str; 15] = [
    "request_id",
    "trace_id",
    "span_id",
    "timestamp",
    "provider",
    "model",
    "model_version",
    "input_tokens",
    "output_tokens",
    "ttft_ms",
    "tpot_ms",
    "total_latency_ms",
    "finish_reason",
    "outcome",
    "prompt",
];

/// The example's program, as new as its source and built as this test is, so that little is built.
fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    let target = test.ancestors().nth(3).expect("it is in target/<profile>/deps");
    let features = [
        ("layer", cfg!(feature = "layer")),
        ("tracing-opentelemetry", cfg!(feature = "tracing-opentelemetry")),
        ("testing", cfg!(feature = "testing")),
        ("tls", cfg!(feature = "tls")),
    ];
    let features: Vec<&str> =
        features.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--offline", "--message-format=json", "--example", example])
        .args(["--features", &features.join(",")])
        .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .arg("--target-dir")
        .arg(target);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let built = cargo.output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).ok()?;
        let said = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
        let is_it =
            said("/target/name") == Some(example) && said("/target/kind/0") == Some("example");
        Some(said("/executable").filter(|_| is_it)?.into())
    });
    executable.expect("cargo tells where the program is")
}

/// Runs an example in `folder` with these variables and nobody else's settings.
fn run(example: &str, folder: &Path, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program(example));
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if ["OPENAI_", "OTEL_", "LLMOBS_"].iter().any(|prefix| name.starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    let run = command.envs(variables.iter().copied()).current_dir(folder).output();
    run.expect("the example runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("an example prints text")
}

/// The records of the usual file in `folder`, each of them valid.
fn records(folder: &Path) -> Vec<Value> {
    records_of(&folder.join("llmobs.jsonl"))
}

fn records_of(file: &Path) -> Vec<Value> {
    let schema = include_str!("../../llmobs-core/schema/llmobs-1.json");
    let schema = serde_json::from_str(schema).expect("the schema is JSON");
    let schema = jsonschema::validator_for(&schema).expect("the schema is one");
    let lines = std::fs::read_to_string(file).expect("the file is there");
    let read = |line: &str| {
        let record: Value = serde_json::from_str(line).expect("a line is JSON");
        let wrong = schema.validate(&record).err().map(|wrong| wrong.to_string());
        assert_eq!(wrong, None, "in {line}");
        record
    };
    lines.lines().map(read).collect()
}

fn field<'r>(record: &'r Value, name: &str) -> Option<&'r str> {
    record.get(name)?.as_str()
}

/// Every span has its parent among the records.
fn assert_no_orphans(records: &[Value]) {
    let traces: HashMap<&str, Option<&str>> = records
        .iter()
        .filter_map(|record| Some((field(record, "span_id")?, field(record, "trace_id"))))
        .collect();
    for record in records {
        if let Some(parent) = field(record, "parent_span_id") {
            assert_eq!(traces.get(parent), Some(&field(record, "trace_id")), "orphan: {record}");
        }
    }
}

#[test]
fn the_quickstart_tells_everything_of_its_calls_and_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("quickstart", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stderr.starts_with("llmobs: writing records to "), "{stderr}");
    for shown in [
        "\nBoots can be returned within 30 days, unworn and in their box.\n",
        "\n  order_status({\"order_id\":\"A-1042\"})\n",
        "status is shipped.\n",
        "\nworkflow support ",
        "\n├ tool order_status ",
        "\n└ chat gpt-4o-mini-2024-07-18  support-answer@3 ",
        "\n│     tool: order_status\n",
        "\n10 records · 3 calls · 7 steps\n",
    ] {
        assert!(stdout.contains(shown), "{shown:?} is missing in\n{stdout}");
    }
    assert!(stdout.trim_end().ends_with("llmobs.jsonl"), "{stdout}");

    let records = records(folder.path());
    let of_kind = |kind: &'static str| records.iter().filter(move |record| record["kind"] == kind);
    assert_eq!((of_kind("meta").count(), records.len()), (1, 11));
    assert_eq!(of_kind("interaction").count(), 3);
    for call in of_kind("interaction") {
        assert_eq!(call["stream"], true);
        for field in TOLD {
            assert!(!call[field].is_null(), "{field} is missing in {call:#}");
        }
        assert_eq!(call["prompt"]["name"], "support-answer");
        assert_eq!((&call["user_id"], &call["outcome"]), (&"user-7".into(), &"completed".into()));
    }
    let mut steps: Vec<_> = of_kind("step").filter_map(|step| step["name"].as_str()).collect();
    steps.sort_unstable();
    let twice = ["build_prompt", "retrieve", "support"].map(|name| [name, name]).concat();
    let mut expected = [twice, vec!["order_status"]].concat();
    expected.sort_unstable();
    assert_eq!(steps, expected);
    assert_no_orphans(&records);
    let written = records.iter().map(Value::to_string).collect::<String>();
    assert!(!written.contains("Boots") && !written.contains("A-1042"), "content is private");
}

#[test]
fn the_proxy_records_a_client_that_knows_nothing_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("proxy", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("data: {") && stdout.contains("data: [DONE]"), "{stdout}");
    // The proxy may be done with the call before its client has printed the end of the answer.
    let (_, record) = stdout.split_once("{\n").expect("the record is printed");
    let record = ["{", record].concat();
    let mut values = serde_json::Deserializer::from_str(&record).into_iter();
    let record: Value = values.next().expect("a value").expect("the record is JSON");
    for (field, expected) in
        [("outcome", "completed"), ("model", "gpt-4o-mini"), ("api", "chat_completions")]
    {
        assert_eq!(record[field], expected, "{record:#}");
    }
    assert!(record["ttft_ms"].is_number() && record["output_tokens"].is_number(), "{record:#}");
    assert!(record["wire"]["request_bytes"].is_number(), "{record:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_exports_where_the_environment_says() {
    let collector = Server::start().await.expect("a port");
    collector.handler(|_| Answer::bytes(200, "application/x-protobuf", ""));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    let endpoint = collector.url();
    let output = tokio::task::spawn_blocking(move || {
        run("quickstart", &path, &[("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)])
    });
    let output = output.await.expect("no panic");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("at your OTLP endpoint"));
    assert!(collector.received().iter().any(|request| request.path() == "/v1/traces"));
    assert_conforms(&collector);
    assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 0, "no file");
}

#[test]
#[cfg(not(feature = "tls"))]
fn the_quickstart_says_that_https_needs_a_feature() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("quickstart", folder.path(), &[("OPENAI_API_KEY", "sk-test")]);
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("--features tls"), "{stderr}");
}

/// A span as the axum example prints it: name, id, parent, outcome.
fn span(line: &str) -> [&str; 4] {
    let line = line.trim_start_matches(['│', '├', '└', ' ']);
    let (name, rest) = line.split_once("  ").expect("a name and more");
    let (id, rest) = rest.trim_start().split_once("  parent ").expect("an id and a parent");
    let mut words = rest.split_whitespace();
    let parent = words.next().expect("a parent");
    // After the milliseconds and their unit.
    [name, id, parent, words.nth(2).unwrap_or_default()]
}

#[test]
#[cfg(feature = "otlp")]
fn the_axum_service_has_our_spans_below_its_own_and_its_own_below_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("axum", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("\nBoots can be returned within 30 days"), "{stdout}");
    let traces: Vec<&str> = stdout.split("\ntrace ").skip(1).collect();
    assert_eq!(traces.len(), 2, "{stdout}");
    for (trace, outcome) in traces.into_iter().zip(["completed", "dropped"]) {
        let spans: Vec<_> = trace.trim_end().lines().skip(1).map(span).collect();
        let [request, retrieval, query, chat] = &spans[..] else { panic!("{stdout}") };
        assert_eq!([request[0], request[2], request[3]], ["POST /ask", "-", ""]);
        assert_eq!(
            [retrieval[0], retrieval[2], retrieval[3]],
            ["retrieval", request[1], "completed"]
        );
        assert_eq!([query[0], query[2], query[3]], ["SELECT documents", retrieval[1], ""]);
        assert_eq!([chat[0], chat[2], chat[3]], ["chat gpt-4o-mini", request[1], outcome]);
    }
    let records = records(folder.path());
    let outcomes: Vec<_> = records
        .iter()
        .filter(|record| record["kind"] == "interaction")
        .map(|record| record["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["completed", "dropped"]);
}

#[test]
fn a_sink_of_ones_own_gets_every_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("own_sink", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let lines: Vec<Vec<&str>> = stdout.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    for cells in &lines[1..] {
        assert_eq!(cells[1..3], ["gpt-4o-mini-2024-07-18", "completed"]);
        assert!(cells[3..].iter().all(|cell| cell.parse::<u64>().is_ok()), "{stdout}");
    }
    assert_eq!(stderr, "csv took 2 records and lost 0\n");
}

#[test]
fn azure_is_known_by_its_host_and_what_it_filters_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("azure", folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert!(stdout.contains("\nBoots can be returned within 30 days.\n"), "{stdout}");
    let mut lines = stdout.lines().filter(|line| line.starts_with("provider=\"azure.ai.openai\""));
    let (refused, answered) = (lines.next().expect("a call"), lines.next().expect("another"));
    for told in
        [" outcome=Some(Failed) ", " filtered=Some(true) ", "content_filter", "output_tokens=None"]
    {
        assert!(refused.contains(told), "{told:?} is missing in {stdout}");
    }
    for told in ["\"shoes.openai.azure.com\" outcome=Some(Completed) ", " output_tokens=Some("] {
        assert!(answered.contains(told), "{told:?} is missing in {stdout}");
    }
}

#[test]
fn another_base_url_tells_tokens_to_those_who_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("base_url", folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    assert_eq!(stdout.matches("\nIt is 42.\n").count(), 2, "{stdout}");
    let mut lines = stdout.lines().filter(|line| line.starts_with("provider=\"127.0.0.1\""));
    let (plain, asking) = (lines.next().expect("a call"), lines.next().expect("another"));
    for (line, told) in [
        (plain, " output_tokens=None usage=None "),
        (asking, " output_tokens=Some(9) usage=Some(Injected) "),
    ] {
        assert!(line.contains(told), "{told:?} is missing in {stdout}");
        assert!(line.contains(" first_token_event=Some(1) consumer_stall_ms=Some("), "{stdout}");
    }
}

#[test]
fn a_decoder_of_ones_own_tells_as_much_as_ours() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("own_decoder", folder.path(), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let record = stdout.lines().last().expect("a line");
    for told in [" text_completion delphi-2 completed ", " in=9 out=11 ", " ttft=", " tpot="] {
        assert!(record.contains(told), "{told:?} is missing in {stdout}");
    }
}

/// The sum of money in billionths, which numbers of JSON carry exactly.
fn nanos<'r>(costs: impl Iterator<Item = &'r Value>) -> u64 {
    costs.map(|cost| (cost.as_f64().expect("a cost") * 1e9).round() as u64).sum()
}

#[test]
fn the_support_bot_tells_whose_it_is_what_it_found_who_ran_and_what_it_cost() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("support_bot", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for shown in ["129.00 EUR come back. [returns-1, returns-2]", "concierge@4", "support-route@2"]
    {
        assert!(stdout.contains(shown), "{shown:?} is missing in\n{stdout}");
    }
    for shown in [
        "├ agent concierge ",
        "├ tool ask_orders ",
        "returns-1 0.38, returns-2 0.31",
        "└ agent orders ",
        "└ agent returns ",
        "time: router",
        "turns, 2 calls",
        "$0.0",
    ] {
        assert!(stdout.contains(shown), "{shown:?} is missing in\n{stdout}");
    }

    let mut records = records_of(&folder.path().join("support_bot.jsonl"));
    records.retain(|record| record["kind"] != "meta");
    assert_no_orphans(&records);
    assert_eq!(records.iter().filter(|record| record["parent_span_id"].is_null()).count(), 1);
    for record in &records {
        assert!(
            field(record, "session_id").is_some_and(|it| it.starts_with("support-")),
            "{record}"
        );
        assert_eq!(
            (&record["user_id"], &record["tags"]["tenant"]),
            (&"user-7".into(), &"acme".into())
        );
        assert_eq!(record["outcome"], "completed", "{record}");
    }

    let calls: Vec<_> = records.iter().filter(|record| record["kind"] == "interaction").collect();
    assert_eq!(calls.len(), 7);
    for call in &calls {
        let prompt = &call["prompt"];
        let hash = field(prompt, "hash").expect("no one said it, and it is there");
        assert_eq!(hash.len(), 64);
        let expected = match field(prompt, "name") {
            Some("concierge") => "4",
            Some("support-route") => "2",
            Some("returns") => "1",
            Some("orders") => &hash[..12],
            _ => panic!("another prompt: {call}"),
        };
        assert_eq!(prompt["version"], expected);
        assert_eq!(
            (&call["cost"]["table"], &call["cost"]["source"]),
            (&"shop-1".into(), &"table".into())
        );
        assert_eq!(call["consumer"].is_object(), call["stream"] == true, "{call}");
    }

    let step = |kind: &'static str| records.iter().filter(move |record| record["step"] == kind);
    for (kind, count) in [("retrieval", 3), ("rerank", 2)] {
        let found = &step(kind).next().expect("it ran")["retrieved"];
        assert_eq!(found["count"], count);
        let documents = found["documents"].as_array().expect("they have ids");
        assert!(
            documents.iter().all(|it| it["id"].is_string() && it["score"].is_number()),
            "{found}"
        );
    }
    let mut asked: Vec<_> = calls
        .iter()
        .flat_map(|call| call["tool_calls"].as_array().into_iter().flatten())
        .map(|call| (field(call, "id"), field(call, "name")))
        .collect();
    let mut ran: Vec<_> = step("tool")
        .map(|step| (field(&step["tool"], "call_id"), field(&step["tool"], "name")))
        .collect();
    asked.sort_unstable();
    ran.sort_unstable();
    assert_eq!((asked.len(), &asked), (5, &ran));

    let named = |name: &str| records.iter().find(|record| record["name"] == *name).expect("it ran");
    let totals = |name: &str| {
        let totals = &named(name)["totals"];
        ["turns", "calls", "tools", "agents"].map(|it| totals[it].as_u64().expect("a count"))
    };
    assert_eq!(totals("support"), [1, 7, 5, 3]);
    assert_eq!(totals("concierge"), [2, 6, 5, 2]);
    assert_eq!(totals("orders"), [2, 2, 1, 0]);
    assert_eq!(totals("returns"), [2, 2, 2, 0]);
    let whole = &named("support")["totals"];
    for tokens in ["input_tokens", "output_tokens"] {
        let sum: u64 = calls.iter().map(|call| call[tokens].as_u64().expect("a count")).sum();
        assert_eq!(whole[tokens], sum);
    }
    let cost = nanos([&whole["cost"]].into_iter());
    assert_eq!(cost, nanos(calls.iter().map(|call| &call["cost"]["total"])));
    assert!(cost > 0 && whole["unpriced"].is_null());
    for agent in ["orders", "returns"] {
        let above = field(named(agent), "parent_span_id");
        let tool =
            step("tool").find(|step| field(step, "span_id") == above).expect("a tool asked it");
        assert_eq!(tool["parent_span_id"], named("concierge")["span_id"]);
    }
    let written = records.iter().map(Value::to_string).collect::<String>();
    assert!(!written.contains("A-1042") && !written.contains("EUR"), "content is private");
}

#[test]
fn the_spans_of_a_model_server_hang_below_the_call_it_answers() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run("model_server", folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert!(stdout.contains("\n2 records in service.jsonl, 4 in server.jsonl\n"), "{stdout}");
    for shown in ["\n└ chat llama-3.3-70b ", "\n  └ span llm_request ", "\n    ├ span queue "]
    {
        assert!(stdout.contains(shown), "{shown:?} is missing in\n{stdout}");
    }
    let [service, server] =
        ["service.jsonl", "server.jsonl"].map(|file| records_of(&folder.path().join(file)));
    let call = service.iter().find(|record| record["kind"] == "interaction").expect("a call");
    let request = server.iter().find(|record| record["name"] == "llm_request").expect("a span");
    assert_eq!(request["parent_span_id"], call["span_id"]);
    for name in ["queue", "prefill", "decode"] {
        let stage = server.iter().find(|record| record["name"] == name).expect("a span");
        assert_eq!(stage["parent_span_id"], request["span_id"]);
        assert_eq!(stage["outcome"], "completed");
        assert_eq!(stage["session_id"], "session-7");
        assert_eq!(stage["tags"]["tenant"], "acme");
    }
    let both: Vec<Value> = service.into_iter().chain(server).collect();
    assert_no_orphans(&both);
}
