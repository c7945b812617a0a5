//! Metrics of every operation, taken before anything is sampled.

mod exporter;
mod instruments;

use std::fmt;
use std::time::Duration;

use llmobs_core::{Processor, Record, Verdict};
use opentelemetry::global;
use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

use self::exporter::Exporter;
use self::instruments::Instruments;
use crate::mode::{ModeCell, instrumentation_scope};
use crate::otlp::{Semconv, Temporality};
use crate::resource::Resource;
use crate::transport::Endpoint;

/// Turns records into the metrics of the GenAI conventions, and a few of ours.
///
/// It goes before the rules that sample. The metrics are taken with the meter provider given in
/// code; else with the global one while spans are attached to a provider of the user's; else with
/// one of our own, if there is an endpoint for them.
pub struct OtlpMetrics {
    mode: ModeCell,
    semconv: Semconv,
    given: Option<Instruments>,
    global: Option<Instruments>,
    own: Own,
}

/// Set-up of our own export.
#[derive(Debug)]
pub(crate) struct OwnMetrics {
    pub(crate) to: Vec<Endpoint>,
    pub(crate) interval: Duration,
    pub(crate) temporality: Temporality,
    pub(crate) resource: Resource,
}

/// Our own export: its thread is started at the first record it is for.
enum Own {
    None,
    Planned(Box<OwnMetrics>),
    Running(SdkMeterProvider, Box<Instruments>),
}

impl OtlpMetrics {
    pub(crate) fn new(
        mode: ModeCell,
        semconv: Semconv,
        meter: Option<Meter>,
        own: Option<OwnMetrics>,
    ) -> Self {
        let given = meter.map(|meter| Instruments::new(&meter, semconv));
        let own = own.map_or(Own::None, |own| Own::Planned(Box::new(own)));
        Self { mode, semconv, given, global: None, own }
    }

    fn instruments(&mut self, record: &Record) -> Option<&Instruments> {
        if self.given.is_some() {
            return self.given.as_ref();
        }
        if self.mode.is_attached() {
            let semconv = self.semconv;
            return Some(self.global.get_or_insert_with(|| {
                Instruments::new(&global::meter_with_scope(instrumentation_scope()), semconv)
            }));
        }
        if let Own::Planned(_) = &self.own
            && let Own::Planned(plan) = std::mem::replace(&mut self.own, Own::None)
        {
            self.own = plan.start(record, self.semconv);
        }
        match &self.own {
            Own::Running(_, instruments) => Some(instruments),
            Own::None | Own::Planned(_) => None,
        }
    }
}

impl OwnMetrics {
    /// Starts the export for the service that `record` names.
    fn start(self, record: &Record, semconv: Semconv) -> Own {
        let Self { to, interval, temporality, resource } = self;
        let (service, environment) = (record.service.as_deref(), record.environment.as_deref());
        let resource = opentelemetry_sdk::Resource::builder_empty()
            .with_attributes(resource.attributes(service, environment))
            .build();
        let readers = to.into_iter().map(|to| {
            PeriodicReader::builder(Exporter::new(to, temporality)).with_interval(interval).build()
        });
        let provider = SdkMeterProvider::builder().with_resource(resource);
        let provider = readers.fold(provider, |provider, reader| provider.with_reader(reader));
        let provider = provider.build();
        let meter = provider.meter_with_scope(instrumentation_scope());
        let instruments = Instruments::new(&meter, semconv);
        Own::Running(provider, Box::new(instruments))
    }
}

impl Processor for OtlpMetrics {
    fn process(&mut self, record: &mut Record) -> Verdict {
        if let Some(instruments) = self.instruments(record) {
            instruments.record(record);
        }
        Verdict::Keep
    }

    fn flush(&mut self) {
        if let Own::Running(provider, _) = &self.own {
            // The exporter has said what there is to say of a failure.
            let _ = provider.force_flush();
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
