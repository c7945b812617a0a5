//! Tail sampling of the spans of a provider that is the application's.

mod account;
mod held;
mod link;

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::{Duration, Instant};

use llmobs_core::contain::contained;
use llmobs_core::semconv::attribute;
use llmobs_core::{Clock, Sampling, SystemClock, TraceId, TraceVerdict};
use opentelemetry::trace::Span as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

pub use self::account::{TailAccount, TailCounts};
use self::held::{Cause, Fate, Held, Next, Release, size};
pub(crate) use self::link::Link;
use self::link::{Holder, anybody_decides, register};

/// Spans between two flushes of the inner processor, where many go on at once: the queue of the
/// SDK's batch processor holds 2,048, and drops what is over.
const PORTION: usize = 512;
/// How long those flushes may take in all, at a flush.
const PATIENCE: Duration = Duration::from_secs(5);

/// Holds the spans of a trace until tail sampling has decided on it, around a processor of the
/// application's.
///
/// Where spans live in a provider of the application's, a recorder's
/// [`TailSampling`](llmobs_core::TailSampling) decides on records alone. With this around the
/// provider's own processor it decides on spans as well, those of the application included: all
/// spans of a trace go on to the inner processor, or none.
///
/// ```
/// # use opentelemetry_sdk::{error::OTelSdkResult, trace::{SpanData, SpanExporter}};
/// # #[derive(Debug)]
/// # struct Exporter(std::sync::mpsc::Sender<SpanData>);
/// # impl SpanExporter for Exporter {
/// #     async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
/// #         batch.into_iter().for_each(|span| { let _ = self.0.send(span); });
/// #         Ok(())
/// #     }
/// # }
/// use llmobs_otlp::TailSampled;
/// use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
/// use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracerProvider};
/// # let (sender, exported) = std::sync::mpsc::channel();
/// # let exporter = Exporter(sender);
///
/// let batch = BatchSpanProcessor::builder(exporter).build();
/// let provider = SdkTracerProvider::builder().with_span_processor(TailSampled::new(batch)).build();
///
/// // Without a recorder that samples, nothing is held: spans go on as they end.
/// let tracer = provider.tracer("shop");
/// let request = opentelemetry::Context::new().with_span(tracer.start("request"));
/// tracer.start_with_context("query", &request).end();
/// provider.force_flush()?;
/// # assert_eq!(exported.try_iter().map(|span| span.name).collect::<Vec<_>>(), ["query"]);
/// # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
/// ```
///
/// # What is held
///
/// While a recorder with tail sampling runs, the spans of every trace wait until no span of the trace
/// is open in this process any more. A trace in which llmobs had no part then goes on as it is. One in
/// which it had waits for the recorder's decision, which is told that the trace is over. Spans that
/// end later follow the decision. Without such a recorder, and where it exports through its own
/// pipeline, nothing is held.
///
/// Every span of a trace that was kept, the application's too, has `llmobs.sampling.rate`, and
/// `llmobs.sampling.rule` where a rule decided: each stands for one over the rate. Spans without
/// them were not sampled here, and stand for themselves. What a head sampler left out never comes
/// here.
///
/// # Bounds
///
/// Held are at most 50,000 spans, of at most 64 MiB, for at most five minutes. Beyond that the oldest
/// traces go on as they are, rather than being lost, and so do their later spans; so does everything
/// that is undecided when the provider is flushed or shut down. [`account`](Self::account) counts it
/// all. To have as much as possible decided, flush or shut down the recorder first, then the
/// provider.
///
/// # The inner processor
///
/// It is called on the thread that ends a span, or on the recorder's when that has decided, and never
/// with a lock held. A panic of it ends here, counted. The spans of a trace come at once: a batch
/// processor must have room for them in its queue (`OTEL_BSP_MAX_QUEUE_SIZE`).
pub struct TailSampled<P> {
    shared: Arc<Shared<P>>,
    /// Registered only when it is used: until then the provider may change the inner processor.
    registered: Once,
}

