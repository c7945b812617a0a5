//! The application's own provider: the SDK's, exporting to the same receiver.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::logs::tonic::group_logs_by_resource_and_scope;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter, SdkLoggerProvider};
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter};
use prost::Message;

use crate::receiver::Receiver;

/// A provider whose spans arrive at `receiver` as they end.
pub(crate) fn provider(receiver: &Receiver, sampler: Sampler) -> SdkTracerProvider {
    SdkTracerProvider::builder()
        .with_sampler(sampler)
        .with_simple_exporter(Post { to: receiver.addr(), resource: Default::default() })
        .build()
}

#[derive(Debug)]
struct Post {
    to: SocketAddr,
    resource: ResourceAttributesWithSchema,
}

impl SpanExporter for Post {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let resource_spans = group_spans_by_resource_and_scope(batch, &self.resource);
        let body = ExportTraceServiceRequest { resource_spans }.encode_to_vec();
        post(self.to, "/v1/traces", &body)
            .map_err(|err| OTelSdkError::InternalFailure(err.to_string()))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

/// By hand: the spans of a simple processor end on any thread, runtimes' included.
fn post(to: SocketAddr, path: &str, body: &[u8]) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(to)?;
    let length = body.len();
    write!(stream, "POST {path} HTTP/1.1\r\nhost: {to}\r\ncontent-length: {length}\r\n")?;
    stream.write_all(b"connection: close\r\n\r\n")?;
    stream.write_all(body)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map(drop)
}

/// A provider of loggers whose log records arrive at `receiver` as they are made.
pub(crate) fn logger_provider(receiver: &Receiver) -> SdkLoggerProvider {
    SdkLoggerProvider::builder().with_simple_exporter(PostLogs(receiver.addr())).build()
}

#[derive(Debug)]
struct PostLogs(SocketAddr);

impl LogExporter for PostLogs {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let resource = ResourceAttributesWithSchema::default();
        let resource_logs = group_logs_by_resource_and_scope(&batch, &resource);
        let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
        post(self.0, "/v1/logs", &body)
            .map_err(|err| OTelSdkError::InternalFailure(err.to_string()))
    }
}

/// A meter provider whose metrics arrive at `receiver` when it is flushed.
pub(crate) fn meter_provider(receiver: &Receiver) -> SdkMeterProvider {
    let reader = PeriodicReader::builder(PostMetrics(receiver.addr()))
        .with_interval(Duration::from_secs(3_600))
        .build();
    SdkMeterProvider::builder().with_reader(reader).build()
}

struct PostMetrics(SocketAddr);

impl PushMetricExporter for PostMetrics {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let body = ExportMetricsServiceRequest::from(metrics).encode_to_vec();
        post(self.0, "/v1/metrics", &body)
            .map_err(|err| OTelSdkError::InternalFailure(err.to_string()))
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
