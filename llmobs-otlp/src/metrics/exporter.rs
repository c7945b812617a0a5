//! From a reader of the SDK's to the thread that sends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use llmobs_core::Outlet;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message;

use super::sink::keep;
use crate::otlp::Temporality;

/// Hands over what a reader has collected, so that no reader waits for an endpoint.
#[derive(Debug)]
pub(super) struct Exporter {
    outlet: Arc<Outlet>,
    temporality: Temporality,
    state: Arc<State>,
}

/// What all exporters are told.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Flushes under way: what is collected is to go out.
    pub(super) flushing: AtomicUsize,
    /// Nothing is sent any more.
    pub(super) closed: AtomicBool,
}

impl Exporter {
    pub(super) fn new(outlet: Arc<Outlet>, temporality: Temporality, state: Arc<State>) -> Self {
        Self { outlet, temporality, state }
    }

    /// Whether all of an export is in the next one, too, so that it need not wait beside another: in
    /// memory, where a crash takes both.
    fn can_be_left_out(&self) -> bool {
        self.temporality == Temporality::Cumulative
            && !self.outlet.spools()
            && self.state.flushing.load(Ordering::Acquire) == 0
            && self.outlet.account().waiting > 0
    }
}

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if !self.state.closed.load(Ordering::Acquire) && !self.can_be_left_out() {
            let request = ExportMetricsServiceRequest::from(metrics).encode_to_vec();
            self.outlet.push(keep(&request));
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> opentelemetry_sdk::metrics::Temporality {
        use opentelemetry_sdk::metrics::Temporality as Sdk;
        match self.temporality {
            Temporality::Cumulative => Sdk::Cumulative,
            Temporality::Delta => Sdk::Delta,
            Temporality::LowMemory => Sdk::LowMemory,
        }
    }
}
