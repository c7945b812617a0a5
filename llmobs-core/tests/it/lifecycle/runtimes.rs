//! The same service on every kind of runtime, and on none.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use async_executor::{Executor, LocalExecutor};
use llmobs_core::testing::Memory;
use llmobs_core::{Llmobs, Outcome, ScopeExt, StepKind, scope};
use tokio::runtime::{Builder as Tokio, Runtime};
use tokio::sync::oneshot;

use super::{LONG, bell, builder, call, told, whole};

fn current() -> Runtime {
    Tokio::new_current_thread().enable_all().build().expect("a runtime")
}

fn multi() -> Runtime {
    Tokio::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Lets other tasks go first.
async fn yield_now() {
    futures_lite::future::yield_now().await;
}

/// A request of a service: a step, a call below it that ends a few polls later.
async fn request(llmobs: Arc<Llmobs>, n: usize) {
    let work = async {
        let step = llmobs.step(StepKind::Workflow, n.to_string());
        yield_now().await;
        let call = call(&llmobs);
        yield_now().await;
        drop(call);
        step.end();
    };
    work.in_scope(scope().recorder(&llmobs).session(n.to_string())).await;
}

fn service() -> (Arc<Llmobs>, Memory) {
    let memory = Memory::default();
    let llmobs = builder().sink(memory.clone()).start().expect("threads");
    (Arc::new(llmobs), memory)
}

/// What every runtime must come to: flushes while requests are under way, waits for them, stops with
/// a call still open, once more, and takes no more.
async fn checked(llmobs: &Llmobs, memory: &Memory, requests: usize) {
    llmobs.flush_async(LONG).await.expect("the sink takes everything");
    llmobs.idle_async(LONG).await.expect("every request ends");
    assert_eq!(memory.records().len(), 2 * requests);
    whole(llmobs);
    let _open = call(llmobs);
    llmobs.shutdown_async(LONG).await.expect("everything is delivered");
    assert_eq!(memory.records().pop().and_then(|last| last.outcome), Some(Outcome::Unfinished));
    llmobs.shutdown_async(LONG).await.expect("once more changes nothing");
    llmobs.flush_async(LONG).await.expect("nothing is left");
    whole(llmobs);
}

#[test]
fn on_a_tokio_runtime_of_one_thread() {
    let (llmobs, memory) = service();
    current().block_on(async {
        for n in 0..50 {
            tokio::spawn(request(Arc::clone(&llmobs), n));
        }
        // The requests run on this very thread: whoever waits may not hold it.
        checked(&llmobs, &memory, 50).await;
    });
}

#[test]
fn on_a_tokio_runtime_of_several_threads() {
    let (llmobs, memory) = service();
    multi().block_on(async {
        let requests: Vec<_> =
            (0..50).map(|n| tokio::spawn(request(Arc::clone(&llmobs), n))).collect();
        tokio::spawn(async move {
            checked(&llmobs, &memory, 50).await;
        })
        .await
        .expect("no panic");
        for request in requests {
            request.await.expect("no panic");
        }
    });
}

#[test]
fn on_smol_s_executors() {
    let (llmobs, memory) = service();
    let local = LocalExecutor::new();
    for n in 0..50 {
        local.spawn(request(Arc::clone(&llmobs), n)).detach();
    }
    futures_lite::future::block_on(local.run(checked(&llmobs, &memory, 50)));

    let (llmobs, memory) = service();
    let executor = Executor::new();
    for n in 0..50 {
        executor.spawn(request(Arc::clone(&llmobs), n)).detach();
    }
    std::thread::scope(|threads| {
        let (done, end) = oneshot::channel::<()>();
        let executor = &executor;
        threads.spawn(move || futures_lite::future::block_on(executor.run(end)));
        futures_lite::future::block_on(executor.run(checked(&llmobs, &memory, 50)));
        drop(done);
    });
}

#[test]
fn on_no_runtime_at_all() {
    let (llmobs, memory) = service();
    let mut requests: Vec<_> = (0..50).map(|n| Box::pin(request(Arc::clone(&llmobs), n))).collect();
    let (waker, rings) = bell();
    let mut cx = Context::from_waker(&waker);
    let mut checked = pin!(checked(&llmobs, &memory, 50));
    loop {
        requests.retain_mut(|request| request.as_mut().poll(&mut cx).is_pending());
        if checked.as_mut().poll(&mut cx).is_ready() {
            break;
        }
        rings.recv_timeout(LONG).expect("somebody wakes");
    }
}

#[test]
fn plain_threads_need_no_future() {
    let (llmobs, memory) = service();
    std::thread::scope(|threads| {
        for n in 0..8 {
            let llmobs = Arc::clone(&llmobs);
            threads.spawn(move || futures_lite::future::block_on(request(llmobs, n)));
        }
    });
    llmobs.idle(LONG).expect("every request has ended");
    assert_eq!(memory.records().len(), 16);
    let _open = call(&llmobs);
    llmobs.shutdown(LONG).expect("everything is delivered");
    assert_eq!(memory.records().len(), 17);
    whole(&llmobs);
}

/// The blocking forms hold a thread of a runtime, and that is all.
#[test]
fn blocking_inside_a_runtime_is_a_wait_for_our_threads_alone() {
    for runtime in [current(), multi()] {
        let (llmobs, memory) = service();
        runtime.block_on(async {
            request(Arc::clone(&llmobs), 0).await;
            let open = Arc::clone(&llmobs);
            let pending = tokio::spawn(async move {
                let _call = call(&open);
                std::future::pending::<()>().await;
            });
            yield_now().await;
            llmobs.flush(LONG).expect("the sink takes everything");
            tokio::task::spawn_blocking({
                let llmobs = Arc::clone(&llmobs);
                move || llmobs.flush(LONG).expect("nothing is left")
            })
            .await
            .expect("no panic");
            while llmobs.open_calls().iter().all(|calls| calls.calls == 0) {
                yield_now().await;
            }
            llmobs.shutdown(LONG).expect("the sink takes everything");
            pending.abort();
        });
        assert_eq!(memory.records().iter().filter(|it| told(it) == "unfinished").count(), 1);
        whole(&llmobs);
    }
}

#[test]
fn the_runtime_may_go_first() {
    for runtime in [current(), multi()] {
        let (llmobs, memory) = service();
        runtime.block_on(async {
            let open = Arc::clone(&llmobs);
            let (begun, begins) = oneshot::channel();
            tokio::spawn(async move {
                let _call = call(&open);
                let _ = begun.send(());
                std::future::pending::<()>().await;
            });
            begins.await.expect("it begins");
        });
        // Drops the task, and with it the call.
        drop(runtime);
        llmobs.shutdown(LONG).expect("the sink takes everything");
        assert_eq!(memory.records().iter().map(told).collect::<Vec<_>>(), ["dropped"]);
        whole(&llmobs);
    }
}

#[test]
fn a_runtime_that_is_dropped_may_take_the_recorder_along() {
    for runtime in [current(), multi()] {
        let memory = Memory::default();
        let llmobs = builder().sink(memory.clone()).start().expect("threads");
        let recorder = llmobs.recorder().clone();
        runtime.block_on(async {
            let (begun, begins) = oneshot::channel();
            tokio::spawn(async move {
                let call = call(&llmobs);
                let _ = begun.send(());
                std::future::pending::<()>().await;
                drop((call, llmobs));
            });
            begins.await.expect("it begins");
        });
        drop(runtime);
        let told: Vec<_> = memory.records().iter().map(told).collect();
        assert!(told == ["dropped"] || told == ["unfinished"], "{told:?}");
        whole(&recorder);
    }
}

#[test]
fn a_wait_that_outlives_its_runtime_harms_nobody() {
    let (llmobs, _) = service();
    let open = call(&llmobs);
    let runtime = current();
    let waiting = Arc::clone(&llmobs);
    let wait = runtime.spawn(async move { waiting.idle_async(LONG).await });
    runtime.block_on(yield_now());
    drop(runtime);
    drop(open);
    llmobs.idle(LONG).expect("nothing is left");
    drop(wait);
    // And one that is polled again by another.
    let open = call(&llmobs);
    let mut idle = Box::pin(llmobs.idle_async(LONG));
    current().block_on(async {
        let polled = std::future::poll_fn(|cx| Poll::Ready(idle.as_mut().poll(cx).is_pending()));
        assert!(polled.await);
    });
    drop(open);
    futures_lite::future::block_on(idle).expect("nothing is left");
    llmobs.shutdown(Duration::MAX).expect("nothing is left");
}
