//! Metrics of every operation, taken before anything is sampled.

mod account;
mod bounded;
mod exporter;
mod instruments;
mod labels;
mod latest;
mod ours;
mod own;
mod previous;
mod sink;

use std::fmt;

use llmobs_core::{Flushing, Processor, Record, Recorder, Verdict, WeakRecorder};
use opentelemetry::global;
use opentelemetry::metrics::Meter;

pub(crate) use self::bounded::DEFAULT_LIMIT;
use self::bounded::Maker;
use self::instruments::Instruments;
use self::own::Export;
pub(crate) use self::own::OwnMetrics;
use crate::mode::{ModeCell, instrumentation_scope};
use crate::otlp::Semconv;
#[cfg(feature = "prometheus")]
use crate::prometheus::{Prometheus, Scraped};
use crate::resource::Resource;

/// Turns records into the metrics of the GenAI conventions, and a few of ours.
///
/// It goes before the rules that sample. The metrics are taken with the meter provider given in
/// code; else with the global one while spans are attached to a provider of the user's; else with
/// one of our own, if there is an endpoint for them. What Prometheus scrapes is taken beside that.
///
/// Times of calls that only their reader was seen of carry `llmobs.latency.clock`, since a slow reader
/// makes them late: they are in no point with times of the wire, and have no times per chunk.
pub struct OtlpMetrics {
    mode: ModeCell,
    plan: MetricsPlan,
    recorder: Option<WeakRecorder>,
    service: Option<String>,
    environment: Option<String>,
    given: Option<Instruments>,
    global: Option<Instruments>,
    own: Option<(Instruments, Export)>,
    #[cfg(feature = "prometheus")]
    scraped: Option<(Instruments, Scraped)>,
}

/// What there was to choose about metrics; what has been started is taken out.
#[derive(Debug, Default)]
pub(crate) struct MetricsPlan {
    pub(crate) semconv: Semconv,
    /// Attribute sets of each instrument.
    pub(crate) limit: usize,
    pub(crate) resource: Resource,
    pub(crate) meter: Option<Meter>,
    pub(crate) own: Option<OwnMetrics>,
    #[cfg(feature = "prometheus")]
    pub(crate) prometheus: Option<Prometheus>,
}

impl OtlpMetrics {
    pub(crate) fn new(mode: ModeCell, plan: MetricsPlan) -> Self {
        Self {
            mode,
            plan,
            recorder: None,
            service: None,
            environment: None,
            given: None,
            global: None,
            own: None,
            #[cfg(feature = "prometheus")]
            scraped: None,
        }
    }

    /// Instruments of a provider that may have no bound of its own.
    fn with(&self, meter: &Meter, limit: Option<usize>) -> Instruments {
        let make = Maker { meter, limit };
        if let Some(recorder) = &self.recorder {
            account::report(make, recorder.clone());
        }
        Instruments::new(make, self.plan.semconv)
    }

    fn provider(&self) -> opentelemetry_sdk::metrics::MeterProviderBuilder {
        let MetricsPlan { resource, limit, .. } = &self.plan;
        own::provider(resource, self.service.as_deref(), self.environment.as_deref(), *limit)
    }

    /// Starts what needs to know where the spans are: not before there has been one.
    fn main(&mut self) -> Option<&mut Instruments> {
        let limit = Some(self.plan.limit);
        if let Some(meter) = self.plan.meter.take() {
            self.given = Some(self.with(&meter, limit));
        }
        if self.given.is_some() {
            return self.given.as_mut();
        }
        if self.mode.is_attached() {
            if self.global.is_none() {
                let meter = global::meter_with_scope(instrumentation_scope());
                self.global = Some(self.with(&meter, limit));
            }
            return self.global.as_mut();
        }
        if let Some(own) = self.plan.own.take()
            && let Some(recorder) = self.recorder.as_ref().and_then(WeakRecorder::upgrade)
        {
            let export = Export::start(own, self.provider(), &recorder);
            self.own = Some((self.with(&export.meter(), None), export));
        }
        self.own.as_mut().map(|(instruments, _)| instruments)
    }

    #[cfg(feature = "prometheus")]
    fn scrape(&mut self) {
        if let Some(prometheus) = self.plan.prometheus.take()
            && let Some(scraped) = prometheus.start(self.provider())
        {
            self.scraped = Some((self.with(&scraped.meter(), None), scraped));
        }
    }
}

impl Processor for OtlpMetrics {
    fn started(&mut self, recorder: &Recorder) {
        self.recorder = Some(recorder.downgrade());
        self.service = recorder.service().map(str::to_owned);
        self.environment = recorder.environment().map(str::to_owned);
        if self.plan.meter.is_some() {
            self.main();
        }
        #[cfg(feature = "prometheus")]
        self.scrape();
    }

    fn process(&mut self, record: &mut Record) -> Verdict {
        if let Some(instruments) = self.main() {
            instruments.record(record);
        }
        #[cfg(feature = "prometheus")]
        if let Some((instruments, _)) = &mut self.scraped {
            instruments.record(record);
        }
        Verdict::Keep
    }

    fn flush_with(&mut self, flushing: Flushing) {
        if let Some((_, export)) = &self.own {
            export.flush(flushing);
        }
    }

    fn name(&self) -> &str {
        "otlp_metrics"
    }
}

impl fmt::Debug for OtlpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpMetrics").field("mode", &self.mode).finish_non_exhaustive()
    }
}
