//! What the environment and the builder make of a recorder.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::process::Stdio;

use llmobs::testing::Memory;
use llmobs::{
    Builder, Capture, EnvironmentError, InitError, Kind, Outcome, PriceTable, Record, StepKind,
    TailSampling, TraceId, Usage, UsagePolicy,
};
use serde_json::{Value, json};

/// A builder that sees these variables and no others.
fn with(variables: &[(&str, &str)]) -> Builder {
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Builder::from_lookup(&move |name| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    })
    .process_wide(false)
}

#[test]
fn the_environment_names_the_file_the_service_and_what_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("records.jsonl");
    let llmobs = with(&[
        ("LLMOBS_FILE", path.to_str().expect("text")),
        ("OTEL_SERVICE_NAME", "shop"),
        ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=stag%69ng,x=y"),
        ("LLMOBS_CAPTURE", "input, errors"),
    ])
    .start()
    .expect("it starts");
    assert_eq!(llmobs.capture(), Capture::NONE.input(true).errors(true));
    llmobs.step(StepKind::Tool, "look_up").end();
    drop(llmobs);
    let text = fs::read_to_string(path).expect("it was written");
    let lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines[0]["kind"], "meta");
    assert_eq!(lines[0]["meta"]["schema"], "llmobs/1");
    assert_eq!(lines[1]["service"], "shop");
    assert_eq!(lines[1]["environment"], "staging");
    assert_eq!(lines[1]["name"], "look_up");
}

/// A call of `m` at a host of one's own, with 1,000 tokens in and none out.
fn call() -> Record {
    Record {
        provider: Some("llm.example".into()),
        model: Some("m".into()),
        operation: Some("embeddings".into()),
        outcome: Some(Outcome::Completed),
        input_tokens: Some(1_000),
        usage: Some(Usage::default()),
        ..Record::default()
    }
}

fn prices(version: &str, input: &str) -> String {
    let price = json!({ "models": ["m"], "price": { "input": input } });
    let lists = json!([{ "provider": "llm.example", "prices": [price] }]);
    json!({ "version": version, "lists": lists }).to_string()
}

#[test]
fn the_environment_names_prices_and_the_builder_goes_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prices.json");
    fs::write(&path, prices("file-1", "2")).expect("it can be written");
    let file = path.to_str().expect("text");
    let own = || PriceTable::parse(&prices("own-1", "3")).expect("a table");
    for (own, expected) in [(None, ("0.002", "file-1")), (Some(own()), ("0.003", "own-1"))] {
        let memory = Memory::default();
        let mut builder = with(&[("LLMOBS_PRICES", file)]).sink(memory.clone());
        if let Some(own) = own {
            builder = builder.prices(own);
        }
        let llmobs = builder.start().expect("it starts");
        llmobs.record(call());
        drop(llmobs);
        let records = memory.records();
        let called = records.iter().find(|record| record.model.is_some()).expect("a record");
        let cost = called.cost.clone().expect("it has a price");
        let table = cost.table.as_deref().expect("a version");
        assert_eq!((cost.total.to_string().as_str(), table), expected);
    }
}

#[test]
fn prices_that_cannot_be_used_are_an_error_that_says_where() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("prices.json");
    for (text, told) in [
        (
            prices("1", "cheap"),
            "entry 1 of the price table, m, for llm.example: \"cheap\" is not a price",
        ),
        ("{\n}".to_owned(), "line 2, column 1 of the price table: missing field `version`"),
    ] {
        fs::write(&path, text).expect("it can be written");
        let failed = with(&[("LLMOBS_PRICES", path.to_str().expect("text"))]).no_file().start();
        let err = failed.expect_err("it cannot be used");
        assert_eq!(err.to_string(), "the prices that LLMOBS_PRICES names cannot be used");
        assert_eq!(err.source().expect("a source").to_string(), told);
    }
}

