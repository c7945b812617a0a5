//! What a reader of an answer may do.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use async_openai::Client;
use async_openai::config::OpenAIConfig;
use futures_util::StreamExt;
use llmobs::ScopeExt;
use tokio::sync::oneshot;

use super::apis::{Api, Events, Mode};

/// Longest time a call may take where it is limited.
pub(super) const LIMIT: Duration = Duration::from_secs(3_600);

/// A reader of one answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Reader {
    /// Reads to the end, if there is one.
    Stays,
    /// Drops the call before it is answered.
    LeavesUnanswered,
    /// Drops a stream without reading of it.
    LeavesAtOnce,
    /// Drops a stream after two tokens.
    Leaves,
    /// Drops a stream after the event that ends the answer, instead of asking for more.
    LeavesAfterTheLast,
    /// Is the branch of a `select!` that loses: after two tokens, or with half of a body.
    LosesTheRace,
    /// Runs in a task that is aborted there.
    IsAborted,
    /// Panics there.
    Panics,
    /// Lets the time for the call run out before it is answered.
    WaitsTooLongForHeaders,
    /// Lets the time for the call run out there.
    WaitsTooLongForTheEnd,
    /// Is told of the recorder's shutdown before the call is answered.
    OutlivesTheRecorderUnanswered,
    /// Is told of the recorder's shutdown there.
    OutlivesTheRecorder,
}

/// Whom a reader asks, and for what.
pub(super) struct Place {
    pub(super) api: Api,
    pub(super) mode: Mode,
    pub(super) client: Client<OpenAIConfig>,
    /// The server has been asked.
    pub(super) hit: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The server has sent the first write of a body.
    pub(super) written: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// The reader has come as far as it goes before the shutdown.
    pub(super) there: oneshot::Sender<()>,
    /// The recorder has been shut down.
    pub(super) shut: oneshot::Receiver<()>,
}

impl Reader {
    /// Whether the call must end in time.
    pub(super) fn is_timed(self) -> bool {
        matches!(self, Self::WaitsTooLongForHeaders | Self::WaitsTooLongForTheEnd)
    }

    /// Whether it waits for the recorder's shutdown.
    pub(super) fn is_told(self) -> bool {
        matches!(self, Self::OutlivesTheRecorder | Self::OutlivesTheRecorderUnanswered)
    }

    pub(super) async fn read(self, place: Place) {
        let Place { api, mode, client, hit, written, there, shut } = place;
        let shutdown = async {
            there.send(()).expect("the test waits");
            shut.await.expect("the test tells");
        };
        match self {
            Self::Stays => read_all(api, mode, &client).await,
            Self::LeavesUnanswered => until(hit, read_all(api, mode, &client)).await,
            Self::LeavesAtOnce => drop(begin(api, &client, 0).await),
            Self::Leaves => drop(begin(api, &client, api.opening().len() + 2).await),
            Self::LeavesAfterTheLast => {
                drop(begin(api, &client, api.opening().len() + 4).await);
            }
            Self::LosesTheRace => {
                let (there, came) = oneshot::channel();
                until(halfway(mode, came, written), hold(api, mode, &client, there)).await;
            }
            Self::IsAborted => {
                let (there, came) = oneshot::channel();
                let reads = async move { hold(api, mode, &client, there).await };
                let reader = tokio::spawn(reads.in_current_scope());
                halfway(mode, came, written).await;
                reader.abort();
                assert!(reader.await.expect_err("it is aborted").is_cancelled());
            }
            Self::Panics => {
                let reader = tokio::spawn(panics(api, mode, client, written).in_current_scope());
                assert!(reader.await.expect_err("it panics").is_panic());
            }
            Self::WaitsTooLongForHeaders => {
                let passes = async {
                    hit.await;
                    time_passes().await;
                };
                tokio::join!(read_all(api, mode, &client), passes);
            }
            Self::WaitsTooLongForTheEnd => match mode {
                Mode::Streamed => {
                    let mut events = begin(api, &client, api.opening().len() + 2).await;
                    time_passes().await;
                    assert!(events.next().await.expect("an error").is_err());
                }
                Mode::Whole => {
                    let passes = async {
                        written.await;
                        time_passes().await;
                    };
                    tokio::join!(read_all(api, mode, &client), passes);
                }
            },
            Self::OutlivesTheRecorderUnanswered => {
                let shutdown = async {
                    hit.await;
                    shutdown.await;
                };
                until(shutdown, read_all(api, mode, &client)).await;
            }
            Self::OutlivesTheRecorder => match mode {
                Mode::Streamed => {
                    let events = begin(api, &client, api.opening().len() + 2).await;
                    shutdown.await;
                    drop(events);
                }
                Mode::Whole => {
                    let shutdown = async {
                        written.await;
                        shutdown.await;
                    };
                    until(shutdown, read_all(api, mode, &client)).await;
                }
            },
        }
    }
}

async fn read_all(api: Api, mode: Mode, client: &Client<OpenAIConfig>) {
    match mode {
        Mode::Streamed => {
            if let Ok(events) = api.ask_stream(client).await {
                events.count().await;
            }
        }
        // What the client makes of the answer is its own affair.
        Mode::Whole => drop(api.ask_whole(client).await),
    }
}

/// Reads the first `n` events of a stream.
async fn begin(api: Api, client: &Client<OpenAIConfig>, n: usize) -> Events {
    let mut events = api.ask_stream(client).await.expect("the server answers");
    for _ in 0..n {
        events.next().await.expect("an event").expect("a valid one");
    }
    events
}

/// Reads two tokens, or waits for a body, and stays there.
async fn hold(api: Api, mode: Mode, client: &Client<OpenAIConfig>, there: oneshot::Sender<()>) {
    match mode {
        Mode::Streamed => {
            let mut events = begin(api, client, api.opening().len() + 2).await;
            there.send(()).expect("the test waits");
            events.next().await;
        }
        Mode::Whole => read_all(api, mode, client).await,
    }
}

/// Waits until two tokens have been read, or half of a body was sent.
async fn halfway(mode: Mode, came: oneshot::Receiver<()>, written: impl Future<Output = ()>) {
    match mode {
        Mode::Streamed => came.await.expect("the reader comes so far"),
        Mode::Whole => written.await,
    }
}

#[expect(clippy::panic, reason = "a reader that panics is what is looked at")]
async fn panics(
    api: Api,
    mode: Mode,
    client: Client<OpenAIConfig>,
    written: impl Future<Output = ()>,
) {
    match mode {
        Mode::Streamed => {
            let _events = begin(api, &client, api.opening().len() + 2).await;
            panic!("the reader's own");
        }
        Mode::Whole => {
            let fails = async {
                written.await;
                panic!("the reader's own");
            };
            tokio::join!(read_all(api, mode, &client), fails);
        }
    }
}

/// Runs `reads` until something else is over, and drops it then.
async fn until<T>(over: impl Future<Output = ()>, reads: impl Future<Output = T>) {
    tokio::select! {
        biased;
        _ = reads => unreachable!("the server does not come to an end"),
        () = over => {}
    }
}

/// Lets the time for the call run out.
async fn time_passes() {
    tokio::time::pause();
    tokio::time::advance(LIMIT).await;
    tokio::time::resume();
}
