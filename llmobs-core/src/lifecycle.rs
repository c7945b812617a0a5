//! Starting a recorder, and stopping it.

mod delivering;
mod llmobs;
mod panics;
mod stopping;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use self::delivering::Delivering;
pub use self::llmobs::Llmobs;
pub use self::panics::OnPanic;
use crate::alarm::Alarm;
use crate::capture::{Capture, CapturePolicy};
use crate::contain::contained;
use crate::decoder::Decoder;
use crate::delivery::Delivery;
use crate::enabled::Enabled;
use crate::hosts::HostPattern;
use crate::id::{Ids, RandomIds};
use crate::pricing::PriceTable;
use crate::processor::Processor;
use crate::prompt::Renderings;
use crate::provider::{ProviderNameError, ProviderNames};
use crate::queue::{Pool, Queue};
use crate::recorder::{Counts, Limits, OpenTable, Recorder, Shared, Time};
use crate::redact::Redact;
use crate::sampling::TailSampling;
use crate::sink::Sink;
use crate::span::{LocalBackend, TraceBackend};
use crate::threads::Threads;
use crate::time::{Clock, SystemClock};
use crate::usage::UsagePolicy;
use crate::user_id::UserIdKey;
use crate::worker::{LastAsk, Worker};

/// Configures a recorder in code; the facade's `llmobs::builder()` begins with the environment.
#[derive(Debug)]
#[must_use = "a builder does nothing until started"]
pub struct Builder {
    service: Option<String>,
    environment: Option<String>,
    sinks: Vec<Box<dyn Sink>>,
    processors: Vec<Box<dyn Processor>>,
    decoders: Vec<Arc<dyn Decoder>>,
    backend: Arc<dyn TraceBackend>,
    clock: Option<Arc<dyn Clock>>,
    ids: Arc<dyn Ids>,
    capture: Capture,
    capture_in: BTreeMap<String, Capture>,
    usage: UsagePolicy,
    propagate_to: Vec<Result<HostPattern, String>>,
    propagate_baggage: bool,
    user_id_key: Option<UserIdKey>,
    redact: Redact,
    providers: Result<ProviderNames, ProviderNameError>,
    prices: Option<PriceTable>,
    tail_sampling: Option<TailSampling>,
    limits: Limits,
    delivering: Delivering,
    enabled: bool,
    process_wide: bool,
    on_panic: OnPanic,
    shutdown_timeout: Duration,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            service: None,
            environment: None,
            sinks: Vec::new(),
            processors: Vec::new(),
            decoders: Vec::new(),
            backend: Arc::new(LocalBackend),
            clock: None,
            ids: Arc::new(RandomIds),
            capture: Capture::NONE,
            capture_in: BTreeMap::new(),
            usage: UsagePolicy::Auto,
            propagate_to: Vec::new(),
            propagate_baggage: false,
            user_id_key: None,
            redact: Redact::all(),
            providers: Ok(ProviderNames::new()),
            prices: None,
            tail_sampling: None,
            limits: Limits::default(),
            delivering: Delivering::default(),
            enabled: true,
            process_wide: true,
            on_panic: OnPanic::Nothing,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl Builder {
    /// A builder without sinks and decoders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Names the observed service. Defaults to no name.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.service = Some(name.into());
        self
    }

    /// Names the deployment environment. Defaults to no name.
    pub fn environment(mut self, name: impl Into<String>) -> Self {
        self.environment = Some(name.into());
        self
    }

    /// Adds a destination; each gets every record. Defaults to none.
    pub fn sink(mut self, sink: impl Sink) -> Self {
        self.sinks.push(Box::new(sink));
        self
    }

    /// Adds a rule; rules run in the order they were added. Defaults to none.
    pub fn processor(mut self, processor: impl Processor) -> Self {
        self.processors.push(Box::new(processor));
        self
    }

    /// Adds a wire format; the first that knows an exchange reads it. Defaults to none.
    pub fn decoder(mut self, decoder: impl Decoder) -> Self {
        self.decoders.push(Arc::new(decoder));
        self
    }