#[test]
fn values_that_mean_nothing_are_errors_that_say_what_would() {
    for (name, value, expected) in [
        ("LLMOBS_ENABLED", "maybe", "true or false"),
        ("LLMOBS_MAX_OPERATIONS", "many", "a whole number above 0"),
        ("LLMOBS_MAX_OPERATIONS", "0", "a whole number above 0"),
        ("LLMOBS_FILE_MAX_BYTES", "0", "a whole number above 0"),
        ("LLMOBS_SPOOL_MAX_BYTES", "1G", "a whole number"),
        ("LLMOBS_USAGE", "sometimes", "auto, always or never"),
        ("LLMOBS_ON_PANIC", "scream", "nothing, flush or shutdown"),
        (
            "LLMOBS_PROVIDERS",
            "llm.internal",
            "a list of host=name, such as llm.internal=vllm,.corp.example=gateway",
        ),
        ("LLMOBS_CAPTURE", "everything", "none, all, or a list of input, output, tools, errors"),
        ("LLMOBS_TAIL_SAMPLE", "2", "a share from 0 to 1"),
        ("LLMOBS_TAIL_SAMPLE", "NaN", "a share from 0 to 1"),
        ("LLMOBS_TAIL_SAMPLE_SLOW_MS", "long", "a whole number"),
        ("LLMOBS_TAIL_SAMPLE_SLOW_MS", "5000", "LLMOBS_TAIL_SAMPLE beside it"),
    ] {
        let failed = with(&[(name, value)]).no_file().start();
        let InitError::Environment(err) = failed.expect_err("it means nothing") else {
            panic!("another error for {name}")
        };
        let err: EnvironmentError = err;
        assert_eq!(err.name(), name);
        assert_eq!(
            err.to_string(),
            format!("the environment variable {name} is {value:?}: expected {expected}")
        );
    }
}

#[cfg(unix)]
const NO_TEXT: &str = "LLMOBS_TEST_NO_TEXT";

/// A process one variable of which is no text.
#[cfg(unix)]
#[test]
fn starts_with_a_variable_that_is_no_text() {
    let Ok(variable) = std::env::var(NO_TEXT) else { return };
    let InitError::Environment(err) = llmobs::init().expect_err("it is no text") else {
        panic!("another error for {variable}")
    };
    assert_eq!(err.name(), variable);
    let expected = format!("the environment variable {variable} is no UTF-8: expected text");
    assert_eq!(err.to_string(), expected);
    assert!(!format!("{err:?}").contains("s3cret"), "{err:?}");
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_no_text_is_not_taken_for_unset() {
    use std::os::unix::ffi::OsStrExt;

    let no_text = std::ffi::OsStr::from_bytes(b"s3cret\xff");
    for variable in [
        "LLMOBS_CAPTURE",
        "LLMOBS_ENVIRONMENT",
        "LLMOBS_FILE",
        "LLMOBS_MAX_OPERATIONS",
        "LLMOBS_PROPAGATE_TO",
        "LLMOBS_SPOOL_DIR",
        "LLMOBS_USER_ID_KEY",
        "OTEL_SDK_DISABLED",
        "OTEL_SERVICE_NAME",
    ] {
        let program = std::env::current_exe().expect("the test has a path");
        let mut child = std::process::Command::new(program);
        child.args(["--exact", "start::starts_with_a_variable_that_is_no_text"]);
        // Should it start all the same, no file of its own is left here.
        let folder = tempfile::tempdir().expect("a folder");
        child.current_dir(&folder).env(variable, no_text).env(NO_TEXT, variable);
        let output = child.output();
        let output = output.expect("it runs");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && out.contains("1 passed"), "{variable}: {out}");
    }
}

