//! Exchanges that are over, read on the caller's thread by the code that reads live ones.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::alarm::Alarm;
use crate::call::{BodyEnd, CallStart, Surroundings};
use crate::capture::{Capture, CapturePolicy};
use crate::contain::contained;
use crate::decoder::{Decoder, Target};
use crate::enabled::Enabled;
use crate::id::{Ids, RandomIds};
use crate::outlet::Outlets;
use crate::pricing::PriceTable;
use crate::prompt::Renderings;
use crate::provider::ProviderNames;
use crate::queue::{Pool, Queue};
use crate::record::Record;
use crate::recorder::{Counts, Limits, OpenTable, Recorder, Shared, Time};
use crate::redact::Redact;
use crate::span::LocalBackend;
use crate::threads::Threads;
use crate::time::{Clock, Timestamp};
use crate::usage::UsagePolicy;
use crate::worker::{LastAsk, Worker};

/// Bytes of a body after which what waits is worked off.
const ROUND: usize = 64 * 1024;

/// One HTTP exchange with a model, but for the response's body.
#[derive(Clone, Debug)]
pub struct Exchange<'a> {
    /// Where the request went.
    pub target: Target<'a>,
    /// The request's body.
    pub request: Bytes,
    /// HTTP status of the response.
    pub status: u16,
    /// The response's headers, names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// How the response's body ended.
    pub end: BodyEnd,
}

/// Reads exchanges that are over.
///
/// A body takes the way it takes when it is observed live: tap, worker, decoder. No thread is
/// started and no clock is read, so a record has no times; nor does it have ids of ours, or a count
/// of attempts. Scopes open here do not matter.
///
/// ```
/// use bytes::Bytes;
/// use llmobs_core::{BodyEnd, Capture, Exchange, Offline, Target};
/// # use llmobs_core::{Closing, Decoder, Event, EventFacts, Fold, Record, Route};
/// # #[derive(Debug)]
/// # struct Echo(Option<String>);
/// # impl Decoder for Echo {
/// #     fn route(&self, target: &Target<'_>) -> Option<Route> {
/// #         let route = Route { operation: "chat", api: "echo", provider: None };
/// #         (target.path == "/echo").then_some(route)
/// #     }
/// #     fn request(&self, _: &Route, _: &[u8], _: Capture, _: &mut Record) {}
/// #     fn fold(&self, _: &Route, _: &Record, _: Capture) -> Box<dyn Fold> {
/// #         Box::new(Echo(None))
/// #     }
/// # }
/// # impl Fold for Echo {
/// #     fn event(&mut self, _: &Event<'_>) -> EventFacts {
/// #         EventFacts::default()
/// #     }
/// #     fn body(&mut self, body: &[u8]) -> bool {
/// #         self.0 = String::from_utf8(body.to_vec()).ok();
/// #         true
/// #     }
/// #     fn finish(self: Box<Self>, record: &mut Record) -> Closing {
/// #         record.model_version = self.0;
/// #         Closing::default()
/// #     }
/// # }
/// # let decoder = Echo(None);
///
/// let mut offline = Offline::new(decoder, Capture::NONE);
/// let exchange = Exchange {
///     target: Target { method: "POST", host: "models.test", port: None, path: "/echo" },
///     request: Bytes::new(),
///     status: 200,
///     headers: &[("content-type", "text/plain")],
///     end: BodyEnd::Complete,
/// };
/// let body = [Bytes::from("small-"), Bytes::from("2")];
/// let record = offline.decode(&exchange, body)?;
/// assert_eq!(record.model_version.as_deref(), Some("small-2"));
/// # Ok::<(), llmobs_core::DecodeError>(())
/// ```
pub struct Offline {
    decoder: Arc<dyn Decoder>,
    capture: Capture,
    limits: Limits,
    recorder: Recorder,
    worker: Worker,
}

impl Offline {
    /// Reads with this decoder, and keeps the content that `capture` says.
    pub fn new(decoder: impl Decoder, capture: Capture) -> Self {
        Self::with_limits(decoder, capture, Limits::default())
    }

    /// The same with limits other than the default ones.
    pub fn with_limits(decoder: impl Decoder, capture: Capture, limits: Limits) -> Self {
        let decoder: Arc<dyn Decoder> = Arc::new(decoder);
        let (recorder, worker) = parts(&decoder, limits);
        Self { decoder, capture, limits, recorder, worker }
    }

