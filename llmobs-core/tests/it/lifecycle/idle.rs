//! Waiting until nothing is open.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use llmobs_core::StepKind;
use llmobs_core::testing::Memory;

use super::{LONG, bell, builder, call, step, told, whole};

fn all_told(memory: &Memory) -> Vec<String> {
    memory.records().iter().map(told).collect()
}

#[test]
fn a_task_is_woken_when_the_last_open_call_has_ended_and_gone_out() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let (first, second) = (call(&llmobs), call(&llmobs));
    let (waker, rings) = bell();
    let mut cx = Context::from_waker(&waker);
    let mut idle = pin!(llmobs.idle_async(LONG));
    assert!(idle.as_mut().poll(&mut cx).is_pending());
    drop(first);
    llmobs.flush(LONG).expect("it has been taken");
    assert!(idle.as_mut().poll(&mut cx).is_pending(), "one is open");
    drop(second);
    // Once for the quiet, once for the flush that follows.
    let done = loop {
        rings.recv_timeout(LONG).expect("it is woken");
        if let Poll::Ready(done) = idle.as_mut().poll(&mut cx) {
            break done;
        }
    };
    done.expect("nothing is left");
    assert_eq!(all_told(&memory), ["dropped", "dropped"]);
    whole(&llmobs);
}

#[test]
fn a_thread_waits_for_what_other_threads_have_open() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    std::thread::scope(|threads| {
        for n in 0..8 {
            let open = llmobs.step(StepKind::Tool, n.to_string());
            threads.spawn(move || open.end());
        }
        llmobs.idle(LONG).expect("all of them end");
    });
    assert_eq!(all_told(&memory).len(), 8);
    whole(&llmobs);
}

#[test]
fn what_stays_open_is_no_reason_to_keep_the_rest_back() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let open = call(&llmobs);
    step(&llmobs, "done");
    let err = llmobs.idle(Duration::from_millis(400)).unwrap_err();
    assert_eq!((err.open(), err.waiting()), (1, 1), "{err}");
    assert_eq!(err.to_string(), "not everything was delivered: 1 operation is under way");
    assert!(err.failed_sinks().is_empty() && !err.is_own_thread() && !err.is_forked());
    assert_eq!(all_told(&memory), ["done"]);
    drop(open);
    llmobs.idle(LONG).expect("now it has ended");
    whole(&llmobs);
}

#[test]
fn a_task_is_woken_when_its_time_is_over() {
    let llmobs = builder().start().expect("threads");
    let _open = call(&llmobs);
    let (waker, rings) = bell();
    let mut cx = Context::from_waker(&waker);
    let mut idle = pin!(llmobs.idle_async(Duration::from_millis(20)));
    let err = loop {
        if let Poll::Ready(done) = idle.as_mut().poll(&mut cx) {
            break done.unwrap_err();
        }
        rings.recv_timeout(LONG).expect("it is woken");
    };
    assert_eq!(err.open(), 1);
}

#[test]
fn a_task_that_moves_is_woken_where_it_is() {
    let llmobs = builder().sink(Memory::default()).start().expect("threads");
    let open = call(&llmobs);
    let mut idle = Box::pin(llmobs.idle_async(LONG));
    assert!(idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let (waker, rings) = bell();
    let mut cx = Context::from_waker(&waker);
    assert!(idle.as_mut().poll(&mut cx).is_pending());
    drop(open);
    while idle.as_mut().poll(&mut cx).is_pending() {
        rings.recv_timeout(LONG).expect("the last one that polled is woken");
    }
}

struct Bomb;

impl std::task::Wake for Bomb {
    fn wake(self: std::sync::Arc<Self>) {
        std::panic::resume_unwind(Box::new("as the test says"));
    }
}

#[test]
fn a_waker_that_panics_when_its_time_is_over_leaves_the_others_their_alarm() {
    let llmobs = builder().start().expect("threads");
    let _open = call(&llmobs);
    let bomb = Waker::from(std::sync::Arc::new(Bomb));
    let (waker, rings) = bell();
    let mut first = pin!(llmobs.idle_async(Duration::from_millis(20)));
    assert!(first.as_mut().poll(&mut Context::from_waker(&bomb)).is_pending());
    for _ in 0..2 {
        let mut next = pin!(llmobs.idle_async(Duration::from_millis(40)));
        assert!(next.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        rings.recv_timeout(LONG).expect("it is woken");
    }
}

#[test]
fn a_waker_that_panics_stops_nobody() {
    let llmobs = builder().sink(Memory::default()).start().expect("threads");
    let open = call(&llmobs);
    let bomb = Waker::from(std::sync::Arc::new(Bomb));
    let mut idle = pin!(llmobs.idle_async(LONG));
    assert!(idle.as_mut().poll(&mut Context::from_waker(&bomb)).is_pending());
    drop(open);
    llmobs.idle(LONG).expect("the worker lives");
    whole(&llmobs);
}

#[test]
fn whoever_gives_up_leaves_nothing_behind() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let open = call(&llmobs);
    for _ in 0..1_000 {
        let mut idle = pin!(llmobs.idle_async(LONG));
        assert!(idle.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    drop(open);
    llmobs.idle(LONG).expect("it has ended");
    assert_eq!(all_told(&memory), ["dropped"]);
}

#[test]
fn after_the_shutdown_nobody_waits() {
    let llmobs = builder().sink(Memory::default()).start().expect("threads");
    let open = llmobs.step(StepKind::Tool, "open");
    llmobs.shutdown(LONG).expect("nothing waits for a sink");
    assert_eq!(llmobs.idle(LONG).unwrap_err().open(), 1);
    open.end();
    llmobs.idle(LONG).expect("nothing is left");
    futures_lite::future::block_on(llmobs.idle_async(LONG)).expect("nothing is left");
}

#[test]
fn a_shutdown_ends_the_wait() {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    let _open = call(&llmobs);
    std::thread::scope(|threads| {
        let waits = threads.spawn(|| llmobs.idle(Duration::MAX));
        llmobs.shutdown(LONG).expect("all is delivered");
        // Whichever came first: nothing is open any more.
        let _ = waits.join().expect("it returns");
    });
    assert_eq!(all_told(&memory), ["unfinished"]);
    whole(&llmobs);
}
