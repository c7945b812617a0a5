//! Our own export: a provider, and flushes that nobody else waits for.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use llmobs_core::contain::contained;
use llmobs_core::{Flushing, Outlet, Recorder};
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{
    Instrument, MeterProviderBuilder, PeriodicReader, SdkMeterProvider, Stream,
};

use super::bounded::DEFAULT_LIMIT;
use super::exporter::{Exporter, State};
use super::sink::MetricsSink;
use crate::mode::instrumentation_scope;
use crate::otlp::Temporality;
use crate::quiet::{say, untraced};
use crate::resource::Resource;
use crate::transport::Endpoint;

/// Set-up of our own export.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    pub(crate) to: Vec<Endpoint>,
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
}

/// A provider whose readers collect, and a way out to each endpoint: it sends in order what they have
/// collected, and keeps what it cannot send, on disk where the recorder has a spool.
pub(super) struct Export {
    shared: Arc<Shared>,
}

struct Shared {
    provider: SdkMeterProvider,
    outlets: Vec<Arc<Outlet>>,
    state: Arc<State>,
    waiting: Mutex<Waiting>,
}

/// Flushes that have been asked for.
#[derive(Default)]
struct Waiting {
    flushes: Vec<Flushing>,
    /// There is a thread that sees to them.
    running: bool,
}

/// A provider of ours, without readers: the service it is for, and its bounds.
pub(super) fn provider(
    resource: &Resource,
    service: Option<&str>,
    environment: Option<&str>,
    limit: usize,
) -> MeterProviderBuilder {
    let resource = opentelemetry_sdk::Resource::builder_empty()
        .with_attributes(resource.attributes(service, environment))
        .build();
    let builder = SdkMeterProvider::builder().with_resource(resource);
    if limit == DEFAULT_LIMIT {
        return builder;
    }
    builder.with_view(move |_: &Instrument| {
        Stream::builder().with_cardinality_limit(limit).build().ok()
    })
}

pub(super) fn meter(provider: &SdkMeterProvider) -> Meter {
    provider.meter_with_scope(instrumentation_scope())
}

impl Export {
    pub(super) fn start(
        own: OwnMetrics,
        mut provider: MeterProviderBuilder,
        recorder: &Recorder,
    ) -> Self {
        let OwnMetrics { to, interval, temporality } = own;
        let (state, mut outlets) = (Arc::<State>::default(), Vec::new());
        for to in to {
            match recorder.outlet(MetricsSink::new(to)) {
                Ok(outlet) => {
                    outlets.push(Arc::clone(&outlet));
                    let exporter = Exporter::new(outlet, temporality, Arc::clone(&state));
                    let reader = PeriodicReader::builder(exporter).with_interval(interval);
                    provider = provider.with_reader(reader.build());
                }
                Err(err) => {
                    say(|| {
                        tracing::warn!(target: "llmobs", error = %err, "metrics cannot be exported");
                    });
                }
            }
        }
        let (provider, waiting) = (provider.build(), Mutex::default());
        Self { shared: Arc::new(Shared { provider, outlets, state, waiting }) }
    }

    pub(super) fn meter(&self) -> Meter {
        meter(&self.shared.provider)
    }

    /// Exports what there is, on another thread: an endpoint may take as long as a request may.
    pub(super) fn flush(&self, flushing: Flushing) {
        let mut waiting = lock(&self.shared.waiting);
        // An endpoint that does not answer is no reason to keep those that nobody waits for.
        waiting.flushes.retain(Flushing::is_awaited);
        waiting.flushes.push(flushing);
        if std::mem::replace(&mut waiting.running, true) {
            return;
        }
        drop(waiting);
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name("llmobs-metrics".into());
        if thread.spawn(move || shared.run()).is_err() {
            let mut waiting = lock(&self.shared.waiting);
            waiting.running = false;
            let flushes = std::mem::take(&mut waiting.flushes);
            drop(waiting);
            flushes.into_iter().for_each(Flushing::fail);
        }
    }
}

impl Shared {
    /// Flushes until nobody waits for it.
    fn run(&self) {
        untraced(|| {
            loop {
                let mut waiting = lock(&self.waiting);
                let flushes = std::mem::take(&mut waiting.flushes);
                if flushes.is_empty() {
                    waiting.running = false;
                    break;
                }
                drop(waiting);
                self.state.flushing.fetch_add(1, Ordering::AcqRel);
                let collected = contained(|| self.provider.force_flush());
                self.state.flushing.fetch_sub(1, Ordering::AcqRel);
                match collected {
                    Some(Ok(())) => Outlet::flush(&self.outlets, flushes),
                    _ => flushes.into_iter().for_each(Flushing::fail),
                }
            }
        });
    }
}

impl Drop for Export {
    fn drop(&mut self) {
        // The recorder's last flush has brought out everything, or has said that it could not: a
        // second try, as the provider makes one, would only take as long again.
        self.shared.state.closed.store(true, Ordering::Release);
        let _ = untraced(|| self.shared.provider.shutdown());
        Outlet::end(&self.shared.outlets);
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
