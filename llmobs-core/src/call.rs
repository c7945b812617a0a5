//! One logical call, from the moment it is issued to its one end.

mod propagation;
mod request;
mod tap;
mod within;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use smallvec::SmallVec;

pub use self::propagation::Propagation;
pub use self::request::RequestTap;
pub(crate) use self::request::Sent;
use self::tap::Rest;
pub use self::tap::Tap;
pub(crate) use self::tap::{Counted, Frame, Held, frames};
use crate::capture::Capture;
use crate::decoder::{Decoder, Route, Target};
use crate::group::Group;
use crate::id::RequestId;
use crate::queue::lock;
use crate::recorder::{Recorder, contained};
use crate::scope::{Place, Scope};
use crate::span::{Innermost, OpenSpan, SpanKind, SpanStart};
use crate::time::Timestamp;
use crate::worker::Message;

/// What is known of a call when it is issued.
#[derive(Debug)]
pub struct CallStart<'a> {
    /// Where the request goes.
    pub target: Target<'a>,
    /// The request's body, when it is in memory. It is kept by reference, not copied. A body that
    /// is sent piece by piece is told later, by [`CallRef::request`].
    pub body: Option<Bytes>,
    /// Length of the request's body, where it is known without the body.
    pub body_len: Option<u64>,
}

/// A call under way. It ends exactly once: by [`returned`](Call::returned) and the end of the
/// response's body, by [`failed`](Call::failed), or by being dropped.
pub struct Call {
    shared: Arc<CallShared>,
    settled: bool,
}

/// A handle to a call for the layer that sends its attempts.
#[derive(Clone)]
pub struct CallRef(Arc<CallShared>);

/// One HTTP request of a call.
#[derive(Debug)]
pub struct Attempt {
    call: CallRef,
    number: u32,
    sent: u64,
}

/// Why an attempt got no answer, or a call no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TransportError {
    /// The connection could not be made.
    Connect,
    /// A time limit ran out.
    Timeout,
    /// The connection broke.
    Broken,
    /// The request could not be built.
    Request,
    /// Anything else.
    Other,
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// To its last byte.
    Complete,
    /// By an error of the transport.
    Failed(TransportError),
    /// By being dropped before that.
    Dropped,
}

pub(crate) struct CallShared {
    pub(crate) recorder: Recorder,
    pub(crate) number: u64,
    pub(crate) route: Route,
    pub(crate) decoder: Arc<dyn Decoder>,
    /// Bytes of a `str`; the usual host needs no allocation.
    host: SmallVec<[u8; 64]>,
    pub(crate) port: Option<u16>,
    /// The deployment that the path names; empty when it names none.
    deployment: SmallVec<[u8; 32]>,
    pub(crate) scope: Option<Scope>,
    /// Which attempt of the application's own fallback it is.
    pub(crate) fallback_attempt: Option<u32>,
    pub(crate) span: OpenSpan,
    pub(crate) request_id: RequestId,
    capture: Capture,
    /// Content was forbidden after the call had begun.
    forbidden: AtomicBool,
    pub(crate) at: Timestamp,
    pub(crate) issued: u64,
    pub(crate) state: Mutex<CallState>,
    /// What the tap of its answer keeps back.
    pub(crate) held: Mutex<Held>,
}

/// What surrounds a call where it is issued.
pub(crate) struct Surroundings {
    pub(crate) scope: Option<Scope>,
    pub(crate) span: OpenSpan,
    pub(crate) request_id: RequestId,
    pub(crate) capture: Capture,
    pub(crate) at: Timestamp,
}

/// Attempts of a call that are told of one by one.
pub(crate) const DETAILED: usize = 16;

/// What changes while a call is under way.
#[derive(Debug, Default)]
pub(crate) struct CallState {
    /// Both are taken by the worker.
    pub(crate) request: Option<Sent>,
    pub(crate) request_len: Option<u64>,
    request_told: bool,
    /// It is only its length that was to be told.
    request_counted: bool,
    pub(crate) attempts: u32,
    /// More requests may have been sent than attempts were begun.
    pub(crate) unseen_attempts: bool,
    /// The attempt the following is about: the last one that was sent or answered. They differ
    /// where attempts run side by side, and there the first answer wins.
    pub(crate) attempt: u32,
    /// When it was sent.
    pub(crate) sent: Option<u64>,
    /// When each attempt was sent, as far as they are told of one by one.
    pub(crate) all_sent: [u64; DETAILED],
    /// When its headers came.
    pub(crate) headers: Option<u64>,
    /// What they said.
    pub(crate) status: Option<u16>,
    /// The last attempt asked for usage in the application's place.
    pub(crate) usage_injected: bool,
    body: Body,
    /// What passed of a body that is only counted.
    pub(crate) counted: Option<Counted>,
    /// Bytes at the body's end that were not kept.
    pub(crate) missing: u64,
    returned: bool,
    /// How the call ended, and when; set once.
    pub(crate) ended: Option<(Ending, u64)>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Body {
    #[default]
    None,
    Open,
    Ended(BodyEnd, u64),
}

/// How a call ended, as seen from the caller's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    Body(BodyEnd),
    Error(TransportError),
    Dropped,
    Unfinished,
}

