//! The ways to a collector.

use collector::Collector;

/// How the collector is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Http,
    Gzip,
    Grpc,
}

impl Way {
    pub(crate) const ALL: [Self; 3] = [Self::Http, Self::Gzip, Self::Grpc];

    /// What the environment says for it.
    pub(crate) fn variables(self, collector: &Collector) -> Vec<(&'static str, String)> {
        let endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
        match self {
            Self::Http => vec![(endpoint, collector.http())],
            Self::Gzip => vec![
                (endpoint, collector.http()),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip".to_owned()),
            ],
            Self::Grpc => vec![
                (endpoint, collector.grpc()),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc".to_owned()),
            ],
        }
    }
}
