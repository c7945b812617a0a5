//! The tree of one request.

use std::io::Write;

use collector::{Collector, Mode, Service, tree};

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

async fn shown(mode: Mode) -> Option<String> {
    let mut collector = Collector::start()?;
    let endpoint = collector.http();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SERVICE_NAME", "shop")];
    let service = Service::start(SERVICE, mode, &variables);
    let url = format!("{}/ask", service.url());
    let client = reqwest::Client::new();
    let answer = client.post(url).body("Where is my order A-1042?").send().await;
    let answer = answer.expect("the service answers").text().await.expect("to the end");
    assert!(answer.contains("shipped"), "{answer}");
    let said = tokio::task::spawn_blocking(|| service.finish()).await.expect("no panic");
    collector.finish();
    let arrived = collector.receiver().arrived();
    let trees = tree(&arrived.spans);
    let shown = trees.iter().map(ToString::to_string).collect::<String>();
    // Not `println!`: a person may want to see it of a test that passes.
    let _ = write!(std::io::stdout(), "\n{} mode:\n{shown}{said}", mode.name());
    Some(shown)
}

#[tokio::test]
async fn own() {
    shown(Mode::Own).await;
}
#[tokio::test]
async fn beside() {
    shown(Mode::Beside).await;
}
#[tokio::test]
async fn attached() {
    shown(Mode::Attached).await;
}
