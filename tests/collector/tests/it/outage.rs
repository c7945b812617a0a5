//! A collector that is not there all the time.

use std::collections::BTreeSet;
use std::time::Duration;

use collector::Collector;
use llmobs::testing::Memory;
use llmobs::{Kind, Llmobs, Losses, SinkLosses};
use llmobs_core::{Backoff, Builder};
use llmobs_otlp::Otlp;

use crate::shop::{Shop, builder, flush};
use crate::way::Way;

/// The account of the sink that the collector is behind.
fn account(llmobs: &Llmobs) -> SinkLosses {
    let Losses { accepted, open, refused_by_rule, recorded, lost, sinks, .. } = llmobs.losses();
    let lost: u64 = lost.values().sum();
    assert_eq!(accepted, open + refused_by_rule + lost + recorded);
    let sink = sinks.into_iter().find(|sink| sink.sink == "otlp").expect("it has a sink");
    assert_eq!(recorded, sink.delivered + sink.waiting + sink.lost.values().sum::<u64>());
    sink
}

/// A recorder that offers spans so often, so fast.
fn with(way: Way, collector: &Collector, backoff: Backoff, memory: &Memory) -> Llmobs {
    let variables = way.variables(collector);
    let otlp = Otlp::from_lookup(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    });
    let builder = Builder::new().decoder(llmobs_openai::OpenAi::new()).process_wide(false);
    let builder = otlp.expect("it is understood").install(builder.backoff(backoff));
    builder.sink(memory.clone()).start().expect("it starts")
}

/// Ids of all spans that were recorded.
fn recorded(memory: &Memory) -> BTreeSet<Vec<u8>> {
    let records = memory.records().into_iter().filter(|it| it.kind != Kind::Meta);
    records.map(|it| it.span_id.expect("a span").to_bytes().to_vec()).collect()
}

/// Ids of all spans that came out of the collector.
fn arrived(collector: &Collector) -> BTreeSet<Vec<u8>> {
    let spans = collector.receiver().arrived().spans.into_iter();
    spans.map(|it| it.span.span_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_comes_later_gets_everything() {
    for way in Way::ALL {
        let Some(mut collector) = Collector::down() else { return };
        let memory = Memory::default();
        let patient = Backoff::new().offers(1_000).longest_pause(Duration::from_millis(200));
        let llmobs = with(way, &collector, patient, &memory);
        let shop = Shop::open().await;
        for _ in 0..20 {
            shop.ask(llmobs.recorder()).await;
        }
        assert_eq!(account(&llmobs).delivered, 0);
        collector.up();
        flush(&llmobs);
        assert_eq!(account(&llmobs).lost.len(), 0);
        collector.finish();
        assert_eq!(arrived(&collector).len(), 20);
        assert_eq!(arrived(&collector), recorded(&memory));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_misses_is_counted_and_what_follows_arrives() {
    for way in Way::ALL {
        let Some(mut collector) = Collector::down() else { return };
        let memory = Memory::default();
        let hasty = Backoff::new().first_pause(Duration::from_millis(1)).give_up(true);
        let llmobs = with(way, &collector, hasty, &memory);
        let shop = Shop::open().await;
        for _ in 0..5 {
            shop.ask(llmobs.recorder()).await;
        }
        tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(60)))
            .expect_err("nobody was there");
        let missed = recorded(&memory);
        let lost: u64 = account(&llmobs).lost.values().sum();
        assert!(lost >= 5 && missed.len() == 5, "{:?}", account(&llmobs));

        collector.up();
        for _ in 0..5 {
            shop.ask(llmobs.recorder()).await;
        }
        flush(&llmobs);
        assert_eq!(account(&llmobs).lost.values().sum::<u64>(), lost, "no more");
        collector.finish();
        assert_eq!(arrived(&collector), recorded(&memory).difference(&missed).cloned().collect());
    }
}

/// With the defaults, as an update of the collector goes: down, up, down, up, while calls go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_loses_nothing_that_is_not_counted() {
    for way in Way::ALL {
        let Some(mut collector) = Collector::start() else { return };
        let memory = Memory::default();
        let variables = way.variables(&collector);
        let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, &**value)).collect();
        let llmobs = builder(&variables).sink(memory.clone()).start().expect("it starts");
        let shop = Shop::open().await;
        for _ in 0..3 {
            for _ in 0..10 {
                shop.ask(llmobs.recorder()).await;
            }
            tokio::task::block_in_place(|| collector.finish());
            for _ in 0..10 {
                shop.ask(llmobs.recorder()).await;
            }
            tokio::task::block_in_place(|| collector.up());
        }
        // It says so when something was lost.
        let _ = tokio::task::block_in_place(|| llmobs.flush(Duration::from_secs(60)));
        let account = account(&llmobs);
        collector.finish();

        let (recorded, arrived) = (recorded(&memory), arrived(&collector));
        assert_eq!(recorded.len(), 60);
        assert!(arrived.is_subset(&recorded), "spans that nobody made");
        // Not that nothing is lost: whether a restart is over before the back-off is, is the machine's.
        let missing = recorded.difference(&arrived).count() as u64;
        let lost: u64 = account.lost.values().sum();
        assert!(missing <= lost, "{missing} are missing, {lost} were counted: {account:?}");
        assert_eq!(account.waiting, 0, "all that is left was delivered");
    }
}
