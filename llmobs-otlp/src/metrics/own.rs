//! Our own export: a provider, and flushes that nobody else waits for.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use llmobs_core::Flushing;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{
    Instrument, MeterProviderBuilder, PeriodicReader, SdkMeterProvider, Stream,
};

use super::bounded::DEFAULT_LIMIT;
use super::exporter::Exporter;
use crate::mode::instrumentation_scope;
use crate::otlp::Temporality;
use crate::quiet::untraced;
use crate::resource::Resource;
use crate::transport::Endpoint;

/// Set-up of our own export.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    pub(crate) to: Vec<Endpoint>,
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
}

/// A provider that exports to each endpoint on a thread of its own.
pub(super) struct Export {
    provider: SdkMeterProvider,
    waiting: Arc<Mutex<Waiting>>,
    /// Nothing is sent any more.
    closed: Arc<AtomicBool>,
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
    pub(super) fn start(own: OwnMetrics, provider: MeterProviderBuilder) -> Self {
        let OwnMetrics { to, interval, temporality } = own;
        let closed = Arc::new(AtomicBool::new(false));
        let readers = to.into_iter().map(|to| {
            let exporter = Exporter::new(to, temporality, Arc::clone(&closed));
            PeriodicReader::builder(exporter).with_interval(interval).build()
        });
        let provider = readers.fold(provider, |provider, reader| provider.with_reader(reader));
        Self { provider: provider.build(), waiting: Arc::default(), closed }
    }

    pub(super) fn meter(&self) -> Meter {
        meter(&self.provider)
    }

    /// Exports what there is, on another thread: an endpoint may take as long as a request may.
    pub(super) fn flush(&self, flushing: Flushing) {
        let mut waiting = lock(&self.waiting);
        waiting.flushes.push(flushing);
        if std::mem::replace(&mut waiting.running, true) {
            return;
        }
        drop(waiting);
        let (provider, flushes) = (self.provider.clone(), Arc::clone(&self.waiting));
        let thread = thread::Builder::new().name("llmobs-metrics".into());
        if thread.spawn(move || run(&provider, &flushes)).is_err() {
            let mut waiting = lock(&self.waiting);
            waiting.running = false;
            let flushes = std::mem::take(&mut waiting.flushes);
            drop(waiting);
            flushes.into_iter().for_each(Flushing::fail);
        }
    }
}

/// Flushes until nobody waits for it.
fn run(provider: &SdkMeterProvider, waiting: &Mutex<Waiting>) {
    untraced(|| {
        loop {
            let mut state = lock(waiting);
            let flushes = std::mem::take(&mut state.flushes);
            if flushes.is_empty() {
                state.running = false;
                break;
            }
            drop(state);
            // The exporter has said what there is to say of a failure.
            match provider.force_flush() {
                Ok(()) => drop(flushes),
                Err(_) => flushes.into_iter().for_each(Flushing::fail),
            }
        }
    });
}

impl Drop for Export {
    fn drop(&mut self) {
        // The recorder's last flush has brought out everything, or has said that it could not: a
        // second try, as the provider makes one, would only take as long again.
        self.closed.store(true, Ordering::Relaxed);
        let _ = untraced(|| self.provider.shutdown());
    }
}

fn lock(waiting: &Mutex<Waiting>) -> MutexGuard<'_, Waiting> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