#[test]
fn the_environment_keeps_what_failed_or_was_slow_and_the_builder_goes_before_it() {
    let names = |builder: Builder| {
        let memory = Memory::default();
        let llmobs = builder.sink(memory.clone()).start().expect("it starts");
        let ended = |name: &str, millis, outcome| Record {
            kind: Kind::Step,
            trace_id: TraceId::new(name.len() as u128),
            name: Some(name.into()),
            total_latency_ms: Some(millis),
            outcome: Some(outcome),
            ..Record::default()
        };
        llmobs.record(ended("routine", 10.0, Outcome::Completed));
        llmobs.record(ended("failed", 10.0, Outcome::Failed));
        llmobs.record(ended("long", 5_001.0, Outcome::Completed));
        drop(llmobs);
        memory.records().into_iter().filter_map(|record| record.name).collect::<Vec<_>>()
    };
    let sampled = || with(&[("LLMOBS_TAIL_SAMPLE", "0"), ("LLMOBS_TAIL_SAMPLE_SLOW_MS", "5000")]);
    assert_eq!(names(sampled()), ["failed", "long"]);
    assert_eq!(names(with(&[("LLMOBS_TAIL_SAMPLE", " 0.0 ")])), ["failed"]);
    let own = TailSampling::new(1.0);
    assert_eq!(names(sampled().tail_sampling(own)), ["routine", "failed", "long"]);
    assert_eq!(names(with(&[])), ["routine", "failed", "long"]);
}

#[test]
fn whether_usage_is_asked_for_is_said_by_the_environment_or_in_code() {
    let policy = |builder: Builder| builder.no_file().start().expect("it starts").usage();
    assert_eq!(policy(with(&[])), UsagePolicy::Auto);
    assert_eq!(policy(with(&[("LLMOBS_USAGE", "Always")])), UsagePolicy::Always);
    assert_eq!(policy(with(&[("LLMOBS_USAGE", "never")])), UsagePolicy::Never);
    let in_code = with(&[("LLMOBS_USAGE", "never")]).usage(UsagePolicy::Always);
    assert_eq!(policy(in_code), UsagePolicy::Always);
}

#[cfg(not(feature = "estimate"))]
#[test]
fn counts_that_cannot_be_had_are_no_silent_wish() {
    let failed = with(&[("LLMOBS_ESTIMATE", "true")]).no_file().start();
    let err = failed.expect_err("the tokenizers are not there");
    let cause = err.source().map(ToString::to_string).unwrap_or_default();
    assert!(cause.ends_with("expected false, without the feature `estimate`"), "{cause}");
}

#[test]
fn a_provider_is_named_by_the_environment_or_in_code() {
    let builder = with(&[("LLMOBS_PROVIDERS", "llm.internal=vllm, .corp.example=gateway")]);
    let memory = llmobs::testing::Memory::default();
    let llmobs = builder
        .no_file()
        .provider("llm.internal", "sglang")
        .sink(memory.clone())
        .start()
        .expect("it starts");
    for host in ["llm.internal", "a.corp.example", "b.example"] {
        let path = "/v1/chat/completions";
        let target = llmobs::Target { method: "POST", host, port: Some(443), path };
        let start = llmobs::CallStart { target, body: None, body_len: None };
        llmobs.call(start).expect("it is observed").returned();
    }
    llmobs.flush(std::time::Duration::from_secs(10)).expect("memory takes everything");
    let records = memory.records();
    let providers: Vec<_> = records.iter().filter_map(|it| it.provider.as_deref()).collect();
    assert_eq!(providers, ["sglang", "gateway", "b.example"]);

    let failed = with(&[]).no_file().provider("https://llm.internal", "vllm").start();
    let err = failed.expect_err("this is no host");
    let cause = err.source().and_then(Error::source).expect("it says which");
    assert!(cause.to_string().contains("https://llm.internal=vllm"), "{cause}");
}

#[test]
fn an_unknown_exporter_is_a_set_up_error() {
    let failed = with(&[("OTEL_TRACES_EXPORTER", "carrier-pigeon")]).no_file().start();
    let err = failed.expect_err("there is none");
    assert!(
        err.source().is_some_and(|cause| cause.to_string().contains("carrier-pigeon")),
        "{err:?}"
    );
}