impl Ending {
    /// How the transport failed, if it did.
    pub(crate) fn transport_error(self) -> Option<TransportError> {
        match self {
            Self::Body(BodyEnd::Failed(error)) | Self::Error(error) => Some(error),
            _ => None,
        }
    }
}

impl Recorder {
    /// Begins to observe a call; `None` when there is nothing to observe or no room for it.
    ///
    /// The parent is taken here: the innermost scope, `tracing` span or OpenTelemetry context.
    ///
    /// Inside the transport of another call to the same place, as [`Call::attach`] knows it, there
    /// is nothing to observe: an observer further out does so already.
    pub fn call(&self, start: CallStart<'_>) -> Option<Call> {
        self.observe(start, false)
    }

    /// The same for a client that speaks to nothing but model providers: whatever a decoder has a
    /// word for is observed, as [`Decoder::route_other`] says.
    pub fn call_to_provider(&self, start: CallStart<'_>) -> Option<Call> {
        self.observe(start, true)
    }

    fn observe(&self, start: CallStart<'_>, any: bool) -> Option<Call> {
        let (decoder, route) = self.route(&start.target, any)?;
        let target = &start.target;
        let same = |outer: &CallShared| {
            outer.recorder.is(self)
                && (outer.route, outer.host(), outer.port) == (route, target.host, target.port)
        };
        if within::is_within(same) {
            return None;
        }
        self.begin(|| {
            let surroundings = self.surroundings(&start.target, route);
            self.open(start, decoder, route, surroundings)
        })
    }

    /// What a call that is issued here is a part of.
    fn surroundings(&self, target: &Target<'_>, route: Route) -> Surroundings {
        let Place { scope, tracing, tracing_at_entry, .. } = self.place();
        let at = self.now();
        let span = self.backend().start(&SpanStart {
            name: &Cow::Borrowed(route.operation),
            kind: SpanKind::Client,
            at,
            operation: Some(route.operation),
            // Whom only the answer can tell, the span is told of when it ends.
            provider: self.shared().providers.of(target.host, target.port).or(route.provider),
            server: Some((target.host, target.port)),
            innermost: Innermost {
                scope: scope.as_ref().and_then(Scope::span),
                tracing_at_entry,
                tracing,
            },
            ids: self.ids(),
        });
        let capture = scope.as_ref().and_then(|scope| scope.attributes().capture);
        let capture = self.shared().capture.within(capture);
        Surroundings { scope, span, request_id: self.ids().request_id(at), capture, at }
    }

    /// Opens a call that room was reserved for.
    pub(crate) fn open(
        &self,
        start: CallStart<'_>,
        decoder: Arc<dyn Decoder>,
        route: Route,
        surroundings: Surroundings,
    ) -> Call {
        let Surroundings { scope, span, request_id, capture, at } = surroundings;
        let issued = self.elapsed();
        let fallback_attempt =
            scope.as_ref().and_then(Scope::group).and_then(|group| group.next_attempt());
        let request_len = start.body.as_ref().map(|body| body.len() as u64).or(start.body_len);
        // A request that finds no room is not kept: the call is recorded without its facts.
        let request = start.body.and_then(|body| Sent::whole(body, self));
        let request_told = request_len.is_some();
        let deployment = contained(|| decoder.deployment(&start.target)).flatten();
        let shared = Arc::new(CallShared {
            recorder: self.clone(),
            number: self.next_number(),
            route,
            decoder,
            host: SmallVec::from_slice(start.target.host.as_bytes()),
            port: start.target.port,
            deployment: SmallVec::from_slice(deployment.unwrap_or_default().as_bytes()),
            scope,
            fallback_attempt,
            span,
            request_id,
            capture,
            forbidden: AtomicBool::new(false),
            at,
            issued,
            state: Mutex::new(CallState {
                request,
                request_len,
                request_told,
                ..CallState::default()
            }),
            held: Mutex::default(),
        });
        self.send(Message::CallOpened(Arc::clone(&shared)));
        Call { shared, settled: false }
    }
}

impl Call {
    /// A handle for the layer that sends this call's attempts.
    pub fn handle(&self) -> CallRef {
        CallRef(Arc::clone(&self.shared))
    }

    /// Our own id of the call.
    pub fn request_id(&self) -> RequestId {
        self.shared.request_id
    }