    /// The record of one exchange. How its body is cut into pieces makes no difference.
    ///
    /// # Errors
    ///
    /// When the exchange is not in the decoder's format, or the decoder panics over it. The next
    /// one can be read all the same.
    pub fn decode(
        &mut self,
        exchange: &Exchange<'_>,
        body: impl IntoIterator<Item = Bytes>,
    ) -> Result<Record, DecodeError> {
        let read = contained(|| self.read(exchange, body));
        read.unwrap_or_else(|| {
            // Nothing of the exchange that broke off may get into the next.
            (self.recorder, self.worker) = parts(&self.decoder, self.limits);
            Err(DecodeError::Panicked)
        })
    }

    fn read(
        &mut self,
        exchange: &Exchange<'_>,
        body: impl IntoIterator<Item = Bytes>,
    ) -> Result<Record, DecodeError> {
        let target = exchange.target;
        let (decoder, route) =
            self.recorder.route(&target, false).ok_or(DecodeError::UnknownFormat)?;
        self.recorder.reserve();
        let start = CallStart { target, body: Some(exchange.request.clone()), body_len: None };
        let at = self.recorder.now();
        let surroundings = Surroundings {
            scope: None,
            span: LocalBackend::child_of(None, self.recorder.ids()),
            request_id: self.recorder.ids().request_id(at),
            capture: self.capture,
            at,
            issued: self.recorder.elapsed(),
            by_reader: false,
        };
        let call = self.recorder.open(start, decoder, route, surroundings);
        let headers = exchange.headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        let mut tap = call.handle().attempt().headers(exchange.status, headers);
        call.returned();
        let mut waiting = 0;
        for piece in body {
            tap.data(&piece);
            waiting += piece.len();
            if waiting >= ROUND {
                waiting = 0;
                self.worker.work_off();
            }
        }
        tap.end(exchange.end);
        let record = self.worker.work_off().pop().and_then(Arc::into_inner);
        record.map(timeless).ok_or(DecodeError::Panicked)
    }
}

/// A recorder nothing is sent from, and its worker without a thread.
fn parts(decoder: &Arc<dyn Decoder>, limits: Limits) -> (Recorder, Worker) {
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let recorder = Recorder::new(Shared {
        queue: Queue::new(1, limits.payload_bytes, limits.sink_records),
        pool: Pool::new(),
        time: Time::Other(Arc::new(NoTime), AtomicU64::new(0)),
        ids,
        backend: Arc::new(LocalBackend),
        decoders: vec![Arc::clone(decoder)],
        capture: CapturePolicy::new(Capture::NONE),
        usage: UsagePolicy::Never,
        propagate_to: Vec::new(),
        propagate_baggage: false,
        user_id_key: None,
        redact: Redact::none(),
        providers: ProviderNames::new(),
        enabled: Enabled::new(true),
        limits,
        service: None,
        environment: None,
        counts: Counts::default(),
        open_calls: OpenTable::default(),
        unflushed: OnceLock::new(),
        renderings: Renderings::none(),
        deliveries: OnceLock::new(),
        saving: AtomicU8::new(0),
        threads: Threads::new(),
        alarm: Alarm::default(),
        outlets: Outlets::default(),
        last_flush: LastAsk::default(),
        last_idle: LastAsk::default(),
    });
    (recorder.clone(), Worker::new(recorder, PriceTable::builtin(), Vec::new()))
}

/// Takes out what only a live call has.
fn timeless(record: Record) -> Record {
    Record {
        request_id: None,
        trace_id: None,
        span_id: None,
        parent_span_id: None,
        timestamp: None,
        ttft_ms: None,
        tpot_ms: None,
        total_latency_ms: None,
        latency: None,
        attempts: None,
        ..record
    }
}

/// Stands still: when an exchange happened is not known.
#[derive(Debug)]
struct NoTime;

impl Clock for NoTime {
    fn elapsed(&self) -> u64 {
        0
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_nanos(0)
    }
}

impl fmt::Debug for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offline")
            .field("decoder", &self.decoder)
            .field("capture", &self.capture)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Why there is no record of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The decoder does not know its method and path.
    #[error("the method and path are of no known format")]
    UnknownFormat,
    /// The decoder panicked over it.
    #[error("the decoder panicked")]
    Panicked,
}
