//! What the application's own subscriber gets to see.

use std::fmt::Debug;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use llmobs_core::{Backoff, Batch, Sink, SinkError};
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::{Backend, LONG, builder, step};

/// Tells of every event that has a field `sink`.
struct Events(Sender<Vec<String>>);

#[derive(Default)]
struct Fields(Vec<String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push(format!("{}={value:?}", field.name()));
    }
}

impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Events {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.0.iter().any(|field| field == "sink=wordy") {
            let _ = self.0.send(fields.0);
        }
    }
}

/// A sink that refuses everything, and whose transport traces.
#[derive(Debug)]
struct Wordy;

impl Sink for Wordy {
    fn deliver(&mut self, _: &Batch<'_>) -> Result<(), SinkError> {
        tracing::warn!(sink = %"wordy", "what an exporter says is not observed in turn");
        Err(SinkError::permanent("nobody is there"))
    }

    fn name(&self) -> &str {
        "wordy"
    }
}

#[test]
fn losses_are_warned_of_at_doubling_numbers_and_sinks_are_not_traced() {
    let (events, seen) = channel();
    // Sinks have threads of their own, so only the process-wide subscriber can hear of them.
    let subscriber = tracing_subscriber::registry().with(Events(events));
    tracing::subscriber::set_global_default(subscriber).expect("no other test sets one");
    let llmobs = builder().sink(Wordy).start().expect("threads");
    for n in 0..5 {
        step(&llmobs, n.to_string());
        llmobs.flush(LONG).expect_err("the sink refuses it");
    }
    let seen: Vec<Vec<String>> = seen.try_iter().collect();
    let batches = |fields: &Vec<String>| {
        assert!(fields.contains(&"message=records were lost".to_owned()), "{fields:?}");
        assert!(fields.contains(&"error=nobody is there".to_owned()), "{fields:?}");
        fields.iter().find(|field| field.starts_with("batches=")).cloned()
    };
    let batches: Vec<_> = seen.iter().filter_map(batches).collect();
    assert_eq!(batches, ["batches=1", "batches=2", "batches=4"]);
}

#[test]
fn a_drop_that_loses_something_says_so_where_it_happens() {
    /// Keeps what is said in its scope.
    struct Said(Sender<String>);
    impl<S: tracing::Subscriber> tracing_subscriber::Layer<S> for Said {
        fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
            let mut fields = Fields::default();
            event.record(&mut fields);
            let _ = self.0.send(fields.0.join(" "));
        }
    }
    let dropped = |away: bool, spool: bool| {
        let directory = tempfile::tempdir().expect("a directory");
        let backend = if away { Backend::away() } else { Backend::default() };
        let builder = builder().backoff(Backoff::new().offers(1)).sink(backend);
        let builder = if spool { builder.spool(directory.path()) } else { builder };
        let timeout = if away && !spool { Duration::ZERO } else { LONG };
        let llmobs = builder.shutdown_timeout(timeout).start().expect("threads");
        step(&llmobs, "a");
        let _ = llmobs.flush(LONG);
        let (said, heard) = channel();
        let subscriber = tracing_subscriber::registry().with(Said(said));
        tracing::subscriber::with_default(subscriber, || drop(llmobs));
        heard.try_iter().collect::<Vec<_>>()
    };
    assert_eq!(dropped(false, false), [""; 0]);
    // What is on disk is safe.
    assert_eq!(dropped(true, true), [""; 0]);
    let said = dropped(true, false);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("not everything was delivered in time: 1 record is left"), "{said:?}");
}
