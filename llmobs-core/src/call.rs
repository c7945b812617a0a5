//! One logical call, from the moment it is issued to its one end.

mod ending;
mod evaluated;
mod propagation;
mod reader;
mod request;
mod state;
mod tap;
mod within;

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use bytes::Bytes;

pub(crate) use self::ending::Ending;
pub use self::ending::{BodyEnd, TransportError};
pub use self::propagation::Propagation;
pub(crate) use self::reader::{Reader, Reading, Slot};
pub use self::request::RequestTap;
pub(crate) use self::request::Sent;
use self::state::{Body, Names};
pub(crate) use self::state::{CallShared, CallState, DETAILED};
pub use self::tap::Tap;
pub(crate) use self::tap::{Counted, Frame, frames};
pub(crate) use self::within::during as inside_reader;
use crate::capture::Capture;
use crate::contain::contained;
use crate::decoder::{Decoder, Route, Target};
use crate::id::RequestId;
use crate::queue::lock;
use crate::recorder::Recorder;
#[cfg(feature = "layer")]
use crate::scope::foreign_here;
use crate::scope::{Place, Scope};
use crate::semconv::operation;
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

/// What surrounds a call where it is issued.
pub(crate) struct Surroundings {
    pub(crate) scope: Option<Scope>,
    pub(crate) span: OpenSpan,
    pub(crate) request_id: RequestId,
    pub(crate) capture: Capture,
    pub(crate) at: Timestamp,
    pub(crate) issued: u64,
    pub(crate) by_reader: bool,
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
            let known = &outer.route;
            outer.recorder.is(self)
                && match outer.by_reader {
                    // It knows no more than what it reads.
                    true => {
                        known.operation == route.operation
                            && (known.api.is_empty() || known.api == route.api)
                    }
                    false => {
                        (known, outer.host(), outer.port) == (&route, target.host, target.port)
                    }
                }
        };
        if within::is_within(same) {
            return None;
        }
        let taken = self.take_place(&route);
        let call = self.begin_in(taken, |taken| {
            let surroundings = self.surroundings(&start.target, route, None, taken);
            self.open(start, decoder, route, surroundings)
        })?;
        reader::offer(&call.shared);
        Some(call)
    }

    /// The span of another crate's that tells of the call about to begin, which takes its place and
    /// the room that was set aside for it.
    pub(crate) fn take_place(&self, route: &Route) -> Option<OpenSpan> {
        #[cfg(feature = "layer")]
        {
            let foreign = foreign_here().filter(|foreign| foreign.recorder.is(self))?;
            foreign.take(route.operation)
        }
        #[cfg(not(feature = "layer"))]
        {
            let _ = route;
            None
        }
    }

    /// What a call that is issued here is a part of; `began` says when, where that was before, and
    /// `taken` is a span that is open for it already.
    pub(crate) fn surroundings(
        &self,
        target: &Target<'_>,
        route: Route,
        began: Option<(Timestamp, u64)>,
        taken: Option<OpenSpan>,
    ) -> Surroundings {
        let Place { scope, tracing, tracing_at_entry, .. } = self.place();
        let at = began.map_or_else(|| self.now(), |(at, _)| at);
        let host = Some(target.host).filter(|host| !host.is_empty());
        let start = SpanStart {
            name: &Cow::Borrowed(route.operation),
            kind: SpanKind::Client,
            at,
            operation: Some(route.operation),
            // Whom only the answer can tell, the span is told of when it ends.
            provider: self.shared().providers.of(target.host, target.port).or(route.provider),
            server: host.map(|host| (host, target.port)),
            innermost: Innermost {
                scope: scope.as_ref().and_then(Scope::span),
                tracing_at_entry,
                tracing: tracing.as_ref(),
            },
            ids: self.ids(),
        };
        let span = taken.unwrap_or_else(|| self.backend().start(&start));
        let capture = scope.as_ref().and_then(|scope| scope.attributes().capture);
        let capture = self.shared().capture.within(capture);
        let request_id = self.ids().request_id(at);
        let issued = began.map_or_else(|| self.elapsed(), |(_, issued)| issued);
        Surroundings { scope, span, request_id, capture, at, issued, by_reader: false }
    }

    /// Opens a call that room was reserved for.
    pub(crate) fn open(
        &self,
        start: CallStart<'_>,
        decoder: Arc<dyn Decoder>,
        route: Route,
        surroundings: Surroundings,
    ) -> Call {
        let Surroundings { scope, span, request_id, capture, at, issued, by_reader } = surroundings;
        let (attributes, group) = scope.map(Scope::into_parts).unzip();
        let group = group.flatten();
        let fallback_attempt = group.as_ref().and_then(|group| group.next_attempt());
        let request_len = start.body.as_ref().map(|body| body.len() as u64).or(start.body_len);
        // A request that finds no room is not kept: the call is recorded without its facts.
        let request = start.body.and_then(|body| Sent::whole(body, self));
        let request_told = request_len.is_some();
        let named = contained(|| match route.operation {
            operation::FETCH_RESPONSE | operation::RETRIEVAL => decoder.subject(&start.target),
            _ => decoder.deployment(&start.target),
        });
        let named = named.flatten().unwrap_or_default();
        let shared = Arc::new(CallShared {
            recorder: self.clone(),
            number: self.next_number(),
            route,
            decoder,
            names: Names::new(start.target.host, named),
            port: start.target.port,
            attributes,
            group,
            fallback_attempt,
            span,
            request_id,
            capture,
            forbidden: AtomicBool::new(false),
            at,
            issued,
            by_reader,
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

    pub(crate) fn shared(&self) -> Arc<CallShared> {
        Arc::clone(&self.shared)
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
            if state.all_sent.len() < DETAILED {
                state.all_sent.push(now);
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
        let mut tap = Tap::new(self.call, self.number, late);
        tap.head(now, status, headers);
        tap
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
