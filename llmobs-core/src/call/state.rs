//! What a call's handles share, and what decides that it has ended.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use smallvec::SmallVec;

use super::ending::{BodyEnd, Ending};
use super::reader::Reader;
use super::request::Sent;
use super::tap::{Counted, Held, Rest};
use crate::capture::Capture;
use crate::decoder::{Decoder, Route};
use crate::group::Group;
use crate::id::RequestId;
use crate::queue::lock;
use crate::recorder::Recorder;
use crate::scope::Attributes;
use crate::span::OpenSpan;
use crate::time::Timestamp;
use crate::worker::Message;

pub(crate) struct CallShared {
    pub(crate) recorder: Recorder,
    pub(crate) number: u64,
    pub(crate) route: Route,
    pub(crate) decoder: Arc<dyn Decoder>,
    pub(super) names: Names,
    pub(crate) port: Option<u16>,
    /// What the scope around it says of it.
    pub(crate) attributes: Option<Arc<Attributes>>,
    pub(super) group: Option<Arc<Group>>,
    /// Which attempt of the application's own fallback it is.
    pub(crate) fallback_attempt: Option<u32>,
    pub(crate) span: OpenSpan,
    pub(crate) request_id: RequestId,
    pub(super) capture: Capture,
    /// Content was forbidden after the call had begun.
    pub(super) forbidden: AtomicBool,
    pub(crate) at: Timestamp,
    pub(crate) issued: u64,
    /// Told by its reader alone: its times are the reader's, and nothing of it is the wire's.
    pub(crate) by_reader: bool,
    pub(crate) state: Mutex<CallState>,
    /// What the tap of its answer keeps back.
    pub(crate) held: Mutex<Held>,
}

/// The host, and the deployment, or the stored thing, that the path names; empty when it names none.
#[derive(Debug)]
pub(super) struct Names {
    /// One `str` after the other; the usual ones need no allocation.
    bytes: SmallVec<[u8; 64]>,
    host: usize,
}

/// Attempts of a call that are told of one by one.
pub(crate) const DETAILED: usize = 16;

/// What changes while a call is under way.
#[derive(Debug, Default)]
pub(crate) struct CallState {
    /// Both are taken by the worker.
    pub(crate) request: Option<Sent>,
    pub(crate) request_len: Option<u64>,
    pub(super) request_told: bool,
    /// It is only its length that was to be told.
    pub(super) request_counted: bool,
    pub(crate) attempts: u32,
    /// More requests may have been sent than attempts were begun.
    pub(crate) unseen_attempts: bool,
    /// The attempt the following is about: the last one that was sent or answered. They differ
    /// where attempts run side by side, and there the first answer wins.
    pub(crate) attempt: u32,
    /// When it was sent.
    pub(crate) sent: Option<u64>,
    /// When each attempt was sent, as far as they are told of one by one: of most calls that is one.
    pub(crate) all_sent: SmallVec<[u64; 2]>,
    /// When its headers came.
    pub(crate) headers: Option<u64>,
    /// What they said.
    pub(crate) status: Option<u16>,
    /// The last attempt asked for usage in the application's place.
    pub(crate) usage_injected: bool,
    pub(super) body: Body,
    /// What passed of a body that is only counted.
    pub(crate) counted: Option<Counted>,
    /// Bytes at the body's end that were not kept.
    pub(crate) missing: u64,
    pub(super) returned: bool,
    pub(crate) reader: Reader,
    /// How the call ended, and when; set once.
    pub(crate) ended: Option<(Ending, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Body {
    #[default]
    None,
    Open,
    Ended(BodyEnd, u64),
}

impl Names {
    pub(super) fn new(host: &str, named: &str) -> Self {
        let mut bytes = SmallVec::from_slice(host.as_bytes());
        bytes.extend_from_slice(named.as_bytes());
        Self { bytes, host: host.len() }
    }

    fn host(&self) -> &str {
        self.bytes
            .get(..self.host)
            .and_then(|host| std::str::from_utf8(host).ok())
            .unwrap_or_default()
    }

    fn named(&self) -> &str {
        self.bytes
            .get(self.host..)
            .and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }
}

impl CallShared {
    /// Which content is kept of this call.
    pub(crate) fn capture(&self) -> Capture {
        if self.forbidden.load(Ordering::Relaxed) { Capture::NONE } else { self.capture }
    }

    /// Keeps no content of this call from now on.
    pub(crate) fn forbid_content(&self) {
        self.forbidden.store(true, Ordering::Relaxed);
    }

    /// Whether content was forbidden after the call had begun.
    pub(crate) fn is_content_forbidden(&self) -> bool {
        self.forbidden.load(Ordering::Relaxed)
    }

    /// The innermost step around the call that sums up.
    pub(crate) fn group(&self) -> Option<&Arc<Group>> {
        self.group.as_ref()
    }

    pub(crate) fn host(&self) -> &str {
        self.names.host()
    }

    /// What the path names: the stored thing that the call is about, else a deployment.
    pub(crate) fn named(&self) -> Option<&str> {
        Some(self.names.named()).filter(|name| !name.is_empty())
    }

    /// Who answers, by the user's word.
    pub(crate) fn named_provider(&self) -> Option<&str> {
        self.recorder.shared().providers.of(self.host(), self.port)
    }

    /// Changes the state, and ends the call when the change completes it.
    pub(super) fn update(self: &Arc<Self>, change: impl FnOnce(&mut CallState)) {
        let mut state = lock(&self.state);
        change(&mut state);
        if !state.returned || state.ended.is_some() {
            return;
        }
        let (ending, at) = match state.body {
            Body::Open => return,
            Body::Ended(end, at) => (end, at),
            // Whoever answered, it was not the network.
            Body::None => {
                // The clock may be the application's.
                drop(state);
                let now = self.recorder.elapsed();
                state = lock(&self.state);
                if state.ended.is_some() {
                    return;
                }
                (BodyEnd::Complete, now)
            }
        };
        state.ended = Some((Ending::Body(ending), at));
        self.tell_end(state);
    }

    /// Tells the worker of a call's end, unless its reader is still there and will do so.
    pub(super) fn tell_end(self: &Arc<Self>, state: MutexGuard<'_, CallState>) {
        let told_later = matches!(state.reader, Reader::Reading);
        drop(state);
        if !told_later {
            self.recorder.send(Message::CallEnded(Arc::clone(self)));
        }
    }

    pub(super) fn body_ended(self: &Arc<Self>, attempt: u32, end: BodyEnd, rest: Rest, at: u64) {
        self.update(|state| {
            if state.attempt == attempt {
                state.body = Body::Ended(end, at);
                (state.missing, state.counted) = (rest.missing, rest.counted);
            }
        });
    }

    pub(super) fn end(self: &Arc<Self>, ending: Ending) {
        let now = self.recorder.elapsed();
        let mut state = lock(&self.state);
        if state.ended.is_some() {
            return;
        }
        state.ended = Some((ending, now));
        self.tell_end(state);
    }
}
