//! What the test wants and what has happened: the state between the handle and the connections.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::watch;

use crate::answer::Answer;
use crate::received::Received;

/// One write of body bytes, seen from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Write {
    /// When the socket had taken all of them.
    pub at: Instant,
    /// Body bytes in it; the framing is not counted.
    pub bytes: usize,
}

/// What the server wrote for one request, and when.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Writes {
    /// When the status line and headers had been handed to the socket.
    pub head: Option<Instant>,
    /// The writes of the body, one for each write of the script.
    pub body: Vec<Write>,
    /// When the client was seen leaving before the answer's end.
    pub left: Option<Instant>,
    /// When the exchange was over, in whatever way.
    pub over: Option<Instant>,
}

type Handler = Arc<dyn Fn(&Received) -> Answer + Send + Sync>;

/// The state that the server's handle and its connections share.
pub(crate) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

struct State {
    answers: VecDeque<Answer>,
    handler: Option<Handler>,
    recording: bool,
    hits: usize,
    received: Vec<Received>,
    writes: Vec<Writes>,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                answers: VecDeque::new(),
                handler: None,
                recording: true,
                hits: 0,
                received: Vec::new(),
                writes: Vec::new(),
            }),
            changed: watch::Sender::new(()),
        }
    }

    pub(crate) fn push(&self, answer: Answer) {
        self.state().answers.push_back(answer);
    }

    pub(crate) fn set_handler(&self, handler: Handler) {
        self.state().handler = Some(handler);
    }

    pub(crate) fn set_recording(&self, on: bool) {
        self.state().recording = on;
    }

    pub(crate) fn hits(&self) -> usize {
        self.state().hits
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.state().received.clone()
    }

    pub(crate) fn writes(&self) -> Vec<Writes> {
        self.state().writes.clone()
    }

    /// Notes a request and decides on its answer.
    pub(crate) fn take(self: &Arc<Self>, request: Received) -> (Answer, Log) {
        let mut state = self.state();
        state.hits += 1;
        let answer = match state.answers.front() {
            Some(answer) if answer.repeat => Some(answer.clone()),
            _ => state.answers.pop_front(),
        };
        let handler = state.handler.clone();
        let index = state.recording.then(|| {
            state.received.push(request.clone());
            state.writes.push(Writes::default());
            state.writes.len() - 1
        });
        drop(state);
        self.changed.send_replace(());
        // Outside the lock: a handler may ask the server how many requests it has seen.
        let answer = answer.or_else(|| handler.map(|handler| handler(&request)));
        (answer.unwrap_or_else(unscripted), Log { shared: Arc::clone(self), index })
    }

    /// Waits until `find` finds something.
    pub(crate) async fn until<T>(&self, find: impl Fn(usize, &[Writes]) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            {
                let state = self.state();
                if let Some(found) = find(state.hits, &state.writes) {
                    return found;
                }
            }
            // The sender is ours, so there is no error to see.
            let _ = changed.changed().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("hits", &self.hits()).finish_non_exhaustive()
    }
}

/// Where one exchange notes what it does.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    index: Option<usize>,
}

impl Log {
    pub(crate) fn head(&self) {
        self.note(|writes, now| writes.head = Some(now));
    }

    pub(crate) fn wrote(&self, bytes: usize) {
        self.note(|writes, now| writes.body.push(Write { at: now, bytes }));
    }

    pub(crate) fn over(&self, left: bool) {
        self.note(|writes, now| {
            writes.left = left.then_some(now);
            writes.over = Some(now);
        });
    }

    fn note(&self, change: impl FnOnce(&mut Writes, Instant)) {
        // Before the lock: waiting for it is not part of the write.
        let now = Instant::now();
        let Some(index) = self.index else { return };
        if let Some(writes) = self.shared.state().writes.get_mut(index) {
            change(writes, now);
        }
        self.shared.changed.send_replace(());
    }
}

/// Not a 5xx: clients would try again, and the test would fail late and far from the cause.
fn unscripted() -> Answer {
    Answer::json(
        404,
        &serde_json::json!({"error": {
            "message": "the test server has no answer left for this request",
            "type": "invalid_request_error",
            "param": null,
            "code": "no_answer_scripted",
        }}),
    )
}
