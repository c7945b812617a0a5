//! Prometheus as it reads our metrics.

use std::net::SocketAddr;
use std::time::Duration;

use collector::{Prometheus, Sample};
use llmobs::Record;

use crate::shop::{Shop, builder};

/// An address that is free now.
fn free() -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address")
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_scrapes_what_was_measured() {
    let at = free();
    let Some(prometheus) = Prometheus::scraping(at) else { return };
    let port = at.port().to_string();
    let variables = [
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", &port),
        ("OTEL_SERVICE_NAME", "shop"),
    ];
    let llmobs = builder(&variables).no_file().start().expect("it starts");
    Shop::open().await.serve(llmobs.recorder()).await;
    tokio::task::block_in_place(|| {
        llmobs.flush(Duration::from_secs(60)).expect("nothing is to be delivered");
        let count = "sum(gen_ai_client_inference_duration_seconds_count)";
        let counted = |samples: &[Sample]| samples.first().is_some_and(|it| it.value == 3.0);
        prometheus.once(count, counted);
        assert_eq!(prometheus.scrape_error(), "");
        assert_eq!(prometheus.query("up")[0].value, 1.0);

        const BUCKETS: &str = "gen_ai_client_inference_duration_seconds_bucket";
        let buckets = prometheus.query(&format!("{BUCKETS}{{gen_ai_operation_name=\"chat\"}}"));
        assert!(buckets.iter().any(|it| it.labels["le"] == "0.01"), "{buckets:#?}");
        assert!(buckets.iter().any(|it| it.labels["le"] == "+Inf"), "{buckets:#?}");
        let p95 = format!("histogram_quantile(0.95, sum by (le) ({BUCKETS}))");
        assert!(prometheus.query(&p95)[0].value > 0.0);
        let service = prometheus.query("target_info");
        assert_eq!(service[0].labels["service_name"], "shop", "{service:#?}");
        let metadata = prometheus.metadata();
        assert_eq!(metadata["gen_ai_client_inference_duration_seconds"]["type"], "histogram");
        // One label that is written wrongly costs the whole scrape.
        let odd = "a\"b\\c\nd{}=Grüße";
        llmobs.record(Record {
            operation: Some("chat".into()),
            model: Some(odd.into()),
            total_latency_ms: Some(3.0),
            ..Record::default()
        });
        const CALLS: &str = "gen_ai_client_inference_duration_seconds_count";
        prometheus
            .once(CALLS, |all| all.iter().any(|it| it.labels.values().any(|label| label == odd)));
        assert_eq!(prometheus.scrape_error(), "");
    });
}
