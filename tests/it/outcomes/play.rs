//! One case, played.

use std::time::Duration;

use async_openai::Client;
use llmobs::testing::Memory;
use llmobs::{Capture, Record};
use llmobs_testserver::Server;
use tokio::sync::oneshot;

use super::apis::{Api, Mode};
use super::case::Case;
use super::readers::{LIMIT, Place};
use crate::support::config;

/// Plays one case; gives what was recorded.
pub(super) async fn played(case: &mut Case, api: Api, mode: Mode) -> Vec<Record> {
    let server = Server::start().await.expect("a port");
    let gone = case.answers.is_empty();
    case.answers.drain(..).for_each(|answer| server.answer(answer));
    // An idle connection's timer would move the paused clock.
    let mut http = reqwest::Client::builder().pool_max_idle_per_host(0);
    if case.reader.is_timed() {
        http = http.timeout(LIMIT);
    }
    // Only pauses between attempts are to be skipped, not the wait for a socket.
    if case.attempts > 1 {
        tokio::time::pause();
    }
    let service = llmobs::openai::service(http.build().expect("a client"));
    let client = Client::with_config(config(&server)).with_http_service(service);
    let memory = Memory::default();
    let llmobs = llmobs::Builder::from_lookup(&|_| None)
        .sink(memory.clone())
        .capture(Capture::ALL)
        .process_wide(false)
        .start()
        .expect("it starts");
    let ((there, came), (shut, over)) = (oneshot::channel(), oneshot::channel());
    let place = Place {
        api,
        mode,
        client,
        hit: Box::pin(server.hits_reach(1)),
        written: Box::pin(server.written(0, 1)),
        there,
        shut: over,
    };
    let server = (!gone).then_some(server);
    let scope = llmobs::scope().recorder(llmobs.recorder());
    let reader = tokio::spawn(scope.run(case.reader.read(place)));
    if case.reader.is_told() {
        came.await.expect("the reader comes so far");
        llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
        shut.send(()).expect("the reader waits");
    }
    reader.await.expect("the reader does as it should");
    if let Some(server) = &server {
        // async-openai reads on a task of its own: the call has ended when the server says so.
        server.client_left(server.hits() - 1).await;
    }
    if case.attempts > 1 {
        tokio::time::resume();
    }
    case.gate.open();
    llmobs.shutdown(Duration::from_secs(10)).expect("nothing is left");
    let losses = llmobs.losses();
    assert_eq!((losses.accepted, losses.open), (1, 0), "{losses:?}");
    memory.records()
}
