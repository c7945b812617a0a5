//! Steps that do not reach their end.

use std::future::{pending, ready};

use llmobs_core::testing::Recording;
use llmobs_macros::trace_llm;
use tokio::sync::oneshot;

use crate::tree::{async_steps, steps, tree};

#[trace_llm(kind = "agent", crate = llmobs_core)]
async fn agent(fails: bool) {
    ready(()).await;
    tool(fails).await;
}

#[trace_llm(kind = "tool", crate = llmobs_core)]
async fn tool(fails: bool) {
    tokio::task::yield_now().await;
    assert!(!fails, "canary in a panic");
    pending().await
}

#[trace_llm(crate = llmobs_core)]
fn divide(by: u32) -> u32 {
    12 / by
}

#[test]
fn a_future_that_loses_a_select_is_recorded_as_dropped() {
    let seen = async_steps(async {
        tokio::select! {
            biased;
            () = agent(false) => {}
            () = tokio::task::yield_now() => {}
        }
    });
    assert_eq!(seen, "agent: agent, dropped\n  tool: tool, dropped\n");
}

#[test]
fn an_aborted_task_is_recorded_as_dropped() {
    let recording = Recording::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let (started, wait) = oneshot::channel();
        let task = tokio::spawn(recording.scope().run(async {
            started.send(()).expect("the test waits");
            agent(false).await;
        }));
        wait.await.expect("the task runs");
        task.abort();
        assert!(task.await.expect_err("it was aborted").is_cancelled());
    });
    assert_eq!(tree(&recording), "agent: agent, dropped\n  tool: tool, dropped\n");
}

#[test]
fn a_future_dropped_before_its_first_poll_was_never_begun() {
    assert_eq!(async_steps(async { drop(agent(false)) }), "");
}

#[test]
fn a_panic_fails_every_step_around_it_without_its_message() {
    let recording = Recording::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let failed = tokio::spawn(recording.scope().run(agent(true))).await;
        assert!(failed.expect_err("the task panics").is_panic());
    });
    assert!(!format!("{:?}", recording.records()).contains("canary"));
    assert_eq!(tree(&recording), "agent: agent, failed by panic\n  tool: tool, failed by panic\n");
}

#[test]
fn a_panic_in_a_sync_function_fails_it_and_goes_on() {
    let seen = steps(|| {
        let panicked = std::panic::catch_unwind(|| divide(0));
        assert!(panicked.is_err());
        assert_eq!(divide(3), 4);
    });
    assert_eq!(seen, "divide: chain, failed by panic\ndivide: chain\n");
}