#[test]
fn turned_off_means_no_file_and_no_record() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("records.jsonl");
    for variables in [[("OTEL_SDK_DISABLED", "true")], [("LLMOBS_ENABLED", "false")]] {
        let llmobs = with(&variables).start().expect("it starts");
        assert!(!llmobs.is_enabled());
        assert!(!llmobs.step(StepKind::Tool, "look_up").is_recording());
    }
    assert!(!path.exists());
    assert!(!std::path::Path::new("llmobs.jsonl").exists(), "no file where nothing is observed");
}

#[test]
fn a_file_that_cannot_be_opened_is_no_error() {
    let llmobs = with(&[("LLMOBS_FILE", "/nowhere/at/all/records.jsonl")]).start();
    let llmobs = llmobs.expect("it starts all the same");
    llmobs.step(StepKind::Tool, "look_up").end();
}

const UNHEARD: &str = "LLMOBS_TEST_UNHEARD";

#[test]
fn starts_with_a_word_of_warning() {
    if std::env::var_os(UNHEARD).is_some() {
        std::io::stdin().read_line(&mut String::new()).expect("a line");
        a_file_that_cannot_be_opened_is_no_error();
    }
}

#[test]
fn that_nobody_hears_the_warning_is_no_error_either() {
    let program = std::env::current_exe().expect("the test has a path");
    let mut child = std::process::Command::new(program)
        .args(["--exact", "start::starts_with_a_word_of_warning", "--nocapture"])
        .env(UNHEARD, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    drop(child.stderr.take());
    child.stdin.take().expect("a pipe").write_all(b"\n").expect("it waits for it");
    let output = child.wait_with_output().expect("it ends");
    let out = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && out.contains("1 passed"), "{out}");
}

#[test]
fn it_can_be_turned_off_and_on_while_running() {
    let llmobs = with(&[]).no_file().start().expect("it starts");
    assert!(llmobs.step(StepKind::Tool, "a").is_recording());
    llmobs.set_enabled(false);
    assert!(!llmobs.step(StepKind::Tool, "b").is_recording());
    llmobs.set_enabled(true);
    assert!(llmobs.step(StepKind::Tool, "c").is_recording());
}

#[test]
fn content_may_be_kept_in_some_environments_only() {
    let capture = |settings: &[(&'static str, &'static str)], code: fn(Builder) -> Builder| {
        let builder = code(with(settings)).no_file().process_wide(false);
        let llmobs = builder.start().expect("it starts");
        llmobs.capture()
    };
    let said = ("LLMOBS_CAPTURE", "errors; staging: all ;production:none");
    let errors = Capture::NONE.errors(true);
    assert_eq!(capture(&[said], |code| code), errors);
    assert_eq!(capture(&[said, ("LLMOBS_ENVIRONMENT", "test")], |code| code), errors);
    assert_eq!(capture(&[said, ("LLMOBS_ENVIRONMENT", "staging")], |code| code), Capture::ALL);
    assert_eq!(capture(&[said, ("LLMOBS_ENVIRONMENT", "production")], |code| code), Capture::NONE);
    // What is said in code goes before, the environment's name included.
    assert_eq!(capture(&[said], |code| code.environment("staging")), Capture::ALL);
    let staging = [said, ("LLMOBS_ENVIRONMENT", "staging")];
    let input = |code: Builder| code.capture(Capture::NONE.input(true));
    assert_eq!(capture(&staging, input), Capture::NONE.input(true));
    let both = |code: Builder| code.capture_in("staging", Capture::NONE).capture(Capture::ALL);
    assert_eq!(capture(&staging, both), Capture::NONE);
}