    /// Sets where spans live. Defaults to [`LocalBackend`].
    pub fn backend(mut self, backend: impl TraceBackend) -> Self {
        self.backend = Arc::new(backend);
        self
    }

    /// Sets where time is read. Defaults to [`SystemClock`].
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Sets where ids come from. Defaults to [`RandomIds`].
    pub fn ids(mut self, ids: impl Ids) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// Sets which content is kept. Defaults to [`Capture::NONE`].
    pub fn capture(mut self, capture: Capture) -> Self {
        self.capture = capture;
        self
    }

    /// Sets which content is kept in one deployment environment, in place of what
    /// [`capture`](Self::capture) says: the environment that the builder has when it starts. Defaults to
    /// no difference.
    pub fn capture_in(mut self, environment: impl Into<String>, capture: Capture) -> Self {
        self.capture_in.insert(environment.into(), capture);
        self
    }

    /// Sets what is redacted in captured content. Defaults to [`Redact::all`].
    pub fn redact(mut self, redact: Redact) -> Self {
        self.redact = redact;
        self
    }

    /// Sets when adapters ask for usage in the application's place. Defaults to
    /// [`UsagePolicy::Auto`].
    pub fn usage(mut self, policy: UsagePolicy) -> Self {
        self.usage = policy;
        self
    }

    /// Adds a host that calls carry their trace to, as a `traceparent` header: a model server or a
    /// gateway of yours, whose own spans then join the trace. `.example.com` means every host below
    /// that one, and `host:port` that port alone. A request that has the header already is left as it
    /// is. Defaults to no host; one that is none fails the start.
    pub fn propagate_to(mut self, host: &str) -> Self {
        let pattern = HostPattern::parse(host.trim());
        self.propagate_to.push(pattern.ok_or_else(|| host.to_owned()));
        self
    }

    /// Whether calls to those hosts also carry session, user and tags, as a `baggage` header.
    /// Defaults to no.
    pub fn propagate_baggage(mut self, propagate: bool) -> Self {
        self.propagate_baggage = propagate;
        self
    }

    /// Hashes user ids with this key before they leave: in every record, and in what calls carry to
    /// other hosts. The same key gives the same hash everywhere. Defaults to ids as they are; so does
    /// an empty key.
    pub fn hash_user_ids(mut self, key: impl AsRef<[u8]>) -> Self {
        self.user_id_key = UserIdKey::new(key.as_ref());
        self
    }

    /// Names who answers at a host, before what decoders know of it; see [`ProviderNames`] for
    /// what a host may be. A host or name that is none fails the start.
    pub fn provider(mut self, host: &str, name: &str) -> Self {
        self.providers = self.providers.and_then(|names| names.name(host, name));
        self
    }

    /// Names who answers at hosts, in place of all that was named before. Defaults to nobody.
    pub fn providers(mut self, names: ProviderNames) -> Self {
        self.providers = Ok(names);
        self
    }

    /// Sets what calls cost where the provider does not say. Defaults to
    /// [`PriceTable::builtin`].
    pub fn prices(mut self, prices: PriceTable) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Keeps only the traces that tell something, and a share of the rest; after all processors.
    /// Defaults to keeping everything.
    pub fn tail_sampling(mut self, sampling: TailSampling) -> Self {
        self.tail_sampling = Some(sampling);
        self
    }

    /// Sets the bounds of what is held in memory. Defaults to [`Limits::default`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Whether anything is observed at first. Defaults to yes.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Whether code outside any scope that names a recorder uses this one. Defaults to yes; when
    /// several are started, the last one wins.
    pub fn process_wide(mut self, process_wide: bool) -> Self {
        self.process_wide = process_wide;
        self
    }