/// What there may be of it.
#[derive(Debug)]
struct Bounds {
    spans: usize,
    bytes: usize,
    /// Nanoseconds.
    age: u64,
}

struct Shared<P> {
    inner: P,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    /// Something has been held: before that there is nothing to look up.
    used: AtomicBool,
    closed: AtomicBool,
    account: TailAccount,
}

impl<P: SpanProcessor + 'static> TailSampled<P> {
    /// Holds spans back from `inner`.
    pub fn new(inner: P) -> Self {
        let age = Duration::from_secs(300).as_nanos() as u64;
        let shared = Shared {
            inner,
            bounds: Bounds { spans: 50_000, bytes: 64 << 20, age },
            clock: Arc::new(SystemClock::default()),
            held: Mutex::default(),
            used: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            account: TailAccount::default(),
        };
        Self { shared: Arc::new(shared), registered: Once::new() }
    }

    /// Sets how many spans, and traces with open spans, are held at most. Defaults to 50,000.
    #[must_use]
    pub fn spans(self, spans: usize) -> Self {
        self.with(|shared| shared.bounds.spans = spans)
    }

    /// Sets how much memory held spans may take, in bytes, as far as it can be told from outside.
    /// Defaults to 64 MiB.
    #[must_use]
    pub fn bytes(self, bytes: usize) -> Self {
        self.with(|shared| shared.bounds.bytes = bytes)
    }

    /// Sets how long after its beginning a trace is held at most; longer than the
    /// [`longest`](llmobs_core::TailSampling::longest) of the recorder, or that one never decides.
    /// Defaults to five minutes.
    #[must_use]
    pub fn age(self, age: Duration) -> Self {
        let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
        self.with(|shared| shared.bounds.age = age)
    }

    /// Sets where time is read. Defaults to [`SystemClock`].
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|shared| shared.clock = Arc::new(clock))
    }

    /// What becomes of the spans, to be asked when the provider has the processor.
    pub fn account(&self) -> TailAccount {
        self.shared.account.clone()
    }

    fn with(mut self, change: impl FnOnce(&mut Shared<P>)) -> Self {
        // Nobody else has it before the first span.
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            change(shared);
        }
        self
    }
}

impl<P: SpanProcessor + 'static> SpanProcessor for TailSampled<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.shared.contained(|inner| inner.on_start(span, cx));
        if self.shared.closed.load(Ordering::Relaxed) || !anybody_decides() {
            return;
        }
        self.registered.call_once(|| {
            let holder: Weak<Shared<P>> = Arc::downgrade(&self.shared);
            register(holder);
        });
        if let Some(trace) = id(span.span_context().trace_id()) {
            self.shared.started(trace);
        }
    }

    fn on_end(&self, span: SpanData) {
        self.shared.ended(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        let began = Instant::now();
        self.shared.release_all(|| began.elapsed() < PATIENCE);
        self.shared.contained(P::force_flush).unwrap_or_else(panicked)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        let began = Instant::now();
        self.shared.closed.store(true, Ordering::Relaxed);
        self.shared.release_all(|| began.elapsed() < timeout / 2);
        let left = timeout.saturating_sub(began.elapsed());
        self.shared.contained(|inner| inner.shutdown_with_timeout(left)).unwrap_or_else(panicked)
    }

    fn set_resource(&mut self, resource: &Resource) {
        if let Some(shared) = Arc::get_mut(&mut self.shared) {
            let inner = &mut shared.inner;
            let set = contained(|| inner.set_resource(resource));
            shared.account.panicked(set.is_none());
        }
    }
}

impl<P: SpanProcessor> Shared<P> {
    fn started(&self, trace: TraceId) {
        self.used.store(true, Ordering::Release);
        let now = self.now();
        let next = self.lock().started(trace, now, &self.bounds);
        self.then(trace, next);
    }

