//! What is taken for a failure, and what is said of it.

use std::fmt;

use llmobs_core::testing::Recording;
use llmobs_macros::trace_llm;

use crate::tree::{async_steps, steps};

type Answer<T = ()> = Result<T, Refusal>;

#[derive(Debug)]
struct Refusal {
    why: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

#[trace_llm(crate = llmobs_core)]
fn refuse(why: &str) -> Answer {
    Err(Refusal { why: why.to_owned() })
}

#[trace_llm(crate = llmobs_core)]
async fn answer(refuse: bool) -> Answer<&'static str> {
    tokio::task::yield_now().await;
    if refuse {
        return Err(Refusal { why: "asked to".into() });
    }
    Ok("yes")
}

#[test]
fn an_error_fails_the_step_by_its_type_behind_any_alias() {
    let seen = async_steps(async {
        assert!(refuse("no").is_err());
        assert!(answer(true).await.is_err());
        assert!(answer(false).await.is_ok());
    });
    assert_eq!(
        seen,
        "refuse: chain, failed by it::results::Refusal\n\
         answer: chain, failed by it::results::Refusal\n\
         answer: chain\n"
    );
}

#[test]
fn an_errors_message_is_nowhere_in_the_record() {
    let recording = Recording::new();
    let refused = recording.scope().run_sync(|| refuse("canary in a message"));
    assert!(refused.is_err());
    let records = format!("{:?}", recording.records());
    assert!(records.contains("it::results::Refusal"));
    assert!(!records.contains("canary"), "{records}");
}

#[trace_llm(crate = llmobs_core)]
fn parse(text: &str) -> Result<i32, Box<dyn std::error::Error + Send + Sync>> {
    let number: i32 = text.parse()?;
    Ok(number)
}

#[trace_llm(crate = llmobs_core)]
fn parsed(text: &str) -> Option<i32> {
    let number = parse(text).ok()?;
    Some(number)
}

#[test]
fn a_question_mark_leaves_the_function_and_none_is_no_failure() {
    let seen = steps(|| {
        assert_eq!(parsed("1"), Some(1));
        assert_eq!(parsed("one"), None);
    });
    assert_eq!(
        seen,
        "parsed: chain\n  parse: chain\n\
         parsed: chain\n  parse: chain, failed by alloc::boxed::Box<dyn core::error::Error + \
         core::marker::Send + core::marker::Sync>\n"
    );
}

#[trace_llm(crate = llmobs_core)]
async fn retry<T, E, F>(mut run: impl FnMut() -> F) -> Result<T, E>
where
    F: Future<Output = Result<T, E>>,
{
    match run().await {
        Ok(value) => Ok(value),
        Err(_) => run().await,
    }
}

#[trace_llm(crate = llmobs_core)]
fn hand_through<T>(value: T) -> T {
    value
}

#[test]
fn inside_generics_a_result_is_known_by_the_signature() {
    let seen = async_steps(async {
        let failed: Result<(), _> = retry(async || Err::<(), _>("no")).await;
        assert_eq!(failed, Err("no"));
        assert_eq!(hand_through(failed), Err("no"));
    });
    assert_eq!(seen, "retry: chain, failed by &str\nhand_through: chain\n");
}

#[test]
fn without_a_recorder_functions_only_run() {
    assert_eq!(parsed("1"), Some(1));
    let recording = Recording::new();
    recording.recorder().set_enabled(false);
    assert_eq!(recording.scope().run_sync(|| parsed("2")), Some(2));
    assert_eq!(recording.recorder().losses().accepted, 0);
}