    /// Longest time a drop of the [`Llmobs`] may wait for the sinks. Defaults to 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Whether a sink has been added.
    pub fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }

    /// Starts the recorder.
    ///
    /// Its threads are this process's. In a child that is forked off later they do not exist: what is
    /// recorded there is kept within the [`Limits`] and goes nowhere, and whoever waits for it is
    /// [told so](crate::FlushError::is_forked) at once. Start another recorder in the child.
    ///
    /// # Errors
    ///
    /// When the system gives no thread for the worker or a sink, a host or a provider's name is none,
    /// or the [spool](Self::spool)'s directory cannot be used.
    pub fn start(self) -> Result<Llmobs, StartError> {
        let providers = self.providers.map_err(|err| StartError(Cause::Provider(err)))?;
        let propagate_to: Result<_, _> = self.propagate_to.into_iter().collect();
        let propagate_to = propagate_to.map_err(|host| StartError(Cause::Host(host)))?;
        let time = match self.clock {
            Some(clock) => Time::Other(clock, AtomicU64::new(0)),
            None => Time::System(SystemClock::default()),
        };
        let here = self.environment.as_ref().and_then(|name| self.capture_in.get(name));
        let capture = here.copied().unwrap_or(self.capture);
        let recorder = Recorder::new(Shared {
            queue: Queue::new(
                self.limits.operations,
                self.limits.payload_bytes,
                self.limits.sink_records,
            ),
            pool: Pool::new(),
            time,
            ids: self.ids,
            backend: self.backend,
            decoders: self.decoders,
            capture: CapturePolicy::new(capture),
            usage: self.usage,
            propagate_to,
            propagate_baggage: self.propagate_baggage,
            user_id_key: self.user_id_key,
            redact: self.redact,
            providers,
            enabled: Enabled::new(self.enabled),
            limits: self.limits,
            service: self.service,
            environment: self.environment,
            counts: Counts::default(),
            open_calls: OpenTable::default(),
            unflushed: OnceLock::new(),
            renderings: Renderings::new(),
            deliveries: OnceLock::new(),
            saving: AtomicU8::new(0),
            threads: Threads::new(),
            alarm: Alarm::default(),
            outlets: self.delivering.outlets(self.limits),
            last_flush: LastAsk::default(),
            last_idle: LastAsk::default(),
        });
        let threads = &recorder.shared().threads;
        let mut deliveries: Vec<Arc<Delivery>> = Vec::new();
        // A recorder that does not start leaves no thread behind.
        let failed = |deliveries: &[Arc<Delivery>], err| {
            deliveries.iter().for_each(|delivery| delivery.close());
            err
        };
        let no_thread = |err| StartError(Cause::Thread(err));
        let delivering = self.delivering;
        let mut names = BTreeMap::new();
        for sink in self.sinks {
            let of = recorder.clone();
            let started = delivering.start(sink, self.limits, &mut names, of, threads);
            deliveries.push(started.map_err(|err| failed(&deliveries, err))?);
        }
        let _ = recorder.shared().deliveries.set(deliveries.clone());
        let reports = delivering.reports(threads).map_err(no_thread);
        let reports = reports.map_err(|err| failed(&deliveries, err))?;
        let (of, prices, processors) = (recorder.clone(), self.prices, self.processors);
        let sampling = self.tail_sampling;
        if sampling.is_some() {
            contained(|| recorder.backend().tail_sampled(&recorder));
        }
        let spawned = threads.spawn("llmobs-worker", move || {
            // The built-in table is read here, where nobody waits for it.
            let prices = prices.unwrap_or_else(PriceTable::builtin);
            let worker = Worker::new(of, prices, processors);
            let worker = worker.sampled(sampling).reporting(reports);
            worker.run();
        });
        spawned.map_err(no_thread).map_err(|err| failed(&deliveries, err))?;
        threads.started();
        if self.process_wide {
            recorder.make_process_wide();
        }
        panics::watch(&recorder, self.on_panic);
        Ok(Llmobs::new(recorder, self.shutdown_timeout))
    }
}

/// The system gave no thread, a provider cannot be named as it was, or the spool has no place.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StartError(Cause);

#[derive(Debug, thiserror::Error)]
enum Cause {
    #[error("no thread could be started for the recorder")]
    Thread(#[source] std::io::Error),
    #[error("{0:?} is no host to carry traces to: expected a name or an address, and maybe a port")]
    Host(String),
    #[error(
        "the spool cannot use {0:?}: expected a directory that this user may write to, or that can be \
         made"
    )]
    Spool(PathBuf, #[source] std::io::Error),
    #[error("a provider cannot be named")]
    Provider(#[source] ProviderNameError),
}