    fn ended(&self, span: SpanData) {
        self.account.ended();
        let looked_up = self.used.load(Ordering::Acquire) && !self.closed.load(Ordering::Relaxed);
        let trace = id(span.span_context.trace_id()).filter(|_| looked_up);
        let Some(trace) = trace else {
            self.contained(|inner| inner.on_end(span));
            self.account.released(1, &Fate::Passed(Cause::NoPart));
            return;
        };
        let (bytes, now) = (size(&span), self.now());
        let next = self.lock().ended(trace, span, bytes, now, &self.bounds);
        self.then(trace, next);
    }

    fn then(&self, trace: TraceId, next: Next) {
        next.release.into_iter().for_each(|release| self.release(release));
        if let Some(link) = next.ask
            && !link.ask(trace)
        {
            let left = self.lock().give_up(trace);
            left.into_iter().for_each(|release| self.release(release));
        }
    }

    /// Passes spans on, or leaves them out.
    fn release(&self, Release { spans, fate }: Release) {
        let released = spans.len();
        if !matches!(fate, Fate::LeftOut) {
            for mut span in spans {
                if let Fate::Kept(sampling) = &fate {
                    mark(&mut span, sampling);
                }
                self.contained(|inner| inner.on_end(span));
            }
        }
        self.account.released(released, &fate);
    }

    /// Passes everything on, in portions that a batch processor has room for.
    fn release_all(&self, may_wait: impl Fn() -> bool) {
        let all = self.lock().take_all();
        let (mut passed, mut flushes) = (0, true);
        for release in all {
            passed += release.spans.len();
            self.release(release);
            if passed >= PORTION && flushes {
                passed = 0;
                flushes = may_wait() && matches!(self.contained(P::force_flush), Some(Ok(())));
            }
        }
    }

    /// Runs what is not ours; `None` when it panicked.
    fn contained<R>(&self, run: impl FnOnce(&P) -> R) -> Option<R> {
        let ran = contained(|| run(&self.inner));
        self.account.panicked(ran.is_none());
        ran
    }

    /// A clock that panics lets nothing grow old.
    fn now(&self) -> u64 {
        contained(|| self.clock.elapsed()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: SpanProcessor> Holder for Shared<P> {
    fn part(&self, trace: TraceId, link: &Arc<Link>) {
        self.lock().part(trace, link);
    }

    fn decided(&self, trace: TraceId, verdict: &TraceVerdict, link: &Arc<Link>) {
        let released = self.lock().decide(trace, verdict, link);
        released.into_iter().for_each(|release| self.release(release));
    }

    fn over(&self, link: &Arc<Link>) {
        let left = self.lock().over(link);
        left.into_iter().for_each(|release| self.release(release));
    }

    fn tick(&self) {
        let now = self.now();
        let old = self.lock().bound(now, &self.bounds);
        old.into_iter().for_each(|release| self.release(release));
    }
}

/// Why the span is there, as on spans of our own pipeline.
fn mark(span: &mut SpanData, sampling: &Sampling) {
    span.attributes.push(KeyValue::new(attribute::LLMOBS_SAMPLING_RATE, sampling.rate));
    if let Some(rule) = &sampling.rule {
        span.attributes.push(KeyValue::new(attribute::LLMOBS_SAMPLING_RULE, rule.clone()));
    }
}

fn id(trace: opentelemetry::TraceId) -> Option<TraceId> {
    TraceId::new(u128::from_be_bytes(trace.to_bytes()))
}

fn panicked() -> OTelSdkResult {
    Err(OTelSdkError::InternalFailure("the inner span processor panicked".to_owned()))
}

impl<P: SpanProcessor> fmt::Debug for TailSampled<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailSampled")
            .field("inner", &self.shared.inner)
            .field("bounds", &self.shared.bounds)
            .finish_non_exhaustive()
    }
}
