//! Metrics the same way as spans.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use prost::Message;

use crate::otlp::Temporality;
use crate::quiet::say;
use crate::transport::{Endpoint, Experience, ExportError, Load, Queue, Settled, Transport};

/// Times one export is tried where what is not delivered is gone.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Longest pause an endpoint can ask for: a flush waits for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Exporter {
    name: String,
    link: Mutex<(Transport, Experience)>,
    temporality: Temporality,
    /// The last export failed, and has been complained about.
    failing: AtomicBool,
    /// What the endpoint had to say of what it took has been passed on.
    noticed: AtomicBool,
    /// Nothing is sent any more.
    closed: Arc<AtomicBool>,
}

impl Exporter {
    pub(super) fn new(to: Endpoint, temporality: Temporality, closed: Arc<AtomicBool>) -> Self {
        let name = to.name("otlp_metrics");
        let link = Mutex::new((Transport::new(to), Experience::default()));
        let (failing, noticed) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { name, link, temporality, failing, noticed, closed }
    }

    fn send(&self, body: &[u8]) -> Result<Settled, ExportError> {
        // Cumulative points are all in the next export again.
        let tries = match self.temporality {
            Temporality::Cumulative => 1,
            Temporality::Delta | Temporality::LowMemory => TRIES,
        };
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let (transport, experience) = &mut *link;
        let mut queue = Queue::new(Load::of_request(body), experience);
        let mut pause = FIRST_PAUSE;
        for _ in 1..tries {
            match queue.send(transport, experience, "points") {
                Err(err) if err.retryable => {
                    thread::sleep(err.retry_after.unwrap_or(pause).clamp(pause, LONGEST_PAUSE));
                    pause = pause.saturating_mul(2);
                }
                other => return other,
            }
        }
        queue.send(transport, experience, "points")
    }

    /// Says what went wrong, once until it goes well again.
    fn complain(&self, message: &str) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            say(|| {
                tracing::warn!(
                    target: "llmobs",
                    endpoint = self.name,
                    error = message,
                    "metrics were not delivered"
                );
            });
        }
    }
}

impl PushMetricExporter for Exporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.closed.load(Ordering::Relaxed) {
            return Ok(());
        }
        let body = ExportMetricsServiceRequest::from(metrics).encode_to_vec();
        match self.send(&body) {
            Ok(Settled { message: Some(message), taken, .. }) => {
                self.complain(&message);
                if taken { Ok(()) } else { Err(OTelSdkError::InternalFailure(message)) }
            }
            Ok(Settled { notice, .. }) => {
                self.failing.store(false, Ordering::Relaxed);
                if let Some(said) = notice
                    && !self.noticed.swap(true, Ordering::Relaxed)
                {
                    say(|| {
                        tracing::warn!(
                            target: "llmobs",
                            endpoint = self.name,
                            said,
                            "the endpoint has taken everything, and has something to say"
                        );
                    });
                }
                Ok(())
            }
            Err(err) => {
                self.complain(&err.message);
                Err(OTelSdkError::InternalFailure(err.message))
            }
        }
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
