//! The tree of a request to an axum service, of a process of its own.
//!
//! `cargo test -p collector axum` shows it.

use std::collections::BTreeSet;
use std::io::Write;

use collector::{Arrived, Collector, Mode, Service, tree};
use futures_util::future::join_all;

const SERVICE: &str = env!("CARGO_BIN_EXE_service");

/// Requests that are under way at the same time.
const REQUESTS: usize = 8;

/// What comes out of the collector after so many requests at once, and the service's last words;
/// `None` where there is no collector.
async fn asked(mode: Mode, requests: usize) -> Option<(Arrived, String)> {
    let mut collector = Collector::start()?;
    let endpoint = collector.http();
    let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", &*endpoint), ("OTEL_SERVICE_NAME", "shop")];
    let service = Service::start(SERVICE, mode, &variables);
    let url = format!("{}/ask", service.url());
    let client = reqwest::Client::new();
    let ask = || async {
        let answer = client.post(&url).body("Where is my order A-1042?").send().await;
        answer.expect("the service answers").text().await.expect("to its end")
    };
    let answers = join_all((0..requests).map(|_| ask())).await;
    let whole = |it: &String| it.contains("data: ") && it.contains("shipped");
    assert!(answers.iter().all(whole), "{answers:?}");
    let losses = tokio::task::spawn_blocking(|| service.finish()).await.expect("no panic");
    collector.finish();
    Some((collector.receiver().arrived(), losses))
}

/// Asks so many things at once that nothing is in place by chance, and expects this tree of each.
async fn expect_tree(mode: Mode, expected: &str) {
    let Some((arrived, losses)) = asked(mode, REQUESTS).await else { return };
    let trees: Vec<_> = tree(&arrived.spans).iter().map(ToString::to_string).collect();
    let first = trees.first().map(String::as_str).unwrap_or_default();
    // Not `println!`: a person may want to see it of a test that passes.
    let _ = write!(std::io::stdout(), "\nOne request, {} mode:\n\n{first}\n", mode.name());
    assert_eq!(trees.len(), REQUESTS, "{losses}");
    for tree in &trees {
        assert_eq!(tree.trim_end(), expected.trim(), "{losses}");
    }
}

/// Spans of the service and ours, whoever exports ours.
const ONE_TREE: &str = "
POST /ask [server, shop]
└ invoke_agent support [internal, llmobs]
  ├ retrieval [client, llmobs]
  │ └ search [internal, shop]
  │   ├ embeddings text-embedding-3-small [client, llmobs]
  │   └ SELECT documents [client, shop]
  ├ chat gpt-4o-mini [client, llmobs]
  ├ execute_tool order_status [internal, llmobs]
  │ └ SELECT orders [client, shop]
  └ chat gpt-4o-mini [client, llmobs]";

#[tokio::test]
async fn attached_the_services_spans_and_ours_are_one_tree() {
    expect_tree(Mode::Attached, ONE_TREE).await;
}

/// llmobs exports its spans by itself; that those of the service reach the same collector by their
/// own way changes nothing.
#[tokio::test]
async fn beside_a_provider_that_is_not_global_the_tree_is_the_same() {
    expect_tree(Mode::Beside, ONE_TREE).await;
}

/// Without OpenTelemetry, `tracing` spans are there where something of ours hangs below: nobody's
/// parent is missing, and the queries, which are no calls to a model, leave no trace.
#[tokio::test]
async fn alone_the_spans_above_ours_are_there() {
    expect_tree(
        Mode::Own,
        "
POST /ask [internal, llmobs]
└ invoke_agent support [internal, llmobs]
  ├ retrieval [client, llmobs]
  │ └ search [internal, llmobs]
  │   └ embeddings text-embedding-3-small [client, llmobs]
  ├ chat gpt-4o-mini [client, llmobs]
  ├ execute_tool order_status [internal, llmobs]
  └ chat gpt-4o-mini [client, llmobs]",
    )
    .await;
}

/// Name, kind and what the conventions have to say of each of our spans, but for values that differ
/// from run to run.
fn told(arrived: &Arrived) -> BTreeSet<(String, i32, Vec<String>)> {
    let ours = arrived.spans.iter().filter(|it| it.scope.name == "llmobs");
    let told = ours.map(|it| {
        let keys = it.span.attributes.iter().map(|attribute| attribute.key.clone());
        let mut keys: Vec<_> = keys.filter(|key| key.starts_with("gen_ai.")).collect();
        keys.sort_unstable();
        (it.span.name.clone(), it.span.kind, keys)
    });
    told.filter(|(_, _, keys)| !keys.is_empty()).collect()
}

#[tokio::test]
async fn a_span_tells_the_same_whoever_exports_it() {
    let Some((attached, _)) = asked(Mode::Attached, 1).await else { return };
    let Some((alone, _)) = asked(Mode::Own, 1).await else { return };
    assert_eq!(told(&alone).len(), 6, "three steps, embeddings, two chats: {:#?}", told(&alone));
    assert_eq!(told(&attached), told(&alone));
}