#[test]
fn opentelemetrys_own_word_on_content_turns_it_on_where_ours_says_nothing() {
    const PLACE: &str = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
    let capture = |settings: &[(&'static str, &'static str)]| {
        let llmobs = with(settings).no_file().process_wide(false).start().expect("it starts");
        llmobs.capture()
    };
    for place in ["SPAN_ONLY", "event_only", "Span_And_Event", "true"] {
        assert_eq!(capture(&[(PLACE, place)]), Capture::ALL.errors(false), "{place}");
    }
    for place in ["NO_CONTENT", "false", ""] {
        assert_eq!(capture(&[(PLACE, place)]), Capture::NONE, "{place}");
    }
    let ours = ("LLMOBS_CAPTURE", "output");
    assert_eq!(capture(&[(PLACE, "NO_CONTENT"), ours]), Capture::NONE.output(true));
    for settings in [&[(PLACE, "SPAN")][..], &[(PLACE, "SPAN"), ours][..]] {
        let failed = with(settings).no_file().start().expect_err("there is no such place");
        let source = failed.source().expect("a source").to_string();
        assert!(source.contains(PLACE) && source.contains("EVENT_ONLY"), "{source}");
    }
}

#[test]
fn what_is_redacted_can_be_chosen() {
    for (value, expected) in
        [("none", "bob@example.com 10.1.2.3"), ("ip", "bob@example.com [redacted:ip]")]
    {
        let memory = llmobs::testing::Memory::default();
        let llmobs = with(&[("LLMOBS_REDACT", value)]).sink(memory.clone()).process_wide(false);
        let llmobs = llmobs.start().expect("it starts");
        let said = serde_json::json!("bob@example.com 10.1.2.3");
        let content = llmobs::Content { input_messages: Some(said), ..Default::default() };
        llmobs.record(llmobs::Record { content: Some(Box::new(content)), ..Default::default() });
        llmobs.flush(std::time::Duration::from_secs(10)).expect("the sink takes it");
        let record = memory.records().pop().expect("one came");
        let content = record.content.expect("kept");
        assert_eq!(content.input_messages, Some(serde_json::json!(expected)));
    }
    let failed = with(&[("LLMOBS_REDACT", "fax")]).no_file().start();
    assert!(matches!(failed, Err(InitError::Environment(err)) if err.name() == "LLMOBS_REDACT"));
}

const PANICS: &str = "LLMOBS_TEST_PANICS";

/// A process whose environment says what a panic does.
#[test]
fn panics_in_an_environment_that_says_so() {
    let Some(file) = std::env::var_os(PANICS) else { return };
    let slowly = |_: &mut Record| {
        std::thread::sleep(std::time::Duration::from_millis(200));
        llmobs::Verdict::Keep
    };
    let builder = llmobs::builder().file(&file).processor(slowly);
    let llmobs = builder.start().expect("it starts");
    llmobs.step(StepKind::Tool, "before the panic").end();
    std::panic::catch_unwind(|| panic!("as the test says")).expect_err("it is caught");
    let written = fs::read_to_string(&file).expect("it was written");
    let shutdown = std::env::var("LLMOBS_ON_PANIC").is_ok_and(|on| on == "shutdown");
    assert_eq!(written.lines().filter(|line| line.contains("before the panic")).count(), 1);
    llmobs.step(StepKind::Tool, "after it").end();
    assert_eq!(llmobs.losses().lost.len(), usize::from(shutdown));
}

#[test]
fn what_a_panic_does_is_said_by_the_environment() {
    for on_panic in ["flush", "shutdown"] {
        let folder = tempfile::tempdir().expect("a folder");
        let program = std::env::current_exe().expect("the test has a path");
        let mut child = std::process::Command::new(program);
        child.args(["--exact", "start::panics_in_an_environment_that_says_so"]);
        child.env("LLMOBS_ON_PANIC", on_panic).env(PANICS, folder.path().join("llmobs.jsonl"));
        let output = child.output().expect("it runs");
        let out = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && out.contains("1 passed"), "{on_panic}: {out}");
    }
}
