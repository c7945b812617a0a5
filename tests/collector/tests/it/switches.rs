//! What is tested as soon as it is built.

/// Log records of the conventions' events: `/v1/logs`.
pub(crate) const EVENTS: bool = true;
/// `OTEL_EXPORTER_OTLP_COMPRESSION=gzip`.
pub(crate) const GZIP: bool = true;
/// `OTEL_EXPORTER_OTLP_PROTOCOL=grpc`.
pub(crate) const GRPC: bool = true;
/// `OTEL_METRICS_EXPORTER=prometheus`; without it, the test serves a page of its own.
pub(crate) const PROMETHEUS: bool = true;