    /// Runs a part of the call's transport, with the call's span current so that the transport's
    /// own spans nest below it.
    pub fn attach(&self, run: &mut dyn FnMut()) {
        let shared = &self.shared;
        within::during(shared, || shared.recorder.attach(&shared.span, run));
    }

    /// Something that tries again is between this observer and the network: how many requests are
    /// sent, and when the last one is, stays unknown.
    pub fn attempts_unseen(&self) {
        lock(&self.shared.state).unseen_attempts = true;
    }

    /// The response has gone to the application; the call ends when its body does.
    pub fn returned(mut self) {
        self.settled = true;
        self.shared.update(|state| state.returned = true);
    }

    /// The application got an error instead of a response.
    pub fn failed(mut self, error: TransportError) {
        self.settled = true;
        self.shared.end(Ending::Error(error));
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.settled {
            self.shared.end(Ending::Dropped);
        }
    }
}

impl CallRef {
    /// Begins an attempt: the request is about to be sent.
    pub fn attempt(&self) -> Attempt {
        let now = self.0.recorder.elapsed();
        let mut number = 0;
        self.0.update(|state| {
            if let Some(sent) = state.all_sent.get_mut(state.attempts as usize) {
                *sent = now;
            }
            state.attempts += 1;
            (state.attempt, state.sent) = (state.attempts, Some(now));
            (state.headers, state.status) = (None, None);
            state.usage_injected = false;
            (state.body, state.missing, state.counted) = (Body::None, 0, None);
            number = state.attempts;
        });
        Attempt { call: self.clone(), number, sent: now }
    }
}

impl Attempt {
    /// Notes that this attempt's request asks for usage in the application's place: what the answer
    /// then reports is [`UsageSource::Injected`](crate::UsageSource::Injected).
    pub fn usage_injected(&self) {
        self.call.0.update(|state| state.usage_injected |= state.attempts == self.number);
    }

    /// The response's headers have come. `headers` yields names in lower case; those a decoder has
    /// no use for, and all that may hold a secret, are not kept.
    pub fn headers<'h>(
        self,
        status: u16,
        headers: impl Iterator<Item = (&'h str, &'h [u8])>,
    ) -> Tap {
        let now = self.call.0.recorder.elapsed();
        let mut late = true;
        self.call.0.update(|state| {
            // What the application has been given does not change any more.
            if !state.returned {
                late = false;
                (state.attempt, state.sent) = (self.number, Some(self.sent));
                (state.headers, state.status) = (Some(now), Some(status));
                state.body = Body::Open;
            }
        });
        let mut tap = Tap::new(self.call, self.number, now, late);
        tap.head(now, status, headers);
        tap
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
        self.scope.as_ref().and_then(Scope::group)
    }

    pub(crate) fn host(&self) -> &str {
        std::str::from_utf8(&self.host).unwrap_or_default()
    }

    /// The deployment that the path names.
    pub(crate) fn deployment(&self) -> Option<&str> {
        std::str::from_utf8(&self.deployment).ok().filter(|name| !name.is_empty())
    }

    /// Who answers, by the user's word.
    pub(crate) fn named_provider(&self) -> Option<&str> {
        self.recorder.shared().providers.of(self.host(), self.port)
    }

    /// Changes the state, and ends the call when the change completes it.
    fn update(self: &Arc<Self>, change: impl FnOnce(&mut CallState)) {
        let mut state = lock(&self.state);
        change(&mut state);
        if !state.returned || state.ended.is_some() {
            return;
        }
        let (ending, at) = match state.body {
            Body::Open => return,
            Body::Ended(end, at) => (end, at),
            // Whoever answered, it was not the network.
            Body::None => (BodyEnd::Complete, self.recorder.elapsed()),
        };
        state.ended = Some((Ending::Body(ending), at));
        drop(state);
        self.recorder.send(Message::CallEnded(Arc::clone(self)));
    }

    fn body_ended(self: &Arc<Self>, attempt: u32, end: BodyEnd, rest: Rest, at: u64) {
        self.update(|state| {
            if state.attempt == attempt {
                state.body = Body::Ended(end, at);
                (state.missing, state.counted) = (rest.missing, rest.counted);
            }
        });
    }

    fn end(self: &Arc<Self>, ending: Ending) {
        let now = self.recorder.elapsed();
        let mut state = lock(&self.state);
        if state.ended.is_some() {
            return;
        }
        state.ended = Some((ending, now));
        drop(state);
        self.recorder.send(Message::CallEnded(Arc::clone(self)));
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Call").field(&self.shared.request_id).finish()
    }
}

impl fmt::Debug for CallRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CallRef").field(&self.0.request_id).finish()
    }
}
