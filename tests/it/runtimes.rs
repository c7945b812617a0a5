//! Steps, scopes and sinks where there is no tokio, and on each kind of it.

use std::pin::pin;
use std::sync::mpsc::channel;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use async_executor::{Executor, LocalExecutor};
use futures_util::{Stream, StreamExt, stream};
use llmobs::testing::Memory;
use llmobs::{JsonLines, Llmobs, Record, Recorder, ScopeExt, scope, trace_llm};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(60);
const REQUESTS: usize = 20;

#[trace_llm(kind = "retriever")]
async fn find(n: usize) -> Vec<String> {
    futures_lite::future::yield_now().await;
    vec![n.to_string()]
}

#[trace_llm(kind = "agent")]
fn words(n: usize) -> impl Stream<Item = usize> + Send {
    stream::iter(0..3).then(move |word| async move {
        futures_lite::future::yield_now().await;
        word + n
    })
}

#[trace_llm(kind = "workflow")]
async fn answer(n: usize) -> usize {
    let found = find(n).await.len();
    found + words(n).count().await
}

async fn request(recorder: Recorder, n: usize) {
    let answered = answer(n).in_scope(scope().recorder(&recorder).session(n.to_string()));
    assert_eq!(answered.await, 4);
}

struct Service {
    llmobs: Llmobs,
    memory: Memory,
    folder: tempfile::TempDir,
}

fn service() -> Service {
    let (memory, folder) = (Memory::default(), tempfile::tempdir().expect("a folder"));
    let lines = JsonLines::open(folder.path().join("llmobs.jsonl")).expect("a file");
    let builder = llmobs::Builder::from_lookup(&|_| None).process_wide(false);
    let llmobs = builder.sink(memory.clone()).sink(lines).start().expect("threads");
    Service { llmobs, memory, folder }
}

impl Service {
    fn requests(&self) -> impl Iterator<Item = impl Future<Output = ()> + Send + use<>> {
        let recorder = self.llmobs.recorder().clone();
        (0..REQUESTS).map(move |n| request(recorder.clone(), n))
    }

    /// Waits for the requests, stops, and looks at what came of them.
    async fn checked(self) {
        let Self { llmobs, memory, folder } = self;
        while llmobs.losses().accepted < 3 * REQUESTS as u64 {
            futures_lite::future::yield_now().await;
        }
        llmobs.idle_async(LONG).await.expect("every request ends");
        llmobs.shutdown_async(LONG).await.expect("everything is delivered");
        let losses = llmobs.losses();
        assert_eq!((losses.recorded, losses.total()), (3 * REQUESTS as u64, 0), "{losses:?}");
        let records = memory.records();
        for n in 0..REQUESTS {
            let session = n.to_string();
            let of: Vec<&Record> =
                records.iter().filter(|it| it.session_id.as_ref() == Some(&session)).collect();
            let [found, said, answered]: [&Record; 3] = of.try_into().expect("three records");
            let names = [found, said, answered].map(|record| record.name.as_deref());
            assert_eq!(names, [Some("find"), Some("words"), Some("answer")]);
            for below in [found, said] {
                assert_eq!(below.parent_span_id, answered.span_id);
                assert_eq!(below.trace_id, answered.trace_id);
            }
            assert_eq!(said.items, Some(3));
        }
        let lines = std::fs::read_to_string(folder.path().join("llmobs.jsonl"));
        assert_eq!(lines.expect("the file").lines().count(), 1 + records.len());
    }
}

#[test]
fn on_smol_s_executor_of_one_thread() {
    let service = service();
    let executor = LocalExecutor::new();
    service.requests().for_each(|request| executor.spawn(request).detach());
    futures_lite::future::block_on(executor.run(service.checked()));
}

#[test]
fn on_smol_s_executor_of_several_threads() {
    let service = service();
    let executor = Executor::new();
    service.requests().for_each(|request| executor.spawn(request).detach());
    std::thread::scope(|threads| {
        let (done, end) = tokio::sync::oneshot::channel::<()>();
        let executor = &executor;
        threads.spawn(move || futures_lite::future::block_on(executor.run(end)));
        futures_lite::future::block_on(executor.run(service.checked()));
        drop(done);
    });
}

#[tokio::test]
async fn on_tokio_of_one_thread() {
    let service = service();
    service.requests().for_each(|request| drop(tokio::spawn(request)));
    service.checked().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn on_tokio_of_several_threads() {
    let service = service();
    service.requests().for_each(|request| drop(tokio::spawn(request)));
    service.checked().await;
}

struct Bell(mpsc::Sender<()>);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        let _ = self.0.send(());
    }
}

#[test]
fn on_nothing_but_polls_by_hand() {
    let service = service();
    let mut requests: Vec<_> = service.requests().map(Box::pin).collect();
    let (ring, rings) = channel();
    let waker: Waker = Arc::new(Bell(ring)).into();
    let mut cx = Context::from_waker(&waker);
    let mut checked = pin!(service.checked());
    loop {
        requests.retain_mut(|request| request.as_mut().poll(&mut cx).is_pending());
        if checked.as_mut().poll(&mut cx).is_ready() {
            break;
        }
        rings.recv_timeout(LONG).expect("somebody wakes");
    }
}
