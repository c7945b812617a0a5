//! Whose child a step is, however its future is driven.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use llmobs_core::testing::Recording;
use llmobs_core::{Scope, ScopeExt};
use llmobs_macros::trace_llm;
use tokio::sync::Barrier;

use crate::tree::{async_steps, tree};

#[trace_llm(kind = "prompt", crate = llmobs_core)]
fn build(name: &str) -> String {
    format!("tell me of {name}")
}

#[trace_llm(kind = "tool", crate = llmobs_core)]
async fn fetch(name: &str) -> String {
    tokio::task::yield_now().await;
    build(name)
}

#[trace_llm(name = "left", crate = llmobs_core)]
async fn left() {
    tokio::task::yield_now().await;
    fetch("left").await;
    tokio::task::yield_now().await;
    build("left");
}

#[trace_llm(name = "right", crate = llmobs_core)]
async fn right() {
    build("right");
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    fetch("right").await;
}

const LEFT: &str = "left: chain\n  fetch: tool\n    build: prompt\n  build: prompt\n";
const RIGHT: &str = "right: chain\n  build: prompt\n  fetch: tool\n    build: prompt\n";

#[test]
fn two_futures_interleaved_in_one_task_keep_their_own_children() {
    let seen = async_steps(async { tokio::join!(left(), right()) });
    assert_eq!(seen, format!("{LEFT}{RIGHT}"));
}

#[test]
fn between_two_polls_nothing_is_left_open() {
    let recording = Recording::new();
    recording.scope().run_sync(|| {
        let mut open = pin!(left());
        let mut cx = Context::from_waker(Waker::noop());
        while open.as_mut().poll(&mut cx).is_pending() {
            build("outside");
        }
    });
    let outside = "build: prompt\n".repeat(3);
    assert_eq!(tree(&recording), format!("{LEFT}{outside}"));
}

#[test]
fn a_future_that_moves_between_threads_keeps_its_children() {
    let recording = Recording::new();
    let mut threads = Vec::new();
    let mut open = Box::pin(recording.scope().run(left()));
    // A new thread for each poll: the surest migration there is.
    loop {
        let polled = std::thread::spawn(move || {
            let done = open.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
            (open, done, std::thread::current().id())
        });
        let (back, done, thread) = polled.join().expect("the poll does not panic");
        threads.push(thread);
        if done {
            break;
        }
        open = back;
    }
    threads.dedup();
    assert!(threads.len() > 2);
    assert_eq!(tree(&recording), LEFT);
}

#[test]
fn tasks_on_many_threads_nest_each_below_its_own() {
    const TASKS: usize = 8;
    let recording = Recording::new();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    runtime.expect("a runtime starts").block_on(async {
        let barrier = Arc::new(Barrier::new(TASKS));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let barrier = Arc::clone(&barrier);
                tokio::spawn(recording.scope().run(async move {
                    barrier.wait().await;
                    left().await;
                }))
            })
            .collect();
        for task in tasks {
            task.await.expect("the task ends well");
        }
    });
    assert_eq!(tree(&recording), LEFT.repeat(TASKS));
}

#[trace_llm(kind = "workflow", crate = llmobs_core)]
async fn fan_out() {
    let carried = tokio::spawn(fetch("here").in_current_scope());
    let given = std::thread::spawn({
        let scope = Scope::current();
        move || scope.run_sync(|| build("on a thread"))
    });
    given.join().expect("the thread ends well");
    carried.await.expect("the task ends well");
}

#[test]
fn spawned_work_that_carries_the_scope_is_a_child() {
    let seen = async_steps(fan_out());
    assert_eq!(seen, "fan_out: workflow\n  build: prompt\n  fetch: tool\n    build: prompt\n");
}

#[trace_llm(crate = llmobs_core)]
async fn tagged() {
    let scope = Scope::current();
    assert_eq!((scope.session_id(), scope.user_id()), (Some("s-1"), Some("u-1")));
    poll_fn(|_| Poll::Ready(())).await;
}

#[test]
fn a_step_passes_on_what_is_said_around_it() {
    let seen = async_steps(async {
        let scope = Scope::current().session("s-1").user("u-1");
        scope.run(tagged()).await;
    });
    assert_eq!(seen, "tagged: chain\n");
}

#[test]
fn a_traced_future_is_send_where_the_bare_one_is() {
    fn send<F: Future + Send>(future: F) -> F {
        future
    }
    drop((send(left()), send(fetch("x")), send(tagged())));
}
